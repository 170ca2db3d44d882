"""The task that learns vectors of units: what it needs of labels, its batches, scores and tables."""

import polars as pl
import pytest
import torch
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.data.folds import Stratified
from locgraph.data.sampler import BalancedSampler, EpochSampler
from locgraph.errors import ConfigError
from locgraph.io.manifest import Manifest
from locgraph.learn.losses import CrossEntropy, Focal, ManifoldMixup
from locgraph.learn.tabulate import add_labels
from locgraph.learn.tasks import task_class
from locgraph.learn.tasks.base import LossSettings
from locgraph.learn.tasks.representation import RepresentationTask, head_of
from locgraph.nn.base import Encoded, Head
from locgraph.nn.representation import RepresentationHead


class StoredVectors(RepresentationHead):
    """The vectors stored with the nodes; the loss of a unit is its first number."""

    def __init__(self, unit):
        super().__init__(unit, 2)

    @property
    def decodes(self):
        return True

    def latents(self, encoded):
        return self.encoded_units(encoded)

    def loss(self, encoded):
        return self.errors(encoded).mean()

    def errors(self, encoded):
        return self.encoded_units(encoded)[:, 0]


class Stored(torch.nn.Module):
    """A network that returns stored vectors of clusters, and of graphs their means."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def encode(self, batch):
        clusters, owner = batch[schema.CLUSTER].x, batch[schema.CLUSTER].batch
        means = torch.stack([clusters[owner == graph].mean(dim=0) for graph in range(batch.num_graphs)])
        return Encoded(batch, [], clusters, means)


def make_batch():
    """Three graphs with 2, 1 and 3 clusters; the first two are views of one FOV."""
    graphs = []
    for index, size in enumerate((2, 1, 3)):
        graph = HeteroData()
        graph[schema.CLUSTER].x = torch.arange(2.0 * size).reshape(size, 2) + 10.0 * index
        graphs.append(graph)
    batch = Batch.from_data_list(graphs)
    batch["fov"], batch["fov_id"] = torch.tensor([0, 0, 1]), ["a", "b"]
    batch["y"] = torch.tensor([-1, -1])
    return batch


def manifest(labels, class_names):
    rows = {name: [None] * len(labels) for name in schema.MANIFEST_COLUMNS}
    rows |= {"fov_id": [f"f{index}" for index in range(len(labels))], "label": labels}
    return Manifest(pl.DataFrame(rows), class_names)


def test_a_head_that_represents_asks_for_the_task():
    assert task_class(StoredVectors("fov").predicts) is RepresentationTask


@pytest.mark.parametrize(
    ("labels", "names"), [([None] * 10, ()), (["x"] * 7 + [None] * 3, ("x",)), ([None] * 10, ("bound", "free"))]
)
def test_folds_take_all_fovs_where_some_have_no_label(labels, names):
    data = manifest(labels, names)

    folds = Stratified(5).plan(RepresentationTask.from_manifest(data).foldable(data))

    assert sorted(name for fold in folds for name in fold.test) == sorted(data.table["fov_id"])


def test_folds_are_stratified_where_all_fovs_have_a_label():
    data = manifest(["x"] * 5 + ["y"] * 5, ("x", "y"))

    folds = Stratified(5).plan(RepresentationTask.from_manifest(data).foldable(data))

    known = dict(data.table.select("fov_id", "label").iter_rows())
    assert all(sorted(known[name] for name in fold.test) == ["x", "y"] for fold in folds)


def test_fovs_are_means_over_their_views():
    task, network = RepresentationTask(), Stored(StoredVectors("fov"))

    prediction = task.predict(network, make_batch())

    assert prediction.fov_ids == ["a", "b"]
    torch.testing.assert_close(torch.cat(prediction.vectors), torch.tensor([[5.5, 6.5], [22.0, 23.0]]))
    torch.testing.assert_close(torch.cat(prediction.errors), torch.tensor([5.5, 22.0]))
    table = task.tables([prediction], 3, "val")["embeddings.parquet"]
    assert table.columns == ["fov_id", "fold", "split", "error", "v_0", "v_1"]
    assert table.select("fov_id", "fold", "split", "v_1").rows() == [("a", 3, "val", 6.5), ("b", 3, "val", 23.0)]


def test_clusters_are_those_of_view_0():
    task, network = RepresentationTask(), Stored(StoredVectors("cluster"))

    prediction = task.predict(network, make_batch())

    table = task.tables([prediction], 0, "test")["embeddings.parquet"]
    assert table.select("fov_id", "cluster_id", "v_0", "error").rows() == [
        ("a", 0, 0.0, 0.0),
        ("a", 1, 2.0, 2.0),
        ("b", 0, 20.0, 20.0),
        ("b", 1, 22.0, 22.0),
        ("b", 2, 24.0, 24.0),
    ]
    scores = task.make_scores()
    scores.update(prediction)
    assert scores.compute()["loss"].item() == pytest.approx(68 / 5)
    assert task.score([prediction], "test") == {
        "scored": "representation",
        "test": {"loss": pytest.approx(68 / 5), "units": 5},
    }


def test_the_loss_is_that_of_the_head():
    loss = RepresentationTask().loss(Stored(StoredVectors("cluster")), make_batch())

    assert loss.item() == pytest.approx((0 + 2 + 10 + 20 + 22 + 24) / 6)


def test_vectors_that_are_not_finite_are_named():
    batch = make_batch()
    batch[schema.CLUSTER].x[4, 1] = torch.nan

    assert RepresentationTask().predict(Stored(StoredVectors("fov")), batch).not_finite() == ["b"]


def test_labels_go_beside_embeddings():
    table = pl.DataFrame({"fov_id": ["b", "a"], "split": ["x", "y"], "error": [0.0, 1.0], "v_0": [2.0, 3.0]})

    labelled = add_labels(table, {"a": "one", "b": None})

    assert labelled.columns == ["fov_id", "split", "label", "error", "v_0"]
    assert labelled["label"].to_list() == [None, "one"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (LossSettings(CrossEntropy, "balanced"), "class_weights: weighs classes, .* expected none, found 'balanced'"),
        (LossSettings(CrossEntropy, mixup=ManifoldMixup(1.0)), "mixup: blends classes"),
        (LossSettings(Focal), "loss: is a loss of classes; that of a representation is a setting of its head"),
    ],
)
def test_settings_of_classes_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        RepresentationTask().configure_losses(settings, None)


def test_settings_without_effect_are_refused():
    with pytest.raises(ConfigError, match="localisation_classes: has no effect on representations"):
        RepresentationTask.from_manifest(manifest([None], ()), ["bound"])
    with pytest.raises(ConfigError, match="sampler: draws FOVs by class"):
        RepresentationTask().check_sampler(BalancedSampler, manifest([None], ()))
    RepresentationTask().check_sampler(EpochSampler, manifest([None], ()))


def test_settings_of_heads_out_of_range():
    with pytest.raises(ConfigError, match="unit: expected one of fov, cluster, found 'cell'"):
        StoredVectors("cell")
    with pytest.raises(ConfigError, match="StoredVectors has no decoder"):
        StoredVectors("fov").decode(torch.zeros(1, 2))


def test_a_head_that_only_claims_to_represent():
    with pytest.raises(ConfigError, match=r"head: expected a subclass of .*RepresentationHead, found Head"):
        head_of(Stored(Head()))
