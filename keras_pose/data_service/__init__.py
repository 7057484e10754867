"""Input workers apart from trainers: what both say to each other, and the trainers' side of it.

Here: addresses, requests, fingerprints of data sets, and the dataset that puts batches of several workers
in order. Not here: what a batch is made of; the worker itself is `keras_pose.data.input_worker`.
"""

# The client imports TensorFlow and is fetched from its own module.
from keras_pose.data_service.messages import ask, read_addresses

__all__ = ["ask", "read_addresses"]
