"""Commands to the predictor, with models that are loaded once."""

import functools
import json

import cv2

from keras_pose.predict.prediction import predict_files
from keras_pose.predict.settings import PredictConfig
from keras_pose.serving import ServedPose
from tests.predict.served_people import picture


@functools.cache
def loaded(folder):
    """A model; loading takes seconds."""
    return ServedPose(folder)


def write(path, image=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), (picture() if image is None else image)[..., ::-1])
    return path


def config(model, pictures, output, **settings):
    paths = {"saved_model": model, "pictures": str(pictures), "output": str(output)}
    return PredictConfig(**(paths | {"page": False, "overlay": False} | settings))


def run(model, pictures, output, **settings):
    outcome = predict_files(config(model, pictures, output, **settings))
    assert outcome.failures == {}
    return json.loads((output / "poses.json").read_text())
