"""The predictor for your own pictures and videos: `python -m keras_pose.predict --saved_model=...`.

Belongs here: what happens before and after a served network, for hands and bodies alike: inputs, boxes,
tracking, smoothing, hands on bodies, files, drawings. Does not: any network or method; those are reached
only through `keras_pose.serving` and a version folder.
"""

# What finds poses imports TensorFlow and is fetched from its own modules.
from keras_pose.predict.settings import POSE_FORMATS, PredictConfig

__all__ = ["POSE_FORMATS", "PredictConfig"]
