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
from keras_pose.equivariance.measure import Function
from keras_pose.export import LoadedModel
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.serving import network_of
from keras_pose.hand_pose.training import load_hand_pose
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.serving import student_network_of
from keras_pose.hand_student.training import load_student
from keras_pose.hands.options import HandOptions
from keras_pose.hands.record_sets import open_records
from keras_pose.hands.serving import crop_camera
from keras_pose.peclr import training as pretrain
from keras_pose.peclr.config import PretrainConfig
from keras_pose.serving import PoseNetwork, read_metadata
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.train.runs import method_of, read_config

_POSE_CONFIGS: dict[str, type[HandOptions]] = {
    config.method: config for config in (FinetuneConfig, StudentConfig)
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        what: stage and encoder, for people.
        config: settings of the run it comes from.
        functions: `predict`, `project` and `embed` of `measure_equivariance`, those that there are.
        step: of the run.
        note: a sentence on settings that had to be assumed, or empty.
    """

    what: str
    config: PretrainConfig | HandOptions
    functions: dict[str, Any]
    step: int = 0
    note: str = ""

    @property
    def crop_scale(self) -> float:
        """Side of a plain view over the box's: the middle of what was trained."""
        if isinstance(self.config, HandOptions):
            return self.config.crop_scale
        return math.sqrt(self.config.scale_low * self.config.scale_high)

    @property
    def trained_ranges(self) -> dict[str, tuple[float, float]]:
        """Kind of change to the lowest and highest value that was trained, as `Probe.value` counts."""
        config, scale = self.config, self.crop_scale
        widths = (config.scale_low, config.scale_high)
        if isinstance(config, HandOptions):
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


def load_subject(
    model_dir: str = "", saved_model: str = "", assumed: HandOptions | None = None
) -> Subject:
    """Load a run of hands or an exported network.

    Args:
        model_dir: run folder.
        saved_model: version folder; used if `model_dir` is empty.
        assumed: settings for exports that do not tell theirs, their crops excepted; None takes the
            defaults.

    Returns:
        The functions to be measured and the settings they were trained with.

    Raises:
        ValueError: if there is no finished run or no export of hands, in one sentence.
    """
    if not model_dir:
        return _exported_subject(saved_model, assumed or HandOptions())
    method = method_of(model_dir)
    if method == FinetuneConfig.method:
        finetune, model = load_hand_pose(model_dir)
        what, network = f"fine-tuned {finetune.encoder}", network_of(finetune, model)
        return Subject(what, finetune, _pose_functions(network), _steps(model_dir))
    if method == StudentConfig.method:
        student, model = load_student(model_dir)
        what, network = f"student {student.backbone}", student_network_of(student, model)
        return Subject(what, student, _pose_functions(network), _steps(model_dir))
    return _pretrained_subject(model_dir)


def _pose_functions(network: PoseNetwork) -> dict[str, Any]:
    assert network.embed is not None

    def predict(images):
        count = tf.shape(images)[0]
        cameras = tf.tile(crop_camera(network.image_size)[None], (count, 1, 1))
        lengths = tf.fill((count,), network.typical_bone_length_m)
        return network.pose(images, cameras, lengths)["keypoints_2d"]

    return {
        "predict": _compiled(predict, network.image_size),
        "embed": _compiled(network.embed, network.image_size),
    }


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


def _exported_subject(folder: str, assumed: HandOptions) -> Subject:
    loaded = LoadedModel(folder)
    metadata = read_metadata(folder)
    keypoints, embed = (loaded.runner(name) for name in ("keypoints", "embed"))

    def grey_levels(images):
        return np.round(np.asarray(images) * 255.0).astype(np.uint8)

    functions: dict[str, Any] = {
        "predict": lambda images: keypoints({"image": grey_levels(images)})["keypoints_2d"],
        "embed": lambda images: embed({"image": grey_levels(images)})["features"],
    }
    settings = metadata.settings
    if settings:
        config_class = _POSE_CONFIGS[settings["method"]]
        config = configs.from_dict(config_class, settings["config"], f"{folder}/metadata.json")
        return Subject(f"network exported as {metadata.name}", config, functions)
    config = dataclasses.replace(
        assumed,
        image_size=metadata.image_size,
        crop_scale=metadata.crop_scale,
        mirror_left=metadata.side is not None,
    )
    note = (
        f"{folder}/metadata.json does not say how the network was trained, so "
        f"--val_share={config.val_share} and --split_seed={config.split_seed} define what it has "
        "not seen, and the training ranges are the defaults; export it again to record its own."
    )
    return Subject(f"network exported as {metadata.name}", config, functions, note=note)


def _compiled(function: Callable[[tf.Tensor], tf.Tensor], size: int) -> Function:
    """One graph for every number of pictures."""
    return tf.function(function, input_signature=[tf.TensorSpec((None, size, size, 3), tf.float32)])


def _remembered(function: Function) -> Function:
    """Answer at once when it is asked for the same pictures again."""
    latest: list[Any] = [None, None]

    def ask(images):
        if images is not latest[0]:
            latest[:] = images, function(images)
        return latest[1]

    return ask


def open_pictures(
    config: PretrainConfig | HandOptions, data_dir: str
) -> tuple[RecordSet, list[tuple[int, int]], str]:
    """Open a run's records and say which of them it did not train on.

    Args:
        config: of the run; its dataset, share and seed of the split are used.
        data_dir: record folders, separated by commas.

    Returns:
        The record set; (folder's number, position) of each; "held-out", or "training" where the run
        held nothing out.

    Raises:
        ValueError: if a folder is missing or unfinished.
    """
    record_set = open_records(
        config.dataset,
        data_dir,
        config.num_generated,
        config.val_share,
        config.split_seed,
        config.image_size,
        # Rendered hands of the two stages are different ones.
        seed=int(isinstance(config, HandOptions)),
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
    config: PretrainConfig | HandOptions,
    count: int,
) -> tuple[list[np.ndarray], np.ndarray, list[str]]:
    """Decode pictures evenly over all folders, as the network was shown them.

    Args:
        record_set: where they lie.
        places: (folder's number, position) of those to choose from.
        config: of the run: what localises a hand, and whether left ones are mirrored.
        count: how many; all if there are fewer.

    Returns:
        uint8 `[H, W, 3]` RGB pictures, their boxes float64 `[N, 4]`, and a sentence for each that could
        not be read.
    """
    spread = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    mirrors_left = isinstance(config, HandOptions) and config.mirror_left
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
