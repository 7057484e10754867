"""What the sets of generated bodies differ in: persons, places, lights, cameras.

All draws hang on (seed, style), so sets of other seeds or styles have no person and place in common.
"""

import dataclasses
import functools

import numpy as np

from keras_pose.data.generated.backgrounds import Backgrounds
from keras_pose.data.generated.body_camera import BodyCamera, lab_cameras, random_camera
from keras_pose.data.generated.body_look import (
    BodyLight,
    BodyLook,
    random_body_light,
    random_body_look,
)
from keras_pose.data.generated.body_poses import PosePool, random_lengths
from keras_pose.data.generated.body_scene import Room, draw_room, lab_room, open_ground, random_room
from keras_pose.data.motion.humans import generate_motion

# Words of the key beside seed and style, so that no draw of a person meets one of a picture.
_PERSON, _PICTURE, _PLACE, _LIGHT = 1, 2, 3, 4
_GENERATED_FRAMES = 30720
_LAB_ROOMS, _TEST_PLACES = 2, 24


@dataclasses.dataclass(frozen=True)
class BodyStyle:
    """One kind of pictures.

    Attributes:
        name: of the style.
        number: word of the key of all draws.
        is_lab: one light, fixed cameras, plain rooms and clothes.
        people: number of persons; 0 where every picture shows another one.
        widen: least and greatest side of the picture over that of the body's box.
        shift: how far the body lies off the middle at most, as a share of its box.
        pitch_deg: least and greatest angle of looking down.
        distance_m: least and greatest distance of the camera.
        roll_deg: standard deviation of the camera's roll.
        room_share: share of pictures in a room or on open ground that fits the camera.
        picture_share: share of the other pictures with a photograph behind, if there are any.
        picture_part: which half of the photographs.
        occluded_share: share of pictures with something in front.
        cut_share: share of pictures that do not hold the whole body.
    """

    name: str
    number: int
    is_lab: bool
    people: int
    widen: tuple[float, float]
    shift: float
    pitch_deg: tuple[float, float]
    distance_m: tuple[float, float]
    roll_deg: float
    room_share: float
    picture_share: float
    picture_part: int
    occluded_share: float
    cut_share: float

    def picture_draws(self, seed: int, index: int) -> np.random.Generator:
        """Return the source of all draws of one picture."""
        return np.random.default_rng((seed, self.number, _PICTURE, index))

    def poses(self, seed: int) -> PosePool:
        """Return generated motion, other for every seed and style."""
        return _generated_poses(3 * seed + self.number)

    def person(self, seed: int, number: int) -> tuple[BodyLook, np.ndarray]:
        """Return a person's looks and the factors of the bones' lengths, float64 `[17]`."""
        return _person(seed, self.number, number, self.is_lab)

    def camera(self, rng: np.random.Generator, joints: np.ndarray) -> BodyCamera:
        """Draw the camera of a picture; joints float64 `[17, 3]` in metres, world frame."""
        if self.is_lab:
            cameras = lab_cameras()
            return cameras[int(rng.integers(len(cameras)))]
        return random_camera(rng, joints, self.pitch_deg, self.distance_m, self.roll_deg)

    def light(self, seed: int, rng: np.random.Generator) -> BodyLight:
        """Draw the light of a picture; a laboratory has one light for all."""
        if self.is_lab:
            rng = np.random.default_rng((seed, self.number, _LIGHT))
        return random_body_light(rng, plain=self.is_lab)

    def ground(
        self,
        rng: np.random.Generator,
        seed: int,
        person: int,
        camera: BodyCamera,
        intrinsics: np.ndarray,
        size: int,
        backgrounds: Backgrounds | None,
    ) -> np.ndarray:
        """Draw what lies behind a body.

        Args:
            rng: source of the picture's draws.
            seed: of the set.
            person: number of the person; laboratories show each in one of two rooms.
            camera: world frame.
            intrinsics: float64 `[3, 3]` of the picture.
            size: side of the picture in pixels.
            backgrounds: photographs and generated grounds; None for generated ones.

        Returns:
            uint8 `[H, W, 3]` RGB.
        """
        if self.is_lab:
            room = _place(seed, self.number, person % _LAB_ROOMS, True)
            return draw_room(room, camera, intrinsics, size)
        if rng.random() < self.room_share:
            number = int(rng.integers(_TEST_PLACES if self.people else 2**31))
            room = _place(seed, self.number, number, False)
            return draw_room(room, camera, intrinsics, size, rng.uniform(0.7, 1.1))
        return (backgrounds or Backgrounds()).draw(rng, size, size)


BODY_STYLES = {
    style.name: style
    for style in (
        BodyStyle(
            name="lab",
            number=0,
            is_lab=True,
            people=5,
            widen=(1.05, 1.25),
            shift=0.04,
            pitch_deg=(0, 0),
            distance_m=(1, 1),
            roll_deg=0.0,
            room_share=1.0,
            picture_share=0.0,
            picture_part=0,
            occluded_share=0.0,
            cut_share=0.0,
        ),
        BodyStyle(
            name="wild",
            number=1,
            is_lab=False,
            people=0,
            widen=(1.1, 1.6),
            shift=0.12,
            pitch_deg=(-20, 30),
            distance_m=(1.9, 8.0),
            roll_deg=3.5,
            room_share=0.4,
            picture_share=0.75,
            picture_part=0,
            occluded_share=0.3,
            cut_share=0.12,
        ),
        BodyStyle(
            name="test",
            number=2,
            is_lab=False,
            people=8,
            widen=(1.05, 1.35),
            shift=0.08,
            pitch_deg=(-12, 22),
            distance_m=(2.4, 6.0),
            roll_deg=1.5,
            room_share=0.5,
            picture_share=0.75,
            picture_part=1,
            occluded_share=0.1,
            cut_share=0.0,
        ),
    )
}


@functools.lru_cache(maxsize=4)
def _generated_poses(seed: int) -> PosePool:
    return PosePool(generate_motion(_GENERATED_FRAMES, seed))


@functools.lru_cache(maxsize=64)
def _person(seed: int, style: int, number: int, is_lab: bool) -> tuple[BodyLook, np.ndarray]:
    rng = np.random.default_rng((seed, style, _PERSON, number))
    return random_body_look(rng, plain=is_lab), random_lengths(rng)


@functools.lru_cache(maxsize=64)
def _place(seed: int, style: int, number: int, is_lab: bool) -> Room:
    rng = np.random.default_rng((seed, style, _PLACE, number))
    if is_lab:
        return lab_room(rng)
    return random_room(rng) if rng.random() < 0.5 else open_ground(rng)
