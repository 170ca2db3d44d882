"""Tables of explanations of the small run, and the summary on the console."""

import io
import json

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

from locgraph import schema
from locgraph.cli import explanation_tables
from locgraph.explain.metrics import columns


@pytest.fixture
def table(explained):
    return lambda name: pl.read_parquet(explained.run_dir / f"{name}.parquet")


@pytest.fixture
def about(explained):
    return json.loads((explained.run_dir / "explanations.json").read_text())


def test_attributions_have_the_columns_of_the_schema(table, about, fold):
    found = table("attributions")
    assert found.schema == {column.name: column.dtype for column in schema.ATTRIBUTION_COLUMNS.values()}
    counts = found.filter(pl.col("level") == "cluster").group_by("fov_id", "explainer").len()
    n_clusters = dict(fold.prepared.manifest.table.select("fov_id", "n_clusters").iter_rows())
    assert all(count == n_clusters[fov_id] for fov_id, _, count in counts.iter_rows())
    assert set(found["explainer"]) == set(about["explainers"])
    levels = {name: set(part["level"]) for (name,), part in found.group_by("explainer")}
    assert levels["random"] == {"cluster"}
    assert levels["pg_explainer"] == {"cluster", "edge"}
    assert levels["gnn_explainer"] == {"cluster", "edge", "feature"}
    assert found.filter(pl.col("explainer") == "subgraphx")["in_subgraph"].null_count() == 0


def test_there_is_a_row_of_metrics_for_each_fov_and_explainer(table, about, explained):
    found = table("explanation_metrics")
    assert found.height == 4 * len(about["explainers"])
    keys = ["fov_id", "fold", "explainer", "explained_class", "truth", "prediction"]
    assert found.columns == [*keys, *columns.JUDGED, *columns.REPEATED, *columns.RANDOMISED, "seconds"]
    predictions = pl.read_parquet(explained.run_dir / "predictions.parquet")
    joined = found.join(predictions, on="fov_id", suffix="_model")
    assert (joined["prediction"] == joined["prediction_model"]).all()
    assert (found["explained_class"] == found["prediction"]).all()


def test_means_are_those_of_the_table(table, about):
    found = table("explanation_metrics").filter(pl.col("explainer") == "occlusion")
    assert about["metrics"]["occlusion"]["fidelity_plus"] == pytest.approx(found["fidelity_plus"].mean())
    assert about["metrics"]["occlusion"]["n_fovs"] == 4


def test_every_pair_of_explainers_is_compared_on_every_fov(table, about):
    n = len(about["explainers"])
    found = table("explainer_agreement")
    assert found.height == 4 * n * (n - 1) // 2
    assert found.columns[:4] == ["fov_id", "fold", "explained_class", "explainer"]


def test_sanity_goes_down_to_all_weights(table, about):
    found = table("sanity").filter(pl.col("randomised_to") == "all")
    assert found.height == 4 * len(about["explainers"])
    metrics = table("explanation_metrics")
    joined = metrics.join(found, on=["fov_id", "explainer"])
    assert_frame_equal(joined.select("randomised_weights"), joined.select(randomised_weights="spearman"))


def test_summaries_are_written_to_read_and_to_compute_with(table, explained):
    for name in ("explained_features", "class_separation"):
        assert pl.read_csv(explained.run_dir / f"{name}.csv").columns == table(name).columns
    assert {"count", "area_hull"} <= set(table("explained_features")["feature"])


def test_the_console_names_means_what_was_left_out_and_what_failed(tmp_path):
    metrics = pl.DataFrame(
        {
            "explainer": ["a", "a", "b"],
            "fidelity_plus": [0.5, 0.25, None],
            "truth": ["T", "L", "T"],
            "seconds": [1.0, 2.0, 3.0],
        }
    )
    about = {
        "settings": {"explained_class": "truth"},
        "fovs": 3,
        "left_out": {"attention": "it has none"},
        "failed": 1,
        "failures": {"b": {"fov_1": "damaged"}},
    }
    printed = io.StringIO()
    explanation_tables.show(explanation_tables.means(metrics), about, tmp_path, Console(file=printed, width=80))
    lines = [" ".join(line.split()) for line in printed.getvalue().splitlines()]
    assert "explanations of 3 FOVs (class: truth)" in " ".join(lines)
    assert "FOVs fid+ s/FOV" in lines
    assert "a 2 0.38 1.50" in lines
    assert "b 1 - 3.00" in lines
    assert "left out: attention: it has none" in lines
    assert "failed: 1 FOVs, such as fov_1: damaged" in lines
    assert f"explanations: {tmp_path}" in lines


def test_the_widest_table_fits_a_terminal():
    names = {name: [-0.25] for name in explanation_tables._SHOWN}
    metrics = pl.DataFrame({"explainer": ["integrated_gradients"], **names})
    about = {"settings": {"explained_class": "predicted"}, "fovs": 1, "left_out": {}, "failed": 0, "failures": {}}
    printed = io.StringIO()
    explanation_tables.show(explanation_tables.means(metrics), about, "", Console(file=printed, width=80))
    assert "…" not in printed.getvalue()
    assert "integrated_gradients" in printed.getvalue()
