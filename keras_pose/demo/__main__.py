"""The whole workflow in minutes, on generated people: `python -m keras_pose.demo --output_dir=demo`.

Trains two generators and the solo baseline without 3D labels, distils the student, exports and reloads
it, lifts people with the shipped model, and writes one self-contained report.
"""

from keras_pose.demo.settings import DemoConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.demo.course", DemoConfig)


if __name__ == "__main__":
    run_main()
