"""Annotators who make known statements about small raw files."""

from pathlib import Path

import numpy as np
import polars as pl

from locgraph.io.annotations.table import append_annotations

GRID = np.stack(np.meshgrid(np.arange(10.0), np.arange(10.0)), axis=-1).reshape(-1, 2) * 10
"""100 localisations, 10 nm apart, from 0 to 90 nm."""


def write_raw(folder: Path, names: list[str]) -> Path:
    """Write a raw file with the localisations of `GRID` for each FOV."""
    for name in names:
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(GRID, schema=["x", "y"]).write_parquet(path)
    return folder


def sort(annotator: str, fov_id: str, label: str | None) -> dict:
    """A class of a whole FOV."""
    return {"annotator": annotator, "fov_id": fov_id, "target": "fov", "label": label, "tool": "key"}


def click(annotator: str, fov_id: str, cluster: int, label: str | None) -> dict:
    """A class of a cluster."""
    about = {"annotator": annotator, "fov_id": fov_id, "target": "cluster", "label": label, "tool": "click"}
    return about | {"cluster_id": cluster, "x": [10.0 * cluster], "y": [0.0]}


def mark(annotator: str, fov_id: str, label: str | None, x: float, y: float) -> dict:
    """A point."""
    about = {"annotator": annotator, "fov_id": fov_id, "target": "point", "label": label, "tool": "point"}
    return about | {"x": [x], "y": [y]}


def outline(
    annotator: str, fov_id: str, label: str | None, low: tuple[float, float], high: tuple[float, float]
) -> dict:
    """A box."""
    about = {"annotator": annotator, "fov_id": fov_id, "target": "region", "label": label, "tool": "polygon"}
    return about | {"x": [low[0], high[0], high[0], low[0]], "y": [low[1], low[1], high[1], high[1]]}


def write_statements(path: Path, rows: list[dict]) -> Path:
    """Write a table of annotations."""
    append_annotations(path, rows)
    return path


def two_who_sort(n: int, wrong: int = 0) -> list[dict]:
    """Ann and Bo, who give n FOVs one of two classes, and differ in the first ones."""
    rows = []
    for place in range(n):
        label = "ab"[place % 2]
        other = {"a": "b", "b": "a"}[label] if place < wrong else label
        rows += [sort("Ann", f"f{place}", label), sort("Bo", f"f{place}", other)]
    return rows
