"""What each --source of `prepare` reads, and which of the flags belong to it.

Readers are imported when they are asked for, so that none is paid for by the others.
"""

import os
from collections.abc import Callable
from typing import Any

from keras_pose.data.prepare_settings import DEFAULT_SIZES, SOURCE_FLAGS
from keras_pose.data.records.record import RecordSource
from keras_pose.train.config import listed


def source_settings(config: Any) -> dict[str, Any]:
    """Return what the records of a source depend on, besides its input.

    Args:
        config: a `PrepareConfig`.

    Returns:
        JSON-ready; the same for the same records, so that a folder begun before is recognised.
    """
    own = {field: getattr(config, field) for field in ("source", *SOURCE_FLAGS[config.source])}
    if "size" in own:
        own["size"] = _size(config)
    if own.get("head_field") == "head_size":  # younger than the folders that lack it
        del own["head_field"]
    if own.get("where") == "":  # likewise
        del own["where"]
    if config.source == "coco" and own["group_field"] == "group":  # likewise
        del own["group_field"]
    return own


def open_source(config: Any) -> RecordSource:
    """Open the data set that a config names.

    Args:
        config: a `PrepareConfig`.

    Returns:
        Its records, unread.

    Raises:
        ValueError: if the data set is missing, damaged or of another layout.
    """
    return _READERS[config.source](config)


def _freihand(config: Any) -> RecordSource:
    from keras_pose.data.datasets.freihand import read_freihand

    versions = listed(config.versions)
    return read_freihand(config.input, config.split or "training", versions)


def _youtube_3d_hands(config: Any) -> RecordSource:
    from keras_pose.data.datasets.youtube_3d_hands import read_youtube_3d_hands

    if not config.joint_regressor:
        raise ValueError(
            "--joint_regressor is missing; give MANO's, 16 x 778 numbers as .npy or .npz; it is "
            "not shipped, since it is under MANO's licence (docs/data.md)."
        )
    return read_youtube_3d_hands(
        config.input, config.joint_regressor, config.split or "train", config.mirror_left
    )


def _folder(config: Any) -> RecordSource:
    from keras_pose.data.datasets.picture_folder import read_picture_folder

    return read_picture_folder(
        config.input,
        config.boxes or None,
        side=config.side or "unknown",
        licence=config.licence or "not stated",
        name=config.name,
    )


def _keypoint_json(config: Any) -> RecordSource:
    from keras_pose.data.datasets.keypoint_json import KeypointFields, read_keypoint_json

    fields = KeypointFields(
        label=config.label_field,
        side=config.side_field,
        side_is_mirrored=config.side_is_mirrored,
        score=config.score_field,
        box=config.box_field,
        group=config.group_field,
        head_size=config.head_field,
    )
    return read_keypoint_json(
        config.input,
        config.pictures or None,
        config.joint_order,
        fields,
        licence=config.licence,
        name=config.name,
        where=_conditions(config.where),
    )


def _generated_hands(config: Any) -> RecordSource:
    from keras_pose.data.generated.hands import hand_source

    return hand_source(
        config.num,
        config.seed,
        size=_size(config),
        side=config.side or "right",
        backgrounds=config.backgrounds or None,
    )


def _generated_bodies(config: Any) -> RecordSource:
    from keras_pose.data.generated.bodies import body_source

    motion = None
    if config.motion:
        from keras_pose.data.motion.bvh_folder import load_bvh_folder
        from keras_pose.data.motion.cmu_mocap17 import load_cmu_mocap17

        read = load_bvh_folder if os.path.isdir(config.motion) else load_cmu_mocap17
        motion = read(config.motion)
    return body_source(
        config.num,
        config.seed,
        size=_size(config),
        style=config.style,
        motion=motion,
        backgrounds=config.backgrounds or None,
        labels_3d=config.labels_3d,
    )


def _mpii(config: Any) -> RecordSource:
    from keras_pose.data.datasets.mpii import read_mpii

    adjusted = {"": None, "yes": True, "no": False}[config.adjusted]
    return read_mpii(config.input, config.pictures or None, adjusted, config.split)


def _coco(config: Any) -> RecordSource:
    from keras_pose.data.datasets.coco_keypoints import read_coco_keypoints

    return read_coco_keypoints(
        config.input,
        config.pictures or None,
        config.min_joints,
        where=_conditions(config.where),
        group_field=config.group_field,
    )


def _lsp(config: Any) -> RecordSource:
    from keras_pose.data.datasets.lsp import read_lsp

    return read_lsp(config.input, config.pictures or None, config.split, config.min_joints)


def _human36m_pictures(config: Any) -> RecordSource:
    from keras_pose.data.datasets.human36m_pictures import read_human36m_pictures

    return read_human36m_pictures(
        config.input,
        config.split or "train",
        subjects=_names(config.subjects),
        every=config.every or 5,
        size=_size(config),
    )


def _mpi_inf_3dhp_pictures(config: Any) -> RecordSource:
    from keras_pose.data.datasets.mpi_inf_3dhp_pictures import read_mpi_inf_3dhp_pictures

    return read_mpi_inf_3dhp_pictures(
        config.input,
        config.split or "train",
        subjects=_names(config.subjects),
        every=config.every,
        size=_size(config),
        universal=config.universal,
    )


def _conditions(text: str) -> dict[str, list[str]]:
    """`licence=MIT|Apache-2.0,source=people_ccp` to admitted values by field."""
    conditions = {}
    for word in filter(None, text.split(",")):
        name, equals, values = word.partition("=")
        if not (name.strip() and equals and values):
            raise ValueError(
                f"--where={text}: {word!r} is not a condition; give field=value|value, separated "
                "by commas."
            )
        conditions[name.strip()] = [value.strip() for value in values.split("|")]
    return conditions


def _size(config: Any) -> int:
    return config.size or DEFAULT_SIZES[config.source]


def _names(text: str) -> tuple[str, ...] | None:
    return listed(text) or None


_READERS: dict[str, Callable[[Any], RecordSource]] = {
    "freihand": _freihand,
    "youtube_3d_hands": _youtube_3d_hands,
    "folder": _folder,
    "keypoint_json": _keypoint_json,
    "generated_hands": _generated_hands,
    "generated_bodies": _generated_bodies,
    "mpii": _mpii,
    "coco": _coco,
    "lsp": _lsp,
    "human36m_pictures": _human36m_pictures,
    "mpi_inf_3dhp_pictures": _mpi_inf_3dhp_pictures,
}
