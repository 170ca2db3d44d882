"""Prepared data with other classes."""

from pathlib import Path

import polars as pl

from locgraph import schema
from locgraph.data.prepared import Prepared, relabel
from locgraph.io.manifest import Manifest


def test_other_classes_take_the_shares_of_annotators_along():
    types = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    rows = [
        dict.fromkeys(types) | {"fov_id": name, "label": label, "shares": shares}
        for name, label, shares in [("x", "a", '{"a": 0.75, "b": 0.25}'), ("y", "b", None), ("z", "b", '{"b": 1.0}')]
    ]
    prepared = Prepared(Manifest(pl.DataFrame(rows, schema=types), ("a", "b")), Path(), Path(), {}, {})
    assert prepared.shares == {"x": {"a": 0.75, "b": 0.25}, "z": {"b": 1.0}}

    other = relabel(prepared, {"x": "b", "y": "a"})
    assert other.labels == {"x": "b", "y": "a", "z": None}
    assert other.shares == {"x": {"b": 1.0}}  # nothing of the true classes is left


def test_without_annotators_there_are_no_shares():
    types = {name: column.dtype for name, column in schema.MANIFEST_COLUMNS.items()}
    row = dict.fromkeys(types) | {"fov_id": "x", "label": "a"}
    prepared = Prepared(Manifest(pl.DataFrame([row], schema=types), ("a", "b")), Path(), Path(), {}, {})
    other = relabel(prepared, {"x": "b"})
    assert (other.labels, other.shares) == ({"x": "b"}, {})
