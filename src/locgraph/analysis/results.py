"""Results of an analysis: features, tables and warnings as they accumulate, and the files they are written to."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeVar

import polars as pl

from locgraph import schema
from locgraph.analysis.cross_validation import CrossValidation
from locgraph.analysis.feature_table import FeatureTable
from locgraph.analysis.settings import HAND_MADE, LEARNED, AnalysisSettings
from locgraph.analysis.source import Source
from locgraph.analysis.statistics import feature_by_column, ranked
from locgraph.data.folds import TEST
from locgraph.errors import LocgraphError
from locgraph.provenance import versions, whole_file, write_csv, write_json
from locgraph.run_folder import ANALYSIS_RECORD

log = logging.getLogger(__name__)

TABLES: Final = (
    "fov_features",
    "feature_tests",
    "class_summary",
    "correlations",
    "localisation_features",
    "localisation_tests",
    "pca",
    "pca_loadings",
    "umap",
    "clustering",
    "classifiers",
    "classifier_folds",
    "classifier_predictions",
    "importance",
    "representatives",
    "misclassified",
)
"""Every table that an analysis may have."""
PARQUET: Final = ("pca", "umap")
"""Tables with a row for each FOV, which are written as parquet; the others are written as CSV."""
FEATURES: Final = "features"
"""Column with the set of features, `HAND_MADE` or `LEARNED`."""

_T = TypeVar("_T")


@dataclass
class Analysis:
    """Features, tables and warnings of an analysis.

    Attributes:
        source: The tables, folds and results that are analysed.
        settings: Settings of the analysis.
        hand_made: Features of FOVs, aggregated from clusters; None where they are not analysed.
        localisations: Features of the localisations of FOVs; None where they are not analysed.
        learned: Fold -> vectors of the FOVs from its network.
        sides: Fold -> FOV -> ``train``, ``val`` or ``test``, of the FOVs with vectors.
        cross_validations: Set of features -> results of classifiers.
        folds: Folds of the classifiers and controls.
        best_classifier: Classifier of hand-made features with the best score within the training FOVs; None where
            nothing was tuned.
        chance: Accuracy of always predicting the most frequent class; None where it is not known.
        tables: Name (of `TABLES`) -> table.
        warnings: What is missing or limited, each once.
        seconds: Duration of each part.
    """

    source: Source
    settings: AnalysisSettings
    hand_made: FeatureTable | None = None
    localisations: FeatureTable | None = None
    learned: dict[int, FeatureTable] = field(default_factory=dict)
    sides: dict[int, dict[str, str]] = field(default_factory=dict)
    cross_validations: dict[str, CrossValidation] = field(default_factory=dict)
    folds: tuple[int, ...] = ()
    best_classifier: str | None = None
    chance: float | None = None
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Analysis of {self.source.kind} {self.source.folder}: {len(self.tables)} tables"

    @cached_property
    def feature_of(self) -> dict[str, str]:
        """Column of ``hand_made`` -> feature that it is a statistic of."""
        columns = () if self.hand_made is None else self.hand_made.columns
        return feature_by_column(columns, self.settings.aggregation.prefixes)

    @property
    def ranked_features(self) -> list[dict[str, Any]]:
        """Rows of ``feature_tests``, one for each feature, the largest effects first."""
        return ranked(self.tables["feature_tests"], self.feature_of) if "feature_tests" in self.tables else []

    @property
    def top_features(self) -> list[dict[str, Any]]:
        """The first ones of `ranked_features`, as many as the settings ask for."""
        return self.ranked_features[: self.settings.top_features]

    def feature_sets(self) -> Iterator[tuple[str, int | None, FeatureTable]]:
        """Yield the name of a set of features, the fold of its network, and the features.

        Vectors of two networks cannot be compared, so each fold is a set of its own, with its test FOVs: those that its
        network has not seen.
        """
        if self.hand_made is not None:
            yield HAND_MADE, None, self.hand_made
        for fold, features in self.learned.items():
            names = [name for name, side in self.sides[fold].items() if side == TEST]
            yield LEARNED, fold, replace(features, table=features.table.filter(pl.col(schema.FOV_ID).is_in(names)))

    def warn(self, *texts: str) -> None:
        """Add warnings, each once."""
        for text in texts:
            line = " ".join(text.split())
            if line not in self.warnings:
                self.warnings.append(line)

    def attempt(self, what: str, make: Callable[..., _T], *arguments: Any) -> _T | None:
        """Return the result of a function, or None with a warning if it raises an error of locgraph."""
        try:
            return make(*arguments)
        except LocgraphError as error:
            self.warn(f"{what}: {error}")
            return None

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Log the beginning of a part and record its duration."""
        log.info("%s", name)
        started = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - started, 2)

    def write(self, folder: Path, figures: Sequence[str] = ()) -> None:
        """Write all tables and ``analysis.json``, and remove tables that an earlier analysis left.

        Args:
            folder: Where to write.
            figures: Names of the figures in the folder, for the record.
        """
        files = []
        for name, table in self.tables.items():
            file = f"{name}.parquet" if name in PARQUET else f"{name}.csv"
            if name in PARQUET:
                with whole_file(folder / file) as temporary:
                    table.write_parquet(temporary)
            else:
                write_csv(folder / file, table)
            files.append(file)
        for name in TABLES:
            for suffix in (".csv", ".parquet"):
                if f"{name}{suffix}" not in files:
                    (folder / f"{name}{suffix}").unlink(missing_ok=True)
        write_json(folder / ANALYSIS_RECORD, self.record(files, figures))

    def record(self, files: Sequence[str], figures: Sequence[str]) -> Mapping[str, Any]:
        """Return the content of ``analysis.json``."""
        source, table = self.source, self.source.manifest.table
        counts = table.drop_nulls(schema.LABEL)[schema.LABEL].value_counts(sort=True).rows()
        return {
            "folder": str(source.folder),
            "kind": source.kind,
            "tables": str(source.tables),
            "runs": {str(fold): str(result.folder) for fold, result in source.results.items()},
            "folds": list(self.folds),
            "fovs": table.height,
            "classes": dict(counts),
            "groups": table[schema.GROUP].drop_nulls().n_unique(),
            "best_classifier": self.best_classifier,
            "top_features": [row["feature"] for row in self.top_features],
            "warnings": self.warnings,
            "files": list(files),
            "figures": list(figures),
            "settings": self.settings.plain,
            "seconds": self.seconds,
            "versions": versions(),
        }


def set_words(name: str, fold: int | None) -> str:
    """Return words for a set of features, such as ``hand-made features``."""
    words = name.replace("_", "-")
    return f"{words} features" if fold is None else f"{words} vectors of fold {fold}"


def with_set(table: pl.DataFrame, name: str, fold: int | None) -> pl.DataFrame:
    """Return a table with the set of features and the fold as first columns."""
    columns = (pl.lit(name).alias(FEATURES), pl.lit(fold, dtype=pl.Int64).alias(schema.FOLD))
    return table.select(*columns, pl.all())
