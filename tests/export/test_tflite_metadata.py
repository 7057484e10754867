"""Metadata and joint names inside a file: read back, found by unzip, and nothing computed otherwise."""

import base64
import io
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from keras_pose import export
from keras_pose.export import ModelNote, TensorNote
from keras_pose.export.flat_tables import read_table
from keras_pose.export.flatbuffer import pack, unpack
from keras_pose.export.tflite_metadata import _SCHEMA
from tests.export.toy_phone import SIZE, ToyPhone, unit_pictures

MODEL = ModelNote("blobs", "Finds three blobs.", "7", "somebody", "Apache-2.0")
TENSORS = {
    "image": TensorNote("picture", ("batch", "y", "x", "colour"), SIZE),
    "x": TensorNote("px of the picture", ("batch", "joint"), 0, low=0.0, high=64.0, labels="j.txt"),
    "y": TensorNote("px of the picture"),
    "z": TensorNote("px"),
    "score": TensorNote("peak", low=0.0, high=1.0),
}
FILES = {"j.txt": "red\ngreen\nblue\n", "metadata.json": "{}"}
PICTURES = {"image": unit_pictures(2, seed=3)}
# Written with the schema's own generated classes (tflite-support 0.4.4), so not by the code under test.
FOREIGN = base64.b64decode(
    "HAAAAE0wMDEUACAAHAAYABQAEAAMAAgAAAAEABQAAAAcAAAAJAAAACgAAAAsAAAA0AEAANQBAADcAQAABQAAADEuMC"
    "4wAAAAAQAAAGwAAAABAAAAYQAAAAEAAAAQAAAADAAMAAAAAAAIAAQADAAAAAgAAACcAAAAAQAAABgAAAAAABIAEAAM"
    "AAAAAAAAAAgAAAAEABIAAAAMAAAARAAAAGgAAAABAAAAEAAAAAAACgAQAAwACAAHAAoAAAAAAAACCAAAAAwAAAABAA"
    "AAZAAAAAoAAABqb2ludHMudHh0AAABAAAADAAAAAgACgAJAAQACAAAAAwAAAAAAwYACAAEAAYAAAAAAIA+AQAAAHgA"
    "AAABAAAAFAAAABAAHAAYABQAEAAMAAgABAAQAAAAGAAAADAAAABgAAAAkAAAAKwAAAC0AAAAkP///wgAAAAMAAAAAQ"
    "AAAAAAAMABAAAAAACAQgEAAAAEAAAAyP///wgAAAAAAAABwP///wgAAAAMAAAAAQAAAAAAf0MCAAAAAAAAPwAAwD/0"
    "////EAAAAAAAAAIIAAwACwAEAAgAAAAQAAAAAAAAAQgADAAIAAQACAAAAEAAAABgAAAAAgAAABAAAAAEAAAAAwAAAH"
    "JvdwAFAAAAYmF0Y2gAAAAEAAAAY3JvcAAAAAAFAAAAaW1hZ2UAAAABAAAAMwAAAAYAAABqb2ludHMAAAQAAABoYW5k"
    "AAAAAA=="
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    folder = export.write_saved_model(root, "toy", ToyPhone().signatures())
    return export.convert_tflite(folder, "decoded", batch_size=1)


@pytest.fixture(scope="module")
def noted(plain):
    return export.write_tflite_metadata(plain, MODEL, TENSORS, FILES)


@pytest.mark.parametrize("kernels", export.KERNELS)
def test_outputs_and_signatures_stay_as_they_were(plain, noted, kernels):
    before = export.tflite_runner(plain, "decoded", kernels=kernels)(PICTURES)
    after = export.tflite_runner(noted, "decoded", kernels=kernels)(PICTURES)
    assert set(after) == {"x", "y", "z", "score"}
    for name, value in before.items():
        assert after[name].tobytes() == value.tobytes()
    assert export.count_operations(noted) == export.count_operations(plain)


def test_metadata_round_trip(noted):
    found = export.read_tflite_metadata(noted)
    assert [found[key] for key in ("name", "description", "version", "author", "license")] == [
        "blobs",
        "Finds three blobs.",
        "7",
        "somebody",
        "Apache-2.0",
    ]
    assert found["min_parser_version"] == "1.0.0"
    (graph,) = found["subgraph_metadata"]
    (image,) = graph["input_tensor_metadata"]
    size = {"width": SIZE, "height": SIZE}
    picture = {"color_space": 1, "default_size": size}
    assert image == {
        "name": "image",
        "description": "picture",
        "dimension_names": ["batch", "y", "x", "colour"],
        "content": {"content_properties": ("ImageProperties", picture)},
        "process_units": [{"options": ("NormalizationOptions", {"mean": [0.0], "std": [255.0]})}],
    }
    outputs = {entry["name"]: entry for entry in graph["output_tensor_metadata"]}
    assert outputs["x"]["stats"] == {"max": [64.0], "min": [0.0]}
    assert outputs["x"]["associated_files"] == [{"name": "j.txt", "type": 2}]
    assert "stats" not in outputs["z"] and "associated_files" not in outputs["z"]


def test_tensors_stand_in_the_order_of_the_file(noted):
    # Readers of the schema match tensors by place, so a name must lie where its tensor lies.
    model = unpack(noted)
    places = {item.name.decode(): item.tensorIndex for item in model.signatureDefs[0].outputs}
    (graph,) = export.read_tflite_metadata(noted)["subgraph_metadata"]
    names = [entry["name"] for entry in graph["output_tensor_metadata"]]
    assert [places[name] for name in names] == list(model.subgraphs[0].outputs)


def test_any_unzip_finds_the_joints(noted, tmp_path):
    path = tmp_path / "blobs.tflite"
    path.write_bytes(noted)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["j.txt", "metadata.json"]
        assert archive.read("j.txt") == b"red\ngreen\nblue\n"
    assert export.read_files(noted) == FILES


def test_the_buffer_has_the_name_and_mark_that_readers_look_for(noted):
    model = unpack(noted)
    (entry,) = [entry for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    assert bytes(bytearray(model.buffers[entry.buffer].data))[4:8] == b"M001"


def test_a_buffer_of_other_hands_is_read():
    found = read_table(_SCHEMA, "ModelMetadata", FOREIGN)
    (graph,) = found["subgraph_metadata"]
    (image,), (x,) = graph["input_tensor_metadata"], graph["output_tensor_metadata"]
    assert (found["name"], found["version"], found["license"]) == ("hand", "3", "l")
    assert image["dimension_names"] == ["batch", "row"]
    assert image["content"]["content_properties"] == (
        "ImageProperties",
        {"color_space": 1, "default_size": {"width": 96, "height": 64}},
    )
    normal = {"mean": [0.5, 1.5], "std": [255.0]}
    assert image["process_units"] == [{"options": ("NormalizationOptions", normal)}]
    assert image["stats"] == {"max": [64.0], "min": [-2.0]}
    assert x["associated_files"] == [{"name": "joints.txt", "description": "d", "type": 2}]
    # A kind of options that is never written here is passed over.
    assert x["process_units"] == [{}]


def test_writing_again_replaces(noted):
    assert export.write_tflite_metadata(noted, MODEL, TENSORS, FILES) == noted
    other = export.write_tflite_metadata(
        noted, ModelNote("other", "d"), TENSORS | {"x": TENSORS["y"]}
    )
    assert export.read_tflite_metadata(other)["name"] == "other"
    assert export.read_files(other) == {}
    model = unpack(other)
    assert [entry.name for entry in model.metadata].count(b"TFLITE_METADATA") == 1


def test_weights_stay_aligned(noted):
    # LiteRT maps the file, and vector instructions of some phones need whole multiples.
    content = pack(unpack(noted))
    model = schema.Model.GetRootAs(content, 0)
    starts = []
    for number in range(model.BuffersLength()):
        table = model.Buffers(number)._tab
        place = table.Offset(4)
        if place and table.VectorLen(place):
            starts.append(table.Vector(place))
    assert len(starts) > 3
    assert [start % 16 for start in starts] == [0] * len(starts)


def test_missing_words_are_told_in_a_sentence(plain):
    with pytest.raises(ValueError, match="holds no metadata"):
        export.read_tflite_metadata(plain)
    assert export.read_files(plain) == {}
    with pytest.raises(ValueError, match="The output 'score' has no note"):
        export.write_tflite_metadata(
            plain, MODEL, {k: v for k, v in TENSORS.items() if k != "score"}
        )
    with pytest.raises(ValueError, match=r"labels of 'x' are said to be in 'j.txt', which is not"):
        export.write_tflite_metadata(plain, MODEL, TENSORS, {"metadata.json": "{}"})
    with pytest.raises(ValueError, match="not a TFLite file"):
        export.write_tflite_metadata(b"x" * 99, MODEL, TENSORS)


def test_an_archive_can_be_opened_from_memory(noted):
    with zipfile.ZipFile(io.BytesIO(noted)) as archive:
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        # Equal exports are equal files.
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_unknown_fields_are_refused():
    from keras_pose.export.flat_tables import write_table

    with pytest.raises(ValueError, match="Table ImageSize has no field 'depth'"):
        write_table(_SCHEMA, "ImageSize", {"depth": 3})
    content = write_table(_SCHEMA, "ImageSize", {"width": 3, "height": np.uint32(7)})
    assert read_table(_SCHEMA, "ImageSize", content) == {"width": 3, "height": 7}
