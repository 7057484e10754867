"""The YouTube 3D Hands reader: joints of the mesh, mirrored left hands, absent frames."""

import json
import pathlib
import tracemalloc

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.youtube_3d_hands import (
    mesh_joints,
    read_joint_regressor,
    read_youtube_3d_hands,
)
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND, convert

VECTORS = pathlib.Path(__file__).parents[2] / "golden" / "peclr" / "h_maps_split.npz"


def _regressor():
    """A stand-in: joint j of MANO's 16 is vertex 10 j."""
    matrix = np.zeros((16, 778))
    matrix[np.arange(16), 10 * np.arange(16)] = 1
    return matrix


def _vertices(shift=0.0):
    vertices = np.zeros((778, 3))
    vertices[:, 0] = 4 + np.arange(778) / 100 + shift
    vertices[:, 1] = 20 - np.arange(778) / 50
    return vertices


@pytest.fixture
def root(tmp_path):
    np.save(tmp_path / "regressor.npy", _regressor())
    for video, ending in (("a", "png"), ("b", "jpg")):
        (tmp_path / "youtube" / video / "frames").mkdir(parents=True)
        picture = np.zeros((24, 40, 3), np.uint8)
        picture[:, :10] = (0, 0, 255)  # red on the left
        cv2.imwrite(str(tmp_path / f"youtube/{video}/frames/7.{ending}"), picture)
    images = [
        {"name": f"youtube/{video}/frames/{n}.png", "width": 40, "height": 24, "id": 10 * k + n}
        for k, video in enumerate("ab")
        for n in (7, 8)
    ]
    annotations = [
        {"vertices": _vertices().tolist(), "is_left": 0, "image_id": 7, "id": 100},
        {"vertices": _vertices(2).tolist(), "is_left": 1, "image_id": 17, "id": 101},
        {"vertices": _vertices().tolist(), "is_left": 0, "image_id": 8, "id": 102},
    ]
    content = {"images": images, "annotations": annotations}
    (tmp_path / "youtube_train.json").write_text(json.dumps(content))
    return tmp_path


def test_joints_of_a_mesh_are_the_officials_in_another_order():
    golden = np.load(VECTORS)
    # The official regressor is MANO's and not here; its own output stands for its first 16 rows.
    official = golden["mano_joints21"]
    vertices = golden["mano_verts"].copy()
    vertices[10 * np.arange(16)] = official[:16]
    joints = mesh_joints(vertices, _regressor())
    ait = official[golden["mano_to_ait"]]
    expected, _ = convert(ait, HAND_21_AIT, HAND_21_FREIHAND)
    np.testing.assert_allclose(joints, expected, atol=1e-7)
    with pytest.raises(ValueError, match="778"):
        mesh_joints(np.zeros((700, 3)), _regressor())


def test_right_and_mirrored_left_hands(root):
    source = read_youtube_3d_hands(root, root / "regressor.npy")
    assert len(source) == 2
    assert source.notes == ("1 of 3 annotations have no frame and were left out.",)
    right, left = source
    assert (right.id, right.side, right.group) == (100, "right", "youtube/a/frames")
    # The wrist is vertex 0; middle_mcp is MANO's joint 4, vertex 40; the thumb's tip vertex 744.
    joint = dict(zip(HAND_21_FREIHAND.joints, right.keypoints_2d, strict=True))
    np.testing.assert_allclose(joint["wrist"], [4, 20], atol=1e-5)
    np.testing.assert_allclose(joint["middle_mcp"], [4.4, 19.2], atol=1e-5)
    np.testing.assert_allclose(joint["thumb_tip"], [11.44, 5.12], atol=1e-5)
    np.testing.assert_allclose(right.box, [4, 4.46, 7.77, 15.54], atol=1e-4)
    assert right.keypoints_3d is None and right.intrinsics is None and right.scale == 0
    # x <- 40 - x, and the red edge is now on the right.
    assert (left.id, left.side, left.name) == (101, "right", "youtube/b/frames/7.jpg")
    np.testing.assert_allclose(left.keypoints_2d[0], [40 - 6, 20], atol=1e-5)
    np.testing.assert_allclose(left.box, [40 - 13.77, 4.46, 7.77, 15.54], atol=1e-4)
    picture = decode_picture(left.image, left.name)
    assert picture[12, 35].tolist()[0] > 240 and picture[12, 5].max() < 15
    assert right.image == (root / "youtube/a/frames/7.png").read_bytes()


def test_left_hands_can_stay_left(root):
    _, left = read_youtube_3d_hands(root, root / "regressor.npy", mirror_left=False)
    assert left.side == "left"
    np.testing.assert_allclose(left.keypoints_2d[0], [6, 20], atol=1e-5)
    assert left.image == (root / "youtube/b/frames/7.jpg").read_bytes()


def test_frames_of_another_size_than_the_labels_are_refused(root):
    # The same video fetched at another resolution: labels would lie elsewhere.
    path = root / "youtube/b/frames/7.jpg"
    cv2.imwrite(str(path), np.zeros((48, 80, 3), np.uint8))
    source = read_youtube_3d_hands(root, root / "regressor.npy")
    with pytest.raises(ValueError, match="7.jpg: the picture is 80 x 48 px, .* says 40 x 24"):
        source.read(1)
    assert source.read(0).width == 40


def test_regressor_files(tmp_path):
    matrix = _regressor()
    np.savez(tmp_path / "a.npz", j=matrix)
    np.testing.assert_array_equal(read_joint_regressor(tmp_path / "a.npz"), matrix)
    cases = {
        "two.npz": lambda path: np.savez(path, a=matrix, b=matrix),
        "shape.npy": lambda path: np.save(path, matrix.T),
        "sums.npy": lambda path: np.save(path, 2 * matrix),
        "text.npy": lambda path: path.write_text("no array"),
        "pickle.npy": lambda path: np.save(path, np.array([{}], object), allow_pickle=True),
    }
    for name, write in cases.items():
        write(tmp_path / name)
        with pytest.raises(ValueError, match=f"{name}.*not shipped"):
            read_joint_regressor(tmp_path / name)
    with pytest.raises(ValueError, match="does not exist.*not shipped"):
        read_joint_regressor(tmp_path / "absent.npy")


def test_wrong_files_are_named(root):
    with pytest.raises(ValueError, match="youtube_val.json does not exist"):
        read_youtube_3d_hands(root, root / "regressor.npy", "val")
    with pytest.raises(ValueError, match="not part"):
        read_youtube_3d_hands(root, root / "regressor.npy", "training")
    content = json.loads((root / "youtube_train.json").read_text())
    content["annotations"][0]["vertices"] = [[1, 2]]
    (root / "youtube_train.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="annotation 100 of youtube/a/frames/7.png has no mesh"):
        list(read_youtube_3d_hands(root, root / "regressor.npy"))
    del content["annotations"][0]["image_id"]
    (root / "youtube_train.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="lacks 'image_id'"):
        read_youtube_3d_hands(root, root / "regressor.npy")
    for frame in (root / "youtube").rglob("7.*"):
        frame.unlink()
    del content["annotations"][0]
    (root / "youtube_train.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="none of the 2 frames"):
        read_youtube_3d_hands(root, root / "regressor.npy")


def test_meshes_are_held_as_numbers_and_not_as_lists(root):
    path = root / "youtube_train.json"
    content = json.loads(path.read_text())
    one = content["annotations"][0]
    content["annotations"] = [one | {"id": n} for n in range(100)]
    path.write_text(json.dumps(content))
    tracemalloc.start()
    source = read_youtube_3d_hands(root, root / "regressor.npy")
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(source) == 100
    # As lists they take more than four times their 8 bytes a number.
    assert held < 1.5 * 100 * 778 * 3 * 8
