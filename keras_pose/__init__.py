"""Human pose estimation with few labels, on TensorFlow and Keras 3.

Importing this package has no side effect and loads no framework. Import the room you need:
`from keras_pose import geometry`, `import keras_pose.tips`. `ROOMS` names them, lowest level first.
"""

import importlib
import typing
from collections.abc import Callable, Sequence

if typing.TYPE_CHECKING:
    from keras_pose.predict.everybody import Pose

__version__ = "0.1.0"

ROOMS = (
    "files",
    "skeletons",
    "geometry",
    "data_service",
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
    "weights",
    "hands",
    "bodies",
    "lifting",
    "weights",
    "peclr",
    "hand_pose",
    "hand_student",
    "wild3d",
    "tips",
    "lifter_student",
    "lifter_motion",
    "predict",
    "pseudo_labels",
    "equivariance",
    "doctor",
    "demo",
)

__all__ = ["ROOMS", "Pose", "__version__", "lazy_names"]


def lazy_names(
    room: str, homes: Sequence[str], names: Sequence[str] | None = None
) -> Callable[[str], object]:
    """Make a room's `__getattr__`: its names are imported when asked, so that commands start quickly.

    Args:
        room: `__name__` of the room.
        homes: its modules or wings, in which names are looked for in this order.
        names: what the room has; None for the public names of each of `homes`.

    Returns:
        Function of a name to the object, which raises AttributeError if there is none.
    """

    def find(name: str) -> object:
        if names is None or name in names:
            for home in homes:
                module = importlib.import_module(f"{room}.{home}")
                if hasattr(module, name) if names else name in module.__all__:
                    return getattr(module, name)
        raise AttributeError(f"{room} has no name {name!r}; look in {', '.join(homes)}.")

    return find


__getattr__ = lazy_names(__name__, ("predict.everybody",), ("Pose",))
