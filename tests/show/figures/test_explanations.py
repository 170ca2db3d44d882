"""Explained FOVs side by side, and the files of an explanation."""

import dataclasses
from functools import partial
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch
from torch_geometric.data import HeteroData

from builders.figures import scored_fov
from builders.report import CLASSES
from locgraph.errors import DataError
from locgraph.show.figures import explanations
from locgraph.show.figures.explanations import (
    ExplainedTile,
    draw_explanations,
    explanation_gallery,
    make_tiles,
)
from locgraph.show.figures.scored_fov import SCORE_COLOURS, Caption, score_norm
from locgraph.show.figures.style import read_picture

CAPTION = Caption("fov", "T", "T", 0.9, "T", "subgraphx", True, "change of probability")


def tiles(number, **change):
    captions = [dataclasses.replace(CAPTION, name=f"fov_{index}", **change) for index in range(number)]
    return [ExplainedTile(scored_fov(), caption) for caption in captions]


def bold(figure, upright):
    """Bold words: names of explainers, which are turned, or of FOVs."""
    texts = [text for axes in figure.axes for text in axes.texts if text.get_fontweight() == "bold"]
    return [text.get_text() for text in texts if (text.get_rotation() == 90) != upright]


def test_one_explainer_fills_as_many_rows_as_it_needs():
    figure = explanation_gallery({"subgraphx": tiles(7)})
    assert bold(figure, upright=True) == [f"fov_{index}" for index in range(7)]
    assert len(figure.axes) == 7 + 1, "and the colour bar"


def test_several_explainers_have_a_row_each():
    figure = explanation_gallery({"subgraphx": tiles(7), "random": tiles(3)})
    names = [f"fov_{index}" for index in range(5)]
    assert bold(figure, upright=True) == [*names, *names[:3]]
    assert bold(figure, upright=False) == ["subgraphx", "random"]


@pytest.mark.parametrize(("truth", "words"), [("T", "✓ T (0.90)"), ("L", "✗ T (0.90), is L"), (None, "T (0.90)")])
def test_a_tile_names_prediction_and_class(truth, words):
    figure = explanation_gallery({"subgraphx": tiles(1, truth=truth)})
    assert words in {text.get_text().strip() for text in figure.axes[0].texts}


def test_all_fovs_of_an_explainer_share_scale_and_colours_with_numbers():
    large, small = scored_fov(), scored_fov(scores=(0.0, 0.0, 0.5, 1.0))
    figure = explanation_gallery({"subgraphx": [ExplainedTile(fov, CAPTION) for fov in (large, small)]})
    first, second, bar = figure.axes
    assert np.ptp(first.get_xlim()) == np.ptp(second.get_xlim())
    colour = SCORE_COLOURS(score_norm(np.array([-1.0, 2.0]))(1.0))
    np.testing.assert_allclose(second.collections[0].get_facecolors()[-1, :3], colour[:3])
    assert [tick.get_text() for tick in bar.get_xticklabels()] == ["-2", "0", "2"]
    assert bar.get_xlabel().startswith("score (change of probability): against ← 0 → for the class")
    assert all(any("nm" in text.get_text() for text in axes.texts) for axes in (first, second)), "scale bars"


@pytest.mark.parametrize("rows", [{}, {"subgraphx": []}])
def test_nothing_to_draw_is_refused(rows):
    with pytest.raises(DataError, match="explained FOVs to draw, found none"):
        explanation_gallery(rows)


@pytest.fixture
def results(prepared, monkeypatch):
    """Two explainers of two FOVs of three clusters; graphs come from memory."""
    graph = HeteroData()
    graph["cluster", "near", "cluster"].edge_index = torch.tensor([[0, 1], [1, 0]])
    monkeypatch.setattr("locgraph.graphs.store.GraphStore.load", lambda self, fov_id: [graph])
    explanation = SimpleNamespace(clusters=torch.tensor([0.5, -0.25, 1.0]), subgraph=None)
    selected = torch.tensor([False, False, True])

    class Selection:
        by = "fraction"

        def __call__(self, explanation):
            return selected

    rows = {
        name: {"fov_id": name, "truth": name[0], "prediction": "T", "p_T": 0.75, "p_L": 0.25} for name in ("T_0", "L_1")
    }
    explained = {
        name: dict.fromkeys(("occlusion", "random"), SimpleNamespace(explanation=explanation)) for name in rows
    }
    return SimpleNamespace(
        prepared=SimpleNamespace(tables=prepared, store=prepared),
        settings=SimpleNamespace(judging=SimpleNamespace(selection=Selection())),
        record={"units": {"occlusion": "change of probability", "random": "arbitrary unit"}},
        rows=rows,
        explained=explained,
        explained_class=lambda fov_id: CLASSES[0],
    )


def test_every_explainer_draws_every_fov_and_all_are_in_the_gallery(results, tmp_path):
    figures, not_drawn = draw_explanations(tmp_path, partial(make_tiles, results), ["T_0", "L_1"])

    assert figures["L_1"] == {name: f"explanations/{name}/L_1.png" for name in ("occlusion", "random")}
    assert not_drawn == {}
    paths = [path for of_fov in figures.values() for path in of_fov.values()]
    assert all(read_picture(tmp_path / path).std() > 0 for path in [*paths, "explanations/gallery.png"])
    assert all((tmp_path / path).with_suffix(".svg").is_file() for path in paths)


def test_a_tile_holds_scores_outlines_and_words(results):
    tile = make_tiles(results, "L_1")["random"]

    assert tile.caption == Caption("L_1", "L", "T", 0.75, "T", "random", False, "arbitrary unit")
    np.testing.assert_array_equal(tile.fov.scores, [0.5, -0.25, 1.0])
    assert tile.fov.outlined.tolist() == [False, False, True]
    assert tile.fov.edges.tolist() == [[0, 1], [1, 0]]
    assert tile.fov.locs["view"].unique().to_list() == [0]
    assert isinstance(tile.fov.clusters, pl.DataFrame)


def test_a_fov_that_cannot_be_drawn_does_not_stop_the_others(results, tmp_path, caplog):
    results.rows["T_0"]["prediction"] = "unknown"

    figures, not_drawn = draw_explanations(tmp_path, partial(make_tiles, results), ["gone", "T_0", "L_1"])

    assert list(figures) == ["L_1"]
    assert list(not_drawn) == ["gone", "T_0"]
    assert "no figure of gone: " in caplog.text
    assert (tmp_path / "explanations" / "gallery.png").is_file()


def test_a_gallery_that_cannot_be_drawn_is_named(results, tmp_path, monkeypatch):
    def fail(rows):
        raise DataError("no gallery")

    monkeypatch.setattr(explanations, "explanation_gallery", fail)

    assert draw_explanations(tmp_path, partial(make_tiles, results), ["T_0"])[1] == {"gallery.png": "no gallery"}
