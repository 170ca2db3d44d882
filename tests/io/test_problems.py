"""Possible faults of localisations."""

import numpy as np
import polars as pl
import pytest

from locgraph.io.columns import ColumnMap
from locgraph.io.localisations import refuse_rows
from locgraph.io.problems import find_problems

NM = ColumnMap({"x": "x", "y": "y"}, unit="nm")
PX = ColumnMap({"x": "x", "y": "y"}, unit="px", pixel_size_nm=100.0)


def good(n=1000):
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "x": rng.uniform(0, 4e4, n),
            "y": rng.uniform(0, 4e4, n),
            "frame": np.arange(n),
            "photons": rng.uniform(100, 2000, n),
            "precision": rng.uniform(4, 20, n),
            "sigma": rng.normal(130, 10, n),
            "channel": np.zeros(n, dtype=np.int64),
        }
    )


def problems(table, chosen=NM, limit=0.05):
    kept, refused = refuse_rows(table)
    return find_problems(table, kept, refused, chosen, limit)


def test_good_localisations_have_none():
    assert problems(good()) == []


def test_an_empty_file():
    assert problems(good().clear()) == ["no rows: the file holds a header alone"]


def test_too_many_refused_rows():
    table = good().with_columns(photons=pl.when(pl.col("frame") < 60).then(-1.0).otherwise(pl.col("photons")))

    (message,) = problems(table)

    assert message.startswith("60 of 1,000 rows are refused, more than max_refused_fraction=0.05 allows")
    assert problems(table, limit=0.06) == []


def test_no_row_left():
    (message,) = problems(good().with_columns(x=pl.lit(None, pl.Float64)), limit=1.0)

    assert message.startswith("1,000 of 1,000 rows are refused")


def test_one_localisation():
    assert problems(good(1)) == ["1 localisation alone"]


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (1e-6, "x spans 0.04 nm only: this looks like camera pixels or another unit"),
        (1e3, "x spans 40 mm, more than a FOV can: check unit, and single rows far away"),
    ],
)
def test_an_extent_that_no_fov_has(factor, words):
    message = problems(good().with_columns(pl.col("x", "y") * factor))

    assert any(problem.startswith(words) for problem in message), message


def test_a_depth_that_no_focus_has():
    # jungmannlab/picasso issues 436 and 494: z in nm was multiplied by the size of a pixel once more
    depth = np.linspace(-300, 300, 1000)
    assert problems(good().with_columns(z=pl.Series(depth))) == []

    (message,) = problems(good().with_columns(z=pl.Series(130 * depth)))
    assert message.startswith("z spans 78 µm, deeper than one focus reaches: check its unit")


def test_a_narrow_point_spread_function_looks_like_pixels():
    table = good().with_columns(pl.col("x", "y", "sigma") / 100)

    (message,) = problems(table)

    assert message.startswith("sigma has a median of 1.3 nm, where a point-spread function has about 100 nm")
    assert "pixel_size_nm" in message
    assert problems(table, PX) == [], "lengths that come from pixels are no longer in pixels"


def test_crowded_localisations_look_like_pixels():
    table = good(300_000).select("frame", pl.col("x", "y") / 100)

    (message,) = problems(table)

    assert message.startswith("300,000 localisations in 400 x 400 nm, more than one for each nm²")


def test_a_constant_column():
    table = good().with_columns(photons=pl.lit(1000.0))

    assert problems(table) == ["photons is 1000 in every row: it holds no information"]


def test_a_precision_of_zero():
    table = good().with_columns(precision=pl.when(pl.col("frame") < 3).then(0.0).otherwise(pl.col("precision")))

    assert problems(table)[0].startswith("precision is 0 in 3 rows, which no fit gives")


def test_repeated_localisations():
    table = good()

    (message,) = problems(pl.concat([table, table.head(7)]))

    assert message.startswith("7 localisations are repeated (x, y, frame, channel the same)")
    moved = table.head(7).with_columns(pl.col("frame") + 1000)
    assert problems(pl.concat([table, moved])) == [], "one site in several frames is no repeat"


def test_without_frames():
    assert problems(good().drop("frame"))[0].startswith("no frames: blinking cannot be merged or measured")


def test_a_flat_z_is_told_as_a_note_instead():
    assert problems(good().with_columns(z=pl.lit(0.0))) == []


def test_classes_of_localisations_may_be_text():
    assert problems(good().with_columns(loc_label=pl.lit("bound"))) == []
