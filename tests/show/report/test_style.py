"""Numbers and names as they are written, and colours that can be read and told apart."""

import pytest

from locgraph.show.report import style


@pytest.mark.parametrize(
    ("value", "expected"), [(0.98765, "0.988"), (-0.5, "−0.500"), (None, "–"), (float("nan"), "–"), (1.0, "1.000")]
)
def test_numbers(value, expected):
    assert style.number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.000123456, "0.000123"), (12.0, "12"), (1234567.8, "1.23e+06"), (-2500.0, "−2\u202f500"), (None, "–")],
)
def test_short_numbers(value, expected):
    assert style.short(value) == expected


def test_intervals_and_counts():
    assert style.interval_text(0.1, 0.25) == "0.100 to 0.250"
    assert style.interval_text(None, 0.25) == "–"
    assert style.count(1234567) == "1\u202f234\u202f567"
    assert (style.many(1, "fold"), style.many(5, "fold"), style.many(2, "class", "classes")) == (
        "1 fold",
        "5 folds",
        "2 classes",
    )


def test_names_and_reasons():
    assert style.plain("balanced_accuracy") == "balanced accuracy"
    assert style.listed(["a", "b"]) == "a, b"
    assert style.listed(list("abcd"), 2) == "a, b and 2 more"
    assert style.one_line("a\n  b\tc") == "a b c"
    assert style.one_line("x" * 9, 5) == "xxxx…"


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "–"), (True, "yes"), (False, "no"), (3, "3"), (0.12345, "0.123"), ("a", "a")]
)
def test_cells(value, expected):
    assert style.cell(value) == expected


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", [style.LIGHT, style.DARK])
@pytest.mark.parametrize("paper", ["paper", "raised", "warn"])
@pytest.mark.parametrize("text", ["ink", "soft", "good", "bad", "accent"])
def test_text_can_be_read(theme, paper, text):
    assert contrast(theme[text], theme[paper]) >= 4.5


def test_both_themes_name_the_same_colours():
    assert style.LIGHT.keys() == style.DARK.keys()


@pytest.mark.parametrize("n_classes", [1, 7, 30])
def test_no_two_of_many_classes_look_alike(n_classes):
    looks = list(zip(style.class_colours(n_classes), style.class_symbols(n_classes), strict=True))

    assert len(set(looks)) == n_classes
    assert len(set(style.class_colours(min(n_classes, 7)))) == min(n_classes, 7)


def test_lines_of_plots_stand_out():
    for theme in (style.LIGHT, style.DARK):
        for colour in (theme["accent"], style.OTHERS):
            assert contrast(colour, theme["paper"]) >= 3
