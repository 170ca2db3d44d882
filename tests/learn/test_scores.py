"""Scores of FOVs and localisations against scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from locgraph.learn.scores import FovScores, LocalisationScores, fov_scores, scores_by_class
from locgraph.learn.tasks.fov import FovPrediction


def random_predictions(seed, n, classes, n_classes=4):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(n_classes), n).round(2).astype(np.float32)  # rounded: some are equal
    return torch.from_numpy(probabilities), torch.from_numpy(rng.choice(classes, n))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 2]], ids=["all classes", "two of four"])
def test_equal_those_of_scikit_learn(seed, classes):
    probabilities, target = random_predictions(seed, 40, classes)
    predicted = probabilities.argmax(dim=1)

    found = fov_scores(probabilities, target)

    areas = [metrics.roc_auc_score(target == index, probabilities[:, index]) for index in classes]
    recalls = [(predicted[target == index] == index).float().mean() for index in classes]
    assert found["accuracy"].item() == pytest.approx(metrics.accuracy_score(target, predicted))
    assert found["balanced_accuracy"].item() == pytest.approx(np.mean(recalls))
    assert found["f1"].item() == pytest.approx(metrics.f1_score(target, predicted, average="macro"))
    assert found["auroc"].item() == pytest.approx(np.mean(areas))
    if len(classes) == 4:
        assert np.mean(recalls) == pytest.approx(metrics.balanced_accuracy_score(target, predicted))


def test_two_classes():
    probabilities, target = random_predictions(0, 30, [0, 1], n_classes=2)
    probabilities[:, 1] = 1 - probabilities[:, 0]

    assert fov_scores(probabilities, target)["auroc"].item() == pytest.approx(
        metrics.roc_auc_score(target, probabilities[:, 1])
    )


def test_by_hand():
    probabilities = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])

    found = fov_scores(probabilities, torch.tensor([0, 0, 1, 2]))

    assert found["accuracy"].item() == pytest.approx(3 / 4)
    assert found["balanced_accuracy"].item() == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert found["f1"].item() == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["auroc"].item() == pytest.approx(1.0)


def test_one_class_alone_has_no_area():
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8]])

    found = fov_scores(probabilities, torch.tensor([0, 0]))

    assert found["auroc"].isnan()
    assert found["balanced_accuracy"].item() == found["accuracy"].item() == 0.5


@pytest.mark.parametrize("size", [1, 7, 40])
def test_batches_are_scored_together(size):
    probabilities, target = random_predictions(0, 40, [0, 1, 2, 3])
    scores = FovScores()
    for start in range(0, 40, size):
        part = slice(start, start + size)
        scores.update(FovPrediction([], target[part], probabilities[part]))

    values = scores.compute()
    loss = torch.nn.functional.nll_loss(probabilities.clamp_min(1e-12).log(), target)
    torch.testing.assert_close(values.pop("loss"), loss)
    torch.testing.assert_close(values, fov_scores(probabilities, target))


def test_reset():
    scores = FovScores()
    scores.update(FovPrediction([], torch.tensor([1]), torch.tensor([[1.0, 0.0]])))
    scores.reset()
    scores.update(FovPrediction([], torch.tensor([0, 1]), torch.eye(2)))

    assert scores.compute()["accuracy"].item() == 1.0


def drawn(n_classes, classes, n=200):
    rng = np.random.default_rng(0)
    return rng.dirichlet(np.ones(n_classes), n).astype(np.float32), rng.choice([-1, *classes], n)


@pytest.mark.parametrize("classes", [(0, 1, 2), (0, 2)])
def test_scores_of_all_batches_are_those_of_scikit_learn(classes):
    probabilities, target = drawn(3, classes)
    scores = LocalisationScores(3)
    for part in (slice(50), slice(50, 51), slice(51, None)):
        scores.update(torch.from_numpy(probabilities[part]), torch.from_numpy(target[part]))

    values = {name: value.item() for name, value in scores.compute().items()}

    known = target >= 0
    truth, predicted = target[known], probabilities[known].argmax(axis=1)
    expected = {
        "accuracy": metrics.accuracy_score(truth, predicted),
        "balanced_accuracy": metrics.recall_score(truth, predicted, average="macro", labels=classes),
        "f1": metrics.f1_score(truth, predicted, average="macro"),
        "iou": metrics.jaccard_score(truth, predicted, average="macro"),
        "loss": -np.log(probabilities[known][np.arange(len(truth)), truth]).mean(),
    }
    assert values == pytest.approx(expected, abs=1e-6)


def test_no_score_without_truth_and_none_left_after_reset():
    scores = LocalisationScores(2)
    scores.update(torch.tensor([[1.0, 0.0]]), torch.tensor([-1]))
    assert all(math.isnan(value) for value in scores.compute().values())

    scores.update(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    scores.reset()
    assert scores.confusion.tolist() == [[0, 0], [0, 0]]


def test_scores_of_each_class():
    # class 2 is never true, but predicted once; class 3 neither
    scores = scores_by_class(torch.tensor([[3, 1, 0, 0], [0, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]))

    assert scores["recall"][:2].tolist() == pytest.approx([3 / 4, 2 / 3])
    assert scores["recall"][2:].isnan().all()
    assert scores["iou"][:3].tolist() == pytest.approx([3 / 4, 2 / 4, 0.0])
    assert scores["f1"][:3].tolist() == pytest.approx([6 / 7, 4 / 6, 0.0])
    assert scores["iou"][3].isnan()
