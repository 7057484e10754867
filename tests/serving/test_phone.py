"""Files for phones: what is in them, what they say of themselves, and how a false one is found."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.serving import phone
from keras_pose.serving.metadata import Metadata, write_metadata
from keras_pose.serving.phone_parity import compare_phone_files
from tests.export.toy_phone import CELL, JOINTS, SIZE, ToyPhone, blob_places, unit_pictures

FORMATS = ("float32", "int8_full")
METADATA = Metadata(
    name="blobs",
    version=3,
    method="wild3d",
    kind="hand",
    skeleton="toy_3",
    joints=("red", "green", "blue"),
    bones=((0, 1), (1, 2)),
    root="red",
    image_size=SIZE,
    crop_scale=1.5,
    side=None,
    bone_length=None,
    depth_unit="half sides of the crop",
    score="heatmap_peak",
)


@pytest.fixture(scope="module")
def signatures():
    return phone.phone_signatures(ToyPhone().maps, SIZE, depth_scale=SIZE / 2.0)


@pytest.fixture(scope="module")
def folder(signatures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "1"
    export.save_signatures(folder, signatures)
    write_metadata(folder, METADATA)
    written = phone.write_phone_files(folder, METADATA, FORMATS, unit_pictures(16, 1))
    assert [path.name for path in written] == [
        phone.phone_file("blobs", signature, kind)
        for signature in phone.PHONE_SIGNATURES
        for kind in FORMATS
    ]
    return folder


def test_decoded_finds_the_blobs(folder):
    places, pictures = blob_places(4, 9), unit_pictures(4, 9)
    for kind in FORMATS:
        path = folder / f"blobs_decoded_{kind}.tflite"
        found = export.tflite_runner(path, "decoded")({"image": pictures})
        for axis, name in enumerate(("x", "y")):
            assert found[name].shape == (4, JOINTS)
            # A quarter of a cell is what the decoding is good for; a step of 64 / 255 px besides.
            assert np.abs(found[name] - places[..., axis]).max() < 0.5 * CELL + 0.2


def test_own_decoding_and_depth_scale_are_used():
    def read(outputs):
        score = tf.reduce_max(outputs["heatmaps"], [1, 2])
        return {
            "keypoints_2d": tf.stack([score, -score], axis=-1),
            "depth": outputs["depth"],
            "score": score,
        }

    function = phone.phone_signatures(ToyPhone().maps, SIZE, 3.0, read)["decoded"].function
    pictures = tf.constant(unit_pictures(2, 4))
    found, maps = function(image=pictures), ToyPhone().maps(pictures)
    np.testing.assert_allclose(found["z"], 3.0 * maps["depth"], rtol=1e-6)
    np.testing.assert_array_equal(found["y"], -found["x"].numpy())


def test_every_file_passes_through_both_kernels(folder, signatures):
    golden = unit_pictures(3, 5)
    reports = compare_phone_files(folder, "blobs", signatures, FORMATS, golden)
    names = {report["artefact"] for report in reports}
    files = {f"blobs_{what}_{kind}.tflite" for what in ("decoded", "heatmaps") for kind in FORMATS}
    assert names == files | {f"{file} (reference kernels)" for file in files}
    assert all(report["passed"] for report in reports), reports


def test_a_file_of_another_network_is_refused(folder, signatures, tmp_path):
    toy = ToyPhone()
    dark = phone.phone_signatures(lambda image: toy.maps(0.5 * image), SIZE, SIZE / 2.0)
    golden = unit_pictures(3, 5)
    reports = compare_phone_files(folder, "blobs", dark, ("float32",), golden)
    assert not any(report["passed"] for report in reports)
    with pytest.raises(export.ExportMismatch, match="blobs_heatmaps_float32.tflite differs"):
        export.write_verification(tmp_path, reports)


def test_files_know_their_joints(folder):
    for kind, std in (("float32", 255.0), ("int8_full", 1.0)):
        content = (folder / f"blobs_decoded_{kind}.tflite").read_bytes()
        files = export.read_files(content)
        assert files["joints.txt"] == "red\ngreen\nblue\n"
        assert files["metadata.json"] == (folder / "metadata.json").read_text()
        found = export.read_tflite_metadata(content)
        assert (found["name"], found["version"]) == ("blobs", "3")
        assert kind in found["description"] and "decoded" in found["description"]
        (graph,) = found["subgraph_metadata"]
        (image,) = graph["input_tensor_metadata"]
        options = {"mean": [0.0], "std": [std]}
        assert image["process_units"] == [{"options": ("NormalizationOptions", options)}]
        for entry in graph["output_tensor_metadata"]:
            assert entry["associated_files"][0]["name"] == "joints.txt"


def test_phones_run_every_operation(folder):
    for what in phone.PHONE_SIGNATURES:
        content = (folder / f"blobs_{what}_float32.tflite").read_bytes()
        assert set(export.count_operations(content)) <= export.GPU_OPERATIONS


def test_a_network_with_other_operations_is_refused(tmp_path):
    toy = ToyPhone()

    def maps(image):
        outputs = toy.maps(image)
        return outputs | {"depth": tf.gather(outputs["depth"], [2, 1, 0], axis=-1)}

    export.save_signatures(tmp_path / "1", phone.phone_signatures(maps, SIZE))
    with pytest.raises(ValueError, match="uses GATHER, which phones may not run"):
        phone.write_phone_files(
            tmp_path / "1", METADATA, ("float32",), unit_pictures(1, 1), ("heatmaps",)
        )
