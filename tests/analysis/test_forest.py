"""The control on pair distances as a predictor: the same answers as the controls, with probabilities."""

import numpy as np
import pytest

from locgraph.analysis.control_inputs import ControlInputs
from locgraph.analysis.controls import PAIR_DISTANCES, PAIR_DISTANCES_AND_COUNT, predict_controls
from locgraph.analysis.forest import PairDistanceForest
from locgraph.errors import DataError


@pytest.fixture(scope="module")
def fovs():
    """Rings (a) and discs (b) of 40 points, and labels."""
    rng = np.random.default_rng(0)
    positions, labels = {}, {}
    for index in range(24):
        ring = index % 2 == 0
        radius = np.full(40, 50.0) if ring else 50 * rng.random(40) ** 0.5
        angle = rng.uniform(0, 2 * np.pi, 40)
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
        positions[f"f{index:02d}"] = points + rng.normal(0, 12, (40, 2))
        labels[f"f{index:02d}"] = "a" if ring else "b"
    return positions, labels


@pytest.mark.parametrize(("with_count", "control"), [(True, PAIR_DISTANCES_AND_COUNT), (False, PAIR_DISTANCES)])
def test_it_predicts_what_the_control_predicts(fovs, with_count, control):
    positions, labels = fovs
    train, test = list(positions)[:16], list(positions)[16:]
    forest = PairDistanceForest({fov: positions[fov] for fov in train}, labels, ("b", "a"), 3, with_count)
    probabilities = forest.predict([positions[fov] for fov in test])
    expected = predict_controls(ControlInputs(positions), labels, train, test, 3)
    rows = expected.filter(control=control)
    assert rows["fov_id"].to_list() == test
    assert [("b", "a")[place] for place in probabilities.argmax(axis=1)] == rows["prediction"].to_list()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)


def test_a_class_without_votes_has_a_probability(fovs):
    positions, labels = fovs
    forest = PairDistanceForest(positions, labels, ("a", "b", "absent"), 0, True)
    assert forest.predict([positions["f00"]])[0, 2] == pytest.approx(0.5 / 200, rel=0.01)


def test_labels_outside_the_classes_are_refused(fovs):
    positions, labels = fovs
    with pytest.raises(DataError, match=r"among \['a'\], found \['b'\]"):
        PairDistanceForest(positions, labels, ("a",), 0, True)
