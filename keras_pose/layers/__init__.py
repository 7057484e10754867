"""Keras layers that two methods could share.

Here: building blocks with weights. Not here: whole networks of one paper (they live with their method).
"""

from keras_pose.layers.batch_norm import BatchNorm
from keras_pose.layers.pointwise import PointwiseConvolution
from keras_pose.layers.residual_mlp import DenseUnit, ResidualMLP
from keras_pose.layers.resnet import build_resnet

__all__ = ["BatchNorm", "DenseUnit", "PointwiseConvolution", "ResidualMLP", "build_resnet"]
