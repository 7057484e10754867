"""Fine-tunes a hand pose network: `python -m keras_pose.hand_pose.train --flagfile=<recipe> ...`.

With --init_from it starts from a pretrained encoder, without it is plain supervised training. The same
command resumes the run in --model_dir. `finetune_run` is the library form, without flags.
"""

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.train.binary import run_binary
from keras_pose.train.options import RunOptions


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.hand_pose.training", FinetuneConfig, RunOptions)


if __name__ == "__main__":
    run_main()
