"""Readout beside descriptors of the FOV."""

from functools import partial

import pytest
import torch
from torch import nn

from locgraph.errors import ConfigError
from locgraph.graphs.descriptors import Covariance
from locgraph.nn.readouts.pooled import Pooled
from locgraph.nn.readouts.superclusters import SuperclusterPooled
from locgraph.nn.readouts.with_descriptors import WithDescriptors


@pytest.fixture
def batch(make_batch):
    return make_batch((6, 5, 9), (4, 3), descriptors={"covariance": Covariance()}, scales=(1.0,))


def test_side_by_side(batch, make_sizes):
    sizes = make_sizes(descriptors=2, superlevels=1)
    readout, x = WithDescriptors(3, sizes, partial(Pooled, reduce=("max",)), channels=6), torch.randn(5, 3)

    found = readout(x, batch)

    assert readout.out_channels == 9
    assert torch.equal(found[:, :3], torch.stack([x[:3].amax(dim=0), x[3:].amax(dim=0)]))
    torch.testing.assert_close(found[:, 3:], readout.describe(batch["field_of_view"].x))


def test_descriptors_of_one_fov_change_its_vector_alone(batch, make_sizes):
    readout, x = WithDescriptors(3, make_sizes(descriptors=2), Pooled), torch.randn(5, 3)
    before = readout(x, batch)
    batch["field_of_view"].x = batch["field_of_view"].x + torch.tensor([[0.0, 0.0], [1.0, 0.0]])

    after = readout(x, batch)

    torch.testing.assert_close(after[0], before[0])
    assert (after[1] - before[1]).abs().max() > 1e-3


def test_around_a_readout_that_reads_the_graph(batch, make_sizes):
    sizes = make_sizes(descriptors=2, superlevels=1)
    readout = WithDescriptors(3, sizes, partial(SuperclusterPooled, channels=4), channels=6)

    assert readout(torch.randn(5, 3), batch).shape == (2, readout.out_channels) == (2, 14)


def test_a_store_without_descriptors(make_sizes):
    message = "model/readout=with_descriptors reads descriptors .* has none; set graph/descriptors=standard"
    with pytest.raises(ConfigError, match=message):
        WithDescriptors(3, make_sizes(), Pooled)


@pytest.mark.parametrize(("changes", "message"), [({"channels": 0}, "at least 1"), ({"dropout": 1.0}, "below 1")])
def test_settings_that_cannot_work(changes, message, make_sizes):
    with pytest.raises(ConfigError, match=message):
        WithDescriptors(3, make_sizes(descriptors=2), Pooled, **changes)


def test_dropout_in_training_alone(batch, make_sizes):
    torch.manual_seed(0)
    readout, x = WithDescriptors(3, make_sizes(descriptors=2), Pooled, dropout=0.9), torch.randn(5, 3)

    assert any(isinstance(part, nn.Dropout) for part in readout.modules())
    assert not torch.equal(readout(x, batch), readout(x, batch))
    readout.eval()
    assert torch.equal(readout(x, batch), readout(x, batch))
