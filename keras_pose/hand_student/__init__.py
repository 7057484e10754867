"""The hand network for phones: heat maps and depth, taught by labels and by a hand pose network.

Not here: the teacher (`hand_pose`), conversion to files for phones (`export`, `serving`).
"""

# Models, trainer and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.hand_student.config import StudentConfig

__all__ = ["StudentConfig"]
