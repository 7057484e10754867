"""Keras layers that two methods could share.

Here: building blocks with weights. Not here: a paper's whole network (it belongs to its method).
"""

from keras_pose.layers.batch_norm import BatchNorm
from keras_pose.layers.clipped_relu import ClippedRelu
from keras_pose.layers.coupling import AffineCoupling, CouplingFlow
from keras_pose.layers.depthwise import DepthwiseConvolution
from keras_pose.layers.efficientnet_lite import (
    LITE_OFFSET,
    LITE_SCALE,
    build_efficientnet_lite,
)
from keras_pose.layers.efficientnet_weights import find_lite_weights, load_lite_weights
from keras_pose.layers.hourglass import UpsampledSum, build_hourglass
from keras_pose.layers.mobilenet import build_mobilenet
from keras_pose.layers.pointwise import PointwiseConvolution
from keras_pose.layers.preactivation import INITS, PreactivationResidual, convolution_initializers
from keras_pose.layers.pyramid import build_pyramid, feature_levels
from keras_pose.layers.residual_mlp import DenseUnit, ResidualMLP
from keras_pose.layers.resnet import build_resnet
from keras_pose.layers.trunks import build_trunk

__all__ = [
    "INITS",
    "LITE_OFFSET",
    "LITE_SCALE",
    "AffineCoupling",
    "BatchNorm",
    "ClippedRelu",
    "CouplingFlow",
    "DenseUnit",
    "DepthwiseConvolution",
    "PointwiseConvolution",
    "PreactivationResidual",
    "ResidualMLP",
    "UpsampledSum",
    "build_efficientnet_lite",
    "build_hourglass",
    "build_mobilenet",
    "build_pyramid",
    "build_resnet",
    "build_trunk",
    "convolution_initializers",
    "feature_levels",
    "find_lite_weights",
    "load_lite_weights",
]
