"""What holds for every explainer and every model of configs/model."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from locgraph.api.config import config_dir
from locgraph.errors import ConfigError
from locgraph.explain.attention import Attention
from locgraph.explain.baselines import Displacement, Occlusion, RandomScores
from locgraph.explain.gnn_explainer import GNNExplainer
from locgraph.explain.gradients import ExpectedGradients, IntegratedGradients, Saliency
from locgraph.explain.pg_explainer import PGExplainer
from locgraph.explain.shapley import Shapley
from locgraph.explain.subgraphx import SubgraphX

EXPLAINERS = {
    "saliency": lambda: Saliency(),
    "integrated_gradients": lambda: IntegratedGradients(steps=3),
    "expected_gradients": lambda: ExpectedGradients(steps=2),
    "attention": lambda: Attention(),
    "gnn_explainer": lambda: GNNExplainer(steps=2),
    "pg_explainer": lambda: PGExplainer(epochs=1),
}


EXPECTED = ExpectedGradients(steps=4)


def names(kind):
    return sorted(path.stem for path in (config_dir() / "model" / kind).glob("*.yaml"))


SINGLE = {path.stem for path in (config_dir() / "model").glob("loconly*.yaml")} | {"pointcloud", "single_cluster"}

CASES = [
    *((name,) for name in names("")),
    *(("invariantnet", f"model/cluster_encoder={name}") for name in names("cluster_encoder")),
    *(("clusternet", f"model/readout={name}") for name in names("readout")),
    ("clusternet", "model/loc_encoder=deep_sets"),
    ("locclusternet", "model/head=both"),
    *((name, "model.cluster_features=false") for name in ("clusternet", "clustermlp", "invariantnet", "hgt")),
]

RANDOM = {
    "occlusion": Occlusion,
    "displacement": lambda: Displacement(places=2),
    "shapley": lambda: Shapley(pairs=2),
    "subgraphx": lambda: SubgraphX(max_clusters=2, rollouts=2),
    "random": RandomScores,
}
"""Explainers that treat the network as a function of its input; the others look into it."""
every_explainer = pytest.mark.parametrize("explainer", [make() for make in EXPLAINERS.values()], ids=EXPLAINERS)


def is_single(overrides):
    return bool(SINGLE & {override.rpartition("=")[2] for override in overrides})


def fits(explainer, network):
    """Whether an explainer takes a network."""
    try:
        explainer.check(network)
    except ConfigError:
        return False
    return True


def fit_and_explain(explainer, network, example):
    if explainer.trained:
        explainer.fit(network, [example], torch.Generator().manual_seed(1))
    return explainer.explain(network, example, torch.Generator().manual_seed(2))


def check_scores(found, example):
    graph = example.graph
    sizes = {
        "clusters": graph["cluster"].num_nodes,
        "localisations": graph["localisation"].num_nodes,
        "edges": graph["cluster", "near", "cluster"].num_edges,
        "features": graph["cluster"].x.shape[1],
    }
    assert found.clusters is not None
    for name, size in sizes.items():
        scores = getattr(found, name)
        if scores is not None:
            assert scores.shape == (size,), name
            assert scores.dtype == torch.float32, name
            assert scores.isfinite().all(), name
            assert not scores.requires_grad, name


def state(network):
    """All that may be left changed in a network."""
    parameters = [(each.requires_grad, each.grad, each.detach().clone()) for each in network.parameters()]
    return [
        ([module.training for module in network.modules()], parameters),
        [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()],
    ]


@pytest.mark.parametrize("overrides", CASES, ids=" ".join)
@every_explainer
def test_scores_of_every_model(explainer, overrides, make_network, make_full_example):
    network = make_network(*overrides)
    if not fits(explainer, network):
        refused = {"Attention", "PGExplainer"}
        assert type(explainer).__name__ in refused
        return
    example = make_full_example(sizes=(9,) if is_single(overrides) else (6, 1, 5))

    if isinstance(explainer, PGExplainer) and is_single(overrides):
        with pytest.raises(ConfigError, match="prepare graphs with more cluster edges"):
            fit_and_explain(explainer, network, example)
        return
    found = fit_and_explain(explainer, network, example)

    check_scores(found, example)


@pytest.mark.parametrize("overrides", [("locclusternet",), ("hgt",), ("invariantnet",), ("clustermlp",)], ids=" ".join)
@every_explainer
def test_three_dimensions(explainer, overrides, make_network, make_full_example):
    network, example = make_network(*overrides, dimensions=3), make_full_example(sizes=(6, 1, 5), dimensions=3)

    if fits(explainer, network):
        check_scores(fit_and_explain(explainer, network, example), example)


@pytest.mark.parametrize("sizes", [(1,), (4, 5)], ids=str)
@pytest.mark.parametrize("features", [0, 2])
@pytest.mark.parametrize("overrides", [("locclusternet",), ("hgt",), ("invariantnet",), ("clustermlp",)], ids=" ".join)
@every_explainer
def test_one_cluster_no_edges_no_features(explainer, overrides, features, sizes, make_network, make_full_example):
    network, example = (
        make_network(*overrides, features=features),
        make_full_example(sizes=sizes, features=features, edges=False),
    )
    if not fits(explainer, network):
        return
    if explainer.trained:
        generator = torch.Generator().manual_seed(1)
        explainer.fit(network, [make_full_example(sizes=(4, 5, 6), features=features)], generator)

    found = explainer.explain(network, example, torch.Generator().manual_seed(2))

    check_scores(found, example)
    assert features or found.features is None


@pytest.mark.parametrize("overrides", [("locclusternet", "model/readout=attention"), ("hgt",)], ids=" ".join)
@every_explainer
def test_the_network_comes_back_as_it_was(explainer, overrides, make_network, make_full_example):
    network, example = make_network(*overrides).train(), make_full_example(sizes=(6, 1, 5))
    network.head.eval()
    next(network.readout.parameters(), next(network.parameters())).requires_grad_(False)
    before, graph_before = state(network), example.graph.clone()

    with torch.no_grad():
        fit_and_explain(explainer, network, example)

    (modes, parameters), hooks = state(network)
    assert modes == before[0][0]
    assert hooks == before[1]
    for (wanted, gradient, value), (wanted_before, gradient_before, value_before) in zip(
        parameters, before[0][1], strict=True
    ):
        assert wanted is wanted_before
        assert gradient is gradient_before is None
        assert torch.equal(value, value_before)
    for name in graph_before.node_types:
        assert torch.equal(example.graph[name].pos, graph_before[name].pos)
        assert not example.graph[name].pos.requires_grad


@pytest.mark.parametrize("name", [*EXPLAINERS, *RANDOM])
def test_same_seed_same_scores(name, make_network, make_full_example):
    network, example = make_network("locclusternet"), make_full_example(sizes=(6, 1, 5))

    first, again = (fit_and_explain((EXPLAINERS | RANDOM)[name](), network, example) for _ in range(2))

    for level in ("clusters", "localisations", "edges", "features", "subgraph"):
        one, other = getattr(first, level), getattr(again, level)
        assert (one is None and other is None) or torch.equal(one, other), level


@pytest.mark.parametrize("explainer", [PGExplainer(epochs=1), GNNExplainer(2), Shapley(2), SubgraphX(rollouts=2)])
def test_another_seed_gives_other_scores(explainer, make_network, make_example, generator):
    network, example = make_network("clusternet", superlevels=0), make_example(12)
    explainer.fit(network, [example], generator(0))

    scores = [explainer.explain(network, example, generator(1)).clusters]
    explainer.fit(network, [example], generator(2))
    scores.append(explainer.explain(network, example, generator(3)).clusters)

    assert not torch.equal(*scores)


@pytest.mark.parametrize(
    "explainer",
    [Occlusion(), Displacement(places=0), Shapley(), SubgraphX(max_clusters=3), Saliency(), IntegratedGradients()],
)
def test_scores_follow_their_clusters(explainer, make_network, make_example, permuted, generator):
    network, example, order = make_network("invariantnet"), make_example(5), torch.tensor([3, 0, 2, 4, 1])

    one = explainer.explain(network, example, generator())
    other = explainer.explain(network, permuted(example, order), generator())

    torch.testing.assert_close(other.clusters, one.clusters[order], atol=1e-6, rtol=1e-4)
    assert one.subgraph is None or torch.equal(other.subgraph, one.subgraph[order])


@every_explainer
def test_32_bits_under_autocast(explainer, make_network, make_full_example):
    network, example = make_network("locclusternet"), make_full_example(sizes=(6, 1, 5))
    expected = fit_and_explain(explainer, network, example).clusters

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = fit_and_explain(explainer, network, example).clusters

    assert torch.equal(found, expected)


@every_explainer
def test_classes_of_localisations_are_not_explained(explainer, make_network):
    network = make_network("locclusternet", "model/head=segment")

    with pytest.raises(ConfigError, match="explains the class of a FOV"):
        explainer.check(network)


def test_scores_come_from_the_generator_alone(make_example):
    example = make_example(2000)
    one, two, other = (RandomScores().explain(None, example, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))
    assert torch.equal(one.clusters, two.clusters)
    assert not torch.equal(one.clusters, other.clusters)
    assert one.clusters.dtype == torch.float32
    assert 0 <= one.clusters.min() < 0.01 < 0.99 < one.clusters.max() <= 1
    assert abs(one.clusters.mean() - 0.5) < 0.03
    assert one.subgraph is None


@pytest.mark.parametrize("explainer", [Occlusion(), Displacement(), Shapley(), IntegratedGradients(), EXPECTED])
def test_a_contrast_turned_round_has_the_opposite_scores(explainer, make_network, make_full_example, generator):
    network, example = make_network("invariantnet"), make_full_example()
    explainer.fit(network, [make_full_example(1)], generator())

    one, other = (
        explainer.explain(network, replace(example, target=target, against=against), generator()).clusters
        for target, against in ((0, 2), (2, 0))
    )

    assert one.abs().max() > 1e-4
    torch.testing.assert_close(one, -other, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("explainer", [GNNExplainer(steps=5), PGExplainer(epochs=2), SubgraphX(max_clusters=2)])
def test_masks_and_subgraphs_depend_on_what_a_class_is_explained_against(
    explainer, make_network, make_full_example, generator
):
    network, example = make_network("invariantnet"), make_full_example()
    scores = []
    for against in (None, 0, 2):
        asked = replace(example, against=against)
        explainer.fit(network, [asked], generator())
        scores.append(explainer.explain(network, asked, generator()).clusters)

    for one, other in combinations(scores, 2):
        assert not torch.allclose(one, other)


def test_clusters_that_are_moved_leave_their_motif(finds_motif, make_motif, generator):
    example, motif = make_motif()
    network = finds_motif(slope=2.0, offset=-2.0)

    away = Displacement(places=0).explain(network, example, generator()).clusters
    elsewhere = Displacement(places=20).explain(network, example, generator()).clusters

    # three pairs: without any of the clusters one is left
    sure, left = torch.sigmoid(torch.tensor([-2.0 + 3 * 2.0, -2.0 + 2.0]))
    torch.testing.assert_close(away, torch.where(motif, sure - left, 0.0))
    assert elsewhere[motif].min() > elsewhere[~motif].max()
    assert elsewhere[~motif].abs().max() < 1e-6


def test_one_cluster_has_nowhere_to_move(finds_motif, make_example, generator):
    example = make_example(1, positions=[[0.0, 0.0]], edges=np.zeros((2, 0)))

    for places in (0, 3):
        assert Displacement(places).explain(finds_motif(), example, generator()).clusters.tolist() == [0.0]
