"""locgraph's own tables, by the units in their metadata."""

import json

import polars as pl
import pytest

from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.canonical import recognise
from locgraph.io.read import read_localisations


def told(**units):
    return {"units": json.dumps(units)}


def test_names_and_units_are_taken():
    layout = recognise(["x", "y", "photons", "view", "other"], told(x="um", y="um", photons="photons", view="1"))

    assert layout.software == "locgraph"
    assert layout.names == {"x": "x", "y": "y", "photons": "photons"}
    assert layout.units == {"x": "um", "y": "um"}


def test_a_column_without_a_unit_is_not_taken():
    assert recognise(["x", "y", "z"], told(x="nm", y="nm")).names == {"x": "x", "y": "y"}


@pytest.mark.parametrize(
    "metadata", [{}, {"units": "nm"}, {"units": "[1]"}, told(x="nm"), {"units": "[" * 100_000}, told(a="nm", b="nm")]
)
def test_other_tables(metadata):
    assert recognise(["x", "y"], metadata) is None


def test_a_table_in_micrometres(tmp_path):
    path = tmp_path / "a.parquet"
    units = {"x": "um", "y": "nm", "z": "um", "photons": "photons", "frame": "frames"}
    table = pl.DataFrame({"x": [1.5], "y": [2.0], "z": [0.25], "photons": [700.0], "frame": [4]})
    table.write_parquet(path, metadata={"units": json.dumps(units)})

    found = read_localisations(path, FileColumns(), 0.0)

    assert found.table.row(0, named=True) == {"x": 1500.0, "y": 2.0, "z": 250.0, "frame": 0, "photons": 700.0}
