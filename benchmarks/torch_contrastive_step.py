"""The contrastive step of PeCLR in plain PyTorch, as one would write it from the paper: the yardstick.

`benchmarks.peclr_step` starts this file with the Python of `--torch_python` and talks to it in lines of
JSON. It imports nothing of this project, so that its environment needs PyTorch and NumPy alone.
"""

import contextlib
import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TORCH_NAMES = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


class Bottleneck(nn.Module):
    """Three convolutions and a shortcut; the stride is in the middle one."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = nn.Identity()
        if stride > 1 or inputs != 4 * width:
            conv = nn.Conv2d(inputs, 4 * width, 1, stride, bias=False)
            self.downsample = nn.Sequential(conv, nn.BatchNorm2d(4 * width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        y += self.downsample(x)
        return self.relu(y)


class ContrastiveModel(nn.Module):
    """ResNet of bottlenecks, and the projection head."""

    def __init__(self, blocks: list[int], projection_width: int, num_points: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = 64
        for stage, count in enumerate(blocks):
            width, layers = 64 * 2**stage, []
            for index in range(count):
                layers.append(Bottleneck(inputs, width, 2 if stage and not index else 1))
                inputs = 4 * width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.projection_head = nn.Sequential(
            nn.Linear(inputs, projection_width),
            nn.BatchNorm1d(projection_width),
            nn.ReLU(),
            nn.Linear(projection_width, 2 * num_points, bias=False),
        )
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, views: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1((views - self.mean) / self.std))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.projection_head(x.mean(dim=(2, 3)))

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over all weights, `<layer>.<weight>` in Keras' names and order."""
        state = self.state_dict()
        with torch.no_grad():
            for name, target in state.items():
                module, parameter = name.rsplit(".", 1)
                if parameter == "num_batches_tracked":
                    continue
                (value,) = [
                    arrays[f"{module.replace('.', '_')}.{keras_name}"]
                    for keras_name, torch_name in [*TORCH_NAMES.items(), ("bias", "bias")]
                    if torch_name == parameter
                    and f"{module.replace('.', '_')}.{keras_name}" in arrays
                ]
                value = value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T
                target.copy_(torch.from_numpy(np.ascontiguousarray(value)))


class Step:
    """Network, LARS around Adam, and one training step."""

    def __init__(
        self,
        model: dict,
        learning_rate: float,
        weight_decay: float,
        temperature: float,
        channels_last: bool,
        bfloat16: bool,
    ) -> None:
        self.model = ContrastiveModel(**model)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.model.to(memory_format=self.layout)
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.temperature, self.bfloat16 = temperature, bfloat16
        # The fused form is PyTorch's fastest on a CPU.
        self.adam = torch.optim.Adam(self.model.parameters(), learning_rate, fused=True)

    def __call__(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Train on one batch: views [R, 3, S, S], views 2 i and 2 i + 1 of one picture."""
        narrow = contextlib.nullcontext()
        if self.bfloat16:
            narrow = torch.autocast("cpu", torch.bfloat16)
        with narrow:
            raw = self.model(batch["views"])
        loss = nt_xent(undo_views(raw.float(), batch), self.temperature)
        self.adam.zero_grad()
        loss.backward()
        self.scale_gradients()
        self.adam.step()
        return loss.detach()

    @torch.no_grad()
    def scale_gradients(self) -> None:
        """LARS with clipping; vectors do not decay."""
        for parameter in self.model.parameters():
            decay = self.weight_decay if parameter.ndim > 1 else 0.0
            norm, gradient_norm = parameter.norm(), parameter.grad.norm()
            ratio = 0.02 * norm / (gradient_norm + decay * norm + 1e-8) / self.learning_rate
            is_scaled = (norm > 0) & (gradient_norm > 0)
            if decay:
                parameter.grad.add_(parameter, alpha=decay)
            parameter.grad.mul_(torch.where(is_scaled, ratio.clamp(max=1.0), 1.0))


def undo_views(raw: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the published inverse: shift by the extent, rotation about the mean, both held constant."""
    points = F.normalize(raw, dim=1).view(len(raw), -1, 2)
    extent = (points.amax(1) - points.amin(1)).detach()
    points = points - (batch["jitter"] * extent)[:, None]
    center = points.mean(1, keepdim=True).detach()
    angle = -batch["angle_deg"] * (math.pi / 180)
    cos, sin = angle.cos(), angle.sin()
    # Row vectors, positive counter-clockwise on the screen.
    turn = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
    points = (points - center) @ turn + center
    return F.normalize(points.flatten(1), dim=1)


def nt_xent(rows: torch.Tensor, temperature: float) -> torch.Tensor:
    """Cross entropy of finding the other view among all other rows."""
    logits = (rows @ rows.T / temperature).fill_diagonal_(-math.inf)
    return F.cross_entropy(logits, torch.arange(len(rows)) ^ 1)


class Server:
    """Answers the commands of `benchmarks.torch_process`."""

    def __init__(self) -> None:
        self.steps: dict[str, Step] = {}

    def build(self, name: str, **arguments) -> dict:
        """Make a network and its optimizer under a name."""
        self.steps[name] = Step(**arguments)
        return {}

    def batch(self, name: str, path: str) -> dict[str, torch.Tensor]:
        """Read views [B, 2, S, S, 3] and their parameters as rows."""
        with np.load(path) as file:
            rows = {key: torch.from_numpy(file[key]).flatten(0, 1) for key in file}
        views = rows["views"].permute(0, 3, 1, 2)
        return rows | {"views": views.contiguous(memory_format=self.steps[name].layout)}

    def check(self, name: str, weights: str, path: str) -> dict:
        """Train one step on given weights; loss, and norms of momentum and update by kernel."""
        step = self.steps[name]
        with np.load(weights) as file:
            step.model.load(dict(file))
        before = {key: value.clone() for key, value in step.model.named_parameters()}
        told: dict = {"loss": float(step(self.batch(name, path))), "momentum": {}, "update": {}}
        for key, parameter in step.model.named_parameters():
            if parameter.ndim > 1:
                layer = key.removesuffix(".weight").replace(".", "_")
                momentum = step.adam.state[parameter]["exp_avg"]
                told["momentum"][layer] = float(momentum.norm())
                told["update"][layer] = float((parameter - before[key]).detach().norm())
        return told

    def time(self, name: str, path: str, num_steps: int) -> dict:
        """Train for some steps by the clock."""
        batch = self.batch(name, path)
        start = time.perf_counter()
        for _ in range(num_steps):
            float(self.steps[name](batch))
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
