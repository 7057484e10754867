"""Labels own pictures by a served network: `python -m keras_pose.pseudo_labels --teacher=<folder> ...`.

Writes one JSON file in COCO's manner, which `keras_pose.data.prepare --source=keypoint_json` reads.
"""

from keras_pose.pseudo_labels.settings import Settings
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.pseudo_labels.labelling", Settings)


if __name__ == "__main__":
    run_main()
