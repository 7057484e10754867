"""Every trainer at its smallest, as its command: what tests of interruptions run."""

import dataclasses

STEPS, EPOCH = 24, 8
_COMMON = (f"--num_steps={STEPS}", f"--steps_per_epoch={EPOCH}", "--mode=train")
_LIFTER = (
    *("--dataset=generated", "--num_generated_frames=100", "--width=8", "--num_blocks=1"),
    *("--discriminator_blocks=1", "--batch_size=16", "--dropout=0.3"),
)
_HANDS = (
    *("--dataset=generated", "--num_generated=24", "--image_size=32", "--batch_size=4"),
    "--precision=mixed_float16",
)
_BODIES = ("--flagfile=flags/wild3d/quicktest.flags", "--num_generated=16")


@dataclasses.dataclass(frozen=True)
class TrainerCase:
    """A trainer.

    Attributes:
        name: as people call it.
        module: of its command.
        flags: what makes it small and gives it every kind of state.
        after: flag that names the run it builds on, and that run's case; empty for none.
    """

    name: str
    module: str
    flags: tuple[str, ...]
    after: tuple[str, str] | tuple[()] = ()

    @property
    def arguments(self):
        """Flags of the command but for its folder and the run that it builds on."""
        return (*self.flags, *_COMMON)


CASES = {
    # Batch statistics, seeds of dropout, what is learnt of cameras and bodies, averages.
    "tips_adversarial": TrainerCase(
        "TIPS, adversarial",
        "keras_pose.tips.train",
        (*_LIFTER, "--norm=batch", "--pitch=learnt", "--bone_ratios=learnt"),
    ),
    "tips_student": TrainerCase(
        "TIPS, student",
        "keras_pose.tips.train",
        (*_LIFTER, "--model=student"),
        ("teacher", "tips_adversarial"),
    ),
    # The bank of negatives, accumulated micro-batches, the loss scale.
    "peclr": TrainerCase(
        "PeCLR, pretraining",
        "keras_pose.peclr.train",
        (
            *_HANDS,
            *("--encoder=resnet10_half", "--warmup_steps=2", "--negatives=bank"),
            *("--bank_size=24", "--accumulation_steps=2"),
        ),
    ),
    "hand_pose": TrainerCase(
        "hand pose, fine-tuning",
        "keras_pose.hand_pose.train",
        (*_HANDS, "--encoder=resnet10_half", "--averaging_momentum=0.9"),
        ("init_from", "peclr"),
    ),
    "hand_student": TrainerCase(
        "hand student",
        "keras_pose.hand_student.train",
        (*_HANDS, "--width=8", "--depth_width=8", "--crop_scale=1.0"),
        ("teacher", "hand_pose"),
    ),
    "wild3d_stage1": TrainerCase(
        "Wild3D, stage 1",
        "keras_pose.wild3d.train",
        ("--flagfile=flags/wild3d/stage1_2d.flags", *_BODIES),
    ),
    "wild3d_stage2": TrainerCase(
        "Wild3D, stage 2",
        "keras_pose.wild3d.train",
        ("--flagfile=flags/wild3d/stage2_depth.flags", *_BODIES),
        ("init_from", "wild3d_stage1"),
    ),
    "wild3d_stage3": TrainerCase(
        "Wild3D, stage 3",
        "keras_pose.wild3d.train",
        ("--flagfile=flags/wild3d/stage3_geometric.flags", *_BODIES),
        ("init_from", "wild3d_stage2"),
    ),
}
