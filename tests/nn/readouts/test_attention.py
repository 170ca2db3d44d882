"""Readout by attention."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.readouts.attention import Attention

BATCH = torch.tensor([0, 0, 2, 2, 2])


@pytest.fixture(params=[False, True], ids=["one weight", "by channel"])
def readout(request, make_sizes):
    torch.manual_seed(0)
    return Attention(4, make_sizes(), hidden=6, by_channel=request.param)


@pytest.fixture
def x():
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


def test_weighted_sum(readout, x):
    found = readout(x, BATCH, 3)

    weights = torch.softmax(readout.weigh(x[:2]), dim=0)
    torch.testing.assert_close(found[0], (weights * x[:2]).sum(dim=0))
    assert found[1].tolist() == [0.0] * 4
    assert found.shape == (3, readout.out_channels)


def test_equal_clusters_give_their_vector(readout, x):
    torch.testing.assert_close(readout(x[:1].expand(5, -1), BATCH, 3)[2], x[0])


def test_one_cluster(readout, x):
    torch.testing.assert_close(readout(x[:1], BATCH[:1], 1), x[:1])


def test_order_of_clusters_changes_nothing(readout, x):
    order = torch.tensor([4, 0, 2, 1, 3])

    torch.testing.assert_close(readout(x[order], BATCH[order], 3), readout(x, BATCH, 3))


def test_gradients_reach_all_parameters(readout, x, check_gradients):
    # a constant added to all weights leaves the softmax as it is
    check_gradients(readout, readout(x, BATCH, 3), idle=["weigh.3.bias"])


def test_32_bits_under_autocast(readout, x, under_autocast):
    assert under_autocast(readout, x, BATCH, 3).dtype == torch.float32


def test_hidden_out_of_range(make_sizes):
    with pytest.raises(ConfigError, match="at least 1"):
        Attention(4, make_sizes(), hidden=0)
