"""Prepared tables of fields of view (FOVs) as statistics want them: view 0, the whole FOV, what lies in clusters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from locgraph import schema
from locgraph.io.featextracted import ExtractedFov, read_fov


def whole_fovs(tables: Path, fov_ids: Iterable[str]) -> Iterator[ExtractedFov]:
    """Reads FOVs one after the other.

    Args:
        tables: Featextracted folder.
        fov_ids: The FOVs.

    Yields:
        Each FOV with the rows of view 0, localisations of no cluster left out: what a network sees. Localisations keep
        their order, so that they count as ``schema.ROW`` does.

    Raises:
        DataError: A file is absent or damaged.
    """
    for fov_id in fov_ids:
        fov = read_fov(tables, fov_id)
        whole = pl.col(schema.VIEW) == 0
        locs = fov.locs.filter(whole, pl.col(schema.CLUSTER_ID) != schema.NOISE)
        yield replace(fov, locs=locs, clusters=fov.clusters.filter(whole))


def cluster_features(clusters: pl.DataFrame) -> list[str]:
    """Columns of a table of clusters that describe a cluster, not where it lies or what it is called."""
    places = {schema.VIEW, schema.CLUSTER_ID, *schema.centre_columns(3)}
    return [name for name, dtype in clusters.schema.items() if name not in places and dtype.is_numeric()]
