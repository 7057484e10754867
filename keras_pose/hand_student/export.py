"""Exports a hand network for phones: `python -m keras_pose.hand_student.export --model_dir=<run> ...`.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, files for phones, `parity.json`,
`accuracy.json`, `metadata.json` and `card.md`; the folder appears only after every artefact has been
compared with the Keras model.
"""

from keras_pose.hand_student import serving
from keras_pose.hand_student.card import model_card
from keras_pose.hand_student.train import load_student
from keras_pose.hands.export import ExportConfig, Exported, export_hand, with_typical_length
from keras_pose.train import config as configs
from keras_pose.train.binary import run_binary


def export_run(settings: ExportConfig) -> str:
    """Export the network of a finished run and prove each artefact.

    Args:
        settings: what to export and where to.

    Returns:
        The published version folder.

    Raises:
        ValueError: if the run is unfinished, the version exists or an artefact differs.
        OSError: if something cannot be written; nothing is left behind then.
    """
    return export_hand(settings, _load, model_card)


def _load(model_dir, data_dir):
    config, model = load_student(model_dir)
    network = with_typical_length(serving.student_network_of(config, model), config, data_dir)
    signatures = serving.student_signatures(network, config, model)
    return Exported(config, network, signatures, "heatmap_peak", True)


def main(arguments: list[str]) -> None:
    """Entry point under absl."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    print(f"wrote {export_run(configs.from_flags(ExportConfig))}")


def run_main() -> None:
    """Console entry point: define the flags, export, one sentence and exit code 1 on errors."""
    configs.define_flags(ExportConfig)
    run_binary(main)


if __name__ == "__main__":
    run_main()
