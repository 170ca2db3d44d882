"""FOVs far from the rest are named with what is far about them; ordinary ones are not."""

import numpy as np
import polars as pl
import pytest

from locgraph.preparation.outliers import describe_outliers, find_outliers, measure_fov


def manifest(n=30, spread=0.2, precision=10.0, seed=0):
    """FOVs of about 340 localisations, 100 nm in extent."""
    rng = np.random.default_rng(seed)

    def around(middle):
        return middle * np.exp(rng.normal(0, spread, n))

    return pl.DataFrame(
        {
            "fov_id": [f"f{index:02d}" for index in range(n)],
            "dimensions": [2] * n,
            "n_localisations": around(340).astype(int),
            "extent": around(100.0),
            "precision": pl.Series([None] * n if precision is None else around(precision), dtype=pl.Float64),
        }
    )


def changed(table, row, **values):
    return table.with_columns(
        pl.when(pl.col("fov_id") == row).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


@pytest.mark.parametrize("spread", [0.0, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(5))
def test_ordinary_fovs_are_not_named(spread, seed):
    assert find_outliers(manifest(100, spread, seed=seed)) == []


@pytest.mark.parametrize(
    ("values", "measures"),
    [
        ({"n_localisations": 200_000}, {"localisations", "density"}),
        ({"n_localisations": 200_000, "extent": 2400.0}, {"localisations", "extent"}),
        ({"n_localisations": 4}, {"localisations", "density"}),
        ({"extent": 1e6}, {"extent", "density"}),
        ({"precision": 1000.0}, {"precision"}),
    ],
)
def test_one_far_fov_is_named_with_what_is_far(values, measures):
    outliers = find_outliers(changed(manifest(), "f07", **values))

    assert {outlier.fov_id for outlier in outliers} == {"f07"}
    assert {outlier.measure for outlier in outliers} == measures
    assert [abs(outlier.z) for outlier in outliers] == sorted((abs(outlier.z) for outlier in outliers), reverse=True)


def test_score_by_hand():
    counts = [90, 95, 98, 99, 100, 101, 102, 105, 110, 5000]
    table = manifest(10, 0.0, None).with_columns(pl.Series("n_localisations", counts))

    (outlier, _) = find_outliers(table)  # the other one is of its density

    x = np.log(counts)
    deviation = 1.4826 * np.median(np.abs(x - np.median(x)))
    assert deviation < np.log(1.3)  # so the least spread counts
    assert outlier.factor == pytest.approx(5000 / np.sqrt(100 * 101))
    assert outlier.z == pytest.approx(np.log(outlier.factor) / np.log(1.3))


def test_a_wide_spread_is_taken_as_it_is():
    """Where FOVs differ a hundredfold, twentyfold is no outlier, and ten thousandfold is."""
    table = manifest(40, 1.5)
    median = table["n_localisations"].median()

    assert find_outliers(changed(table, "f00", n_localisations=int(20 * median))) == []
    assert find_outliers(changed(table, "f00", n_localisations=int(1e4 * median)))[0].measure == "localisations"


@pytest.mark.parametrize("factor", [1 / 3.6, 3.6])
def test_nothing_within_a_factor_of_3_7_is_named(factor):
    table = manifest(20, 0.0, None)

    assert find_outliers(changed(table, "f00", n_localisations=int(340 * factor))) == []


def test_few_fovs_and_unknown_values():
    assert find_outliers(changed(manifest(7), "f00", n_localisations=10**6)) == []
    unknown = manifest().with_columns(
        pl.lit(None, pl.Float64).alias("extent"), pl.lit(None, pl.Int64).alias("dimensions")
    )
    assert find_outliers(unknown) == []
    assert find_outliers(manifest().clear()) == []


def test_the_warning_names_them_and_what_to_do():
    table = manifest()
    for index in range(7):
        table = changed(table, f"f{index:02d}", n_localisations=200_000 + index, extent=2500.0)

    (warning,) = describe_outliers(table)

    assert warning.startswith("7 FOVs are far from the rest of 30: f06: 200,006 localisations, 14% of all (")
    assert "times above the median), an extent of 2,500 nm (" in warning
    assert "; and 2 more. " in warning
    assert "preprocess=[region]" in warning
    assert "limits.max_localisations" in warning
    assert describe_outliers(manifest()) == ()


def test_measures_of_a_fov():
    locs = pl.DataFrame(
        {
            "x": [0.0, 0.0, 6.0, 6.0, 1e9],
            "y": [0.0, 8.0, 0.0, 8.0, 0.0],
            "z": [1.0] * 5,
            "cluster_id": [0, 0, 1, 1, -1],
            "precision": [1.0, 2.0, 4.0, 9.0, 1e6],
        }
    )

    for dimensions in (2, 3):
        assert measure_fov(locs, dimensions) == {"extent": 5.0, "precision": 3.0}
    assert measure_fov(locs.drop("precision"), 2) == {"extent": 5.0}
    assert measure_fov(locs.filter(pl.col("cluster_id") < 0), 2) == {"extent": 0.0}
