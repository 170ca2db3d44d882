"""The set transformer."""

import pytest
import torch
from torch import nn

from locgraph.errors import ConfigError
from locgraph.nn.readouts.set_transformer import AttentionBlock, InducedSetAttention, SetTransformer

BATCH = torch.tensor([0, 2, 0, 2, 2])
SMALL = {"channels": 8, "heads": 2, "inducing": 3}


@pytest.fixture
def x():
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def make_readout(make_sizes):
    def make(**changes):
        torch.manual_seed(0)
        return SetTransformer(4, make_sizes(), **SMALL | changes)

    return make


def test_block_agrees_with_torch():
    torch.manual_seed(0)
    block, other = AttentionBlock(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat([block.query.weight, block.key.weight, block.value.weight]))
        other.in_proj_bias.copy_(torch.cat([block.query.bias, torch.zeros(8), block.value.bias]))
        other.out_proj.weight.copy_(block.join.weight)
        other.out_proj.bias.copy_(block.join.bias)
    queries, keys = torch.randn(3, 8), torch.randn(5, 8)
    edges = torch.stack([torch.arange(5).repeat(3), torch.arange(3).repeat_interleave(5)])

    found = block(queries, keys, edges)

    heard = other(queries[None], keys[None], keys[None], need_weights=False)[0][0]
    joined = block.first(queries + heard)
    torch.testing.assert_close(found, block.second(joined + block.dense(joined)))


@pytest.mark.parametrize("changes", [{}, {"layers": 0}, {"layers": 2}, {"seeds": 3}])
def test_each_graph_is_read_alone_in_any_order(changes, make_readout, x):
    readout = make_readout(**changes)

    found = readout(x, BATCH, 3)

    assert found.shape == (3, readout.out_channels) == (3, 8 * changes.get("seeds", 1))
    for graph in (0, 2):
        part = x[graph == BATCH].flip(0)
        alone = readout(part, torch.zeros(len(part), dtype=torch.int64), 1)
        torch.testing.assert_close(found[graph], alone[0], atol=1e-5, rtol=1e-5)
    assert found[1].isfinite().all()


def test_clusters_hear_each_other_within_their_graph():
    torch.manual_seed(0)
    block, x = InducedSetAttention(8, 2, 3), torch.randn(5, 8)
    before = block(x, BATCH, 3)
    changed = x.clone()
    changed[0] += 2.0

    after = block(changed, BATCH, 3)

    torch.testing.assert_close(after[[1, 3, 4]], before[[1, 3, 4]])
    assert (after[2] - before[2]).abs().max() > 1e-3


@pytest.mark.parametrize("changes", [{"layers": 2}, {"layers": 0}, {"seeds": 3}])
def test_gradients_reach_all_parameters(changes, make_readout, x, check_gradients):
    readout = make_readout(**changes)

    check_gradients(readout, readout(x, BATCH, 3))


def test_large_values_under_autocast(make_readout, x, under_autocast):
    readout = make_readout()

    found = under_autocast(readout, x * 1e4, BATCH, 3)

    assert found.dtype == torch.float32
    assert found.isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "heads=3, channels=8, layers=1"),
        ({"heads": 0}, "heads=0"),
        ({"layers": -1}, "layers=-1"),
        ({"seeds": 0}, "channels, inducing and seeds must be one or more numbers, each at least 1"),
        ({"inducing": 0}, "channels, inducing and seeds"),
    ],
)
def test_numbers_out_of_range(changes, message, make_readout):
    with pytest.raises(ConfigError, match=message):
        make_readout(**changes)
