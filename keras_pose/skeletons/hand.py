"""Joint orders of one hand: FreiHAND, AIT (PeCLR's own) and MediaPipe.

A hand has no left/right pairs inside it: mirroring turns a left hand into a right one, so the
flip pairs are empty. All three orders hold the same 21 places. FreiHAND and AIT count every
finger, the thumb too, as mcp, pip, dip, tip; MediaPipe calls the thumb's cmc, mcp, ip, tip.
"""

from keras_pose.skeletons.skeleton import Skeleton, build_skeleton

FINGERS = ("thumb", "index", "middle", "ring", "pinky")
_SEGMENTS = ("mcp", "pip", "dip", "tip")


def _parent(finger: str, segments: tuple[str, ...], position: int) -> str:
    return "wrist" if position == 0 else f"{finger}_{segments[position - 1]}"


# Finger after finger.
HAND_21_FREIHAND = build_skeleton(
    "hand_21_freihand",
    (
        ("wrist", None),
        *(
            (f"{finger}_{segment}", _parent(finger, _SEGMENTS, position))
            for finger in FINGERS
            for position, segment in enumerate(_SEGMENTS)
        ),
    ),
)

# Ring after ring: all mcp, then all pip, dip, tip.
HAND_21_AIT = build_skeleton(
    "hand_21_ait",
    (
        ("wrist", None),
        *(
            (f"{finger}_{segment}", _parent(finger, _SEGMENTS, position))
            for position, segment in enumerate(_SEGMENTS)
            for finger in FINGERS
        ),
    ),
)

_MEDIAPIPE_SEGMENTS = {finger: _SEGMENTS for finger in FINGERS} | {
    "thumb": ("cmc", "mcp", "ip", "tip")
}

# FreiHAND's places under MediaPipe Hand Landmarker's names.
HAND_21_MEDIAPIPE = build_skeleton(
    "hand_21_mediapipe",
    (
        ("wrist", None),
        *(
            (f"{finger}_{segment}", _parent(finger, _MEDIAPIPE_SEGMENTS[finger], position))
            for finger in FINGERS
            for position, segment in enumerate(_MEDIAPIPE_SEGMENTS[finger])
        ),
    ),
)

HANDS: tuple[Skeleton, ...] = (HAND_21_FREIHAND, HAND_21_AIT, HAND_21_MEDIAPIPE)
