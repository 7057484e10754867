"""Human pose estimation with few labels, on TensorFlow and Keras 3.

Importing this package has no side effect and loads no framework. Import the room you need:
`from keras_pose import geometry`, `import keras_pose.tips`. `ROOMS` names them, lowest level first.
"""

__version__ = "0.1.0"

ROOMS = (
    "skeletons",
    "geometry",
    "codecs",
    "losses",
    "layers",
    "metrics",
    "train",
    "data",
    "viz",
    "export",
    "serving",
    "peclr",
    "tips",
    "wild3d",
    "predict",
    "weights",
)

__all__ = ["ROOMS", "__version__"]
