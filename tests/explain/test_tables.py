"""Tables of explanations: of scores made by hand, and those of the small run."""

import json

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from torch_geometric.data import HeteroData

from locgraph import schema
from locgraph.errors import DataError
from locgraph.explain.base import Explanation
from locgraph.explain.metrics import columns
from locgraph.explain.tables import attribution_table, feature_summaries, mean_metrics

KEYS = {"fov_id": "a", "fold": 1, "explainer": "occlusion", "explained_class": "T"}
WHOLE = Explanation(
    torch.tensor([0.5, -1.0]),
    localisations=torch.tensor([1.0, 2.0, 3.0]),
    edges=torch.tensor([0.25]),
    features=torch.tensor([4.0]),
    subgraph=torch.tensor([True, False]),
)


@pytest.fixture
def graph():
    """Two clusters, three localisations, one edge."""
    graph = HeteroData()
    graph["cluster"].pos, graph["cluster"].x = torch.zeros(2, 2), torch.zeros(2, 1)
    graph["localisation"].pos = torch.zeros(3, 2)
    graph["cluster", "near", "cluster"].edge_index = torch.tensor([[1], [0]])
    return graph


def test_every_score_has_a_row():
    table = attribution_table(WHOLE, torch.tensor([[1], [0]]), ["count"], **KEYS)
    assert table.schema == {column.name: column.dtype for column in schema.ATTRIBUTION_COLUMNS.values()}
    rows = table.select("level", "cluster_id", "target_cluster", "row", "feature", "score", "in_subgraph").rows()
    assert rows == [
        ("cluster", 0, None, None, None, 0.5, True),
        ("cluster", 1, None, None, None, -1.0, False),
        ("localisation", None, None, 0, None, 1.0, None),
        ("localisation", None, None, 1, None, 2.0, None),
        ("localisation", None, None, 2, None, 3.0, None),
        ("edge", 1, 0, None, None, 0.25, None),
        ("feature", None, None, None, "count", 4.0, None),
    ]
    assert table.select(*KEYS).unique().rows() == [tuple(KEYS.values())]


def test_explanations_of_clusters_alone_fit_the_same_table():
    table = attribution_table(Explanation(torch.zeros(3)), torch.zeros((2, 0), dtype=torch.int64), [], **KEYS)
    assert table["level"].to_list() == ["cluster"] * 3
    assert table["in_subgraph"].null_count() == 3
    assert pl.concat([table, attribution_table(WHOLE, torch.tensor([[1], [0]]), ["count"], **KEYS)]).height == 10


def test_explanations_that_fit_the_graph_are_accepted(graph):
    WHOLE.check(graph)
    Explanation(torch.zeros(2)).check(graph)


@pytest.mark.parametrize(
    ("explanation", "message"),
    [
        (Explanation(torch.zeros(3)), r"expected 2 scores of clusters, found the shape \(3,\)"),
        (Explanation(torch.zeros(2), localisations=torch.zeros(1)), "expected 3 scores of localisations"),
        (Explanation(torch.zeros(2), edges=torch.zeros(2)), "expected 1 scores of edges"),
        (Explanation(torch.zeros(2), features=torch.zeros((1, 1))), "expected 1 scores of features"),
        (Explanation(torch.zeros(2), subgraph=torch.zeros(3, dtype=torch.bool)), "expected 2 scores of subgraph"),
        (Explanation(torch.tensor([0.0, torch.nan])), "expected finite scores of clusters, found 1 that are not"),
    ],
)
def test_scores_that_do_not_fit_the_graph_are_refused(explanation, message, graph):
    with pytest.raises(DataError, match=message):
        explanation.check(graph)


def test_means_skip_metrics_that_do_not_exist():
    metrics = pl.DataFrame(
        {
            "explainer": ["a", "a", "b"],
            "fidelity_plus": [0.5, None, None],
            "truth": ["T"] * 3,
            "seconds": [1.0, 2.0, 3.0],
        }
    )
    assert mean_metrics(metrics).rows() == [("a", 2, 0.5, 1.5), ("b", 1, None, 3.0)]


def test_tables_without_features_have_no_summaries(write_tables, tmp_path, caplog):
    tables = write_tables(tmp_path, {"a": 1, "b": 1})
    no_scores = attribution_table(WHOLE, torch.tensor([[1], [0]]), ["count"], **KEYS).filter(pl.col("level") == "edge")
    assert feature_summaries(no_scores, tables, ["a_0"]) == {}
    assert "no summary of features: expected scores of clusters" in caplog.text


# -- the small run -----------------------------------------------------------------------------------------------------


@pytest.fixture
def table(explained):
    return lambda name: pl.read_parquet(explained.run_dir / f"{name}.parquet")


@pytest.fixture
def record(explained):
    return json.loads((explained.run_dir / "explanations.json").read_text())


def test_attributions_hold_the_levels_of_each_explainer(table, record, fold):
    scores = table("attributions")
    assert scores.schema == {column.name: column.dtype for column in schema.ATTRIBUTION_COLUMNS.values()}
    counts = scores.filter(pl.col("level") == "cluster").group_by("fov_id", "explainer").len()
    n_clusters = dict(fold.prepared.manifest.table.select("fov_id", "n_clusters").iter_rows())
    assert all(count == n_clusters[fov_id] for fov_id, _, count in counts.iter_rows())
    assert set(scores["explainer"]) == set(record["explainers"])
    levels = {name: set(part["level"]) for (name,), part in scores.group_by("explainer")}
    assert levels["random"] == {"cluster"}
    assert levels["pg_explainer"] == {"cluster", "edge"}
    assert levels["integrated_gradients"] == levels["expected_gradients"] == {"cluster", "edge", "feature"}
    assert levels["gnn_explainer"] == {"cluster", "edge", "feature"}
    assert scores.filter(pl.col("explainer") == "subgraphx")["in_subgraph"].null_count() == 0


def test_there_is_a_row_of_metrics_for_each_fov_and_explainer(table, record, explained):
    metrics = table("explanation_metrics")
    assert metrics.height == 4 * len(record["explainers"])
    keys = ["fov_id", "fold", "explainer", "explained_class", "truth", "prediction"]
    assert metrics.columns == [*keys, *columns.JUDGED, *columns.REPEATED, *columns.RANDOMISED, "seconds"]
    joined = metrics.join(table("predictions"), on="fov_id", suffix="_model")
    assert (joined["prediction"] == joined["prediction_model"]).all()
    assert (metrics["explained_class"] == metrics["prediction"]).all()
    occlusion = metrics.filter(pl.col("explainer") == "occlusion")
    assert record["metrics"]["occlusion"]["fidelity_plus"] == pytest.approx(occlusion["fidelity_plus"].mean())
    assert record["metrics"]["occlusion"]["n_fovs"] == 4


def test_every_pair_of_explainers_is_compared_on_every_fov(table, record):
    n = len(record["explainers"])
    pairs = table("explainer_agreement")
    assert pairs.height == 4 * n * (n - 1) // 2
    assert pairs.columns[:4] == ["fov_id", "fold", "explained_class", "explainer"]


def test_sanity_goes_down_to_all_weights(table, record):
    last = table("sanity").filter(pl.col("randomised_to") == "all")
    assert last.height == 2 * len(record["explainers"])
    of_class = table("predictions").join(last, on="fov_id", how="semi")
    assert of_class["truth"].n_unique() == 2
    unchecked = table("explanation_metrics").join(last, on=["fov_id", "explainer"], how="anti")
    assert unchecked["randomised_weights"].null_count() == unchecked.height == 2 * len(record["explainers"])
    joined = table("explanation_metrics").join(last, on=["fov_id", "explainer"])
    assert_frame_equal(joined.select("randomised_weights"), joined.select(randomised_weights="spearman"))


def test_summaries_of_features_are_also_written_as_csv(table, explained):
    for name in ("explained_features", "class_separation"):
        assert pl.read_csv(explained.run_dir / f"{name}.csv").columns == table(name).columns
    assert {"count", "area_hull"} <= set(table("explained_features")["feature"])
