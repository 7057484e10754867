"""Exports a hand pose network: `python -m keras_pose.hand_pose.export --model_dir=<run> --name=<name>`.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, TFLite files, `parity.json`, `metadata.json`
and `card.md`; the folder appears only after every artefact has been compared with the Keras model.
"""

from keras_pose.hand_pose import serving
from keras_pose.hand_pose.card import model_card
from keras_pose.hand_pose.train import load_hand_pose
from keras_pose.hands.export import ExportConfig, Exported, export_hand, with_typical_length
from keras_pose.hands.serving import signatures
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
    config, model = load_hand_pose(model_dir)
    network = with_typical_length(serving.network_of(config, model), config, data_dir)
    return Exported(config, network, signatures(network), "none", False)


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
