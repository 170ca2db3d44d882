"""Network and controls on matched test FOVs, before and after, and what it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.checks.acquisition import COUNT, DENSITY, PRECISION
from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.matching import Matching
from locgraph.analysis.control_inputs import ControlInputs
from locgraph.analysis.controls import (
    CHANNEL_PAIR_DISTANCES,
    CLUSTER_FEATURES,
    CLUSTERED_PAIR_DISTANCES,
    CONTROL,
    PAIR_DISTANCES,
    PAIR_DISTANCES_AND_COUNT,
    predict_controls,
)
from locgraph.analysis.sweeps.outcomes import (
    COLUMNS,
    CORRECT,
    MODEL,
    SOURCE,
    difference_interval_of,
    outcomes_of,
    score_interval_of,
)
from locgraph.data.folds import Split
from locgraph.stats.metrics import ACCURACY

CONTROLS: Final = (
    CLUSTER_FEATURES,
    PAIR_DISTANCES_AND_COUNT,
    CLUSTERED_PAIR_DISTANCES,
    CHANNEL_PAIR_DISTANCES,
    PAIR_DISTANCES,
)
"""The forests that see a structure."""

KIND: Final = "matched"
FOVS: Final = "test_fovs"
TRAINED: Final = "trained_on"
AS_TAKEN, MATCHED = "as taken", "matched"
"""Values of `FOVS` and `TRAINED`."""

TABLE_COLUMNS: Final = {
    KIND: pl.String,
    "target": pl.Float64,
    FOVS: pl.String,
    TRAINED: pl.String,
    SOURCE: pl.String,
    "accuracy": pl.Float64,
    "interval_low": pl.Float64,
    "interval_high": pl.Float64,
    "ahead": pl.Float64,
    "ahead_low": pl.Float64,
    "ahead_high": pl.Float64,
    "n_fovs": pl.Int64,
    "left_out": pl.Int64,
}
"""One row for each method on the same test FOVs of each kind of matching; ``ahead`` is the accuracy of the network less
that of the method, paired, the network trained on matched FOVs where it was and the method is."""

_EQUAL: Final = {COUNT: "counts", DENSITY: "density", PRECISION: "precision"}
_SHOWN: Final = 10
_KEYS: Final = (KIND, FOVS, TRAINED)


def matched_name(kind: str, fov_id: str) -> str:
    """Return the name of a matched FOV beside those of other kinds."""
    return f"{kind}/{fov_id}"


def control_outcomes(
    taken: ControlInputs,
    matched: ControlInputs,
    kept: Mapping[str, Sequence[str]],
    plan: Mapping[int, Split],
    labels: Mapping[str, str],
    groups: Mapping[str, str | None],
    seed: int,
) -> pl.DataFrame:
    """Train the controls of each fold on FOVs as taken, and on matched ones, and test them on the same matched FOVs.

    Args:
        taken: FOVs as they were taken.
        matched: Matched FOVs, by `matched_name`.
        kept: Kind -> FOVs that are matched.
        plan: The folds.
        labels: Class of each FOV.
        groups: Group of each FOV.
        seed: Of the forests.

    Returns:
        Outcomes of `CONTROLS`, with the columns `KIND`, `FOVS` and `TRAINED`.
    """
    both = _joined(taken, matched)
    named = dict(labels) | {matched_name(kind, fov): labels[fov] for kind, fovs in kept.items() for fov in fovs}
    parts = []
    for fold, split in plan.items():
        train = [*split.train, *split.val]
        of_kinds = {kind: [fov for fov in split.test if fov in set(fovs)] for kind, fovs in kept.items()}
        tests = dict.fromkeys(fov for fovs in of_kinds.values() for fov in fovs)
        names = [matched_name(kind, fov) for kind, fovs in of_kinds.items() for fov in fovs]
        predicted = predict_controls(both, named, train, [*tests, *names], seed, CONTROLS)
        for kind, fovs in of_kinds.items():
            if not fovs:
                continue
            own = [matched_name(kind, fov) for fov in train if fov in set(kept[kind])]
            fair = predict_controls(matched, named, own, [matched_name(kind, fov) for fov in fovs], seed, CONTROLS)
            for fovs_are, trained_on, table, prefix in (
                (AS_TAKEN, AS_TAKEN, predicted, ""),
                (MATCHED, AS_TAKEN, predicted, f"{kind}/"),
                (MATCHED, MATCHED, fair, f"{kind}/"),
            ):
                wanted = {f"{prefix}{fov}": fov for fov in fovs}
                rows = table.filter(pl.col(schema.FOV_ID).is_in(list(wanted)))
                rows = rows.with_columns(pl.col(schema.FOV_ID).replace_strict(wanted), pl.lit(fold).alias(schema.FOLD))
                for (name,), of_control in rows.group_by(CONTROL, maintain_order=True):
                    outcomes = outcomes_of(of_control, str(name), groups)
                    parts.append(_keyed(outcomes, kind, fovs_are, trained_on))
    return pl.concat(parts)


def network_outcomes(
    predictions: pl.DataFrame, kind: str, fovs_are: str, trained_on: str, groups: Mapping[str, str | None]
) -> pl.DataFrame:
    """Return the outcomes of networks on the test FOVs of one kind.

    Args:
        predictions: ``fold``, ``fov_id``, ``truth``, ``prediction``.
        kind: How the FOVs are matched.
        fovs_are: `AS_TAKEN` or `MATCHED`.
        trained_on: The same of the training FOVs.
        groups: Group of each FOV.
    """
    return _keyed(outcomes_of(predictions, MODEL, groups), kind, fovs_are, trained_on)


def _keyed(outcomes: pl.DataFrame, *values: str) -> pl.DataFrame:
    return outcomes.with_columns(pl.lit(value).alias(name) for name, value in zip(_KEYS, values, strict=True))


def _joined(first: ControlInputs, second: ControlInputs) -> ControlInputs:
    """Return the FOVs of both; what only one of them holds is left out."""

    def join(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> dict[str, Any] | None:
        return None if one is None or other is None else {**one, **other}

    features = join(first.features, second.features)
    if features is not None and len({len(row) for row in features.values()}) > 1:
        features = None  # matched FOVs were measured otherwise
    return ControlInputs(
        {**first.positions, **second.positions},
        join(first.clustered, second.clustered),
        features,
        join(first.channels, second.channels),
    )


def summarise_matched(
    outcomes: pl.DataFrame, matchings: Sequence[Matching], overlap: float, warnings: Sequence[str]
) -> Check:
    """Compare network and controls before and after matching.

    Args:
        outcomes: Of `control_outcomes` and `network_outcomes`.
        matchings: How the FOVs were made equal.
        overlap: n_test / n_train of a fold.
        warnings: What could not be matched.

    Returns:
        A table with `TABLE_COLUMNS`, and one sentence for each kind.
    """
    rows: list[dict[str, Any]] = []
    sentences = []
    for matching in matchings:
        own = [
            _row(matching, key, table, outcomes, overlap)
            for key, table in outcomes.filter(pl.col(KIND) == matching.kind).group_by(
                FOVS, TRAINED, SOURCE, maintain_order=True
            )
        ]
        order = {(AS_TAKEN, AS_TAKEN): 0, (MATCHED, AS_TAKEN): 1, (MATCHED, MATCHED): 2}
        own.sort(key=lambda row: (order[row[FOVS], row[TRAINED]], row[SOURCE] != MODEL))
        rows += own
        sentences.append(_describe(matching, own))
    left_out = [
        f"equal {each.kind}: left out {len(each.left_out)} FOVs: {_listed(each.left_out)}"
        for each in matchings
        if each.left_out
    ]
    return Check(pl.DataFrame(rows, schema=TABLE_COLUMNS), tuple(sentences), (*warnings, *left_out))


def _listed(left_out: Mapping[str, str]) -> str:
    shown = ", ".join(f"{fov} ({reason})" for fov, reason in list(left_out.items())[:_SHOWN])
    return shown + (f" and {len(left_out) - _SHOWN} more" if len(left_out) > _SHOWN else "")


def _row(
    matching: Matching, key: tuple[object, ...], table: pl.DataFrame, outcomes: pl.DataFrame, overlap: float
) -> dict[str, Any]:
    fovs_are, trained_on, source = map(str, key)
    table = table.select(*COLUMNS)
    interval = score_interval_of(ACCURACY, _by_fold(table), overlap, table)
    row: dict[str, Any] = {
        KIND: matching.kind,
        "target": matching.target,
        FOVS: fovs_are,
        TRAINED: trained_on,
        SOURCE: source,
        "accuracy": interval.estimate,
        "interval_low": interval.low,
        "interval_high": interval.high,
        "n_fovs": table.height,
        "left_out": len(matching.left_out),
    }
    if source == MODEL:
        return row
    same = outcomes.filter(pl.col(KIND) == matching.kind, pl.col(FOVS) == fovs_are, pl.col(SOURCE) == MODEL)
    trained = same.filter(pl.col(TRAINED) == trained_on)
    model = (same if trained.is_empty() else trained).select(*COLUMNS)
    ours, theirs = _by_fold(model), _by_fold(table)
    differences = {fold: ours[fold] - theirs[fold] for fold in theirs if fold in ours}
    ahead = difference_interval_of(ACCURACY, differences, overlap, model, table)
    return row | {"ahead": ahead.estimate, "ahead_low": ahead.low, "ahead_high": ahead.high}


def _by_fold(outcomes: pl.DataFrame) -> dict[int, float]:
    means = outcomes.group_by(schema.FOLD).agg(pl.col(CORRECT).mean()).sort(schema.FOLD)
    return {int(fold): float(mean) for fold, mean in means.iter_rows()}


def _describe(matching: Matching, rows: Sequence[Mapping[str, Any]]) -> str:
    def find(fovs_are: str, trained_on: str) -> list[Mapping[str, Any]]:
        return [row for row in rows if (row[FOVS], row[TRAINED]) == (fovs_are, trained_on)]

    model = {(row[FOVS], row[TRAINED]): row for row in rows if row[SOURCE] == MODEL}
    before, after = model[AS_TAKEN, AS_TAKEN], model[MATCHED, AS_TAKEN]
    left_out = f"; {len(matching.left_out)} FOVs cannot be" if matching.left_out else ""
    equal = _EQUAL[matching.kind]
    text = (
        f"At equal {equal} (FOVs {matching.words}{left_out}) the network has an accuracy of {_score(after)} on "
        f"{after['n_fovs']} test FOVs, {before['accuracy']:.3f} before"
    )
    if after["interval_high"] is not None and after["interval_high"] < before["accuracy"]:
        text += f": its answers depend on {equal.removesuffix('s')}"
    text += f". {_best(find(MATCHED, AS_TAKEN), 'trained on the same FOVs')}."
    text += f" {_best(find(MATCHED, MATCHED), 'trained on matched FOVs')}"
    fair = model.get((MATCHED, MATCHED))
    return f"{text}." if fair is None else f"{text}, where the network, trained on them too, has {_score(fair)}."


def _best(rows: Sequence[Mapping[str, Any]], trained: str) -> str:
    """Return the best control of some rows in words, and how far the network is ahead of it."""
    controls = [row for row in rows if row[SOURCE] != MODEL]
    best = max(controls, key=lambda row: row["accuracy"])
    ahead = best["ahead"]
    words = f"The best control {trained} is {best[SOURCE]}, {best['accuracy']:.3f} (network "
    words += f"{'ahead' if ahead >= 0 else 'behind'} by {abs(ahead):.3f}"
    if best["ahead_low"] is not None:
        low, high = sorted((np.sign(ahead or 1) * best["ahead_low"], np.sign(ahead or 1) * best["ahead_high"]))
        words += f", 95 % interval {low:.3f} to {high:.3f}"
    return f"{words})"


def _score(row: Mapping[str, Any]) -> str:
    if row["interval_low"] is None:
        return f"{row['accuracy']:.3f}"
    return f"{row['accuracy']:.3f} (95 % interval {row['interval_low']:.3f} to {row['interval_high']:.3f})"
