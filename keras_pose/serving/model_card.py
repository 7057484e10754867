"""The card of every exported network: the words of its method, and what its folder says of itself."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from keras_pose.data.records import read_index
from keras_pose.export import DataFact, MetricFact, ModelCard
from keras_pose.serving.accuracy import losses, metric_facts
from keras_pose.serving.answers import answer_facts, answer_faults
from keras_pose.serving.facts import signature_facts
from keras_pose.serving.metadata import Metadata

TensorWords = Mapping[str, Mapping[str, tuple[str, str, str]]]
"""Signature name to tensor name to (unit, frame, meaning)."""


@dataclass(frozen=True)
class CardWords:
    """What a method says of its network, for people.

    Attributes:
        summary: what the network does, in a sentence or two.
        data: what it was trained on.
        limits: what it cannot do or was not tested for, one sentence each.
        metrics: what its run measured.
        tensors: what the contract does not know of its signatures.
        licence: terms of the network.
    """

    summary: str
    data: tuple[DataFact, ...]
    limits: tuple[str, ...]
    metrics: tuple[MetricFact, ...]
    tensors: TensorWords
    licence: str = "Apache-2.0 for the code; the weights as the training data's licences allow."


def model_card(metadata: Metadata, words: CardWords, accuracy: Mapping | None = None) -> ModelCard:
    """Gather the facts of an export for its card.

    Args:
        metadata: what the network says of itself, its signatures and settings included.
        words: of its method.
        accuracy: content of `accuracy.json`; None where nothing was measured.

    Returns:
        The card.

    Raises:
        ValueError: if a required fact is missing.
    """
    metrics = words.metrics + (metric_facts(accuracy) if accuracy else ())
    limits = words.limits + (losses(accuracy) if accuracy else ())
    if accuracy and "answers" in accuracy:
        metrics += answer_facts(accuracy["answers"])
        limits += tuple(
            f"Not for shipping: {fault}" for fault in answer_faults(accuracy["answers"])
        )
    return ModelCard(
        name=metadata.name,
        version=str(metadata.version),
        summary=words.summary,
        signatures=signature_facts(metadata, words.tensors),
        data=words.data,
        licence=words.licence,
        configuration=metadata.settings,
        commit=metadata.settings["commit"],
        seeds=(metadata.settings["config"]["seed"],),
        metrics=metrics or (MetricFact("none", "none", "nothing was held out"),),
        limits=limits,
    )


def data_facts(
    kind: str,
    dataset: str,
    counts: Mapping[str, Mapping[str, int]],
    role: str,
    data_dir: str = "",
) -> tuple[DataFact, ...]:
    """Say what a run was trained on.

    Args:
        kind: `hands` or `bodies`.
        dataset: `generated` or `records`.
        counts: record folder to part to number of records.
        role: sentence with the parts in braces.
        data_dir: record folders, separated by commas, whose licences are quoted.

    Returns:
        One fact per folder, its licence as its records state it, or a reminder; one of rendered pictures.
    """
    if dataset == "generated":
        name = f"rendered {kind} of this package with exact joints and cameras"
        role = "training and validation, split by person"
        return (DataFact(name, role, "Apache-2.0", "none needed"),)
    folders = {os.path.basename(os.path.normpath(place)): place for place in data_dir.split(",")}
    licences = {name: read_index(place)["licence"] for name, place in folders.items() if data_dir}
    return tuple(
        DataFact(
            name=folder,
            role=role.format(**parts),
            licence=licences.get(folder, "as the data set's owner states; not checked"),
            citation="as the data set's owner asks",
        )
        for folder, parts in counts.items()
    )


def result_facts(results: Mapping[str, Mapping[str, float]]) -> tuple[MetricFact, ...]:
    """Return what a run measured as rows of a card.

    Args:
        results: part of the held-out records to protocol id to value.
    """
    return tuple(
        MetricFact(protocol, f"held-out records, {part}", f"{value:.4f}")
        for part, values in results.items()
        for protocol, value in values.items()
    )
