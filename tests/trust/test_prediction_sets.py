"""Split conformal prediction sets."""

import numpy as np
import pytest

from locgraph.trust.prediction_sets import PredictionSets


def drawn(n: int, seed: int, classes: int = 4, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities that are not calibrated, and classes drawn from others."""
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(classes, 0.3), n)
    sharper = probabilities**spread / (probabilities**spread).sum(axis=1, keepdims=True)
    return sharper, np.array([random.choice(classes, p=row) for row in probabilities])


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_the_coverage_over_100_splits_is_the_one_asked_for(coverage):
    probabilities, targets = drawn(2000, 0)
    random = np.random.default_rng(1)
    covered = []
    for _ in range(100):
        order = random.permutation(len(targets))
        fitted, new = order[:200], order[200:]
        sets = PredictionSets.fit(probabilities[fitted], targets[fitted])
        inside = sets.contains(probabilities[new], coverage)
        covered.append(inside[np.arange(len(new)), targets[new]].mean())

    assert np.mean(covered) == pytest.approx(coverage, abs=0.02)


def test_by_class_each_class_has_the_coverage():
    random = np.random.default_rng(0)
    # class 1 is hard and rare: over all FOVs together its errors would be hidden
    targets = (random.random(6000) < 0.1).astype(np.int64)
    right = np.where(targets == 0, random.beta(8, 1, 6000), random.beta(1.2, 1, 6000))
    probabilities = np.where(np.eye(2)[targets] > 0, right[:, None], 1.0 - right[:, None])
    fitted, new = slice(0, 3000), slice(3000, 6000)

    def of_rare(by_class: bool) -> float:
        sets = PredictionSets.fit(probabilities[fitted], targets[fitted], by_class)
        inside = sets.contains(probabilities[new], 0.9)
        rare = targets[new] == 1
        return inside[rare, 1].mean()

    assert of_rare(True) == pytest.approx(0.9, abs=0.03)
    assert of_rare(False) < 0.7


def test_p_values_by_hand():
    sets = PredictionSets(np.array([0.1, 0.2, 0.4]), np.array([0, 0, 1]))

    # nonconformity 0.2 and 0.8: two and none of three calibration FOVs conform no better
    np.testing.assert_allclose(sets.p_values(np.array([[0.8, 0.2]])), [[3 / 4, 1 / 4]])
    by_class = PredictionSets(sets.scores, sets.classes, by_class=True)
    np.testing.assert_allclose(by_class.p_values(np.array([[0.8, 0.2]])), [[2 / 3, 1 / 2]])


def test_too_few_fovs_hold_every_class():
    sets = PredictionSets(np.linspace(0, 0.5, 18), np.arange(18) % 2)

    assert sets.too_few(0.95, 2) == {None: 18}
    assert sets.contains(np.array([[1.0, 0.0]]), 0.95).all()
    assert PredictionSets(np.linspace(0, 0.5, 19), np.zeros(19)).too_few(0.95, 2) == {}
    assert PredictionSets(sets.scores, sets.classes, by_class=True).too_few(0.95, 3) == {0: 9, 1: 9, 2: 0}


def test_plain_values_make_them_again():
    probabilities, targets = drawn(50, 2)
    sets = PredictionSets.fit(probabilities, targets, by_class=True)

    again = PredictionSets.from_plain(sets.to_plain())

    np.testing.assert_array_equal(again.p_values(probabilities), sets.p_values(probabilities))
