"""From a finished run to a version folder, for every method: files, their proof, measures and card.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, TFLite files, `parity.json`, `metadata.json`,
`card.md` and, of networks that see pictures, `accuracy.json`; the folder appears only after every
artefact has been compared with the Keras model. A method says in `Exported` what it exports.
"""

import concurrent.futures
import dataclasses
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from keras_pose import export
from keras_pose.export import Bound, Signature
from keras_pose.export.child import close_child
from keras_pose.export.saved_model import SERVING_DEFAULT
from keras_pose.serving.accuracy import HeldOut, measure_accuracy
from keras_pose.serving.answers import answer_faults, measure_answers
from keras_pose.serving.export_settings import PHONE_SIGNATURES, ExportConfig
from keras_pose.serving.golden import (
    Settle,
    compare_signatures,
    contract_bound,
    warmup_requests,
)
from keras_pose.serving.metadata import Metadata, describe_signatures, write_metadata
from keras_pose.serving.model_card import CardWords, model_card
from keras_pose.serving.phone import phone_file, write_phone_files
from keras_pose.serving.phone_parity import compare_phone_files
from keras_pose.serving.signature_files import (
    compare_signature_files,
    signature_file,
    write_signature_files,
)
from keras_pose.serving.warmup import write_warmup
from keras_pose.train import run_folder, runs
from keras_pose.train.config import listed

# Settings that name a run folder on which a run builds; `init` may name a file.
_EARLIER_RUNS = ("init_from", "teacher", "teacher_dir", "teachers")
# What a run's record says of its data and worth.
_FACTS_OF_RUNS = ("pictures", "hands", "bodies", "source", "results")


@dataclasses.dataclass(frozen=True)
class Exported:
    """A finished run, as it will be served.

    Attributes:
        metadata: what it says of itself; version, signatures and settings are filled in.
        signatures: all of them, as the trained network answers. With `PHONE_SIGNATURES` among them,
            these become the files for phones.
        requests: signature name to golden inputs, arrays `[N, ...]`.
        words: of its card.
        default: name of the signature that is also `serving_default`.
        file_signature: name of the one that becomes the files for phones otherwise.
        more_files: further signatures that become files, each with the word that its files' names have
            after the model's.
        settings: of the export itself, beside those of the training.
        warmup: signature name to requests for servers; None takes those of `warmup_requests`.
        bound: function of `saved_model` or a format, and an output's name, to how far it may be off.
        settle: what is compared of outputs.
        examples: makes crops float32 `[C, S, S, 3]` in [0, 1], which fix the scales of integers.
        held_out: makes crops on which every file is measured; None measures nothing.
        served: the same signatures of the network as it is written, for instance with its normalisation
            folded; None writes `signatures`. What is written is compared with `signatures`.
        of_run: makes crops of the run's own held-out records, on which is measured what must hold of a
            network that ships; None measures nothing.
    """

    metadata: Metadata
    signatures: Mapping[str, Signature]
    requests: Mapping[str, Mapping[str, np.ndarray]]
    words: CardWords
    default: str = SERVING_DEFAULT
    file_signature: str = "serve_crop"
    more_files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    warmup: Mapping[str, Sequence[Mapping[str, np.ndarray]]] | None = None
    bound: Callable[[str, str], Bound] = contract_bound
    settle: Settle = dict
    examples: Callable[[], np.ndarray] | None = None
    held_out: Callable[[], HeldOut] | None = None
    served: Mapping[str, Signature] | None = None
    of_run: Callable[[], HeldOut] | None = None

    @property
    def has_maps(self) -> bool:
        """Whether the files for phones are those of heat maps and the joints read from them."""
        return set(PHONE_SIGNATURES) <= set(self.signatures)

    @property
    def file_words(self) -> dict[str, str]:
        """Signature without maps that becomes files, to the word in their names."""
        return {self.file_signature: "", **self.more_files}


_Config = TypeVar("_Config", bound=ExportConfig)
_Here = TypeVar("_Here")
_There = TypeVar("_There")


def publish(settings: _Config, describe: Callable[[_Config], Exported]) -> str:
    """Export the network of a finished run, prove each artefact, and say each step.

    Args:
        settings: what to export and where to.
        describe: function of the settings to what is served.

    Returns:
        The published version folder.

    Raises:
        ValueError: if the run is unfinished, the version exists or an artefact differs.
        OSError: if something cannot be written; nothing is left behind then.
    """
    settings.check_command()
    say = _spoken_steps()
    say(f"reading {settings.model_dir}")
    exported = describe(settings)
    formats = settings.chosen_formats
    if not exported.has_maps:
        formats = tuple(kind for kind in formats if kind not in export.SAMPLED_FORMATS)
        if settings.formats and not formats:
            raise ValueError(
                f"--formats={settings.formats} needs a network with heat maps, and {settings.model_dir} "
                "has none; name float32, float16 or int8 too."
            )
    examples = None
    if exported.examples and set(formats) & set(export.SAMPLED_FORMATS):
        say("collecting crops that set the integer scales")
        examples = exported.examples()
    metadata = dataclasses.replace(
        exported.metadata,
        version=settings.version or export.next_version(settings.export_dir, settings.name),
        settings=training_settings(settings.model_dir) | dict(exported.settings),
    )
    with export.new_version(settings.export_dir, settings.name, metadata.version) as (
        folder,
        final,
    ):
        say(f"saving {len(exported.signatures)} signatures")
        served = exported.served or exported.signatures
        export.save_signatures(folder, served, serving_default=exported.default)
        loaded = export.LoadedModel(folder)
        metadata = dataclasses.replace(metadata, signatures=describe_signatures(loaded))
        write_metadata(folder, metadata)
        warmup = exported.warmup or warmup_requests(exported.requests)
        write_warmup(folder, warmup, settings.name)
        words = exported.file_words
        signatures = PHONE_SIGNATURES if exported.has_maps else tuple(words)

        def convert() -> dict[str, str]:
            files: dict[str, str] = {}
            for signature in signatures:
                word = words.get(signature, "")
                files |= _write_files(folder, metadata, signature, formats, examples, word)
            return files

        def compare() -> tuple[list[dict], dict[str, Any] | None]:
            reports = compare_signatures(
                loaded, exported.signatures, exported.requests, exported.bound, exported.settle
            )
            if not exported.of_run:
                return reports, None
            say("measuring what must hold of a network that ships")
            answers = measure_answers(loaded.runner("serve_crop"), metadata, exported.of_run())
            return reports, answers

        say(f"converting {', '.join(signatures)} to {', '.join(formats) or 'no format'}")
        say("comparing every signature with the Keras model meanwhile")
        (reports, answers), files = _beside(compare, convert)
        say(f"comparing {len(files)} files with the Keras model")
        reports += _compare_files(folder, metadata, exported, formats)
        if exported.has_maps:
            reports = _leave_out(folder, files, settings.chosen_phone_signatures, reports)
        export.write_verification(folder, reports)
        for fault in answer_faults(answers) if answers else ():
            print(f"Not for shipping: {fault}")
        accuracy = None
        if exported.held_out:
            say("measuring the SavedModel and every file on held-out pictures")
            accuracy = measure_accuracy(folder, loaded, exported.held_out(), files, answers)
        export.write_card(folder, model_card(metadata, exported.words, accuracy))
        say(f"publishing {final}")
    return os.fspath(final)


def print_end(folder: str, next_command: str) -> None:
    """Print what an export wrote and how to go on.

    Args:
        folder: the published version folder.
        next_command: what to type next, with the folder's place as `{folder}`.
    """
    sizes = {path.name: path.stat().st_size for path in sorted(Path(folder).glob("*.tflite"))}
    files = "".join(f", {name} ({size / 1e6:.2f} MB)" for name, size in sizes.items())
    print(f"Wrote {folder}: SavedModel, card.md, parity.json{files}.")
    print(f"Next: {next_command.format(folder=folder)}")


def _spoken_steps() -> Callable[[str], None]:
    started = time.monotonic()
    return lambda step: print(f"{time.monotonic() - started:6.0f} s  {step}", flush=True)


def _beside(here: Callable[[], _Here], there: Callable[[], _There]) -> tuple[_Here, _There]:
    """Call both at once: conversion, which is the second, waits for its child process."""
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        begun = threads.submit(there)
        try:
            return here(), begun.result()
        except BaseException:
            # Nobody wants the files any more: do not wait for them.
            begun.cancel()
            close_child()
            raise


def _write_files(folder, metadata, signature, formats, examples, word) -> dict[str, str]:
    """Write the files of a signature; file name to signature."""
    if signature in PHONE_SIGNATURES:
        write_phone_files(folder, metadata, formats, examples, (signature,))
        return {phone_file(metadata.name, signature, kind): signature for kind in formats}
    write_signature_files(folder, metadata, signature, formats, word)
    return {signature_file(metadata.name, kind, word): signature for kind in formats}


def _compare_files(folder, metadata, exported, formats) -> list[dict]:
    if exported.has_maps:
        crops = exported.requests[PHONE_SIGNATURES[0]]["image"]
        return compare_phone_files(folder, metadata.name, exported.signatures, formats, crops)
    reports = []
    for name, word in exported.file_words.items():
        reports += compare_signature_files(
            folder,
            metadata,
            exported.signatures[name],
            name,
            formats,
            exported.requests[name],
            exported.bound,
            exported.settle,
            word,
        )
    return reports


def _leave_out(folder, files, kept, reports) -> list[dict]:
    """Remove files that nobody asked for, only now: maps had to say how far joints may be off."""
    for name in [name for name, signature in files.items() if signature not in kept]:
        (folder / name).unlink()
        del files[name]
        reports = [report for report in reports if not report["artefact"].startswith(name)]
    return reports


def training_settings(model_dir: str, seen: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return what a network was trained with, ready for JSON.

    Args:
        model_dir: run folder.
        seen: real paths of runs that build on this one.

    Returns:
        `method`, `commit` and `config` of the run, folders by their names alone, since a path of
        somebody's machine says nothing; for each of `init_from`, `teacher`, `teacher_dir` and `teachers`
        that is a run folder still there, under this name, the same of that run with what its record
        says of its data.
    """
    run = run_folder.read_run(model_dir)
    config = dict(run["config"])
    settings = {
        "method": runs.method_of(model_dir),
        "commit": run["environment"]["git_commit"],
        "config": config,
    }
    seen |= {os.path.realpath(model_dir)}
    for field in (*_EARLIER_RUNS, "init"):
        place = config.get(field)
        if not place:
            continue
        config[field] = ",".join(_folder_name(part) for part in listed(place))
        is_run = os.path.isfile(os.path.join(place, run_folder.RUN_FILE))
        if is_run and os.path.realpath(place) not in seen:
            earlier = run_folder.read_run(place)
            facts = {name: earlier[name] for name in _FACTS_OF_RUNS if earlier.get(name)}
            settings[field] = training_settings(place, seen) | facts
    return settings


def _folder_name(place):
    """Return the name of a run folder; of a version folder, model and version."""
    above, name = os.path.split(os.path.normpath(place))
    return f"{os.path.basename(above)}/{name}" if name.isdigit() else name
