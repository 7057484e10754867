"""The data doctor: `python -m keras_pose.data.doctor.check --input=<folder of records>`.

Reads every file and record, prints what is wrong and what to do, and exits with 1 if there is an
error. `check_records` is the library form.
"""

from keras_pose.data.doctor.settings import CheckConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.data.doctor.examination", CheckConfig)


if __name__ == "__main__":
    run_main()
