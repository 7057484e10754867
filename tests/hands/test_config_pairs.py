"""Settings that contradict each other are refused in one sentence that names the flags."""

import pytest

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.peclr.config import PretrainConfig


@pytest.mark.parametrize(
    ("config_class", "values", "words"),
    [
        (PretrainConfig, {"scale_low": 2.0}, ("--scale_low=2.0", "--scale_high")),
        (PretrainConfig, {"num_steps": 5}, ("--warmup_steps=500", "--num_steps=5")),
        (
            PretrainConfig,
            {"augmentation": "official", "augment_on": "device", "inverse": "official"},
            ("--augmentation=official", "--augment_on"),
        ),
        (PretrainConfig, {"augmentation": "official"}, ("--inverse=affine", "--inverse=official")),
        (
            PretrainConfig,
            {"augmentation": "official", "inverse": "official", "shift_range": 0.2},
            ("--shift_range=0.2", "--augmentation=exact"),
        ),
        (
            PretrainConfig,
            {"augmentation": "official", "inverse": "none", "angle_range_deg": 22.5},
            ("--angle_range_deg=22.5", "--augmentation=official"),
        ),
        (
            PretrainConfig,
            {"augmentation": "official", "inverse": "none", "color_strength": 0.5},
            ("--color_strength=0.5", "--augmentation=official"),
        ),
        (
            PretrainConfig,
            {"augmentation": "official", "inverse": "none", "corrections": "border,hue"},
            ("--corrections=border,hue", "'hue'", "jitter_unit"),
        ),
        (
            PretrainConfig,
            {"corrections": "border"},
            ("--corrections=border", "--augmentation=official"),
        ),
        (PretrainConfig, {"center_points": True}, ("--center_points", "--inverse=affine")),
        (
            PretrainConfig,
            {"translation_scale": "unit", "inverse": "centered"},
            ("--translation_scale", "--inverse=centered"),
        ),
        (PretrainConfig, {"init": "imagenet"}, ("--init=imagenet", ".pth")),
        (PretrainConfig, {"encoder": "vgg"}, ("--encoder=vgg", "resnet50")),
        (PretrainConfig, {"temperature": 0.0}, ("--temperature=0.0",)),
        (FinetuneConfig, {"train_ratio": 0.5}, ("--train_ratio=0.5", "--split=published")),
        (
            FinetuneConfig,
            {"train_ratio": 0.5, "split": "published", "num_labels": 3},
            ("--num_labels=3", "--train_ratio=0.5"),
        ),
        (
            FinetuneConfig,
            {"init_from": "run", "init": "a.pth"},
            ("--init=a.pth", "--init_from=run"),
        ),
        (FinetuneConfig, {"warmup_steps": 4000}, ("--warmup_steps=4000", "--num_steps=4000")),
    ],
)
def test_contradictions_name_the_flags(config_class, values, words):
    with pytest.raises(ValueError) as caught:
        config_class(**values)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    for word in words:
        assert word in message


def test_the_defaults_of_both_stages_keep_out_the_same_groups():
    pretraining, finetuning = PretrainConfig(), FinetuneConfig()
    assert pretraining.val_share == finetuning.val_share
    assert pretraining.split_seed == finetuning.split_seed


def test_what_is_put_right_takes_any_angle_and_strength():
    settings = {"augmentation": "official", "inverse": "none", "corrections": "angle,color,angle"}
    config = PretrainConfig(**settings, angle_range_deg=22.5, color_strength=0.5)
    assert config.correction_names == ("angle", "color")
    assert PretrainConfig().correction_names == ()
