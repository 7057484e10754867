"""Exports a trained lifter: `python -m keras_pose.tips.export --model_dir=<run> --name=<name> ...`."""

from keras_pose.tips.config import ExportConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.tips.exporting", ExportConfig)


if __name__ == "__main__":
    run_main()
