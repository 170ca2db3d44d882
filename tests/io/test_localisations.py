"""Rows that cannot be localisations are refused and counted."""

import math

import polars as pl
import pytest

from locgraph.io.localisations import refuse_rows


def table(**columns):
    return pl.DataFrame(columns, strict=False)


def test_good_rows_stay_as_they_are():
    given = table(x=[1.0, -2.0], y=[3.0, 4.0], frame=[0, 1], photons=[0.0, 5.0])

    kept, refused = refuse_rows(given)

    assert kept.equals(given)
    assert refused == {}


def test_coordinates_must_be_finite():
    given = table(x=[1.0, math.nan, math.inf, 2.0, 3.0, None], y=[1.0, 1.0, 1.0, -math.inf, None, 1.0])

    kept, refused = refuse_rows(given)

    assert kept.rows() == [(1.0, 1.0)]
    assert refused == {"x is missing or not a finite number": 3, "y is missing or not a finite number": 2}


@pytest.mark.parametrize("name", ["photons", "precision", "precision_z", "sigma"])
def test_negative_values(name):
    kept, refused = refuse_rows(table(x=[1.0, 2.0, 3.0], y=[1.0, 2.0, 3.0], **{name: [0.0, -1.0, 1.0]}))

    assert kept["x"].to_list() == [1.0, 3.0]
    assert refused == {f"{name} is negative": 1}


def test_negative_coordinates_and_background_are_fine():
    kept, refused = refuse_rows(table(x=[-1.0], y=[-1.0], z=[-1.0], background=[-3.0]))

    assert kept.height == 1
    assert refused == {}


def test_missing_value_in_another_column():
    kept, refused = refuse_rows(table(x=[1.0, 2.0], y=[1.0, 2.0], frame=[0, None], photons=[math.nan, 1.0]))

    assert kept.is_empty()
    assert refused == {"frame is missing or not a finite number": 1, "photons is missing or not a finite number": 1}


def test_a_row_counts_once():
    kept, refused = refuse_rows(table(x=[math.nan, 1.0], y=[math.nan, 1.0], photons=[-1.0, 1.0]))

    assert kept.height == 1
    assert refused == {"x is missing or not a finite number": 1}


def test_no_rows():
    given = pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64})

    kept, refused = refuse_rows(given)

    assert kept.equals(given)
    assert refused == {}
