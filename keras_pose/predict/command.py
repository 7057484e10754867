"""The predictor as a command: files, what to know of them, and what could not be predicted."""

import os

from keras_pose.predict.lifted import lift_files
from keras_pose.predict.prediction import Outcome, is_film, predict_files
from keras_pose.predict.settings import PredictConfig


def main(config: PredictConfig) -> None:
    """Turn settings into files."""
    try:
        outcome = Outcome({}, *lift_files(config)) if config.keypoints else predict_files(config)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("Ended by Ctrl-C before any poses were written.") from None
    if outcome.num_predicted:
        what = "frame" if outcome.num_predicted == 1 else "frames"
        is_frames = config.keypoints or is_film(config)
        what = what if is_frames else what.replace("frame", "picture")
        print(f"{outcome.num_predicted} {what} written to {os.path.abspath(config.output)}.")
    for sentence in outcome.notes:
        print(sentence)
    page = os.path.join(config.output, "poses.html")
    # Without anybody there is none.
    if outcome.num_predicted and config.page and os.path.isfile(page):
        print(f"Next: open {page}")
    sentences = list(outcome.failures.values())
    if len(sentences) == 1:
        raise ValueError(sentences[0])
    for sentence in sentences:
        print(f"not predicted: {sentence}")
    if sentences:
        raise ValueError(
            f"{len(sentences)} pictures could not be predicted, the first: {sentences[0]}"
        )
