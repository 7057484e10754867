"""A strategy of one device that says it has several replicas, for what is refused before any step."""

import tensorflow as tf


class PretendedReplicas(tf.distribute.OneDeviceStrategy):
    """One device that calls itself several."""

    def __init__(self, count):
        super().__init__("/cpu:0")
        self.count = count

    @property
    def num_replicas_in_sync(self):
        return self.count
