"""Units of length, as files write them."""

import pytest

from locgraph.io.values import LENGTH_UNITS, NM_PER_UNIT, SQUARES, unit_in_name


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("x [nm]", "nm"),
        ("X (nm)", "nm"),
        ("x [µm]", "um"),
        ("x [μm]", "um"),
        ("x [ um ] ", "um"),
        ("X (pix)", "px"),
        ("x[pixels]", "px"),
        ("X(nm)", "nm"),
        ("x [m]", "m"),
        ("x", None),
        ("x [photon]", None),
        ("[nm] x", None),
        ("xnm", None),
    ],
)
def test_the_unit_that_a_name_states(name, unit):
    assert unit_in_name(name) == unit


def test_every_unit_has_a_square():
    assert list(SQUARES.values()) == list(LENGTH_UNITS)
    assert [NM_PER_UNIT[unit] for unit in ("nm", "um", "m")] == [1.0, 1e3, 1e9]
