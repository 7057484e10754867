"""PeCLR: hand encoders pretrained without labels, metric 3D hands from a few (arXiv 2106.05953).

Here: the choices of this paper. Not here: anything a second method could use (the shared rooms).
"""

# Models, trainers and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.peclr.config import ENCODERS, INVERSES, PretrainConfig
from keras_pose.peclr.finetune_config import FinetuneConfig

__all__ = ["ENCODERS", "INVERSES", "FinetuneConfig", "PretrainConfig"]
