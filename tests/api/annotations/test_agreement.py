"""`locgraph.agreement`: from a table of annotations and raw files to tables and pictures."""

import copy
from functools import reduce

import polars as pl
import pytest

import locgraph
from builders.annotators import mark, outline, sort, two_who_sort, write_raw, write_statements
from locgraph.api.config import compose
from locgraph.errors import ConfigError, DataError
from locgraph.provenance import file_digest


@pytest.fixture(scope="module")
def defaults():
    return compose("agreement", "path=null", "columns=nm")


@pytest.fixture
def settings(defaults):
    """All settings, with some changed; composing them each time would take most of the time."""

    def change(**changes):
        changed = copy.deepcopy(defaults)
        for name, value in changes.items():
            *groups, last = name.split("__")
            reduce(dict.__getitem__, groups, changed)[last] = value
        return changed

    return change


@pytest.fixture
def table(tmp_path):
    return tmp_path / "annotations.parquet"


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "raw", ["m1/f0", "m1/f1", "m2/f2"])


def boxes(*names, **about):
    rows = [outline("Ann", name, "a", (-5, -5), (45, 95)) for name in names]
    return [row | about for row in [*rows, *(outline("Bo", name, "a", (-5, -5), (95, 95)) for name in names)]]


def test_everything_at_once(table, raw, tmp_path):
    rows = boxes("m1/f0", "m1/f1", "m2/f2")
    rows += [mark(name, "m1/f0", "pore", 3, 3) for name in ("Ann", "Bo")]
    rows += [sort("Ann", "m1/f0", "a"), sort("Bo", "m1/f0", "b")]
    write_statements(table, rows)
    settings = [f"raw_dir={raw}", "columns=nm", "agreement.radius_nm=5", "groups=folders", "agreement.pictures=2"]
    result = locgraph.agreement(table, *settings)
    assert result.notes == ("only Bo states b: where others mean the same by another name, rename it",)
    dice = result.table.filter(measure="dice", **{"class": "a"}).drop_nulls("first")
    assert dice.select("estimate", "n_fovs", "n_groups").row(0) == (pytest.approx(2 / 3), 3, 2)
    result.write(tmp_path)
    for name in ("agreement.parquet", "disputed.csv", "agreement.json", "agreement.png", "disputed.png"):
        assert (tmp_path / name).stat().st_size > 0
    assert len(result.plot_disputed().axes) == 4


def test_a_folder_holds_the_table(table, settings, tmp_path):
    write_statements(table, two_who_sort(6))
    result = locgraph.agreement(tmp_path, settings())
    assert result.compared == {"fov": (6, 0)}
    with pytest.raises(DataError, match="expected the folder of the raw files"):
        result.plot_disputed()
    result.write(tmp_path)
    assert not (tmp_path / "disputed.png").exists()


def test_chosen_annotators_and_renamed_classes(table):
    write_statements(table, [*two_who_sort(6), sort("Cy", "f0", "A"), sort("Cy", "f1", "b")])
    result = locgraph.agreement(table, "agreement.annotators=[Ann,Cy]", "agreement.rename={A: a}")
    assert result.annotators == ("Ann", "Cy")
    assert result.table.filter(measure="percent")["estimate"].to_list() == [1.0]


def test_regions_need_raw_files(table, settings):
    write_statements(table, boxes("m1/f0"))
    with pytest.raises(DataError, match=r"raw_dir: .*nothing can be compared: regions of 1 FOVs are not compared"):
        locgraph.agreement(table, settings())
    write_statements(table, two_who_sort(2))
    (note,) = [note for note in locgraph.agreement(table, settings()).notes if "regions" in note]
    assert "give raw_dir, the folder of the raw files" in note


def test_points_need_a_radius(table, settings):
    write_statements(table, [mark(name, "f", "a", 0, 0) for name in ("Ann", "Bo")])
    with pytest.raises(DataError, match=r"agreement\.radius_nm: .*points of 1 FOVs are not compared"):
        locgraph.agreement(table, settings())


def test_nothing_of_the_same_kind(table, settings):
    write_statements(table, [sort("Ann", "f", "a"), mark("Bo", "f", "a", 0, 0)])
    with pytest.raises(DataError, match="state nothing of the same kind about one FOV") as caught:
        locgraph.agreement(table, settings())
    assert caught.value.setting is None


def test_a_fov_that_fails_stops_no_other(table, raw, settings):
    changed = boxes("m1/f1", data_fingerprint="0" * 16)
    same = boxes("m2/f2", data_fingerprint=file_digest(raw / "m2" / "f2.parquet"))
    write_statements(table, [*boxes("gone"), *changed, *same])
    result = locgraph.agreement(table, settings(raw_dir=str(raw)))
    assert result.record()["left_out"] == {
        "gone": "there is no raw file of this name",
        "m1/f1": "its raw file is not the one that was annotated",
    }
    assert result.table.filter(measure="dice")["n_fovs"].unique().to_list() == [1]
    assert any(note.startswith("regions of 2 FOVs are not compared: gone (there is no raw") for note in result.notes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"agreement__radius_nm": 0}, r"agreement\.radius_nm: expected a length above 0"),
        ({"agreement__pictures": -1}, r"agreement\.pictures: expected a whole number"),
        ({"agreement__annotators": ["Zoe"]}, r"agreement\.annotators: expected some of Ann, Bo"),
        ({"agreement__rename": {"z": "a"}}, r"agreement\.rename: expected classes that somebody states"),
        ({"raw_dir": "nowhere"}, r"raw_dir: .*nowhere"),
        ({"groups___target_": "locgraph.io.groups.FolderGroups"}, "raw_dir: groups come from raw files"),
        ({"raw_dir": ".", "limits__max_refused_fraction": 2}, r"limits\.max_refused_fraction: expected a number"),
    ],
)
def test_settings_that_cannot_work(table, settings, changes, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_statements(table, two_who_sort(2))
    with pytest.raises((ConfigError, DataError), match=message):
        locgraph.agreement(table, settings(**changes))


def test_tables_that_are_none(tmp_path, settings):
    with pytest.raises(DataError, match="expected a table of annotations; found no file"):
        locgraph.agreement(tmp_path, settings())
    (tmp_path / "annotations.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(DataError, match="expected a table of annotations; it cannot be read"):
        locgraph.agreement(tmp_path, settings())
    pl.DataFrame({"x": [1]}).write_parquet(tmp_path / "annotations.parquet")
    with pytest.raises(DataError, match="expected the columns fov_id"):
        locgraph.agreement(tmp_path, settings())
