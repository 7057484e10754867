"""A served network as the predictor sees it: joints, typical size, and poses in boxes."""

import warnings
from collections.abc import Sequence

import numpy as np

from keras_pose.predict.pose import FoundPose
from keras_pose.serving import Metadata, ServedPose
from keras_pose.skeletons import Skeleton, build_skeleton, by_name


class Network:
    """A network with its metadata.

    Args:
        folder: version folder that a method's export wrote.

    Attributes:
        folder: the folder.
        kind: "hand" or "body".
        skeleton: the joint order.
        reference_bones: pairs of rows whose lengths together are the known bone length.
        typical_m: what they usually measure together, m.
        words: what they are, for people.
        depth_unit: of the poses' depth.
        name: of the model.
        version: of the model.

    Raises:
        ValueError: if the folder holds no such network.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._served = ServedPose(folder)
        metadata = self._served.metadata
        if metadata.bone_length is None:
            raise ValueError(
                f"{folder} has no bone length in its metadata.json, so its poses have no size; "
                "give a network of hands or bodies in pictures."
            )
        self.name, self.version = metadata.name, metadata.version
        self.kind = metadata.kind
        self.skeleton = _skeleton(metadata)
        bones = metadata.bone_length.bones
        self.reference_bones = [
            (self.skeleton.index(start), self.skeleton.index(end)) for start, end in bones
        ]
        self.typical_m = float(metadata.bone_length.typical_m)
        self.words = metadata.bone_length.words
        self.depth_unit = metadata.depth_unit

    def find(
        self,
        picture: str,
        image: np.ndarray,
        boxes: Sequence[np.ndarray],
        sides: Sequence[str],
        camera: np.ndarray | None,
        bone_length_m: float,
    ) -> list[FoundPose]:
        """Look at boxes of one picture.

        Args:
            picture: name for the results.
            image: uint8 `[H, W, 3]` RGB.
            boxes: N times `[4]`, x, y, width, height in px.
            sides: N times "left" or "right"; "" of bodies.
            camera: float `[3, 3]` in px, or None.
            bone_length_m: the known length, m.

        Returns:
            N poses in the order of the boxes, persons numbered in that order.
        """
        poses: list[FoundPose | None] = [None] * len(boxes)
        for is_left in (False, True):
            rows = [row for row, side in enumerate(sides) if (side == "left") == is_left]
            if not rows:
                continue
            with warnings.catch_warnings():
                # The command says it once, of all pictures.
                warnings.filterwarnings("ignore", message="intrinsics: ")
                found = self._served.predict(
                    image,
                    np.array([boxes[row] for row in rows], np.float64),
                    camera,
                    bone_length_m,
                    is_left,
                )
            for row, one in zip(rows, found, strict=True):
                poses[row] = FoundPose(
                    picture=picture,
                    person=row,
                    kind=self.kind,
                    side=sides[row],
                    skeleton=self.skeleton,
                    box=one.box,
                    keypoints_2d=one.keypoints_2d,
                    score=one.score,
                    depth=one.depth,
                    keypoints_3d=one.keypoints_3d,
                    is_root_relative=one.is_root_relative,
                    # Points may be known where metres are not: a pose may leave its depth open.
                    is_valid=bool(np.any(one.keypoints_2d)),
                    sigma_2d=one.sigma_2d,
                    sigma_depth=one.sigma_depth,
                )
        return [pose for pose in poses if pose is not None]


def _skeleton(metadata: Metadata) -> Skeleton:
    """Return the house's order of that name; a tree of the metadata's bones where there is none."""
    try:
        known = by_name(metadata.skeleton)
        if known.joints == tuple(metadata.joints):
            return known
    except ValueError:
        pass
    joints = list(metadata.joints)
    parents = {child: parent for parent, child in metadata.bones}
    tree = [
        (joint, joints[parents[row]] if row in parents else None)
        for row, joint in enumerate(joints)
    ]
    return build_skeleton(metadata.skeleton, tree)
