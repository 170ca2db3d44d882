"""Every localisation encoder with every cluster encoder: they run, and training moves both."""

from functools import partial

import pytest
import torch

from locgraph.cli.app import config_dir
from locgraph.nn.heads.classify import ClassifyFov
from locgraph.nn.network import Network
from locgraph.nn.readouts.pooled import Pooled

NAMES = {
    kind: sorted(path.stem for path in (config_dir() / "model" / kind).glob("*.yaml"))
    for kind in ("loc_encoder", "cluster_encoder")
}


@pytest.fixture
def make_network(make_part, make_sizes):
    def make(loc_encoder, cluster_encoder, cluster_features=True):
        def part(kind, name):
            return lambda **numbers: make_part(kind, name, numbers)

        parts = part("loc_encoder", loc_encoder), part("cluster_encoder", cluster_encoder)
        head = partial(ClassifyFov, hidden=8)
        return Network(
            make_sizes(superlevels=2), *parts, partial(Pooled, reduce=("mean", "max")), head, cluster_features
        )

    return make


every_pair = pytest.mark.parametrize(
    ("loc_encoder", "cluster_encoder"),
    [(first, second) for first in NAMES["loc_encoder"] for second in NAMES["cluster_encoder"]],
)


@every_pair
@pytest.mark.parametrize("cluster_features", [True, False])
def test_a_step_of_training(loc_encoder, cluster_encoder, cluster_features, make_network, make_batch):
    network = make_network(loc_encoder, cluster_encoder, cluster_features)
    batch = make_batch(scales=(0.5, 2.0))

    logits = network(batch)
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 2])).backward()

    assert logits.shape == (2, 3)
    for part in (network.loc_encoder, network.cluster_encoder, network.head):
        gradients = [parameter.grad for parameter in part.parameters()]
        assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients)
        assert not gradients or max(gradient.abs().max() for gradient in gradients) > 0


@every_pair
def test_hand_made_features_are_joined_where_wanted(loc_encoder, cluster_encoder, make_network, make_batch):
    batch = make_batch(scales=(0.5, 2.0))
    changed = batch.clone()
    changed["cluster"].x = batch["cluster"].x + 1.0

    for wanted in (True, False):
        network = make_network(loc_encoder, cluster_encoder, wanted)
        with torch.no_grad():
            assert torch.equal(network(changed), network(batch)) is not wanted
