"""The heterogeneous transformer; what holds for all encoders is in test_contract.py."""

import pytest
import torch

from locgraph.nn.cluster_encoders.hgt import plan_relations

NEAR = ("cluster", "near", "cluster")
LOCALISATION_NEAR = ("localisation", "near", "localisation")
IN = ("localisation", "in", "cluster")
REV_IN = ("cluster", "rev_in", "localisation")


@pytest.fixture
def make_encoder(make_part, make_sizes):
    def make(in_channels=2, dimensions=2, features=2, levels=3, superlevels=2, **changes):
        sizes = make_sizes(dimensions, features, levels=levels, superlevels=superlevels)
        return make_part("cluster_encoder", "hgt", {"in_channels": in_channels, "sizes": sizes}, **changes)

    return make


@pytest.fixture
def batch(make_batch):
    return make_batch(scales=(0.5, 2.0))


def test_the_last_layer_computes_what_clusters_hear_alone():
    plan = plan_relations([NEAR, LOCALISATION_NEAR, IN], 3)

    assert plan == [[NEAR, LOCALISATION_NEAR, IN, REV_IN], [NEAR, LOCALISATION_NEAR, IN, REV_IN], [NEAR, IN]]


def test_what_cannot_reach_the_clusters_in_time_is_left_out(make_encoder):
    # localisations two levels up need two steps to a cluster at most, superclusters of the second scale two
    assert sorted(make_encoder(layers=1).starts) == [
        "cluster",
        "localisation",
        *(f"localisation_{index}" for index in (1, 2)),
        "supercluster",
    ]
    assert "supercluster_1" in make_encoder(layers=2).starts


def test_clusters_alone(make_encoder, make_batch):
    encoder, batch = make_encoder(levels=0, superlevels=0), make_batch()
    for node_type in ("localisation", "localisation_1", "localisation_2"):
        del batch[node_type]

    assert list(encoder.starts) == ["cluster"]
    assert encoder(batch["cluster"].x, batch).shape == (7, 8)


def test_every_node_type_and_feature_is_read(make_encoder, batch):
    encoder = make_encoder()
    before = encoder(batch["cluster"].x, batch)
    for node_type in batch.node_types:
        for name in ("pos", "x"):
            if name in batch[node_type] and (node_type, name) != ("cluster", "x"):
                changed = batch.clone()
                changed[node_type][name] = (
                    batch[node_type][name] * torch.linspace(1, 3, batch[node_type].num_nodes)[:, None]
                )
                after = encoder(batch["cluster"].x, changed)
                assert (after - before).abs().max() > 1e-5, (node_type, name)


def test_features_of_clusters_are_those_handed_over(make_encoder, batch):
    encoder = make_encoder(in_channels=3)
    x = torch.randn(7, 3)
    before = encoder(x, batch)
    batch["cluster"].x = batch["cluster"].x + 1.0

    assert torch.equal(encoder(x, batch), before)
    assert (encoder(x + 1.0, batch) - before).abs().max() > 1e-3


@pytest.mark.parametrize("dimensions", [2, 3])
def test_localisations_without_features(dimensions, make_encoder, make_batch, check_gradients):
    batch = make_batch((16, 15, 19), (18, 14), dimensions=dimensions, features=0, scales=(0.5, 2.0))
    encoder = make_encoder(0, dimensions, features=0)

    check_gradients(encoder, encoder(batch["cluster"].x, batch))


def test_order_of_localisations_changes_nothing(make_encoder, batch, reorder):
    encoder = make_encoder()
    before = encoder(batch["cluster"].x, batch)
    for level in ("localisation", "localisation_1"):
        generator = torch.Generator().manual_seed(1)
        reorder(batch, level, torch.randperm(batch[level].num_nodes, generator=generator))

    torch.testing.assert_close(encoder(batch["cluster"].x, batch), before, atol=1e-5, rtol=1e-5)
