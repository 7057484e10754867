"""Imports official weights of encoders: `python -m keras_pose.weights --kind=peclr --file=<.pth> ...`.

Reads torch files without torch, refuses every missing, extra or misshapen tensor by name, prints
statistics of each layer, and writes a file for `--init` of `peclr.train` and `hand_pose.train`. The
hourglass of Wild3D has a command of its own, `keras_pose.wild3d.hg3d`; MediaPipe's networks have
`keras_pose.weights.mediapipe`.
"""

from keras_pose.train.binary import run_binary
from keras_pose.weights.official_settings import EncoderConfig


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.weights.official", EncoderConfig)


if __name__ == "__main__":
    run_main()
