"""Hands, persons, and persons with their hands in one picture."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pose.predict.attachment import (
    BONE_SUM_PER_HEIGHT,
    HAND_CHAIN,
    HAND_PER_HEIGHT,
    attach_hand,
    hand_box,
    hand_length,
)
from keras_pose.predict.lens import Lens
from keras_pose.predict.network import Network
from keras_pose.predict.pose import FoundPose
from keras_pose.predict.regions import shows_something
from keras_pose.predict.settings import PredictConfig

_ARM = ("wrist", "elbow", "shoulder", "hip")


class Finder:
    """The networks of a command, with what is known of camera and size.

    Args:
        config: the command.

    Attributes:
        main: the network of --saved_model.
        hands: the network of --hands, or None.
        lens: the camera.
        size_words: for the head of a file: where the size of persons and hands comes from.

    Raises:
        ValueError: if a network is missing or of the wrong kind.
    """

    def __init__(self, config: PredictConfig) -> None:
        self._config = config
        self.lens = Lens(config)
        self.main = Network(config.saved_model)
        self.hands = Network(config.hands) if config.hands else None
        if self.hands and (self.main.kind, self.hands.kind) != ("body", "hand"):
            raise ValueError(
                f"--saved_model={config.saved_model} is a {self.main.kind} network and --hands="
                f"{config.hands} a {self.hands.kind} network; give a body and a hand network."
            )
        if config.height_m and self.main.kind != "body":
            raise ValueError(
                f"--height_m={config.height_m:g} is for persons, but --saved_model is a hand "
                "network; give --bone_length_m."
            )
        if config.side == "auto":
            self._sides = ("left", "right") if self.hands else ("right",)
        else:
            self._sides = ("left", "right") if config.side == "both" else (config.side,)
        self._length_m, self.size_words = self._size()

    def _size(self):
        config, network = self._config, self.main
        if config.bone_length_m:
            length, words = config.bone_length_m, f"given: {config.bone_length_m:g} m"
        elif config.height_m:
            length = BONE_SUM_PER_HEIGHT * config.height_m
            words = f"given: a height of {config.height_m:g} m, bones of {length:.3f} m"
        else:
            length = network.typical_m
            words = (
                f"assumed: the typical {length:.3g} m; metres are only as accurate as this, so "
                f"give --bone_length_m{' or --height_m' if network.kind == 'body' else ''}"
            )
        words = f"{words} ({network.words})"
        if self.hands and config.hand_bone_length_m:
            words += f". Hands: given: {config.hand_bone_length_m:g} m ({self.hands.words})"
        elif self.hands:
            words += (
                f". Hands on bodies: wrist to the tip of the middle finger is {HAND_PER_HEIGHT} of the "
                f"height (Drillis and Contini 1966), {hand_length(length):.3f} m"
            )
        return length, words

    def side_of(self, side: str, name: str) -> str:
        """Say which hand a box of a hand network alone is of.

        Args:
            side: what the box says, or "".
            name: of the picture, for the message.

        Returns:
            "left", "right", or "" for a body network.

        Raises:
            ValueError: if the command leaves it to the boxes, and this one says nothing.
        """
        if self.main.kind == "body":
            return ""
        if side:
            return side
        if len(self._sides) > 1:
            raise ValueError(
                f"{name}: --side=both needs boxes that say left or right; add a column to --boxes, or "
                "give --side=left or --side=right."
            )
        return self._sides[0]

    def everybody(
        self, name: str, image: np.ndarray, entries: Sequence[tuple[np.ndarray, str]]
    ) -> list[FoundPose]:
        """Look at all boxes of a picture.

        Args:
            name: of the picture.
            image: uint8 `[H, W, 3]` RGB.
            entries: boxes `[4]`, px, each with "left", "right" or "" of a whole person.

        Returns:
            Per box a hand or a body, a body's hands after it; empty without boxes.

        Raises:
            ValueError: if a hand's box does not say which hand it is, and it must.
        """
        if self.hands is None:
            sides = [self.side_of(side, name) for _, side in entries]
            return self.look(name, image, [box for box, _ in entries], sides)
        if not entries:
            return []
        of_bodies = [box for box, side in entries if not side]
        of_hands = [(box, side) for box, side in entries if side]
        if not of_bodies:
            # A file may name the hands alone; their body is then somewhere in the picture.
            of_bodies = [np.array([0.0, 0.0, image.shape[1], image.shape[0]])]
        bodies = self.look(name, image, of_bodies, [""] * len(of_bodies))
        return self.attach(bodies, self.add_hands(name, image, bodies, of_hands))

    def look(
        self, name: str, image: np.ndarray, boxes: Sequence[np.ndarray], sides: Sequence[str]
    ) -> list[FoundPose]:
        """Look at boxes with the network of --saved_model.

        Args:
            name: of the picture.
            image: uint8 `[H, W, 3]` RGB.
            boxes: N times `[4]`, px.
            sides: N times from `side_of`.

        Returns:
            N poses.
        """
        camera = self.lens.of(*image.shape[:2])
        return self.main.find(name, image, boxes, sides, camera, self._length_m)

    def add_hands(
        self,
        name: str,
        image: np.ndarray,
        bodies: Sequence[FoundPose],
        given: Sequence[tuple[np.ndarray, str]] = (),
    ) -> list[FoundPose]:
        """Look for the hands of bodies.

        Args:
            name: of the picture.
            image: uint8 `[H, W, 3]` RGB.
            bodies: what `look` found.
            given: boxes of hands with their sides, px; each belongs to the body with the nearest such
                wrist. Empty looks at the ends of the forearms.

        Returns:
            The hands as their network found them, numbered like their bodies, not yet attached.
        """
        if self.hands is None:
            return []
        wanted: list[tuple[np.ndarray, str, int]] = []
        for box, side in given:
            owner = _nearest(bodies, side, box)
            if owner is not None:
                wanted.append((box, side, owner))
        if not given:
            for body in bodies:
                for side in self._sides:
                    box = self._forearm_box(body, side, image.shape)
                    if box is not None:
                        wanted.append((box, side, body.person))
        if not wanted:
            return []
        boxes, sides, owners = zip(*wanted, strict=True)
        camera = self.lens.of(*image.shape[:2])
        length = self._config.hand_bone_length_m or self.hands.typical_m
        hands = self.hands.find(name, image, boxes, sides, camera, length)
        return [
            dataclasses.replace(hand, person=owner)
            for hand, owner in zip(hands, owners, strict=True)
        ]

    def _forearm_box(self, body, side, shape):
        rows = [body.skeleton.index(f"{side}_{joint}") for joint in _ARM]
        is_sure = bool((body.score[rows[:2]] >= self._config.min_score).all())
        if not (body.is_valid and is_sure):
            return None
        box = hand_box(*body.keypoints_2d[rows])
        return box if box is not None and shows_something(box, shape) else None

    def attach(self, bodies: Sequence[FoundPose], hands: Sequence[FoundPose]) -> list[FoundPose]:
        """Set hands on the wrists of their bodies.

        Args:
            bodies: in any frame.
            hands: from `add_hands`.

        Returns:
            Per body the body and then its hands; hands or bodies without metres stay as they are.
        """
        poses = []
        for body in bodies:
            poses.append(body)
            poses += [self._attach(body, hand) for hand in hands if hand.person == body.person]
        return poses

    def _attach(self, body, hand):
        if self.hands is None or body.keypoints_3d is None or hand.keypoints_3d is None:
            return hand
        bones, length = self.hands.reference_bones, self._config.hand_bone_length_m
        if not length:
            rows = hand.skeleton.indices(HAND_CHAIN)
            bones, length = list(zip(rows[:-1], rows[1:], strict=True)), hand_length(self._length_m)
        found = attach_hand(
            body.keypoints_3d,
            hand.keypoints_3d,
            body.skeleton.index(f"{hand.side}_wrist"),
            hand.skeleton.index("wrist"),
            bones,
            length,
        )
        is_metric = not (body.is_root_relative or hand.is_root_relative)
        return dataclasses.replace(
            hand,
            keypoints_3d=found.points,
            is_root_relative=body.is_root_relative,
            is_attached=True,
            wrist_gap_m=found.wrist_gap_m if is_metric else None,
            scale=found.scale,
        )


def _nearest(bodies, side, box):
    """Return the number of the person whose wrist is nearest to a box; None without persons."""
    distances = {
        body.person: np.linalg.norm(
            body.keypoints_2d[body.skeleton.index(f"{side}_wrist")] - (box[:2] + box[2:] / 2)
        )
        for body in bodies
        if body.is_valid
    }
    return min(distances, key=lambda person: distances[person]) if distances else None
