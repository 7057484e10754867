"""What an equivariance report is about: a network as functions, and pictures it did not train on."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.data import records
from keras_pose.data.pictures.boxes import record_box
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.records.sets import RecordSet
from keras_pose.equivariance import exported
from keras_pose.equivariance.measure import Function
from keras_pose.export import saved_model_runner
from keras_pose.hand_pose import train as finetune
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.features import feature_layer_name
from keras_pose.hand_pose.start import is_hand_pose_run
from keras_pose.hands.record_sets import open_records
from keras_pose.hands.serving import crop_camera
from keras_pose.peclr import train as pretrain
from keras_pose.peclr.config import PretrainConfig
from keras_pose.train import run_folder
from keras_pose.train.runs import read_config


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        what: stage and encoder, for people.
        config: settings of the run it comes from.
        functions: `predict`, `project` and `embed` of `measure_equivariance`, those that there are.
        step: of the run.
    """

    what: str
    config: PretrainConfig | FinetuneConfig
    functions: dict[str, Any]
    step: int = 0

    @property
    def crop_scale(self) -> float:
        """Side of a plain view over the box's: the middle of what was trained."""
        if isinstance(self.config, FinetuneConfig):
            return self.config.crop_scale
        return math.sqrt(self.config.scale_low * self.config.scale_high)

    @property
    def trained_ranges(self) -> dict[str, tuple[float, float]]:
        """Kind of change to the lowest and highest value that was trained, as `Probe.value` counts."""
        config, scale = self.config, self.crop_scale
        widths = (config.scale_low, config.scale_high)
        if isinstance(config, FinetuneConfig):
            widths = (scale * widths[0], scale * widths[1])
        return {
            "rotation": (-config.angle_range_deg, config.angle_range_deg),
            # Probes shift along diagonals, where both coordinates' ranges add up.
            "translation": (0.0, math.sqrt(2.0) * config.shift_range),
            "scale": (scale / widths[1], scale / widths[0]),
        }

    @property
    def inverse(self) -> str:
        """How projections are undone."""
        return self.config.inverse if isinstance(self.config, PretrainConfig) else "affine"

    @property
    def undo_options(self) -> dict[str, Any]:
        """What else `undo_views` was given in training."""
        if not isinstance(self.config, PretrainConfig):
            return {}
        names = ("translation_scale", "center_points")
        return {name: getattr(self.config, name) for name in names}


def load_subject(model_dir: str = "", saved_model: str = "") -> Subject:
    """Loads a run of either stage, or an exported network.

    Args:
        model_dir: run folder.
        saved_model: version folder; used if `model_dir` is empty.

    Returns:
        The functions to be measured and the settings they were trained with.

    Raises:
        ValueError: if there is no finished run or no export, in one sentence.
    """
    if not model_dir:
        return _exported_subject(saved_model)
    if is_hand_pose_run(model_dir):
        return _finetuned_subject(model_dir)
    return _pretrained_subject(model_dir)


def _finetuned_subject(model_dir):
    config, model = finetune.load_hand_pose(model_dir)
    encoder = model.get_layer(feature_layer_name(config))

    def predict(images):
        cameras = tf.tile(crop_camera(config.image_size)[None], (tf.shape(images)[0], 1, 1))
        return model({"image": images, "intrinsics": cameras}, training=False)["keypoints_2d"]

    functions = {
        "predict": _compiled(predict, config.image_size),
        "embed": _compiled(lambda images: encoder(images, training=False), config.image_size),
    }
    return Subject(f"fine-tuned {config.encoder}", config, functions, _steps(model_dir))


def _pretrained_subject(model_dir):
    contrastive = pretrain.load_model(model_dir)
    config = read_config(model_dir, PretrainConfig)
    embed = _remembered(
        _compiled(lambda images: contrastive.encoder(images, training=False), config.image_size)
    )
    head = tf.function(lambda features: contrastive.projection_head(features, training=False))
    functions = {"embed": embed, "project": lambda images: head(embed(images))}
    return Subject(f"pretrained {config.encoder}", config, functions, _steps(model_dir))


def _steps(model_dir):
    return int(run_folder.read_run(model_dir).get("steps", 0))


def _exported_subject(folder):
    settings = exported.trained_settings(folder)
    runners = {name: saved_model_runner(folder, name) for name in ("keypoints", "embed")}
    if settings is None:
        raise ValueError(
            f"{folder} has no card.md, which tells the split of the records; give the folder as "
            "keras_pose.hand_pose.export wrote it."
        )

    def grey_levels(images):
        return np.round(np.asarray(images) * 255.0).astype(np.uint8)

    functions: dict[str, Any] = {
        "predict": lambda images: runners["keypoints"]({"image": grey_levels(images)})[
            "keypoints_2d"
        ],
        "embed": lambda images: runners["embed"]({"image": grey_levels(images)})["features"],
    }
    return Subject(f"exported {settings.encoder}", settings, functions)


def _compiled(function: Callable[[tf.Tensor], tf.Tensor], size: int) -> Function:
    """One graph for every number of pictures."""
    return tf.function(function, input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)])


def _remembered(function: Function) -> Function:
    """Answers at once when it is asked for the same pictures again."""
    latest: list[Any] = [None, None]

    def ask(images):
        if images is not latest[0]:
            latest[:] = images, function(images)
        return latest[1]

    return ask


def open_pictures(
    config: PretrainConfig | FinetuneConfig, data_dir: str
) -> tuple[RecordSet, list[tuple[int, int]], str]:
    """Opens a run's records and says which of them it did not train on.

    Args:
        config: of the run; its dataset, share and seed of the split are used.
        data_dir: record folders, commas between them.

    Returns:
        The record set; (folder's number, position) of each; "held-out", or "training" where the run
        held nothing out.

    Raises:
        ValueError: if a folder is missing or unfinished.
    """
    is_finetuning = isinstance(config, FinetuneConfig)
    record_set = open_records(
        config.dataset,
        data_dir,
        config.num_generated,
        config.val_share,
        config.split_seed,
        config.image_size,
        # Rendered hands of the two stages are different ones.
        seed=int(is_finetuning),
    )
    heldout = record_set.heldout
    if isinstance(config, FinetuneConfig) and config.split == "published":
        heldout = [
            records.split_published(reader, 1.0 - config.val_share, config.split_seed)[1]
            for reader in record_set.readers
        ]
    part = "held-out" if sum(len(positions) for positions in heldout) else "training"
    chosen = heldout if part == "held-out" else record_set.train
    places = [(number, int(position)) for number, row in enumerate(chosen) for position in row]
    return record_set, places, part


def choose_pictures(
    record_set: RecordSet,
    places: list[tuple[int, int]],
    config: PretrainConfig | FinetuneConfig,
    count: int,
) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    """Decodes pictures evenly over all folders, as the network was shown them.

    Args:
        record_set: where they lie.
        places: (folder's number, position) of those to choose from.
        config: of the run: what localises a hand, and whether left ones are mirrored.
        count: how many; all if there are fewer.

    Returns:
        uint8 [H, W, 3] RGB pictures, their boxes float64 [N, 4], and a sentence for each that could
        not be read.
    """
    spread = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    mirrors_left = isinstance(config, FinetuneConfig) and config.mirror_left
    pictures: list[np.ndarray] = []
    boxes, unread = [], []
    for number, position in (places[index] for index in spread):
        record = record_set.readers[number].record(position)
        try:
            image = decode_picture(record.image, record.name)
        except ValueError as error:
            unread.append(str(error))
            continue
        box = record_box(
            config.crop_source, record.box, record.keypoints_2d, record.visible, image.shape[:2]
        )
        if mirrors_left and record.side == "left":
            image = np.ascontiguousarray(image[:, ::-1])
            box[0] = image.shape[1] - box[0] - box[2]
        pictures.append(image)
        boxes.append(box)
    return pictures, np.array(boxes).reshape(-1, 4), unread
