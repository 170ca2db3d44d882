"""Data sets over the store: one random view of a FOV for training, all views for evaluation; their batches."""

import copy
import pickle

import pytest
import torch

from locgraph.data.augment import DrawClusters, Transform
from locgraph.data.dataset import Draw, EvaluationSet, Sample, TrainingSet, collate
from locgraph.data.scaling import Scaler
from locgraph.data.stored import NO_LABEL, StoredGraphs
from locgraph.data.stored import without_localisations as clusters_alone
from locgraph.errors import DataError
from locgraph.graphs.store import GraphStore

SCALER = Scaler(10.0, {})


class Shift(Transform):
    """Moves clusters along x by a known and a drawn distance, and notes what it was given."""

    def __init__(self, by):
        self.by, self.seen = by, []

    def __call__(self, graph, generator):
        changed = copy.copy(graph)
        self.seen.append(graph["cluster"].pos)
        draw = torch.rand((), generator=generator)
        changed["cluster"].pos = graph["cluster"].pos + torch.tensor([self.by, 0.0]) + draw
        return changed


@pytest.fixture
def views(make_graph):
    return {name: [make_graph(seed=10 * i + view) for view in range(3)] for i, name in enumerate("abc")}


def training(views, transforms=(), seed=0):
    return TrainingSet("abc", [0, 1, NO_LABEL], views.__getitem__, transforms, SCALER, seed)


def test_training_draws_one_view_of_the_fov(views):
    data = training(views)
    drawn = {}
    for epoch in range(40):
        sample = data[epoch, 1]
        assert (sample.fov_id, sample.target, len(sample.graphs)) == ("b", 1, 1)
        (graph,) = sample.graphs
        found = [torch.equal(graph["cluster"].pos, view["cluster"].pos / 10.0) for view in views["b"]]
        assert sum(found) == 1
        drawn[epoch] = found.index(True)

    assert set(drawn.values()) == {0, 1, 2}
    assert len(data) == 3


def test_draw_depends_on_seed_epoch_and_fov_alone(views, same_graph):
    def draw(epoch, index, seed=0):
        return training(views, [Shift(0.0)], seed)[epoch, index].graphs[0]

    for epoch in range(8):
        torch.manual_seed(epoch)
        sample = draw(epoch, 2)
        assert same_graph(draw(epoch, 2), sample)
        assert not same_graph(draw(epoch + 1, 2), sample)
        assert not same_graph(draw(epoch, 2, seed=1), sample)


def test_fovs_of_an_epoch_are_drawn_apart(views, same_graph):
    data = TrainingSet("abc", [0, 0, 0], lambda name: views["a"][:1], [Shift(0.0)], SCALER, 0)

    assert not same_graph(data[0, 0].graphs[0], data[0, 1].graphs[0])


def test_transforms_in_order_before_the_scaler(views):
    first, second = Shift(100.0), Shift(1000.0)

    graph = training(views, [first, second])[0, 0].graphs[0]

    between = second.seen[0] - first.seen[0]
    assert 100 <= between[0, 0].item() <= 101
    assert 0 <= between[0, 1].item() <= 1
    moved = graph["cluster"].pos * 10.0 - first.seen[0]
    assert 1100 <= moved[:, 0].min().item() <= moved[:, 0].max().item() <= 1102.1


def test_evaluation_gives_all_views_as_they_are(views):
    data = EvaluationSet("abc", [0, 1, NO_LABEL], views.__getitem__, SCALER)

    sample = data[2]

    assert (sample.fov_id, sample.target, len(data)) == ("c", NO_LABEL, 3)
    for graph, raw in zip(sample.graphs, views["c"], strict=True):
        assert torch.equal(graph["localisation_1"].pos, raw["localisation_1"].pos / 10.0)
        assert torch.equal(graph["cluster"].x, raw["cluster"].x)


@pytest.mark.parametrize("kind", ["training", "evaluation"])
def test_samples_hold_only_what_models_read(kind, views):
    if kind == "training":
        graph = training(views)[0, 0].graphs[0]
    else:
        graph = EvaluationSet("abc", [0, 0, 0], views.__getitem__, SCALER)[0].graphs[0]

    raw = views["a"][0]
    assert graph.node_types == raw.node_types
    assert graph.edge_types == raw.edge_types
    assert set(graph._global_store.keys()) == set()
    assert set(graph["localisation"].keys()) == {"pos", "x"}
    assert set(graph["cluster"].keys()) == {"pos", "x"}
    assert set(graph["localisation_1"].keys()) == {"pos"}


def test_batch_says_which_graph_is_of_which_fov(views):
    samples = [Sample("a", 2, tuple(views["a"])), Sample("b", NO_LABEL, tuple(views["b"][:1]))]

    batch = collate(samples)

    assert batch.num_graphs == 4
    assert batch["fov"].tolist() == [0, 0, 0, 1]
    assert batch["y"].tolist() == [2, NO_LABEL]
    assert batch["fov_id"] == ["a", "b"]
    assert batch["cluster"].batch.tolist() == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert torch.equal(batch["cluster"].pos[9:], views["b"][0]["cluster"].pos)
    edges = torch.cat([view["cluster", "cluster"].edge_index + 3 * i for i, view in enumerate(views["a"])], dim=1)
    assert torch.equal(batch["cluster", "near", "cluster"].edge_index[:, : edges.shape[1]], edges)


def test_batch_with_superclusters(make_graph):
    scales = (60.0, 250.0)
    graphs = [make_graph(seed=seed, sizes=(2,) * (4 + seed), scales=scales) for seed in range(3)]
    data = EvaluationSet("a", [0], {"a": graphs}.__getitem__, SCALER)

    batch = collate([data[0]])

    for index, name in enumerate(("supercluster", "supercluster_1")):
        sizes = [graph[name].num_nodes for graph in graphs]
        assert batch[name].batch.tolist() == [i for i, size in enumerate(sizes) for _ in range(size)]
        torch.testing.assert_close(batch[name].pos, torch.cat([graph[name].pos for graph in graphs]) / 10.0)
        assert torch.equal(batch[name].x, torch.cat([graph[name].x for graph in graphs]))
        below, above = batch["supercluster" if index else "cluster", "in", name].edge_index
        assert below.sort().values.tolist() == list(range(batch["supercluster" if index else "cluster"].num_nodes))
        assert torch.equal(batch[name].batch[above], batch["supercluster" if index else "cluster"].batch[below])


def test_labels_of_localisations_are_not_taken_for_those_of_fovs(make_graph):
    graph = make_graph()
    graph["localisation"].y = torch.zeros(16, dtype=torch.int64)

    batch = collate([EvaluationSet("a", [2], {"a": [graph]}.__getitem__, SCALER)[0]])

    assert batch["y"].tolist() == [2]
    assert "y" not in batch["localisation"]


def test_superclusters_stay_with_clusters(make_graph, same_graph):
    graph = make_graph(scales=(100.0, 200.0))

    alone = clusters_alone(graph)

    assert same_graph(alone, make_graph(scales=(100.0, 200.0), localisations=False))


def test_clusters_alone(make_graph, same_graph):
    graph = make_graph(sizes=(4, 3))
    before = copy.deepcopy(graph)

    alone = clusters_alone(graph)

    assert alone.node_types == ["cluster"]
    assert alone.edge_types == [("cluster", "near", "cluster")]
    assert alone["extent"] is graph["extent"]
    assert same_graph(graph, before)
    assert same_graph(clusters_alone(alone), alone)


@pytest.fixture
def store(tmp_path, views):
    store = GraphStore(tmp_path)
    for name, graphs in views.items():
        store.save(name, graphs, "")
    return store


def test_stored_graphs_are_those_saved(store, views, same_graph):
    found = StoredGraphs(store, localisations=True, in_memory=False)("b")

    assert all(same_graph(one, other) for one, other in zip(found, views["b"], strict=True))


def test_stored_graphs_without_localisations(store, views, same_graph):
    found = StoredGraphs(store, localisations=False, in_memory=True)("b")

    assert same_graph(found[0], clusters_alone(views["b"][0]))


def test_a_view_without_clusters_is_told_before_it_is_batched(store, views):
    empty = copy.deepcopy(views["b"][0])
    for name in empty.node_types:
        empty[name].pos, empty[name].x = empty[name].pos[:0], empty[name].x[:0] if "x" in empty[name] else None
    store.save("b", [views["b"][0], empty], "")
    data = training({name: StoredGraphs(store, True, True) for name in "abc"})
    data.load = StoredGraphs(store, localisations=True, in_memory=True)

    with pytest.raises(
        DataError, match=r"b: expected at least one cluster in each view, found none in .*b\.safetensors"
    ):
        collate([data[0, 0], data[0, 1]])


@pytest.mark.parametrize("in_memory", [False, True])
def test_memory_saves_reading_again(in_memory, store):
    graphs = StoredGraphs(store, localisations=True, in_memory=in_memory)
    graphs("a")
    store.path("a").unlink()

    if in_memory:
        assert len(graphs("a")) == 3
    else:
        with pytest.raises(DataError, match="of FOV a"):
            graphs("a")


def test_memory_is_not_sent_to_loading_processes(store, same_graph):
    graphs = StoredGraphs(store, localisations=True, in_memory=True)
    before = len(pickle.dumps(graphs))
    first = graphs("a")

    sent = pickle.dumps(graphs)

    assert len(sent) == before
    assert same_graph(pickle.loads(sent)("a")[0], first[0])


@pytest.fixture
def labelled_store(tmp_path, views):
    """As ``store``; localisations of FOV a have the classes 0, 1 and none in turn, those of the others have none."""
    store = GraphStore(tmp_path)
    for view in views["a"]:
        view["localisation"].y = torch.arange(16) % 3 - 1
    for name, graphs in views.items():
        store.save(name, graphs, "")
    return store


def test_classes_of_localisations_go_into_the_batch_where_they_are_wanted(labelled_store):
    graphs = StoredGraphs(labelled_store, localisations=True, in_memory=True, localisation_classes=2)
    batch = collate([EvaluationSet("ab", [NO_LABEL, 1], graphs, SCALER)[index] for index in (0, 1)])

    assert batch["localisation"]["loc_label"].tolist() == (torch.arange(16) % 3 - 1).tolist() * 3 + [-1] * 48
    assert batch["y"].tolist() == [NO_LABEL, 1]

    graphs = StoredGraphs(labelled_store, localisations=True, in_memory=True)
    assert "loc_label" not in collate([EvaluationSet("a", [1], graphs, SCALER)[0]])["localisation"]


def test_a_class_of_localisations_that_has_no_name_is_told(labelled_store):
    graphs = StoredGraphs(labelled_store, localisations=True, in_memory=False, localisation_classes=1)

    with pytest.raises(DataError, match=r"a: expected classes .* from 0 to 0, .*found \[1\] in loc_label"):
        graphs("a")


def drawing(views, draw, transforms=()):
    return TrainingSet("abc", [0, 1, NO_LABEL], views.__getitem__, transforms, SCALER, 0, draw)


def test_several_graphs_are_of_different_views(views):
    data = drawing(views, Draw(2))
    for epoch in range(20):
        graphs = data[epoch, 0].graphs
        found = [
            [torch.equal(each["cluster"].pos, view["cluster"].pos / 10.0) for view in views["a"]] for each in graphs
        ]
        assert [sum(each) for each in found] == [1, 1]
        assert found[0] != found[1]


def test_more_graphs_than_views_repeat_them(views):
    (data,) = [drawing({"a": views["a"][:1]} | {name: views[name] for name in "bc"}, Draw(3), [Shift(0.0)])]

    graphs = data[0, 0].graphs

    assert len({graph["cluster"].pos[0, 0].item() for graph in graphs}) == 3  # augmented apart


def test_the_same_clusters_come_in_the_same_order(views):
    data = drawing(views, Draw(2, same_clusters=True), [DrawClusters(2), Shift(0.0)])
    for epoch in range(10):
        one, other = (graph["cluster"].pos for graph in data[epoch, 1].graphs)
        moved = one - other
        assert one.shape == (2, 2)
        assert torch.allclose(moved, moved[:1].expand_as(moved), atol=1e-4)
        assert not torch.equal(one, other)
