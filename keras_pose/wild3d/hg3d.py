"""Imports the official hourglass: `python -m keras_pose.wild3d.hg3d --file=<.pth> --model_dir=<run>`."""

from keras_pose.train.binary import run_binary
from keras_pose.weights.official_settings import NetworkFile
from keras_pose.wild3d.config import Config


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.wild3d.official", NetworkFile, Config)


if __name__ == "__main__":
    run_main()
