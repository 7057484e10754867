"""Rendered people and hands: bodies, surfaces, light, cameras, and the records made of them.

Here: everything that renders a picture of an imaginary person. Not here: motion
(`keras_pose.data.motion`), pictures of real people (`keras_pose.data.datasets`).
"""

from keras_pose.data.generated.bodies import body_source
from keras_pose.data.generated.hands import generate_hands, hand_source

__all__ = ["body_source", "generate_hands", "hand_source"]
