"""What is wrong with a machine, before a training run finds out: `python -m keras_pose.doctor`.

Here: versions, devices, limits, disk, TF_CONFIG, data folders and a run's newest checkpoint, each
answered with what to do. Not here: what is wrong with records (`keras_pose.data.check`).
"""

__all__ = []
