"""Says what would stop a training run here: `python -m keras_pose.doctor --model_dir=... --data_dir=...`.

The exit code is 1 if something is broken.
"""

from keras_pose.doctor.settings import Settings
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.doctor.examination", Settings)


if __name__ == "__main__":
    run_main()
