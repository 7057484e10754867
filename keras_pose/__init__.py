"""Human pose estimation with few labels, on TensorFlow and Keras 3.

Importing this package has no side effect and loads no framework. Import the room you need:
`from keras_pose import geometry`, `import keras_pose.tips`. `ROOMS` names them, lowest level first.
"""

__version__ = "0.1.0"

ROOMS = (
    "files",
    "skeletons",
    "geometry",
    "train",
    "codecs",
    "losses",
    "layers",
    "metrics",
    "data/labels",
    "data/pictures",
    "data/records",
    "data/motion",
    "data/views",
    "data/datasets",
    "data/doctor",
    "data/generated",
    "data",
    "viz",
    "export",
    "serving",
    "hands",
    "bodies",
    "lifting",
    "peclr",
    "hand_pose",
    "hand_student",
    "wild3d",
    "tips",
    "predict",
    "equivariance",
    "doctor",
    "demo",
    "weights",
)

__all__ = ["ROOMS", "__version__"]
