"""Wild3D: 3D bodies from single pictures, learnt from 2D and 3D labels together (arXiv 1704.02447).

Here: what is specific to this paper. Not here: anything a second method could use (the shared rooms).
"""

# Models, trainer and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.wild3d.config import BACKBONES, Config

__all__ = ["BACKBONES", "Config"]
