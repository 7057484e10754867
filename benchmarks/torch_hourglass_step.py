"""The stacked hourglass with a depth head in plain PyTorch, as one would write it from the paper.

`benchmarks.wild3d_step` starts this file with the Python of `--torch_python` and talks to it in lines of
JSON. It imports nothing of this project, so that its environment needs PyTorch and NumPy alone.
"""

import contextlib
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

NUM_JOINTS = 16


class Residual(nn.Module):
    """Pre-activation bottleneck; biases everywhere."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        half = outputs // 2
        self.bn = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, half, 1)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, outputs, 1)
        self.conv4 = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(self.relu(self.bn(x)))
        y = self.conv2(self.relu(self.bn1(y)))
        y = self.conv3(self.relu(self.bn2(y)))
        return y + self.conv4(x)


def row(count: int, width: int) -> nn.Sequential:
    """Residuals in a row."""
    return nn.Sequential(*(Residual(width, width) for _ in range(count)))


class Hourglass(nn.Module):
    """One size of an hourglass, the smaller ones inside."""

    def __init__(self, size: int, num_modules: int, width: int) -> None:
        super().__init__()
        self.up1_ = row(num_modules, width)
        self.low1_ = row(num_modules, width)
        if size > 1:
            self.low2 = Hourglass(size - 1, num_modules, width)
        else:
            self.low2_ = row(num_modules, width)
        self.low3_ = row(num_modules, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.low1_(F.max_pool2d(x, 2))
        low = self.low2(low) if hasattr(self, "low2") else self.low2_(low)
        low = self.low3_(low)
        return self.up1_(x) + F.interpolate(low, scale_factor=2, mode="nearest")


class Network(nn.Module):
    """Stem, stacks of hourglasses, depth head; modules are named as in the official state dict."""

    def __init__(
        self, num_stacks: int, num_modules: int, width: int, num_depth_modules: int, image_size: int
    ) -> None:
        super().__init__()
        self.num_modules, self.num_depth_modules = num_modules, num_depth_modules
        self.conv1_ = nn.Conv2d(3, 64, 7, 2, 3)
        self.bn1 = nn.BatchNorm2d(64)
        self.r1, self.r4, self.r5 = Residual(64, 128), Residual(128, 128), Residual(128, width)
        stacks = range(num_stacks)
        self.hourglass = nn.ModuleList(Hourglass(4, num_modules, width) for _ in stacks)
        self.Residual = row(num_stacks * num_modules, width)
        self.lin_ = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
            for _ in stacks
        )
        self.tmpOut = nn.ModuleList(nn.Conv2d(width, NUM_JOINTS, 1) for _ in stacks)
        self.ll_ = nn.ModuleList(nn.Conv2d(width, width, 1) for _ in stacks)
        self.tmpOut_ = nn.ModuleList(nn.Conv2d(NUM_JOINTS, width, 1) for _ in stacks)
        self.reg_ = row(4 * num_depth_modules, width)
        self.reg = nn.Linear((image_size // 64) ** 2 * width, NUM_JOINTS)

    def forward(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        x = F.relu(self.bn1(self.conv1_(x)), inplace=True)
        x = self.r5(self.r4(F.max_pool2d(self.r1(x), 2)))
        heatmaps = []
        for stack, hourglass in enumerate(self.hourglass):
            first = stack * self.num_modules
            features = self.Residual[first : first + self.num_modules](hourglass(x))
            features = self.lin_[stack](features)
            heatmaps.append(self.tmpOut[stack](features))
            x = x + self.ll_[stack](features) + self.tmpOut_[stack](heatmaps[-1])
        for size in range(4):
            first = size * self.num_depth_modules
            x = F.max_pool2d(self.reg_[first : first + self.num_depth_modules](x), 2)
        # Flattened in the default layout's order, whatever the layout is.
        return heatmaps, self.reg(x.contiguous().flatten(1))


class Step:
    """Network, RMSprop, and one training step."""

    def __init__(
        self,
        model: dict,
        learning_rate: float,
        depth_weight: float,
        channels_last: bool,
        bfloat16: bool,
    ) -> None:
        self.model = Network(**model)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.model.to(memory_format=self.layout)
        self.depth_weight, self.bfloat16 = depth_weight, bfloat16
        # The form that updates all parameters together is PyTorch's fastest.
        self.optimizer = torch.optim.RMSprop(
            self.model.parameters(), learning_rate, alpha=0.99, eps=1e-8, foreach=True
        )

    def _precision(self) -> contextlib.AbstractContextManager:
        return torch.autocast("cpu", torch.bfloat16) if self.bfloat16 else contextlib.nullcontext()

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Train on one batch."""
        self.model.train()
        with self._precision():
            heatmaps, depth = self.model(batch["image"])
        target = draw_heatmaps(batch["points"], batch["visible"], heatmaps[0].shape[-1])
        loss = sum(F.mse_loss(maps.float(), target) for maps in heatmaps)
        error = (depth.float() - batch["depth"]).square().mean(1)
        loss = loss + self.depth_weight * (error * batch["has_depth"]).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    @torch.inference_mode()
    def infer(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Heat maps and depth of one batch; returns the depth."""
        self.model.eval()
        with self._precision():
            return self.model(batch["image"])[1]


def draw_heatmaps(points: torch.Tensor, visible: torch.Tensor, size: int) -> torch.Tensor:
    """Gaussians of peak 1 on 7x7 pixels, [B, 16, size, size], of points in px of the maps."""
    distance = torch.arange(size) - points.floor()[..., None]
    profile = torch.exp(-distance.square() / (2 * 1.75**2)) * (distance.abs() <= 3)
    profile = profile * visible[..., None, None]
    return profile[:, :, 1, :, None] * profile[:, :, 0, None, :]


class Server:
    """Answers the commands of `benchmarks.torch_process`."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}

    def build(self, name: str, **arguments) -> dict:
        """Make a network and its optimizer under a name."""
        self.steps[name] = Step(**arguments)
        return {}

    def batch(self, name: str, path: str) -> dict[str, torch.Tensor]:
        """Read a batch; pictures [B, S, S, 3]."""
        with np.load(path) as file:
            arrays = {key: torch.from_numpy(file[key]) for key in file}
        pictures = arrays["image"].permute(0, 3, 1, 2)
        return arrays | {"image": pictures.contiguous(memory_format=self.steps[name].layout)}

    def check(self, name: str, weights: str, path: str) -> dict:
        """Train one step on given weights; loss, and norms of gradient and update by parameter."""
        step = self.steps[name]
        with np.load(weights) as file:
            state = {key: torch.from_numpy(file[key]) for key in file}
        missing, unexpected = step.model.load_state_dict(state, strict=False)
        if unexpected or not all(key.endswith("num_batches_tracked") for key in missing):
            raise ValueError(f"The weights do not fit: missing {missing}, left {unexpected}.")
        before = {key: value.detach().clone() for key, value in step.model.named_parameters()}
        told: dict = {"loss": float(step(self.batch(name, path))), "gradient": {}, "update": {}}
        for key, parameter in step.model.named_parameters():
            told["gradient"][key] = float(parameter.grad.norm())
            told["update"][key] = float((parameter.detach() - before[key]).norm())
        return told

    def time(self, name: str, path: str, num_steps: int, is_training: bool = True) -> dict:
        """Train or infer for some steps by the clock."""
        batch, step = self.batch(name, path), self.steps[name]
        call = step if is_training else step.infer
        start = time.perf_counter()
        for _ in range(num_steps):
            float(call(batch).sum())
        return {"seconds": time.perf_counter() - start}

    def forget(self) -> dict:
        """Let go of all networks."""
        self.steps.clear()
        return {}


def main() -> None:
    """Answer commands, one JSON object a line, until the input ends."""
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(0)
    server = Server()
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    for line in sys.stdin:
        arguments = json.loads(line)
        answer = getattr(server, arguments.pop("command"))(**arguments)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
