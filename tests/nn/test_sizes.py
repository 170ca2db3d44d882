"""Sizes are plain numbers, so that a checkpoint can hold them."""

from dataclasses import asdict

import pytest

from locgraph.graphs.descriptors import Covariance
from locgraph.nn.sizes import DataSizes, HeadSizes


def test_plain_values_make_the_same_sizes():
    sizes = DataSizes(
        dimensions=3,
        n_classes=7,
        cluster_features=5,
        localisation_features=0,
        levels=2,
        supercluster_features=3,
        superlevels=1,
        descriptors=9,
        localisation_classes=2,
    )

    assert DataSizes(**asdict(sizes)) == sizes
    assert all(type(value) is int for value in asdict(sizes).values())


def test_sizes_of_a_head_are_those_of_the_data_and_of_vectors(make_sizes):
    sizes = make_sizes(descriptors=4, localisation_classes=2)

    found = HeadSizes.of(sizes, 8, [5, 6])

    assert (found.cluster_channels, found.level_channels) == (8, (5, 6))
    assert {name: getattr(found, name) for name in asdict(sizes)} == asdict(sizes)


@pytest.mark.parametrize("scales", [(), (0.5,), (0.5, 2.0)])
@pytest.mark.parametrize("descriptors", [None, {"covariance": Covariance()}])
def test_types_are_those_of_the_graphs(scales, descriptors, make_graph, make_sizes):
    graph = make_graph(scales=scales, descriptors=descriptors)
    sizes = make_sizes(superlevels=len(scales), descriptors=2 if descriptors else 0)

    assert sorted(sizes.node_types()) == sorted(graph.node_types)
    assert sorted(sizes.edge_types()) == sorted(graph.edge_types)
    for name, size in sizes.node_types().items():
        assert size == (graph[name].x.shape[1] if "x" in graph[name] else 0)


def test_types_without_localisations(make_sizes):
    sizes = make_sizes(levels=0)

    assert list(sizes.node_types()) == ["cluster"]
    assert sizes.edge_types() == [("cluster", "near", "cluster")]
