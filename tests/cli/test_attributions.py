"""Explanations as rows of a table."""

import polars as pl
import pytest
import torch

from locgraph import schema
from locgraph.cli.attributions import attribution_table, check_explanation
from locgraph.errors import DataError
from locgraph.explain.base import Explanation

KEYS = {"fov_id": "a", "fold": 1, "explainer": "occlusion", "explained_class": "T"}
WHOLE = Explanation(
    torch.tensor([0.5, -1.0]),
    localisations=torch.tensor([1.0, 2.0, 3.0]),
    edges=torch.tensor([0.25]),
    features=torch.tensor([4.0]),
    subgraph=torch.tensor([True, False]),
)
SIZES = {"clusters": 2, "localisations": 3, "edges": 1, "features": 1}


def test_every_score_has_a_row_that_says_what_it_is_of():
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


def test_clusters_alone_have_rows_where_nothing_else_is_scored():
    table = attribution_table(Explanation(torch.zeros(3)), torch.zeros((2, 0), dtype=torch.int64), [], **KEYS)
    assert table["level"].to_list() == ["cluster"] * 3
    assert table["in_subgraph"].null_count() == 3
    assert pl.concat([table, attribution_table(WHOLE, torch.tensor([[1], [0]]), ["count"], **KEYS)]).height == 10


def test_an_explanation_that_fits_is_taken():
    check_explanation(WHOLE, SIZES)
    check_explanation(Explanation(torch.zeros(2)), SIZES)


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
def test_scores_that_do_not_fit_are_refused(explanation, message):
    with pytest.raises(DataError, match=message):
        check_explanation(explanation, SIZES)
