"""Exports a hand network for phones: `python -m keras_pose.hand_student.export --model_dir=<run> ...`."""

from keras_pose.hand_student import serving
from keras_pose.hand_student.training import load_student
from keras_pose.hands.export import describe_hand
from keras_pose.serving.export_settings import PictureExportConfig as ExportConfig
from keras_pose.serving.publish import Exported, print_end, publish


def export_run(settings: ExportConfig) -> str:
    """Export the network of a finished run, see `keras_pose.serving.publish.publish`."""
    return publish(settings, _describe)


def _describe(settings: ExportConfig) -> Exported:
    config, model = load_student(settings.model_dir)
    taught = " and by a larger network of this package (teacher below)" if config.teacher else ""
    what = f"Heat maps and depth for phones; backbone: {config.backbone}, taught by labels{taught}."
    return describe_hand(
        settings,
        config,
        model,
        lambda model: serving.student_network_of(config, model),
        lambda network, model: serving.student_signatures(network, config, model),
        what,
        score="heatmap_peak",
    )


def main(settings: ExportConfig) -> None:
    """Do what the settings ask for."""
    print_end(
        export_run(settings),
        "python -m keras_pose.predict --saved_model={folder} --pictures=<yours> --output=poses",
    )
