"""Nobody is here: chosen on scores by hand, and told by every signature of a network."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import ServedPose, contract_signatures, read_metadata
from keras_pose.serving.held_out import places_beside, plain_crops
from keras_pose.serving.presence import choose_presence
from tests.serving.dot_network import SIZE, dot_network, save_dots
from tests.serving.test_contract import picture

LEVEL = 160 / 255


def dots(level, count=4):
    """Crops with a dot as bright as its level; the dot network's score is that level."""
    crops = np.full((count, SIZE, SIZE, 3), 60, np.uint8)
    crops[:, 10, 20] = level
    return crops


def test_the_threshold_lies_between_people_and_places():
    chosen = choose_presence(dot_network(), dots(250), dots(150), dots(100), "person")
    np.testing.assert_allclose(chosen.threshold, 200 / 255, atol=1e-6)
    assert "a mean score of 0.784 keeps 100 % of the first and refuses 100 %" in chosen.words


def test_scores_that_do_not_tell_give_no_threshold():
    alike = choose_presence(dot_network(), dots(200), dots(200), dots(100), "hand")
    assert alike.threshold is None
    assert alike.words.startswith("It does not say whether there is a hand, since its scores")
    # One plain picture that passes is one too many.
    many = choose_presence(dot_network(), dots(200), dots(100, 40), dots(240, 1), "hand")
    assert many.threshold is None


def test_every_signature_says_that_nobody_is_there(tmp_path):
    network = dataclasses.replace(dot_network(), found_threshold=LEVEL)
    save_signatures(tmp_path / "1", contract_signatures(network))
    model = LoadedModel(tmp_path / "1")
    crops = np.concatenate([dots(250, 1), dots(120, 1)])
    camera = np.array([[64.0, 0, 32], [0, 64.0, 32], [0, 0, 1]], np.float32)
    known = {"K": np.repeat(camera[None], 2, 0), "bone_length_m": np.full((2, 1), 0.05, "f")}
    answer = model.runner("serve_crop")({"image": crops, **known})
    np.testing.assert_array_equal(answer["valid"], [1, 0])
    for name in ("keypoints_2d", "keypoints_3d", "depth"):
        assert answer[name][0].any() and not answer[name][1].any(), name
    np.testing.assert_allclose(answer["score"][1], 120 / 255, atol=1e-6)
    shown = [picture([60.5, 70.5]), np.full((120, 160, 3), 128, np.uint8)]
    files = [tf.io.encode_png(image).numpy() for image in shown]
    boxes = np.array([[40, 50, 40, 40]] * 2, np.float32)
    answer = model.runner("serve_box")({"image_bytes": np.array(files), "bbox": boxes})
    np.testing.assert_array_equal(answer["valid"], [1, 0])
    assert not answer["keypoints_2d"][1].any()


def test_the_python_side_says_so_too_and_old_folders_work(tmp_path):
    found = {}
    for name, threshold in (("new", LEVEL), ("old", None)):
        network = dataclasses.replace(dot_network(), found_threshold=threshold)
        folder = tmp_path / name / "1"
        path = save_dots(folder, network)
        if threshold is None:
            # Folders of before have no such line.
            path.write_text(path.read_text().replace(' "found_threshold": null,\n', ""))
        assert read_metadata(folder).found_threshold == threshold
        grey = np.full((120, 160, 3), 128, np.uint8)
        (found[name],) = ServedPose(folder).predict(grey, bone_length_m=0.05)
    assert not found["new"].valid and found["new"].keypoints_3d is None
    assert not found["new"].keypoints_2d.any()
    np.testing.assert_allclose(found["new"].score, 128 / 255, atol=1e-6)
    assert found["old"].valid and found["old"].keypoints_2d.any()


def test_places_beside_do_not_show_the_person():
    image = np.full((200, 300, 3), 40, np.uint8)
    image[60:140, 100:180] = 250
    crops = places_beside(dot_network(), [image] * 6, np.tile([100.0, 60, 80, 80], (6, 1)))
    assert crops.shape == (6, SIZE, SIZE, 3)
    assert crops.max() == 40


def test_plain_crops_are_of_one_size():
    crops = plain_crops(32)
    assert crops.shape == (12, 32, 32, 3) and crops.dtype == np.uint8
    assert sorted({int(crop[0, 0, 0]) for crop in crops[:5]}) == [0, 64, 128, 192, 255]
