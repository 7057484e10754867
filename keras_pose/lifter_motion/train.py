"""Trains a lifter of films: `python -m keras_pose.lifter_motion.train --teachers=<lifter> ...`.

It learns from films lifted frame by frame by --teachers, shown with noise, joints and frames missing.
The same command resumes the run in --model_dir. `train_run` is the library form, without flags.
"""

from keras_pose.lifter_motion.config import Config
from keras_pose.train.binary import run_binary
from keras_pose.train.options import RunOptions


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.lifter_motion.training", Config, RunOptions)


if __name__ == "__main__":
    run_main()
