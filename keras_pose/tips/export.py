"""Exports a trained lifter: `python -m keras_pose.tips.export --model_dir=<run> --name=<name> ...`."""

from keras_pose.tips.config import ExportConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Be the command: read the flags, then import and do the work, see `run_binary`."""
    run_binary("keras_pose.tips.exporting", ExportConfig)


if __name__ == "__main__":
    run_main()
