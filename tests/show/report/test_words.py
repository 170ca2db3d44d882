"""Numbers and names as they are written."""

import pytest

from locgraph.show.report import words


@pytest.mark.parametrize(
    ("value", "expected"), [(0.98765, "0.988"), (-0.5, "−0.500"), (None, "–"), (float("nan"), "–"), (1.0, "1.000")]
)
def test_numbers(value, expected):
    assert words.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.000123456, "0.000123"), (12.0, "12"), (1234567.8, "1.23e+06"), (-2500.0, "−2\u202f500"), (None, "–")],
)
def test_short_numbers(value, expected):
    assert words.short(value) == expected


def test_intervals_and_counts():
    assert words.spread(0.1, 0.25) == "0.100 to 0.250"
    assert words.spread(None, 0.25) == "–"
    assert words.count(1234567) == "1\u202f234\u202f567"
    assert (words.many(1, "fold"), words.many(5, "fold"), words.many(2, "class", "classes")) == (
        "1 fold",
        "5 folds",
        "2 classes",
    )


def test_names_and_reasons():
    assert words.plain("balanced_accuracy") == "balanced accuracy"
    assert words.listed(["a", "b"]) == "a, b"
    assert words.listed(list("abcd"), 2) == "a, b and 2 more"
    assert words.one_line("a\n  b\tc") == "a b c"
    assert words.one_line("x" * 9, 5) == "xxxx…"
