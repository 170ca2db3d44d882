import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.photophysics import DeconvolvedSize, DeconvolvedSize3D, true_variance


def groups_of(points, precision, precision_z=None, labels=None):
    labels = np.zeros(len(points), dtype=int) if labels is None else labels
    columns = {"precision": np.asarray(precision, dtype=float)}
    if precision_z is not None:
        columns["precision_z"] = np.asarray(precision_z, dtype=float)
    return Groups.from_labels(np.asarray(points, dtype=float), labels, columns)


def radius(*arguments):
    return DeconvolvedSize().compute(groups_of(*arguments))["radius_deconvolved"][0]


def test_equal_precisions_are_subtracted_in_quadrature():
    square = [[0, 0], [6, 0], [0, 8], [6, 8]]  # sum |r|^2 = 4 * 25
    assert radius(square, [2, 2, 2, 2]) == pytest.approx(np.sqrt(100 / 3 - 2 * 4))
    assert radius(square, [4.0824829046, 4.0824829046, 4.0824829046, 4.0824829046]) < 1e-3
    assert radius(square, [10, 10, 10, 10]) == 0.0


def test_precise_localisations_weigh_more():
    # W = 2 + 1/4, centre of x = 0.5 * 2 / W + ... : by hand with weights 1, 1, 1/4
    x, w = np.array([0.0, 10.0, 100.0]), np.array([1.0, 1.0, 0.25])
    centre = (w * x).sum() / w.sum()
    scatter = (w * (x - centre) ** 2).sum()
    expected = (scatter - 2 * 2) / (w.sum() - (w**2).sum() / w.sum())
    assert radius(np.column_stack([x, 0 * x]), [1, 1, 2]) == pytest.approx(np.sqrt(expected))


@pytest.mark.parametrize("true_sigma", [0.0, 5.0, 20.0])
def test_right_on_average_whatever_the_precisions(true_sigma):
    rng = np.random.default_rng(0)
    C, n = 4000, 12
    precision = rng.uniform(3, 20, C * n)
    labels = np.repeat(np.arange(C), n)
    places = rng.normal(0, 1, (C * n, 2)) * true_sigma
    points = places + rng.normal(0, 1, (C * n, 2)) * precision[:, None]
    groups = groups_of(points, precision, labels=labels)
    found = true_variance(groups, groups.centred, precision)
    error = found.std() / np.sqrt(C)
    assert found.mean() == pytest.approx(2 * true_sigma**2, abs=4 * error)
    naive = groups.sums((groups.centred**2).sum(axis=1)).mean() / (n - 1)
    assert naive > 2 * true_sigma**2 + 100  # the blur that is taken out


def test_unknown_precisions_are_left_out():
    points, precision = [[0, 0], [6, 0], [0, 8], [500, 0]], [1, 2, 1, 0]
    assert radius(points, precision) == pytest.approx(radius(points[:3], precision[:3]))
    assert radius(points, [0, 0, 1, 0]) == 0.0
    assert radius(points, [0, 0, 0, 0]) == 0.0


def test_one_localisation_and_one_place():
    assert radius([[3, 4]], [1]) == 0.0
    assert radius([[0.1, 0.2]] * 5, [1, 2, 3, 4, 5]) == 0.0


def test_three_dimensions_adds_the_axial_variance():
    box = np.array([[0, 0, 0], [6, 8, 12], [6, 0, 12], [0, 8, 0]], dtype=float)
    groups = groups_of(box, [1] * 4, [3] * 4)
    lateral, axial = 100 / 3 - 2, 144 / 3 - 9
    assert DeconvolvedSize().compute(groups)["radius_deconvolved"][0] == pytest.approx(np.sqrt(lateral))
    found = DeconvolvedSize3D().compute(groups)["radius_deconvolved_3d"][0]
    assert found == pytest.approx(np.sqrt(lateral + axial))


def test_the_feature_of_three_dimensions_gives_nothing_in_two():
    assert DeconvolvedSize3D().columns(2) == ()
    assert DeconvolvedSize3D().compute(groups_of([[0, 0], [1, 1]], [1, 1], [1, 1])) == {}
    assert DeconvolvedSize3D.needs == ("precision", "precision_z")
