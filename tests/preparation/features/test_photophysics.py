"""Blinking, photons, precision, channels, and size without localisation error."""

import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.channels import ChannelFractions, ChannelIndicator, check_channels
from locgraph.preparation.features.filling import Solidity
from locgraph.preparation.features.localisations import LocalDensity
from locgraph.preparation.features.neighbourhood import Neighbourhood
from locgraph.preparation.features.photophysics import (
    Blinking,
    DeconvolvedSize,
    MergedBlinking,
    Photons,
    true_variance,
)

#: frame 0 1 2 3 4 5 6 7 8 9 10
#: on    x x     x       x x
FRAMES = [9, 0, 4, 1, 1, 8]


def measure(feature, frames, **columns):
    columns = {name: np.asarray(values) for name, values in {"frame": frames, **columns}.items()}
    groups = Groups.from_labels(np.zeros((len(frames), 2)), np.zeros(len(frames), dtype=int), columns)
    return tuple(values[0] for values in feature.compute(groups).values())


@pytest.mark.parametrize(
    ("tolerance", "events", "on", "dark"), [(0, 3, 5 / 3, 2.5), (1, 3, 5 / 3, 2.5), (2, 2, 3.5, 3), (3, 1, 10, 0)]
)
def test_events_on_time_and_dark_time(tolerance, events, on, dark):
    assert measure(Blinking(tolerance), FRAMES) == pytest.approx((events, on, dark))


def test_one_frame_is_one_event_of_length_one():
    assert measure(Blinking(0), [5]) == (1, 1, 0)
    assert measure(Blinking(0), [5, 5, 5]) == (1, 1, 0)


def test_clusters_do_not_run_into_each_other():
    columns = {"frame": np.array([0, 1, 2, 3, 10])}
    groups = Groups.from_labels(np.zeros((5, 2)), np.array([1, 0, 1, 0, 0]), columns)
    values = Blinking(1).compute(groups)
    assert values["blinking_events"].tolist() == [2, 1]
    assert values["on_time_mean"].tolist() == [2, 3]
    assert values["dark_time_mean"].tolist() == [6, 0]


def test_merged_localisations_stay_on():
    assert measure(MergedBlinking(0), [0, 6], n_frames=[4, 2]) == (2, 3, 2)
    assert measure(MergedBlinking(2), [0, 6], n_frames=[4, 2]) == (1, 8, 0)
    # the long one outlasts the short one that starts within it
    assert measure(MergedBlinking(0), [0, 2, 12], n_frames=[10, 1, 1]) == (2, 5.5, 2)


def test_merged_with_one_frame_each_is_the_same():
    assert measure(MergedBlinking(1), FRAMES, n_frames=[1] * 6) == measure(Blinking(1), FRAMES)
    assert measure(MergedBlinking(1), FRAMES, n_frames=[0] * 6) == measure(Blinking(1), FRAMES)


def test_far_frames():
    assert measure(Blinking(0), [10**15, 10**15 + 5]) == (2, 1, 4)


def test_whole_numbers_do_not_overflow():
    photons = np.full(4, 2**31 - 1, dtype=np.int32)
    values = Photons().compute(Groups.from_labels(np.zeros((4, 2)), np.zeros(4, dtype=int), {"photons": photons}))
    assert values["photons_total"][0] == 4 * (2**31 - 1)
    assert values["photons_median"][0] == 2**31 - 1


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


@pytest.mark.parametrize("true_sigma", [0.0, 5.0, 20.0])
def test_right_on_average_whatever_the_precisions(true_sigma):
    rng = np.random.default_rng(0)
    C, n = 4000, 12
    precision = rng.uniform(3, 20, C * n)
    labels = np.repeat(np.arange(C), n)
    places = rng.normal(0, 1, (C * n, 2)) * true_sigma
    points = places + rng.normal(0, 1, (C * n, 2)) * precision[:, None]
    groups = groups_of(points, precision, labels=labels)
    result = true_variance(groups, groups.centred, precision)
    error = result.std() / np.sqrt(C)
    assert result.mean() == pytest.approx(2 * true_sigma**2, abs=4 * error)
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


def test_channels_are_named_by_index_in_their_order():
    assert list(check_channels("a", {2: "actin", 0: "lamin"}).items()) == [(2, "actin"), (0, "lamin")]
    assert check_channels("a", {"1": 647}) == {1: "647"}  # as JSON gives it back


@pytest.mark.parametrize(
    "value", [{}, None, ["actin"], {-1: "a"}, {0.5: "a"}, {"red": "a"}, {True: "a"}, {0: "a", 1: "a"}, {0: ""},
              {0: None}, {0: "a", "0": "b"}]
)  # fmt: skip
def test_channels_without_an_index_or_name_of_their_own_are_refused(value):
    with pytest.raises(ConfigError, match=r"c: expected the index of each channel with a name of its own, such as"):
        check_channels("c", value)


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (lambda: Solidity(0), "alpha_nm"),
        (lambda: Neighbourhood(0, [50]), "k"),
        (lambda: Neighbourhood(3, []), "radii_nm"),
        (lambda: LocalDensity(-1), "radius_nm"),
        (lambda: Blinking(-1), "dark_tolerance"),
        (lambda: Blinking(1.5), "dark_tolerance"),
        (lambda: Blinking(True), "dark_tolerance"),
        (lambda: MergedBlinking(None), "dark_tolerance"),
        (lambda: ChannelFractions({}), "channels"),
        (lambda: ChannelIndicator({}), "channels"),
    ],
)
def test_a_setting_out_of_range_is_named(make, setting):
    with pytest.raises(ConfigError) as error:
        make()
    assert error.value.setting == setting
