"""Exports a body pose network: `python -m keras_pose.wild3d.export --model_dir=<run> --name=...`."""

from keras_pose.serving.export_settings import PictureExportConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.wild3d.exporting", PictureExportConfig)


if __name__ == "__main__":
    run_main()
