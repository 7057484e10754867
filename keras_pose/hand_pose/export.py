"""Exports a hand pose network: `python -m keras_pose.hand_pose.export --model_dir=<run> --name=...`."""

from keras_pose.serving.export_settings import PictureExportConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.hand_pose.exporting", PictureExportConfig)


if __name__ == "__main__":
    run_main()
