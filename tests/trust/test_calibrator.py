"""Temperature and vector scaling."""

import numpy as np
import pytest
from scipy.special import softmax

from locgraph.errors import ConfigError
from locgraph.trust.calibrator import FEWEST, Calibrator


def drawn(n: int, classes: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a network whose logits are ``temperature`` times those that classes are drawn from."""
    random = np.random.default_rng(seed)
    logits = random.normal(0.0, 2.0, (n, classes))
    targets = np.array([random.choice(classes, p=row) for row in softmax(logits, axis=1)])
    return softmax(logits * temperature, axis=1), targets


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_of_drawn_classes_is_recovered(temperature):
    calibrator = Calibrator.fit("temperature", *drawn(20_000, 4, temperature))

    assert calibrator.temperature == pytest.approx(temperature, rel=0.03)
    fresh, _ = drawn(50, 4, temperature, seed=1)
    expected, _ = drawn(50, 4, 1.0, seed=1)
    np.testing.assert_allclose(calibrator.apply(fresh), expected, atol=0.02)


def test_no_predicted_class_changes_with_a_temperature():
    probabilities, targets = drawn(300, 5, 0.5)
    calibrated = Calibrator.fit("temperature", probabilities, targets).apply(probabilities)

    assert (calibrated.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, atol=1e-12)


def test_right_predictions_alone_leave_the_error_rate_of_jeffreys():
    # 40 of 40 right: without smoothing the probability of the true class would become 1
    targets = np.arange(40) % 2
    probabilities = np.where(np.eye(2)[targets] > 0, 0.8, 0.2)

    calibrated = Calibrator.fit("temperature", probabilities, targets).apply(probabilities)

    assert calibrated.max(axis=1) == pytest.approx(1.0 - 0.5 / 41.0, abs=1e-4)


def test_vector_scaling_mends_one_class_that_is_predicted_too_often():
    probabilities, targets = drawn(5000, 3, 1.0)
    biased = probabilities * [3.0, 1.0, 1.0]
    biased /= biased.sum(axis=1, keepdims=True)

    by_vector = Calibrator.fit("vector", biased, targets)
    by_temperature = Calibrator.fit("temperature", biased, targets)

    def distance(calibrator: Calibrator) -> float:
        return np.abs(calibrator.apply(biased) - probabilities).mean()

    assert distance(by_vector) < 0.25 * distance(by_temperature)
    assert by_vector.biases[0] < by_vector.biases[1:].min() - 0.5


@pytest.mark.parametrize("method", ["temperature", "vector", "none"])
def test_plain_values_make_it_again(method):
    probabilities, targets = drawn(200, 3, 0.5)
    calibrator = Calibrator.fit(method, probabilities, targets)

    again = Calibrator.from_plain(calibrator.to_plain())

    np.testing.assert_array_equal(again.apply(probabilities), calibrator.apply(probabilities))
    assert (again.method, again.reason) == (method, "")


@pytest.mark.parametrize(
    ("targets", "reason"),
    [
        (np.arange(FEWEST - 1) % 2, f"it takes {FEWEST} FOVs that were not trained on, found {FEWEST - 1}"),
        (np.zeros(30, dtype=int), "all FOVs to fit it to are of one class"),
    ],
)
def test_what_cannot_be_fitted_stays_with_the_reason(targets, reason):
    probabilities = np.full((len(targets), 2), 0.5)
    calibrator = Calibrator.fit("temperature", probabilities, targets)

    assert (calibrator.method, calibrator.reason) == ("none", reason)
    assert calibrator.apply(probabilities) is probabilities


def test_probabilities_of_zero_and_one_stay_finite():
    targets = np.arange(20) % 2
    probabilities = np.eye(2)[targets]
    calibrated = Calibrator.fit("vector", probabilities, targets).apply(probabilities)

    assert np.isfinite(calibrated).all()
    assert (calibrated.argmax(axis=1) == targets).all()


def test_an_unknown_method_is_refused():
    with pytest.raises(ConfigError, match="expected one of temperature, vector, none, found 'isotonic'"):
        Calibrator.fit("isotonic", *drawn(20, 2, 1.0))
