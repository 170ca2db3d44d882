"""Agreement of annotators in tables: hand-made statements, what does not count, and messages."""

import json

import numpy as np
import polars as pl
import pytest

from builders.annotators import GRID, click, mark, outline, sort, two_who_sort, write_statements
from locgraph.analysis.annotators.agreement import (
    CompareSettings,
    compare_annotators,
    count_fovs,
    find_annotators,
    rename_classes,
)
from locgraph.analysis.annotators.values import outlined_localisations
from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.table import read_annotations
from locgraph.stats.raters.nominal import ONE_CLASS


@pytest.fixture
def stated(tmp_path):
    """Statements as they are read back from a file."""
    return lambda rows: read_annotations(write_statements(tmp_path / "annotations.parquet", rows))


def compare(table, positions=GRID, radius=None, groups=None):
    about, notes = find_annotators(table, groups or {}, "here")
    drawn = table.filter(target="region").partition_by("fov_id", maintain_order=True)
    regions = [
        outlined_localisations(rows, positions, about, rows["fov_id"][0])
        for rows in drawn
        if rows["annotator"].n_unique() > 1
    ]
    return compare_annotators(table, about, regions, CompareSettings(radius), notes, {"path": "here"})


def value(result, level, measure, label=None, first=None, second=None):
    """The single row of some measure."""
    (row,) = (
        each
        for each in result.table.to_dicts()
        if (each["level"], each["measure"], each["class"]) == (level, measure, label)
        and (each["first"], each["second"]) == (first, second)
    )
    return row


def test_classes_of_fovs(stated):
    result = compare(stated(two_who_sort(20, wrong=4)))
    percent = value(result, "fov", "percent", None, "Ann", "Bo")
    assert (percent["estimate"], percent["n_units"], percent["n_fovs"], percent["n_groups"]) == (0.8, 20, 20, 20)
    assert percent["low"] < 0.8 < percent["high"]
    assert value(result, "fov", "kappa", None, "Ann", "Bo")["estimate"] == pytest.approx(0.6)
    # 40 values, 20 of each class: 8 of 40 coincidences differ, where 40 x 20 / 39 are expected
    assert value(result, "fov", "alpha")["estimate"] == pytest.approx(1 - 8 / (40 * 20 / 39))
    assert value(result, "fov", "alpha", "a")["estimate"] == value(result, "fov", "alpha", "b")["estimate"]
    assert result.compared == {"fov": (20, 0)}


def test_the_last_statement_counts_and_one_that_takes_away_is_none(stated):
    rows = [*two_who_sort(6, wrong=6), *two_who_sort(6), sort("Bo", "f5", None)]
    result = compare(stated(rows))
    assert value(result, "fov", "percent", None, "Ann", "Bo")["estimate"] == 1.0
    assert result.compared == {"fov": (5, 1)}


def test_every_pair_has_rows_where_it_shares_fovs(stated):
    rows = [*two_who_sort(6), sort("Cy", "f0", "a"), sort("Di", "f9", "a"), sort("Cy", "f9", "a")]
    result = compare(stated(rows))
    pairs = result.table.filter(measure="percent").select("first", "second", "n_fovs").rows()
    assert pairs == [("Ann", "Bo", 6), ("Ann", "Cy", 1), ("Bo", "Cy", 1), ("Cy", "Di", 1)]


def test_groups_are_drawn_whole(stated):
    groups = {f"f{place}": "mouse 1" if place < 10 else "mouse 2" for place in range(20)}
    row = value(compare(stated(two_who_sort(20, wrong=4)), groups=groups), "fov", "alpha")
    assert (row["n_groups"], row["low"]) == (2, None)
    assert "only 2 independent units or groups" in row["reason"]


def test_one_class_has_a_percentage_and_a_reason(stated):
    result = compare(stated([sort(name, f"f{place}", "a") for name in ("Ann", "Bo") for place in range(9)]))
    assert value(result, "fov", "percent", None, "Ann", "Bo")["estimate"] == 1.0
    alpha = value(result, "fov", "alpha")
    assert (alpha["estimate"], alpha["reason"]) == (None, ONE_CLASS)


def test_classes_of_clusters(stated):
    rows = [click(name, f"f{fov}", 3, "a") for name in ("Ann", "Bo") for fov in range(5)]
    rows += [click("Ann", "f0", 4, "b"), click("Bo", "f0", 9, "a") | {"x": [40.0]}, click("Bo", "f0", 6, "a")]
    result = compare(stated(rows))
    row = value(result, "cluster", "percent", None, "Ann", "Bo")
    assert (row["estimate"], row["n_units"], row["n_fovs"]) == (pytest.approx(5 / 6), 6, 5)


def test_clusters_of_another_clustering_are_not_compared(stated):
    rows = [click(name, f"f{fov}", 3, "a") for name in ("Ann", "Bo") for fov in range(3)]
    rows[-1] |= {"x": [90.0]}
    result = compare(stated([*rows, click("Bo", "f0", 5, "b"), click("Ann", "f0", 5, "b") | {"y": [0.4]}]))
    assert value(result, "cluster", "percent", None, "Ann", "Bo")["n_units"] == 3
    (note,) = result.notes
    assert note.startswith("clusters of 1 FOVs, such as f2, have other centres for some annotators")


def test_different_raw_files_are_noted(stated):
    rows = [row | {"data_fingerprint": row["annotator"] if row["fov_id"] == "f1" else "0"} for row in two_who_sort(3)]
    assert compare(stated(rows)).notes == ("1 FOVs, such as f1, were annotated on different raw files",)


def test_points(stated):
    rows = []
    for place in range(6):
        name = f"f{place}"
        rows += [mark("Ann", name, "pore", 0, 0), mark("Ann", name, "pore", 50, 0), mark("Ann", name, "debris", 90, 90)]
        rows += [mark("Bo", name, "pore", 3, 4), mark("Bo", name, "debris", 50, 0)]
    result = compare(stated(rows), radius=5.0)
    pore = value(result, "point", "f1", "pore", "Ann", "Bo")
    assert (pore["n_first"], pore["n_second"], pore["n_both"]) == (12, 6, 6)
    assert pore["estimate"] == pytest.approx(2 * 6 / 18)
    assert value(result, "point", "f1", "debris")["estimate"] == 0.0
    assert value(result, "point", "f1")["estimate"] == pytest.approx(2 * 6 / 30)
    assert compare(stated([]), radius=4.9).disputed["point"].to_list() == [1.0] * 6


def test_points_are_not_compared_without_a_radius(stated):
    rows = [mark("Ann", "f0", "a", 0, 0), mark("Bo", "f0", "a", 0, 0)]
    assert compare(stated([*rows, *two_who_sort(2)])).table.filter(level="point").is_empty()


def test_regions(stated):
    rows = []
    for place in range(6):
        rows += [
            outline("Ann", f"f{place}", "a", (-5, -5), (35, 95)),
            outline("Bo", f"f{place}", "a", (-5, -5), (55, 95)),
        ]
        rows += [outline("Bo", f"f{place}", "b", (75, -5), (95, 95))]
    rows += [outline("Ann", "g", "a", (0, 0), (9, 9))]  # of one annotator alone
    result = compare(stated(rows))
    row = value(result, "region", "dice", "a", "Ann", "Bo")
    assert (row["n_first"], row["n_second"], row["n_both"], row["n_fovs"]) == (240, 360, 240, 6)
    assert row["estimate"] == pytest.approx(2 * 40 / 100)
    assert value(result, "region", "iou", "a", "Ann", "Bo")["estimate"] == pytest.approx(40 / 60)
    assert value(result, "region", "dice", "b")["estimate"] == 0.0
    # by hand: of 100 localisations 40 are a and a, 20 nothing and a, 20 nothing and b, 20 nothing and nothing
    n, differ, of_class = 1200, 2 * 40 * 6, np.array([100, 20, 80]) * 6
    expected = (n**2 - (of_class**2).sum()) / (n * (n - 1))
    assert value(result, "region", "alpha")["estimate"] == pytest.approx(1 - differ / n / expected)
    assert value(result, "region", "alpha")["n_units"] == 600
    assert result.compared["region"] == (6, 1)


def test_what_is_taken_away_from_a_region_is_outside(stated):
    rows = [outline(name, "f", "a", (-5, -5), (95, 95)) for name in ("Ann", "Bo")]
    rows.append(outline("Bo", "f", None, (-5, -5), (95, 45)))
    assert value(compare(stated(rows)), "region", "dice", "a")["estimate"] == pytest.approx(2 * 50 / 150)


def test_the_most_disputed_fov_is_first(stated):
    rows = [sort(name, "same", "a") for name in ("Ann", "Bo", "Cy")]
    rows += [sort("Ann", "third", "a"), sort("Bo", "third", "a"), sort("Cy", "third", "b")]
    rows += [outline("Ann", "apart", "a", (-5, -5), (35, 95)), outline("Bo", "apart", "a", (55, -5), (95, 95))]
    rows += [outline("Ann", "alone", "a", (0, 0), (50, 50))]
    disputed = compare(stated(rows)).disputed
    assert disputed["fov_id"].to_list() == ["apart", "third", "same"]
    assert disputed["disagreement"].to_list() == pytest.approx([1.0, 2 / 3, 0.0])
    assert disputed["region"].to_list() == [1.0, None, None]
    assert disputed["n_annotators"].to_list() == [2, 3, 3]


def test_what_is_written(stated, tmp_path):
    result = compare(stated([*two_who_sort(6, wrong=1), sort("Bo", "x", "a")]))
    result.write(tmp_path)
    assert pl.read_parquet(tmp_path / "agreement.parquet").equals(result.table)
    assert pl.read_csv(tmp_path / "disputed.csv").height == 6
    record = json.loads((tmp_path / "agreement.json").read_text())
    assert record["annotators"] == ["Ann", "Bo"]
    assert record["fovs"] == {"fov": {"compared": 6, "one_annotator": 1}}


def test_statements_of_one_alone(stated):
    with pytest.raises(
        DataError, match="here: expected statements of at least two annotators; found those of Ann alone"
    ):
        find_annotators(stated([sort("Ann", "f", "a")]), {}, "here")


def test_no_fov_of_two(stated):
    rows = [sort("Ann", "f", "a"), sort("Ann", "g", "a"), sort("Bo", "h", "a")]
    with pytest.raises(
        DataError, match=r"at least two people annotated; found none \(FOVs of their own: Ann 2, Bo 1\)"
    ):
        find_annotators(stated(rows), {}, "here")


def test_annotators_who_name_classes_differently(stated):
    rows = [sort("Ann", "f", "pore"), sort("Bo", "f", "Pore")]
    with pytest.raises(ConfigError, match=r"found none \(Ann: pore; Bo: Pore\)\. .* rename some") as caught:
        find_annotators(stated(rows), {}, "here")
    assert caught.value.setting == "rename"


def test_a_class_of_one_annotator_is_noted_and_can_be_renamed(stated):
    table = stated([*two_who_sort(4), sort("Bo", "f9", "B"), sort("Ann", "f9", "b")])
    _, notes = find_annotators(table, {}, "here")
    assert notes == ["only Bo states B: where others mean the same by another name, rename it"]
    renamed = rename_classes(table, {"B": "b"})
    assert find_annotators(renamed, {}, "here")[1] == []
    with pytest.raises(ConfigError, match="expected classes that somebody states: B, a, b; found C"):
        rename_classes(table, {"C": "b"})


def test_fovs_are_counted_by_level(stated):
    rows = [sort("Ann", "f", "a"), click("Ann", "f", 1, "a"), click("Bo", "f", 2, "a"), mark("Bo", "g", None, 0, 0)]
    assert count_fovs(stated(rows)) == {"fov": (0, 1), "cluster": (1, 0), "point": (0, 1)}
