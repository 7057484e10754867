"""The step of TIPS in plain PyTorch, as one would write it from the paper: the yardstick.

`benchmarks.tips_step` starts this file with the Python of `--torch_python` and talks to it in lines of
JSON. It imports nothing of this project, so that its environment needs PyTorch and NumPy alone.
"""

import json
import math
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

PARTS = {"legs": slice(0, 6), "torso": slice(6, 16)}
NUM_JOINTS = 16
# Left and right exchanged: legs, trunk, arms of Human3.6M-17 without its pelvis.
MIRRORED = [3, 4, 5, 0, 1, 2, 6, 7, 8, 9, 13, 14, 15, 10, 11, 12]
LABEL_EXCHANGE = 10 / 99


def dense_unit(num_inputs: int, width: int, norm: bool) -> nn.Sequential:
    """Dense layer, normalisation and ReLU."""
    layers: list[nn.Module] = [nn.Linear(num_inputs, width)]
    if norm:
        layers.append(nn.BatchNorm1d(width, eps=1e-3))
    return nn.Sequential(*layers, nn.ReLU())


class PoseNetwork(nn.Module):
    """Dense unit, residual blocks of two units each, linear head."""

    def __init__(
        self, num_inputs: int, num_outputs: int, width: int, num_blocks: int, norm: bool
    ) -> None:
        super().__init__()
        self.stem = dense_unit(num_inputs, width, norm)
        self.blocks = nn.ModuleList(
            nn.Sequential(dense_unit(width, width, norm), dense_unit(width, width, norm))
            for _ in range(num_blocks)
        )
        self.head = nn.Linear(width, num_outputs)

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        hidden = self.stem(points.flatten(1))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.head(hidden)

    def load(self, arrays: dict[str, np.ndarray], name: str) -> None:
        """Take over the weights `<name>/<layer>/<kernel|bias|scale|shift>`, kernels (in, out)."""
        units = [self.stem, *(unit for block in self.blocks for unit in block)]
        with torch.no_grad():
            for number, layers in enumerate([*units, [self.head]]):
                prefix = f"{name}/{number}"
                layers[0].weight.copy_(torch.from_numpy(arrays[f"{prefix}/kernel"].T))
                layers[0].bias.copy_(torch.from_numpy(arrays[f"{prefix}/bias"]))
                if f"{prefix}/scale" in arrays:
                    layers[1].weight.copy_(torch.from_numpy(arrays[f"{prefix}/scale"]))
                    layers[1].bias.copy_(torch.from_numpy(arrays[f"{prefix}/shift"]))


class Step:
    """Networks, optimizers and one training step, orthographic, least squares, author's weights."""

    def __init__(self, width: int, num_blocks: int, learning_rate: float) -> None:
        self.generators = {
            name: PoseNetwork(
                2 * (part.stop - part.start), part.stop - part.start, width, num_blocks, norm=True
            )
            for name, part in PARTS.items()
        }
        self.discriminator = PoseNetwork(2 * NUM_JOINTS, 1, width, num_blocks, norm=False)
        for network in self.networks().values():
            network.eval()  # Inert batch normalisation: a learnt scale and shift, as the author ran it.
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), learning_rate, eps=1e-7)
            for name, network in self.networks().items()
        }

    def networks(self) -> dict[str, PoseNetwork]:
        """All networks by name."""
        return {**self.generators, "discriminator": self.discriminator}

    def lift(self, points: torch.Tensor) -> torch.Tensor:
        """Depths `[B, 16]` of 2D poses `[B, 16, 2]`."""
        depths = [network(points[:, PARTS[name]]) for name, network in self.generators.items()]
        return torch.tanh(torch.cat(depths, dim=1))

    def __call__(self, points: torch.Tensor, draw: dict | None = None) -> dict[str, torch.Tensor]:
        """Train on one batch `[B, 16, 2]`; without a draw of views, make one."""
        draw = draw or random_draw(len(points))
        flipped = points[:, MIRRORED] * torch.tensor([-1.0, 1.0])
        points = torch.where(draw["mirror"][:, None, None] > 0, flipped, points)
        logs = self.train_discriminator(points, draw)
        return logs | self.train_generators(points, draw)

    def train_discriminator(self, points: torch.Tensor, draw: dict) -> dict[str, torch.Tensor]:
        """Label generated poses 0 and real ones 1, or the other way round."""
        with torch.no_grad():
            turned = to_3d(points, self.lift(points)) @ rotations(draw, 0)
        fake = turned[..., :2]
        scores = self.discriminator(torch.cat([fake, points]))[:, 0]
        labels = torch.cat([draw["exchange"], 1 - draw["exchange"]])
        loss = F.mse_loss(scores, labels)
        self.optimizers["discriminator"].zero_grad()
        loss.backward()
        self.optimizers["discriminator"].step()
        return {"discriminator_loss": loss.detach()}

    def train_generators(self, points: torch.Tensor, draw: dict) -> dict[str, torch.Tensor]:
        """Each part's own loss, each with its own backward pass."""
        rotation = rotations(draw, 1)
        depth = self.lift(points)
        turned = to_3d(points, depth) @ rotation
        view = turned[..., :2]
        back = to_3d(view, self.lift(view)) @ rotation.transpose(1, 2)
        x, y = points[..., 0], points[..., 1]
        from_right = self.lift(torch.stack([depth, y], dim=-1))
        from_left = self.lift(torch.stack([-depth, y], dim=-1))
        from_behind = self.lift(torch.stack([-x, y], dim=-1))
        adversarial = ((self.discriminator(view) - 1) ** 2).mean()
        logs = {"adversarial": adversarial, "reprojection": 0.0, "ninety_degree": 0.0}
        losses = {}
        for name, part in PARTS.items():
            reprojection = F.mse_loss(back[:, part, :2], points[:, part])
            ninety_degree = (
                F.mse_loss(-from_right[:, part], x[:, part])
                + F.mse_loss(from_left[:, part], x[:, part])
                + F.mse_loss(from_behind[:, part], -depth[:, part])
            )
            share = (part.stop - part.start) / NUM_JOINTS
            losses[name] = share * adversarial + 10 * reprojection + 3 * ninety_degree
            logs["reprojection"] = logs["reprojection"] + reprojection
            logs["ninety_degree"] = logs["ninety_degree"] + ninety_degree
        for name, network in self.generators.items():
            self.optimizers[name].zero_grad()
            losses[name].backward(inputs=list(network.parameters()), retain_graph=name == "legs")
        for name in self.generators:
            self.optimizers[name].step()
        return {name: value.detach() for name, value in logs.items()}


def to_3d(points: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
    """3D poses `[B, 16, 3]`."""
    return torch.cat([points, depth[..., None]], dim=-1)


def random_draw(batch_size: int) -> dict[str, torch.Tensor]:
    """Mirroring, label exchange and two views per pose."""
    signed = 2 * torch.rand(4, batch_size) - 1
    return {
        "mirror": (torch.rand(batch_size) < 0.5).float(),
        "exchange": (torch.rand(()) < LABEL_EXCHANGE).float().expand(batch_size),
        "azimuth_rad": signed[:2] * (8 / 9 * math.pi),
        "elevation_rad": signed[2:] * (math.pi / 18),
    }


def rotations(draw: dict, half: int) -> torch.Tensor:
    """`R_y(azimuth) R_x(elevation)` for row vectors, `[B, 3, 3]`."""
    azimuth, elevation = draw["azimuth_rad"][half], draw["elevation_rad"][half]
    one, zero = torch.ones_like(azimuth), torch.zeros_like(azimuth)
    cos, sin = azimuth.cos(), azimuth.sin()
    turn = torch.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], dim=1).view(-1, 3, 3)
    cos, sin = elevation.cos(), elevation.sin()
    tilt = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], dim=1).view(-1, 3, 3)
    return turn @ tilt


def _read(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return dict(file)


class Server:
    """Answers the commands of `benchmarks.torch_process`."""

    def build(self, width: int, num_blocks: int, learning_rate: float) -> dict:
        """Make networks and optimizers of one size."""
        self.step = Step(width, num_blocks, learning_rate)
        return {}

    def losses(self, weights: str, draws: list[str]) -> dict:
        """Train on given weights, poses and draws; all losses of each step."""
        arrays = _read(weights)
        for name, network in self.step.networks().items():
            network.load(arrays, name)
        logs = []
        for path in draws:
            draw = {name: torch.from_numpy(value) for name, value in _read(path).items()}
            log = self.step(draw.pop("points_2d"), draw)
            logs.append({name: float(value) for name, value in log.items()})
        return {"losses": logs}

    def poses(self, path: str) -> dict:
        """Read the poses to train on."""
        self.points = torch.from_numpy(_read(path)["points_2d"])
        return {}

    def time(self, batch_size: int, num_steps: int) -> dict:
        """Train for some steps by the clock."""
        points = self.points[:batch_size]
        start = time.perf_counter()
        for _ in range(num_steps):
            self.step(points)
        return {"seconds": time.perf_counter() - start}


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
