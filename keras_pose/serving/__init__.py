"""What exported networks share: one contract for hands and bodies, from bytes to metres.

`docs/serving.md` describes it. A method describes its network as a `PoseNetwork`; the signatures, the
input checks, the metadata, the loaded model and the files that servers read are the same for all.
Not here: a method's network or its training, the loop over pictures and videos (`predict`).
"""

import typing

import keras_pose

if typing.TYPE_CHECKING:
    from keras_pose.serving.contract import PoseNetwork, contract_signatures, hostile_inputs
    from keras_pose.serving.metadata import (
        BoneLength,
        Metadata,
        describe_signatures,
        describe_skeleton,
        read_metadata,
        write_metadata,
    )
    from keras_pose.serving.pose_model import Found, ServedPose
    from keras_pose.serving.warmup import WARMUP_FILE, read_warmup, write_warmup

__all__ = [
    "WARMUP_FILE",
    "BoneLength",
    "Found",
    "Metadata",
    "PoseNetwork",
    "ServedPose",
    "contract_signatures",
    "describe_signatures",
    "describe_skeleton",
    "hostile_inputs",
    "read_metadata",
    "read_warmup",
    "write_metadata",
    "write_warmup",
]

_HOMES = ("contract", "metadata", "pose_model", "warmup")

__getattr__ = keras_pose.lazy_names(__name__, _HOMES, __all__)
