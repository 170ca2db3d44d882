"""All that was found of the FOVs, on its way into tables and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.cli.explain_fov import Case, Told
from locgraph.cli.explain_settings import ExplainSettings
from locgraph.cli.prepare import Prepared


@dataclass(frozen=True)
class Found:
    """What explainers said.

    Attributes:
        record: What the checkpoint records.
        settings: What was explained, and how it was judged.
        prepared: Manifest, tables and graphs.
        predictions: ``predictions.parquet``.
        cases: What was explained of each FOV.
        explained: ``fov_id`` -> name of the explainer -> what it says; at least one.
    """

    record: Mapping[str, Any]
    settings: ExplainSettings
    prepared: Prepared
    predictions: pl.DataFrame
    cases: Mapping[str, Case]
    explained: Mapping[str, Mapping[str, Told]]

    @property
    def class_names(self) -> Sequence[str]:
        """Classes in the order of their indices."""
        names: Sequence[str] = self.record["class_names"]
        return names

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """``fov_id`` -> its row of the predictions."""
        return {row[schema.FOV_ID]: row for row in self.predictions.to_dicts()}

    def explained_class(self, fov_id: str) -> str:
        """The class that the scores of a FOV are about."""
        return self.class_names[self.cases[fov_id].target]

    def keys(self, fov_id: str, explainer: str) -> dict[str, Any]:
        """What names one explanation in every table."""
        return {
            schema.FOV_ID: fov_id,
            schema.FOLD: int(self.record["settings"]["fold"]["index"]),
            schema.EXPLAINER: explainer,
            schema.EXPLAINED_CLASS: self.explained_class(fov_id),
        }
