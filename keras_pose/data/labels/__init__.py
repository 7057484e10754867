"""What files of labels have in common: missing joints, COCO's fields, the names of joints in them.

Here: rules that readers of 2D poses, of picture data sets and the doctor share. Not here: any one file
format's reader.
"""

__all__: list[str] = []
