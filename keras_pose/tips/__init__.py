"""TIPS: lifting 2D poses to 3D without 3D labels (arXiv 2205.05980), from config to served model.

Here: the choices of this paper. Not here: anything a second method could use (the shared rooms).
"""

# Models, trainer and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.tips.splits import LIFTED_JOINTS, SPLITS, part_slices
from keras_pose.tips.stop_rule import judge_pick, pick_epoch

__all__ = ["LIFTED_JOINTS", "SPLITS", "judge_pick", "part_slices", "pick_epoch"]
