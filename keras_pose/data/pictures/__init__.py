"""Pictures as bytes and pixels: decoding, frames of videos, boxes.

Here: what can be known about a picture without a record. Not here: records, random views, drawing.
"""

from keras_pose.data.pictures.picture import decode_picture

__all__ = ["decode_picture"]
