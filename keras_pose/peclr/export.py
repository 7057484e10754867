"""Old name of `python -m keras_pose.hand_pose.export` and of `hand_student.export`."""

import sys

from keras_pose.train.binary import forward
from keras_pose.train.runs import method_of


def run_main() -> None:
    """Run the command of today that exports the kind of run in --model_dir."""
    words = [word.lstrip("-") for word in sys.argv[1:]]
    folders = [word.removeprefix("model_dir=") for word in words if word.startswith("model_dir=")]
    try:
        room = method_of(folders[-1]) if folders else "hand_pose"
    except ValueError:
        # The command of today says what is wrong with the folder.
        room = "hand_pose"
    forward("peclr.export", f"{room if room == 'hand_student' else 'hand_pose'}.export")


if __name__ == "__main__":
    run_main()
