"""Length units of inputs and reports."""

from keras_pose.geometry.shapes import require_choice

MILLIMETRES = {"m": 1000.0, "cm": 10.0, "mm": 1.0}


def convert_length(from_name: str, from_unit: str, to_name: str, to_unit: str) -> float:
    """Give the factor between two length units.

    Args:
        from_name: what an error sentence calls the first unit's argument.
        from_unit: `m`, `cm` or `mm`.
        to_name: what an error sentence calls the second unit's argument.
        to_unit: `m`, `cm` or `mm`.

    Returns:
        The number that turns a length in `from_unit` into one in `to_unit`.

    Raises:
        ValueError: if a unit is unknown.
    """
    require_choice(from_name, from_unit, tuple(MILLIMETRES))
    require_choice(to_name, to_unit, tuple(MILLIMETRES))
    return MILLIMETRES[from_unit] / MILLIMETRES[to_unit]
