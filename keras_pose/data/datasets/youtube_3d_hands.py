"""YouTube 3D Hands (Kulon et al. 2020, arXiv 2004.01946): meshes fitted to frames of 102 videos.

The annotations are `youtube_{train,val,test}.json`; the frames must be fetched from the videos by
the user. Joints come from the mesh through a 16 x 778 matrix that the user supplies, since it falls
under MANO's own licence; nothing of MANO is part of this package. Academic use only.
"""

import os
import pathlib
import pickle

import cv2
import numpy as np

from keras_pose.data.pictures.picture import decode_picture, encode_picture, read_picture
from keras_pose.data.pictures.picture_size import check_picture_size
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files import read_json
from keras_pose.files.arrays import check_is_file
from keras_pose.skeletons import HAND_21_FREIHAND

LICENCE = "YouTube 3D Hands: academic, non-commercial; cite Kulon et al., CVPR 2020"
_VERTICES = 778
# MANO's joints and the vertices at the tips of the fingers (joint order of FreiHAND).
_MANO_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_JOINTS = (
    "wrist",
    *(f"{finger}_{part}" for finger in _MANO_FINGERS for part in ("mcp", "pip", "dip")),
)
_TIPS = {"thumb": 744, "index": 320, "middle": 443, "ring": 555, "pinky": 672}
_REGRESSOR_ADVICE = (
    "give MANO's joint regressor (J_regressor), 16 x 778 numbers, as .npy or .npz; it is not "
    "shipped, since it is under MANO's licence (docs/data.md)"
)


def read_joint_regressor(path: str | os.PathLike[str]) -> np.ndarray:
    """Read the matrix that makes joints of a MANO mesh.

    Args:
        path: `.npy`, or `.npz` with one array, of `[16, 778]` numbers.

    Returns:
        float64 `[16, 778]`.

    Raises:
        ValueError: if the file is missing, damaged, of another shape, or its rows do not sum to 1.
    """
    path = check_is_file(path, _REGRESSOR_ADVICE)
    try:
        with open(path, "rb") as file:
            content = np.load(file, allow_pickle=False)
            if isinstance(content, np.lib.npyio.NpzFile):
                names = content.files
                if len(names) != 1:
                    raise ValueError(f"the archive holds {len(names)} arrays instead of one")
                content = content[names[0]]
            matrix = np.array(content, np.float64)
    except (OSError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path} cannot be read as an array ({str(error)[:80]}); {_REGRESSOR_ADVICE}."
        ) from error
    if matrix.shape != (16, _VERTICES):
        raise ValueError(f"{path} has the shape {list(matrix.shape)}; {_REGRESSOR_ADVICE}.")
    if not np.allclose(matrix.sum(1), 1, atol=1e-3):
        raise ValueError(f"{path}: the rows do not sum to 1; {_REGRESSOR_ADVICE}.")
    return matrix


def mesh_joints(vertices: np.ndarray, regressor: np.ndarray) -> np.ndarray:
    """Return the joints of a MANO mesh: regressed ones, and single vertices for the finger tips.

    Args:
        vertices: float `[..., 778, D]`, any unit.
        regressor: float `[16, 778]`.

    Returns:
        float64 `[..., 21, D]`, HAND_21_FREIHAND order.

    Raises:
        ValueError: if the mesh has another number of vertices.
    """
    vertices = np.asarray(vertices, np.float64)
    if vertices.ndim < 2 or vertices.shape[-2] != _VERTICES:
        raise ValueError(f"The mesh has the shape {list(vertices.shape)}; give [..., 778, D].")
    points = dict(zip(_JOINTS, np.moveaxis(regressor @ vertices, -2, 0), strict=True))
    points |= {f"{finger}_tip": vertices[..., vertex, :] for finger, vertex in _TIPS.items()}
    return np.stack([points[name] for name in HAND_21_FREIHAND.joints], axis=-2)


def read_youtube_3d_hands(
    path: str | os.PathLike[str],
    joint_regressor: str | os.PathLike[str],
    split: str = "train",
    mirror_left: bool = True,
) -> RecordSource:
    """Describe one part of YouTube 3D Hands.

    A frame is looked for under its name and with `.png` replaced by `.jpg`; annotations without a
    frame are left out and counted in a note. `id` is the annotation's, `group` the frame's folder,
    that is the video. Labels are 2D only: the mesh's third coordinate has no metric unit.

    Args:
        path: folder with `youtube_<split>.json` and the frames.
        joint_regressor: file for `read_joint_regressor`.
        split: "train", "val" or "test".
        mirror_left: turn left hands into right ones, as the published runs do: the picture is
            mirrored and x becomes width - x.

    Returns:
        The records; the box is that of the mesh.

    Raises:
        ValueError: if files are missing, damaged or do not fit together, or no frame is there.
    """
    root = pathlib.Path(path)
    if split not in ("train", "val", "test"):
        raise ValueError(
            f"--split={split} is not part of YouTube 3D Hands; give train, val or test."
        )
    regressor = read_joint_regressor(joint_regressor)
    file = root / f"youtube_{split}.json"
    content = read_json(file, object_hook=_with_packed_mesh)
    try:
        names = {image["id"]: str(image["name"]) for image in content["images"]}
        sizes = {
            image["id"]: {key: image[key] for key in ("width", "height")}
            for image in content["images"]
        }
        annotations = [
            (annotation, names[annotation["image_id"]]) for annotation in content["annotations"]
        ]
        ids = [int(annotation["id"]) for annotation, _ in annotations]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{file} lacks {error} of an image or annotation; get the file again (docs/data.md)."
        ) from error
    if len(set(ids)) != len(ids):
        ids = list(range(len(ids)))
    found = {name: _frame(root, name) for _, name in annotations}
    kept = [n for n, (_, name) in enumerate(annotations) if found[name] is not None]
    if not kept:
        raise ValueError(
            f"{root} has none of the {len(found)} frames that {file.name} names, for example "
            f"{next(iter(found), 'none')}; extract them from the videos first."
        )
    absent = len(annotations) - len(kept)
    notes = (f"{absent} of {len(annotations)} annotations have no frame and were left out.",)

    def read(position: int) -> Record:
        annotation, name = annotations[kept[position]]
        frame = found[name]
        assert frame is not None
        image, height, width = read_picture(root / frame, frame)
        check_picture_size(frame, width, height, sizes[annotation["image_id"]], file.name)
        try:
            vertices = np.array(annotation["vertices"], np.float64)
            points = mesh_joints(vertices, regressor)[:, :2]
            is_left = bool(annotation["is_left"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file.name}: annotation {ids[kept[position]]} of {frame} has no mesh of 778 "
                f"vertices ({str(error)[:60]}); leave it out."
            ) from error
        low, high = vertices[:, :2].min(0), vertices[:, :2].max(0)
        if is_left and mirror_left:
            mirrored = cv2.flip(decode_picture(image, frame), 1)
            image = encode_picture(mirrored, "jpeg" if image[:2] == b"\xff\xd8" else "png")
            points[:, 0] = width - points[:, 0]
            low[0], high[0] = width - high[0], width - low[0]
        return Record(
            id=ids[kept[position]],
            source="youtube_3d_hands",
            name=frame,
            image=image,
            height=height,
            width=width,
            keypoints_2d=points,
            box=np.concatenate([low, high - low]),
            side="left" if is_left and not mirror_left else "right",
            group=str(pathlib.PurePosixPath(frame).parent),
        )

    return RecordSource(
        "youtube_3d_hands", LICENCE, HAND_21_FREIHAND.name, len(kept), read, notes if absent else ()
    )


def _with_packed_mesh(entry):
    """Return the same with its mesh as an array: 47,000 meshes as lists would fill gigabytes."""
    try:
        entry["vertices"] = np.array(entry["vertices"], np.float64)
    except (KeyError, TypeError, ValueError):
        # No annotation, or a bad one, which is named when its turn comes.
        pass
    return entry


def _frame(root, name):
    """Return the name of a frame that is there, or None."""
    for candidate in (name, os.path.splitext(name)[0] + ".jpg"):
        if (root / candidate).is_file():
            return candidate
    return None
