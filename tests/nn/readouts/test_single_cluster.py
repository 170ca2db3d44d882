"""Readout of point clouds."""

import pytest
import torch

from locgraph.errors import DataError
from locgraph.nn.readouts.single_cluster import SingleCluster


def test_the_vector_of_the_cluster(make_sizes):
    x = torch.randn(2, 3)

    found = SingleCluster(3, make_sizes())(x, torch.tensor([0, 2]), 3)

    assert torch.equal(found, torch.stack([x[0], torch.zeros(3), x[1]]))


def test_several_clusters_are_refused(make_sizes):
    message = "expected FOVs that are one cluster, found one of 3; prepare them with clustering=one"
    with pytest.raises(DataError, match=message):
        SingleCluster(3, make_sizes())(torch.randn(4, 3), torch.tensor([0, 1, 1, 1]), 2)
