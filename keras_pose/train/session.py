"""The one training command: check, threads, data, fit, weights, record, evaluation.

What differs between methods is passed in as functions. A run that was killed at any of these points
resumes there with the same command, the evaluation included.
"""

import contextlib
import json
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import keras
import tensorflow as tf

from keras_pose.data_service.client import DataService
from keras_pose.data_service.fingerprints import fingerprint
from keras_pose.train import loop, run_folder, runs
from keras_pose.train.callbacks import Pace, SkippedRecords
from keras_pose.train.config import MethodConfig, to_dict
from keras_pose.train.lease import Lease
from keras_pose.train.options import RunOptions
from keras_pose.train.strategy import (
    gather_over_workers,
    let_threads_wait,
    lost_worker,
    make_strategy,
    worker_of,
)
from keras_pose.train.teacher import measure_teacher


class TrainingData(Protocol):
    """What a run learns from and is measured on."""

    @property
    def batches(self) -> Callable[..., tf.data.Dataset]:
        """Function of the first micro-batch, and of the stride to the next, to an endless dataset."""

    @property
    def heldout(self) -> Any:
        """What the run is measured on; None if nothing is held out."""

    @property
    def facts(self) -> dict[str, Any]:
        """Entries of `run.json` that say what the data are."""

    def skipped(self) -> dict[str, str]:
        """Return the records left out so far: id as text to reason."""

    def as_sentence(self) -> contextlib.AbstractContextManager:
        """Turn the failure of the stream over too many bad records into one sentence."""


_Data = TypeVar("_Data", bound=TrainingData)
_Config = TypeVar("_Config", bound=MethodConfig)


def run_session(
    config: _Config,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    open_data: Callable[[_Config, RunOptions], _Data],
    build_model: Callable[[_Data], keras.Model],
    callbacks: Callable[[_Data, int], list],
    write_weights: Callable[[Any, str], None],
    load: Callable[[str, _Data], Any],
    evaluate: Callable[[_Config, Any, _Data], dict] | None = None,
    summarize: Callable[[str, Any, _Data], dict] | None = None,
    load_teacher: Callable[[_Config], Any] | None = None,
    check: Callable[[], None] | None = None,
    measured_on: str = "",
) -> dict:
    """Train, measure and record one run; with `--mode=eval`, measure a finished one.

    Args:
        config: what to train.
        options: where and how.
        extra_callbacks: more Keras callbacks.
        open_data: opens the data of a run.
        build_model: builds the uncompiled model, see `loop.run`.
        callbacks: makes the Keras callbacks of a run from its data and its steps between two epochs.
        write_weights: writes what is evaluated and exported to a run folder.
        load: reads that back. What is measured is what an export would read.
        evaluate: measures against labels, for `results`, empty without any; left out with `--mode=train`.
        summarize: further entries of `run.json`, of what is held out but without 3D labels.
        load_teacher: loads `config.teacher` in a form that `evaluate` measures as it does the student.
        check: refuses settings that contradict other runs, before any data are opened.
        measured_on: what `--mode=eval` cannot do without, for the sentence that says so.

    Returns:
        The final content of `run.json`.

    Raises:
        ValueError: if settings contradict each other or a run, data are bad, a checkpoint is damaged, or
            a run that is to be measured is unfinished or holds nothing out.
        OSError: if something cannot be written.
    """
    folder = options.model_dir

    def record(config, data):
        entries: dict[str, Any] = {}
        is_measured = evaluate and options.mode != "train" and data.heldout is not None
        summary = summarize if data.heldout is not None else None
        model = load(folder, data) if is_measured or summary else None
        if summary:
            entries |= summary(folder, model, data)
        if evaluate and is_measured and (results := evaluate(config, model, data)):
            entries["results"] = results
            if load_teacher:
                entries |= measure_teacher(config, load_teacher, evaluate, data)
        run_folder.update_run(folder, **entries)
        run_folder.add_skipped(folder, data.skipped())

    if options.mode == "eval":
        run_config = runs.read_config(folder, type(config))
        run_folder.check_repeated(folder, config, run_config)
        data = open_data(run_config, options)
        if measured_on and data.heldout is None:
            raise ValueError(
                f"{folder}: the run's --val_share={getattr(run_config, 'val_share', '')} of --data_dir "
                f"holds no {measured_on}, so there is nothing to evaluate on; give other records, or "
                "train with another share."
            )
        record(run_config, data)
        return run_folder.read_run(folder)
    there_is_a_run = run_folder.check_run(folder, config, is_kept=not options.restart)
    if check:
        check()
    runs.limit_threads(options.num_threads)
    if options.data_service:
        # Later runs of one process have the threads of the first.
        with contextlib.suppress(RuntimeError):
            let_threads_wait()
    # Before anything is computed: TensorFlow's workers must know each other by then.
    strategy = make_strategy(options.strategy, options.num_devices, options.worker_timeout_s)
    num_workers, worker = worker_of(strategy)
    with Lease(folder) as lease, lost_worker(strategy):
        if num_workers > 1:
            _agree_on(strategy, config)
        if there_is_a_run and worker == 0:
            lease.acquire()
        started = time.monotonic()
        service = _data_service(config, options) if options.data_service else None
        data = open_data(config, options)
        keras.utils.set_random_seed(config.seed)
        steps = min(config.steps_per_epoch, config.num_steps)

        def skipped():
            return data.skipped() | (service.skipped() if service else {})

        with service.as_sentence() if service else contextlib.nullcontext(), data.as_sentence():
            model = loop.run_config(
                config,
                options,
                build_model=lambda: build_model(data),
                batches=service.batches(data.batches) if service else data.batches,
                callbacks=[
                    *callbacks(data, steps),
                    SkippedRecords(folder, skipped),
                    Pace(config.num_steps, steps),
                    *extra_callbacks,
                ],
                strategy=strategy,
                lease=lease,
            )
        if worker == 0:
            write_weights(model, folder)
            run_folder.update_run(
                folder,
                minutes=(time.monotonic() - started) / 60,
                steps=runs.updates_made(config),
                **data.facts,
            )
            record(config, data)
            # Last of all: a run killed while it is being measured is measured again.
            run_folder.update_run(folder, finished=True)
        # A worker that left before the chief has measured would look to it like one that died.
        gather_over_workers(strategy, [0])
    return run_folder.read_run(folder)


def _data_service(config, options):
    """Meet the input workers, which must have this code and these data."""
    is_drawn = getattr(config, "dataset", "") == "generated"
    request = {
        "method": config.method,
        "config": to_dict(config),
        "code": run_folder.code_version(),
        "records": "" if is_drawn else fingerprint(options.data_dir),
        "on_gpu": bool(tf.config.list_physical_devices("GPU")),
    }
    return DataService(options.data_service, request, options.worker_timeout_s)


def _agree_on(strategy, config):
    """Refuse workers that train other things, or with other code."""
    code = run_folder.code_version()
    mine = [zlib.crc32(text.encode()) for text in (json.dumps(to_dict(config)), code)]
    chief, *others = gather_over_workers(strategy, mine)
    for number, theirs in enumerate(others, 1):
        for what, one, other in zip(("settings", "code"), chief, theirs, strict=True):
            if one != other:
                raise ValueError(
                    f"Worker {number} of TF_CONFIG has other {what} than the chief; start all workers "
                    "with one command and one version of keras_pose."
                )
