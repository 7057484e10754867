"""The hand pose model: the official networks' numbers, its options, its output contract."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import codecs, export
from keras_pose.geometry import project
from keras_pose.hand_pose.network import build_hand_pose, load_released_head
from keras_pose.hands.layers import AssumedCamera, Lifting, PoseCoordinates, RootRefiner, RootSolver
from keras_pose.layers.torch_weights import load_torch_weights
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND, convert
from tests.hand_pose.weight_rule import resnet_shapes, rule_state

GOLDEN = Path(__file__).parents[1] / "golden" / "peclr"
RELEASED = {
    "coordinates": "pixels",
    "root": "palm_middle",
    "reference_bone": "middle",
    "refine_root": True,
    "head_order": "ait",
}
# The official default camera, which this package never assumes by itself.
DEFAULT_K = np.array(
    [[388.9018310596544, 0, 112], [0, 388.71231836584275, 112], [0, 0, 1]], np.float32
)


def _refiner_shapes():
    shapes = {}
    for number, (outputs, inputs) in {0: (128, 64), 3: (128, 128), 6: (1, 128)}.items():
        shapes[f"zroot_ref.zroot_ref.{number}.weight"] = (outputs, inputs)
        shapes[f"zroot_ref.zroot_ref.{number}.bias"] = (outputs,)
    for number in (1, 4):
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"zroot_ref.zroot_ref.{number}.{part}"] = (128,)
    return shapes


def _tiny_encoder(size=32):
    image = keras.Input((size, size, 3))
    hidden = keras.layers.Conv2D(4, 5, strides=4, activation="relu")(image)
    return keras.Model(image, keras.layers.GlobalAveragePooling2D()(hidden), name="tiny")


def _inputs(num=2, size=32, seed=0):
    rng = np.random.default_rng(seed)
    matrix = np.array([[size * 2.0, 0, size / 2], [0, size * 2.0, size / 2], [0, 0, 1]])
    return {
        "image": rng.random((num, size, size, 3)).astype(np.float32),
        "intrinsics": np.broadcast_to(matrix, (num, 3, 3)).astype(np.float32),
    }


def _golden(name):
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


@pytest.fixture(scope="module")
def released():
    """The official model under the weight rule, and the stored answers."""
    arrays = _golden("d_models")
    model = build_hand_pose("resnet50", 128, **RELEASED)
    load_torch_weights(
        next(layer for layer in model.layers if isinstance(layer, keras.Model)),
        rule_state(resnet_shapes((3, 4, 6, 3), True)),
    )
    state = rule_state({"fc.weight": (64, 2048), **_refiner_shapes()})
    load_released_head(model, state | {"fc.bias": arrays["rn25d_fc_bias"]})
    return model, arrays


@pytest.mark.parametrize("case", ["default", "customK"])
def test_outputs_equal_the_official_pose_model(released, case):
    model, arrays = released
    matrix = DEFAULT_K[None] if case == "default" else arrays["rn25d_K_custom"].astype(np.float32)
    image = arrays["image_rgb_u8"][None].astype(np.float32) / 255
    outputs = model({"image": image, "intrinsics": matrix}, training=False)
    outputs = {name: np.array(value) for name, value in outputs.items()}

    def freihand(name):
        return convert(arrays[f"rn25d_{case}_{name}"], HAND_21_AIT, HAND_21_FREIHAND)[0]

    # The official joint 0 is the palm; here it is the wrist, and the palm stands aside.
    pixels = np.concatenate([outputs["root_2d"][:, None], outputs["keypoints_2d"][:, 1:]], axis=1)
    np.testing.assert_allclose(pixels, freihand("kp2d"), atol=2e-4)
    np.testing.assert_allclose(outputs["depth"][:, 1:], freihand("zrel")[:, 1:, 0], atol=2e-5)
    metric = freihand("kp3d")
    np.testing.assert_allclose(outputs["keypoints_3d"][:, 1:], metric[:, 1:], rtol=1e-4, atol=1e-4)
    middle = HAND_21_FREIHAND.index("middle_mcp")
    np.testing.assert_allclose(
        outputs["keypoints_3d"][:, 0], 2 * metric[:, 0] - metric[:, middle], rtol=1e-4, atol=1e-4
    )
    if case == "default":
        np.testing.assert_allclose(
            pixels,
            convert(arrays["rn25d_default_f64_kp2d"], HAND_21_AIT, HAND_21_FREIHAND)[0],
            atol=2e-4,
        )


def test_refinement_equals_the_official_network():
    arrays = _golden("b2_zroot_mlp")
    refiner = RootRefiner()
    rays = arrays["kp3d_unnorm"].astype(np.float32)
    # Rays are pixels under the identity camera.
    points = np.concatenate([rays[..., :2], arrays["zrel"]], axis=-1)
    eye = np.broadcast_to(np.eye(3, dtype=np.float32), (8, 3, 3))
    depth, valid = RootSolver("middle", HAND_21_AIT.name)(points, eye)
    assert np.all(valid)
    np.testing.assert_allclose(
        refiner.features(points, depth, eye), arrays["mlp_input"], rtol=1e-4, atol=1e-4
    )
    refiner(points, depth, eye)
    state = rule_state(_refiner_shapes())
    model = build_hand_pose(_tiny_encoder(), 32, **RELEASED)
    state |= {"fc.weight": np.zeros((64, 4)), "fc.bias": np.zeros(64)}
    load_released_head(model, state)
    refiner.set_weights(model.get_layer("root_refiner").get_weights())
    refined = np.array(refiner(points, depth, eye, training=False))
    np.testing.assert_allclose(refined, arrays["zroot_refined_eval"][..., 0], rtol=1e-4)
    noisy = np.concatenate([arrays["kp3d_unnorm_noisy"][..., :2], arrays["zrel"]], axis=-1)
    depth, _ = RootSolver("middle", HAND_21_AIT.name)(noisy, eye)
    refined = np.array(refiner(noisy, depth, eye, training=False))
    np.testing.assert_allclose(refined, arrays["zroot_refined_noisy_eval"][..., 0], rtol=1e-4)
    depth, _ = RootSolver("middle", HAND_21_AIT.name)(points, eye)
    refined = np.array(refiner(points, depth, eye, training=True))
    np.testing.assert_allclose(refined, arrays["zroot_refined_train_mode"][..., 0], rtol=1e-4)


@pytest.mark.parametrize("root", codecs.ROOTS)
@pytest.mark.parametrize("order", ["freihand", "ait"])
def test_lifting_undoes_the_codec(root, order):
    skeleton = {"freihand": HAND_21_FREIHAND, "ait": HAND_21_AIT}[order]
    rng = np.random.default_rng(2)
    hands = rng.uniform(-0.08, 0.08, (3, 21, 3)) + [0.0, 0.0, 0.6]
    matrix = np.broadcast_to([[300.0, 0, 64], [0, 310.0, 64], [0, 0, 1]], (3, 3, 3))
    ordered, _ = convert(hands, HAND_21_FREIHAND, skeleton)
    points = codecs.encode(ordered, matrix, root, skeleton=skeleton)
    scale = np.array(codecs.bone_length(ordered, root, skeleton=skeleton))
    moved = np.array(codecs.move_root(ordered, root, skeleton))
    depth = moved[:, 0, 2] / scale
    lifting = Lifting(root, skeleton.name, dtype="float64")
    points_2d, relative, points_3d, root_2d = lifting(points, depth[:, None], matrix)
    np.testing.assert_allclose(points_3d * scale[:, None, None], hands, atol=1e-9)
    np.testing.assert_allclose(points_2d, project(hands, matrix), atol=1e-6)
    np.testing.assert_allclose(
        relative, (hands[..., 2] - moved[:, :1, 2]) / scale[:, None], atol=1e-9
    )
    np.testing.assert_allclose(root_2d, project(moved, matrix)[:, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("root", "bone", "refine", "head"),
    [
        ("wrist", "middle", False, "linear"),
        ("wrist", "index", True, "mlp"),
        ("palm_middle", "middle", True, "linear"),
        ("palm_index", "index", False, "mlp"),
    ],
)
def test_outputs_are_finite_and_consistent(root, bone, refine, head):
    model = build_hand_pose(
        _tiny_encoder(), 32, head=head, root=root, reference_bone=bone, refine_root=refine
    )
    inputs = _inputs()
    outputs = {name: np.array(value) for name, value in model(inputs).items()}
    shapes = {name: value.shape for name, value in outputs.items()}
    assert shapes == {
        "keypoints_2d": (2, 21, 2),
        "depth": (2, 21),
        "root_depth": (2, 1),
        "keypoints_3d": (2, 21, 3),
        "valid": (2,),
        "root_2d": (2, 2),
    }
    assert outputs["valid"].dtype == bool
    assert all(np.all(np.isfinite(value)) for value in outputs.values())
    behind = outputs["keypoints_3d"][..., 2] <= 0
    pixels = np.array(project(outputs["keypoints_3d"], inputs["intrinsics"]))
    np.testing.assert_allclose(pixels[~behind], outputs["keypoints_2d"][~behind], atol=0.05)


def test_normalized_coordinates_begin_at_the_middle():
    layer = PoseCoordinates(64, "normalized", HAND_21_FREIHAND.name)
    points = np.array(layer(np.zeros((1, 63), np.float32)))
    np.testing.assert_allclose(points[..., :2], 32.0)
    values = np.zeros((1, 63), np.float32)
    values[0, :6] = [1.0, -1.0, 5.0, 0.5, 0.0, 0.25]
    points = np.array(layer(values))[0]
    np.testing.assert_allclose(points[0], [64.0, 0.0, 0.0])  # the wrist has no depth of its own
    np.testing.assert_allclose(points[1], [48.0, 32.0, 0.25])
    points = np.array(PoseCoordinates(64, "pixels", HAND_21_FREIHAND.name)(values))[0]
    np.testing.assert_allclose(points[:2], [[1.0, -1.0, 0.0], [0.5, 0.0, 0.25]])


def test_an_assumed_camera_is_asked_for_and_replaces_the_input():
    model = build_hand_pose(_tiny_encoder(), 32, assume_fov_deg=90.0)
    assert set(model.input) == {"image"}
    inputs = _inputs()
    matrix = np.array(AssumedCamera(32, 90.0)(inputs["image"]))
    np.testing.assert_allclose(matrix, [[[16.0, 0, 16], [0, 16.0, 16], [0, 0, 1]]] * 2, rtol=1e-6)
    with_input = build_hand_pose(_tiny_encoder(), 32)
    with_input.set_weights(model.get_weights())
    expected = with_input({"image": inputs["image"], "intrinsics": matrix})
    for name, value in model({"image": inputs["image"]}).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_coordinates_stay_in_single_precision(policy):
    keras.config.set_dtype_policy(policy)
    model = build_hand_pose(_tiny_encoder(), 32, refine_root=True)
    for name, value in model(_inputs()).items():
        assert value.dtype == (tf.bool if name == "valid" else tf.float32)


def test_refinement_trains_itself_alone_unless_asked():
    inputs = _inputs()
    for detach in (True, False):
        model = build_hand_pose(_tiny_encoder(), 32, refine_root=True, detach_refiner=detach)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(model(inputs, training=False)["root_depth"])
        variables = {v.path: v.value for v in model.trainable_variables}
        slopes = tape.gradient(loss, variables)
        moved = {name.split("/")[0] for name, slope in slopes.items() if slope is not None}
        assert "root_refiner" in moved
        assert ("head" in moved) == (not detach)


def test_model_survives_saving(tmp_path):
    model = build_hand_pose(_tiny_encoder(), 32, refine_root=True, root="palm_index")
    model.save(tmp_path / "pose.keras")
    again = keras.saving.load_model(tmp_path / "pose.keras")
    inputs = _inputs()
    expected = model(inputs)
    for name, value in again(inputs).items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-6)


def test_phones_compute_the_same(tmp_path):
    model = build_hand_pose(_tiny_encoder(), 32, refine_root=True, head_order="ait")
    spec = {
        "image": tf.TensorSpec((None, 32, 32, 3), tf.float32),
        "intrinsics": tf.TensorSpec((None, 3, 3), tf.float32),
    }

    def pose(image, intrinsics):
        outputs = model({"image": image, "intrinsics": intrinsics}, training=False)
        # Truth values are no tensors of a phone's interface.
        return outputs | {"valid": tf.cast(outputs["valid"], tf.float32)}

    folder = export.write_saved_model(tmp_path, "pose", {"pose": export.Signature(pose, spec)})
    # Refuses anything but the operations that every phone has: no inverse, no TensorFlow kernels.
    content = export.convert_tflite(folder, "pose")
    inputs = _inputs()
    outputs = export.tflite_runner(content, "pose")(inputs)
    for name, value in pose(**inputs).items():
        np.testing.assert_allclose(outputs[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"head": "deep"}, "head must be one of 'linear', 'mlp'"),
        ({"coordinates": "metres"}, "coordinates must be one of"),
        ({"root": "thumb"}, "root must be one of 'wrist'"),
        ({"reference_bone": "ring"}, "reference_bone must be one of"),
        ({"head_order": "mano"}, "head_order must be one of"),
        ({"assume_fov_deg": 180.0}, "assume_fov_deg is 180.0"),
    ],
)
def test_unknown_options_are_named(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        build_hand_pose(_tiny_encoder(), 32, **change)


def test_released_weights_need_the_released_architecture():
    state = rule_state({"fc.weight": (64, 2048), "fc.bias": (64,), **_refiner_shapes()})
    with pytest.raises(ValueError, match="refine_root=True"):
        load_released_head(build_hand_pose(_tiny_encoder(), 32), state)
    model = build_hand_pose(_tiny_encoder(), 32, **RELEASED)
    with pytest.raises(ValueError, match=r"'fc.weight' has the shape \[63, 2048\]"):
        load_released_head(model, state)
    del state["fc.bias"]
    with pytest.raises(ValueError, match="lack 'fc.weight'"):
        load_released_head(model, {})
