"""Predicts hands and people in pictures, videos and camera streams.

    python -m keras_pose.predict --saved_model=<model folder> --pictures=<picture, folder or video>
        --output=<folder> [--hands=<version folder>] [--boxes=...] [--focal_px=...] [--height_m=...]

Writes `poses.json` (or .csv, .npz, .coco.json, .bvh) with units and frames at the top, drawings, and
`poses.html`, in which the poses can be rotated.
"""

import os

from keras_pose.predict.prediction import predict_files
from keras_pose.predict.settings import PredictConfig
from keras_pose.train.binary import run_binary


def main(config: PredictConfig) -> None:
    """Turn settings into files."""
    try:
        outcome = predict_files(config)
    except KeyboardInterrupt:
        raise ValueError("Ended by Ctrl-C before any poses were written.") from None
    if outcome.num_predicted:
        print(f"Written to {os.path.abspath(config.output)}.")
    for sentence in outcome.notes:
        print(sentence)
    sentences = list(outcome.failures.values())
    if len(sentences) == 1:
        raise ValueError(sentences[0])
    for sentence in sentences:
        print(f"not predicted: {sentence}")
    if sentences:
        raise ValueError(
            f"{len(sentences)} pictures could not be predicted, the first: {sentences[0]}"
        )


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    run_binary(main, PredictConfig)


if __name__ == "__main__":
    run_main()
