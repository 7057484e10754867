"""Records whose bytes went bad after they were prepared: training goes on without a few of them and
says which, and ends with one sentence where there are too many."""

import json
import shutil

import pytest

from keras_pose.data.generated.hands import hand_source
from keras_pose.data.records import RecordReader, write_records
from tests.train.command_server import shared_server

NUM_RECORDS = 8
# Two batches of four want all of the records at least once.
COMMON = (
    "--encoder=resnet10_half",
    "--image_size=32",
    "--batch_size=4",
    "--num_steps=2",
    "--steps_per_epoch=2",
    "--warmup_steps=0",
    "--val_share=0",
    "--max_bad_fraction=0.25",
)
STAGES = ("peclr.train", "hand_pose.train")


@pytest.fixture(scope="module")
def server():
    return shared_server()


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records") / "hands"
    write_records(hand_source(NUM_RECORDS, seed=4, size=48), folder, "hands")
    return folder


def _damage(hands, folder, positions):
    """A copy of the folder with one bit turned in the picture of each of some records; their ids."""
    shutil.copytree(hands, folder)
    reader = RecordReader(folder)
    (path,) = folder.glob("*.tfrecord")
    content = bytearray(path.read_bytes())
    for position in positions:
        picture = reader.record(position).image
        place = content.index(picture) + len(picture) // 2
        content[place] ^= 0x10
    path.write_bytes(content)
    return [str(reader.ids[position]) for position in positions]


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_training_goes_on_without_a_few_and_says_which(server, hands, tmp_path, stage):
    ids = _damage(hands, tmp_path / "few", (2, 5))
    arguments = (*COMMON, f"--data_dir={tmp_path / 'few'}", f"--model_dir={tmp_path / 'run'}")
    code, command = server.run(f"keras_pose.{stage}", *arguments)
    assert code == 0, command.stderr
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["steps"] == 2
    assert sorted(run["skipped"]) == sorted(ids)
    for record_id, reason in run["skipped"].items():
        assert "records-00000.tfrecord: the bytes of record" in reason
        assert f"Bad record {record_id} left out" in command.stderr


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_too_many_end_in_one_sentence(server, hands, tmp_path, stage):
    _damage(hands, tmp_path / "many", (1, 2, 6))
    arguments = (*COMMON, f"--data_dir={tmp_path / 'many'}", f"--model_dir={tmp_path / 'run'}")
    command = server.start(f"keras_pose.{stage}", *arguments)
    # Streams that are still being read when the interpreter ends once kept it from ending.
    assert command.wait(timeout=200) == 1, command.stderr
    said = [line for line in command.sentences if "Bad record" not in line]
    assert len(said) == 1, command.stderr
    assert said[0].startswith("ERROR: 3 of 8 records are bad, more than --max_bad_fraction=0.25")
    assert "Traceback" not in command.stderr
    assert not list((tmp_path / "run").glob("weights/*"))
