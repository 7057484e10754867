"""Joint orders of the body: Human3.6M, MPII, LSP, COCO and MPI-INF-3DHP.

Left and right are the person's own. Orders are facts of the data sets; the sources stand beside
each one.
"""

from keras_pose.skeletons.skeleton import Skeleton, build_skeleton

_LEGS = (
    ("pelvis", None),
    ("right_hip", "pelvis"),
    ("right_knee", "right_hip"),
    ("right_ankle", "right_knee"),
    ("left_hip", "pelvis"),
    ("left_knee", "left_hip"),
    ("left_ankle", "left_knee"),
)
_TRUNK = (("spine", "pelvis"), ("thorax", "spine"), ("nose", "thorax"), ("head", "nose"))
_LEFT_ARM = (
    ("left_shoulder", "thorax"),
    ("left_elbow", "left_shoulder"),
    ("left_wrist", "left_elbow"),
)
_RIGHT_ARM = (
    ("right_shoulder", "thorax"),
    ("right_elbow", "right_shoulder"),
    ("right_wrist", "right_elbow"),
)

# VideoPose3D's and LInKs' order, the house's own: left arm before right arm. `thorax` is the base
# of the neck, `nose` is called neck/nose elsewhere, `head` is the top of the head.
H36M_17 = build_skeleton("h36m_17", (*_LEGS, *_TRUNK, *_LEFT_ARM, *_RIGHT_ARM))

# ElePose's file order: the same joints, but the right arm at 11-13 and the left at 14-16. Nothing
# in the numbers tells the two apart, so files of either kind must be named.
H36M_17_RIGHT_ARM_FIRST = build_skeleton(
    "h36m_17_right_arm_first", (*_LEGS, *_TRUNK, *_RIGHT_ARM, *_LEFT_ARM)
)

# The 32 joints of the Human3.6M motion files. Several are copies (spine_base = pelvis, the
# clavicles = thorax, the wrist ends) or ends without meaning.
H36M_32 = build_skeleton(
    "h36m_32",
    (
        ("pelvis", None),
        ("right_hip", "pelvis"),
        ("right_knee", "right_hip"),
        ("right_ankle", "right_knee"),
        ("right_toe", "right_ankle"),
        ("right_toe_end", "right_toe"),
        ("left_hip", "pelvis"),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
        ("left_toe", "left_ankle"),
        ("left_toe_end", "left_toe"),
        ("spine_base", "pelvis"),
        ("spine", "spine_base"),
        ("thorax", "spine"),
        ("nose", "thorax"),
        ("head", "nose"),
        ("left_clavicle", "thorax"),
        ("left_shoulder", "left_clavicle"),
        ("left_elbow", "left_shoulder"),
        ("left_wrist", "left_elbow"),
        ("left_hand", "left_wrist"),
        ("left_thumb", "left_hand"),
        ("left_wrist_end", "left_wrist"),
        ("left_hand_end", "left_wrist_end"),
        ("right_clavicle", "thorax"),
        ("right_shoulder", "right_clavicle"),
        ("right_elbow", "right_shoulder"),
        ("right_wrist", "right_elbow"),
        ("right_hand", "right_wrist"),
        ("right_thumb", "right_hand"),
        ("right_wrist_end", "right_wrist"),
        ("right_hand_end", "right_wrist_end"),
    ),
)

# MPII Human Pose annotation order. `thorax` lies between the shoulders, `upper_neck` where the
# neck meets the head.
_MPII = (
    ("right_ankle", "right_knee"),
    ("right_knee", "right_hip"),
    ("right_hip", "pelvis"),
    ("left_hip", "pelvis"),
    ("left_knee", "left_hip"),
    ("left_ankle", "left_knee"),
    ("pelvis", None),
    ("thorax", "pelvis"),
    ("upper_neck", "thorax"),
    ("head_top", "upper_neck"),
    ("right_wrist", "right_elbow"),
    ("right_elbow", "right_shoulder"),
    ("right_shoulder", "thorax"),
    ("left_shoulder", "thorax"),
    ("left_elbow", "left_shoulder"),
    ("left_wrist", "left_elbow"),
)
MPII_16 = build_skeleton("mpii_16", _MPII)


def _with_spine(joint: str, parent: str | None) -> tuple[str, str | None]:
    # Nothing hangs from the middle of the back but the neck, and the shoulders hang from the neck.
    if parent == "thorax":
        parent = "spine" if joint == "upper_neck" else "upper_neck"
    return "spine" if joint == "thorax" else joint, parent


# The rows of MPII as Human3.6M and MPI-INF-3DHP fill them: row 7 is the middle of the back instead of
# the place between the shoulders, `upper_neck` the base of the neck, where the clavicles begin. 3D
# labels come in this order, since weak perspective is taken about that spine.
MPII_16_SPINE = build_skeleton("mpii_16_spine", [_with_spine(*entry) for entry in _MPII])

# Leeds Sports Pose and its extended set: MPII's legs and arms, then neck and top of the head. There
# is no pelvis, so the tree hangs from the neck.
LSP_14 = build_skeleton(
    "lsp_14",
    (
        ("right_ankle", "right_knee"),
        ("right_knee", "right_hip"),
        ("right_hip", "neck"),
        ("left_hip", "neck"),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
        ("right_wrist", "right_elbow"),
        ("right_elbow", "right_shoulder"),
        ("right_shoulder", "neck"),
        ("left_shoulder", "neck"),
        ("left_elbow", "left_shoulder"),
        ("left_wrist", "left_elbow"),
        ("neck", None),
        ("head_top", "neck"),
    ),
)

# COCO keypoints. COCO has no pelvis, so the tree hangs from the nose along COCO's drawn edges.
COCO_17 = build_skeleton(
    "coco_17",
    (
        ("nose", None),
        ("left_eye", "nose"),
        ("right_eye", "nose"),
        ("left_ear", "left_eye"),
        ("right_ear", "right_eye"),
        ("left_shoulder", "left_ear"),
        ("right_shoulder", "right_ear"),
        ("left_elbow", "left_shoulder"),
        ("right_elbow", "right_shoulder"),
        ("left_wrist", "left_elbow"),
        ("right_wrist", "right_elbow"),
        ("left_hip", "left_shoulder"),
        ("right_hip", "right_shoulder"),
        ("left_knee", "left_hip"),
        ("right_knee", "right_hip"),
        ("left_ankle", "left_knee"),
        ("right_ankle", "right_knee"),
    ),
)

# MPI-INF-3DHP training annotations (annot.mat): all 28 joints of the capture system.
MPI_INF_3DHP_28 = build_skeleton(
    "mpi_inf_3dhp_28",
    (
        ("spine3", "spine2"),
        ("spine4", "spine3"),
        ("spine2", "spine"),
        ("spine", "pelvis"),
        ("pelvis", None),
        ("neck", "spine4"),
        ("head", "neck"),
        ("head_top", "head"),
        ("left_clavicle", "neck"),
        ("left_shoulder", "left_clavicle"),
        ("left_elbow", "left_shoulder"),
        ("left_wrist", "left_elbow"),
        ("left_hand", "left_wrist"),
        ("right_clavicle", "neck"),
        ("right_shoulder", "right_clavicle"),
        ("right_elbow", "right_shoulder"),
        ("right_wrist", "right_elbow"),
        ("right_hand", "right_wrist"),
        ("left_hip", "pelvis"),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
        ("left_foot", "left_ankle"),
        ("left_toe", "left_foot"),
        ("right_hip", "pelvis"),
        ("right_knee", "right_hip"),
        ("right_ankle", "right_knee"),
        ("right_foot", "right_ankle"),
        ("right_toe", "right_foot"),
    ),
)

# MPI-INF-3DHP test annotations, the 17 joints that its tools call relevant; their parents too.
MPI_INF_3DHP_17 = build_skeleton(
    "mpi_inf_3dhp_17",
    (
        ("head_top", "neck"),
        ("neck", "spine"),
        ("right_shoulder", "neck"),
        ("right_elbow", "right_shoulder"),
        ("right_wrist", "right_elbow"),
        ("left_shoulder", "neck"),
        ("left_elbow", "left_shoulder"),
        ("left_wrist", "left_elbow"),
        ("right_hip", "pelvis"),
        ("right_knee", "right_hip"),
        ("right_ankle", "right_knee"),
        ("left_hip", "pelvis"),
        ("left_knee", "left_hip"),
        ("left_ankle", "left_knee"),
        ("pelvis", None),
        ("spine", "pelvis"),
        ("head", "neck"),
    ),
)

# MediaPipe Pose (BlazePose), its 33 landmarks in their order. There is no pelvis, so the tree hangs from
# the nose as COCO's does.
BODY_33_MEDIAPIPE = build_skeleton(
    "body_33_mediapipe",
    (
        ("nose", None),
        ("left_eye_inner", "nose"),
        ("left_eye", "left_eye_inner"),
        ("left_eye_outer", "left_eye"),
        ("right_eye_inner", "nose"),
        ("right_eye", "right_eye_inner"),
        ("right_eye_outer", "right_eye"),
        ("left_ear", "left_eye_outer"),
        ("right_ear", "right_eye_outer"),
        ("left_mouth", "nose"),
        ("right_mouth", "nose"),
        ("left_shoulder", "nose"),
        ("right_shoulder", "nose"),
        ("left_elbow", "left_shoulder"),
        ("right_elbow", "right_shoulder"),
        ("left_wrist", "left_elbow"),
        ("right_wrist", "right_elbow"),
        ("left_pinky", "left_wrist"),
        ("right_pinky", "right_wrist"),
        ("left_index", "left_wrist"),
        ("right_index", "right_wrist"),
        ("left_thumb", "left_wrist"),
        ("right_thumb", "right_wrist"),
        ("left_hip", "left_shoulder"),
        ("right_hip", "right_shoulder"),
        ("left_knee", "left_hip"),
        ("right_knee", "right_hip"),
        ("left_ankle", "left_knee"),
        ("right_ankle", "right_knee"),
        ("left_heel", "left_ankle"),
        ("right_heel", "right_ankle"),
        ("left_foot_index", "left_heel"),
        ("right_foot_index", "right_heel"),
    ),
)

BODIES: tuple[Skeleton, ...] = (
    H36M_17,
    H36M_17_RIGHT_ARM_FIRST,
    H36M_32,
    MPII_16,
    MPII_16_SPINE,
    LSP_14,
    COCO_17,
    MPI_INF_3DHP_28,
    MPI_INF_3DHP_17,
    BODY_33_MEDIAPIPE,
)
