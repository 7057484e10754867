import dataclasses
import hashlib

import pytest

from keras_pose import export
from keras_pose.export import DataFact, MetricFact, ModelCard, SignatureFact, TensorFact

POINTS = TensorFact("keypoints_2d", "float32", "[N, 17, 2]", "pixels", "x right, y down", "2D pose")
DEPTHS = TensorFact("scale", "float32", "[N]", "pixels", "none", "size | height")
CARD = ModelCard(
    name="toy",
    version="1",
    summary="Lifts 2D poses.",
    signatures=(SignatureFact("lift", (POINTS,), (DEPTHS,)),),
    data=(DataFact("CMU, split A", "training", "free for all uses", "mocap.cs.cmu.edu"),),
    licence="Apache-2.0",
    configuration={"width": 256, "pitch": "learnt"},
    commit="0123abc",
    seeds=(0, 1),
    metrics=(MetricFact("pa_mpjpe/no_reflection/mm", "split B", "44.1 +- 0.3"),),
    limits=("One person per picture.",),
)


def test_card_states_every_fact():
    text = export.card_markdown(CARD)
    lines = text.splitlines()
    assert lines[0] == "# toy, version 1"
    wanted = "| in | `keypoints_2d` | float32 | [N, 17, 2] | pixels | x right, y down | 2D pose |"
    assert wanted in lines
    assert "| out | `scale` | float32 | [N] | pixels | none | size \\| height |" in lines
    assert "| `pa_mpjpe/no_reflection/mm` | split B | 44.1 +- 0.3 |" in lines
    assert "| CMU, split A | training | free for all uses | mocap.cs.cmu.edu |" in lines
    assert "* One person per picture." in lines
    assert "Commit `0123abc`, seeds 0, 1, with this configuration:" in lines
    assert '  "width": 256' in lines
    assert "Apache-2.0" in lines


def test_every_table_has_as_many_cells_as_its_header():
    blocks = [block for block in export.card_markdown(CARD).split("\n\n") if block[0] == "|"]
    assert len(blocks) == 3
    for block in blocks:
        counts = {line.replace("\\|", "").count("|") for line in block.splitlines()}
        assert len(counts) == 1 and len(block.splitlines()) >= 3


def test_files_are_listed_with_size_and_checksum(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"abc")
    (tmp_path / "card.md").write_text("older card")
    text = export.write_card(tmp_path, CARD).read_text()
    assert f"| `variables/data` | 3 | `{hashlib.sha256(b'abc').hexdigest()}` |" in text
    assert "`card.md`" not in text


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ModelCard)])
def test_empty_fact_is_refused(field):
    value = getattr(CARD, field)
    empty = " " if isinstance(value, str) else type(value)()
    with pytest.raises(ValueError, match=f"The model card has no {field}: state it"):
        dataclasses.replace(CARD, **{field: empty})


def test_empty_fact_inside_another_is_named():
    data = (CARD.data[0], dataclasses.replace(CARD.data[0], licence=""))
    with pytest.raises(ValueError, match="no data 2 licence: state it"):
        dataclasses.replace(CARD, data=data)
    with pytest.raises(ValueError, match="empty entry 2 in limits"):
        dataclasses.replace(CARD, limits=("One.", " "))
