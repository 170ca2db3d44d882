"""Learned vectors: from what a network encodes to tables."""

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.data import Batch

from locgraph.errors import ConfigError
from locgraph.learn.vectors import FILES, Embedder, Vectors, check_kinds, vector_table, vector_tables
from locgraph.nn.cluster_encoders import ClusterMlp
from locgraph.nn.heads import LinearHead
from locgraph.nn.loc_encoders import NoEncoder
from locgraph.nn.network import Network
from locgraph.nn.readouts import Pooled
from locgraph.nn.sizes import DataSizes

NAMES = ("f14", "f15", "f16")
ALL = ("fov", "cluster", "localisation")


@pytest.fixture(scope="module")
def network(make_module):
    return make_module().network.eval()


@pytest.fixture(scope="module")
def tables(network, make_data, make_trainer):
    loader = make_data(batch_size=2).evaluation_dataloader(NAMES)
    return vector_tables(make_trainer(), Embedder(network, ALL), loader, fold=2, split="test")


def vectors(table):
    return table.select("^v_.*$").to_numpy()


@pytest.fixture(scope="module")
def alone(network, make_data):
    """What the network encodes of each FOV, one graph at a time."""
    samples = make_data().evaluation_dataloader(NAMES).dataset
    with torch.no_grad():
        return {
            name: [network.encode(Batch.from_data_list([view])) for view in samples[index].graphs]
            for index, name in enumerate(NAMES)
        }


def test_the_vector_of_a_fov_is_the_mean_over_its_views(tables, alone):
    table = tables["fov_vectors.parquet"]
    assert table["fov_id"].to_list() == list(NAMES)
    assert set(table["fold"]) == {2}
    assert set(table["split"]) == {"test"}
    expected = np.stack([np.mean([view.fovs[0].numpy() for view in alone[name]], axis=0) for name in NAMES])
    assert len(alone["f14"]) == 2
    np.testing.assert_allclose(vectors(table), expected, atol=1e-6)


def test_clusters_are_those_of_view_0_in_order(tables, alone):
    table = tables["cluster_vectors.parquet"]
    for name in NAMES:
        rows = table.filter(fov_id=name)
        assert rows["cluster_id"].to_list() == list(range(6))
        np.testing.assert_allclose(vectors(rows), alone[name][0].clusters.numpy(), atol=1e-6)


def test_localisations_are_those_of_view_0_on_the_first_level(tables, alone):
    table = tables["localisation_vectors.parquet"]
    for name in NAMES:
        rows = table.filter(fov_id=name)
        assert rows["row"].to_list() == list(range(30))
        np.testing.assert_allclose(vectors(rows), alone[name][0].levels[0].numpy(), atol=1e-6)


def test_columns_have_types_that_do_not_depend_on_content(tables):
    assert tables["localisation_vectors.parquet"].schema == {
        "fov_id": pl.String,
        "row": pl.Int64,
        "fold": pl.Int64,
        "split": pl.String,
        **{f"v_{index}": pl.Float32 for index in range(6)},
    }
    assert tables["cluster_vectors.parquet"].columns[:5] == ["fov_id", "cluster_id", "fold", "split", "v_0"]
    assert tables["fov_vectors.parquet"].width == 3 + 16


def test_rows_follow_the_fovs_whatever_their_sizes():
    parts = [torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0], [5.0, 6.0]])]
    batches = [Vectors(["b", "a"], {"cluster": parts}), Vectors(["c"], {"cluster": [torch.tensor([[7.0, 8.0]])]})]

    table = vector_table(batches, "cluster", fold=0, split="new")

    assert table.select("fov_id", "cluster_id", "v_0", "v_1").rows() == [
        ("b", 0, 1.0, 2.0),
        ("a", 0, 3.0, 4.0),
        ("a", 1, 5.0, 6.0),
        ("c", 0, 7.0, 8.0),
    ]


def test_nothing_asked_for_is_no_work(network):
    assert vector_tables(None, Embedder(network, None), None, fold=0, split="new") == {}


def test_kinds_as_they_may_be_written(network):
    assert check_kinds(network, "fov") == ("fov",)
    assert check_kinds(network, ["cluster", "fov"]) == ("cluster", "fov")
    assert check_kinds(network, []) == check_kinds(network, None) == ()
    assert tuple(FILES) == ALL


@pytest.mark.parametrize("kinds", [["fovs"], ["fov", "fov"], [None], [3]])
def test_unknown_kinds_are_refused(network, kinds):
    with pytest.raises(ConfigError, match=r"vectors: expected some of \['fov', 'cluster', 'localisation'\], each once"):
        check_kinds(network, kinds)


def test_localisations_without_an_encoder_are_refused():
    clusters_alone = Network(DataSizes(2, 2, 1, 0, 0), NoEncoder, ClusterMlp, Pooled, LinearHead)

    with pytest.raises(ConfigError, match=r"embed: localisation asks for .* NoEncoder has none; leave it out"):
        Embedder(clusters_alone, ["fov", "localisation"], setting="embed")
    assert Embedder(clusters_alone, ["fov", "cluster"]).kinds == ("fov", "cluster")
