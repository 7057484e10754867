"""Every joint order of the house by its name."""

import difflib

from keras_pose.skeletons.body import BODIES
from keras_pose.skeletons.hand import HANDS
from keras_pose.skeletons.skeleton import Skeleton

SKELETONS: dict[str, Skeleton] = {skeleton.name: skeleton for skeleton in (*BODIES, *HANDS)}


def by_name(name: str) -> Skeleton:
    """Find a joint order by its name.

    Args:
        name: short name, for example `h36m_17`; upper case is accepted.

    Returns:
        The skeleton.

    Raises:
        ValueError: if there is no such skeleton; the sentence names the closest ones.

    Example:
        >>> from keras_pose.skeletons import by_name
        >>> by_name("h36m_17").joints[:3]
        ('pelvis', 'right_hip', 'right_knee')
    """
    found = SKELETONS.get(str(name).lower())
    if found is not None:
        return found
    close = difflib.get_close_matches(str(name).lower(), SKELETONS, n=3, cutoff=0.4)
    raise ValueError(
        f"There is no skeleton {name!r}; did you mean {', '.join(close or SKELETONS)}?"
    )
