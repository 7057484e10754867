"""Pictures of every kind become the same upright RGB; damaged ones become one sentence."""

import base64
import struct
import zlib

import cv2
import numpy as np
import pytest

from keras_pose.data.pictures.picture import (
    decode_picture,
    encode_picture,
    plain_picture,
    read_picture,
)

# CMYK JPEG of 16 x 8 px written by Pillow: left half (0, 100 %, 100 %, 0), red; right half
# (200, 100, 0, 50) of 255, which is RGB (44, 125, 205).
_CMYK = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAW"
    "EBETFBUVFQwPFxgWFBgSFBUU/8AAFAgACAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAkKCP/EABQQ"
    "AQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8AVMVQqipp6TOqqGeX/9k="
)
# Four quarters of a 6 x 4 picture: red green / blue white.
_QUARTERS = np.zeros((4, 6, 3), np.uint8)
_QUARTERS[:2, :3, 0] = 255
_QUARTERS[:2, 3:, 1] = 255
_QUARTERS[2:, :3, 2] = 255
_QUARTERS[2:, 3:] = 255
# Turns an upright picture into what a file of that EXIF orientation stores (TIFF 6.0, tag 274),
# written with OpenCV's own words rather than NumPy's.
_STORED = {
    1: lambda image: image,
    2: lambda image: cv2.flip(image, 1),
    3: lambda image: cv2.rotate(image, cv2.ROTATE_180),
    4: lambda image: cv2.flip(image, 0),
    5: lambda image: cv2.transpose(image),
    6: lambda image: cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE),
    7: lambda image: cv2.flip(cv2.transpose(image), -1),
    8: lambda image: cv2.rotate(image, cv2.ROTATE_90_CLOCKWISE),
}


def _smooth(height=24, width=32):
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 8, columns * 6, 255 - rows * 4 - columns * 3], -1).astype(np.uint8)


def _exif(orientation, order="<"):
    mark = {"<": b"II*\x00", ">": b"MM\x00*"}[order]
    entry = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    other = struct.pack(order + "HHII", 0x0100, 4, 1, 99)
    return mark + struct.pack(order + "IH", 8, 2) + other + entry + b"\x00" * 4


def _with_exif(jpeg, orientation, order="<"):
    body = b"Exif\x00\x00" + _exif(orientation, order)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def _png(image, exif=None):
    data = cv2.imencode(".png", image)[1].tobytes()
    if exif is None:
        return data
    chunk = b"eXIf" + exif
    block = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return data[:33] + block + data[33:]  # behind IHDR


def _bgr(image):
    return np.ascontiguousarray(image[..., ::-1])


def test_png_is_exact_and_rgb():
    assert decode_picture(_png(_bgr(_QUARTERS)), "a.png").tolist() == _QUARTERS.tolist()
    back = decode_picture(encode_picture(_smooth(), "png"), "a.png")
    np.testing.assert_array_equal(back, _smooth())


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation, order):
    stored = _STORED[orientation](_smooth())
    jpeg = _with_exif(encode_picture(stored), orientation, order)
    image = decode_picture(jpeg, "a.jpg")
    assert image.shape == (24, 32, 3)
    assert np.abs(image.astype(int) - _smooth()).mean() < 2
    png = _png(_bgr(_STORED[orientation](_QUARTERS)), _exif(orientation, order))
    np.testing.assert_array_equal(decode_picture(png, "a.png"), _QUARTERS)
    # What is kept for training is upright for a decoder that knows no EXIF.
    for data, picture in ((jpeg, image), (png, _QUARTERS)):
        plain, height, width = plain_picture(data, "a")
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        simple = cv2.imdecode(np.frombuffer(plain, np.uint8), flags)[..., ::-1]
        assert (height, width) == picture.shape[:2] == simple.shape[:2]
        assert np.abs(simple.astype(int) - picture).mean() < 2
        assert (plain == data) == (orientation == 1)


def test_exif_behind_the_pixels_is_undone():
    early = _png(_bgr(_STORED[6](_QUARTERS)), _exif(6))
    plain = _png(_bgr(_STORED[6](_QUARTERS)))
    block = early[33 : 33 + len(early) - len(plain)]
    np.testing.assert_array_equal(decode_picture(plain[:-12] + block + plain[-12:], "a"), _QUARTERS)


@pytest.mark.parametrize("exif", [b"", b"II*\x00", b"XX", b"II*\x00\xff\xff\xff\xff", _exif(9)])
def test_exif_that_says_nothing_is_upright(exif):
    np.testing.assert_array_equal(decode_picture(_png(_bgr(_QUARTERS), exif), "a"), _QUARTERS)


def test_cmyk_is_converted_and_encoded_again():
    image = decode_picture(_CMYK, "c.jpg")
    assert image.shape == (8, 16, 3)
    assert np.abs(image[:, :8].astype(int) - [255, 0, 0]).max() <= 3
    assert np.abs(image[:, 8:].astype(int) - [44, 125, 205]).max() <= 3
    plain, height, width = plain_picture(_CMYK, "c.jpg")
    assert plain != _CMYK and (height, width) == (8, 16)
    assert plain[:2] == b"\xff\xd8"
    assert np.abs(decode_picture(plain, "c").astype(int) - image).max() <= 4


def test_grey_is_repeated_and_kept():
    grey = _smooth()[..., 0]
    for data in (_png(grey), cv2.imencode(".jpg", grey)[1].tobytes()):
        image = decode_picture(data, "g")
        assert image.shape == (24, 32, 3)
        assert (image[..., :1] == image).all()
        assert np.abs(image[..., 0].astype(int) - grey).mean() < 2
        assert plain_picture(data, "g")[0] == data


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_become_eight(channels):
    deep = np.stack([_smooth()[..., 0].astype(np.uint16) * 256 + 99] * channels, -1)
    if channels == 4:
        deep[..., 3] = 65535
    data = _png(deep)
    image = decode_picture(data, "d.png")
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, np.stack([_smooth()[..., 0]] * 3, -1))
    plain, _, _ = plain_picture(data, "d.png")
    assert plain != data and plain[24] == 8  # IHDR's bit depth
    np.testing.assert_array_equal(decode_picture(plain, "d"), image)


def test_transparent_pixels_stand_on_white():
    picture = np.zeros((2, 2, 4), np.uint8)
    picture[0, 0] = (0, 0, 200, 255)
    picture[0, 1] = (0, 0, 200, 0)
    picture[1, 0] = (0, 0, 200, 51)  # a fifth of 200 and four fifths of 255 are 244
    image = decode_picture(_png(picture), "t.png")
    assert image.tolist() == [[[200, 0, 0], [255] * 3], [[244, 204, 204], [255] * 3]]
    plain, _, _ = plain_picture(_png(picture), "t.png")
    simple = cv2.imdecode(np.frombuffer(plain, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert simple.tolist() == image.tolist()


def test_palette_transparency_stands_on_white():
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 2, 1, 8, 3, 0, 0, 0)
    palette = bytes([200, 0, 0, 0, 200, 0])
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", palette)
    data += chunk(b"tRNS", b"\xff\x00") + chunk(b"IDAT", zlib.compress(b"\x00\x00\x01"))
    image = decode_picture(data + chunk(b"IEND", b""), "p.png")
    assert image.tolist() == [[[200, 0, 0], [255, 255, 255]]]


def test_other_containers_become_png():
    for ending in (".bmp", ".webp", ".tiff"):
        options = [cv2.IMWRITE_WEBP_QUALITY, 101] if ending == ".webp" else []
        data = cv2.imencode(ending, _bgr(_smooth()), options)[1].tobytes()
        plain, height, width = plain_picture(data, f"a{ending}")
        assert plain[:4] == b"\x89PNG" and (height, width) == (24, 32)
        np.testing.assert_array_equal(decode_picture(plain, "a"), _smooth())


def test_one_pixel_is_a_picture():
    assert decode_picture(_png(np.full((1, 1, 3), 7, np.uint8)), "a").tolist() == [[[7, 7, 7]]]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["jpeg", "png", "progressive"])
def test_a_cut_off_picture_is_named(kind, share, tmp_path):
    if kind == "progressive":
        data = cv2.imencode(".jpg", _smooth(), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    else:
        data = encode_picture(_smooth(), kind)
    assert decode_picture(data, "whole").shape == (24, 32, 3)
    assert plain_picture(data, "whole")[0] == data
    cut = data[: min(int(len(data) * share) + 2, len(data) - 1)]
    with pytest.raises(ValueError, match=r"^folder/x.jpg: .*(cut off|damaged).*get it again"):
        decode_picture(cut, "folder/x.jpg")
    (tmp_path / "x.jpg").write_bytes(cut)
    with pytest.raises(ValueError, match="x.jpg"):
        read_picture(tmp_path / "x.jpg")


def test_bytes_behind_the_end_and_a_thumbnail_do_no_harm():
    thumbnail = encode_picture(_smooth()[:8, :8])
    body = b"Exif\x00\x00" + _exif(1) + thumbnail
    data = encode_picture(_smooth())
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]
    assert decode_picture(data + b"more of the phone's data", "a").shape == (24, 32, 3)
    # The thumbnail's end is not the picture's.
    with pytest.raises(ValueError, match="cut off"):
        decode_picture(data[: len(data) // 2], "a")


def test_what_is_no_picture_is_named(tmp_path):
    for data, word in ((b"", "0 bytes"), (b"<html>not found</html>", "damaged or of a kind")):
        with pytest.raises(ValueError, match=f"^x.jpg: .*{word}"):
            decode_picture(data, "x.jpg")
    damaged = bytearray(encode_picture(_smooth(), "png"))
    damaged[60] ^= 1
    with pytest.raises(ValueError, match="cut off or damaged"):
        decode_picture(bytes(damaged), "x.png")
    with pytest.raises(ValueError, match="no such file"):
        read_picture(tmp_path / "absent.jpg")
    (tmp_path / "a.png").write_bytes(_png(_bgr(_QUARTERS)))
    assert read_picture(tmp_path / "a.png") == (_png(_bgr(_QUARTERS)), 4, 6)


def test_a_side_beyond_jpeg_is_one_sentence():
    wide = np.zeros((1, 65_501, 3), np.uint8)
    with pytest.raises(
        ValueError, match=r"65501 x 1 px cannot be written as JPEG; make it smaller"
    ):
        encode_picture(wide)
    assert decode_picture(encode_picture(wide, "png"), "wide").shape == wide.shape


def _png_of(width, height):
    """Header of a PNG of any size, its checksum right, and an end."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [header, b"IDAT" + zlib.compress(bytes(100)), b"IEND"]
    blocks = [
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part))
        for part in parts
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def _sized(kind, width, height):
    """A small picture whose header was made to say another size."""
    if kind == "png":
        return _png_of(width, height)
    data = bytearray(cv2.imencode(f".{kind}", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    if kind == "bmp":
        data[18:26] = struct.pack("<ii", width, height)
        return bytes(data)
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.fault(
    fault="a JPEG, PNG or BMP whose header says more than 178,956,970 pixels",
    happened="refused in one sentence before it is decoded",
)
@pytest.mark.parametrize(
    ("kind", "width", "height"),
    [("png", 100_000, 100_000), ("jpg", 60_000, 60_000), ("bmp", 30_000, 30_000)],
)
def test_pictures_larger_than_memory_are_refused_from_their_header(
    monkeypatch, kind, width, height
):
    def decode(*arguments):
        raise AssertionError("it was decoded")

    monkeypatch.setattr(cv2, "imdecode", decode)
    with pytest.raises(
        ValueError, match="a.pic: the picture has more than 178956970 px by its hea"
    ):
        decode_picture(_sized(kind, width, height), "a.pic")
    with pytest.raises(AssertionError, match="it was decoded"):
        decode_picture(_sized(kind, 8, 8), "a.pic")
