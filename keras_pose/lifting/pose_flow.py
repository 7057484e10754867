"""How likely a 2D pose is: one normalising flow per part of the body, taught by 2D poses alone."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_pose.layers import CouplingFlow
from keras_pose.lifting.splits import part_slices


class PoseFlow(keras.Model):
    """Log-density of the parts of normalised 2D poses.

    x -> part -> minus mean, onto principal axes, over their spreads -> couplings -> standard normal.

    The flow learns poses to which a little noise was added. Without it there would be directions in
    which real poses do not vary (the hips stand opposite each other), a density without bound, and a
    slope that says nothing else.

    Args:
        config: uses flow_split, flow_width, flow_couplings, flow_noise.
        **kwargs: passed to `keras.Model` (name, dtype).

    Call arguments:
        points_2d: float `[B, J, 2]`, normalised, J = 16 joints of `LIFTED_JOINTS`.

    Returns:
        float `[B, P]`, log-density of each part in nats, over the pose's coordinates.

    Reference: Wandt et al. 2022 (ElePose, arXiv 2112.07088): a flow over principal components judges
    poses seen from elsewhere; Hardy and Kim 2023 (LInKs, arXiv 2309.07243): one flow per part. Theirs
    are trained first and frozen; the components that ElePose drops are kept here, with noise.
    """

    def __init__(self, config: Any, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.slices = part_slices(config.flow_split)
        self.flows, self.frames = [], []
        for part, place in self.slices.items():
            size = 2 * (place.stop - place.start)
            frame = PrincipalFrame(name=f"{part}_frame", dtype=self.dtype_policy)
            flow = CouplingFlow(
                config.flow_couplings, config.flow_width, name=part, dtype=self.dtype_policy
            )
            for layer in (frame, flow):
                layer.build((None, size))
            self.frames.append(frame)
            self.flows.append(flow)
        self.built = True

    def adapt(self, points_2d: np.ndarray) -> None:
        """Take mean, principal axes and spreads of real poses.

        Args:
            points_2d: float `[N, J, 2]`, normalised.
        """
        for frame, place in zip(self.frames, self.slices.values(), strict=True):
            part = points_2d[:, place].reshape(len(points_2d), -1)
            frame.adapt(part, self.config.flow_noise)

    def call(self, points_2d):
        densities = []
        for frame, flow, place in zip(self.frames, self.flows, self.slices.values(), strict=True):
            size = 2 * (place.stop - place.start)
            values, log_determinant = frame(ops.reshape(points_2d[:, place], (-1, size)))
            densities.append(flow.log_density(values) + log_determinant)
        return ops.stack(densities, axis=-1)


class PrincipalFrame(keras.layers.Layer):
    """Coordinates along the principal axes of data, in units of their spread; the identity at first.

    Args:
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: float `[..., D]`.

    Returns:
        float `[..., D]` and the logarithm of the Jacobian's determinant, float scalar.
    """

    def build(self, input_shape):
        size = input_shape[-1]
        weight = {"trainable": False}
        self.mean = self.add_weight(name="mean", shape=(size,), initializer="zeros", **weight)
        self.axes = self.add_weight(
            name="axes", shape=(size, size), initializer="identity", **weight
        )
        self.spread = self.add_weight(name="spread", shape=(size,), initializer="ones", **weight)

    def adapt(self, values: np.ndarray, noise: float) -> None:
        """Take the frame of data.

        Args:
            values: float `[N, D]`.
            noise: standard deviation of the noise that will be added to them.
        """
        values = values.astype(np.float64)
        variances, axes = np.linalg.eigh(np.cov(values, rowvar=False))
        self.mean.assign(values.mean(axis=0))
        self.axes.assign(axes)
        self.spread.assign(np.sqrt(np.maximum(variances, 0.0) + noise**2))

    def call(self, inputs):
        values = ops.matmul(inputs - self.mean, self.axes) / self.spread
        return values, -ops.sum(ops.log(self.spread))
