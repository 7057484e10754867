"""What `python -m keras_pose.data.prepare` can be told, and which flags belong to which source."""

import dataclasses

from keras_pose.train.config import check_ranges, option

# Flags of each source; any other flag must keep its default.
SOURCE_FLAGS: dict[str, tuple[str, ...]] = {
    "freihand": ("split", "versions"),
    "youtube_3d_hands": ("split", "joint_regressor", "mirror_left"),
    "folder": ("boxes", "side"),
    "keypoint_json": (
        *("pictures", "joint_order", "label_field", "side_field", "side_is_mirrored"),
        *("score_field", "box_field", "group_field", "head_field", "where"),
    ),
    "generated_hands": ("num", "seed", "size", "side", "backgrounds"),
    "generated_bodies": ("num", "seed", "size", "style", "motion", "backgrounds", "labels_3d"),
    "mpii": ("pictures", "split", "adjusted"),
    "coco": ("pictures", "min_joints", "where", "group_field"),
    "lsp": ("pictures", "split", "min_joints"),
    "human36m_pictures": ("split", "subjects", "every", "size"),
    "mpi_inf_3dhp_pictures": ("split", "subjects", "every", "size", "universal"),
}
# What --size means where it is left out.
DEFAULT_SIZES = {
    "generated_hands": 128,
    "generated_bodies": 256,
    "human36m_pictures": 256,
    "mpi_inf_3dhp_pictures": 256,
}
# Sources that draw their pictures and so need no --input.
GENERATED = ("generated_hands", "generated_bodies")
_SHARED = (
    *("source", "input", "output", "name", "licence"),
    *("max_bad_fraction", "shard_size", "num_threads"),
)


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """What to turn into records; flags that a source does not know must keep their default.

    Raises:
        ValueError: if a value is out of range or --output is missing.
    """

    source: str = option(
        "folder",
        "Kind of data set; docs/data.md describes each.",
        choices=tuple(SOURCE_FLAGS),
    )
    input: str = option(
        "",
        "Folder of the data set; for keypoint_json and coco the JSON file, for mpii either.",
        exists="either",
    )
    output: str = option("", "Folder for the records; an unfinished folder is resumed.")
    name: str = option("", "Short name of the set; by default the source's or the folder's.")
    licence: str = option("", "Licence of your own pictures, recorded in the index.")
    max_bad_fraction: float = option(
        0.0, "Share of bad records that may be skipped, counted and listed.", low=0, high=1
    )
    shard_size: int = option(4096, "Maximum number of records per file.", low=1)
    num_threads: int = option(2, "Number of pictures read in parallel.", low=1)
    split: str = option(
        "",
        "freihand: training or evaluation; youtube_3d_hands: train, val or test; mpii: train or val; "
        "lsp, human36m_pictures, mpi_inf_3dhp_pictures: train or test.",
    )
    versions: str = option(
        "gs,hom,sample,auto", "freihand: which backgrounds, separated by commas."
    )
    joint_regressor: str = option(
        "", "youtube_3d_hands: your .npy or .npz of 16 x 778 numbers.", exists="file"
    )
    mirror_left: bool = option(True, "youtube_3d_hands: turn left hands into right ones.")
    boxes: str = option("", "folder: .csv or .json file of hand boxes.", exists="file")
    pictures: str = option(
        "",
        "keypoint_json, mpii, coco, lsp: folder of the pictures; by default images/ next to the file.",
        exists="folder",
    )
    joint_order: str = option(
        "hand_21_freihand",
        "keypoint_json: order of the joints in the file; coco_17, mpii_16, lsp_14, h36m_17 for bodies.",
    )
    label_field: str = option("", "keypoint_json: field of the class.")
    side_field: str = option("", "keypoint_json: field that says left or right.")
    side_is_mirrored: bool = option(
        False, "keypoint_json: sides are named as in a mirror (as in MediaPipe Hands)."
    )
    score_field: str = option("", "keypoint_json: field of a pseudo label's score.")
    box_field: str = option("bbox", "keypoint_json: field of the hand's box.")
    group_field: str = option("group", "keypoint_json, coco: field of session, person or scene.")
    where: str = option(
        "",
        "coco, keypoint_json: only annotations whose fields have one of these values, such as "
        "licence=MIT|Apache-2.0,source=mine.",
    )
    head_field: str = option("head_size", "keypoint_json: field of the head size for PCKh, in px.")
    min_joints: int = option(6, "coco, lsp: skip people with fewer labelled joints.", low=1)
    adjusted: str = option(
        "",
        "mpii: yes or no, whether the file's centres and scales are already adjusted; detected if "
        "empty.",
        choices=("", "yes", "no"),
    )
    subjects: str = option(
        "",
        "human36m_pictures, mpi_inf_3dhp_pictures: names such as S9,S11; if empty, those of "
        "the split.",
    )
    every: int = option(
        0,
        "human36m_pictures: every n-th video frame, 5 (default) or 200 for a quick test; "
        "mpi_inf_3dhp_pictures: likewise, 25 in training and every valid frame in testing.",
        low=0,
    )
    universal: bool = option(
        True, "mpi_inf_3dhp_pictures: 3D joints scaled to one height, as in its evaluation."
    )
    style: str = option("lab", "generated_bodies: kind of scene.", choices=("lab", "wild", "test"))
    motion: str = option(
        "",
        "generated_bodies: .npz of cmu_mocap17 or a folder of BVH files; sampled poses if empty.",
        exists="either",
    )
    labels_3d: bool = option(True, "generated_bodies: write 3D labels too, not only 2D.")
    side: str = option(
        "", "folder: right or left if all are; generated_hands: right (default), left or both."
    )
    num: int = option(10_000, "generated_hands, generated_bodies: how many.", low=1)
    seed: int = option(0, "generated_hands, generated_bodies: seed.", low=0)
    size: int = option(
        0,
        "generated_hands, generated_bodies: side of the pictures in px, 128 and 256 by default; "
        "human36m_pictures, mpi_inf_3dhp_pictures: side of the person's box, 256 by default.",
        low=0,
    )
    backgrounds: str = option(
        "", "generated_hands, generated_bodies: folder of background pictures.", exists="folder"
    )

    def __post_init__(self):
        check_ranges(self)
        if self.size and self.size < 32:
            raise ValueError(f"--size={self.size} is too small; give at least 32.")
        if not self.output:
            raise ValueError("--output is missing; name the folder for the records.")
        if not self.input and self.source not in GENERATED:
            raise ValueError(f"--input is missing; name the data set for --source={self.source}.")
        known = (*_SHARED, *SOURCE_FLAGS[self.source])
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for field, value in dataclasses.asdict(self).items():
            if field not in known and value != defaults[field]:
                raise ValueError(
                    f"--{field}={value} has no effect with --source={self.source}; omit it."
                )
