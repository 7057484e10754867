"""Old name of `python -m keras_pose.data.doctor.check`, to which it forwards."""

from keras_pose.train.binary import forward


def run_main() -> None:
    """Run the command of today."""
    forward("data.check", "data.doctor.check")


if __name__ == "__main__":
    run_main()
