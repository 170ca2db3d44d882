"""Reading view 0 of prepared tables."""

import polars as pl
import pytest

from locgraph.analysis.whole_fovs import cluster_features, whole_fovs
from locgraph.errors import DataError
from locgraph.io.featextracted import ExtractedFov, write_fov


@pytest.fixture
def tables(tmp_path):
    locs = pl.DataFrame(
        {"view": [0, 0, 0, 1], "cluster_id": [-1, 0, 0, 0], "x": [9.0, 1.0, 2.0, 5.0], "y": [9.0, 1.0, 2.0, 5.0]}
    )
    clusters = pl.DataFrame(
        {"view": [0, 1], "cluster_id": [0, 0], "x_mean": [1.5, 5.0], "y_mean": [1.5, 5.0], "count": [2, 1]}
    ).with_columns(note=pl.lit("a"))
    for name in ("b", "deep/a"):
        write_fov(tmp_path, ExtractedFov(name, locs, clusters, 2, None, (), None))
    return tmp_path


def test_the_whole_fov_and_what_lies_in_clusters(tables):
    first, second = whole_fovs(tables, ["deep/a", "b"])

    assert (first.fov_id, second.fov_id) == ("deep/a", "b")
    assert first.locs["x"].to_list() == [1.0, 2.0]
    assert first.clusters["count"].to_list() == [2]
    assert cluster_features(first.clusters) == ["count"]


def test_an_absent_fov_is_named(tables):
    with pytest.raises(DataError, match="c: expected its locs"):
        list(whole_fovs(tables, ["c"]))
