"""Scores against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from locgraph.learn.scores import FovScores, fov_scores


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
        scores.update(probabilities[start : start + size], target[start : start + size])

    torch.testing.assert_close(scores.compute(), fov_scores(probabilities, target))


def test_reset():
    scores = FovScores()
    scores.update(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    scores.reset()
    scores.update(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1]))

    assert scores.compute()["accuracy"].item() == 1.0
