"""A network of fixed weights that finds three coloured blobs: what the tests of phone files convert."""

import numpy as np
import tensorflow as tf

from keras_pose.codecs.heatmap import decode_heatmaps_by_products
from keras_pose.export import Signature

SIZE, CELL, JOINTS = 64, 4, 3
# Rows: colour; columns: joint. Depth of a joint from the mean of each colour's map.
_DEPTH = np.array([[3.0, -1.0, 0.0], [0.5, 2.0, -2.0], [-1.0, 0.0, 4.0]], np.float32)
_SPREAD = 5.0


def blob_places(count, seed):
    """Where the blobs are, float64 [count, 3, 2] px of the picture, (x, y)."""
    return np.random.default_rng(seed).uniform(10.0, SIZE - 10.0, (count, JOINTS, 2))


def blob_pictures(places):
    """Pictures of grey levels, uint8 [count, SIZE, SIZE, 3]: one round blob per colour."""
    centres = np.arange(SIZE) + 0.5
    along = np.exp(-((centres - places[..., None]) ** 2) / (2.0 * _SPREAD**2))
    unit = np.einsum("bjy,bjx->byxj", along[:, :, 1], along[:, :, 0])
    return np.round(255.0 * unit).astype(np.uint8)


def unit_pictures(count, seed):
    """`blob_pictures` in [0, 1], float32."""
    return blob_pictures(blob_places(count, seed)).astype(np.float32) / np.float32(255.0)


class ToyPhone:
    """Means of 4 x 4 pixels as heat maps, a number per joint as depth, in half sides."""

    def __init__(self):
        self._mean = tf.Variable(np.full((CELL, CELL, JOINTS, 1), 1.0 / CELL**2, np.float32))
        self._same = tf.Variable(np.eye(JOINTS, dtype=np.float32)[None, None])
        self._depth = tf.Variable(_DEPTH)

    def maps(self, image):
        """[B, SIZE, SIZE, 3] in [0, 1] to `heatmaps` [B, 16, 16, 3] and `depth` [B, 3]."""
        cells = tf.nn.depthwise_conv2d(2.0 * image - 1.0, self._mean, [1, CELL, CELL, 1], "VALID")
        heatmaps = tf.nn.conv2d(0.5 * tf.nn.relu(cells + 1.0), self._same, 1, "SAME")
        return {"heatmaps": heatmaps, "depth": tf.reduce_mean(heatmaps, [1, 2]) @ self._depth}

    def decoded(self, image):
        """Joints `x`, `y`, `z` [B, 3] px and `score` [B, 3]."""
        outputs = self.maps(image)
        points, score = decode_heatmaps_by_products(outputs["heatmaps"])
        return {
            "x": CELL * points[..., 0],
            "y": CELL * points[..., 1],
            "z": SIZE / 2.0 * outputs["depth"],
            "score": score,
        }

    def separate(self, image):
        """`z` [B, 3] mm, some hundreds, and `presence` [B, 3], the mean of a map, some hundredths."""
        outputs = self.maps(image)
        return {
            "z": 1000.0 * outputs["depth"],
            "presence": tf.reduce_mean(outputs["heatmaps"], [1, 2]),
        }

    def shared(self, image):
        """The planted fault: `separate` cut out of one tensor, which has one scale in 8 bits."""
        outputs = self.separate(image)
        packed = tf.concat([outputs["z"], outputs["presence"]], axis=-1)
        return {"z": packed[:, :JOINTS], "presence": packed[:, JOINTS:]}

    def signatures(self):
        """All four as signatures."""
        inputs = {"image": tf.TensorSpec((None, SIZE, SIZE, 3), tf.float32)}
        names = ("maps", "decoded", "separate", "shared")
        functions = {name: getattr(self, name) for name in names}
        functions["heatmaps"] = functions.pop("maps")
        return {name: Signature(function, inputs) for name, function in functions.items()}
