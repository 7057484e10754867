"""Labels by a teacher for own pictures: `python -m keras_pose.pseudo_labels --teacher=...`.

Belongs here: what a served network says of unlabelled pictures, kept only where it agrees with itself.
Does not: records, which `keras_pose.data.prepare` makes of the file that is written here.
"""

__all__: list[str] = []
