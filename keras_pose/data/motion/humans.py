"""Generated human motion: people of random build who walk, reach, squat, sit, wave, turn and bend.

Made for demos and tests: anatomical limits hold, bones keep their lengths, feet stand on the floor
and do not slide. It is a substitute for motion capture, not a model of it.
"""

import numpy as np

from keras_pose.data.motion.angle_courses import smooth_noise
from keras_pose.data.motion.arm_activities import gesture, look_around, wave
from keras_pose.data.motion.human_body import SIDES, clip_to_limits, pose_body, random_bones
from keras_pose.data.motion.leg_activities import LEG_ACTIVITIES
from keras_pose.data.motion.motion import MotionSet
from keras_pose.skeletons import H36M_17

FRAMES_PER_SECOND = 30.0
CLIP_FRAMES = 120
_CLIPS_PER_BLOCK = 64
_SWING_ARMS_SHARE = 0.6


def generate_motion(num_frames: int, seed: int = 0) -> MotionSet:
    """Generate human motion in clips of four seconds at 30 frames per second.

    Every clip is another person (`subject` = `clip`). A pure function of its arguments; a longer
    motion begins with the shorter one.

    Args:
        num_frames: number of poses N, at least 1; the last clip is cut where it must be.
        seed: whole number.

    Returns:
        MotionSet of N poses, metres, world frame with y down, the lowest joint of every frame on
        the floor y = 0.

    Raises:
        ValueError: if `num_frames` is below 1.

    Example:
        >>> from keras_pose.data.motion import generate_motion
        >>> generate_motion(120, seed=3).poses_m.shape
        (120, 17, 3)
    """
    if num_frames < 1:
        raise ValueError(f"num_frames is {num_frames}, but must be at least 1.")
    num_clips = -(-num_frames // CLIP_FRAMES)
    poses = np.empty((num_frames, H36M_17.num_joints, 3), np.float32)
    block = _CLIPS_PER_BLOCK * CLIP_FRAMES
    for number, first in enumerate(range(0, num_frames, block)):
        # Whole blocks are drawn and then cut, so that a shorter motion is a beginning of a longer.
        made = _block(np.random.default_rng((seed % 2**63, number)))
        poses[first : first + block] = made.reshape(-1, *poses.shape[1:])[: num_frames - first]
    clip = np.repeat(np.arange(num_clips, dtype=np.int32), CLIP_FRAMES)[:num_frames]
    return MotionSet(
        poses_m=poses,
        clip=clip,
        subject=clip,
        source=f"generated human motion, seed {seed}",
        licence="Apache-2.0, no person involved",
        frames_per_second=FRAMES_PER_SECOND,
    )


def _block(rng: np.random.Generator) -> np.ndarray:
    """Generate one block of clips, `[C, T, 17, 3]`."""
    times = np.arange(CLIP_FRAMES) / FRAMES_PER_SECOND
    shape = (_CLIPS_PER_BLOCK, CLIP_FRAMES)
    angles = look_around(rng, _CLIPS_PER_BLOCK, times)
    trunk = set(angles)
    arms = gesture(rng, _CLIPS_PER_BLOCK, times)
    waves = wave(rng, _CLIPS_PER_BLOCK, times)
    waving = rng.random((_CLIPS_PER_BLOCK, 1)) < 0.12
    angles |= {name: np.where(waving, waves[name], curve) for name, curve in arms.items()}

    shares = np.array([share for _, share, _ in LEG_ACTIVITIES])
    activity = rng.choice(len(LEG_ACTIVITIES), _CLIPS_PER_BLOCK, p=shares / shares.sum())
    own_arms = rng.random(_CLIPS_PER_BLOCK) < _SWING_ARMS_SHARE
    for index, (generator, _, moves_arms) in enumerate(LEG_ACTIVITIES):
        rows = np.flatnonzero(activity == index)
        for name, curve in generator(rng, len(rows), times).items():
            whole = angles.setdefault(name, np.zeros(shape))
            if name in trunk:  # posture of the activity on top of the idle movement
                whole[rows] += curve
            elif "shoulder" in name or "elbow" in name:
                taken = own_arms[rows] if moves_arms else np.zeros(len(rows), bool)
                whole[rows[taken]] = np.broadcast_to(curve, (len(rows), len(times)))[taken]
            else:
                whole[rows] = curve
    for side in SIDES:
        raised = np.maximum(
            angles[f"{side}_shoulder_flexion"], angles[f"{side}_shoulder_abduction"]
        )
        # The shoulder blade follows the arm: about a third of the lift above 30 degrees.
        angles[f"{side}_clavicle_lift"] = 0.2 * np.maximum(0.0, raised - 30.0)
        for joint in ("hip_flexion", "knee_flexion", "shoulder_flexion", "elbow_flexion"):
            angles[f"{side}_{joint}"] = angles[f"{side}_{joint}"] + 1.5 * smooth_noise(
                rng, _CLIPS_PER_BLOCK, times
            )
    speed = rng.normal(0.0, 18.0, (_CLIPS_PER_BLOCK, 1))
    heading = rng.uniform(-180.0, 180.0, (_CLIPS_PER_BLOCK, 1)) + speed * times
    heading = heading + 4.0 * smooth_noise(rng, _CLIPS_PER_BLOCK, times)
    bones = random_bones(rng, _CLIPS_PER_BLOCK)
    return _stand(pose_body(bones, clip_to_limits(angles), heading))


def _stand(joints: np.ndarray) -> np.ndarray:
    """Put the lowest joint on the floor and move the body so that the standing foot stays put."""
    joints[..., 1] -= joints[..., 1].max(axis=-1)[..., None]
    ankles = joints[..., H36M_17.indices(("right_ankle", "left_ankle")), :]
    # y points down, so the foot with the larger y carries the weight; 2 cm decide softly.
    weight = np.exp((ankles[..., 1] - ankles[..., 1].max(axis=-1, keepdims=True)) / 0.02)
    weight = weight[:, 1:] + weight[:, :-1]
    weight /= weight.sum(axis=-1, keepdims=True)
    step = np.diff(ankles[..., ::2], axis=1)
    shift = -np.cumsum((weight[..., None] * step).sum(axis=2), axis=1)
    joints[:, 1:, :, ::2] += shift[:, :, None]
    return joints
