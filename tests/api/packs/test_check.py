"""Packed models predicted again, compared, and rewritten in the present format."""

import io
import json

import polars as pl
import pytest

import locgraph
from locgraph.api.packs.archive import PACK_EXPECTED, PACK_RECORD, PACK_WEIGHTS, read_archive, write_archive
from locgraph.api.packs.check import check_pack, diff_packs, update_pack
from locgraph.api.packs.packed import read_pack
from locgraph.errors import CheckpointError
from locgraph.learn.checkpoint import FORMAT


def changed(packed, path, members=None, **about):
    """The packed model with other members and a fitting manifest."""
    read = read_archive(packed)
    write_archive(path, read.manifest | about, read.members | (members or {}))
    return path


def other_prediction(packed, shift):
    expected = read_pack(packed).expected.with_columns(pl.col("p_T") + shift)
    buffer = io.BytesIO()
    expected.write_parquet(buffer)
    return {PACK_EXPECTED: buffer.getvalue()}


def earlier(packed, path, members=None):
    """The packed model as one of a version that knew neither trust nor a largest FOV, with what that predicts."""
    content = json.loads(read_archive(packed).members[PACK_RECORD])
    for network in content["networks"]:
        record = network["record"]
        record["format"] = 4
        del record["trust"], record["init_from"]
        del record["settings"]["limits"]["max_localisations"]
    record = {PACK_RECORD: json.dumps(content).encode()}
    changed(packed, path, record)
    buffer = io.BytesIO()
    example = read_pack(path).example
    predicted = locgraph.load(path).predict(example)
    predicted.select("p_T", "p_L").write_parquet(buffer)
    return changed(packed, path, {**record, PACK_EXPECTED: buffer.getvalue(), **(members or {})})


@pytest.mark.parametrize("which", ["packed", "packed_sweep"])
def test_the_example_is_predicted_again(which, request):
    checked = check_pack(request.getfixturevalue(which))
    assert checked.difference <= 1e-5


@pytest.mark.parametrize(("shift", "good"), [(5e-6, True), (3e-5, False)])
def test_other_predictions_are_told_from_equal_ones(packed, tmp_path, shift, good):
    path = changed(packed, tmp_path / "x.lgm", other_prediction(packed, shift))
    if good:
        assert check_pack(path).difference == pytest.approx(shift, rel=1e-3)
        return
    with pytest.raises(CheckpointError, match=r"tiny:1.0 predicts its example with probabilities that differ by 3e-05"):
        check_pack(path)


def test_an_example_of_other_classes_is_told(packed, tmp_path):
    buffer = io.BytesIO()
    read_pack(packed).expected.rename({"p_T": "p_J"}).write_parquet(buffer)
    with pytest.raises(CheckpointError, match=r"differ by inf"):
        check_pack(changed(packed, tmp_path / "x.lgm", {PACK_EXPECTED: buffer.getvalue()}))


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        (PACK_WEIGHTS, b"\x80\x04K\x01.", "weights.safetensors cannot be read as safetensors"),
        (PACK_RECORD, b"{}", "record.json is no record of networks .KeyError 'networks'"),
        (PACK_RECORD, b'{"networks": []}', "record.json holds no network"),
        (PACK_RECORD, b"[]", "record.json: expected a mapping, found list"),
        (PACK_EXPECTED, b"x", "expected.parquet cannot be read as parquet"),
    ],
)
def test_members_that_hold_something_else_are_named(packed, tmp_path, member, content, message):
    with pytest.raises(CheckpointError, match=message):
        check_pack(changed(packed, tmp_path / "x.lgm", {member: content}))


def test_classes_of_other_packages_are_refused_unless_trusted(packed, tmp_path):
    record = read_archive(packed).members[PACK_RECORD].decode()
    wrong = record.replace("locgraph.nn.network.Network", "os.system")
    path = changed(packed, tmp_path / "x.lgm", {PACK_RECORD: wrong.encode()})
    with pytest.raises(CheckpointError, match=r"names os.system, which is not of the packages \['locgraph'\]"):
        locgraph.load(path)


def test_records_of_unknown_formats_are_refused(packed, tmp_path):
    record = read_archive(packed).members[PACK_RECORD].decode().replace(f'"format": {FORMAT}', '"format": 99')
    path = changed(packed, tmp_path / "x.lgm", {PACK_RECORD: record.encode()})
    with pytest.raises(CheckpointError, match=r"written in format 99 by locgraph"):
        locgraph.load(path)


def test_an_earlier_format_is_rewritten_and_predicts_the_same(packed, tmp_path):
    path = earlier(packed, tmp_path / "old.lgm")
    before = locgraph.load(path).predict(read_pack(path).example)

    assert update_pack(path)

    (network,) = read_pack(path).checkpoints()
    assert network.record["format"] == FORMAT
    assert network.record["trust"] is None
    assert locgraph.load(path).predict(read_pack(path).example).equals(before)
    assert read_pack(path).metrics == read_pack(packed).metrics
    assert not update_pack(path)


def test_what_predicts_otherwise_is_not_rewritten(packed, tmp_path):
    path = earlier(packed, tmp_path / "old.lgm", other_prediction(packed, 0.2))
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=r"probabilities that differ by"):
        update_pack(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_present_format_is_left_as_it_is(packed):
    before = packed.read_bytes()
    assert not update_pack(packed)
    assert packed.read_bytes() == before


def test_a_model_does_not_differ_from_itself(packed):
    assert diff_packs(read_pack(packed), read_pack(packed)).is_empty()


def test_differences_are_those_of_settings_scores_and_weights(packed, packed_sweep, tmp_path):
    record = json.loads(read_archive(packed).members[PACK_RECORD])
    record["networks"][0]["record"]["settings"]["clustering"]["n_clusters"] = 9
    other = changed(packed, tmp_path / "x.lgm", {PACK_RECORD: json.dumps(record).encode()}, version="1.1")
    assert diff_packs(read_pack(packed), read_pack(other)).rows() == [
        ("about", "version", "1.0", "1.1"),
        ("settings", "clustering.n_clusters", "8", "9"),
    ]
    table = diff_packs(read_pack(packed), read_pack(packed_sweep))
    assert ("scores", "kind", "one fold", "cross-validation") in table.rows()
    assert ("weights", "networks", "1", "3") in table.rows()


def test_weights_of_the_same_shape_differ_by_their_values(packed, swept, tmp_path):
    other = locgraph.pack(swept.run_dir / "1", "tiny:1.0", output=tmp_path / "x.lgm")
    rows = diff_packs(read_pack(packed), read_pack(other)).filter(part="weights").rows()
    assert [row[:3] for row in rows] == [("weights", "values", "-")]
    assert float(rows[0][3].removeprefix("differ by up to ")) > 0
