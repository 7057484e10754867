"""Writes MediaPipe's networks as models under our contract.

    python -m keras_pose.weights.mediapipe --output=savedmodels [--wheel=<file>] [--size=lite]

Reads the wheel of mediapipe 0.10.14 from `--wheel`, an installed mediapipe, or PyPI; writes
`<output>/hand_mediapipe`, `body_mediapipe`, `find_hands` and `find_people`, each with card, licence,
NOTICE and origin. The weights are by The MediaPipe Authors
(Apache-2.0); they are not in the repository.
"""

from keras_pose.train.binary import run_binary
from keras_pose.weights.mediapipe_settings import MediapipeConfig


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.weights.mediapipe_models", MediapipeConfig)


if __name__ == "__main__":
    run_main()
