"""Colours that can be read and told apart."""

import pytest

from locgraph.show.report import palette


def luminance(colour):
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


@pytest.mark.parametrize("theme", [palette.LIGHT, palette.DARK])
@pytest.mark.parametrize("paper", ["paper", "raised", "warn"])
@pytest.mark.parametrize("text", ["ink", "soft", "good", "bad", "accent"])
def test_text_can_be_read(theme, paper, text):
    assert contrast(theme[text], theme[paper]) >= 4.5


def test_both_themes_name_the_same_colours():
    assert palette.LIGHT.keys() == palette.DARK.keys()


@pytest.mark.parametrize("n_classes", [1, 7, 30])
def test_no_two_of_many_classes_look_alike(n_classes):
    looks = list(zip(palette.class_colours(n_classes), palette.class_symbols(n_classes), strict=True))

    assert len(set(looks)) == n_classes
    assert len(set(palette.class_colours(min(n_classes, 7)))) == min(n_classes, 7)


def test_lines_of_plots_stand_out():
    for theme in (palette.LIGHT, palette.DARK):
        for colour in (theme["accent"], palette.OTHERS):
            assert contrast(colour, theme["paper"]) >= 3
