"""The hand network for phones: heat maps and depth, trained with labels and a hand pose network.

Not here: the teacher (`hand_pose`), conversion to files for phones (`export`, `serving`).

Why it is not `hand_pose` with another head: both share 25 settings in `HandOptions`; apart from these,
that method has 21 and this one 14. Only `coordinates` is in both, with different choices, and six
defaults differ. In a common config, half of the settings would have no effect with either head.
"""

# Models, trainer and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.hand_student.config import StudentConfig

__all__ = ["StudentConfig"]
