"""Predicts hands and people in pictures, videos and camera streams.

    python -m keras_pose.predict --saved_model=<model folder> --pictures=<picture, folder or video>
        --output=<folder> [--hands=<version folder>] [--boxes=...] [--focal_px=...] [--height_m=...]
    python -m keras_pose.predict --lift=savedmodels/tips_cmu --keypoints=<a detector's file>
        --output=<folder> [--picture_size=640x480] [--height_m=...]

Writes `poses.json` (or .csv, .npz, .coco.json, .bvh) with units and frames at the top, drawings, and
`poses.html`, in which the poses can be rotated.
"""

from keras_pose.predict.settings import PredictConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.predict.command", PredictConfig)


if __name__ == "__main__":
    run_main()
