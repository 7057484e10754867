"""Old name of `python -m keras_pose.equivariance.report`, to which it forwards."""

from keras_pose.train.binary import forward


def run_main() -> None:
    """Run the command of today."""
    forward("peclr.equivariance_report", "equivariance.report")


if __name__ == "__main__":
    run_main()
