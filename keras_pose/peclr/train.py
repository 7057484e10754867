"""Pretrains a hand encoder: `python -m keras_pose.peclr.train --flagfile=<recipe> ...`.

The same command resumes the run in --model_dir. `pretrain_run` is the library form, without flags.
"""

from keras_pose.peclr.config import PretrainConfig
from keras_pose.train.binary import run_binary
from keras_pose.train.options import RunOptions


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.peclr.training", PretrainConfig, RunOptions)


if __name__ == "__main__":
    run_main()
