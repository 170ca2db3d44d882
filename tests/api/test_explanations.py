"""Explanations as objects: scores, metrics, figures and files, also of data that are gone."""

import json

import polars as pl
import pytest

from locgraph.api.models.explanations import Explanations, explain_prepared
from locgraph.api.models.load import load_model as load
from locgraph.errors import ConfigError, DataError
from locgraph.explain.baselines import RandomScores

QUICK = ("explain.stability.repeats=0", "explain.curve_points=2", "explain.max_fovs=2")


@pytest.fixture(scope="module")
def model(trained):
    return load(trained.run_dir / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def explanations(model, trained) -> Explanations:
    """Of two raw files, whose prepared tables are removed at the end."""
    files = sorted((trained.folder / "outputs" / "simulated" / "demo").glob("*_000.parquet"))
    return model.explain(files, "[random,occlusion]", overrides=QUICK)


def test_scores_and_metrics_are_tables(explanations):
    assert set(explanations.scores["explainer"]) == {"random", "occlusion"}
    assert explanations.scores["fov_id"].n_unique() == 2
    assert explanations.metrics.height == 4
    assert {"attributions.parquet", "explained_features.parquet"} <= set(explanations.tables)
    assert explanations.about["fovs"] == 2
    assert explanations.failures == {}


def test_they_show_themselves(explanations):
    assert repr(explanations).startswith("Explanations(2 FOVs by ")
    assert "occlusion" in repr(explanations)
    assert "<table" in explanations._repr_html_()


@pytest.mark.parametrize("explainer", [None, "occlusion"])
def test_a_fov_is_plotted(explainer, explanations):
    figure = explanations.plot("L_000", explainer)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "L_000" in words
    assert any(text.startswith(explainer or explanations.results.explainers[0]) for text in words)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(("nowhere",), "fov_id: expected one of L_000"), (("L_000", "none"), "explainer: expected one of ")],
)
def test_only_what_was_explained_is_plotted(arguments, message, explanations):
    with pytest.raises(DataError, match=message):
        explanations.plot(*arguments)


def test_they_are_written_after_the_prepared_data_are_gone(explanations, tmp_path):
    explanations.write(tmp_path)
    assert pl.read_parquet(tmp_path / "attributions.parquet").equals(explanations.scores)
    record = json.loads((tmp_path / "explanations.json").read_text())
    assert record["metrics"] == explanations.about["metrics"]
    assert record["not_drawn"] == {}
    assert all((tmp_path / path).is_file() for figures in record["figures"].values() for path in figures.values())


def test_names_and_settings_are_checked(model, fold):
    with pytest.raises(ConfigError, match=r"^fovs: .*'L_999' is unknown"):
        model.explain(fold.prepared, "random", ["L_999"])
    with pytest.raises(ConfigError, match=r"^explain\.max_fovs: "):
        model.explain(fold.prepared, "random", overrides=("explain.max_fovs=0",))


def test_where_all_fovs_fail_the_record_is_kept(plan, fold, trained, monkeypatch, tmp_path):
    def never(self, network, example, generator):
        raise DataError("never")

    monkeypatch.setattr(RandomScores, "explain", never)
    predictions = pl.read_parquet(trained.run_dir / "predictions.parquet").filter(split="test")
    with pytest.raises(DataError, match=r"none of 6 FOVs could be explained, such as random, .*: never"):
        explain_prepared(plan("explain=random"), fold.prepared, predictions, pytest.fail, tmp_path)
    assert len(json.loads((tmp_path / "explanations.json").read_text())["failures"]["random"]) == 6
