"""Exports a body pose network: `python -m keras_pose.wild3d.export --model_dir=<run> --name=...`."""

import numpy as np
import tensorflow as tf

from keras_pose.bodies import serving
from keras_pose.bodies.data import load_bodies
from keras_pose.bodies.golden import golden_bodies, held_out_bodies, shown_and_empty
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.pictures.body_boxes import PERSON_MARGIN
from keras_pose.data.views.graph_crops import crop_matrices, cut_crops
from keras_pose.export import fold_normalization
from keras_pose.serving.calibrated import calibrate
from keras_pose.serving.export_settings import PictureExportConfig as ExportConfig
from keras_pose.serving.publish import Exported, print_end, publish
from keras_pose.train import run_folder
from keras_pose.wild3d.card import card_words
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.runs import load_pose


def export_run(settings: ExportConfig) -> str:
    """Export the network of a finished run, see `keras_pose.serving.publish.publish`."""
    return publish(settings, _describe)


def _describe(settings: ExportConfig) -> Exported:
    config, pose = load_pose(settings.model_dir)
    run = run_folder.read_run(settings.model_dir)
    # Boxes of records have room about the person already; clients send tight ones.
    crop_scale = PERSON_MARGIN * config.crop_scale
    bone_sum_m = run["bone_sum_mm"] / 1000.0
    network = serving.pose_network(pose, crop_scale, bone_sum_m)
    folded = fold_normalization(pose)
    shown, empty = shown_and_empty(network, config, settings.data_dir, settings.num_heldout)
    rendered = held_out_bodies(network, settings.num_heldout)
    served = serving.pose_network(folded, crop_scale, bone_sum_m)
    (network, served), told = calibrate((network, served), shown, empty, rendered, "person")
    return Exported(
        metadata=serving.describe(settings.name, settings.version, network),
        signatures=serving.signatures(network, pose, config.coordinates, config.sharpness),
        served=serving.signatures(served, folded, config.coordinates, config.sharpness),
        requests=golden_bodies(network),
        words=card_words(config, run, told, settings.data_dir),
        examples=lambda: example_crops(config, settings.data_dir, settings.num_examples),
        held_out=lambda: rendered,
        of_run=lambda: shown,
    )


def example_crops(config: Config, data_dir: str, count: int) -> np.ndarray:
    """Return crops like those that the network will see.

    Args:
        config: of the run.
        data_dir: record folders of the run, or empty: then bodies are rendered.
        count: number of crops C.

    Returns:
        float32 `[C, S, S, 3]`, RGB in [0, 1].

    Raises:
        ValueError: if the folders cannot be used.
    """
    if data_dir and config.dataset == "records":
        batches = load_bodies(config, data_dir).batches(0)
        num_batches = -(-count // config.batch_size)
        crops = np.concatenate([batch["image"] for batch in batches.take(num_batches)])[:count]
    else:
        size, styles = config.image_size, ("lab", "wild")
        side = round(1.5 * size)
        bodies = [generate_body(n, 11, size=side, style=styles[n % 2]) for n in range(count)]
        # As servers cut them: scales that were fixed on smaller bodies lose half as much again.
        boxes = tf.constant(np.array([body.box for body in bodies], np.float32))
        matrices = crop_matrices(boxes, size, config.crop_scale)
        crops = cut_crops(tf.constant(np.stack([body.image for body in bodies])), matrices, size)
    crops = np.asarray(crops)
    return crops.astype(np.float32) / 255.0 if crops.dtype == np.uint8 else crops


def main(settings: ExportConfig) -> None:
    """Do what the settings ask for."""
    print_end(
        export_run(settings),
        "python -m keras_pose.predict --saved_model={folder} --pictures=<yours> --output=poses",
    )
