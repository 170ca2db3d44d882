"""Explained FOVs side by side."""

import dataclasses

import pytest

from locgraph.errors import DataError
from locgraph.show.figures.explanation import Caption
from locgraph.show.figures.explanation_gallery import COLUMNS, ExplainedTile, explanation_gallery


@pytest.fixture
def tiles(scored):
    """Makes FOVs of class T, called T."""

    def make(number, **change):
        caption = dataclasses.replace(Caption("", "T", "T", 0.9, "T", "subgraphx", True), **change)
        return [ExplainedTile(scored(), dataclasses.replace(caption, name=f"fov_{index}")) for index in range(number)]

    return make


def words(figure, upright):
    """Bold words: names of FOVs, or, upright, of explainers."""
    texts = [text for axes in figure.axes for text in axes.texts if text.get_fontweight() == "bold"]
    return [text.get_text() for text in texts if (text.get_rotation() == 90) == upright]


def shown(figure):
    """Names of the FOVs that are drawn."""
    return words(figure, upright=False)


def test_one_explainer_fills_as_many_rows_as_it_needs(tiles):
    figure = explanation_gallery({"subgraphx": tiles(7)})
    assert shown(figure) == [f"fov_{index}" for index in range(7)]
    assert len(figure.axes) == 2 * COLUMNS + 1  # and the colour bar


def test_several_explainers_have_a_row_each(tiles):
    figure = explanation_gallery({"subgraphx": tiles(7), "random": tiles(3)})
    assert shown(figure) == [*(f"fov_{index}" for index in range(5)), *(f"fov_{index}" for index in range(3))]
    assert words(figure, upright=True) == ["subgraphx", "random"]


@pytest.mark.parametrize(("truth", "words"), [("T", "✓ T (0.90)"), ("L", "✗ T (0.90), is L"), (None, "T (0.90)")])
def test_a_tile_says_what_the_model_called_it(tiles, truth, words):
    figure = explanation_gallery({"subgraphx": tiles(1, truth=truth)})
    assert words in {text.get_text().strip() for text in figure.axes[0].texts}


def test_three_dimensions_are_seen_from_above(scored):
    tile = ExplainedTile(scored(3), Caption("fov", None, "T", 0.9, "T", "subgraphx", True))
    assert shown(explanation_gallery({"subgraphx": [tile]})) == ["fov"]


@pytest.mark.parametrize("rows", [{}, {"subgraphx": []}])
def test_nothing_to_draw_is_refused(rows):
    with pytest.raises(DataError, match="explained FOVs to draw, found none"):
        explanation_gallery(rows)
