"""The linear head, and voting with it."""

from functools import partial

import pytest
import torch

from locgraph.nn.cluster_encoders.mlp import ClusterMlp
from locgraph.nn.heads.linear import LinearHead
from locgraph.nn.loc_encoders.deep_sets import DeepSets
from locgraph.nn.network import Network
from locgraph.nn.readouts.pooled import Pooled


@pytest.mark.parametrize("n", [0, 1, 5])
def test_logits_of_each_class(n, make_sizes):
    head, x = LinearHead(4, make_sizes(n_classes=7)), torch.randn(n, 4)

    found = head(x)

    torch.testing.assert_close(found, x @ head.layers[0].weight.T + head.layers[0].bias)
    assert found.shape == (n, 7)


def test_after_the_mean_each_cluster_votes(make_sizes, make_batch):
    parts = DeepSets, partial(ClusterMlp, channels=8), partial(Pooled, reduce=("mean",))
    network, batch = Network(make_sizes(), *parts, LinearHead, cluster_features=False), make_batch((6, 5, 9), (4, 3))

    votes = network.head(network.encode(batch).clusters)

    torch.testing.assert_close(network(batch), torch.stack([votes[:3].mean(dim=0), votes[3:].mean(dim=0)]))


def test_32_bits_under_autocast(make_sizes, under_autocast):
    assert under_autocast(LinearHead(4, make_sizes()), torch.randn(2, 4)).dtype == torch.float32
