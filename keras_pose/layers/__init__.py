"""Keras layers that two methods could share.

Here: building blocks with weights. Not here: whole networks of one paper (they live with their method).
"""

from keras_pose.layers.residual_mlp import DenseUnit, ResidualMLP

__all__ = ["DenseUnit", "ResidualMLP"]
