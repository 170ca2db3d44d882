"""Numbers, lengths and texts of an inspection in words."""

import math

import pytest

from locgraph.io.description import format_length, format_number, shorten


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, ""),
        (0.0, "0"),
        (-0.0, "0"),
        (12345678.0, "12,345,678"),
        (2.5, "2.5"),
        (1234.567, "1,234.6"),
        (-0.0123456, "-0.012346"),
        (1.5e-7, "1.5000e-07"),
        (1e300, "1.0000e+300"),
        (99999.96, "100,000"),
    ],
)
def test_numbers(value, words):
    assert format_number(value) == words


@pytest.mark.parametrize(
    ("nm", "words"), [(0.5, "0.5 nm"), (999.0, "999 nm"), (40_000.0, "40 µm"), (2.5e6, "2.5 mm"), (math.pi, "3.14 nm")]
)
def test_lengths(nm, words):
    assert format_length(nm) == words


def test_long_texts_are_cut():
    assert shorten("a\n  b") == "a b"
    assert len(shorten("x" * 500)) == 60
