"""Tasks: which labels they accept, their losses, predictions, tables and scores."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from sklearn import metrics
from torch.nn import functional
from torch_geometric.data import Batch, HeteroData

from locgraph import schema
from locgraph.data.sampler import BalancedSampler, EpochSampler
from locgraph.errors import ConfigError
from locgraph.io.manifest import Manifest
from locgraph.learn.losses import CrossEntropy, Focal, ManifoldMixup, SoftCrossEntropy
from locgraph.learn.tasks import task_class
from locgraph.learn.tasks.base import LossSettings
from locgraph.learn.tasks.fov import FovPrediction, FovTask
from locgraph.learn.tasks.joint import JointTask
from locgraph.learn.tasks.localisation import LocalisationPrediction, LocalisationTask, localisation_table

FOVS, LOCALISATIONS = schema.FIELD_OF_VIEW, schema.LOCALISATION
LABELS = [[0, 1, -1], [1, 1], [0], [-1, -1]]


class StoredLogits:
    """A network that returns the logits stored with localisation nodes, and given ones for FOVs."""

    def __init__(self, fovs=None):
        self.fovs, self.shift = fovs, torch.zeros((), requires_grad=True)

    def encode(self, batch):
        return SimpleNamespace(graph=batch, fovs=torch.arange(len(batch["fov"]), dtype=torch.float32)[:, None])

    def classify(self, encoded):
        return self.logits(encoded.graph)

    def logits(self, batch):
        logits = {LOCALISATIONS: batch[LOCALISATIONS].x + self.shift}
        return logits if self.fovs is None else logits | {FOVS: self.fovs + self.shift}


def make_batch(fov=(0, 1, 1, 2), labels=LABELS):
    """Graphs with random logits; by default graphs 1 and 2 are views of one FOV."""
    generator, graphs = torch.Generator().manual_seed(0), []
    for of_graph in labels:
        graph = HeteroData()
        graph[LOCALISATIONS].x = torch.randn(len(of_graph), 2, generator=generator)
        graph[LOCALISATIONS].loc_label = torch.tensor(of_graph)
        graphs.append(graph)
    batch = Batch.from_data_list(graphs)
    n = len(set(fov))
    batch["fov"], batch["y"], batch["fov_id"] = torch.tensor(fov), torch.arange(n) % 3, list("abcd"[:n])
    return batch


def fov_logits(n=4):
    return torch.randn(n, 3, generator=torch.Generator().manual_seed(1))


def manifest(label, *class_names):
    row = dict.fromkeys(schema.MANIFEST_COLUMNS) | {"fov_id": "f", "label": label}
    types = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    return Manifest(pl.DataFrame([row], schema=types), class_names)


OF_FOVS, OF_LOCALISATIONS = manifest("a", "a", "b"), manifest(None, "bound", "free")


def test_a_head_decides_the_task():
    assert task_class((FOVS,)) is FovTask
    assert task_class((LOCALISATIONS,)) is LocalisationTask
    assert task_class((LOCALISATIONS, FOVS)) is JointTask
    with pytest.raises(ConfigError, match=r"model\.head: expected a head that predicts one of .*found \('cluster',\)"):
        task_class(("cluster",))


@pytest.mark.parametrize(
    ("task", "labels", "given", "fov_classes", "localisation_classes"),
    [
        (FovTask, OF_FOVS, None, ("a", "b"), ()),
        (FovTask, manifest(None), None, (), ()),
        (LocalisationTask, OF_LOCALISATIONS, None, ("bound", "free"), ("bound", "free")),
        (LocalisationTask, OF_FOVS, [7, "x"], ("a", "b"), ("7", "x")),
        (JointTask, OF_FOVS, ["x", "y"], ("a", "b"), ("x", "y")),
    ],
)
def test_classes_come_from_the_labels(task, labels, given, fov_classes, localisation_classes):
    made = task.from_manifest(labels, given)

    assert (made.class_names, made.localisation_classes) == (fov_classes, localisation_classes)


@pytest.mark.parametrize(
    ("task", "labels", "given", "message"),
    [
        (FovTask, OF_LOCALISATIONS, None, "model.head: predicts the class of a FOV, but"),
        (FovTask, OF_FOVS, ["x"], "data.localisation_classes: has no effect with a model that"),
        (LocalisationTask, OF_FOVS, None, "model.head: predicts classes of localisations, which have none"),
        (LocalisationTask, OF_LOCALISATIONS, ["x"], "data.localisation_classes: has no effect with labels="),
        (JointTask, OF_LOCALISATIONS, ["x"], "model.head: predicts the class of a FOV, but"),
        *((JointTask, OF_FOVS, given, "expected different names") for given in ([], ["a", "a"], "bound")),
    ],
)
def test_labels_that_do_not_fit_the_head_are_refused(task, labels, given, message):
    with pytest.raises(ConfigError) as raised:
        task.from_manifest(labels, given)
    assert message in str(raised.value)


def test_a_sampler_by_class_needs_classes_of_fovs():
    for task in (FovTask("ab"), LocalisationTask("xy")):
        task.check_sampler(BalancedSampler, OF_FOVS)
        task.check_sampler(EpochSampler, OF_LOCALISATIONS)
    with pytest.raises(ConfigError, match=r"training\.sampler: draws FOVs by class"):
        LocalisationTask("xy").check_sampler(BalancedSampler, OF_LOCALISATIONS)


def test_loss_of_fovs_is_that_of_one_view_each():
    logits, target = fov_logits(3), torch.tensor([1, 2, 0])
    batch, task = {"y": target, "fov": torch.arange(3)}, FovTask("abc")
    for criterion in (CrossEntropy(), CrossEntropy(torch.tensor([0.5, 2.0, 1.0]), 0.3), Focal()):
        task.criterion = criterion
        assert task.loss(lambda batch: logits, batch).item() == criterion(logits, target).item()


def test_loss_of_localisations_is_over_those_with_a_class():
    batch, task = make_batch((0, 1, 2, 3)), LocalisationTask(("bound", "free"))
    node = batch[LOCALISATIONS]
    known = node.loc_label >= 0
    for criterion in (CrossEntropy(torch.tensor([0.5, 2.0]), 0.1), Focal()):
        task.criterion = criterion
        assert task.loss(StoredLogits(), batch).item() == criterion(node.x[known], node.loc_label[known]).item()


def test_sparse_localisations_count_alike_however_few_a_fov_has():
    """By hand: two labelled of three, two of two, one of one, none of two: five in all, whatever is not labelled."""
    batch, task = make_batch((0, 1, 2, 3)), LocalisationTask(("bound", "free"))
    weights = [2.0, 0.5]
    task.criterion = CrossEntropy(torch.tensor(weights))
    node = batch[LOCALISATIONS]
    each = [
        (weights[label], weights[label] * (math.log(sum(map(math.exp, row))) - row[label]))
        for row, label in zip(node.x.tolist(), node.loc_label.tolist(), strict=True)
        if label >= 0
    ]
    assert len(each) == 5

    expected = sum(value for _, value in each) / sum(weight for weight, _ in each)
    assert task.loss(StoredLogits(), batch).item() == pytest.approx(expected, rel=1e-5)

    more = make_batch((0, 1, 2, 3, 4), [*LABELS, [-1] * 50])
    more[LOCALISATIONS].x[: len(node.x)] = node.x
    assert task.loss(StoredLogits(), more).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("joint", [False, True])
def test_parts_of_a_batch_join_to_the_loss_of_the_whole(joint):
    """Two processes, one with a single labelled localisation and three FOVs, the other with four and one."""
    whole, fovs = make_batch((0, 1, 2, 3)), fov_logits()
    task = JointTask(("bound", "free"), "abc") if joint else LocalisationTask(("bound", "free"))
    task.localisation_weight = 0.5
    terms, weights = [], []
    for rows in ([0], [1, 2, 3]):
        part = make_batch(range(len(rows)), [LABELS[row] for row in rows])
        of_rows = torch.isin(whole[LOCALISATIONS].batch, torch.tensor(rows))
        part[LOCALISATIONS].x, part["y"] = whole[LOCALISATIONS].x[of_rows], whole["y"][rows]
        terms.append(torch.stack(task.losses(StoredLogits(fovs[rows] if joint else None), part)))
        weights.append(torch.stack(task.loss_weights(part)))

    terms, weights = torch.stack(terms), torch.stack(weights)
    joined = ((terms * weights).sum(dim=0) / weights.sum(dim=0)).sum()
    expected = task.loss(StoredLogits(fovs if joint else None), whole)
    assert joined.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_joint_loss_is_the_weighted_sum():
    batch, task, fovs = make_batch((0, 1, 2, 3)), JointTask(("bound", "free"), "abc"), fov_logits()
    task.localisation_weight = 0.25

    of_localisations = functional.cross_entropy(batch[LOCALISATIONS].x, batch[LOCALISATIONS].loc_label, ignore_index=-1)
    expected = functional.cross_entropy(fovs, batch["y"]) + 0.25 * of_localisations
    assert task.loss(StoredLogits(fovs), batch).item() == pytest.approx(expected.item())


def test_a_batch_without_a_class_has_no_gradient():
    network = StoredLogits()
    loss = LocalisationTask(("bound", "free")).loss(network, make_batch((0, 1), [[-1, -1], [-1]]))
    loss.backward()

    assert loss.item() == network.shift.grad.item() == 0.0


def test_localisations_of_view_0_and_fovs_as_the_mean_over_views():
    batch, fovs = make_batch(), torch.tensor([[4.0, 0, 0], [0, 2.0, 0], [1.0, 1, 1], [0, 0, 9.0]])
    logits = batch[LOCALISATIONS].x

    prediction = JointTask(("bound", "free"), "abc").predict(StoredLogits(fovs), batch)

    assert prediction.fov_ids == prediction.fovs.fov_ids == ["a", "b", "c"]
    assert [labels.tolist() for labels, _ in prediction.localisations] == [LABELS[0], LABELS[1], LABELS[3]]
    expected = [functional.softmax(part, dim=1) for part in (logits[:3], logits[3:5], logits[6:])]
    for (_, probabilities), wanted in zip(prediction.localisations, expected, strict=True):
        torch.testing.assert_close(probabilities, wanted)
    each = fovs.softmax(dim=1)
    torch.testing.assert_close(prediction.fovs.probabilities, torch.stack([each[0], each[1:3].mean(dim=0), each[3]]))
    assert prediction.fovs.vectors.tolist() == [[0.0], [1.5], [3.0]]


@pytest.mark.parametrize("joint", [False, True])
def test_the_loss_of_validation_is_unweighted_and_that_of_all_batches(joint):
    batch, fovs = make_batch((0, 1, 2, 3)), fov_logits()
    task = JointTask(("bound", "free"), "abc") if joint else LocalisationTask(("bound", "free"))
    task.criterion, task.localisation_weight = CrossEntropy(torch.tensor([9.0, 1.0])), 0.5
    scores = task.make_scores()
    scores.update(task.predict(StoredLogits(fovs if joint else None), batch))

    values = scores.compute()

    expected = functional.cross_entropy(batch[LOCALISATIONS].x, batch[LOCALISATIONS].loc_label, ignore_index=-1)
    if joint:
        expected = functional.cross_entropy(fovs, batch["y"]) + 0.5 * expected
    assert values["loss"].item() == pytest.approx(expected.item(), abs=1e-6)
    prefix = "localisation_" if joint else ""
    assert {f"{prefix}{name}" for name in ("accuracy", "balanced_accuracy", "f1", "iou")} <= set(values)
    assert ("auroc" in values) == joint
    scores.reset()
    assert scores.localisations.confusion.sum() == 0


def test_losses_are_weighted_by_the_classes_of_the_training_side(make_data):
    data, task = make_data(train=("f00", "f02", "f04", "f01")), FovTask("ab")  # three of a, one of b

    task.configure_losses(LossSettings(CrossEntropy, "balanced"), data)
    assert task.criterion.class_weights.tolist() == pytest.approx([4 / (2 * 3), 4 / (2 * 1)])

    task.configure_losses(LossSettings(Focal, {"b": 3, "a": 1}, mixup=ManifoldMixup()), data)
    assert isinstance(task.criterion, Focal)
    assert task.criterion.class_weights.tolist() == [1.0, 3.0]
    assert isinstance(task.mixup, ManifoldMixup)


SHARES = {"f00": {"a": 0.25, "b": 0.75}, "f01": {"b": 1.0}, "f13": {"a": 1.0}}


def test_shares_of_annotators_are_targets_and_other_fovs_are_all_of_their_class(make_data):
    data, task = make_data(train=("f00", "f02", "f01"), shares=SHARES), FovTask("ab")
    assert data.soft_targets(data.split.train).tolist() == [[0.25, 0.75], [1.0, 0.0], [0.0, 1.0]]

    task.configure_losses(LossSettings(partial(SoftCrossEntropy, label_smoothing=0.1), "balanced"), data)
    weights = [3 / (2 * 1.25), 3 / (2 * 1.75)]
    assert task.criterion.class_weights.tolist() == pytest.approx(weights)

    logits = fov_logits(2)[:, :2]
    batch = {"fov": torch.arange(2), "y": torch.tensor([1, 1]), "fov_id": ["f01", "f00"]}
    targets = torch.tensor([[0.0, 1.0], [0.25, 0.75]])
    assert task.loss(lambda batch: logits, batch).item() == task.criterion(logits, targets).item()
    assert task.loss_weights(batch)[0].item() == pytest.approx(0.25 * weights[0] + 1.75 * weights[1])
    assert not task.state_dict()  # nothing that a checkpoint would hold


def test_a_loss_of_shares_needs_some(make_data):
    soft = LossSettings(SoftCrossEntropy)
    with pytest.raises(
        ConfigError, match=r"^loss: takes shares of annotators as targets, and no training FOV has any; u"
    ):
        FovTask("ab").configure_losses(soft, make_data(train=("f02",), shares=SHARES))
    with pytest.raises(
        ConfigError, match=r"^loss: takes shares of the annotators of FOVs, and this model classifies l"
    ):
        LocalisationTask("xy").configure_losses(soft, make_data(shares=SHARES))
    assert not LossSettings(Focal).takes_shares


def test_settings_that_do_not_fit_a_task_are_refused(make_data):
    with pytest.raises(ConfigError, match=r"^mixup: blends vectors of FOVs"):
        LocalisationTask("xy").configure_losses(LossSettings(CrossEntropy, mixup=ManifoldMixup()), make_data())
    for weight in (0.0, float("nan")):
        with pytest.raises(ConfigError, match="localisation_weight: expected a number above 0"):
            LossSettings(CrossEntropy, localisation_weight=weight)


FOV_PREDICTIONS = [
    FovPrediction(["b", "a"], torch.tensor([1, -1]), torch.tensor([[0.25, 0.75], [0.5, 0.5]])),
    FovPrediction(["c"], torch.tensor([0]), torch.tensor([[0.125, 0.875]])),
]


def test_one_row_for_each_fov():
    (table,) = FovTask(("L", "O")).tables(FOV_PREDICTIONS, 3, "test").values()

    assert table.to_dicts() == [
        {"fov_id": "b", "fold": 3, "split": "test", "truth": "O", "prediction": "O", "p_L": 0.25, "p_O": 0.75},
        {"fov_id": "a", "fold": 3, "split": "test", "truth": None, "prediction": "L", "p_L": 0.5, "p_O": 0.5},
        {"fov_id": "c", "fold": 3, "split": "test", "truth": "L", "prediction": "O", "p_L": 0.125, "p_O": 0.875},
    ]
    unknown = [replace_target(FOV_PREDICTIONS[1])]
    assert FovTask(("L", "O")).tables(unknown, 0, "new")["predictions.parquet"].schema == table.schema


def replace_target(prediction):
    return prediction._replace(targets=torch.full_like(prediction.targets, -1))


def test_scores_of_fovs_with_a_label():
    rng = np.random.default_rng(0)
    probabilities, target = rng.dirichlet(np.ones(3), 20), rng.integers(-1, 3, 20)
    parts = [
        FovPrediction([], torch.from_numpy(target[part]), torch.from_numpy(probabilities[part]))
        for part in (slice(7), slice(7, 20))
    ]

    scores = FovTask("abc").score(parts, "val")

    known = target >= 0
    truth, predicted = target[known], probabilities[known].argmax(axis=1)
    assert scores["val"]["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert scores["val"]["loss"] == pytest.approx(metrics.log_loss(truth, probabilities[known], labels=range(3)))
    assert scores["confusion_matrix"] == metrics.confusion_matrix(truth, predicted).tolist()
    assert all(type(value) is float for value in scores["val"].values())


def test_scores_that_do_not_exist_are_left_out():
    one_class = FovPrediction(["a", "b"], torch.tensor([1, 1]), torch.tensor([[0.2, 0.8], [0.6, 0.4]]))

    assert set(FovTask("ab").score([one_class], "test")["test"]) == {"accuracy", "balanced_accuracy", "f1", "loss"}
    assert FovTask("ab").score([replace_target(one_class)], "test") == {}


NONE = torch.empty(0, dtype=torch.int64), torch.empty(0, 2)
PREDICTIONS = [
    LocalisationPrediction(None, ["b", "e"], [
        (torch.tensor([1, -1, 0]), torch.tensor([[0.25, 0.75], [0.5, 0.5], [0.125, 0.875]])), NONE,
    ]),
    LocalisationPrediction(None, ["a"], [(torch.tensor([0]), torch.tensor([[1.0, 0.0]]))]),
]  # fmt: skip
UNKNOWN = [LocalisationPrediction(None, ["a"], [(torch.tensor([-1]), torch.tensor([[1.0, 0.0]]))])]


def test_one_row_for_each_localisation():
    table = localisation_table(PREDICTIONS, ("free", "bound"), fold=2, split="test")

    assert table.drop("fold", "split").rows() == [
        ("b", 0, "bound", "bound", 0.25, 0.75),
        ("b", 1, None, "free", 0.5, 0.5),
        ("b", 2, "free", "bound", 0.125, 0.875),
        ("a", 0, "free", "free", 1.0, 0.0),
    ]
    assert table.columns == ["fov_id", "row", "fold", "split", "truth", "prediction", "p_free", "p_bound"]
    assert localisation_table(UNKNOWN, ("free", "bound"), 0, "new").schema == table.schema


def test_scores_of_localisations_stand_for_the_run_where_fovs_get_no_class():
    scores = LocalisationTask(("free", "bound")).score(PREDICTIONS, "test")

    part = scores["localisations"]
    assert part["confusion_matrix"] == scores["confusion_matrix"] == [[1, 1], [0, 1]]
    assert part["test"]["by_class"]["bound"]["iou"] == 0.5
    assert scores["test"] == {name: value for name, value in part["test"].items() if name != "by_class"}
    assert scores["scored"] == "localisations"
    assert LocalisationTask(("free", "bound")).score(UNKNOWN, "test") == {
        "localisations": {"class_names": ["free", "bound"]}, "scored": "localisations", "class_names": ["free", "bound"]
    }  # fmt: skip


def test_joint_scores_and_tables_hold_both():
    fovs = FovPrediction(["b", "e"], torch.tensor([0, 1]), torch.tensor([[0.9, 0.1], [0.2, 0.8]]))
    predictions = [PREDICTIONS[0]._replace(fovs=fovs)]
    task = JointTask(("free", "bound"), ("T", "L"))

    scores = task.score(predictions, "test")

    assert scores["test"]["accuracy"] == 1.0
    assert scores["localisations"]["test"]["accuracy"] == 0.5
    assert "scored" not in scores
    assert set(task.tables(predictions, 0, "test")) == {"predictions.parquet", "localisation_predictions.parquet"}


def test_a_recorded_task_is_made_again():
    record = {"class_names": ["T", "L"], "localisation_classes": ["free", "bound"]}

    assert FovTask.from_record(record).class_names == ("T", "L")
    joint = JointTask.from_record(record)
    assert (joint.class_names, joint.localisation_classes) == (("T", "L"), ("free", "bound"))
    assert joint.fovs.class_names == ("T", "L")
