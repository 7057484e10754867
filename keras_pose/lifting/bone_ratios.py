"""Human proportions for the bone-ratio prior: a table, or learnt from the lifted poses themselves."""

import keras
import numpy as np
from keras import ops

from keras_pose.geometry.shapes import Tensor
from keras_pose.losses import bone_ratio_prior
from keras_pose.skeletons import H36M_17

# Bone over mean bone length for the bones of Human3.6M-17 in child order; table of ElePose.
ELEPOSE_RATIOS = (
    0.5181, 1.7371, 1.7229, 0.5181, 1.7371, 1.7229, 0.9209, 0.9879, 0.4481, 0.4450,
    0.5746, 1.0812, 0.9652, 0.5746, 1.0812, 0.9652,
)  # fmt: skip


def paired_bones() -> np.ndarray:
    """Return the number of each bone's class, int `[16]`: a left bone and its right partner share one."""
    mirror = H36M_17.flip_permutation
    children = [min(child, mirror[child]) for _, child in H36M_17.bones]
    return np.unique(children, return_inverse=True)[1]


@keras.saving.register_keras_serializable("keras_pose")
class BoneRatioPrior(keras.layers.Layer):
    """How far bone proportions are from a table, the same for every pose.

    `"learnt"` starts with equal bones and keeps left equal to right, so the prior asks only that all
    poses share one set of proportions; which, the data say.

    Args:
        source: `"learnt"` or `"elepose"`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        bone_lengths: float `[..., 16]`, in the order of `H36M_17.bones`, any unit.

    Returns:
        float `[...]`, see `losses.bone_ratio_prior`.

    Reference: ElePose (Wandt et al. 2022) for the table; learning it is ours.
    """

    def __init__(self, source="learnt", **kwargs):
        super().__init__(**kwargs)
        self.source = source
        pairs = paired_bones()
        # A product, not a gather: the gradient of a gather is sparse, and Adam squares the parts of a
        # repeated index before it adds them up; over replicas the sum is wrong altogether.
        self.spread = np.eye(int(pairs.max()) + 1)[pairs]
        self.log_ratios = None
        if source == "learnt":
            shape = (self.spread.shape[1],)
            self.log_ratios = self.add_weight(name="log_ratios", shape=shape, initializer="zeros")
        self.built = True

    def ratios(self) -> Tensor:
        """Return the proportions, float `[16]`, positive, mean 1, in the order of `H36M_17.bones`."""
        if self.log_ratios is None:
            return ops.convert_to_tensor(ELEPOSE_RATIOS, dtype=self.variable_dtype)
        spread = ops.convert_to_tensor(self.spread, dtype=self.variable_dtype)
        ratios = ops.exp(ops.matmul(spread, self.log_ratios))
        return ratios / ops.mean(ratios)

    def call(self, bone_lengths):
        return bone_ratio_prior(bone_lengths, self.ratios())

    def get_config(self):
        return {**super().get_config(), "source": self.source}
