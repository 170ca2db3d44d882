"""Label maps in metadata."""

import json
from pathlib import Path

import pytest

from locgraph.io.header import RawFile
from locgraph.io.label_map import agreed_map, read_map


def raw(fov_id, names):
    return RawFile(fov_id, Path(f"raw/{fov_id}.parquet"), (), {} if names is None else {"gt_label_map": names})


def test_map_in_the_order_of_the_integers():
    found = read_map({"gt_label_map": '{"10": "ten", "-1": "none", "2": "two"}'})

    assert list(found.items()) == [(-1, "none"), (2, "two"), (10, "ten")]


@pytest.mark.parametrize("metadata", [{}, {"gt_label_map": "null"}, {"gt_label_map": "None"}])
def test_no_map(metadata):
    assert read_map(metadata) == {}


@pytest.mark.parametrize("text", ["", "[1]", '{"a": "b"}', "{0: one}", "1", 100_000 * "["])
def test_map_that_is_not_one(text):
    with pytest.raises(ValueError, match="expected gt_label_map as JSON from integer to class name; found"):
        read_map({"gt_label_map": text})


@pytest.mark.parametrize("names", [{}, {"0": "one", "1": "one"}, {"0": "one", "00": "two"}])
def test_map_that_names_no_class_or_one_twice(names):
    with pytest.raises(ValueError, match="expected gt_label_map with a different name for each class"):
        read_map({"gt_label_map": json.dumps(names)})


def test_agreement():
    files = [raw("a", '{"0": "T"}'), raw("b", '{"0": "L"}'), raw("c", '{"0":"L"}'), raw("d", None), raw("e", "{")]

    agreed, failures = agreed_map(files, "Do this")

    assert agreed == {0: "L"}
    assert set(failures) == {"a", "d", "e"}
    assert "raw/a.parquet: expected the gt_label_map of most files, {0: 'L'}; found {0: 'T'}" in failures["a"]
    assert failures["d"] == "raw/d.parquet: expected gt_label_map in the file's metadata; found none. Do this"
    assert "raw/e.parquet: expected gt_label_map as JSON" in failures["e"]


def test_no_map_anywhere():
    agreed, failures = agreed_map([raw("a", None), raw("b", "null")], "Do this")

    assert agreed == {}
    assert failures["b"] == "raw/b.parquet: expected gt_label_map in the file's metadata; found gt_label_map. Do this"
