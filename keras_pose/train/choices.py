"""Words that flags may take in more than one method; free of frameworks, so that `--help` is quick."""

STRATEGIES = ("auto", "one_device", "mirrored", "multi_worker", "cpu_mirrored")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
ENCODERS = (
    "resnet10_half",
    "resnet10",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "efficientnet_lite0",
)
"""Encoders that `keras_pose.layers.build_encoder` builds."""
IMPORTED_ENCODER, IMPORTED_BACKBONE = "hand_landmark", "pose_landmark"
"""What `--encoder` of hand_pose and `--backbone` of wild3d call networks of others."""
