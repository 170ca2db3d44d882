"""Columns that may fit a file of unknown software: followed to the letter they run, and give right values."""

import re
import shlex

import polars as pl
import pytest

from locgraph.api.config import compose
from locgraph.build import build
from locgraph.cli.commands.inspect_file import overrides
from locgraph.errors import LocgraphError
from locgraph.io.columns import FileColumns
from locgraph.io.inspection import inspect
from locgraph.io.read import read_localisations
from locgraph.io.suggestion import ColumnSuggestion, suggest_columns


def table(*names, **values):
    columns = {name: [1.0, 2.0, 3.0] for name in names} | values
    return pl.DataFrame(columns)


@pytest.mark.parametrize(
    ("names", "chosen", "unit"),
    [
        (
            ("Channel", "Frame", "X (nm)", "Y (nm)", "Z (nm)", "Photons", "Background (photons)"),
            {
                "x": "X (nm)",
                "y": "Y (nm)",
                "z": "Z (nm)",
                "frame": "Frame",
                "channel": "Channel",
                "photons": "Photons",
                "background": "Background (photons)",
            },
            "nm",
        ),
        (("x", "y"), {"x": "x", "y": "y"}, None),
        (("x_nm", "y_nm"), {"x": "x_nm", "y": "y_nm"}, "nm"),
        (("x_pix", "y_pix", "x_nm", "y_nm", "x", "y"), {"x": "x_nm", "y": "y_nm"}, "nm"),
        (("x", "y", "x_pix", "y_pix"), {"x": "x_pix", "y": "y_pix"}, "px"),
        (("X [µm]", "Y [µm]"), {"x": "X [µm]", "y": "Y [µm]"}, "um"),
        (("x (pix)", "y (pix)"), {"x": "x (pix)", "y": "y (pix)"}, "px"),
        (("Position X [nm]", "Position Y [nm]", "Index"), {"x": "Position X [nm]", "y": "Position Y [nm]"}, "nm"),
        (("x", "y", "intensity [photons]"), {"x": "x", "y": "y", "photons": "intensity [photons]"}, None),
    ],
)
def test_names_are_recognised(names, chosen, unit):
    suggestion = suggest_columns(table(*names))

    assert (suggestion.names, suggestion.unit, suggestion.doubtful) == (chosen, unit, {})


@pytest.mark.parametrize(
    "names", [(), ("a", "b"), ("x", "b"), ("count", "area"), ("x'", "y'"), ('x"', 'y"'), ("x [nm]", "y (pix)")]
)
def test_nothing_is_made_up(names):
    assert suggest_columns(table(*names)) is None


def test_each_length_whose_unit_is_not_stated_gets_it_asked_for():
    suggestion = suggest_columns(table("x", "y", "z [nm]", "lpx", "lpy"))
    assert (suggestion.unit, suggestion.units) == (None, {"z": "nm", "precision": None})
    suggestion = suggest_columns(table("x [nm]", "y [nm]", "z", "precision"))
    assert (suggestion.unit, suggestion.units) == ("nm", {"z": None, "precision": None})
    suggestion = suggest_columns(table("x [nm]", "y [nm]", "z [nm]", "uncertainty [px]"))
    assert (suggestion.units, suggestion.needs_pixel_size, suggestion.needs_units) == ({"precision": "px"}, True, False)


def test_precisions_along_x_and_y_are_one_quantity():
    values = {"x": [1.0, 2.0], "y": [3.0, 4.0], "crlb_xnm": [10000.0, 10100.0], "crlb_ynm": [10.0, 11.0]}
    assert "precision" not in suggest_columns(pl.DataFrame(values)).names, "they are not alike"

    more = {"crlb_x": [0.1, 0.2], "crlb_y": [0.1, 0.2]}
    suggestion = suggest_columns(pl.DataFrame(values | more))
    assert suggestion.names["precision"] == ("crlb_x", "crlb_y")
    assert suggestion.units == {"precision": None}


@pytest.mark.parametrize("values", [[0.0, 0.041, 0.082], [0, 1, 2], ["a", "b", "c"]])
@pytest.mark.parametrize("name", ["t", "tim", "time", "Timestamp"])
def test_a_time_is_never_a_frame(name, values):
    suggestion = suggest_columns(table("x", "y", **{name: values}))

    assert "frame" not in suggestion.names
    assert suggestion.doubtful == {name: "frames, or seconds?"}


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("frame", [0.5, 1.5, 2.0]),
        ("frame", ["a", "b", "c"]),
        ("channel", ["red", "green", "red"]),
        ("tid", [0.25, 1.0, 2.0]),
        ("photons", [-1.0, -2.0, 3.0]),
        ("z", ["a", "b", "c"]),
        ("precision", [None, 1.0, 2.0]),
        ("intensity", [1.0, 2.0, 3.0]),
        ("bg", [1.0, 2.0, 3.0]),
        ("intensity [ADU]", [1.0, 2.0, 3.0]),
    ],
)
def test_a_column_that_would_refuse_rows_or_has_no_unit_is_left_out(name, values):
    assert set(suggest_columns(table("x", "y", **{name: values})).names) == {"x", "y"}


FILES = {
    "positions.csv": ("X;Y\n1;2\n3;4\n", ["px", "100"], {"x": [100.0, 300.0], "y": [200.0, 400.0]}),
    "units.csv": (
        "x_nm,y_nm,z (um),frame,phot\n1,2,-0.5,7,900\n3,4,0.5,8,800\n",
        [],
        {"x": [1.0, 3.0], "z": [-500.0, 500.0], "frame": [0, 1], "photons": [900.0, 800.0]},
    ),
    "crlb.csv": (
        "frame,x_pix,y_pix,photons,crlb_x,crlb_y,x_nm,y_nm,crlb_xnm,crlb_ynm \n1,9,9,800,0.1,0.1,954,954,9e3,10.6\n",
        ["px", "106"],
        {"x": [954.0], "precision": [10.6], "frame": [0], "photons": [800.0]},
    ),
    "trace.csv": (
        "tid,t,x,y,z\n7,0,1,2,3\n7,0.041,4,5,6\n8,1,7,8,9\n",
        ["nm", "nm"],
        {"x": [1.0, 4.0, 7.0], "z": [3.0, 6.0, 9.0], "source_cluster": [7, 7, 8]},
    ),
    "blanks.txt": (
        "x y z lpx lpy group\n1 2 30 0.1 0.1 4\n2 3 40 0.2 0.2 5\n",
        ["px", "nm", "px", "100"],
        {"x": [100.0, 200.0], "z": [30.0, 40.0], "precision": [10.0, 20.0]},
    ),
    "pixels.tsv": ("x [px]\ty [px]\tT\n1\t2\t3\n2\t3\t4\n", ["100"], {"x": [100.0, 200.0]}),
    "locan.txt": (
        "frame,position_x,position_y,uncertainty\n3,1,2,9\n4,3,4,8\n",
        ["nm", "nm"],
        {"x": [1.0, 3.0], "frame": [0, 1], "precision": [9.0, 8.0]},
    ),
}
FILES["pixels.tsv"] = (FILES["pixels.tsv"][0].replace("[px]", "(pix)"), *FILES["pixels.tsv"][1:])


def follow(path, answers):
    """Read a file with the suggestion printed for it, and the answers of a user in the order of the questions."""
    printed = overrides(inspect(path, FileColumns(), 0.05).suggestion)
    remaining = iter(answers)
    settings = re.sub(r"\?\?\?", lambda _: next(remaining), printed)
    extra = [f"columns.pixel_size_nm={size}" for size in remaining]
    columns = compose("inspect", f"source={path}", *shlex.split(settings), *extra)["columns"]
    return read_localisations(path, build(columns, "columns"), 0.05)


@pytest.mark.parametrize("name", FILES)
def test_what_is_printed_runs_and_is_right(tmp_path, name):
    text, answers, expected = FILES[name]
    (tmp_path / name).write_text(text)

    locs = follow(tmp_path / name, answers)

    assert locs.refused == {}
    for column, values in expected.items():
        assert locs.table[column].to_list() == pytest.approx(values)
    extra = {"y"} | ({"frame"} if "frame" in expected else set())
    assert set(locs.table.columns) <= expected.keys() | extra


def test_what_is_not_filled_in_is_asked_for(tmp_path):
    (tmp_path / "a.csv").write_text("x,y,z\n1,2,3\n4,5,6\n")

    with pytest.raises(LocgraphError, match=r"columns\.unit"):
        follow(tmp_path / "a.csv", ["???", "nm"])
    with pytest.raises(LocgraphError, match=r"columns\.units"):
        follow(tmp_path / "a.csv", ["nm", "???"])


def test_suggestions_for_files_from_public_reports(test_data):
    cases = test_data / "cases"

    fitted = follow(cases / "pixel_crlb_beside_nm.csv", [])
    assert (fitted.table.height, fitted.table["x"][0], fitted.table["photons"][0]) == (200, 24146.0, 1918.7)
    assert "precision" not in fitted.table.columns, "one row in ten or so has none"
    suggestion = inspect(cases / "pixel_crlb_beside_nm.csv", FileColumns(), 0.05).suggestion
    assert suggestion.doubtful["crlb_x"].startswith("precision, missing in ")

    trace = follow(cases / "minflux_tid_t_xyz.csv", ["nm", "nm"])
    assert trace.table.height == 200
    assert trace.table.row(0) == (-308.981447475189, 313.086039127413, -42.2991448974609, 110)

    assert follow(cases / "space_sep.txt", ["nm"]).table.row(0) == (4547.847, 3278.727, 0, 1000.0)


def test_a_suggestion_says_what_it_needs():
    assert ColumnSuggestion({"x": "x", "y": "y"}, "nm").needs_units is False
    assert ColumnSuggestion({"x": "x", "y": "y"}, "nm", {"z": None}).needs_units
