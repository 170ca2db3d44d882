"""Scaling sees training graphs alone, and makes positions and features of order one."""

import copy
import io
from functools import partial

import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from locgraph.data.scaling import Scaler, ScalingSettings, fit_scaler
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
    scaler = fit_scaler([small([[1.0, 0.2], [3.0, 0.4]])], ScalingSettings(), {"cluster": [1], "absent": [0]})

    found = scaler(small([[2.0, 0.05], [3.0, 0.3]]))["cluster"].x

    torch.testing.assert_close(found, torch.tensor([[0.5, 0.05], [1.0, 0.3]]))


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
    assert scaler.nm_per_unit == pytest.approx(sum(graph["extent"].item() for graph in graphs) / 5)
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
    scaler = Scaler(nm_per_unit, fit_scaler([graph], ScalingSettings()).limits)
    file = io.BytesIO()
    torch.save(scaler.to_plain(), file)
    file.seek(0)

    again = Scaler.from_plain(torch.load(file, weights_only=True))

    assert same_graph(again(graph), scaler(graph))


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
            r"positions: expected one of \('per_fov', 'per_dataset', 'fixed'\), found 'none'",
        ),
        ({"positions": "fixed"}, "nm_per_unit: expected a number above 0 .*found None"),
        ({"positions": "fixed", "nm_per_unit": -1.0}, "nm_per_unit: expected a number above 0 .*found -1"),
        ({"positions": "per_fov", "nm_per_unit": 5.0}, "nm_per_unit: 5.0 has no effect with .*per_fov"),
    ],
)
def test_settings_that_cannot_work(settings, message):
    with pytest.raises(ConfigError, match=message):
        ScalingSettings(**settings)
