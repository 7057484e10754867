"""Golden requests ask everything, and a model that answers otherwise than Keras is not published."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.serving import contract_signatures, read_warmup, write_warmup
from keras_pose.serving.golden import compare_signatures, golden_requests, warmup_requests
from tests.serving.dot_network import SIZE, dot_network
from tests.serving.test_contract import CAMERA, picture, png


@pytest.fixture(scope="module")
def requests():
    pictures = [png(picture([40.5 + 30 * row, 70.5])) for row in range(3)]
    boxes = np.array([[10.0 + 30 * row, 40, 60, 50] for row in range(3)])
    return golden_requests(
        dot_network(), pictures, boxes, np.array([CAMERA] * 3), np.array([0.05, 0.06, 0.07])
    )


def published(root, built, compared, requests):
    with export.new_version(root, "dot") as (folder, _):
        export.save_signatures(folder, built, serving_default="serving_default")
        reports = compare_signatures(export.LoadedModel(folder), compared, requests)
        export.write_verification(folder, reports)
        write_warmup(folder, warmup_requests(requests), "dot")
    return reports


def test_every_signature_is_asked_and_proved(requests, tmp_path):
    signatures = contract_signatures(dot_network())
    reports = published(tmp_path, signatures, signatures, requests)
    assert {report["artefact"] for report in reports} == {f"saved_model.pb:{n}" for n in signatures}
    assert all(report["passed"] for report in reports)
    assert (tmp_path / "dot" / "1" / "parity.json").is_file()
    asked = read_warmup(tmp_path / "dot" / "1")
    assert {(name, len(given["image_bytes"])) for name, given in asked} == {
        (name, count)
        for name in ("serving_default", "serve_bytes", "serve_box", "serve_sided")
        for count in (1, 8)
    }
    # The crop is the box with its margin: three dots, each in its own.
    assert requests["serve_crop"]["image"].shape == (3, SIZE, SIZE, 3)
    assert requests["serve_crop"]["image"].max(axis=(1, 2, 3)).min() > 100


def wrong_normalisation(network):
    """Grey levels from -1 to 1, as half of all networks want them."""
    return dataclasses.replace(
        network, pose=lambda image, camera, length: network.pose(2 * image - 1, camera, length)
    )


def forgotten_margin(network):
    return dataclasses.replace(network, crop_scale=1.0)


def forgotten_length(network):
    return dataclasses.replace(
        network,
        pose=lambda image, camera, length: network.pose(image, camera, tf.ones_like(length)),
    )


@pytest.mark.parametrize("fault", [wrong_normalisation, forgotten_margin, forgotten_length])
def test_a_planted_fault_leaves_nothing_behind(requests, tmp_path, fault):
    # Every fault is seen in the signature that uses picture, box, camera and length; the others cost as
    # much time again each.
    right, faulty = (
        {"serving_default": contract_signatures(network)["serving_default"]}
        for network in (dot_network(), fault(dot_network()))
    )
    with pytest.raises(export.ExportMismatch, match="nothing was exported"):
        published(tmp_path, faulty, right, requests)
    assert not list(tmp_path.rglob("*"))


def test_a_signature_that_nobody_asks_is_refused(requests, tmp_path):
    signatures = contract_signatures(dot_network())
    signatures = {name: signatures[name] for name in ("serving_default", "serve_box")}
    few = {name: given for name, given in requests.items() if name != "serve_box"}
    with pytest.raises(ValueError, match="'serve_box' has no golden request"):
        published(tmp_path, signatures, signatures, few)
    assert not list(tmp_path.rglob("*"))
