"""The hand network for phones: heat maps and depth, taught by labels and by a hand pose network.

Not here: the teacher (`hand_pose`), conversion to files for phones (`export`, `serving`).

Why it is not `hand_pose` with another head: both have 25 settings in `HandOptions`; beside them that
method has 21 and this one 14. Only `coordinates` is named in both, with other choices, and six defaults
differ. A common config would have half of its settings void under either head.
"""

# Models, trainer and exporter import TensorFlow and are fetched from their own modules.
from keras_pose.hand_student.config import StudentConfig

__all__ = ["StudentConfig"]
