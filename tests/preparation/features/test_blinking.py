import numpy as np
import pytest

from locgraph.errors import ConfigError
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.photophysics import Blinking, MergedBlinking

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


@pytest.mark.parametrize("tolerance", [-1, 1.5, True, None])
def test_tolerance_must_be_a_number_of_frames(tolerance):
    with pytest.raises(ConfigError, match=r"blinking\.dark_tolerance must be a whole number of at least 0"):
        Blinking(tolerance)
