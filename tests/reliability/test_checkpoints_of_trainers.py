"""What a trainer's checkpoint holds is all that it needs: memory wiped, it takes the same next steps.

The cheap half of what `test_long_interruptions` proves with processes: one trace per trainer.
"""

import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.hand_pose import training as hand_pose
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.model import StudentModel
from keras_pose.hand_student.training import open_data
from keras_pose.peclr import training as peclr
from keras_pose.peclr.config import PretrainConfig
from keras_pose.tips import training as tips
from keras_pose.tips.config import Config as TipsConfig
from keras_pose.tips.regression import DepthRegressor
from keras_pose.train.checkpoints import Begun, Checkpoints
from keras_pose.train.options import RunOptions
from keras_pose.train.steps import Steps
from keras_pose.train.strategy import make_strategy
from keras_pose.wild3d import training as wild3d
from keras_pose.wild3d.config import Config as BodyConfig

pytestmark = pytest.mark.slow

OPTIONS = RunOptions(model_dir="unused")
_LIFTER = {
    **{"dataset": "generated", "num_generated_frames": 100, "width": 8, "num_blocks": 1},
    **{"discriminator_blocks": 1, "batch_size": 8, "dropout": 0.3, "num_steps": 6},
}
_HANDS = {
    **{"dataset": "generated", "num_generated": 16, "image_size": 32, "batch_size": 4},
    **{"precision": "mixed_float16", "num_steps": 6, "warmup_steps": 2},
}
_BODIES = {
    **{"dataset": "generated", "num_generated": 16, "image_size": 64, "backbone": "hourglass"},
    **{"num_stacks": 1, "num_modules": 1, "width": 8, "num_depth_modules": 1, "batch_size": 4},
    "num_steps": 6,
}


def _tips(config, teacher=None):
    data = tips.open_data(config, OPTIONS)
    model = DepthRegressor(config, teacher) if teacher else tips.build_model(config)
    return model, data.batches


def _adversarial():
    return _tips(
        TipsConfig(**_LIFTER, norm="batch", pitch="learnt", bone_ratios="learnt", split="whole")
    )


def _lifter_student():
    config = TipsConfig(**_LIFTER, model="student", teacher="given")
    return _tips(config, lambda points: tf.reduce_sum(points, axis=-1))


def _pretraining():
    config = PretrainConfig(
        **_HANDS,
        encoder="resnet10_half",
        negatives="bank",
        bank_size=24,
        accumulation_steps=2,
    )
    pictures = peclr.load_pictures(config, "")
    return peclr.ContrastiveModel(config, pictures.make_views), pictures.batches


def _fine_tuning():
    config = FinetuneConfig(**_HANDS, encoder="resnet10_half", averaging_momentum=0.9)
    hands = hand_pose.load_labelled_hands(config, "")
    return hand_pose.build_model(config), hands.batches


def _hand_student():
    config = StudentConfig(**_HANDS, width=8, depth_width=8)

    def teacher(inputs):
        pixels = tf.reduce_mean(inputs["image"], axis=(1, 2, 3))
        depth = tf.repeat(pixels[:, None], 21, axis=1)
        return {
            "keypoints_2d": tf.stack([depth, depth], axis=-1),
            "depth": depth,
            "features": depth[:, :3],
            "valid": tf.ones_like(pixels),
        }

    return StudentModel(config, teacher, 3), open_data(config, OPTIONS).batches


def _bodies(**stage):
    config = BodyConfig(**_BODIES, **stage)
    return wild3d.build_model(config), wild3d.load_bodies(config, "").batches


TRAINERS = {
    "TIPS, adversarial": _adversarial,
    "TIPS, student": _lifter_student,
    "PeCLR, pretraining": _pretraining,
    "hand pose, fine-tuning": _fine_tuning,
    "hand student": _hand_student,
    # The stages differ in weights of the loss alone.
    "Wild3D": lambda: _bodies(depth_weight=0.1, geometric_weight=0.01, ema_momentum=0.9),
}


def _values(model, steps):
    state = [np.asarray(variable.value) for variable in model.variables]
    for optimizer in model.optimizers:
        state += [np.asarray(variable.value) for variable in optimizer.variables]
    return [value.tobytes() for value in (*state, *steps.metric_state())]


def _wipe(model):
    """Leave nothing of what was learnt or drawn, as in a process that has just begun."""
    owners = [model, *model.optimizers]
    for variable in {id(v): v for owner in owners for v in owner.variables}.values():
        variable.assign(tf.zeros_like(variable.value))


@pytest.mark.fault(
    fault="the process ends after a random step",
    trainer="each",
    happened="with memory wiped and one checkpoint read, the next steps are the same to the bit",
    lost="nothing",
)
@pytest.mark.parametrize("trainer", list(TRAINERS))
def test_the_checkpoint_of_any_step_is_all_that_the_next_ones_need(trainer, tmp_path):
    keras.utils.set_random_seed(1)
    model, batches = TRAINERS[trainer]()
    model.compile()
    steps = Steps(model, make_strategy("one_device"), 4, 1)
    checkpoints = Checkpoints(model, str(tmp_path))
    done = random.randint(1, 3)
    steps.begin(batches, 0)
    for _ in range(done):
        steps.execute()
    checkpoints.save(done, Begun(steps.metric_state()))
    saved = _values(model, steps)
    for _ in range(2):
        steps.execute()
    expected = _values(model, steps)
    assert expected != saved
    _wipe(model)
    model.reset_metrics()
    assert checkpoints.restore() == done
    steps.restore_metrics(checkpoints.begun.metrics)
    assert _values(model, steps) == saved
    steps.begin(batches, done)
    for _ in range(2):
        steps.execute()
    assert _values(model, steps) == expected, f"after step {done}"
    steps.end()
