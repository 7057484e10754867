"""Generated bodies: exact labels, pure functions, styles apart, flesh where the joints are."""

import cv2
import numpy as np
import pytest

from keras_pose.data.generated.backgrounds import Backgrounds
from keras_pose.data.generated.bodies import STYLES, body_source, generate_body
from keras_pose.data.generated.body_camera import lab_cameras, random_camera
from keras_pose.data.generated.body_parts import ARM, HAIR, HAND, HEAD, TORSO, BodyShape, body_scale
from keras_pose.data.generated.body_poses import PosePool, random_lengths, with_lengths
from keras_pose.data.generated.body_renderer import ShadowMap
from keras_pose.data.generated.body_surface import body_surface
from keras_pose.data.generated.depth_buffer import draw_depth
from keras_pose.data.motion.humans import generate_motion
from keras_pose.data.motion.motion import MotionSet
from keras_pose.data.records.record import check_values
from keras_pose.geometry import project_arrays
from keras_pose.skeletons import H36M_17, MPII_16_SPINE

K = np.array([[100.0, 0, 64], [0, 100, 64], [0, 0, 1]])
# A person who stands at the origin and faces -z, towards a camera with the world's axes; y down.
# The right side is then on the left of the picture.
_STANDING = {
    "pelvis": (0, -0.95, 0),
    "right_hip": (-0.1, -0.95, 0),
    "right_knee": (-0.1, -0.53, 0),
    "right_ankle": (-0.1, -0.09, 0),
    "left_hip": (0.1, -0.95, 0),
    "left_knee": (0.1, -0.53, 0),
    "left_ankle": (0.1, -0.09, 0),
    "spine": (0, -1.19, 0),
    "thorax": (0, -1.43, 0),
    "nose": (0, -1.53, -0.07),
    "head": (0, -1.65, -0.02),
    "left_shoulder": (0.16, -1.42, 0),
    "left_elbow": (0.2, -1.15, 0.02),
    "left_wrist": (0.22, -0.9, -0.03),
    "right_shoulder": (-0.16, -1.42, 0),
    "right_elbow": (-0.2, -1.15, 0.02),
    "right_wrist": (-0.22, -0.9, -0.03),
}


def _standing(**moved):
    places = _STANDING | moved
    return np.array([places[name] for name in H36M_17.joints], float)


def _seen(joints, point, turned=False):
    """Region of the body that a camera 3 m in front sees at the pixel of a point; -1 for none."""
    rotation = np.diag([-1.0, 1, -1]) if turned else np.eye(3)
    shift = np.array([0, 0.9, 3.0])
    surface = body_surface(joints, BodyShape()).moved(rotation, shift)
    column, row = project_arrays(rotation @ np.array(point, float) + shift, K).astype(int)
    number = draw_depth(surface, K, 128, 128).primitive[row, column]
    return -1 if number < 0 else surface.region[number]


def test_nearer_hand_covers_the_trunk():
    before = {"right_elbow": (-0.2, -1.15, -0.1), "right_wrist": (0.0, -1.2, -0.3)}
    behind = {"right_elbow": (-0.2, -1.15, 0.1), "right_wrist": (0.0, -1.2, 0.3)}
    chest, wrist = (0, -1.24, 0), (0.0, -1.2, -0.3)
    assert _seen(_standing(), chest) == TORSO
    assert _seen(_standing(**before), wrist) in (ARM, HAND)
    assert _seen(_standing(**behind), chest) == TORSO
    # Seen from behind, it is the other way round.
    assert _seen(_standing(**behind), (0.0, -1.2, 0.3), turned=True) in (ARM, HAND)
    assert _seen(_standing(**before), chest, turned=True) == TORSO


def test_face_is_in_front_and_hair_behind():
    middle = (0, -1.55, 0)
    assert _seen(_standing(), middle) == HEAD
    assert _seen(_standing(), middle, turned=True) == HAIR


def test_toes_point_where_the_body_faces():
    surface = body_surface(_standing(), BodyShape())
    feet = surface.axes[surface.bases == 2.0]
    toes = [axes[0] for axes in feet if abs(axes[0][1]) < 0.5]
    assert len(toes) == 2 and all(direction[2] < -0.9 for direction in toes)
    # Knees that bend forwards turn them too.
    aside = _standing(right_knee=(-0.35, -0.6, 0.0), left_knee=(-0.15, -0.6, 0.0))
    surface = body_surface(aside, BodyShape())
    toes = [axes[0] for axes in surface.axes[surface.bases == 2.0] if abs(axes[0][1]) < 0.5]
    assert all(direction[0] < -0.6 for direction in toes)


def test_body_scale_by_hand():
    # Two bones of 0.24 m, thighs of 0.42 m and shins of 0.44 m, over 1.317 m.
    assert body_scale(_standing()) == pytest.approx(1.34 / 1.317)
    assert body_scale(1.1 * _standing()) == pytest.approx(1.1 * 1.34 / 1.317)


def test_frames_are_right_down_front():
    surface = body_surface(_standing(), BodyShape())
    along, right, front = surface.axes.swapaxes(0, 1)
    products = surface.axes @ surface.axes.swapaxes(1, 2)
    np.testing.assert_allclose(products, np.tile(np.eye(3), (len(products), 1, 1)), atol=1e-7)
    legs = surface.bases == 1.0
    assert np.all(along[legs][:, 1] > 0.5) and np.all(front[legs][:, 2] < 0)
    # Somebody who faces -z has the right hand at -x.
    assert np.all(right[legs][:, 0] < 0)


@pytest.mark.parametrize("style", STYLES)
def test_projection_is_exact_and_joints_lie_in_the_flesh(style):
    inside = []
    for index in range(8):
        body = generate_body(index, 1, size=64, style=style)
        assert body.image.shape == (64, 64, 3) and body.image.dtype == np.uint8
        homogeneous = body.keypoints_3d @ body.intrinsics.T
        np.testing.assert_allclose(
            homogeneous[:, :2] / homogeneous[:, 2:], body.keypoints_2d, atol=1e-9
        )
        is_inside = np.all((body.keypoints_2d >= 0) & (body.keypoints_2d < 64), axis=1)
        np.testing.assert_array_equal(body.visible, is_inside)
        assert body.keypoints_3d[:, 2].min() > 0.5
        column, row = (body.keypoints_2d[is_inside] * 2).astype(int).T
        inside.extend(body.buffer.primitive[row, column] >= 0)
    assert np.mean(inside) > 0.95


def test_records_keep_the_projection():
    source = body_source(6, 5, size=48, style="test")
    for one in source:
        check_values(one)
        homogeneous = one.keypoints_3d.astype(float) @ one.intrinsics.T.astype(float)
        pixels = homogeneous[:, :2] / homogeneous[:, 2:]
        np.testing.assert_allclose(pixels, one.keypoints_2d, atol=1e-3)
        assert one.skeleton == MPII_16_SPINE.name and one.has_absolute_depth
        picture = cv2.imdecode(np.frombuffer(one.image, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (48, 48, 3) and picture.std() > 3
        # The box is a square of 1.25 times the joints' reach about their middle.
        low, high = one.keypoints_2d.min(0), one.keypoints_2d.max(0)
        assert one.box[2] == one.box[3] == pytest.approx(1.25 * (high - low).max(), rel=1e-5)
        np.testing.assert_allclose(one.box[:2] + one.box[2:] / 2, (low + high) / 2, atol=1e-3)
        # A head is as long as a seventh or eighth of a standing body, which may crouch.
        assert 0.03 * one.box[2] < one.head_size < 0.3 * one.box[2]
    assert len({one.id for one in source}) == 6


@pytest.mark.parametrize("style", STYLES)
def test_body_is_a_pure_function_of_seed_and_index(style):
    source = body_source(4, 3, size=32, style=style)
    backwards = [source.read(index) for index in (3, 2, 1, 0)][::-1]
    longer = body_source(9, 3, size=32, style=style)
    again = [longer.read(index) for index in range(4)]
    assert [one.image for one in backwards] == [one.image for one in again]
    alone = generate_body(2, 3, size=32, style=style)
    np.testing.assert_array_equal(backwards[2].keypoints_3d, np.float32(alone.keypoints_3d))
    other = generate_body(2, 4, size=32, style=style)
    assert np.abs(other.keypoints_3d - alone.keypoints_3d).max() > 0.01


def test_styles_have_no_look_in_common():
    skins = {}
    for style in STYLES:
        bodies = [generate_body(index, 2, size=32, style=style) for index in range(20)]
        skins[style] = {tuple(body.look.skin) for body in bodies}
        patterns = {body.look.top.pattern for body in bodies}
        assert (patterns == {"plain"}) == (style == "lab")
        lights = {tuple(body.light.to_light) for body in bodies}
        centres = {tuple(body.camera.centre.round(6)) for body in bodies}
        if style == "lab":
            fixed = {tuple(camera.centre.round(6)) for camera in lab_cameras()}
            assert centres == fixed and len(lights) == 1
        else:
            assert len(centres) == len(lights) == 20
    assert len(skins["lab"]) == 5 and len(skins["wild"]) == 20 and len(skins["test"]) <= 8
    assert not (skins["lab"] & skins["wild"] or skins["lab"] & skins["test"])
    assert not skins["wild"] & skins["test"]


def test_subjects_of_a_motion_stay_apart():
    poses = generate_motion(6 * 120, seed=1).poses_m
    clip = np.repeat(np.arange(6), 120)
    subject = np.array([4, 4, 7, 7, -1, -1])[clip]
    motion = MotionSet(poses, clip, subject, source="made", licence="none", frames_per_second=30.0)
    pool = PosePool(motion)
    assert pool.num_subjects == 4  # every clip of somebody unknown counts as another subject
    rng = np.random.default_rng(0)
    for person in range(2):
        drawn = {pool.draw(rng, person, 2)[1:] for _ in range(60)}
        assert {number % 2 for _, number in drawn} == {person}
    records = list(body_source(16, 0, size=32, style="wild", motion=motion))
    groups = {one.group for one in records}
    assert groups <= {f"wild seed 0 subject {number}" for number in range(4)} and len(groups) > 2
    assert "none" in body_source(1, 0, motion=motion).licence
    assert {one.group for one in body_source(9, 0, size=32, motion=motion, people=1)} == {
        "lab seed 0 person 0"
    }


def test_bones_change_their_lengths_only():
    pose = _standing()
    factors = random_lengths(np.random.default_rng(3))
    names = H36M_17.joints
    for name in ("hip", "knee", "shoulder", "wrist"):
        assert factors[names.index(f"right_{name}")] == factors[names.index(f"left_{name}")]
    scaled = with_lengths(pose, factors)
    for joint, parent in enumerate(H36M_17.parents):
        if parent >= 0:
            bone = pose[joint] - pose[parent]
            np.testing.assert_allclose(
                scaled[joint] - scaled[parent], factors[joint] * bone, atol=1e-12
            )
    assert scaled[:, 1].max() == pytest.approx(pose[:, 1].max())


def test_random_cameras_keep_their_ranges():
    joints = _standing()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        camera = random_camera(rng, joints, (-20, 30), (1.9, 8.0), 0.0)
        np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
        pitch = np.degrees(np.arcsin(camera.rotation[2, 1]))
        assert -20.001 < pitch < 30.001 and 0.19 < -camera.centre[1] < 4.31
        seen = camera.see(joints)
        assert seen[:, 2].min() > 0.6
        # It looks at the body: nobody is farther off the axis than half a wide picture.
        assert np.abs(seen[0, :2] / seen[0, 2]).max() < 0.7


def test_shadow_lies_behind_the_body():
    surface = body_surface(_standing(), BodyShape())
    shadow = ShadowMap(surface, np.array([1.0, 0, 0]))
    chest = np.array([[0, -1.2, 0]])
    points = np.float32(
        np.concatenate([chest + [-0.5, 0, 0], chest + [0.5, 0, 0], [[-0.5, -2.5, 0]]])
    )
    np.testing.assert_array_equal(shadow.share_in_shadow(points.T), [1, 0, 0])


def test_labels_in_the_wild_may_be_flat_and_persons_cut():
    records = list(body_source(40, 1, size=32, style="wild", labels_3d=False))
    assert all(one.keypoints_3d is None and one.intrinsics is None for one in records)
    cut = np.mean([not one.visible.all() for one in records])
    assert 0.02 < cut < 0.3
    assert all(one.visible.any() for one in records)


def test_pictures_of_wild_and_test_differ(tmp_path):
    for number in range(12):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 40, 3), 9 * number, np.uint8))
    parts = [set(Backgrounds(tmp_path, part=(which, 2)).names) for which in range(2)]
    assert parts[0] and parts[1] and not parts[0] & parts[1]
    assert len(parts[0] | parts[1]) == 12
    records = list(body_source(2, 0, size=32, style="wild", backgrounds=tmp_path))
    assert len(records) == 2
    (tmp_path / "one").mkdir()
    cv2.imwrite(str(tmp_path / "one" / "0.png"), np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(OSError, match="no picture belongs to part"):
        for style in ("wild", "test"):
            body_source(1, 0, style=style, backgrounds=tmp_path / "one")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"style": "indoors"}, "style is 'indoors'; use one of lab, wild, test"),
        ({"size": 8}, "size is 8 px"),
        ({"seed": -1}, "must both be at least 0"),
        ({"people": -2}, "people is -2"),
        ({"num": -1}, "num is -1"),
    ],
)
def test_bad_arguments_end_in_a_sentence(change, words):
    arguments = {"num": 1, "seed": 0} | change
    with pytest.raises(ValueError, match=words):
        body_source(arguments.pop("num"), arguments.pop("seed"), **arguments)
