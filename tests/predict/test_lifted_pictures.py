"""Bodies found in pictures and films, lifted; films with cuts, in pieces."""

import dataclasses
import functools
import json
import pathlib

import numpy as np
import pytest

from keras_pose.codecs import total_bone_length
from keras_pose.data.motion import Detections
from keras_pose.export import LoadedModel, save_signatures
from keras_pose.geometry import project_arrays
from keras_pose.lifter_motion.config import Config
from keras_pose.lifter_motion.network import MotionLifter
from keras_pose.lifter_motion.serving import motion_signatures
from keras_pose.lifter_student.config import Config as StudentConfig
from keras_pose.lifter_student.network import PresenceLifter, lift_present
from keras_pose.lifting.facing import camera_signature
from keras_pose.lifting.scored_serving import scored_signatures
from keras_pose.lifting.serving import describe
from keras_pose.predict import network
from keras_pose.predict.cuts import CutFinder, cut_rows
from keras_pose.predict.lifted import lift_files, lift_found
from keras_pose.predict.lifter import FoundLifter, Lifter
from keras_pose.predict.prediction import predict_files
from keras_pose.predict.settings import PredictConfig
from keras_pose.serving import describe_signatures, write_metadata
from keras_pose.skeletons import COCO_17, H36M_17, HAND_21_FREIHAND, MPII_16, convert
from tests.predict import served_people
from tests.predict.commands import config, loaded, run, write
from tests.predict.served_people import picture
from tests.predict.test_films import _Frames

ROOT = pathlib.Path(__file__).parents[2]
LIFTER = str(ROOT / "savedmodels/tips_cmu/1")


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return str(served_people.save(tmp_path_factory.mktemp("models") / "body" / "1", "body"))


@pytest.fixture(scope="module", params=["last", "middle"])
def films(request, tmp_path_factory):
    """A lifter of 3 frames with random weights: its folder, and which frame it answers."""
    settings = Config(num_frames=3, answer=request.param, width=8, num_blocks=0)
    folder = tmp_path_factory.mktemp("models") / request.param / "1"
    save_signatures(folder, motion_signatures(MotionLifter(settings), 0.2), "lift_frames")
    metadata = dataclasses.replace(
        describe("films", 1), settings={"min_score": 0.2, "answered": settings.answered}
    )
    signatures = describe_signatures(LoadedModel(folder))
    write_metadata(folder, dataclasses.replace(metadata, signatures=signatures))
    return str(folder), request.param


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    """Folder of a lifter with random weights that looks at cameras."""
    lift = functools.partial(lift_present, PresenceLifter(StudentConfig(width=8, num_blocks=0)))
    signatures = scored_signatures(lift, 0.2) | {"lift_camera": camera_signature(lift, 0.2, 2.0)}
    folder = tmp_path_factory.mktemp("models") / "seeing" / "1"
    save_signatures(folder, signatures, "lift")
    described = describe_signatures(LoadedModel(folder))
    write_metadata(folder, dataclasses.replace(describe("seeing", 1), signatures=described))
    return str(folder)


@pytest.fixture(autouse=True)
def _load_once(monkeypatch):
    monkeypatch.setattr(network, "ServedPose", loaded)


def test_a_body_in_a_picture_is_lifted(body, tmp_path):
    place = write(tmp_path / "a.png")
    content = run(body, place, tmp_path / "out", lift=LIFTER, height_m=1.8, finder="none")
    (pose,) = content["poses"]
    assert "tips_cmu, version 1" in content["lifter"]
    assert content["camera"].startswith("none: 3D is relative to the pelvis")
    space = np.array(pose["keypoints_3d_m"])
    assert space.shape == (17, 3) and not space[0].any() and pose["is_root_relative"]
    bones, _ = convert(space, H36M_17, MPII_16)
    assert float(np.asarray(total_bone_length(bones))) == pytest.approx(2.4 * 1.8, rel=1e-3)
    plain = run(body, place, tmp_path / "plain", finder="none")
    points, _ = convert(np.array(plain["poses"][0]["keypoints_2d_px"]), MPII_16, H36M_17)
    np.testing.assert_allclose(pose["keypoints_2d_px"], points, atol=0.01)
    # What the network says of its own joints and depth is not so of a lifter's.
    side = plain["poses"][0]["box"][2]
    np.testing.assert_allclose(plain["poses"][0]["sigma_2d_px"], [0.01 * side] * 16, atol=0.01)
    np.testing.assert_allclose(plain["poses"][0]["sigma_depth"], [0.1] * 16)
    assert pose["sigma_2d_px"] is None and pose["sigma_depth"] is None


def test_a_film_is_cut_where_the_picture_is_another(body, films, tmp_path):
    place, answer = films
    dark = [picture(x=50.0 + number) for number in range(4)]
    bright = [np.clip(picture(x=90.0).astype(int) + [0, 160, 160], 0, 255).astype(np.uint8)] * 3
    settings = {"webcam": 1, "lift": place, "boxes": "15,25,70,70", "overlay": True, "page": True}
    command = config(body, "", tmp_path / "out", **settings)
    if answer == "middle":
        with pytest.raises(ValueError, match="needs frames that come later"):
            predict_files(command, lambda source: _Frames(dark))
        return
    outcome = predict_files(command, lambda source: _Frames(dark + bright))
    assert "camera: cut at frame 4; it was lifted in pieces." in outcome.notes
    content = json.loads((tmp_path / "out" / "poses.json").read_text())
    assert content["frames"] == 7 and all(pose["is_valid"] for pose in content["poses"])
    poses = [np.array(pose["keypoints_3d_m"]) for pose in content["poses"]]
    # Three times the same picture is lifted differently only while the window fills.
    assert (poses[4] != poses[5]).any() and (poses[5] != poses[6]).any()
    assert (tmp_path / "out" / "camera.overlay.mp4").is_file()


def test_a_stream_is_the_film_and_a_new_film_forgets(films):
    place, answer = films
    lifter = Lifter(place)
    assert (lifter.num_frames, lifter.is_causal) == (3, answer == "last")
    random = np.random.default_rng(0)
    points = random.uniform(0, 300, (5, 17, 2)).astype(np.float32)
    score = np.full((5, 17), 0.9, np.float32)
    film = lifter.lift_film(points, score)
    state, late = None, 2 - lifter.answered
    for number in range(5):
        lifted, state = lifter.lift_next(points[number], score[number], state)
        if number >= late:
            expected = film["keypoints_3d"][number - late]
            np.testing.assert_allclose(lifted["keypoints_3d"][0], expected, rtol=1e-4, atol=1e-3)
    single = lifter.lift(points[:1], score[:1])["keypoints_3d"][0]
    alone = lifter.lift_film(points[:1], score[:1])["keypoints_3d"][0]
    np.testing.assert_allclose(single, alone, rtol=1e-4, atol=1e-3)


class _Lengths:
    """A lifter that answers how long the film is and where in it each frame was."""

    num_frames = 3

    def lift_film(self, points, score):
        count = len(points)
        space = np.zeros((count, 17, 3), np.float32)
        space[..., 0], space[..., 1] = count, np.arange(count)[:, None]
        space[..., 2] = (score > 0).all(axis=1).sum()
        return {"keypoints_3d": space, "filled_2d": points, "valid": (score > 0).all(axis=1)}


def test_films_of_detectors_are_lifted_in_pieces():
    pose = np.random.default_rng(0).uniform(0, 100, (17, 2)).astype(np.float32)
    numbers = [0, 1, 3, 4, 5, 9]
    points = np.repeat(pose[None], 6, axis=0)
    points[3:] += 500.0  # between frames 3 and 4
    found = Detections(
        points, np.ones((6, 17), np.float32), tuple(map(str, numbers)), (0,) * 6, "toy", True
    )
    lifted, num_cuts = lift_found(_Lengths(), found)
    assert num_cuts == 1 and lifted["valid"].all()
    # Frames 0 to 3 with 2 missing; 4 and 5; 9 after a gap longer than the window.
    np.testing.assert_array_equal(lifted["keypoints_3d"][:, 0, 0], [4, 4, 4, 2, 2, 1])
    np.testing.assert_array_equal(lifted["keypoints_3d"][:, 0, 1], [0, 1, 3, 0, 1, 0])
    np.testing.assert_array_equal(lifted["keypoints_3d"][:, 0, 2], [3, 3, 3, 2, 2, 1])


def test_people_who_walk_or_lose_joints_are_not_cut():
    pose = np.random.default_rng(0).uniform(0, 100, (17, 2))
    points = pose[None] + 20.0 * np.arange(4)[:, None, None]
    score = np.ones((4, 17))
    score[1, :9] = 0.0
    points[1, :9] = 0.0
    assert len(cut_rows(points, score)) == 0
    points[2:] += 300.0
    np.testing.assert_array_equal(cut_rows(points, score), [2])


def test_pictures_that_pan_or_change_light_are_not_cut():
    random = np.random.default_rng(0)
    wide = random.integers(0, 255, (4, 12, 3)).repeat(30, 0).repeat(30, 1).astype(np.uint8)
    shots = [wide[:, 6 * step : 6 * step + 160] for step in range(4)]
    shots += [np.clip(shots[-1].astype(int) + 20, 0, 255).astype(np.uint8)]
    other = random.integers(0, 255, (4, 12, 3)).repeat(30, 0).repeat(30, 1).astype(np.uint8)
    cuts = CutFinder()
    found = [cuts.is_cut(shot) for shot in [*shots, other[:, :160], other[:, 6:166]]]
    assert found == [False] * 5 + [True, False]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hands": LIFTER}, "--hands are attached to a body with metres of its own"),
        ({"saved_model": ""}, "--saved_model is empty"),
    ],
)
def test_commands_that_cannot_be_lifted_are_refused(settings, words):
    given = {"lift": LIFTER, "saved_model": LIFTER, "pictures": "a.jpg", "output": "out"}
    with pytest.raises(ValueError, match=words):
        PredictConfig(**(given | settings)).check_command()


def test_a_camera_is_refused_by_a_lifter_that_does_not_look_at_it():
    given = {"lift": LIFTER, "saved_model": "body", "pictures": "a.jpg", "output": "out"}
    with pytest.raises(ValueError, match="--focal_px is of no use with --lift=.*lift_camera"):
        FoundLifter(PredictConfig(**given, focal_px=900.0), MPII_16, False)


def test_a_body_before_a_known_camera_stands_at_its_place(body, seeing, tmp_path):
    place = write(tmp_path / "a.png")
    given = {"lift": seeing, "height_m": 1.8, "finder": "none", "focal_px": 150.0}
    content = run(body, place, tmp_path / "out", **given)
    (pose,) = content["poses"]
    assert not pose["is_root_relative"]
    assert "given: a focal length of 150 px" in content["camera"]
    assert content["depth_unit"] == {"body": "distances of the pelvis from the camera"}
    space = np.array(pose["keypoints_3d_m"])
    bones, _ = convert(space, H36M_17, MPII_16)
    assert float(np.asarray(total_bone_length(bones))) == pytest.approx(2.4 * 1.8, rel=1e-3)
    camera = np.array([[150.0, 0.0, 80.0], [0.0, 150.0, 60.0], [0.0, 0.0, 1.0]])
    pelvis = np.array(pose["keypoints_2d_px"])[0]
    np.testing.assert_allclose(project_arrays(space[:1], camera)[0], pelvis, atol=0.05)
    # Half the focal length: half as far away, as far to the side.
    near = run(body, place, tmp_path / "near", **(given | {"focal_px": 75.0}))["poses"][0]
    assert near["keypoints_3d_m"][0][2] < 0.7 * space[0, 2]


def test_poses_of_a_file_stand_before_a_known_camera(seeing, tmp_path):
    random = np.random.default_rng(4)
    rows = [[*random.uniform(100, 300, 2), 0.9] for _ in COCO_17.joints]
    entry = {"image_id": 1, "category_id": 1, "keypoints": sum(rows, []), "score": 1.0}
    (tmp_path / "a.json").write_text(json.dumps([entry]))
    given = {"lift": seeing, "keypoints": str(tmp_path / "a.json"), "output": str(tmp_path / "out")}
    given |= {"focal_px": 500.0, "overlay": False, "page": False}
    with pytest.raises(ValueError, match="--picture_size is empty: a camera needs the size"):
        lift_files(PredictConfig(**given))
    lift_files(PredictConfig(**given, picture_size="640x400"))
    (pose,) = json.loads((tmp_path / "out" / "poses.json").read_text())["poses"]
    assert not pose["is_root_relative"]
    camera = np.array([[500.0, 0.0, 320.0], [0.0, 500.0, 200.0], [0.0, 0.0, 1.0]])
    hips = np.mean([rows[COCO_17.index(name)][:2] for name in ("left_hip", "right_hip")], axis=0)
    found = project_arrays(np.array(pose["keypoints_3d_m"])[:1], camera)[0]
    np.testing.assert_allclose(found, hips, atol=0.05)


def test_hands_are_not_lifted():
    command = PredictConfig(lift=LIFTER, saved_model="hands", pictures="a.jpg", output="out")
    with pytest.raises(ValueError, match="of which a lifter's joints cannot be made"):
        FoundLifter(command, HAND_21_FREIHAND, False)
