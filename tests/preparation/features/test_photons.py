import numpy as np
import pytest

from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.photophysics import Photons


def test_hand_made():
    photons = np.array([10.0, 200.0, 30.0, 1.0, 2.0, 50.0, 4.0])
    groups = Groups.from_labels(np.zeros((7, 2)), np.array([1, 0, 1, 0, 0, 1, 0]), {"photons": photons})
    values = Photons().compute(groups)
    assert values["photons_mean"] == pytest.approx([207 / 4, 30])
    assert values["photons_median"] == pytest.approx([3, 30])
    assert values["photons_total"] == pytest.approx([207, 90])


def test_whole_numbers_do_not_overflow():
    photons = np.full(4, 2**31 - 1, dtype=np.int32)
    values = Photons().compute(Groups.from_labels(np.zeros((4, 2)), np.zeros(4, dtype=int), {"photons": photons}))
    assert values["photons_total"][0] == 4 * (2**31 - 1)
    assert values["photons_median"][0] == 2**31 - 1
