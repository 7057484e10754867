"""What every exported hand network has in common: its requests, measures and the words of its card."""

import dataclasses
from collections.abc import Callable, Sequence

import keras

from keras_pose.export import Signature, fold_normalization
from keras_pose.hands import serving
from keras_pose.hands.golden import (
    example_hands,
    golden_hands,
    held_out_hands,
    mean_bone_length,
    shown_and_empty,
)
from keras_pose.hands.options import HandOptions
from keras_pose.serving import PoseNetwork
from keras_pose.serving.calibrated import calibrate
from keras_pose.serving.export_settings import PictureExportConfig
from keras_pose.serving.facts import phone_words
from keras_pose.serving.model_card import CardWords, data_facts, result_facts
from keras_pose.serving.publish import Exported
from keras_pose.train import run_folder

_BONES = "lengths of the reference bone"
# A map of a student has a pixel for so many of the crop, either way.
_MAP_STRIDE = 4


def describe_hand(
    settings: PictureExportConfig,
    config: HandOptions,
    model: keras.Model,
    describe: Callable[[keras.Model], PoseNetwork],
    signatures: Callable[[PoseNetwork, keras.Model], dict[str, Signature]],
    what: str,
    score: str,
) -> Exported:
    """Describe a finished run of a hand network to `keras_pose.serving.publish`.

    Args:
        settings: of the export.
        config: of the run.
        model: of the run. Its normalisation is folded for the files that are written.
        describe: function of a model to the network as the contract sees it; its typical bone length
            becomes that of the records of `data_dir`.
        signatures: function of such a network and its model to all of them.
        what: a sentence on the network for its card.
        score: what `score` is, one of `keras_pose.serving.metadata.SCORES`.

    Returns:
        The run as it will be served.

    Raises:
        ValueError: if a record folder cannot be used.
    """
    bone = config.reference_bone
    typical = mean_bone_length(settings.data_dir, bone) if settings.data_dir else 0.0
    folded = fold_normalization(model)
    network, served = describe(model), describe(folded)
    if typical:
        network, served = (
            dataclasses.replace(one, typical_bone_length_m=typical) for one in (network, served)
        )
    shown, empty = shown_and_empty(network, config, settings.data_dir, settings.num_heldout)
    rendered = held_out_hands(network, settings.num_heldout, bone)
    (network, served), told = calibrate(
        (network, served), shown, empty, rendered, "hand", score == "heatmap_peak"
    )
    return Exported(
        metadata=serving.describe(settings.name, settings.version, network, bone, score),
        signatures=signatures(network, model),
        served=signatures(served, folded),
        requests=golden_hands(network, bone),
        words=card_words(
            config, run_folder.read_run(settings.model_dir), what, told, settings.data_dir
        ),
        examples=lambda: example_hands(network, settings.data_dir, settings.num_examples),
        held_out=lambda: rendered,
        of_run=lambda: shown,
    )


def card_words(
    config: HandOptions, run: dict, what: str, told: Sequence[str], data_dir: str = ""
) -> CardWords:
    """Word the card of a hand network.

    Args:
        config: of the run.
        run: content of `run.json`.
        what: a sentence on the network.
        told: sentences on what the scores tell.
        data_dir: record folders of the run, whose licences are quoted.

    Returns:
        What the card says besides facts of the folder.
    """
    return CardWords(
        summary=(
            "21 joints of a hand from a picture and its box: 2D, depth relative to the root, and metric "
            f"3D where the camera and one bone's length are given. {what}"
        ),
        data=data_facts(
            "hands",
            config.dataset,
            run.get("hands", {}),
            "{train} labelled records to train, {heldout} held out",
            data_dir,
        ),
        limits=(
            "One hand in the middle of its box; left hands are known by their mirror image "
            "(serve_sided).",
            *told,
            "Metric 3D is as right as the camera matrix and the bone length that are given.",
            "Accuracy was measured on the held-out records named above; other cameras, gloves, objects "
            "in the hand and two interacting hands were not.",
        ),
        metrics=result_facts(run.get("results", {})),
        tensors=phone_words(_BONES, _BONES, _MAP_STRIDE),
    )
