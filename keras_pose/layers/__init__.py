"""Keras layers that two methods could share.

Here: building blocks with weights. Not here: whole networks of one paper (they live with their method).
"""

from keras_pose.layers.batch_norm import BatchNorm
from keras_pose.layers.hourglass import UpsampledSum, build_hourglass
from keras_pose.layers.mobilenet import build_mobilenet
from keras_pose.layers.pointwise import PointwiseConvolution
from keras_pose.layers.preactivation import INITS, PreactivationResidual, convolution_initializers
from keras_pose.layers.residual_mlp import DenseUnit, ResidualMLP
from keras_pose.layers.resnet import build_resnet

__all__ = [
    "INITS",
    "BatchNorm",
    "DenseUnit",
    "PointwiseConvolution",
    "PreactivationResidual",
    "ResidualMLP",
    "UpsampledSum",
    "build_hourglass",
    "build_mobilenet",
    "build_resnet",
    "convolution_initializers",
]
