"""Figures of explained FOVs."""

import json
from xml.etree import ElementTree

import pytest

from locgraph.cli import explanation_figures
from locgraph.cli.examples import Examples
from locgraph.cli.explain_found import Found
from locgraph.cli.explain_fov import Case, ExplainFov
from locgraph.errors import DataError
from locgraph.show.figures.save import read_picture


@pytest.fixture
def found(plan, small_checkpoint, fold, trained):
    """Random scores of two FOVs."""
    import polars as pl

    chosen = plan("explain=random", "explain.curve_points=2", "explain.stability.repeats=0")
    record = small_checkpoint.record
    n_features = len(record["settings"]["graph"]["cluster_features"])
    examples = Examples(record, fold.prepared)
    work = ExplainFov(chosen.network, chosen.chosen.explainers, chosen.settings, examples, n_features)
    cases = {name: Case(name, 0, None) for name in record["split"]["test"][:2]}
    explained = {name: {key: told.result for key, told in work(case).items()} for name, case in cases.items()}
    predictions = pl.read_parquet(trained.run_dir / "predictions.parquet")
    return Found(record, chosen.settings, fold.prepared, predictions, cases, explained)


def test_every_explainer_draws_the_same_fovs_of_all_classes(explained):
    about = json.loads((explained.run_dir / "explanations.json").read_text())
    assert {name[0] for name in about["figures"]} == {"T", "L"}
    for figures in about["figures"].values():
        assert set(figures) == set(about["explainers"])
        for path in figures.values():
            picture = read_picture(explained.run_dir / path)
            assert picture.shape[1] == pytest.approx(89 / 25.4 * 200, abs=1)
            assert picture.std() > 0
            assert ElementTree.parse((explained.run_dir / path).with_suffix(".svg")).getroot().tag.endswith("svg")
    assert read_picture(explained.run_dir / "explanations" / "gallery.png").std() > 0
    assert about["not_drawn"] == {}


def test_a_fov_that_cannot_be_drawn_does_not_stop_the_others(found, tmp_path, monkeypatch, caplog):
    bad, good = found.explained
    draw = explanation_figures.explanation_figure

    def fails(fov, caption):
        if caption.name == bad:
            raise DataError("nothing to draw")
        return draw(fov, caption)

    monkeypatch.setattr(explanation_figures, "explanation_figure", fails)

    figures, not_drawn = explanation_figures.draw(tmp_path, found)

    assert figures == {good: {"random": f"explanations/random/{good}.png"}}
    assert not_drawn == {bad: "nothing to draw"}
    assert f"no figure of {bad}: nothing to draw" in caplog.text
    assert (tmp_path / "explanations" / "gallery.png").is_file()
