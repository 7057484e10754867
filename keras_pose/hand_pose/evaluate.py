"""Scores a hand pose network on FreiHAND's test set: `python -m keras_pose.hand_pose.evaluate ...`.

    --model_dir=<fine-tuning run> or --released_weights=<rn50_peclr_..._.pth>, --data_dir=<FreiHAND>

Writes `pred.zip` for the competition and, if the labels are available, `scores.txt` in the competition's
format and `scores.json` with the protocol of every number. `evaluate_freihand` is the library form.
"""

from keras_pose.hand_pose.evaluate_settings import EvaluateConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.hand_pose.evaluation", EvaluateConfig)


if __name__ == "__main__":
    run_main()
