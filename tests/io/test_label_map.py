"""Label maps in metadata, and classes of localisations as indices."""

import json
from pathlib import Path

import polars as pl
import pytest

from locgraph.errors import DataError
from locgraph.io.header import RawFile
from locgraph.io.label_map import agreed_map, label_localisations, read_map, to_indices
from locgraph.io.localisations import Localisations


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


CLASSES = ("bound", "free")
MAP = {"gt_label_map": '{"1": "free", "5": "bound"}'}


def indices(values, class_names=CLASSES, metadata=None):
    table = pl.DataFrame({"x": [0.0] * len(values), "loc_label": values})
    found = to_indices(table, class_names, metadata or {}, "raw/a.csv")
    assert found.columns == ["x", "loc_label"]
    assert found.schema["loc_label"] == pl.Int64
    return found["loc_label"].to_list()


def test_names():
    assert indices(["free", "bound", "free"]) == [1, 0, 1]


def test_integers_are_indices():
    assert indices([1, 0, -1, 1]) == [1, 0, -1, 1]


def test_integers_of_the_label_map():
    assert indices([5, 1, -1, 5], metadata=MAP) == [0, 1, -1, 0]


def test_a_label_map_of_whole_fovs_says_nothing_of_localisations():
    assert indices([1, 0], metadata=MAP | {"gt_label_scope": "fov"}) == [1, 0]


def test_class_names_that_are_integers():
    assert indices([2, 1, -1], class_names=("1", "2")) == [1, 0, -1]
    assert indices(["2", "1.0", ""], class_names=("1", "2")) == [1, 0, -1]


def test_minus_one_is_a_class_where_the_map_says_so():
    assert indices([0, -1], metadata={"gt_label_map": '{"-1": "free", "0": "bound"}'}) == [0, 1]


def test_integers_in_text():
    assert indices(["0", "1.0", "-1", "bound"]) == [0, 1, -1, 0]
    assert indices(["5", "free"], metadata=MAP) == [0, 1]


@pytest.mark.parametrize("value", ["", "NaN", "na", "N/A"])
def test_no_class(value):
    assert indices([value, "free"]) == [-1, 1]


def test_a_class_may_be_called_na():
    assert indices(["NA", "K", "na"], class_names=("K", "NA")) == [1, 0, -1]


def test_gaps():
    assert indices([None, 1]) == [-1, 1]


def test_a_label_map_may_know_more_classes_than_are_used():
    metadata = {"gt_label_map": '{"0": "other", "1": "free", "2": "bound"}'}

    assert indices([2, 1], metadata=metadata) == [0, 1]
    with pytest.raises(DataError, match=r"classes bound \(2\), free \(1\); found 0 \(2 localisations\)"):
        indices([2, 0, 0], metadata=metadata)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            ["free", "frei", "frei"],
            r"classes bound \(0\), free \(1\); found 'frei' \(2 localisations\)\. Change the classes",
        ),
        (["Free"], "found 'Free'"),
        ([0, 2], r"found 2 \(1 localisations\)"),
        ([-2], "found -2"),
        (["1.5"], "found '1.5'"),
        ([400 * "9"], "found '9999"),
        (list("gfedcba"), r"\(1 localisations\) and 2 others\. Change"),
    ],
)
def test_unknown_class(values, message):
    with pytest.raises(DataError, match=rf"class_names: raw/a\.csv: expected localisations of the .*{message}"):
        indices(values)


def test_no_column():
    with pytest.raises(DataError, match=r"raw/a\.csv: expected a column .* loc_label\. Name it among the columns"):
        to_indices(pl.DataFrame({"x": [1.0]}), CLASSES, {}, "raw/a.csv")


def test_label_map_that_is_not_one():
    with pytest.raises(DataError, match=r"raw/a\.csv: expected gt_label_map as JSON .* Write the metadata again"):
        indices([0], metadata={"gt_label_map": "{"})


def localisations(values, metadata=None):
    return Localisations(pl.DataFrame({"x": [1.0, 2.0], "loc_label": values}), 2, {}, metadata or {}, ("a note",))


def test_asked_for():
    found = label_localisations(localisations([1, 5], MAP), CLASSES, "raw/a.csv")

    assert found.table["loc_label"].to_list() == [1, 0]
    assert found.notes == ("a note",)


def test_integers_stay_where_nobody_asked():
    found = label_localisations(localisations([7, -1], MAP), None, "raw/a.csv")

    assert found.table["loc_label"].to_list() == [7, -1]
    assert found.notes == ("a note",)


def test_text_goes_where_nobody_asked():
    found = label_localisations(localisations(["bound", ""]), None, "raw/a.csv")

    assert found.table.columns == ["x"]
    assert found.notes == (
        "a note",
        "loc_label holds text, which is read only where localisations have classes: left out",
    )


def test_nothing_there_and_nobody_asked():
    plain = Localisations(pl.DataFrame({"x": [1.0]}), 2, {}, {})

    assert label_localisations(plain, None, "raw/a.csv") is plain
