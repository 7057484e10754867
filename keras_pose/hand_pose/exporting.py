"""Exports a hand pose network: `python -m keras_pose.hand_pose.export --model_dir=<run> --name=...`."""

from keras_pose.hand_pose import serving
from keras_pose.hand_pose.training import load_hand_pose
from keras_pose.hands.export import describe_hand
from keras_pose.hands.serving import signatures
from keras_pose.serving.export_settings import PictureExportConfig as ExportConfig
from keras_pose.serving.publish import Exported, print_end, publish


def export_run(settings: ExportConfig) -> str:
    """Export the network of a finished run, see `keras_pose.serving.publish.publish`."""
    return publish(settings, _describe)


def _describe(settings: ExportConfig) -> Exported:
    config, model = load_hand_pose(settings.model_dir)
    start = "pretrained" if config.init_from else config.init
    what = (
        f"2.5D fine-tuning of PeCLR (arXiv 2106.05953); encoder: {config.encoder}, start: {start}."
    )
    return describe_hand(
        settings,
        config,
        model,
        lambda model: serving.network_of(config, model),
        lambda network, _: signatures(network),
        what,
        score="none",
    )


def main(settings: ExportConfig) -> None:
    """Do what the settings ask for."""
    print_end(
        export_run(settings),
        "python -m keras_pose.predict --saved_model={folder} --pictures=<yours> --output=poses",
    )
