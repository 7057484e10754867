"""The model card of an exported hand network, filled from its run."""

from typing import Any

from keras_pose.export import DataFact, MetricFact, ModelCard
from keras_pose.serving import Metadata
from keras_pose.serving.accuracy import losses, metric_facts
from keras_pose.serving.facts import phone_words, signature_facts

_BONES = "lengths of the reference bone"
# A map of a student has a pixel for so many of the crop, either way.
_MAP_STRIDE = 4
_GENERATED = DataFact(
    name="rendered hands of this package with exact joints and cameras",
    role="training and validation, split by person",
    licence="Apache-2.0",
    citation="none needed",
)


def hand_card(
    metadata: Metadata,
    config: Any,
    run: dict,
    what: str,
    recipe: dict,
    accuracy: dict | None = None,
    data: tuple[DataFact, ...] = (),
) -> ModelCard:
    """Gather the facts of a run for its card.

    Args:
        metadata: what the served network says of itself.
        config: the run's config.
        run: content of `run.json`.
        what: a sentence on the network.
        recipe: settings, ready for JSON.
        accuracy: content of `accuracy.json`.
        data: facts of the record folders; where empty, their names with a reminder.

    Returns:
        The card.

    Raises:
        ValueError: if a required fact is missing.
    """
    if not data and config.dataset == "generated":
        data = (_GENERATED,)
    if not data:
        data = tuple(
            DataFact(
                name=folder,
                role=f"{counts['train']} labelled records to train, {counts['heldout']} held out",
                licence="as the data set's owner states; not checked",
                citation="as the data set's owner asks",
            )
            for folder, counts in run.get("hands", {}).items()
        )
    metrics = tuple(
        MetricFact(protocol, f"held-out records, {part}", f"{value:.4f}")
        for part, values in run.get("results", {}).items()
        for protocol, value in values.items()
    )
    told: tuple[str, ...] = ()
    if accuracy:
        metrics += metric_facts(accuracy)
        told = losses(accuracy)
    return ModelCard(
        name=metadata.name,
        version=str(metadata.version),
        summary=(
            "21 joints of a hand from a picture and its box: 2D, depth relative to the root, and metric "
            f"3D where the camera and one bone's length are given. {what}"
        ),
        signatures=signature_facts(metadata, phone_words(_BONES, _BONES, _MAP_STRIDE)),
        data=data,
        licence="Apache-2.0 for the code; the weights as the training data's licences allow.",
        configuration=recipe,
        commit=run["environment"]["git_commit"],
        seeds=(config.seed,),
        metrics=metrics or (MetricFact("none", "none", "nothing was held out"),),
        limits=(
            "One hand in the middle of its box; it does not say whether there is a hand, and knows left "
            "hands by their mirror image (serve_sided).",
            "Metric 3D is as right as the camera matrix and the bone length that are given.",
            "Accuracy was measured on the held-out records named above; other cameras, gloves, objects "
            "in the hand and two interacting hands were not.",
            *told,
        ),
    )
