"""Readout by reductions."""

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.readouts.pooled import Pooled

X = torch.tensor([[1.0, -2.0], [3.0, -4.0], [-5.0, 7.0]])
BATCH = torch.tensor([0, 0, 2])
EXPECTED = {
    "max": [[3.0, -2.0], [0.0, 0.0], [-5.0, 7.0]],
    "mean": [[2.0, -3.0], [0.0, 0.0], [-5.0, 7.0]],
    "sum": [[4.0, -6.0], [0.0, 0.0], [-5.0, 7.0]],
}


@pytest.mark.parametrize("reduce", [["max"], ["mean"], ["sum"], ["mean", "max"], ["sum", "max", "mean"]])
def test_reductions_side_by_side(reduce, make_sizes):
    readout = Pooled(2, make_sizes(), reduce)

    expected = torch.cat([torch.tensor(EXPECTED[name]) for name in reduce], dim=1)
    assert torch.equal(readout(X, BATCH, 3), expected)
    assert readout.out_channels == expected.shape[1]


@pytest.mark.parametrize("reduce", [["max"], ["mean"], ["sum"]])
def test_order_of_clusters_changes_nothing(reduce, make_sizes):
    readout, order = Pooled(2, make_sizes(), reduce), torch.tensor([2, 1, 0])

    torch.testing.assert_close(readout(X[order], BATCH[order], 3), readout(X, BATCH, 3))


def test_32_bits_under_autocast(under_autocast, make_sizes):
    assert under_autocast(Pooled(2, make_sizes(), ["max", "mean"]), X.bfloat16(), BATCH, 3).dtype == torch.float32


@pytest.mark.parametrize("reduce", [[], ["max", "median"]])
def test_reduction_that_does_not_exist(reduce, make_sizes):
    with pytest.raises(ConfigError, match=r"model.readout.reduce must be some of max, mean, sum, found \["):
        Pooled(2, make_sizes(), reduce)
