"""Turns a data set into records: `python -m keras_pose.data.prepare --source=... --output=...`.

The same command resumes an unfinished folder. `prepare` is the library form, without
flags.
"""

from keras_pose.data.prepare_settings import PrepareConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.data.preparation", PrepareConfig)


if __name__ == "__main__":
    run_main()
