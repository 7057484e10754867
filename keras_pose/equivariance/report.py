"""Reports how equivariant a network is: `python -m keras_pose.equivariance.report ...`.

    --model_dir=<run of hands> or --saved_model=<exported version folder>,
    --data_dir=<record folders>, --output=report.html [--num_pictures=64] [--tensorboard_dir=...]

Writes one HTML file and the same numbers as JSON next to it, and prints them. `report_equivariance` is
the library form. The pictures are those that the run held out by its own split.
"""

from keras_pose.equivariance.settings import ReportConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.equivariance.reporting", ReportConfig)


if __name__ == "__main__":
    run_main()
