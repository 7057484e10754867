"""Names of the TFLite formats, see `tflite`; here, so that naming one costs no import of TensorFlow."""

FORMATS = ("float32", "float16", "int8", "int8_static", "int8_full")
SAMPLED_FORMATS = ("int8_static", "int8_full")
"""The formats that need representative inputs."""
