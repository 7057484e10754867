"""A few generated bodies of either kind as record folders, and what tests read of their batches."""

from keras_pose.bodies.data import load_bodies
from keras_pose.data.generated.bodies import body_source
from keras_pose.data.records import write_records
from keras_pose.data.records.record import RecordSource

COUNT, PICTURE, SIZE = 10, 96, 64
COMMON = {"image_size": SIZE, "batch_size": 4, "val_share": 0.0, "augment_on": "host"}


def source(style, change=None, **settings):
    """Bodies of a style, each passed through a function of its position and record."""
    bodies = body_source(COUNT, 3, size=PICTURE, style=style, **settings)
    if change is None:
        return bodies
    return RecordSource(
        name=bodies.name,
        licence=bodies.licence,
        skeleton=bodies.skeleton,
        count=COUNT,
        read=lambda position: change(position, bodies.read(position)),
        notes=bodies.notes,
    )


def write_both(top):
    """Write the folders `lab` (3D labels) and `wild` (2D labels alone)."""
    write_records(source("lab"), top / "lab")
    write_records(source("wild", labels_3d=False), top / "wild")


def load(config, *folders):
    """Open the bodies of some folders."""
    return load_bodies(config, ",".join(str(folder) for folder in folders))


def batches(bodies, count, first_step=0):
    """The first training batches as arrays."""
    return list(bodies.batches(first_step).take(count).as_numpy_iterator())


def rows(many):
    """Rows of all batches as dicts."""
    return [
        {name: values[row] for name, values in batch.items()}
        for batch in many
        for row in range(len(batch["id"]))
    ]
