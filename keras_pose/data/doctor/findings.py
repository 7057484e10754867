"""What the data doctor can find: each kind of fault with its weight and what to do about it."""

import dataclasses
from collections.abc import Iterable

# "error" makes the check fail, "warning" does not; "share" is an error once more than this part of
# the set has the fault, since single labels of real sets are wrong or odd; a "note" is only counted.
MOST_ODD = 0.02
_EXAMPLES = 5


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of fault.

    Args:
        weight: "error", "warning", "share" or "note".
        what: the fault, in a few words.
        advice: what to do.
    """

    weight: str
    what: str
    advice: str


_AGAIN = "prepare the folder again, or copy it again if it was copied"
KINDS: dict[str, Kind] = {
    "index": Kind("error", "index.json cannot be used", _AGAIN),
    "missing_file": Kind("error", "a file of the index is missing", _AGAIN),
    "file_size": Kind("error", "a file's length differs from the index", _AGAIN),
    "checksum": Kind("error", "a file's SHA-256 differs from the index", _AGAIN),
    "count": Kind("error", "the number of records differs from the index", _AGAIN),
    "stray_file": Kind("warning", "a file does not belong to the set", "remove it"),
    "damaged_record": Kind("error", "a record's bytes are damaged", _AGAIN),
    "duplicate_id": Kind(
        "error", "an id is used twice", "number the records again, with each id once"
    ),
    "damaged_picture": Kind(
        "error",
        "a picture is cut off or cannot be decoded",
        "get the picture again or leave it out",
    ),
    "picture_kind": Kind(
        "warning",
        "a picture is CMYK, 16-bit, transparent or rotated by EXIF, which decoders handle "
        "differently",
        "write it with prepare, which encodes such pictures again",
    ),
    "picture_size": Kind(
        "error",
        "a picture's size differs from its record",
        "give labels and pictures of the same size; the picture may have been resized or rotated",
    ),
    "labels_of_part": Kind(
        "error",
        "all 2D joints of the set lie in the upper left part of their pictures",
        "give labels and pictures of the same size; the labels may be of smaller pictures",
    ),
    "blank_picture": Kind("error", "a picture has only one colour", "leave it out"),
    "blank_crop": Kind(
        "error",
        "inside its box a picture has only one colour",
        "correct the box or leave the record out",
    ),
    "same_picture": Kind(
        "share",
        "records have the same picture and the same box",
        "leave repeated records out; across a split they would leak",
    ),
    "not_finite": Kind(
        "error", "labels are NaN or infinite", "set them to 0 and mark the joints as not visible"
    ),
    "normalised": Kind(
        "error",
        "2D joints or the box lie between 0 and 1",
        "multiply them by width and height: labels are in pixels",
    ),
    "outside_picture": Kind(
        "share",
        "most 2D joints lie outside the picture",
        "check that labels and picture belong together and have the same size",
    ),
    "collapsed": Kind("error", "all joints are in one place", "leave the labels out"),
    "zero_joints": Kind(
        "share",
        "visible 2D joints are at exactly (0, 0), which is written for joints that were not seen",
        "set visible to 0 there, or prepare the set again",
    ),
    "nothing_visible": Kind(
        "warning",
        "there are joints, but none counts as visible",
        "set visible to 1 where a label may be used, or leave the labels out",
    ),
    "swapped_xy": Kind(
        "share", "x and y of the 2D joints are swapped", "write 2D joints as x (column), y (row)"
    ),
    "box_empty": Kind("error", "a box has no area", "give x, y, width, height in pixels"),
    "box_outside": Kind(
        "error", "a box lies outside the picture", "give x, y, width, height in pixels"
    ),
    "box_tiny": Kind(
        "share",
        "a box is smaller than 4 pixels, so its crop shows nothing",
        "check the unit of the boxes or leave the record out",
    ),
    "box_corners": Kind(
        "share",
        "boxes reach far beyond the picture",
        "if they are x1, y1, x2, y2, subtract the first corner: boxes are x, y, width, height",
    ),
    "corners_of_set": Kind(
        "error",
        "the boxes of the whole set seem to be two corners instead of corner and size",
        "subtract the first corner: boxes are x, y, width, height; then prepare the set again",
    ),
    "box_misses_hand": Kind(
        "share",
        "most joints lie outside the box",
        "check that box and joints belong to the same hand or person",
    ),
    "intrinsics_zero": Kind(
        "error", "K has a focal length of 0 or less", "give K in pixels, or no K"
    ),
    "intrinsics_row": Kind(
        "error",
        "K's last row is not 0 0 1",
        "K is transposed if its principal point is in the last row; transpose it",
    ),
    "principal_point": Kind(
        "share",
        "K's principal point lies outside the picture",
        "change K with every crop and resize of the picture: K' = M K",
    ),
    "focal_length": Kind(
        "share",
        "K's focal length is below a third or above 50 times the picture's side",
        "give K in pixels of this picture; a field of view is usually 20 to 100 degrees",
    ),
    "unit": Kind(
        "error",
        "3D joints are not in metres",
        "divide millimetres by 1000 and centimetres by 100",
    ),
    "hand_size": Kind(
        "share",
        "a hand is smaller than a baby's or larger than any adult's",
        "check the unit; a middle finger's first bone measures 2 to 7 cm",
    ),
    "scale": Kind(
        "share",
        "scale is not the length of the 3D bone middle_mcp - middle_pip",
        "give that bone's length in metres, or 0",
    ),
    "behind_camera": Kind(
        "error", "joints lie behind the camera", "negate z: it points away from the camera"
    ),
    "projection": Kind(
        "error",
        "K X is not where the 2D joints are",
        "K, 3D and 2D must be of the same camera and picture; adapt K to crops and resizes",
    ),
    "mirrored": Kind(
        "share",
        "3D and 2D joints are mirror images of each other, left and right",
        "mirror both or none: in a mirrored picture x becomes width - x, and -x in 3D",
    ),
    "upside_down": Kind(
        "share", "y of the 3D joints points up", "negate y: it points down in the camera frame"
    ),
    "different_poses": Kind(
        "share",
        "3D and 2D joints are of different poses",
        "check that both belong to the same picture and have the same joint order",
    ),
    "joint_order": Kind(
        "share",
        "joints are in a different order",
        "name the file's own order to the reader (--joint_order) or rearrange them by name",
    ),
    "order_of_set": Kind(
        "error",
        "the joints of the whole set are in a different order",
        "name the file's own order to the reader (--joint_order) or rearrange them by name",
    ),
    "finger_order": Kind(
        "share",
        "knuckles are not side by side as index, middle, ring, pinky",
        "check which finger is which in the file",
    ),
    "bone_ratios": Kind(
        "share",
        "a bone is far too short or long compared with the others",
        "check the joint order and single wrong joints",
    ),
    "side": Kind(
        "share",
        "fingers bend backwards, so the hand's side is wrong or z is negated",
        "swap the sides (MediaPipe names them as in a mirror), or negate z or x in 3D",
    ),
    "limbs_of_set": Kind(
        "error",
        "limbs of the whole set have impossible proportions: joints are in a different order, or "
        "not human",
        "name the file's own order to the reader (--joint_order) or rearrange joints by their names",
    ),
    "body_size": Kind(
        "share",
        "a person is smaller than a baby or larger than any adult",
        "check the unit; all lines of a skeleton together measure 3.3 to 4.6 m in adults",
    ),
    "body_lines": Kind(
        "share",
        "a limb is far too short or long compared with the others",
        "check the joint order and single wrong joints",
    ),
    "uneven": Kind(
        "share",
        "a limb is much longer than on the other side",
        "check single wrong joints and the joint order",
    ),
    "knees": Kind(
        "share",
        "knees bend forwards, so left and right are swapped, or z is negated",
        "swap left_ and right_ joints, or negate z: it points away from the camera",
    ),
    "twisted": Kind(
        "share",
        "shoulders and hips face opposite ways, so left and right are swapped in one of them",
        "swap left and right of the arms or of the legs",
    ),
    "sides_2d_3d": Kind(
        "share",
        "left and right are swapped between 2D and 3D joints",
        "rearrange one of them by the joints' names; mirrored pictures need both swapped",
    ),
    "missing_joints": Kind(
        "note", "persons have joints without a label", "nothing: training leaves those joints out"
    ),
    "partly_outside": Kind(
        "note",
        "persons reach beyond the picture",
        "nothing: joints outside the crop have no map and are left out",
    ),
    "box_scale": Kind(
        "share",
        "a box is far too small or large for its person",
        "check the unit of the boxes; MPII's scale counts 200 px",
    ),
    "mpii_scale": Kind(
        "share",
        "MPII's boxes do not fit the adjusted scale",
        "prepare the set again with the right --adjusted: 0.8 means it was not adjusted, 1.25 "
        "means twice",
    ),
    "head_size": Kind(
        "share",
        "head_size does not fit the person",
        "give 0.6 times the diagonal of the head box in px, or 0",
    ),
    "label": Kind(
        "warning", "a class is below -1, or a score is outside 0 to 1", "give -1 for no class"
    ),
}


@dataclasses.dataclass
class Finding:
    """One kind of fault as found in a set.

    Args:
        kind: key of `KINDS`.
        count: how many records or files have it.
        share: part of the records examined; 1 for faults of files.
        examples: the first few, in words.
    """

    kind: str
    count: int
    share: float
    examples: list[str]

    @property
    def is_error(self) -> bool:
        """Whether the set should not be used like this."""
        weight = KINDS[self.kind].weight
        return weight == "error" or (weight == "share" and self.share > MOST_ODD)

    @property
    def is_note(self) -> bool:
        """Whether it is counted only, being no fault of the set."""
        return KINDS[self.kind].weight == "note"


class Findings:
    """Collects faults by kind; memory does not grow with the number of records."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._examples: dict[str, list[str]] = {}

    def add(self, kind: str, example: str) -> None:
        """Note a fault.

        Args:
            kind: key of `KINDS`.
            example: which record or file, and what about it.
        """
        assert kind in KINDS, kind
        self._counts[kind] = self._counts.get(kind, 0) + 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < _EXAMPLES:
            examples.append(example)

    def extend(self, kinds: Iterable[tuple[str, str]], title: str) -> None:
        """Note the faults of one record.

        Args:
            kinds: pairs (kind, detail).
            title: which record.
        """
        for kind, detail in kinds:
            self.add(kind, f"{title}: {detail}" if detail else title)

    def result(self, num_examined: int) -> list[Finding]:
        """Sum up, errors first.

        Args:
            num_examined: number of records that were looked at.

        Returns:
            One finding per kind, in order of weight and count.
        """
        found = [
            Finding(kind, count, min(1.0, count / max(num_examined, 1)), self._examples[kind])
            for kind, count in self._counts.items()
        ]
        return sorted(found, key=lambda f: (not f.is_error, f.is_note, -f.count))


def findings_table(findings: list[Finding]) -> str:
    """Set findings as text: a summary table, then examples and advice for each.

    Args:
        findings: from `Findings.result`.

    Returns:
        Lines for people; one sentence if there is nothing.
    """
    if not findings:
        return "No finding."
    rows = [("weight", "finding", "count", "share", "what")]
    for finding in findings:
        kind = KINDS[finding.kind]
        weight = "ERROR" if finding.is_error else "note" if kind.weight == "note" else "warning"
        share = f"{100 * finding.share:.1f} %"
        rows.append((weight, finding.kind, str(finding.count), share, kind.what))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
        cells += [row[column].rjust(widths[column]) for column in (2, 3)]
        lines.append("  ".join([*cells, row[4]]))
    lines.insert(1, "-" * max(len(line) for line in lines))
    for finding in findings:
        lines += ["", f"{finding.kind}: {KINDS[finding.kind].advice}."]
        lines += [f"  {example}" for example in finding.examples]
        if finding.count > len(finding.examples):
            lines.append(f"  and {finding.count - len(finding.examples)} more")
    return "\n".join(lines)
