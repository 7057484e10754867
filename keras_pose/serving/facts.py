"""The signatures of a served network as rows of its card, from its metadata."""

from collections.abc import Mapping

from keras_pose.export import SignatureFact, TensorFact
from keras_pose.serving.metadata import Metadata

_PICTURE = "x right, y down, from the top-left corner"
_CAMERA = "camera: x right, y down, z forward"
# Signatures whose pixels are those of crops.
_OF_CROPS = ("serve_crop", "keypoints", "embed", "decoded", "heatmaps")
_SCORES = {
    "none": "1: this network knows no scores",
    "presence": "probability that the joint is seen; of hands, that a hand is there",
    "heatmap_peak": "peak of the joint's map, about 1 when sure",
}
_OPEN = {
    "image_bytes": ("none", "none", "JPEG or PNG files, upright; EXIF is not read"),
    "image": ("grey levels 0 to 255", _PICTURE, "RGB"),
    "bbox": ("{pixels}", _PICTURE, "x, y, width, height around the {kind}"),
    "K": ("{pixels}", "x right, y down", "camera matrix, upper triangular, last row 0 0 1"),
    "bone_length_m": ("metres", "none", "{length}"),
    "is_left": ("none", "none", "1 for a left hand, 0 for a right one"),
    "keypoints_2d": ("{pixels}", _PICTURE, "joints"),
    "keypoints_3d": ("metres", "{frame}", "joints; zeros where valid is 0"),
    "depth": ("{depth}", "z forward", "relative to the root"),
    "score": ("none", "none", "{score}"),
    "sigma_2d": ("{pixels}", _PICTURE, "standard deviation of x and of y, isotropic Laplace"),
    "sigma_depth": ("{depth}", "z forward", "standard deviation of the depth, Gaussian"),
    "sigma_3d": ("metres", _CAMERA, "standard deviation along each axis; zeros where valid is 0"),
    "valid": ("none", "none", "1, or 0 where the row cannot be answered"),
    "features": ("none", "none", "what the pose head reads"),
}


def phone_words(
    z_unit: str, depth_unit: str, stride: int
) -> dict[str, dict[str, tuple[str, str, str]]]:
    """Say what the signatures for phones take and give, which the contract does not know.

    Args:
        z_unit: unit of `z`.
        depth_unit: unit of `depth` and `depth_maps`.
        stride: px of the crop per px of a map.

    Returns:
        What `signature_facts` takes as `more`.
    """
    image = {"image": ("0 to 1", "x right, y down", "RGB crop, grey levels over 255")}
    axes = (
        ("x", "pixels of the crop", "right"),
        ("y", "pixels of the crop", "down"),
        ("z", z_unit, "forward, the network's own root"),
    )
    place = f"a map pixel is {stride} x {stride} of the crop"
    return {
        "decoded": image
        | {name: (unit, frame, "joints, one axis each") for name, unit, frame in axes}
        | {"sigma_depth": (z_unit, "forward", "standard deviation of z, Gaussian")},
        "heatmaps": image
        | {
            "heatmaps": ("none", place, "one map per joint, peak about 1"),
            "depth": (depth_unit, "z forward", "relative to a root that the network alone knows"),
            "depth_maps": (depth_unit, "z forward", "each joint's depth, to be read at the joint"),
        },
    }


def signature_facts(
    metadata: Metadata, more: Mapping[str, Mapping[str, tuple[str, str, str]]] | None = None
) -> tuple[SignatureFact, ...]:
    """Write what goes in and out of every signature of a network.

    Args:
        metadata: of the network, with its signatures.
        more: signature name to tensor name to (unit, frame, meaning), for what the contract does not
            know or what differs.

    Returns:
        One fact per signature.

    Raises:
        ValueError: if nobody says what a tensor means.
    """
    return tuple(
        SignatureFact(
            name,
            tuple(_fact(metadata, name, key, spec, more) for key, spec in fact["inputs"].items()),
            tuple(_fact(metadata, name, key, spec, more) for key, spec in fact["outputs"].items()),
        )
        for name, fact in metadata.signatures.items()
    )


def _fact(metadata, signature, name, spec, more):
    words = (more or {}).get(signature, {}).get(name) or _OPEN.get(name)
    if words is None:
        raise ValueError(
            f"The meaning of {name!r} of signature {signature!r} is missing: pass it to "
            "signature_facts."
        )
    rootless = signature in ("serve_bytes", "serve_box")
    length = metadata.bone_length
    gaps = {
        "pixels": "pixels of the crop" if signature in _OF_CROPS else "pixels of the picture",
        "kind": "person" if metadata.kind == "body" else metadata.kind,
        "length": length.words if length else "none",
        "frame": f"axes of the camera; {metadata.root} at 0" if rootless else _CAMERA,
        "depth": metadata.depth_unit,
        "score": _SCORES[metadata.score],
    }
    unit, frame, meaning = (text.format(**gaps) for text in words)
    letters = [
        "NHW"[axis] if size is None else str(size) for axis, size in enumerate(spec["shape"])
    ]
    return TensorFact(name, spec["dtype"], f"[{', '.join(letters)}]", unit, frame, meaning)
