"""What lifters from 2D to 3D poses share: data, parts of the body, cameras, measures, served signatures.

Here: what any lifter of Human3.6M's 17 joints needs. Not here: a single method's networks, losses or
training command (`tips`).
"""

from keras_pose.lifting.splits import LIFTED_JOINTS, SPLITS, part_slices
from keras_pose.lifting.stop_rule import judge_pick, pick_epoch

__all__ = ["LIFTED_JOINTS", "SPLITS", "judge_pick", "part_slices", "pick_epoch"]
