"""Old name of `python -m keras_pose.demo`, to which it forwards."""

from keras_pose.train.binary import forward


def run_main() -> None:
    """Run the command of today."""
    forward("tips.demo", "demo.__main__")


if __name__ == "__main__":
    run_main()
