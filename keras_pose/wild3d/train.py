"""Trains one stage, or several in order: `python -m keras_pose.wild3d.train --flagfile=<recipe> ...`.

The same command resumes the run in --model_dir. With `--stages=1,2,3` the recipes of the three
stages run one after the other, each from the weights of the previous one, in separate folders.
`train_run` is the library form, without flags.
"""

from keras_pose.train.binary import run_binary
from keras_pose.train.options import RunOptions
from keras_pose.wild3d.config import Config, StageOptions


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    # With stages, flags need not make sense without the recipes.
    run_binary("keras_pose.wild3d.training", RunOptions, StageOptions, later={Config: "stages"})


if __name__ == "__main__":
    run_main()
