"""What every served network shares: the contract of docs/serving.md and the files servers read.

Belongs here: signatures, metadata, warm-up requests and server settings, for hands and bodies alike.
Does not: a method's network or its training, the loop over pictures and videos (`predict`).
"""

from keras_pose.serving.warmup import WARMUP_FILE, read_warmup, write_warmup

__all__ = ["WARMUP_FILE", "read_warmup", "write_warmup"]
