"""Whether a finished run can teach another one."""

import os
from collections.abc import Sequence
from typing import Any


def require_fitting_teacher(config: Any, teacher: Any, shared: Sequence[str], weights: str) -> None:
    """Refuse a teacher that is unfinished or speaks of other crops.

    Args:
        config: of the run that learns: `teacher`, a run folder, `image_size` and the shared fields.
        teacher: config of that run folder.
        shared: fields that must agree for two networks to mean the same.
        weights: path of the teacher's weights.

    Raises:
        ValueError: in one sentence.
    """
    for name in shared:
        mine, theirs = getattr(config, name), getattr(teacher, name)
        if mine != theirs:
            raise ValueError(
                f"--{name}={mine} contradicts the teacher {config.teacher}, which has {theirs}; use that."
            )
    if config.image_size % teacher.image_size:
        raise ValueError(
            f"--image_size={config.image_size} is no multiple of the {teacher.image_size} px of the "
            f"teacher {config.teacher}; use one, so that it can be shown the same crops."
        )
    if not os.path.exists(weights):
        raise ValueError(f"{weights}: there are no weights here yet; let that run finish first.")
