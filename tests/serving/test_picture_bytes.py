"""Pictures decoded inside the graph: as the host does it, and bad ones without harm to others."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.views.graph_crops import crop_matrices, cut_crops
from keras_pose.serving.picture_bytes import MAX_PIXELS, crop_picture_bytes, decode_picture_bytes

SIZE = 32


def picture(height=90, width=120, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2.0)


def encoded(image, ending=".jpg"):
    return cv2.imencode(ending, image)[1].tobytes()


def png_header(height, width):
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(body, zlib.crc32(b"IHDR")))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + body + crc


@pytest.mark.parametrize("ending", [".jpg", ".png"])
@pytest.mark.parametrize("is_grey", [False, True])
def test_the_graph_decodes_what_the_host_decodes(ending, is_grey):
    image = picture()[..., 0] if is_grey else picture()
    data = encoded(image, ending)
    np.testing.assert_array_equal(decode_picture_bytes(data), decode_picture(data, "host"))


def test_16_bit_png_is_cut_to_8():
    levels = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    decoded = decode_picture_bytes(encoded(levels, ".png"))
    np.testing.assert_array_equal(np.asarray(decoded)[..., 0], levels >> 8)


def test_pictures_of_any_size_become_crops_of_one_batch():
    images = [picture(90, 120), picture(31, 17, 1), picture(200, 64, 2)]
    boxes = tf.constant([[10.0, 5, 60, 40], [0, 0, 17, 31], [-20, 100, 90, 90]])
    files = [encoded(image, ".png") for image in images]
    crops, matrices, shapes, usable = crop_picture_bytes(tf.constant(files), SIZE, 1.25, boxes)
    assert np.asarray(usable).all()
    np.testing.assert_array_equal(shapes, [[90, 120], [31, 17], [200, 64]])
    np.testing.assert_allclose(matrices, crop_matrices(boxes, SIZE, 1.25), rtol=1e-6)
    for row, image in enumerate(images):
        rgb = tf.constant(image[None, ..., ::-1])
        alone = cut_crops(rgb, matrices[row : row + 1], SIZE)[0]
        np.testing.assert_array_equal(crops[row], alone)


def test_without_boxes_the_whole_picture_is_seen():
    _, matrices, _, _ = crop_picture_bytes(tf.constant([encoded(picture(50, 100))]), SIZE, 1.0)
    # The square of side 100 about (50, 25) begins at (0, -25).
    np.testing.assert_allclose(matrices[0], [[0.32, 0, 0], [0, 0.32, 8.0]], atol=1e-5)


BAD = {
    "nothing": b"",
    "text": b"not a picture",
    "cut jpeg": encoded(picture())[:400],
    "cut png": encoded(picture(), ".png")[:400],
    "damaged png": encoded(picture(), ".png")[:300] + b"\0" * 40 + encoded(picture(), ".png")[340:],
    "jpeg without content": b"\xff\xd8\xff\xe0",
    "bomb": png_header(60_000, 60_000),
    "largest header": png_header(2**32 - 1, 2**32 - 1),
    "no side": png_header(0, 10),
    "bitmap": encoded(picture(), ".bmp"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_clears_its_own_row_alone(name):
    good = [encoded(picture(seed=seed)) for seed in (1, 2)]
    alone = crop_picture_bytes(tf.constant(good), SIZE, 1.0)
    mixed = crop_picture_bytes(tf.constant([good[0], BAD[name], good[1]]), SIZE, 1.0)
    np.testing.assert_array_equal(mixed[3], [True, False, True])
    for one, other in zip(alone, mixed, strict=True):
        np.testing.assert_array_equal(one, np.asarray(other)[[0, 2]])
        assert not np.asarray(other)[1].any()


def test_a_bad_box_is_as_bad_as_a_bad_picture():
    files = [encoded(picture())] * 4
    boxes = [[0, 0, 20, 20], [np.nan, 0, 20, 20], [0, 0, 0, 20], [500, 0, 20, 20]]
    usable = crop_picture_bytes(tf.constant(files), SIZE, 1.0, tf.constant(boxes, tf.float32))[3]
    np.testing.assert_array_equal(usable, [True, False, False, False])


def test_batches_without_a_good_picture_and_without_any():
    crops, _, _, usable = crop_picture_bytes(tf.constant([b"", b"x"]), SIZE, 1.0)
    assert crops.shape == (2, SIZE, SIZE, 3) and not np.asarray(usable).any()
    crops, _, _, usable = crop_picture_bytes(tf.zeros((0,), tf.string), SIZE, 1.0)
    assert crops.shape == (0, SIZE, SIZE, 3) and usable.shape == (0,)


def test_the_header_decides_about_size():
    side = int(MAX_PIXELS**0.5)
    fits = picture(8, 8)
    assert np.asarray(crop_picture_bytes(tf.constant([encoded(fits)]), SIZE, 1.0)[3]).all()
    data = tf.constant([png_header(side, side + 2)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="too large"):
        decode_picture_bytes(data[0])
