"""The model card: what a person must know before using an exported model, as one Markdown file.

A card with a hole is worse than none, so an empty required fact stops the export.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from keras_pose.files import sha256_of, write_file

CARD_NAME = "card.md"


@dataclass(frozen=True)
class TensorFact:
    """One input or output of a signature.

    Attributes:
        name: name in the signature.
        dtype: for example `float32`.
        shape: with axis letters, for example `[N, 17, 3]`.
        unit: for example `pixels`; `none` for a flag or a ratio.
        frame: axes and origin, for example `x right, y down, z forward; pelvis at 0`; `none` if it
            is no position.
        meaning: what it is, in a few words.
    """

    name: str
    dtype: str
    shape: str
    unit: str
    frame: str
    meaning: str


@dataclass(frozen=True)
class SignatureFact:
    """One signature: name, inputs and outputs."""

    name: str
    inputs: tuple[TensorFact, ...]
    outputs: tuple[TensorFact, ...]


@dataclass(frozen=True)
class DataFact:
    """One data set that went into training or evaluation.

    Attributes:
        name: its name and which part of it was used.
        role: `training`, `validation`, ...
        licence: its terms, as its owner words them.
        citation: how its owner asks to be cited, with an address.
    """

    name: str
    role: str
    licence: str
    citation: str


@dataclass(frozen=True)
class MetricFact:
    """One measured number.

    Attributes:
        protocol: the protocol id of the metric: alignment, scale, root, joints and unit.
        data: the data it was measured on.
        value: the number as text, with its spread over seeds if there is one.
    """

    protocol: str
    data: str
    value: str


@dataclass(frozen=True)
class ModelCard:
    """All facts of a model card; every one is required.

    Attributes:
        name: model name.
        version: version number as text.
        summary: what it does, in a sentence or two.
        signatures: what goes in and out.
        data: data sets, their licences and citations.
        licence: terms of the model itself.
        configuration: the full recipe, as the run's JSON config.
        commit: commit of the code it was trained and exported with.
        seeds: random seeds.
        metrics: measured numbers with their protocol ids.
        limits: what it cannot do or was not tested for, one sentence each.
    """

    name: str
    version: str
    summary: str
    signatures: tuple[SignatureFact, ...]
    data: tuple[DataFact, ...]
    licence: str
    configuration: Mapping[str, Any]
    commit: str
    seeds: tuple[int, ...]
    metrics: tuple[MetricFact, ...]
    limits: tuple[str, ...]

    def __post_init__(self) -> None:
        _refuse_empty(self, "")


def card_markdown(card: ModelCard, folder: str | os.PathLike | None = None) -> str:
    """Return the card as Markdown.

    Args:
        card: the facts.
        folder: artefacts below it are listed with size and SHA-256; None leaves the list out.

    Returns:
        Markdown text.
    """
    parts = [f"# {_line(card.name)}, version {_line(card.version)}", card.summary.strip()]
    for signature in card.signatures:
        parts.append(f"## Signature `{signature.name}`")
        header = ("", "name", "dtype", "shape", "unit", "frame", "meaning")
        rows = [
            (kind, f"`{fact.name}`", *(getattr(fact, field) for field in header[2:]))
            for kind, facts in (("in", signature.inputs), ("out", signature.outputs))
            for fact in facts
        ]
        parts.append(_table(header, rows))
    parts.append("## Accuracy")
    rows = [(f"`{fact.protocol}`", fact.data, fact.value) for fact in card.metrics]
    parts.append(_table(("protocol", "data", "value"), rows))
    parts.append("## Limits")
    parts.append("\n".join(f"* {_line(limit)}" for limit in card.limits))
    parts.append("## Data")
    rows = [(fact.name, fact.role, fact.licence, fact.citation) for fact in card.data]
    parts.append(_table(("data set", "role", "licence", "citation"), rows))
    parts.append(f"## Licence of the model\n\n{card.licence.strip()}")
    seeds = ", ".join(str(seed) for seed in card.seeds)
    recipe = json.dumps(card.configuration, indent=2, sort_keys=True, allow_nan=False)
    parts.append(
        f"## How it was made\n\nCommit `{card.commit}`, seeds {seeds}, with this configuration:\n\n"
        f"```json\n{recipe}\n```"
    )
    if folder is not None:
        rows = [
            (f"`{name}`", f"{size:,}", f"`{digest}`") for name, size, digest in list_files(folder)
        ]
        parts.append("## Files\n\n" + _table(("file", "bytes", "SHA-256"), rows))
    return "\n\n".join(parts) + "\n"


def write_card(folder: str | os.PathLike, card: ModelCard) -> Path:
    """Write `card.md` into the folder of the artefacts that it describes; call it last.

    Args:
        folder: folder whose files are listed with size and SHA-256.
        card: the facts.

    Returns:
        The file written.

    Raises:
        CannotWrite: if it cannot be written.
    """
    return write_file(Path(folder) / CARD_NAME, card_markdown(card, folder))


def list_files(folder: str | os.PathLike) -> list[tuple[str, int, str]]:
    """List the files below a folder, the card itself left out.

    Args:
        folder: an existing folder.

    Returns:
        (path relative to the folder with forward slashes, size in bytes, SHA-256 in hexadecimal),
        sorted by path.
    """
    folder = Path(folder)
    listed = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / CARD_NAME:
            listed.append(
                (path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of(path))
            )
    return listed


def _refuse_empty(facts: Any, where: str) -> None:
    for field in fields(facts):
        value = getattr(facts, field.name)
        if (
            value is None
            or (hasattr(value, "__len__") and not len(value))
            or (isinstance(value, str) and not value.strip())
        ):
            raise ValueError(
                f"The model card has no {where}{field.name}: state it, since an incomplete card is "
                "not published."
            )
        if isinstance(value, tuple):
            for number, item in enumerate(value, start=1):
                if hasattr(item, "__dataclass_fields__"):
                    _refuse_empty(item, f"{where}{field.name} {number} ")
                elif isinstance(item, str) and not item.strip():
                    raise ValueError(
                        f"The model card has an empty entry {number} in {where}{field.name}: state "
                        "it or remove it."
                    )


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


def _line(text: str) -> str:
    return " ".join(str(text).split())
