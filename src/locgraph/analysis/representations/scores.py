"""The table of a benchmark: one row for each representation and number, with what the number means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from locgraph.stats.intervals import Interval

BALANCED_ACCURACY: Final = "balanced_accuracy"
TOP: Final = {1: "top_1", 2: "top_2", 3: "top_3"}
UNSEEN_ACCURACY, UNSEEN_BALANCED = "unseen_top_1", "unseen_balanced_accuracy"
PROBE_R2, PROBE_GROUP = "probe_r2", "probe_group"
ROTATION_ERROR, ROTATION_MEDIAN = "rotation_error", "rotation_error_median"
ROTATION_HIGH, ROTATION_SPREAD = "rotation_error_95", "rotation_over_spread"
TWO_NN, LEVINA_BICKEL = "dimension_two_nn", "dimension_levina_bickel"
NOVELTY, OUTLIERS_SUPERVISED = "outliers_unsupervised", "outliers_supervised"
CHAMFER, BETTER_THAN_MEAN = "chamfer_nm", "better_than_mean_shape"
EVOLUTION, EVOLUTION_REAL = "evolution_energy", "evolution_energy_real"
FACTOR_R2: Final = "factor_r2"
PARAMETERS, SECONDS, JOULES = "parameters", "seconds_per_unit", "joules_per_unit"


@dataclass(frozen=True)
class Metric:
    """What a number of the benchmark means.

    Attributes:
        words: For tables and figures.
        better: 1 where larger is better, -1 where smaller is; 0 where neither is.
        unit: Its unit; 1 for a pure number.
        ranked: Whether it is an axis of the polar plot.
        resolution: Standard deviation over representations below which their order is that of rounding.
    """

    words: str
    better: int
    unit: str = "1"
    ranked: bool = False
    resolution: float = 0.0


METRICS: Final[Mapping[str, Metric]] = {
    TOP[1]: Metric("accuracy, top 1", 1),
    TOP[2]: Metric("accuracy, top 2", 1),
    TOP[3]: Metric("accuracy, top 3", 1),
    BALANCED_ACCURACY: Metric("balanced accuracy", 1, ranked=True),
    UNSEEN_ACCURACY: Metric("accuracy on units new to the encoder", 1),
    UNSEEN_BALANCED: Metric("balanced accuracy on units new to the encoder", 1),
    PROBE_R2: Metric("probe: R2 of", 0),
    PROBE_GROUP: Metric("probe: balanced accuracy of the group", 0),
    ROTATION_ERROR: Metric("rotation error, mean", -1),
    ROTATION_MEDIAN: Metric("rotation error, median", -1),
    ROTATION_HIGH: Metric("rotation error, 95 % quantile", -1),
    ROTATION_SPREAD: Metric("rotation, against distances between units", -1, ranked=True, resolution=1e-4),
    TWO_NN: Metric("dimension (TwoNN)", -1, ranked=True),
    LEVINA_BICKEL: Metric("dimension (Levina-Bickel)", -1),
    NOVELTY: Metric("outliers unsupervised, AUROC", 1, ranked=True),
    OUTLIERS_SUPERVISED: Metric("outliers supervised, balanced accuracy", 1),
    CHAMFER: Metric("reconstruction, mean Chamfer (nm)", -1, "nm", ranked=True),
    BETTER_THAN_MEAN: Metric("units better than the mean shape", 1),
    EVOLUTION: Metric("evolution energy, decoded ends", -1, ranked=True),
    EVOLUTION_REAL: Metric("evolution energy, real ends", -1),
    FACTOR_R2: Metric("R2 of", 1, ranked=True),
    PARAMETERS: Metric("parameters", -1),
    SECONDS: Metric("seconds per unit", -1, "s"),
    JOULES: Metric("energy per unit (J)", -1, "J"),
}
"""Every number of the benchmark, in the order of tables."""

REPRESENTATION: Final = "representation"
COLUMNS: Final = {
    REPRESENTATION: pl.String,
    "is_control": pl.Boolean,
    "metric": pl.String,
    "about": pl.String,
    "value": pl.Float64,
    "interval_low": pl.Float64,
    "interval_high": pl.Float64,
    "chance": pl.Float64,
    "n": pl.Int64,
    "better": pl.Int64,
    "note": pl.String,
    "reason": pl.String,
}
"""``about``: the covariate or factor that is asked for, empty elsewhere; ``chance``: the value without any information;
``better``: 1 where larger is better, -1 where smaller is, 0 where neither; ``note``: how it was computed; ``reason``:
why there is no value or no interval."""

FEWEST_RANKED: Final = 3
"""Of fewer representations there are no z-scores."""


@dataclass(frozen=True)
class Score:
    """One number of one representation.

    Attributes:
        metric: A key of `METRICS`.
        value: The number; None where there is none.
        low: Lower end of its 95 % interval.
        high: Upper end.
        n: Over how many units.
        about: What is asked for, of probes and factors.
        chance: Value without any information; None where there is none.
        note: How it was computed.
        reason: Why there is no value, or no interval.
    """

    metric: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    about: str = ""
    chance: float | None = None
    note: str = ""
    reason: str = ""


def scored(
    metric: str, interval: Interval, n: int, *, about: str = "", chance: float | None = None, note: str = ""
) -> Score:
    """Return a score with the interval of an estimate."""
    return Score(metric, interval.estimate, interval.low, interval.high, n, about, chance, note, interval.reason)


def absent(metrics: Iterable[str], reason: str, about: str = "") -> list[Score]:
    """Return scores without a value, each with the reason."""
    return [Score(metric, None, about=about, reason=reason) for metric in metrics]


def score_table(scores: Mapping[str, Iterable[Score]], controls: Mapping[str, Iterable[Score]]) -> pl.DataFrame:
    """Return one row for each number: `COLUMNS`.

    Args:
        scores: Representation -> its scores.
        controls: What is no representation, such as the count alone -> its scores.
    """
    rows = [
        {
            REPRESENTATION: name,
            "is_control": is_control,
            "metric": each.metric,
            "about": each.about,
            "value": each.value,
            "interval_low": each.low,
            "interval_high": each.high,
            "chance": each.chance,
            "n": each.n,
            "better": METRICS[each.metric].better,
            "note": each.note,
            "reason": each.reason,
        }
        for group, is_control in ((scores, False), (controls, True))
        for name, several in group.items()
        for each in several
    ]
    return pl.DataFrame(rows, schema=COLUMNS)


def label_of(metric: str, about: str) -> str:
    """Return a number of the table as people read it."""
    words = METRICS[metric].words
    return f"{words} {about}" if about else words


def z_scores(table: pl.DataFrame) -> pl.DataFrame:
    """Return z-scores over representations of the numbers that rank them, larger always better.

    A z-score over few representations orders them; it does not measure by how much they differ, which the raw values
    beside it do.

    Args:
        table: See `score_table`.

    Returns:
        ``representation``, ``label``, ``z``, and ``overlap``, whether all intervals of the number have a value in
        common, so that its order may be chance; none for numbers that some representation lacks or that are the same
        for all, and no row at all with fewer than `FEWEST_RANKED` representations.
    """
    rows: list[dict[str, object]] = []
    names = table.filter(~pl.col("is_control"))[REPRESENTATION].unique(maintain_order=True).to_list()
    ranked = [name for name, metric in METRICS.items() if metric.ranked]
    kept = table.filter(~pl.col("is_control") & pl.col("metric").is_in(ranked) & pl.col("value").is_not_null())
    for (metric, about), part in kept.group_by("metric", "about", maintain_order=True):
        values = dict(zip(part[REPRESENTATION], part["value"], strict=True))
        if len(names) < FEWEST_RANKED or set(values) != set(names):
            continue
        column = np.array([values[name] for name in names])
        deviation = column.std()
        if deviation <= max(1e-12 * float(np.abs(column).max()), METRICS[str(metric)].resolution):
            continue
        z = METRICS[str(metric)].better * (column - column.mean()) / deviation
        common = {"label": label_of(str(metric), str(about)), "overlap": _overlap(part)}
        rows += [{REPRESENTATION: name, "z": float(own)} | common for name, own in zip(names, z, strict=True)]
    types = {REPRESENTATION: pl.String, "label": pl.String, "z": pl.Float64, "overlap": pl.Boolean}
    return pl.DataFrame(rows, schema=types)


def _overlap(part: pl.DataFrame) -> bool | None:
    """Return whether all intervals have a value in common; None where one is missing."""
    lows, highs = part["interval_low"], part["interval_high"]
    if lows.null_count() or highs.null_count():
        return None
    return float(lows.to_numpy().max()) <= float(highs.to_numpy().min())
