"""Exports a lifter of films: `python -m keras_pose.lifter_motion.export --model_dir=<run> ...`."""

from keras_pose.lifter_motion.config import ExportConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.lifter_motion.exporting", ExportConfig)


if __name__ == "__main__":
    run_main()
