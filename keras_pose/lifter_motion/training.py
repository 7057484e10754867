"""Trains a lifter of films: `python -m keras_pose.lifter_motion.train --teachers=<lifter> ...`.

The same command resumes the run in --model_dir. `train_run` is the library form, without flags.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from keras_pose.lifter_motion.config import Config
from keras_pose.lifter_motion.disturbance import stretch_frames
from keras_pose.lifter_motion.evaluation import lift_films, measure_films, nose_in_front
from keras_pose.lifter_motion.films import Films, load_films
from keras_pose.lifter_motion.labels import label_films
from keras_pose.lifter_motion.model import MotionStudent
from keras_pose.lifter_motion.network import MotionLifter
from keras_pose.lifting.data import training_batches
from keras_pose.train import runs
from keras_pose.train.callbacks import EpochRows
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_results
from keras_pose.train.session import run_session
from keras_pose.train.weights import read_weights, write_weights


@dataclasses.dataclass(frozen=True)
class FilmData:
    """What a run sees.

    Attributes:
        batches: function of the first step to an endless dataset of stretches of film, what the teacher
            says of each of their frames, and the person's proportions.
        heldout: the validation split.
    """

    batches: Callable[[int], tf.data.Dataset]
    heldout: Films

    @property
    def facts(self) -> dict:
        """What `run.json` says of them."""
        return {"source": self.heldout.source, "results_poses": len(self.heldout)}

    def skipped(self) -> dict[str, str]:
        """Return nothing: films that cannot be read are refused."""
        return {}

    def as_sentence(self) -> contextlib.AbstractContextManager:
        """Return a context that does nothing, see `skipped`."""
        return contextlib.nullcontext()


def train_run(
    config: Config, options: RunOptions, extra_callbacks: Sequence[keras.callbacks.Callback] = ()
) -> dict:
    """Train, evaluate and record one run; takes, returns and raises what `run_session` does."""
    return run_session(
        config,
        options,
        extra_callbacks,
        check=config.check_command,
        open_data=open_data,
        build_model=lambda films: MotionStudent(config),
        callbacks=lambda films, steps: [_rows(options, films.heldout, steps)],
        write_weights=lambda model, folder: write_weights(
            model.inference_network, weights_path(folder)
        ),
        load=lambda folder, films: load_student(folder)[1],
        evaluate=lambda config, network, films: measure_films(
            lift_films(network, films.heldout), films.heldout
        ),
        summarize=lambda folder, network, films: {
            # The teacher's sign is right already; a student whose noses point backwards was taught so.
            "chirality": nose_in_front(lift_films(network, films.heldout))
        },
    )


def weights_path(model_dir: str) -> str:
    """Return the path of a run's weights."""
    return os.path.join(model_dir, "weights", "last.weights.h5")


def load_student(model_dir: str) -> tuple[Config, MotionLifter]:
    """Build the network of a run and load its weights.

    Args:
        model_dir: run folder.

    Returns:
        The run's config and its network.

    Raises:
        ValueError: if the run has no weights yet, they are damaged or the run is another method's.
    """
    config = runs.read_config(model_dir, Config)
    network = MotionLifter(config, name="lifter")
    read_weights(network, weights_path(model_dir))
    return config, network


def open_data(config: Config, options: RunOptions) -> FilmData:
    """Open the films of a run, those of training lifted frame by frame where it trains.

    Args:
        config: the run's settings.
        options: mode and data_dir are used.

    Returns:
        The films.

    Raises:
        ValueError: if data or teachers are missing or broken, or every film is too short.
    """
    heldout = load_films(config, options.data_dir, "val")
    if options.mode == "eval":
        return FilmData(lambda first_step: tf.data.Dataset.range(0), heldout)
    films = load_films(config, options.data_dir, "train")
    count = stretch_frames(config)
    starts = films.whole_rows(count)[:: config.train_stride].astype(np.int32)
    if not len(starts):
        raise ValueError(
            f"{films.source}: no film has the {count} frames that --num_frames={config.num_frames} needs "
            "to learn from; give longer films or fewer frames."
        )
    labels = label_films(config, films)
    arrays = [tf.constant(array) for array in (films.points_px, labels.points_3d)]
    proportions = tf.constant(labels.proportions)
    offsets = tf.constant(films.step * np.arange(count, dtype=np.int32))

    def stretch(start):
        rows = start[:, None] + offsets
        return (*(tf.gather(array, rows) for array in arrays), tf.gather(proportions, start))

    def batches(first_step, stride=1):
        order = training_batches(
            starts,
            batch_size=config.batch_size,
            seed=config.seed,
            first_step=first_step,
            stride=stride,
        )
        return order.map(stretch, num_parallel_calls=1, deterministic=True).prefetch(2)

    return FilmData(batches, heldout)


def _rows(options, heldout: Films, steps):
    def evaluate(model, epoch):
        lifted = lift_films(model.inference_network, heldout)
        row = {"heldout_chirality": nose_in_front(lifted)}
        if options.mode == "train_and_eval":
            values = measure_films(lifted, heldout)
            row |= {name.split("[")[0].replace("-", "_"): value for name, value in values.items()}
        return row

    return EpochRows(options.model_dir, steps, evaluate)


def main(config: Config, options: RunOptions) -> None:
    """Do what the settings ask for."""
    run = train_run(config, options)
    print_results(run)
    print_end(
        run,
        options,
        "python -m keras_pose.lifter_motion.export --model_dir={folder} --name=my_film_lifter",
    )
