"""Prepared data: manifest, tables and graphs of a data set (no torch here)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.io.featextracted import read_fov
from locgraph.io.manifest import Manifest


@dataclass(frozen=True)
class Prepared:
    """Prepared data.

    Attributes:
        manifest: The good FOVs, and the failed ones with reasons.
        tables: Folder of the featextracted tables.
        store: Folder of the graph store.
        units: Unit of each column of the tables.
        graph_settings: Settings of the graphs, complete.
        scales: Scale that the feature of each column of the tables states (`schema.SCALES`), where it is recorded.
        warnings: What is unusual about the FOVs, one sentence each.
    """

    manifest: Manifest
    tables: Path
    store: Path
    units: dict[str, str]
    graph_settings: dict[str, Any]
    scales: dict[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        table = self.manifest.table
        return (
            f"Prepared({table.height} FOVs of {len(self.manifest.class_names)} classes, "
            f"{table[schema.N_LOCALISATIONS].sum()} localisations in {table[schema.N_CLUSTERS].sum()} clusters, "
            f"{len(self.manifest.failures)} failed; tables: {self.tables})"
        )

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>{self.manifest.table._repr_html_()}"

    def clusters(self, fov_id: str, view: int = 0) -> pl.DataFrame:
        """Return the features of the clusters of one FOV; view 0 holds all localisations."""
        return read_fov(self.tables, fov_id).clusters.filter(pl.col(schema.VIEW) == view)

    def localisations(self, fov_id: str, view: int = 0) -> pl.DataFrame:
        """Return the clustered localisations of one FOV; view 0 holds all of them."""
        return read_fov(self.tables, fov_id).locs.filter(pl.col(schema.VIEW) == view)

    @property
    def shares(self) -> dict[str, dict[str, float]]:
        """Class -> share of the annotators who state it, of each FOV that has annotators."""
        given = self.manifest.table.select(schema.FOV_ID, schema.SHARES).drop_nulls()
        return {fov_id: json.loads(text) for fov_id, text in given.iter_rows()}

    @property
    def labels(self) -> dict[str, str | None]:
        """Class of each FOV; None where it has none."""
        table = self.manifest.table
        return dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))


def relabel(prepared: Prepared, labels: Mapping[str, str]) -> Prepared:
    """Return the same data with other classes of FOVs; those that have annotators are stated by all of these.

    Args:
        prepared: The data.
        labels: FOV -> class; others have none.
    """
    shares = {fov_id: json.dumps({labels[fov_id]: 1.0}) for fov_id in prepared.shares if fov_id in labels}
    given = pl.col(schema.FOV_ID)
    table = prepared.manifest.table.with_columns(
        given.replace_strict(labels, default=None, return_dtype=pl.String).alias(schema.LABEL),
        given.replace_strict(shares, default=None, return_dtype=pl.String).alias(schema.SHARES),
    )
    return replace(prepared, manifest=Manifest(table, prepared.manifest.class_names))
