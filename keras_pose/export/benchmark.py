"""Measures exported models: `python -m keras_pose.export.benchmark --models=savedmodels/my_hands`.

Prints size, accuracy and latency of every `.tflite` file, like MoveNet's table, and how many requests
per second the SavedModel answers. All files take turns within each round, including those of `--peer`.
"""

from keras_pose.export.benchmark_settings import BenchmarkConfig
from keras_pose.train.binary import run_binary


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.export.benchmarking", BenchmarkConfig)


if __name__ == "__main__":
    run_main()
