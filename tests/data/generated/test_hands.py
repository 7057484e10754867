"""Generated hands: exact labels, pure functions, mirror images, and a z-buffer checked by hand."""

import cv2
import numpy as np
import pytest

from keras_pose.data.generated.backgrounds import Backgrounds
from keras_pose.data.generated.depth_buffer import draw_depth
from keras_pose.data.generated.hand_poses import POSES
from keras_pose.data.generated.hand_surface import HandSurface
from keras_pose.data.generated.hands import generate_hand, generate_hands, hand_source, seen_joints
from keras_pose.data.records.record import check_values
from keras_pose.skeletons import HAND_21_FREIHAND

K = np.array([[100.0, 0, 50], [0, 100, 40], [0, 0, 1]])


def _surface(starts=(), ends=(), radii=(), corners=(), thickness=()):
    count = len(starts) + len(corners)
    return HandSurface(
        np.array(starts, float).reshape(-1, 3),
        np.array(ends, float).reshape(-1, 3),
        np.array(radii, float).reshape(-1, 2),
        np.array(corners, float).reshape(-1, 3, 3),
        np.array(thickness, float).reshape(-1, 3),
        np.tile([0.0, 0.0, -1.0], (count, 1)),
        np.zeros(count, int),
        *(np.zeros(count, bool) for _ in range(3)),
    )


def test_sphere_in_the_depth_buffer_by_hand():
    # Ends of a cone that coincide are one sphere, 1 m away, radius 0.1, on the optical axis.
    surface = _surface([[0, 0, 1]], [[0, 0, 1]], [[0.1, 0.1]])
    buffer = draw_depth(surface, K, 80, 100)
    # The axis passes between pixels 49 and 50: the ray of (50, 40) is (0.005, 0.005, 1).
    slope = 2 * 0.005**2
    exact = (1 - np.sqrt(1 - (1 + slope) * 0.99)) / (1 + slope)
    assert buffer.depth[40, 50] == pytest.approx(exact, abs=2e-6)
    # The silhouette's tangent is r / sqrt(1 - r^2) = 0.1005: 10.05 pixels.
    assert (buffer.primitive >= 0).sum() == pytest.approx(np.pi * 10.05**2, rel=0.02)
    assert buffer.primitive[40, 59] == 0 and buffer.primitive[40, 61] == -1
    assert np.isinf(buffer.depth[0, 0])


def test_cylinder_in_the_depth_buffer_by_hand():
    surface = _surface([[-0.3, 0, 1]], [[0.3, 0, 1]], [[0.05, 0.05]])
    buffer = draw_depth(surface, K, 80, 100)
    # A ray of slope v meets it where v^2 z^2 + (z - 1)^2 = r^2.
    for row, v in ((40, 0.005), (43, 0.035)):
        z = (1 - np.sqrt(1 - (1 + v**2) * (1 - 0.05**2))) / (1 + v**2)
        np.testing.assert_allclose(buffer.depth[row, 30:70], z, atol=5e-6)


def test_cone_touches_both_its_spheres():
    surface = _surface([[-0.2, 0.02, 0.9]], [[0.25, -0.03, 1.2]], [[0.08, 0.03]])
    many = np.linspace(0, 1, 400)[:, None]
    line = surface.starts + many * (surface.ends - surface.starts)
    beads = _surface(line, line, np.repeat(0.08 - 0.05 * many, 2, axis=1))
    ours, beaded = (draw_depth(one, K, 80, 100).depth for one in (surface, beads))
    both = np.isfinite(ours) & np.isfinite(beaded)
    assert np.abs(np.isfinite(ours).sum() - np.isfinite(beaded).sum()) < 8
    # Beads lie inside the cone, everywhere within their spacing of it; edges are steep.
    gap = beaded[both] - ours[both]
    assert np.percentile(gap, 1) > -1e-4 and np.percentile(gap, 95) < 1e-3


def test_thick_triangle_lies_its_thickness_in_front():
    flat = [[-0.3, -0.3, 1], [0.3, -0.3, 1], [0, 0.3, 1]]
    buffer = draw_depth(_surface(corners=[flat], thickness=[[0.1] * 3]), K, 80, 100)
    np.testing.assert_allclose(buffer.depth[25:45, 45:55], 0.9, atol=1e-6)


def test_nearer_surface_hides_the_farther_one():
    surface = _surface(
        [[-0.3, 0, 1], [0, -0.3, 0.8]], [[0.3, 0, 1], [0, 0.3, 0.8]], [[0.05] * 2, [0.02] * 2]
    )
    buffer = draw_depth(surface, K, 80, 100)
    assert buffer.primitive[40, 50] == 1 and buffer.primitive[40, 30] == 0
    joints = np.array([[0, 0, 1.0], [-0.2, 0, 1.0], [0, 0.1, 0.8], [0, 2.0, 1.0]])
    seen = seen_joints(joints, np.array([0.05, 0.05, 0.02, 0.05]), K, buffer, 80)
    # Behind the bar; free; on the bar; outside the picture.
    np.testing.assert_array_equal(seen, [0, 1, 1, 0])


@pytest.mark.parametrize("side", ["right", "left", "both"])
def test_projection_is_exact_and_pictures_show_the_hand(side):
    for index in range(6):
        hand = generate_hand(index, 1, size=96, side=side)
        assert hand.image.shape == (96, 96, 3) and hand.image.dtype == np.uint8
        projected = hand.keypoints_3d @ hand.intrinsics.T
        projected = projected[:, :2] / projected[:, 2:]
        np.testing.assert_allclose(projected, hand.keypoints_2d, atol=1e-9)
        assert hand.keypoints_3d[:, 2].min() > 0.15
        names = ("middle_mcp", "middle_pip")
        first, second = hand.keypoints_3d[list(HAND_21_FREIHAND.indices(names))]
        assert hand.scale == pytest.approx(np.linalg.norm(second - first), abs=1e-12)
        assert side == "both" or hand.side == side
        low, high = hand.keypoints_2d.min(0), hand.keypoints_2d.max(0)
        assert np.all(low > -3) and np.all(high < 99)
        inside = np.clip(hand.keypoints_2d, 0, 96)
        assert np.all(inside >= hand.box[:2] - 1e-9)
        assert np.all(inside <= hand.box[:2] + hand.box[2:] + 1e-9)
        assert 0.25 < hand.box[2:].max() / 96 <= 1.0


def test_skin_lies_where_the_joints_are():
    class Blue(Backgrounds):
        def draw(self, rng, height, width):
            return np.full((height, width, 3), (0, 0, 255), np.uint8)

    shares = []
    for index in range(20):
        hand = generate_hand(index, 4, size=96, backgrounds=Blue())
        red, blue = hand.image[..., 0].astype(int), hand.image[..., 2].astype(int)
        inside = hand.keypoints_2d[np.all((hand.keypoints_2d > 1) & (hand.keypoints_2d < 95), -1)]
        column, row = inside.astype(int).T
        shares.append(np.mean(blue[row, column] < red[row, column] + 120))
        assert 0.04 < np.mean(blue < red + 120) < 0.9
    # Tips lie on the very edge of the skin; everything else is well inside.
    assert np.mean(shares) > 0.97


def test_hand_is_a_pure_function_of_seed_and_index():
    alone = generate_hand(7, 3, side="both")
    records = list(generate_hands(9, 3, side="both"))
    again = list(generate_hands(9, 3, side="both"))
    np.testing.assert_array_equal(records[7].keypoints_3d, np.float32(alone.keypoints_3d))
    assert [one.image for one in records] == [one.image for one in again]
    other = generate_hand(7, 4, side="both")
    assert np.abs(other.keypoints_3d - alone.keypoints_3d).max() > 0.01


def test_left_hand_is_the_mirror_image_of_the_right_one():
    right, left = (generate_hand(5, 2, size=64, side=side) for side in ("right", "left"))
    np.testing.assert_array_equal(left.image, right.image[:, ::-1])
    np.testing.assert_allclose(left.keypoints_3d, right.keypoints_3d * [-1, 1, 1], atol=1e-12)
    mirrored = right.keypoints_2d * [-1, 1] + [64, 0]
    np.testing.assert_allclose(left.keypoints_2d, mirrored, atol=1e-9)
    assert left.box[0] == pytest.approx(64 - right.box[0] - right.box[2])
    np.testing.assert_array_equal(left.visible, right.visible)


def test_right_hand_is_right_handed():
    def handedness(hand):
        names = ("wrist", "index_mcp", "pinky_mcp", "index_tip")
        wrist, index, pinky, _ = hand.keypoints_3d[list(HAND_21_FREIHAND.indices(names))]
        out_of_back = np.cross(pinky - wrist, index - wrist)
        bent = [f"{finger}_pip" for finger in ("index", "middle", "ring")]
        tips = [f"{finger}_tip" for finger in ("index", "middle", "ring")]
        bent, tips = (hand.keypoints_3d[list(HAND_21_FREIHAND.indices(n))] for n in (bent, tips))
        return np.sign(((tips - bent) @ out_of_back).sum())

    for index in range(10):
        # Bent fingers point away from the back of the hand.
        assert handedness(generate_hand(index, 0, side="right", pose="grasp")) == -1
        assert handedness(generate_hand(index, 0, side="left", pose="grasp")) == 1


def test_persons_keep_bones_and_differ():
    hands = [generate_hand(index, 6, size=48, hands_per_person=4) for index in range(8)]
    bones = np.array(
        [[np.linalg.norm(h.keypoints_3d[b] - h.keypoints_3d[a]) for a, b in _BONES] for h in hands]
    )
    np.testing.assert_allclose(bones[:4], bones[:1].repeat(4, 0), atol=1e-12)
    np.testing.assert_allclose(bones[4:], bones[4:5].repeat(4, 0), atol=1e-12)
    assert np.abs(bones[0] - bones[4]).max() > 5e-4
    assert [hand.person for hand in hands] == [0] * 4 + [1] * 4


_BONES = HAND_21_FREIHAND.bones


def test_records_are_complete_and_valid():
    source = hand_source(12, 9, size=64, side="both", hands_per_person=5)
    records = list(source)
    assert len(source) == len(records) == 12
    assert {one.side for one in records} == {"right", "left"}
    assert len({one.group for one in records}) == 3 and len({one.id for one in records}) == 12
    for one in records:
        check_values(one)
        assert one.visible.all() and 0 <= one.label < len(POSES)
        picture = cv2.imdecode(np.frombuffer(one.image, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape == (64, 64, 3) and picture.std() > 3
    hidden = np.array([one.visible for one in generate_hands(12, 9, size=64, mask_hidden=True)])
    assert 0.3 < hidden.mean() < 0.95


def test_fist_seen_from_behind_hides_its_fingertips():
    tips = list(HAND_21_FREIHAND.indices([f"{finger}_tip" for finger in ("middle", "ring")]))
    seen = {"open": [], "fist": []}
    for pose in seen:
        for index in range(80):
            hand = generate_hand(index, 0, size=40, pose=pose)
            wrist, first, last = hand.keypoints_3d[
                list(HAND_21_FREIHAND.indices(("wrist", "index_mcp", "pinky_mcp")))
            ]
            back = np.cross(last - wrist, first - wrist)
            if back @ wrist < -0.65 * np.linalg.norm(back) * np.linalg.norm(wrist):
                seen[pose].append(hand.visible[tips].mean())
    assert len(seen["fist"]) > 2 and np.mean(seen["fist"]) < 0.1 and np.mean(seen["open"]) > 0.9


def test_users_pictures_stand_behind_hands(tmp_path):
    cv2.imwrite(str(tmp_path / "ground.png"), np.full((90, 200, 3), (20, 200, 20), np.uint8))
    grounds = Backgrounds(tmp_path, picture_share=1.0)
    ground = grounds.draw(np.random.default_rng(0), 40, 50)
    assert ground.shape == (40, 50, 3)
    assert (ground[..., 1] > 5 * ground[..., 0]).all()
    with pytest.raises(OSError, match="no picture .* to put behind hands"):
        Backgrounds(tmp_path / "empty")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    grounds = Backgrounds(tmp_path, picture_share=1.0)
    with pytest.raises(OSError, match="broken.jpg: this background cannot be read"):
        for seed in range(20):
            grounds.draw(np.random.default_rng(seed), 40, 40)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"side": "up"}, "side is 'up'; use one of right, left, both"),
        ({"size": 8}, "size is 8 px"),
        ({"index": -1}, "must both be at least 0"),
        ({"pose": "wave"}, "'wave' is not a pose"),
    ],
)
def test_bad_arguments_end_in_a_sentence(change, words):
    arguments = {"index": 0, "seed": 0} | change
    with pytest.raises(ValueError, match=words):
        generate_hand(arguments.pop("index"), arguments.pop("seed"), **arguments)
