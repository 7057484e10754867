"""The hand pose network: 2.5D fine-tuning of an encoder, its measures, its export.

Spurr et al., arXiv 2106.05953 (PeCLR), section 4; Iqbal et al., arXiv 1804.09534 (2.5D).
Not here: pretraining (`peclr`), the network for phones (`hand_student`).
"""

# Models, trainer and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.hand_pose.config import FinetuneConfig

__all__ = ["FinetuneConfig"]
