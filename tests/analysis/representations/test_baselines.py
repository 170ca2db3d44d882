"""Representations that need no training: their units, their numbers, what they do not depend on."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from builders.drawn_objects import turn
from builders.fovs import write_tables
from locgraph import schema
from locgraph.analysis.representations.baselines import BASELINES, hand_made, pair_distances
from locgraph.errors import DataError

RNG = np.random.default_rng(3)
CLOUDS = {name: RNG.normal(size=(40, 2)) * 30.0 for name in "abc"}
FOVS = pl.DataFrame({"fov_id": list("abc"), "label": ["x", None, "y"], "group": [None] * 3})


@pytest.fixture(scope="module")
def tables(tmp_path_factory) -> Path:
    """Three FOVs with four clusters of ten localisations each."""
    return write_tables(tmp_path_factory.mktemp("tables"), CLOUDS)


@pytest.mark.parametrize("name", BASELINES)
def test_one_row_for_each_unit(name, tables):
    fovs, columns = BASELINES[name](tables, FOVS, schema.FOV)
    clusters, of_clusters = BASELINES[name](tables, FOVS, schema.CLUSTER)

    assert fovs["fov_id"].to_list() == list("abc")
    assert clusters.select("fov_id", "cluster_id").rows() == [(name, index) for name in "abc" for index in range(4)]
    assert fovs.columns == ["fov_id", *columns]
    assert clusters.columns == ["fov_id", "cluster_id", *of_clusters]


def test_hand_made_features_are_those_of_the_tables(tables):
    table, columns = hand_made(tables, FOVS, schema.CLUSTER)

    assert columns == ["count", "radius"]
    assert table["count"].to_list() == [10.0] * 12
    expected = [np.sqrt(CLOUDS[name][10 * i : 10 * i + 10].var(axis=0).sum()) for name in "abc" for i in range(4)]
    np.testing.assert_allclose(table["radius"], expected)


@pytest.mark.parametrize("unit", [schema.FOV, schema.CLUSTER])
def test_pair_distances_do_not_change_with_rotation(unit, tables, tmp_path):
    turned = write_tables(tmp_path, {name: cloud @ turn(70.0).T for name, cloud in CLOUDS.items()})

    before, names = pair_distances(tables, FOVS, unit)
    after, _ = pair_distances(turned, FOVS, unit)

    np.testing.assert_allclose(before.select(names), after.select(names), atol=1e-6)
    histograms = before.select(pl.col("^pairs_.*$")).to_numpy()
    np.testing.assert_allclose(histograms.sum(axis=1), 1.0)


def test_a_fov_without_its_tables(tables):
    with pytest.raises(DataError, match="absent"):
        hand_made(tables, pl.DataFrame({"fov_id": ["absent"], "label": [None], "group": [None]}), schema.FOV)
