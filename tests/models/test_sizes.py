"""Sizes are plain numbers, so that a checkpoint can hold them."""

from dataclasses import asdict

from locgraph.models.sizes import DataSizes


def test_plain_values_make_the_same_sizes():
    sizes = DataSizes(dimensions=3, n_classes=7, cluster_features=5, localisation_features=0, levels=2)

    assert DataSizes(**asdict(sizes)) == sizes
    assert all(type(value) is int for value in asdict(sizes).values())
