"""The head of FOVs and localisations at once."""

from functools import partial

import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.cluster_encoders.continuous_filter import ContinuousFilter
from locgraph.nn.heads.both import Both
from locgraph.nn.heads.classify import ClassifyFov
from locgraph.nn.heads.segment import SegmentLocalisations
from locgraph.nn.loc_encoders.deep_sets import DeepSets
from locgraph.nn.network import Network
from locgraph.nn.readouts.pooled import Pooled

FOV, LOCALISATION = partial(ClassifyFov, hidden=8), partial(SegmentLocalisations, channels=8)
BOTH = partial(Both, fov=FOV, localisation=LOCALISATION)


@pytest.fixture
def make_network(make_sizes):
    def make(head=BOTH, **changes):
        torch.manual_seed(0)
        sizes = make_sizes(**{"localisation_classes": 4} | changes)
        return Network(sizes, DeepSets, partial(ContinuousFilter, channels=8), Pooled, head)

    return make


@pytest.mark.parametrize("sizes", [((6, 5, 9), (4,)), ((1,),), ((7,),)], ids=["two", "one localisation", "one cluster"])
def test_logits_of_both(sizes, make_network, make_batch):
    network, batch = make_network(), make_batch(*sizes)

    found = network.logits(batch)

    assert network.predicts == ("field_of_view", "localisation")
    assert found["field_of_view"].shape == (len(sizes), 3)
    assert found["localisation"].shape == (sum(map(sum, sizes)), 4)
    assert torch.equal(network(batch), found["field_of_view"])


def test_each_is_what_its_head_says(make_network, make_batch):
    network, batch = make_network(), make_batch()
    encoded = network.encode(batch)

    found = network.logits(batch)

    torch.testing.assert_close(found["field_of_view"], network.head.fov(network.embed(batch)))
    torch.testing.assert_close(found["localisation"], network.head.localisation(encoded)["localisation"])


def test_gradients_reach_all_parameters(make_network, make_batch, check_gradients):
    network = make_network()

    found = network.logits(make_batch((16, 15, 19, 17), (18, 14, 13)))

    check_gradients(network, torch.cat([logits.flatten() for logits in found.values()]))


def test_32_bits_under_autocast(make_network, make_batch, under_autocast):
    found = under_autocast(make_network().logits, make_batch())

    assert {logits.dtype for logits in found.values()} == {torch.float32}


def test_localisations_without_classes(make_network):
    with pytest.raises(ConfigError, match="which have none in these data"):
        make_network(localisation_classes=0)
