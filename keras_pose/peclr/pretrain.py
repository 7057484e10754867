"""Old name of `python -m keras_pose.peclr.train`, to which it forwards."""

from keras_pose.train.binary import forward


def run_main() -> None:
    """Run the command of today."""
    forward("peclr.pretrain", "peclr.train")


if __name__ == "__main__":
    run_main()
