"""Scaling sees training graphs alone, and makes positions and features of order one."""

import copy
import dataclasses
import io
from functools import partial

import numpy as np
import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from locgraph.data.scaling import Scaler, ScalingSettings, fit_scaler
from locgraph.data.stored import without_localisations
from locgraph.errors import ConfigError
from locgraph.graphs.descriptors import Covariance
from locgraph.nn.cluster_encoders import ContinuousFilter
from locgraph.nn.heads import ClassifyFov
from locgraph.nn.loc_encoders import NoEncoder
from locgraph.nn.network import Network
from locgraph.nn.readouts import Pooled
from locgraph.nn.sizes import DataSizes


def small(features, extent=2.0):
    graph = HeteroData()
    graph["extent"] = torch.tensor([[extent]])
    graph["cluster"].pos = torch.tensor([[4.0, 0.0]]).repeat(len(features), 1)
    graph["cluster"].x = torch.tensor(features)
    return graph


def test_features_from_training_minimum_to_maximum():
    scaler = fit_scaler([small([[1.0, 10.0], [3.0, 20.0]]), small([[2.0, 50.0]])], ScalingSettings())

    scaled = scaler(small([[1.0, 30.0], [1.5, 10.0], [3.0, 50.0]]))

    assert scaler.limits["cluster"].tolist() == [[1.0, 10.0], [3.0, 50.0]]
    assert scaled["cluster"].x.tolist() == [[0.0, 0.5], [0.25, 0.0], [1.0, 1.0]]


def test_fractions_stay_as_they_are():
    stated = {"cluster": [None, "fraction"], "absent": ["log"]}
    graphs = [small([[1.0, 0.2], [3.0, 0.4]])]

    for features in ("auto", "quantile", "min_max"):
        found = fit_scaler(graphs, ScalingSettings(features=features), stated)(small([[2.0, 0.05], [3.0, 0.3]]))
        torch.testing.assert_close(found["cluster"].x[:, 1], torch.tensor([0.05, 0.3]))


def skewed(seed, n=12):
    """A FOV whose clusters have an area around 1000 nm^2, and their density."""
    area = 1000 * np.exp(np.random.default_rng(seed).normal(0, 0.5, n))
    return small(torch.tensor(np.stack([area, 20 / area], axis=1), dtype=torch.float32).tolist())


def test_slivers_do_not_decide_the_scale():
    graphs = [skewed(seed) for seed in range(40)]
    graphs[0]["cluster"].x[0] = torch.tensor([1e-4, 2e5])  # a sliver
    raw = torch.cat([graph["cluster"].x for graph in graphs])

    before = fit_scaler(graphs, ScalingSettings(features="min_max"), {"cluster": ["log", "log"]})
    scaler = fit_scaler(graphs, ScalingSettings(), {"cluster": ["log", "log"]})
    scaled = torch.cat([scaler(graph)["cluster"].x for graph in graphs])

    assert before(graphs[1])["cluster"].x[:, 1].median() < 1e-6
    assert before.flat == {"cluster": [1]}
    assert scaler.flat == {}
    assert scaled.median().abs() < 0.05
    # by hand: the logarithm, its 5 % quantile to -1/6 and its 95 % quantile to 1/6
    low, high = np.quantile(np.log(raw[1:].numpy()), (0.05, 0.95), axis=0)
    expected = (np.log(raw[1:].numpy()) - (low + high) / 2) / (high - low) / 3
    np.testing.assert_allclose(scaled[1:].numpy(), np.clip(expected, -0.5, 0.5), atol=0.01)
    assert scaled[0].tolist() == [-0.5, 0.5]


@pytest.mark.parametrize(("scale", "function"), [("linear", lambda x: x), ("log", np.log), ("log1p", np.log1p)])
def test_each_scale_by_hand(scale, function):
    values = np.arange(1.0, 21.0)  # twenty values: each is one of the ranks

    scaler = fit_scaler(
        [small(torch.tensor(values).float()[:, None].tolist())], ScalingSettings(), {"cluster": [scale]}
    )

    low, high = np.quantile(function(values), (0.05, 0.95))
    expected = np.clip((function(np.array([0.5, 7.0, 1e9])) - (low + high) / 2) / (high - low) / 3, -0.5, 0.5)
    found = scaler(small([[0.5], [7.0], [1e9]]))["cluster"].x[:, 0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert scaler.scales == {"cluster": [scale]}


@pytest.mark.parametrize("scale", ["log", "log1p", "linear"])
def test_zeros_are_finite_and_smallest(scale):
    graphs = [small([[0.0], [1.0], [2.0], [4.0]]), small([[0.0], [0.0], [0.0], [0.0]])]

    for fitted_on in (graphs, graphs[1:]):
        scaled = fit_scaler(fitted_on, ScalingSettings(), {"cluster": [scale]})(graphs[0])["cluster"].x[:, 0]
        assert scaled.isfinite().all()
        assert scaled[0] == scaled.min()


def test_rare_values_keep_their_range():
    """Nearly all values are equal, so that quantiles have no range: the extremes have."""
    graphs = [small([[0.0]] * 10) for _ in range(30)]
    graphs[0]["cluster"].x[0, 0] = 5.0

    scaler = fit_scaler(graphs, ScalingSettings(), {"cluster": ["linear"]})

    assert scaler(small([[0.0], [5.0]]))["cluster"].x[:, 0].tolist() == [0.0, 1.0]
    assert scaler.flat == {"cluster": [0]}


def test_nodes_without_features():
    graph = small([[1.0], [2.0]])
    graph["localisation"].pos, graph["localisation"].x = torch.ones(3, 2), torch.empty(3, 0)

    scaler = fit_scaler([graph], ScalingSettings(), {"cluster": ["log"], "localisation": []})

    assert scaler.limits["localisation"].shape == (2, 0)
    assert scaler(graph)["localisation"].x.shape == (3, 0)
    assert scaler.flat == {}


def test_equal_values_are_flat():
    graphs = [small([[7.0, 1.0], [7.0, 2.0], [7.0, 3.0]])]

    for features in ("auto", "quantile", "min_max"):
        scaler = fit_scaler(graphs, ScalingSettings(features=features), {"cluster": ["log", "linear"]})
        assert scaler.flat == {"cluster": [0]}
        assert scaler(graphs[0])["cluster"].x[:, 0].tolist() == [0.0] * 3


def test_one_fov_of_another_size_leaves_the_others_as_they_are():
    """A FOV with 600 times as many clusters, each a thousand times as large, and 50 times as wide."""
    graphs = [skewed(seed) for seed in range(39)]
    outlier = skewed(99, n=7200)
    outlier["cluster"].x = outlier["cluster"].x * torch.tensor([1e3, 1e-3])
    outlier["extent"] = torch.tensor([[100.0]])
    stated = {"cluster": ["log", "linear"]}

    without, scaler = (fit_scaler(each, ScalingSettings(), stated) for each in (graphs, [*graphs, outlier]))

    assert scaler.nm_per_unit == without.nm_per_unit
    for graph in graphs[:5]:
        change = scaler(graph)["cluster"].x - without(graph)["cluster"].x
        assert change.abs().max() < 0.05
    mean = fit_scaler([*graphs, outlier], ScalingSettings(features="min_max"))
    assert (mean(graphs[0])["cluster"].x[:, 0] < 0.01).all()  # what extremes would have made of it


def test_new_values_clamped():
    scaler = fit_scaler([small([[1.0], [3.0]])], ScalingSettings())

    assert scaler(small([[-5.0], [0.9], [3.1], [1e30]]))["cluster"].x.flatten().tolist() == [0.0, 0.0, 1.0, 1.0]


def test_constant_feature_is_0():
    scaler = fit_scaler([small([[7.0], [7.0]])], ScalingSettings())

    assert scaler(small([[7.0], [7.0]]))["cluster"].x.flatten().tolist() == [0.0, 0.0]
    assert scaler(small([[6.0], [9.0]]))["cluster"].x.flatten().tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("settings", "unit"),
    [
        (ScalingSettings("per_dataset"), 3.0),
        (ScalingSettings("fixed", nm_per_unit=8.0), 8.0),
        (ScalingSettings("per_fov"), 5.0),
    ],
)
def test_positions_divided(settings, unit):
    scaler = fit_scaler([small([[1.0]], extent=2.0), small([[1.0]], extent=4.0)], settings)

    assert scaler(small([[1.0]], extent=5.0))["cluster"].pos.tolist() == [[pytest.approx(4.0 / unit), 0.0]]


@pytest.mark.parametrize("dimensions", [2, 3])
def test_per_fov_gives_unit_radius_on_every_level(dimensions, make_graph):
    graph = make_graph(dimensions=dimensions)
    scaled = fit_scaler([make_graph(seed=1, dimensions=dimensions)], ScalingSettings("per_fov"))(graph)

    assert scaled["localisation"].pos.square().sum(dim=1).mean().item() == pytest.approx(1.0, rel=1e-5)
    for node_type in graph.node_types:
        torch.testing.assert_close(scaled[node_type].pos * graph["extent"], graph[node_type].pos)


def test_fov_of_one_point_stays_finite():
    scaler = fit_scaler([small([[1.0]], extent=0.0)], ScalingSettings("per_dataset"))
    assert scaler.nm_per_unit == 1.0

    for each in (scaler, Scaler(None, {})):
        assert each(small([[1.0]], extent=0.0))["cluster"].pos.isfinite().all()


def test_graph_itself_is_not_changed(make_graph, same_graph):
    graph = make_graph()
    before = copy.deepcopy(graph)

    fit_scaler([graph], ScalingSettings())(graph)

    assert same_graph(graph, before)


def test_limits_of_both_node_types_and_of_all_graphs(make_graph):
    graphs = [make_graph(seed=seed) for seed in range(5)]

    scaler = fit_scaler(graphs, ScalingSettings())

    for node_type in ("cluster", "localisation"):
        values = torch.cat([graph[node_type].x for graph in graphs])
        torch.testing.assert_close(scaler.limits[node_type], torch.stack([values.amin(0), values.amax(0)]))
    assert scaler.nm_per_unit == pytest.approx(sorted(graph["extent"].item() for graph in graphs)[2])
    assert set(scaler.limits) == {"cluster", "localisation"}


def test_descriptors_scaled_as_other_nodes(make_graph):
    graphs = [make_graph(seed, descriptors={"covariance": Covariance()}) for seed in range(3)]
    raw = torch.cat([graph["field_of_view"].x for graph in graphs])

    scaler = fit_scaler(graphs, ScalingSettings())
    scaled = torch.cat([scaler(graph)["field_of_view"].x for graph in graphs])

    torch.testing.assert_close(scaled, (raw - raw.amin(dim=0)) / (raw.amax(dim=0) - raw.amin(dim=0)))
    assert scaler(graphs[0])["field_of_view"].pos.tolist() == [[0.0, 0.0]]


def test_superclusters_scaled_as_other_nodes(make_graph):
    graphs = [make_graph(seed=seed, sizes=(3,) * 9, scales=(100.0, 200.0)) for seed in range(3)]

    scaler = fit_scaler(graphs, ScalingSettings("fixed", nm_per_unit=50.0))

    for name in ("supercluster", "supercluster_1"):
        scaled = torch.cat([scaler(graph)[name].x for graph in graphs])
        values = torch.cat([graph[name].x for graph in graphs])
        low, high = values.amin(0), values.amax(0)
        span = torch.where(high > low, high - low, torch.ones_like(high))
        torch.testing.assert_close(scaled, (values - low) / span)
        torch.testing.assert_close(scaler(graphs[0])[name].pos, graphs[0][name].pos / 50.0)


@pytest.mark.parametrize("nm_per_unit", [None, 12.5])
def test_plain_values_make_the_same_scaler(nm_per_unit, make_graph, same_graph):
    graph = make_graph()
    fitted = fit_scaler([graph], ScalingSettings(), {"cluster": ["log", "linear", None]})
    scaler = dataclasses.replace(fitted, nm_per_unit=nm_per_unit)
    file = io.BytesIO()
    torch.save(scaler.to_plain(), file)
    file.seek(0)

    again = Scaler.from_plain(torch.load(file, weights_only=True))

    assert same_graph(again(graph), scaler(graph))
    assert (again.scales, again.flat) == (scaler.scales, scaler.flat)


def test_scaler_of_a_version_without_scales_is_read_as_it_was(make_graph, same_graph):
    graph = make_graph()
    fitted = fit_scaler([graph], ScalingSettings(features="min_max"))

    before = Scaler.from_plain({"nm_per_unit": fitted.nm_per_unit, "limits": fitted.limits})

    assert same_graph(before(graph), fitted(graph))


def test_per_fov_makes_predictions_independent_of_the_unit(make_graph):
    torch.manual_seed(0)
    network = Network(
        DataSizes(dimensions=2, n_classes=3, cluster_features=3, localisation_features=1, levels=3),
        NoEncoder,
        partial(ContinuousFilter, channels=8),
        Pooled,
        ClassifyFov,
    ).eval()
    logits = []
    for unit in (1.0, 1e-3):
        graphs = [make_graph(seed=seed, unit=unit) for seed in range(4)]
        scaler = fit_scaler(graphs[:2], ScalingSettings("per_fov"))
        logits.append(network(Batch.from_data_list([scaler(graph) for graph in graphs])))

    torch.testing.assert_close(logits[0], logits[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"positions": "none"},
            "positions: expected one of per_fov, per_dataset, clusters, fixed, found .none",
        ),
        ({"features": "log"}, r"features: expected one of auto, quantile, min_max, found .log."),
        ({"positions": "fixed"}, "nm_per_unit: expected a number above 0 .*found None"),
        ({"positions": "fixed", "nm_per_unit": -1.0}, "nm_per_unit: expected a number above 0 .*found -1"),
        ({"positions": "per_fov", "nm_per_unit": 5.0}, "nm_per_unit: 5.0 has no effect with .*per_fov"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        ScalingSettings(**settings)


def test_positions_in_units_of_clusters(make_graph):
    graphs = [make_graph(sizes=(4, 6), seed=seed) for seed in range(3)]
    radii = []
    for graph in graphs:
        owner = graph["localisation", "in", "cluster"].edge_index[1]
        away = (graph["localisation"].pos - graph["cluster"].pos[owner]).square().sum(dim=1)
        radii.append(np.median([away[owner == index].mean().sqrt().item() for index in range(2)]))

    scaler = fit_scaler(graphs, ScalingSettings(positions="clusters"))

    assert scaler.nm_per_unit == pytest.approx(np.median(radii))
    with pytest.raises(ConfigError, match="positions: clusters needs graphs with localisations"):
        fit_scaler([without_localisations(graphs[0])], ScalingSettings(positions="clusters"))
