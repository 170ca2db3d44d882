"""Features of fields of view (FOVs): those of their clusters aggregated, and learned vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable, feature_table
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import ExtractedFov, feature_columns, read_fov
from locgraph.settings import is_number

MEAN: Final = "mean"
SD: Final = "sd"
STATISTICS: Final = (MEAN, SD)


def whole_fovs(tables: Path, fov_ids: Iterable[str]) -> Iterator[ExtractedFov]:
    """Read FOVs one after the other, as a network sees them.

    Args:
        tables: Featextracted folder.
        fov_ids: The FOVs.

    Yields:
        Each FOV with the rows of view 0, localisations of no cluster left out. Localisations keep
        their order, so that they count as ``schema.ROW`` does.

    Raises:
        DataError: A file is absent or damaged.
    """
    for fov_id in fov_ids:
        fov = read_fov(tables, fov_id)
        whole = pl.col(schema.VIEW) == 0
        locs = fov.locs.filter(whole, pl.col(schema.CLUSTER_ID) != schema.NOISE)
        yield replace(fov, locs=locs, clusters=fov.clusters.filter(whole))


@dataclass(frozen=True)
class Aggregation:
    """Statistics that aggregate the clusters of a FOV.

    Args:
        statistics: Some of ``mean`` and ``sd``. The standard deviation is that of the clusters that there are (divisor
            n), so that it is 0 for a single one.
        quantiles: Between 0 and 1, interpolated linearly; more of them describe the distribution more finely.

    Raises:
        ConfigError: A statistic is unknown or a quantile out of range, one is named twice, or there is none at all.
    """

    statistics: Sequence[str] = STATISTICS
    quantiles: Sequence[float] = (0.1, 0.5, 0.9)

    def __post_init__(self) -> None:
        if any(name not in STATISTICS for name in self.statistics) or isinstance(self.statistics, str):
            raise ConfigError(f"expected some of {list(STATISTICS)}, found {self.statistics!r}", setting="statistics")
        if any(not is_number(value) or not 0 <= value <= 1 for value in self.quantiles):
            raise ConfigError(f"expected numbers from 0 to 1, found {list(self.quantiles)}", setting="quantiles")
        prefixes = self.prefixes
        if not prefixes or len(set(prefixes)) < len(prefixes):
            raise ConfigError(
                f"expected at least one quantile or statistic, each once, found {prefixes}", setting="quantiles"
            )

    @property
    def prefixes(self) -> list[str]:
        """The first part of the names of columns."""
        return [*self.statistics, *(quantile_prefix(value) for value in self.quantiles)]

    def expressions(self, columns: Iterable[str]) -> dict[str, pl.Expr]:
        """Return expressions by column of the result, which aggregate rows of one FOV."""
        expressions: dict[str, pl.Expr] = {}
        for name in columns:
            values = pl.col(name).cast(pl.Float64).fill_nan(None)
            statistics = {MEAN: values.mean(), SD: values.std(ddof=0)}
            statistics |= {quantile_prefix(value): values.quantile(value, "linear") for value in self.quantiles}
            expressions |= {f"{prefix}_{name}": statistics[prefix] for prefix in self.prefixes}
        return expressions


def quantile_prefix(quantile: float) -> str:
    """Return the first part of the names of columns with a quantile: ``q50`` for 0.5, ``q2.5`` for 0.025."""
    return f"q{100 * quantile:.6g}"


def fov_features(
    extracted: Iterable[ExtractedFov], fovs: pl.DataFrame, aggregation: Aggregation | None = None
) -> FeatureTable:
    """Aggregate the features of the clusters of each FOV.

    Args:
        extracted: FOVs with the clusters of view 0, as `whole_fovs` reads them.
        fovs: ``fov_id``, ``label`` and ``group``, as a manifest has them.
        aggregation: The statistics; None is the default.

    Returns:
        ``n_clusters``, ``n_localisations`` (those in clusters), and ``<statistic>_<feature>`` in the unit of the
        feature. A feature that some FOVs lack is null there, and in the warnings.
    """
    aggregation = aggregation or Aggregation()
    rows: list[pl.DataFrame] = []
    units: dict[str, str] = {}
    clashes: dict[str, str] = {}
    for fov in extracted:
        columns = feature_columns(fov.clusters)
        row = fov.clusters.select(**aggregation.expressions(columns))
        counts = {schema.N_CLUSTERS: float(fov.clusters.height), schema.N_LOCALISATIONS: float(fov.locs.height)}
        rows.append(pl.DataFrame({schema.FOV_ID: [fov.fov_id]} | counts).hstack(row))
        for name in columns:
            unit = fov.units.get(name, "1")
            if units.setdefault(name, unit) != unit:
                clashes[name] = f"{name} is in {units[name]} in some FOVs and in {unit} in others: do not compare it"
    of_columns = {schema.N_CLUSTERS: "1", schema.N_LOCALISATIONS: "1"}
    of_columns |= {f"{prefix}_{name}": unit for name, unit in units.items() for prefix in aggregation.prefixes}
    table = pl.concat(rows, how="diagonal") if rows else pl.DataFrame(schema=_empty(of_columns))
    return feature_table(table, of_columns, fovs, clashes.values())


def _empty(columns: Iterable[str]) -> dict[str, type[pl.DataType]]:
    return {schema.FOV_ID: pl.String, **dict.fromkeys(columns, pl.Float64)}


def join_vectors(features: FeatureTable, vectors: pl.DataFrame) -> FeatureTable:
    """Add the vectors that a network learned.

    FOVs without one are left out, with a warning. For the vectors alone, pass
    ``features.select([])``.

    Args:
        features: Features of FOVs.
        vectors: ``fov_vectors.parquet`` of one run: vectors of two networks cannot be compared.

    Raises:
        DataError: There are no vectors of FOVs, those of several folds, or two of one FOV.
    """
    columns = [name for name in vectors.columns if name.startswith(schema.VECTOR_PREFIX)]
    needed = {schema.FOV_ID, schema.FOLD}
    if not columns or not needed <= set(vectors.columns) or schema.CLUSTER_ID in vectors.columns:
        raise DataError(f"vectors: expected fov_id, fold and v_0, ... of FOVs, found the columns {vectors.columns}")
    folds = sorted(vectors[schema.FOLD].unique())
    if len(folds) > 1 or vectors[schema.FOV_ID].is_duplicated().any():
        raise DataError(
            f"vectors: expected one of each FOV from a single network, found those of the folds {folds}, or several of "
            "one FOV; take the vectors of one run"
        )
    chosen = vectors.select(schema.FOV_ID, pl.col(columns).cast(pl.Float64))
    table = features.table.join(chosen, on=schema.FOV_ID, how="inner", maintain_order="left")
    units: Mapping[str, str] = {**features.units, **dict.fromkeys(columns, "1")}
    lost = features.table.height - table.height
    warning = [f"{lost} of {features.table.height} FOVs have no learned vector and are left out"] if lost else []
    return FeatureTable(table, units, (*features.warnings, *warning))
