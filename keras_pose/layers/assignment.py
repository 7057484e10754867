"""Arrays of a file to variables by name: all of them or none, and every fault in one sentence."""

from collections.abc import Iterable, Mapping

import keras
import numpy as np

_MOST_NAMED = 12


def assign_weights(
    wanted: Iterable[tuple[str, keras.Variable]],
    given: Mapping[str, np.ndarray],
    words: str,
    advice: str,
) -> None:
    """Assign arrays to variables.

    Args:
        wanted: every variable with its name in the file.
        given: name to array `[...]`, in Keras' order of axes.
        words: what the arrays and the model are, for the message.
        advice: what to do, for the message.

    Raises:
        ValueError: if arrays are missing, left over or misshapen; nothing is assigned then.
    """
    left, pairs = dict(given), []
    faults: dict[str, list[str]] = {"missing": [], "left over": [], "misshapen": []}
    for name, variable in wanted:
        if name not in left:
            faults["missing"].append(name)
            continue
        value = np.asarray(left.pop(name))
        if value.shape != tuple(variable.shape):
            faults["misshapen"].append(f"{name} {value.shape} instead of {tuple(variable.shape)}")
        pairs.append((variable, value))
    faults["left over"] = sorted(left)
    said = [
        f"{len(found)} {what} ({', '.join(found[:_MOST_NAMED])}"
        f"{', ...' if len(found) > _MOST_NAMED else ''})"
        for what, found in faults.items()
        if found
    ]
    if said:
        raise ValueError(f"{words} do not fit: {'; '.join(said)}; {advice}.")
    for variable, value in pairs:
        variable.assign(value)
