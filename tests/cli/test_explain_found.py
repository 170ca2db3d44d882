"""All that was found, on its way into tables and figures."""

import polars as pl

from locgraph.cli.explain_found import Found
from locgraph.cli.explain_fov import Case


def test_one_explanation_goes_by_the_same_keys_everywhere():
    record = {"class_names": ["T", "L"], "settings": {"fold": {"index": 3}}}
    predictions = pl.DataFrame({"fov_id": ["a", "b"], "prediction": ["T", "L"]})
    found = Found(record, None, None, predictions, {"a": Case("a", 1, None)}, {"a": {}})

    assert found.keys("a", "random") == {"fov_id": "a", "fold": 3, "explainer": "random", "explained_class": "L"}
    assert found.explained_class("a") == "L"
    assert found.rows["b"] == {"fov_id": "b", "prediction": "L"}
    assert found.class_names == ["T", "L"]
