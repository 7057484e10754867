"""What label files have in common: missing joints, COCO's fields, joint names.

Here: rules shared by the doctor and the readers of 2D poses and picture data sets. Not here: the
reader of a single file format.
"""

__all__: list[str] = []
