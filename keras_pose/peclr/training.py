"""Pretrains a hand encoder: `python -m keras_pose.peclr.train --flagfile=<recipe> ...`.

The same command resumes the run in --model_dir. `pretrain_run` is the library form, without flags.
"""

from collections.abc import Callable, Sequence

import keras

from keras_pose.hands.pretrained import encoder_path, head_path
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.data import PretrainingPictures, load_pictures
from keras_pose.peclr.model import ContrastiveModel
from keras_pose.train import runs
from keras_pose.train.callbacks import EpochRows, Pictures
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_results
from keras_pose.train.session import run_session
from keras_pose.train.weights import read_weights, write_weights
from keras_pose.viz.crops import draw_view_pairs


def pretrain_run(
    config: PretrainConfig,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Pretrain and record one run; takes, returns and raises what `run_session` does."""
    return run_session(
        config,
        options,
        extra_callbacks,
        open_data=open_data,
        build_model=lambda pictures: ContrastiveModel(config, make_views=pictures.make_views),
        callbacks=lambda pictures, steps: _callbacks(options, pictures, steps),
        write_weights=_write_weights,
        load=lambda model_dir, pictures: load_model(model_dir, pictures.make_views),
        summarize=lambda _, model, pictures: {"heldout": _heldout_loss(model, pictures)},
        measured_on="two pictures",
    )


def open_data(config: PretrainConfig, options: RunOptions) -> PretrainingPictures:
    """Open the pictures of a run; takes `data_dir` of the options."""
    return load_pictures(config, options.data_dir)


def load_model(
    model_dir: str, make_views: Callable[[dict], dict] | None = None
) -> ContrastiveModel:
    """Build the contrastive model of a finished run and load its weights.

    Args:
        model_dir: run folder.
        make_views: as `PretrainingPictures` has it; None for batches that hold views.

    Returns:
        The compiled model; its attributes `encoder` and `projection_head` are what was trained.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    model = ContrastiveModel(runs.read_config(model_dir, PretrainConfig), make_views=make_views)
    model.compile()
    read_weights(model.encoder, encoder_path(model_dir))
    read_weights(model.projection_head, head_path(model_dir))
    return model


def _write_weights(model, model_dir):
    write_weights(model.encoder, encoder_path(model_dir))
    write_weights(model.projection_head, head_path(model_dir))


def _heldout_loss(model, pictures: PretrainingPictures):
    logs = model.evaluate(pictures.heldout, verbose=0, return_dict=True)
    return {name: float(value) for name, value in logs.items()}


def _callbacks(options, pictures: PretrainingPictures, steps):
    def evaluate(model, epoch):
        logs = _heldout_loss(model, pictures) if pictures.heldout is not None else {}
        return {f"heldout_{name}": value for name, value in logs.items()}

    example = next(iter(pictures.batches(0)))
    if pictures.make_views:
        example = pictures.make_views(example)
    drawn = draw_view_pairs(example["views"].numpy(), example["canonical"].numpy())
    return [
        EpochRows(options.model_dir, steps, evaluate),
        Pictures(options.model_dir, steps, lambda model: drawn, name="view_pairs"),
    ]


def main(config: PretrainConfig, options: RunOptions) -> None:
    """Do what the settings ask for."""
    run = pretrain_run(config, options)
    print_results(run)
    print_end(
        run, options, f"python -m keras_pose.hand_pose.train --init_from={options.model_dir} ..."
    )
