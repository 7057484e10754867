"""Human proportions: pairs, the table, and what a learnt table does to its optimizer."""

import keras
import numpy as np
import tensorflow as tf

from keras_pose.lifting.bone_ratios import ELEPOSE_RATIOS, BoneRatioPrior, paired_bones
from keras_pose.skeletons import H36M_17


def _bone(child):
    return [H36M_17.joints[bone[1]] for bone in H36M_17.bones].index(child)


def test_left_and_right_share_a_class_and_the_trunk_has_its_own():
    classes = paired_bones()
    for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist"):
        assert classes[_bone(f"left_{joint}")] == classes[_bone(f"right_{joint}")]
    # Six pairs; spine, thorax, nose and head stand alone.
    assert sorted(np.bincount(classes).tolist()) == [1, 1, 1, 1, 2, 2, 2, 2, 2, 2]


def test_the_table_is_elepose_in_the_order_of_our_bones():
    ratios = np.array(BoneRatioPrior("elepose").ratios())
    np.testing.assert_array_equal(ratios, np.float32(ELEPOSE_RATIOS))
    # Thighs and shins are the longest, the neck joint to the head among the shortest (specs, 9).
    for side in ("left", "right"):
        assert ratios[_bone(f"{side}_knee")] == np.float32(1.7371)
        assert ratios[_bone(f"{side}_ankle")] == np.float32(1.7229)
        assert ratios[_bone(f"{side}_elbow")] == np.float32(1.0812)
    assert ratios[_bone("head")] == np.float32(0.4450)
    np.testing.assert_allclose(ratios.mean(), 1.0, atol=2e-4)
    assert not BoneRatioPrior("elepose").trainable_variables


def test_learnt_ratios_start_equal_stay_symmetric_and_have_mean_one():
    prior = BoneRatioPrior("learnt")
    np.testing.assert_allclose(prior.ratios(), np.ones(16))
    prior.log_ratios.assign(np.linspace(-1, 1, 10))
    ratios = np.array(prior.ratios())
    np.testing.assert_allclose(ratios.mean(), 1.0, rtol=1e-6)
    assert np.all(ratios > 0)
    mirror = [_bone(H36M_17.joints[H36M_17.flip_permutation[child]]) for _, child in H36M_17.bones]
    np.testing.assert_array_equal(ratios, ratios[mirror])
    # exp of the logarithms, over their mean, by hand for two bones.
    classes = paired_bones()
    raw = np.exp(np.linspace(-1, 1, 10))[classes]
    np.testing.assert_allclose(ratios, raw / raw.mean(), rtol=1e-6)


def test_the_gradient_of_learnt_ratios_is_dense():
    # Keras' Adam squares a sparse gradient before it adds up repeated indices, and every bone that has
    # a partner is a repeated index.
    prior = BoneRatioPrior("learnt", dtype="float64")
    prior.log_ratios.assign(np.linspace(-0.5, 0.5, 10))
    lengths = tf.constant(np.random.default_rng(0).uniform(0.5, 2.0, (7, 16)))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(prior(lengths))
    slope = tape.gradient(loss, prior.log_ratios.value)
    assert isinstance(slope, tf.Tensor)
    optimizer = keras.optimizers.Adam(0.01)
    optimizer.build([prior.log_ratios])
    before = np.array(prior.log_ratios)
    optimizer.apply([slope], [prior.log_ratios])
    # Adam's first step is the learning rate against the sign of the slope, whatever its size.
    np.testing.assert_allclose(
        np.array(prior.log_ratios) - before, -0.01 * np.sign(slope), rtol=1e-2
    )


def test_learning_the_ratios_finds_the_proportions_of_one_body():
    true = np.array(ELEPOSE_RATIOS) / np.mean(ELEPOSE_RATIOS)
    sizes = np.random.default_rng(1).uniform(0.2, 3.0, (32, 1))
    lengths = (sizes * true).astype(np.float32)
    prior = BoneRatioPrior("learnt")
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build([prior.log_ratios])
    for _ in range(150):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(prior(lengths))
        optimizer.apply([tape.gradient(loss, prior.log_ratios.value)], [prior.log_ratios])
    np.testing.assert_allclose(prior.ratios(), true, atol=0.01)


def test_config_round_trip():
    prior = BoneRatioPrior("elepose", name="prior")
    again = BoneRatioPrior.from_config(prior.get_config())
    assert again.get_config() == prior.get_config()
    assert (again.source, again.name) == ("elepose", "prior")
