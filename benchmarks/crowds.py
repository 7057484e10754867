"""A finder on pictures of several persons: `python -m benchmarks.crowds --finder=<find_people>`.

Pictures are generated bodies, pasted by their outlines onto one ground, the smaller ones behind; or, with
`--pictures`, labelled photographs of one person each, side by side. Either way every box is known.
"""

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import machine
from benchmarks.networks import drawn_labels, overlap
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.generated.backgrounds import Backgrounds
from keras_pose.data.generated.bodies import GeneratedBody, generate_body
from keras_pose.data.pictures.boxes import square_box
from keras_pose.predict.finder import Finder
from keras_pose.predict.search import Search
from keras_pose.predict.settings import PredictConfig
from keras_pose.serving.found_boxes import ServedFinder
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

HEIGHT, WIDTH = 480, 640
FEWEST, MOST = 2, 6
_OVERLAP = 0.5
# Persons stand in front of each other, but each can be told apart.
_MOST_SHARED = 0.3
_TRIES = 200
_SHARES = (0.3, 0.4, 0.55, 0.75, 10.0)


@dataclasses.dataclass(frozen=True)
class Crowd:
    """One picture.

    Attributes:
        image: uint8 `[H, W, 3]` RGB.
        boxes: float64 `[P, 4]`, squares about the persons, x, y, width, height px.
    """

    image: np.ndarray
    boxes: np.ndarray


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: if a value is out of range or there is no finder.
    """

    finder: str = option("", "Version folder of a finder of persons.")
    saved_model: str = option(
        "",
        "Network of bodies, with which keras_pose.predict looks closer; empty asks the finder once.",
    )
    look_closer: str = option(
        "auto", "As keras_pose.predict takes it.", choices=("auto", "always", "never")
    )
    pictures: str = option(
        "", "Folder with annotations.json, in COCO's format, and images; empty renders persons."
    )
    backgrounds: str = option(
        "", "Folder of pictures behind rendered persons; empty draws grounds."
    )
    num: int = option(50, "Pictures.", low=1)
    seed: int = option(3, "Seed of the pictures.", low=0)
    sheet: str = option("", "JPEG file to write with the first twelve pictures and their boxes.")
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        if not self.finder:
            raise ValueError("Give --finder, for instance savedmodels/find_people/1.")


def rendered_crowd(index: int, seed: int, backgrounds: Backgrounds) -> Crowd:
    """Paste generated persons into one picture.

    Args:
        index: number of the picture.
        seed: of all pictures.
        backgrounds: what lies behind.

    Returns:
        The picture with 2 to 6 persons, whole inside it; their boxes are those of their outlines, of
        which another person may hide some.
    """
    random = np.random.default_rng((seed, index))
    image = backgrounds.draw(random, HEIGHT, WIDTH).astype(np.float32)
    count = int(random.integers(FEWEST, MOST + 1))
    sides = np.sort((HEIGHT * random.uniform(0.3, 1.0, count)).astype(int))
    boxes: list[np.ndarray] = []
    for side in sides:
        body, outline = _whole_body(random, int(side))
        box = np.array(cv2.boundingRect(outline.astype(np.uint8)), np.float64)
        for _ in range(_TRIES):
            place = random.integers(0, [WIDTH - side + 1, HEIGHT - side + 1])
            moved = square_box(box + [*place, 0, 0])
            if all(overlap(moved, other) <= _MOST_SHARED for other in boxes):
                break
        else:
            continue
        x, y = place
        soft = cv2.GaussianBlur(outline.astype(np.float32), (0, 0), 0.7)[..., None]
        under = image[y : y + side, x : x + side]
        under += soft * (body.image - under)
        boxes.append(moved)
    return Crowd(image.clip(0, 255).astype(np.uint8), np.array(boxes))


def _whole_body(random: np.random.Generator, side: int) -> tuple[GeneratedBody, np.ndarray]:
    """Draw a person, whole inside a square of `side` px, and where the person is, bool `[S, S]`."""
    while True:
        body = generate_body(int(random.integers(2**31)), 1, size=side, style="test", people=0)
        seen = (body.buffer.primitive >= 0).astype(np.uint8)
        outline = cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA) > 0
        border = outline[[0, -1]].any() or outline[:, [0, -1]].any()
        if body.visible.all() and not border:
            return body, outline


def photographed_crowds(folder: str, num: int, seed: int) -> Iterator[Crowd]:
    """Put photographs of one person each side by side, up to three in a row, all as high.

    Args:
        folder: with `annotations.json` and `images`.
        num: pictures.
        seed: of the draw.

    Yields:
        Pictures with 2 to 6 persons; their boxes are squares about the labels'.
    """
    random = np.random.default_rng(seed)
    labels = drawn_labels(folder, num * MOST, seed)
    for _ in range(num):
        count = int(random.integers(FEWEST, MOST + 1))
        taken = [label for label, _ in zip(labels, range(count), strict=False)]
        rows = [taken] if count <= 3 else [taken[: count // 2], taken[count // 2 :]]
        height, boxes, strips = HEIGHT // len(rows), [], []
        for number, row in enumerate(rows):
            left = 0.0
            parts = []
            for label in row:
                scale = height / label.image.shape[0]
                width = max(round(label.image.shape[1] * scale), 1)
                parts.append(cv2.resize(label.image, (width, height)))
                boxes.append(square_box(label.box * scale + [left, number * height, 0, 0]))
                left += width
            strips.append(np.concatenate(parts, axis=1))
        widest = max(strip.shape[1] for strip in strips)
        strips = [np.pad(s, [(0, 0), (0, widest - s.shape[1]), (0, 0)]) for s in strips]
        yield Crowd(np.concatenate(strips), np.array(boxes))


def measure(find: Callable[[np.ndarray], list[np.ndarray]], crowds: list[Crowd]) -> dict[str, Any]:
    """Count who is found.

    Args:
        find: function of a picture to boxes `[4]`, the surest first.
        crowds: the pictures.

    Returns:
        `pictures`; `persons`; `found`, persons with a box of intersection over union 0.5 or more, each
        box of one person at most; `recall`; `boxes`, all that were given; `precision`; `by_share`, rows
        of (highest side of a person over the picture's longer side, persons, found); `ms`.
    """
    every, hits, num_boxes, milliseconds = [], [], 0, []
    for crowd in crowds:
        begin = time.perf_counter()
        boxes = find(crowd.image)
        milliseconds.append(1e3 * (time.perf_counter() - begin))
        num_boxes += len(boxes)
        matched = match(crowd.boxes, boxes)
        hits += matched
        every += (crowd.boxes[:, 3] / max(crowd.image.shape[:2])).tolist()
    by_share, low = [], 0.0
    for high in _SHARES:
        chosen = [hit for share, hit in zip(every, hits, strict=True) if low <= share < high]
        by_share.append([high, len(chosen), sum(chosen)])
        low = high
    return {
        "pictures": len(crowds),
        "persons": len(hits),
        "found": sum(hits),
        "recall": sum(hits) / len(hits),
        "boxes": num_boxes,
        "precision": sum(hits) / max(num_boxes, 1),
        "by_share": by_share,
        "ms": statistics.median(milliseconds),
    }


def match(persons: np.ndarray, boxes: list[np.ndarray]) -> list[bool]:
    """Tell who is found.

    Args:
        persons: true boxes `[P, 4]`.
        boxes: `[4]` each, the surest first; each takes the person that it overlaps most and who is free.

    Returns:
        Per person whether a box of intersection over union 0.5 or more is theirs.
    """
    found = [False] * len(persons)
    for box in boxes:
        shares = [
            0.0 if found[number] else overlap(person, box) for number, person in enumerate(persons)
        ]
        best = int(np.argmax(shares))
        found[best] = found[best] or shares[best] >= _OVERLAP
    return found


def _sheet(path: str, crowds: list[Crowd], find: Callable) -> None:
    """Draw true boxes in green and found ones in red."""
    tiles = []
    for crowd in crowds[:12]:
        image = np.ascontiguousarray(crowd.image[..., ::-1])
        for boxes, colour in ((crowd.boxes, (0, 255, 0)), (find(crowd.image), (0, 0, 255))):
            for x, y, width, height in np.round(np.reshape(boxes, (-1, 4))).astype(int).tolist():
                cv2.rectangle(image, (x, y), (x + width, y + height), colour, 2)
        tiles.append(cv2.resize(image, (WIDTH // 2, HEIGHT // 2)))
    blank = [np.zeros_like(tiles[0])] * (-len(tiles) % 4)
    tiles += blank
    rows = [np.concatenate(tiles[row : row + 4], axis=1) for row in range(0, len(tiles), 4)]
    cv2.imwrite(path, np.concatenate(rows))


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(1)
    finder = ServedFinder(settings.finder)
    if settings.pictures:
        crowds = list(photographed_crowds(settings.pictures, settings.num, settings.seed))
        kind = f"photographs of {Path(settings.pictures).name} side by side"
    else:
        grounds = Backgrounds(settings.backgrounds or None)
        crowds = [rendered_crowd(row, settings.seed, grounds) for row in range(settings.num)]
        kind = "rendered persons"

    def find(image):
        return [one.box for one in finder.find(image)]

    if settings.saved_model:
        config = PredictConfig(
            saved_model=settings.saved_model,
            finder=settings.finder,
            pictures="crowd",
            look_closer=settings.look_closer,
        )
        look = Finder(config).look
        search = Search(config, "body")

        def find(image):  # noqa: F811 - as keras_pose.predict does
            return [box for box, _ in search.of("crowd", image, look)]

    result = measure(find, crowds)
    who = finder.metadata.name
    if settings.saved_model:
        who += (
            f" with {Path(settings.saved_model).parent.name}, --look_closer={settings.look_closer},"
        )
    rows = [
        [f"< {high:g}" if high < 1 else "larger", str(count), str(found)]
        for high, count, found in result["by_share"]
    ]
    text = "\n".join(
        [
            f"{result['pictures']} pictures of {FEWEST} to {MOST} {kind}, seed {settings.seed}",
            text_table(["side over the picture's", "persons", "found"], rows),
            f"{who} finds {result['found']} of {result['persons']} "
            f"(recall {result['recall']:.3f}) with {result['boxes']} boxes (precision "
            f"{result['precision']:.3f}); {result['ms']:.1f} ms a picture.",
        ]
    )
    print(text)
    if settings.sheet:
        _sheet(settings.sheet, crowds, find)
    if settings.output:
        described = {
            "command": "python -m benchmarks.crowds"
            + (f" --look_closer={settings.look_closer}" if settings.saved_model else ""),
            "network": Path(settings.saved_model).parent.name,
            "of": kind,
            "seed": settings.seed,
            "machine": machine.describe(1),
        }
        write_result(settings.output, described | result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
