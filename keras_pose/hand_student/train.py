"""Trains a phone-sized hand network: `python -m keras_pose.hand_student.train --flagfile=<recipe> ...`.

With --teacher it also imitates a fine-tuned network; without, it learns only from labels.
The same command resumes the run in --model_dir. Both are measured on the same held-out hands, and
the gap is printed. `student_run` is the library form, without flags.
"""

from keras_pose.hand_student.config import StudentConfig
from keras_pose.train.binary import run_binary
from keras_pose.train.options import RunOptions


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.hand_student.training", StudentConfig, RunOptions)


if __name__ == "__main__":
    run_main()
