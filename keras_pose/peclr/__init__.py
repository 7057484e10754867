"""PeCLR: hand encoders pretrained without labels (Spurr et al., arXiv 2106.05953).

Here: the views, the inverse and the loss of that paper. Not here: the pose network that starts from
such an encoder (`hand_pose`), anything a second method could use (the shared rooms).
"""

# Models, trainers and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.peclr.config import INVERSES, PretrainConfig

__all__ = ["INVERSES", "PretrainConfig"]
