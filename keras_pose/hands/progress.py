"""What a person sees of a hand network in training: measures by epoch, and pictures."""

import functools
from collections.abc import Callable

import keras

from keras_pose.hands import evaluation as pose_evaluation
from keras_pose.hands.data import LabelledHands
from keras_pose.train.callbacks import EpochRows, Pictures
from keras_pose.train.options import RunOptions
from keras_pose.viz.crops import draw_hands


def hand_callbacks(
    options: RunOptions, hands: LabelledHands, steps: int
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that write a row of measures and draw held-out hands.

    Args:
        options: where and how the run goes.
        hands: what it learns from; held-out hands are measured and drawn where there are any.
        steps: between two rows, and between two pictures.

    Returns:
        The callbacks; the trained model needs `inference_pose`, a model of `build_hand_pose`'s form.
    """
    # One function for all epochs, so that it is traced once.
    find = functools.cache(pose_evaluation.pose_function)

    def evaluate(model, epoch):
        if hands.heldout is None or options.mode == "train":
            return {}
        values = pose_evaluation.evaluate_hands(find(model.inference_pose), hands.heldout())
        return pose_evaluation.overall(values)

    example = next(iter(hands.heldout() if hands.heldout else hands.batches(0)))

    def draw(model):
        outputs = model.inference_pose(pose_evaluation.model_inputs(example), training=False)
        return draw_hands(
            example["image"].numpy(),
            outputs["keypoints_2d"].numpy(),
            outputs["keypoints_3d"].numpy(),
            example["keypoints_2d"].numpy(),
        )

    rows = EpochRows(options.model_dir, steps, evaluate)
    return [rows, Pictures(options.model_dir, steps, draw, name="hands")]


def measure_heldout(model: keras.Model | Callable[[dict], dict], hands: LabelledHands) -> dict:
    """Measure a network, or a function like one, on what a run holds out.

    Args:
        model: see `evaluation.evaluate_hands`.
        hands: with a held-out part.

    Returns:
        Part (`"all"` or a folder's name) to protocol id to value.
    """
    assert hands.heldout is not None
    return pose_evaluation.evaluate_hands(model, hands.heldout(), list(hands.counts))
