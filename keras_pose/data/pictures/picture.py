"""Encoded pictures as upright 8-bit RGB, whatever they are: grey, CMYK, 16 bit, transparent, rotated.

OpenCV decodes, Pillow reads what files say of themselves, and what both leave open is settled here: a
cut-off file is an error in every version of OpenCV, EXIF rotation is applied once, transparent pixels
stand on white.
"""

import io
import os
import warnings
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, JpegImagePlugin, PngImagePlugin

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
MAX_PIXELS = 178_956_970
"""Pictures of more pixels are refused from their header, as Pillow does; that many fill 540 MB."""
_QUALITY = 95
_JPEG, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xae\x42\x60\x82"
_PNG_BITS = 24  # place of the bits per channel: the header always comes first


class _Container(NamedTuple):
    """What the file says about itself."""

    kind: str  # "jpeg", "png" or "other"
    orientation: int  # EXIF, 1 to 8; 1 is upright
    is_plain: bool  # 8-bit grey or RGB without transparency, which every decoder reads alike
    has_alpha: bool


def decode_picture(data: bytes, name: str) -> np.ndarray:
    """Decode a picture of any common kind.

    Grey is repeated, CMYK and 16 bit are converted, transparent pixels are laid on white, and the
    picture is turned upright by its EXIF orientation.

    Args:
        data: an encoded JPEG, PNG, BMP, WebP or TIFF file.
        name: file name for the message.

    Returns:
        uint8 `[H, W, 3]`, RGB.

    Raises:
        ValueError: if the file is empty, cut off, damaged, no picture or larger than `MAX_PIXELS`, in one
            sentence naming it.
    """
    return _decode(data, name, _inspect(data, name))


def plain_picture(data: bytes, name: str) -> tuple[bytes, int, int]:
    """Make sure that every decoder will read a picture as `decode_picture` does.

    Upright 8-bit grey or RGB JPEG and PNG files keep their bytes; others are encoded again, JPEG at
    quality 95 without colour subsampling, the rest as PNG.

    Args:
        data: an encoded picture.
        name: file name for the message.

    Returns:
        Encoded JPEG or PNG, its height and its width in px.

    Raises:
        ValueError: if `decode_picture` refuses it; the picture is decoded in any case.
    """
    container = _inspect(data, name)
    image = _decode(data, name, container)
    height, width = image.shape[:2]
    if container.is_plain and container.orientation == 1:
        return data, height, width
    return encode_picture(image, "jpeg" if container.kind == "jpeg" else "png"), height, width


def read_picture(path: str | os.PathLike[str], name: str = "") -> tuple[bytes, int, int]:
    """Read a picture file for a record.

    Args:
        path: the file.
        name: how messages name it; the path if empty.

    Returns:
        As `plain_picture`.

    Raises:
        ValueError: if it is missing, unreadable or no whole picture.
    """
    name = name or os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise ValueError(f"{name}: the picture cannot be read ({reason}); get it again.") from error
    return plain_picture(data, name)


def encode_picture(image: np.ndarray, kind: str = "jpeg") -> bytes:
    """Encode a picture.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        kind: "jpeg", at quality 95 without colour subsampling, or "png", without loss.

    Returns:
        The file's bytes.

    Raises:
        ValueError: if the picture is too large for a file of that kind.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    how = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    how += [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
    is_png = kind == "png"
    try:
        is_done, data = cv2.imencode(".png" if is_png else ".jpg", bgr, [] if is_png else how)
    except cv2.error:  # some versions raise, others say so
        is_done = False
    if not is_done:
        raise ValueError(
            f"A picture of {image.shape[1]} x {image.shape[0]} px cannot be written as {kind.upper()}; "
            "make it smaller (a JPEG has at most 65,500 px on a side)."
        )
    return data.tobytes()


def _decode(data, name, container):
    known = container.kind != "other"
    flags = cv2.IMREAD_UNCHANGED if container.has_alpha else cv2.IMREAD_COLOR
    if known and not container.has_alpha:
        flags |= cv2.IMREAD_IGNORE_ORIENTATION  # IMREAD_UNCHANGED ignores it anyway
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise ValueError(
            f"{name}: OpenCV cannot decode the picture ({str(error.err)[:80]}); save it again."
        ) from error
    if image is None:
        raise ValueError(
            f"{name}: the picture is damaged or of a kind that OpenCV cannot decode; get it again "
            "or save it as JPEG or PNG."
        )
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    image = _over_white(image) if container.has_alpha else image
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _upright(image, container.orientation) if known else image


def _over_white(image):
    """BGR `[H, W, 3]` of BGRA `[H, W, 4]` or, where palette transparency was resolved, of BGR."""
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    if image.shape[-1] == 3:
        return image
    alpha = image[..., 3:].astype(np.uint16)
    colour = image[..., :3].astype(np.uint16)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)


def _upright(image, orientation):
    """Undo an EXIF orientation: what the first row and column of the file show (TIFF 6.0)."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _inspect(data, name):
    if not data:
        raise ValueError(f"{name}: the file is empty (0 bytes); get it again.")
    inspect = {_JPEG: _inspect_jpeg, _PNG[:2]: _inspect_png}.get(data[:2], _inspect_other)
    try:
        with warnings.catch_warnings():
            # Of EXIF blocks that are cut short; what they say before that counts.
            warnings.simplefilter("ignore")
            return inspect(data)
    except Image.DecompressionBombError as error:
        raise ValueError(
            f"{name}: the picture has more than {MAX_PIXELS} px by its header; make it smaller."
        ) from error
    # Pillow raises nearly every exception there is; it opens files lazily, so that none is memory's.
    except Exception as error:
        raise ValueError(
            f"{name}: the picture is cut off or damaged after {len(data)} bytes; get it again."
        ) from error


def _check_size(picture):
    # The classes themselves look at nothing, only `Image.open` does.
    if picture.size[0] * picture.size[1] > MAX_PIXELS:
        raise Image.DecompressionBombError


def _inspect_other(data):
    try:
        with Image.open(io.BytesIO(data)) as picture:
            _check_size(picture)
    except OSError:
        pass  # OpenCV knows more kinds, and has a bound of its own
    return _Container("other", 1, False, False)


def _inspect_jpeg(data):
    # The class itself: `Image.open` would refuse large pictures, and tries other kinds.
    stream = io.BytesIO(data)
    picture = JpegImagePlugin.JpegImageFile(stream)
    _check_size(picture)
    # Pillow stops behind the header of the first scan; a thumbnail's end lies before it.
    if data.find(_JPEG_END, stream.tell()) < 0:
        raise EOFError
    return _Container("jpeg", _orientation(picture), picture.mode in ("L", "RGB"), False)


def _inspect_png(data):
    picture = PngImagePlugin.PngImageFile(io.BytesIO(data))
    _check_size(picture)
    has_alpha = picture.mode in ("LA", "RGBA") or "transparency" in picture.info
    orientation = _orientation(picture)
    picture.verify()  # checksums of all parts but the last
    if _PNG_END not in data:
        raise EOFError
    if b"eXIf" in data and "exif" not in picture.info:  # behind the pixels
        picture = PngImagePlugin.PngImageFile(io.BytesIO(data))
        picture.load()
        orientation = _orientation(picture)
    return _Container("png", orientation, data[_PNG_BITS] <= 8 and not has_alpha, has_alpha)


def _orientation(picture):
    """EXIF orientation; 1 where the file says nothing or nonsense. What XMP says is left out."""
    block = picture.info.get("exif")
    if not block:
        return 1
    exif = Image.Exif()
    try:
        exif.load(block)
        value = exif.get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return value if value in range(1, 9) else 1
