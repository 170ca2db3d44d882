"""Classes and groups of FOVs from metadata, folders, names and tables; classes of single localisations."""

import json
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from locgraph.errors import ConfigError, DataError
from locgraph.io.groups import FolderGroups, MetadataGroups, NoGroups, RegexGroups, TableGroups
from locgraph.io.header import RawFile
from locgraph.io.label_map import agreed_map, label_localisations, read_map, to_indices
from locgraph.io.labels import FolderLabels, LocalisationLabels, MetadataLabels, NoLabels, RegexLabels, TableLabels
from locgraph.io.localisations import Localisations

MAP = {"0": "one", "1": "two", "10": "ten"}


def raw(fov_id, label=None, names=None, **metadata):
    if label is not None:
        metadata["gt_label"] = str(label)
    if names is not None:
        metadata["gt_label_map"] = names if isinstance(names, str) else json.dumps(names)
    return RawFile(fov_id, Path(f"raw/{fov_id}.parquet"), ("x", "y"), metadata)


PATIENTS = [raw(fov_id) for fov_id in ("p01/a", "p01/b", "p02/a", "other")]


def workbook(path, column):
    with xlsxwriter.Workbook(path) as book:
        for name in ("old", "new"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["fov_id", column])
            sheet.write_row(1, 0, [7, name])
    return path


def test_none():
    labelling = NoLabels().labels([raw("a"), raw("b")])

    assert (labelling.class_names, labelling.by_fov, labelling.failures) == ((), {"a": None, "b": None}, {})
    assert not labelling.by_localisation
    assert NoGroups().groups(PATIENTS[:2]) == ({"p01/a": None, "p01/b": None}, {})


def test_classes_from_folders():
    files = [raw("cancer/p1/a"), raw("normal/p1/a"), raw("x/cancer/p2/b"), raw("p3/c"), raw("d")]

    near, far = FolderLabels().labels(files), FolderLabels(level=2).labels(files)

    assert near.class_names == ("p1", "p2", "p3")
    assert "found it directly in the folder of all files" in near.failures["d"]
    assert far.class_names == ("cancer", "normal")
    assert far.by_fov == {"cancer/p1/a": "cancer", "normal/p1/a": "normal", "x/cancer/p2/b": "cancer"}
    assert "its class (level=2); found it in p3 of the folder of all files" in far.failures["p3/c"]


def test_groups_from_folders():
    by_fov, failures = FolderGroups().groups(PATIENTS)

    assert by_fov == {"p01/a": "p01", "p01/b": "p01", "p02/a": "p02"}
    assert "expected raw/other.parquet at least 1 folders below the folder of all files; found 0" in failures["other"]
    files = [raw("cancer/p1/a"), raw("normal/p1/a"), raw("p1/a")]
    same = dict.fromkeys(("cancer/p1/a", "normal/p1/a", "p1/a"), "p1")
    assert FolderGroups().groups(files)[0] == same, "folders of one name are one group"
    assert FolderGroups(level=2).groups(files)[0] == {"cancer/p1/a": "cancer", "normal/p1/a": "normal"}


def test_classes_from_names():
    labelling = RegexLabels(r"_(wt|ko)_").labels([raw("a_wt_1"), raw("b/a_ko_1"), raw("a_ko_2"), raw("a_het_1")])

    assert labelling.class_names == ("ko", "wt")
    assert labelling.by_fov == {"a_wt_1": "wt", "b/a_ko_1": "ko", "a_ko_2": "ko"}
    assert "expected a class in the name a_het_1; found no match of '_(wt|ko)_'" in labelling.failures["a_het_1"]


def test_classes_from_names_by_a_mapping():
    names = {"wt": "wild type", "ko": "knock-out", "KO": "knock-out", 7: "unused"}

    labelling = RegexLabels(r"^(\w+?)_", names).labels([raw("KO_1"), raw("ko_2"), raw("wt_3"), raw("het_1")])

    assert labelling.class_names == ("wild type", "knock-out", "unused")
    assert labelling.by_fov == {"KO_1": "knock-out", "ko_2": "knock-out", "wt_3": "wild type"}
    assert "expected one of wt, ko, KO, 7 in the name het_1; found 'het'" in labelling.failures["het_1"]


def test_groups_from_names():
    by_fov, failures = RegexGroups(r"(p\d+)/").groups(PATIENTS)

    assert by_fov == {"p01/a": "p01", "p01/b": "p01", "p02/a": "p02"}
    assert r"expected a group in the name other; found no match of '(p\\d+)/'" in failures["other"]
    for pattern in (r"^(x?)", r"p01|(q)"):  # an empty capture, or none
        assert set(RegexGroups(pattern).groups(PATIENTS[:1])[1]) == {"p01/a"}


def test_classes_from_metadata_in_the_order_of_the_integers():
    files = [raw("a", 10, {"10": "ten", "1": "two", "0": "one"}), raw("b", 0, MAP), raw("c", 0, colour="red")]
    other = raw("d", 0, {"0": "two", "1": "one"})

    labelling = MetadataLabels().labels([other, *files])

    assert labelling.class_names == ("one", "two", "ten")
    assert labelling.by_fov == {"a": "ten", "b": "one"}
    assert "found {0: 'two', 1: 'one'}" in labelling.failures["d"], "the most frequent map counts"
    assert "expected gt_label_map in the file's metadata; found colour, gt_label" in labelling.failures["c"]
    assert MetadataLabels().labels([raw("a")]).class_names == ()


@pytest.mark.parametrize("label", [2, -1, "two", "", "0.5", None])
def test_a_label_outside_its_map(label):
    labelling = MetadataLabels().labels([raw("a", label, MAP), raw("b", 0, MAP)])

    assert labelling.by_fov == {"b": "one"}
    assert "expected gt_label in the file's metadata to be one of 0, 1, 10" in labelling.failures["a"]
    assert f"found {str(label or '')!r}" in labelling.failures["a"]


def test_metadata_with_classes_of_localisations():
    files = [raw("a", "None", MAP, gt_label_scope="loc"), raw("b", 0, MAP, gt_label_scope="fov")]

    labelling = MetadataLabels().labels(files)

    assert labelling.by_fov == {"b": "one"}
    assert "expected a class of the whole FOV; found gt_label_scope loc" in labelling.failures["a"]


def test_folders_that_look_like_classes_are_suggested():
    names = ["wt/a", "wt/b", "ko/a", "ko/b"]
    failures = MetadataLabels().labels([raw(name) for name in names]).failures

    assert "The files lie in the folders ko, wt: labels=folders takes these as classes" in failures["wt/a"]
    for others in (["a", "b"], ["wt/a", "ko/b"]):
        reasons = MetadataLabels().labels([raw(name) for name in others]).failures
        assert not any("labels=folders" in reason for reason in reasons.values())


def test_groups_from_metadata():
    by_fov, failures = MetadataGroups().groups([raw("a", group=" p1 "), raw("b", other="p2"), raw("c")])

    assert by_fov == {"a": "p1"}
    assert "raw/b.parquet: expected a group under 'group' in the file's metadata; found other" in failures["b"]
    assert "found none. Change key" in failures["c"]


@pytest.mark.parametrize("text", ["", " ", "None", "null", "NaN"])
def test_metadata_without_a_group(text):
    by_fov, failures = MetadataGroups("patient").groups([raw("a", patient=text), raw("b", patient="1")])

    assert by_fov == {"b": "1"}
    assert f"expected a group under 'patient' in the file's metadata; found {text!r}" in failures["a"]


def test_classes_from_a_table(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("name,class\na,T\nb,L\nc,NaN\nd,unused\n")
    source = TableLabels(str(path), fov_column="name", label_column="class")

    labelling = source.labels([raw("a"), raw("b"), raw("c")])

    assert source.tables == (path,)
    assert labelling.class_names == ("L", "T")
    assert labelling.by_fov == {"a": "T", "b": "L"}
    assert "found an empty or NaN value" in labelling.failures["c"]
    book = workbook(tmp_path / "labels.xlsx", "label")
    assert TableLabels(book, sheet="new").labels([raw("7")]).by_fov == {"7": "new"}


def test_groups_from_a_table(tmp_path):
    path = tmp_path / "patients.tsv"
    path.write_text("fov_id\tpatient\np01/a\t1\np01/b\t1\np02/a\t\n")
    source = TableGroups(path, group_column="patient")

    by_fov, failures = source.groups(PATIENTS)

    assert source.tables == (path,)
    assert by_fov == {"p01/a": "1", "p01/b": "1"}
    assert "an empty or NaN value" in failures["p02/a"]
    assert "expected a row for other" in failures["other"]
    book = workbook(tmp_path / "patients.xlsx", "group")
    assert TableGroups(book, sheet="new").groups([raw("7")]) == ({"7": "new"}, {})


@pytest.mark.parametrize("read", [lambda path: TableLabels(path).labels, lambda path: TableGroups(path).groups])
def test_an_absent_table(tmp_path, read):
    with pytest.raises(DataError, match="expected a table") as caught:
        read(tmp_path / "absent.csv")([raw("a")])
    assert caught.value.setting == "path"


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: FolderLabels(level=0), "level"),
        (lambda: FolderGroups(level=0), "level"),
        (lambda: RegexLabels("a"), "pattern"),
        (lambda: RegexGroups("("), "pattern"),
        (lambda: RegexLabels("(a)", {}), "names"),
        (lambda: RegexLabels("(a)", {"wt": ""}), "names"),
        (lambda: RegexLabels("(a)", {"wt": None}), "names"),
        (lambda: RegexLabels("(a)", {"": "wild type"}), "names"),
        (lambda: MetadataGroups(""), "key"),
        (lambda: TableLabels("labels.csv", label_column=""), "label_column"),
        (lambda: TableGroups("groups.csv", group_column="fov_id"), "group_column"),
        (lambda: LocalisationLabels([]), "class_names"),
        (lambda: LocalisationLabels(["a", "a"]), "class_names"),
        (lambda: LocalisationLabels(["a", ""]), "class_names"),
        (lambda: LocalisationLabels(["a", None]), "class_names"),
    ],
)
def test_settings_that_cannot_work(make, setting):
    with pytest.raises(ConfigError) as caught:
        make()
    assert caught.value.setting == setting


def test_classes_of_localisations_by_setting():
    labelling = LocalisationLabels(["free", 2]).labels([raw("a"), raw("b")])

    assert (labelling.class_names, labelling.by_fov) == (("free", "2"), {"a": None, "b": None})
    assert labelling.by_localisation


def test_classes_of_localisations_from_the_label_map():
    files = [raw("a", None, MAP), raw("b", "None", MAP, gt_label_scope="loc"), raw("c", None, {"0": "other"}), raw("d")]
    whole = raw("e", 0, MAP, gt_label_scope="fov")

    labelling = LocalisationLabels().labels([*files, whole])

    assert labelling.class_names == ("one", "two", "ten")
    assert labelling.by_fov == {"a": None, "b": None}
    assert labelling.by_localisation
    assert "raw/c.parquet: expected the gt_label_map of most files" in labelling.failures["c"]
    assert "found none. Set class_names, or write the metadata" in labelling.failures["d"]
    assert "expected a class for each localisation; found gt_label_scope fov" in labelling.failures["e"]
    assert set(LocalisationLabels(["one", "two"]).labels([whole]).by_fov) == {"e"}


def test_a_label_map_in_the_order_of_the_integers():
    names = read_map({"gt_label_map": '{"10": "ten", "-1": "none", "2": "two"}'})

    assert list(names.items()) == [(-1, "none"), (2, "two"), (10, "ten")]
    for metadata in ({}, {"gt_label_map": "null"}, {"gt_label_map": "None"}):
        assert read_map(metadata) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *((text, "as JSON from integer") for text in ("", "[1]", '{"a": "b"}', "{0: one}", "1", 100_000 * "[")),
        *((text, "with a different name") for text in ("{}", '{"0": "a", "1": "a"}', '{"0": "a", "00": "b"}')),
    ],
)
def test_label_maps_that_are_none(text, message):
    with pytest.raises(ValueError, match=f"expected gt_label_map {message}"):
        read_map({"gt_label_map": text})
    assert "expected gt_label_map" in MetadataLabels().labels([raw("a", 0, text)]).failures["a"]


def test_the_label_map_of_most_files():
    files = [raw("a", names='{"0": "T"}'), raw("b", names='{"0": "L"}'), raw("c", names='{"0":"L"}'), raw("d")]

    agreed, failures = agreed_map(files, "Do this")

    assert agreed == {0: "L"}
    assert set(failures) == {"a", "d"}
    assert failures["d"] == "raw/d.parquet: expected gt_label_map in the file's metadata; found none. Do this"
    assert agreed_map([raw("a"), raw("b", names="null")], "Do this")[0] == {}


CLASSES = ("bound", "free")
CODES = {"gt_label_map": '{"1": "free", "5": "bound"}'}


def indices(values, class_names=CLASSES, metadata=None):
    table = pl.DataFrame({"x": [0.0] * len(values), "loc_label": values})
    labelled = to_indices(table, class_names, metadata or {}, "raw/a.csv")
    assert labelled.schema == {"x": pl.Float64, "loc_label": pl.Int64}
    return labelled["loc_label"].to_list()


@pytest.mark.parametrize(
    ("values", "expected", "settings"),
    [
        (["free", "bound", "free"], [1, 0, 1], {}),
        ([1, 0, -1, None], [1, 0, -1, -1], {}),
        (["0", "1.0", "-1", "bound"], [0, 1, -1, 0], {}),
        (["", "NaN", "na", "N/A", "free"], [-1, -1, -1, -1, 1], {}),
        ([5, 1, -1, 5], [0, 1, -1, 0], {"metadata": CODES}),
        (["5", "free"], [0, 1], {"metadata": CODES}),
        ([1, 0], [1, 0], {"metadata": CODES | {"gt_label_scope": "fov"}}),  # the map is of whole FOVs
        ([0, -1], [0, 1], {"metadata": {"gt_label_map": '{"-1": "free", "0": "bound"}'}}),
        ([2, 1], [0, 1], {"metadata": {"gt_label_map": '{"0": "other", "1": "free", "2": "bound"}'}}),
        ([2, 1, -1], [1, 0, -1], {"class_names": ("1", "2")}),
        (["2", "1.0", ""], [1, 0, -1], {"class_names": ("1", "2")}),
        (["NA", "K", "na"], [1, 0, -1], {"class_names": ("K", "NA")}),
    ],
)
def test_names_and_integers_become_indices(values, expected, settings):
    assert indices(values, **settings) == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["free", "frei", "frei"], r"bound \(0\), free \(1\); found 'frei' \(2 localisations\)\. Change the classes"),
        (["Free"], "found 'Free'"),
        ([0, 2], r"found 2 \(1 localisations\)"),
        ([-2], "found -2"),
        (["1.5"], "found '1.5'"),
        ([400 * "9"], "found '9999"),
        (list("gfedcba"), r"\(1 localisations\) and 2 others\. Change"),
    ],
)
def test_unknown_classes_of_localisations(values, message):
    with pytest.raises(DataError, match=rf"raw/a\.csv: expected localisations of the .*{message}") as caught:
        indices(values)
    assert caught.value.setting == "class_names"


def test_classes_of_localisations_that_cannot_be_read():
    with pytest.raises(DataError, match=r"raw/a\.csv: expected a column with the class of each localisation"):
        to_indices(pl.DataFrame({"x": [1.0]}), CLASSES, {}, "raw/a.csv")
    with pytest.raises(DataError, match=r"raw/a\.csv: expected gt_label_map as JSON .* Write the metadata again"):
        indices([0], metadata={"gt_label_map": "{"})
    with pytest.raises(DataError, match=r"classes bound \(2\), free \(1\); found 0 \(2 localisations\)"):
        indices([2, 0, 0], metadata={"gt_label_map": '{"0": "other", "1": "free", "2": "bound"}'})


@pytest.mark.parametrize(
    ("values", "class_names", "expected"),
    [([1, 5], CLASSES, [1, 0]), ([7, -1], None, [7, -1]), (["a", ""], None, None)],
)
def test_classes_of_localisations_are_numbered_where_asked_for(values, class_names, expected):
    locs = Localisations(pl.DataFrame({"x": [1.0, 2.0], "loc_label": values}), 2, {}, CODES, ("a note",))

    labelled = label_localisations(locs, class_names, "raw/a.csv")

    assert labelled.notes[0] == "a note"
    if expected is None:  # text has no indices
        assert labelled.table.columns == ["x"]
        assert labelled.notes[1].startswith("loc_label holds text")
        assert label_localisations(labelled, None, "raw/a.csv") is labelled
    else:
        assert labelled.table["loc_label"].to_list() == expected
