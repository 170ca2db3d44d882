"""The numbers that are analysed: hand-made features of FOVs, localisations, and the vectors of each fold's network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable, feature_table
from locgraph.analysis.fov_features import fov_features, join_vectors
from locgraph.analysis.localisation_level import localisation_level
from locgraph.analysis.whole_fovs import whole_fovs
from locgraph.cli.analysis_findings import Findings
from locgraph.cli.analysis_settings import LEARNED, AnalysisSettings
from locgraph.cli.analysis_source import Material
from locgraph.data.folds import TEST
from locgraph.errors import ConfigError


@dataclass(frozen=True)
class FeatureSets:
    """Features of FOVs.

    Attributes:
        hand_made: Of clusters, taken together for each FOV; None where they are not asked for.
        localisations: Quantiles of what localisations are like; None where they are not asked for.
        learned: Fold -> vectors of the FOVs that its run wrote them of.
        splits: Fold -> FOV -> ``train``, ``val`` or ``test``, of the FOVs with vectors.
    """

    hand_made: FeatureTable | None
    localisations: FeatureTable | None
    learned: Mapping[int, FeatureTable]
    splits: Mapping[int, Mapping[str, str]]

    def tested(self, fold: int) -> FeatureTable:
        """Vectors of the test FOVs of a fold: of FOVs that its network has not seen."""
        names = [name for name, split in self.splits[fold].items() if split == TEST]
        features = self.learned[fold]
        return replace(features, table=features.table.filter(pl.col(schema.FOV_ID).is_in(names)))


def read_features(material: Material, settings: AnalysisSettings, findings: Findings) -> FeatureSets:
    """Reads what is analysed.

    Raises:
        ConfigError: Only learned vectors are asked for, and there are none.
        DataError: Tables are damaged.
    """
    fovs = material.manifest.table
    names = fovs[schema.FOV_ID].to_list()
    hand_made = None
    if settings.hand_made:
        hand_made = fov_features(whole_fovs(material.tables, names), fovs, settings.aggregation)
        findings.warn(*hand_made.warnings)
    localisations = None
    if settings.localisations is not None:
        localisations = localisation_level(whole_fovs(material.tables, names), fovs, settings.localisations)
        findings.warn(*_joined(localisations.warnings))
    learned, splits = _learned(material, findings) if settings.learned else ({}, {})
    if settings.learned and not learned:
        reason = "tables alone have no learned vectors" if not material.results else "no run has fov_vectors.parquet"
        if settings.features == LEARNED:
            raise ConfigError(
                f"analysis.features={LEARNED}: {reason}; expected a run or sweep of this version, or "
                "analysis.features=hand_made"
            )
        findings.warn(f"no learned vectors are analysed: {reason}")
    return FeatureSets(hand_made, localisations, learned, splits)


def _joined(warnings: Sequence[str]) -> list[str]:
    """Warnings about columns that no file has in one line: files of many programs lack several."""
    start = "no FOV has the column "
    absent = [text.removeprefix(start).partition(":")[0] for text in warnings if text.startswith(start)]
    joined = [f"localisations have no {', '.join(absent)}: these are not compared"] if absent else []
    return joined + [text for text in warnings if not text.startswith(start)]


def _learned(material: Material, findings: Findings) -> tuple[dict[int, FeatureTable], dict[int, dict[str, str]]]:
    fovs = material.manifest.table
    base = feature_table(fovs.select(schema.FOV_ID), {}, fovs)
    learned, splits = {}, {}
    for fold, vectors in material.vectors.items():
        joined = findings.attempt(f"fold {fold}", lambda rows=vectors: join_vectors(base, rows))  # type: ignore[misc]
        if joined is None:
            continue
        learned[fold] = replace(joined, warnings=())
        splits[fold] = dict(zip(vectors[schema.FOV_ID], vectors[schema.SPLIT], strict=True))
    return learned, splits
