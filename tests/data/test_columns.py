"""Graphs as columns: equal to the graphs they are made of, and to batches joined one by one."""

import pytest
import torch

from locgraph.data.columns import GraphColumns
from locgraph.data.dataset import EvaluationSet, TrainingSet, collate
from locgraph.data.join import DifferentGraphsError, join
from locgraph.data.scaling import Scaler, ScalingSettings, fit_scaler
from locgraph.data.stored import StoredGraphs
from locgraph.graphs.store import GraphStore

SETTINGS = [{}, {"dimensions": 3}, {"localisations": False}, {"scales": (60.0, 250.0)}, {"ratios": ()}]


def same(one, other):
    assert one.node_types == other.node_types
    assert one.edge_types == other.edge_types
    for first, second in zip(one.stores, other.stores, strict=True):
        assert set(first.keys()) == set(second.keys())
        for key, value in second.items():
            assert torch.equal(first[key], value) if isinstance(value, torch.Tensor) else first[key] == value, key
            assert not isinstance(value, torch.Tensor) or first[key].dtype == value.dtype
    return True


@pytest.fixture
def make_graphs(make_graph):
    def make(**settings):
        sizes = [(6, 1, 9), (1,), (2, 2), (5, 5, 5, 5), (3,)]
        return [make_graph(seed=seed, sizes=each, unit=1 + seed, **settings) for seed, each in enumerate(sizes)]

    return make


@pytest.mark.parametrize("settings", SETTINGS)
def test_graphs_come_out_as_they_went_in(settings, make_graphs):
    graphs = make_graphs(**settings)
    columns = GraphColumns.join(graphs)
    assert len(columns) == 5
    assert all(same(columns.graph(index), graph) for index, graph in enumerate(graphs))

    parts = GraphColumns.concatenate([GraphColumns.join(graphs[:2]), GraphColumns.join(graphs[2:])])
    assert all(same(parts.graph(index), graph) for index, graph in enumerate(graphs))


@pytest.mark.parametrize("positions", ["per_fov", "per_dataset"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_batches_are_those_of_single_graphs(settings, positions, make_graphs):
    graphs = make_graphs(**settings)
    scaler = fit_scaler(graphs, ScalingSettings(positions))
    data = EvaluationSet(
        list("abcde"), [0] * 5, dict(zip("abcde", ([graph] for graph in graphs), strict=True)).get, scaler
    )
    columns = GraphColumns.join(graphs).scaled(scaler, ("pos", "x"))

    for chosen in ([0, 1, 2, 3, 4], [3, 3, 0], [1]):
        expected = join([data[index].graphs[0] for index in chosen])
        batch = columns.batch(torch.tensor(chosen))
        assert batch.num_graphs == len(chosen)
        same(batch, expected)


@pytest.fixture
def stored(make_graph, tmp_path):
    store = GraphStore(tmp_path / "store")
    for seed, name in enumerate("abcd"):
        store.save(name, [make_graph(seed=seed + 10 * view, sizes=(4, 2 + view)) for view in range(1 + seed)], "")
    return store


@pytest.mark.parametrize("kind", [TrainingSet, EvaluationSet])
def test_data_sets_join_what_is_in_memory(kind, stored):
    def make(in_memory):
        load = StoredGraphs(stored, localisations=True, in_memory=in_memory)
        rest = ([], Scaler(10.0, {}), 5) if kind is TrainingSet else (Scaler(10.0, {}),)
        return kind(list("abcd"), [1, 0, -1, 2], load, *rest)

    keys = [(2, index) for index in (3, 0, 2, 3)] if kind is TrainingSet else [3, 0, 2]
    apart, together = make(in_memory=False).__getitems__(keys), make(in_memory=True).__getitems__(keys)

    assert isinstance(apart, list)
    assert same(collate(together), collate(apart))


def test_views_are_read_once_and_are_parts_of_what_is_joined(stored):
    load = StoredGraphs(stored, localisations=True, in_memory=True)
    joined = load.join(list("abcd"))
    for name in "abcd":
        stored.path(name).unlink()

    assert load.join(list("abcd")) is joined
    assert [len(load(name)) for name in "abcd"] == [1, 2, 3, 4]
    assert load("d")[3]["cluster"].pos.untyped_storage().data_ptr() == (
        joined.columns.nodes["cluster"].values["pos"].untyped_storage().data_ptr()
    )
    assert len(load("d")[1:]) == 3


def test_large_graphs_stay_apart_and_are_read_once(stored, monkeypatch):
    monkeypatch.setattr("locgraph.data.stored._SMALL_GRAPH", 10)
    load = StoredGraphs(stored, localisations=True, in_memory=True)
    assert load.join(["a", "b"]) is None
    for name in "ab":
        stored.path(name).unlink()
    assert [len(load(name)) for name in "ab"] == [1, 2]


@pytest.mark.parametrize("at_once", [1, 64])
@pytest.mark.parametrize("what", ["nodes", "attributes"])
def test_graphs_that_differ_stay_apart_however_many_are_joined_at_once(what, at_once, stored, make_graph, monkeypatch):
    other = make_graph(localisations=what == "attributes")
    if what == "attributes":
        other["cluster"].extra = other["cluster"].pos.clone()
    stored.save("other", [other], "")
    monkeypatch.setattr("locgraph.data.stored._JOINED_AT_ONCE", at_once)
    load = StoredGraphs(stored, localisations=True, in_memory=True)

    assert load.join(["a", "b", "other"]) is None
    assert same(load("b")[1], stored.load("b")[1])
    data = EvaluationSet(["a", "other"], [0, 0], load, Scaler(10.0, {}))
    if what == "nodes":
        with pytest.raises(DifferentGraphsError, match="graphs of one batch hold different things"):
            collate(data.__getitems__([0, 1]))
    else:  # no model reads it
        assert collate(data.__getitems__([0, 1])).num_graphs == 2
