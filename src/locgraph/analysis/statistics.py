"""Statistics of features by class: tests with effect sizes, summaries, and correlations of features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable, classes_of, group_means
from locgraph.analysis.projection import standardise
from locgraph.stats.correlation import pearson_matrix, spearman_matrix
from locgraph.stats.effects import cliffs_delta, epsilon_squared, eta_squared, hedges_g
from locgraph.stats.tests import anova, false_discovery, is_constant, kruskal, mann_whitney, welch

MANN_WHITNEY: Final = "mann_whitney_u"
WELCH: Final = "welch_t"
KRUSKAL: Final = "kruskal_wallis"
ANOVA: Final = "anova"

CLIFFS_DELTA: Final = "cliffs_delta"
HEDGES_G: Final = "hedges_g"
EPSILON_SQUARED: Final = "epsilon_squared"
ETA_SQUARED: Final = "eta_squared"

EFFECTS: Final = {
    MANN_WHITNEY: CLIFFS_DELTA,
    WELCH: HEDGES_G,
    KRUSKAL: EPSILON_SQUARED,
    ANOVA: ETA_SQUARED,
}
"""Test -> the effect size beside it."""

FOV_LEVEL: Final = "fov"
GROUP_LEVEL: Final = "group"
MIN_CASES: Final = 2
"""Cases that a class needs to be compared."""

TEST_COLUMNS: Final = {
    "level": pl.String,
    "feature": pl.String,
    "unit": pl.String,
    "test": pl.String,
    "class_a": pl.String,
    "class_b": pl.String,
    "n_a": pl.Int64,
    "n_b": pl.Int64,
    "n": pl.Int64,
    "statistic": pl.Float64,
    "df": pl.Float64,
    "p": pl.Float64,
    "q": pl.Float64,
    "effect": pl.String,
    "estimate": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "reason": pl.String,
}

SUMMARY_COLUMNS: Final = ("feature", "unit", schema.LABEL, "n", "mean", "sd", "q25", "median", "q75")
_QUARTILES: Final = {"q25": 0.25, "median": 0.5, "q75": 0.75}

CORRELATION_COLUMNS: Final = {
    "feature_a": pl.String,
    "feature_b": pl.String,
    "pearson": pl.Float64,
    "spearman": pl.Float64,
    "n": pl.Int64,
}
MIN_CORRELATED: Final = 3
"""Rows below which every correlation is -1 or 1."""


def feature_tests(
    features: FeatureTable, level: str = FOV_LEVEL, class_names: Sequence[str] | None = None
) -> pl.DataFrame:
    """Compare each feature between the classes.

    Two classes at a time: Mann and Whitney's U (10.1214/aoms/1177730491; exact for small samples without ties) with
    Cliff's delta, and Welch's t (10.1093/biomet/34.1-2.28) with Hedges' g. With more than two classes first all at
    once: Kruskal and Wallis' H (10.1080/01621459.1952.10483441) with epsilon squared, and the analysis of variance with
    eta squared; there are no intervals for these. All tests are two-sided.

    ``q`` is the p-value after Benjamini and Hochberg (1995, 10.1111/j.2517-6161.1995.tb02031.x) over all rows of one
    test: the expected fraction of false discoveries among those with a q no larger. It holds for features that are
    independent or rise together; it does not correct for FOVs of one group that are not independent, for which see
    `group_means`.

    Args:
        features: Features of FOVs, or of groups; rows without a class do not count.
        level: ``fov`` or ``group``, which the rows are.
        class_names: Classes in the order in which they are compared; None takes those of the table, sorted.

    Returns:
        One row for each feature, test and pair of classes (``class_a`` and ``class_b`` are null where all classes are
        compared at once), sorted by feature as in ``features``: the columns of ``TEST_COLUMNS``. ``statistic``, ``p``,
        ``q`` and ``estimate`` are null where there is no result, and ``reason`` then holds the cause; beside a result
        it names the classes that are left out. Positive effects of pairs mean that ``class_a`` is larger.
    """
    present = classes_of(features.table)
    classes = present if class_names is None else [name for name in class_names if name in present]
    rows: list[dict[str, Any]] = []
    for column in features.columns:
        samples = samples_by_class(features.table, column, classes)
        about = {"level": level, "feature": column, "unit": features.units[column]}
        rows += [row | about for row in _compare(samples)]
    table = pl.DataFrame(rows, schema=TEST_COLUMNS)
    return table.with_columns(q=pl.col("p").map_batches(_false_discovery, pl.Float64).over("test"))


def samples_by_class(table: pl.DataFrame, column: str, classes: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the values of one feature (n,) float64 by class, without gaps."""
    values = table.select(schema.LABEL, column).drop_nulls()
    return {name: values.filter(pl.col(schema.LABEL) == name)[column].to_numpy() for name in classes}


def _compare(samples: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Yield rows for one feature."""
    if len(samples) < 2:
        classes = f"the class {next(iter(samples))} alone" if samples else "no class"
        n = sum(map(len, samples.values()))
        yield _row(MANN_WHITNEY, n=n, reason=f"a comparison needs two classes, found {classes}")
        return
    if len(samples) > 2:
        yield from _all_classes(samples)
    for a, b in combinations(samples, 2):
        yield from _pair(a, b, samples[a], samples[b])


def _all_classes(samples: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    enough = {name: values for name, values in samples.items() if len(values) >= MIN_CASES}
    few = ", ".join(f"{name} has {len(values)}" for name, values in samples.items() if name not in enough)
    n = sum(map(len, enough.values()))
    reason = f"leaves out classes of fewer than {MIN_CASES} cases: {few}" if few else None
    if len(enough) < 2:
        reason = f"fewer than two classes have {MIN_CASES} cases or more: {few}"
    elif is_constant(*enough.values()):
        reason = _same(n)
    else:
        values = list(enough.values())
        h = kruskal(values)
        effect = epsilon_squared(h.statistic, n)
        yield _row(KRUSKAL, n=n, statistic=h.statistic, df=h.df, p=h.p, estimate=effect, reason=reason)
        eta = eta_squared(values)
        if all(is_constant(part) for part in values):
            yield _row(ANOVA, n=n, estimate=eta, reason="no class varies: there is no F")
        else:
            f = anova(values)
            yield _row(ANOVA, n=n, statistic=f.statistic, df=f.df, p=f.p, estimate=eta, reason=reason)
        return
    yield from (_row(test, n=n, reason=reason) for test in (KRUSKAL, ANOVA))


def _pair(name_a: str, name_b: str, a: np.ndarray, b: np.ndarray) -> Iterator[dict[str, Any]]:
    about = {"class_a": name_a, "class_b": name_b, "n_a": len(a), "n_b": len(b), "n": len(a) + len(b)}
    few = [f"{name} has {len(values)}" for name, values in ((name_a, a), (name_b, b)) if len(values) < MIN_CASES]
    reason = f"a class needs at least {MIN_CASES} cases: {', '.join(few)}" if few else None
    if reason is None and is_constant(a, b):
        reason = _same(len(a) + len(b))
    if reason:
        yield from (_row(test, **about, reason=reason) for test in (MANN_WHITNEY, WELCH))
        return
    u, delta = mann_whitney(a, b), cliffs_delta(a, b)
    interval = {"estimate": delta.estimate, "low": delta.low, "high": delta.high}
    yield _row(MANN_WHITNEY, **about, statistic=u.statistic, p=u.p, **interval)
    g = hedges_g(a, b)
    if g is None:
        yield _row(WELCH, **about, reason="neither class varies: there is no t")
        return
    t = welch(a, b)
    interval = {"estimate": g.estimate, "low": g.low, "high": g.high}
    yield _row(WELCH, **about, statistic=t.statistic, df=t.df, p=t.p, **interval)


def _row(test: str, **values: Any) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(TEST_COLUMNS)
    return empty | {"test": test, "effect": EFFECTS[test]} | values


def _same(n: int) -> str:
    return f"the same value in all {n} cases"


def _false_discovery(p: pl.Series) -> pl.Series:
    return pl.Series(p.name, false_discovery(p.to_numpy())).fill_nan(None)


def compare_classes(features: FeatureTable, class_names: Sequence[str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Compare classes by FOV, and by group where FOVs have groups.

    Args:
        features: Features of FOVs.
        class_names: Classes in the order in which they are compared.

    Returns:
        The tables of `feature_tests`, the comparisons with the smallest q first, and warnings.
    """
    warnings: tuple[str, ...] = ()
    tables = [feature_tests(features, FOV_LEVEL, class_names)]
    if features.table[schema.GROUP].null_count() < features.table.height:
        means = group_means(features)
        tables.insert(0, feature_tests(means, GROUP_LEVEL, class_names))
        dependence = (
            "FOVs of one group are not independent: p-values of FOVs are too small; go by the rows with level group"
        )
        warnings = (*means.warnings, dependence)
    together = pl.concat(tables)
    pairs = pl.col("class_a").is_not_null()
    level = (pl.col("level") == FOV_LEVEL).cast(pl.Int8)
    test = (~pl.col("test").is_in([KRUSKAL, MANN_WHITNEY])).cast(pl.Int8)
    size = -pl.col("estimate").abs()
    ordered = together.sort(level, pairs, test, "q", size, nulls_last=True, maintain_order=True)
    return ordered, warnings


def ranked(tests: pl.DataFrame, feature_of: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return one row of tests for each feature, the largest effect first.

    Of the statistics of a feature (its mean, its median) the one with the largest effect represents it. Rows of groups
    are taken where there are any with a result, else those of FOVs; with more than two classes those of all classes.
    """
    known = tests.filter(pl.col("estimate").is_not_null())
    for level in (GROUP_LEVEL, FOV_LEVEL):
        for test in (KRUSKAL, MANN_WHITNEY):
            rows = known.filter(pl.col("level") == level, pl.col("test") == test)
            if rows.height:
                ordered = rows.sort(-pl.col("estimate").abs(), "feature").to_dicts()
                first: dict[str, dict[str, Any]] = {}
                for row in ordered:
                    first.setdefault(feature_of.get(row["feature"], row["feature"]), row)
                return list(first.values())
    return []


def feature_by_column(columns: Sequence[str], prefixes: Sequence[str]) -> dict[str, str]:
    """Return the feature by column: ``mean_area_hull`` is a statistic of ``area_hull``."""
    features = {}
    for column in columns:
        matching = [prefix for prefix in prefixes if column.startswith(f"{prefix}_")]
        features[column] = column.removeprefix(f"{max(matching, key=len)}_") if matching else column
    return features


def class_summary(features: FeatureTable) -> pl.DataFrame:
    """Return mean, standard deviation and quartiles of each feature by class.

    Args:
        features: Features of FOVs, or of groups; rows without a class do not count.

    Returns:
        One row for each feature and class, in the order of the features: ``SUMMARY_COLUMNS``. ``n`` counts values;
        ``sd`` (divisor n - 1) is null for fewer than two.
    """
    table = features.labelled().table
    parts = [
        table.group_by(schema.LABEL)
        .agg(
            pl.col(name).count().cast(pl.Int64).alias("n"),
            pl.col(name).mean().alias("mean"),
            pl.col(name).std().alias("sd"),
            *(pl.col(name).quantile(value, "linear").alias(called) for called, value in _QUARTILES.items()),
        )
        .sort(schema.LABEL)
        .select(pl.lit(name).alias("feature"), pl.lit(unit).alias("unit"), pl.exclude("feature", "unit"))
        for name, unit in features.units.items()
    ]
    types = dict.fromkeys(SUMMARY_COLUMNS, pl.Float64) | dict.fromkeys(("feature", "unit", schema.LABEL), pl.String)
    return pl.concat(parts).select(SUMMARY_COLUMNS) if parts else pl.DataFrame(schema=types | {"n": pl.Int64})


@dataclass(frozen=True)
class Correlations:
    """Correlations of each pair of features, over all rows whatever their class.

    Attributes:
        columns: The F features that vary and have no gaps.
        pearson: (F, F) float64, of the values: how well a straight line fits (Pearson 1895, 10.1098/rspl.1895.0041).
        spearman: (F, F) float64, of the ranks: any rising or falling relation (Spearman 1904, 10.2307/1412159).
        order: Indices of the features (F,) int64 so that those with similar ranks lie beside each other.
        n: Number of rows.
        left_out: Feature -> why it was left out.
        reason: Why there are no correlations; None where there are.
    """

    columns: tuple[str, ...]
    pearson: np.ndarray
    spearman: np.ndarray
    order: np.ndarray
    n: int
    left_out: dict[str, str]
    reason: str | None = None

    def table(self) -> pl.DataFrame:
        """Return one row for each pair, in the order for display: ``CORRELATION_COLUMNS``, with ``n`` the rows."""
        rows = [
            (self.columns[a], self.columns[b], float(self.pearson[a, b]), float(self.spearman[a, b]), self.n)
            for place, a in enumerate(self.order)
            for b in self.order[place + 1 :]
        ]
        return pl.DataFrame(rows, schema=CORRELATION_COLUMNS, orient="row")


def correlations(features: FeatureTable) -> Correlations:
    """Correlate all features with each other.

    Classes that differ make features correlate that do not within a class: correlated features are interchangeable for
    classification, which is no matter of causes.

    Args:
        features: Features of FOVs, or of groups.

    Returns:
        Both matrices, and an order for display by hierarchical clustering: average linkage of 1 - |Spearman's rho|,
        leaves as Bar-Joseph et al. (2001, 10.1093/bioinformatics/17.suppl_1.s22) order them.
    """
    standardised = standardise(features)
    n, size = len(standardised.values), len(standardised.columns)
    reason = standardised.lacks(MIN_CORRELATED)
    if reason:
        empty = np.empty((0, 0))
        return Correlations((), empty, empty, np.empty(0, dtype=np.int64), n, standardised.left_out, reason)
    pearson, spearman = pearson_matrix(standardised.values), spearman_matrix(standardised.values)
    return Correlations(standardised.columns, pearson, spearman, _order(spearman, size), n, standardised.left_out)


def _order(matrix: np.ndarray, size: int) -> np.ndarray:
    if size < 3:
        return np.arange(size)
    distances = np.clip(1 - np.abs(matrix), 0.0, None)
    np.fill_diagonal(distances, 0.0)
    tree = linkage(squareform(distances, checks=False), method="average", optimal_ordering=True)
    return leaves_list(tree).astype(np.int64)
