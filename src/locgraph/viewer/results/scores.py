"""Scores of the runs that are shown: metrics with intervals beside controls, confusion matrices, calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.controls import MEANINGS
from locgraph.analysis.sweeps.outcomes import MODEL
from locgraph.analysis.sweeps.rivals import MEANING, SUFFIX, read_rivals
from locgraph.analysis.sweeps.runs import Failure, FoldResult
from locgraph.analysis.sweeps.summary import Summary, summarise
from locgraph.data.folds import TEST, VALIDATION
from locgraph.errors import LocgraphError
from locgraph.run_folder import ANALYSIS, CALIBRATION, CROSS_VALIDATION, TRUST
from locgraph.show.report.source import read_parquet
from locgraph.viewer.results.files import ReadRun, Results

FOVS, LOCALISATIONS = "FOVs", "localisations"
"""What a confusion matrix counts."""

_FOLD: Final = "fold_"
_OF_RUN: Final = ("experiment", "epochs", "parameters", "precision", "warnings", "seconds")


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: numbers that are infinite or none become null."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def confusion(results: Results) -> dict[str, Any]:
    """Count true against predicted classes on the test sides.

    Returns:
        ``classes``, the K classes; ``counts`` (K, K), rows are true classes, columns predicted ones, of all runs;
        ``folds``, a list of ``fold`` and ``counts``; ``of``, what is counted; ``unlabelled``, how many test FOVs have
        no class and are not counted.
    """
    of_localisations = [
        run for run in results.runs if isinstance(run.result, FoldResult) and run.result.of_localisations
    ]
    if of_localisations:
        return _of_localisations(of_localisations)
    table = results.tested()
    everything = results.predictions()
    if table is None or everything is None:
        return {"classes": [], "counts": [], "folds": [], "of": FOVS, "unlabelled": 0}
    seen = [*results.class_names, *table[schema.TRUTH].unique().sort(), *table[schema.PREDICTION].unique().sort()]
    classes = [str(name) for name in dict.fromkeys(name for name in seen if name is not None)]
    tested = everything.filter(pl.col(schema.SPLIT) == TEST).height
    folds = [
        {"fold": int(fold), "counts": _count(table.filter(pl.col(schema.FOLD) == fold), classes)}
        for fold in table[schema.FOLD].unique().sort()
    ]
    unlabelled = tested - table.height
    return {"classes": classes, "counts": _count(table, classes), "folds": folds, "of": FOVS, "unlabelled": unlabelled}


def _of_localisations(runs: Sequence[ReadRun]) -> dict[str, Any]:
    results = [run.result for run in runs if isinstance(run.result, FoldResult)]
    known = [each for each in results if each.class_names == results[0].class_names]
    return {
        "classes": list(known[0].class_names),
        "counts": sum(each.confusion for each in known).tolist(),  # type: ignore[union-attr]
        "folds": [{"fold": each.fold, "counts": each.confusion.tolist()} for each in known],
        "of": LOCALISATIONS,
        "unlabelled": 0,
    }


def _count(table: pl.DataFrame, classes: Sequence[str]) -> list[list[int]]:
    place = {name: index for index, name in enumerate(classes)}
    known = table.drop_nulls([schema.TRUTH, schema.PREDICTION])
    rows, columns = (
        known[name].replace_strict(place, return_dtype=pl.Int64).to_numpy()
        for name in (schema.TRUTH, schema.PREDICTION)
    )
    counts = np.bincount(rows * len(classes) + columns, minlength=len(classes) ** 2)
    return [[int(value) for value in row] for row in counts.reshape(len(classes), len(classes))]


def metrics(results: Results) -> dict[str, Any]:
    """Return scores, controls, calibration and settings.

    Returns:
        ``headline``, the result in words; ``sources`` with ``name`` and ``meaning``; ``table``, a row for each source
        and metric with ``mean``, ``low`` and ``high`` (95 % interval) or ``no_interval`` (why there is none) and
        ``folds``; ``runs``, what is known of each; ``calibration`` of each, and ``checked``, that of all test FOVs;
        ``reason``, why there is no table.
    """
    summary = _summarise(results)
    content: dict[str, Any] = {"headline": "", "sources": [], "table": [], "reason": None}
    released = _of_release(results)
    if isinstance(summary, Summary):
        rows = summary.table.to_dicts()
        content |= {"headline": summary.headline(), "sources": _sources(rows), "table": _table(rows)}
    elif released is not None:
        content |= released
    else:
        content["reason"] = summary
    runs = [_about(run) for run in results.runs]
    checked = read_parquet(results.folder / TRUST / CALIBRATION)
    content |= {
        "problems": list(results.problems),
        "runs": runs,
        "calibration": [
            {"fold": run.fold, **run.metrics["calibration"]}
            for run in results.runs
            if isinstance(run.metrics.get("calibration"), Mapping)
        ],
        "checked": checked.to_dicts() if isinstance(checked, pl.DataFrame) else [],
    }
    made: dict[str, Any] = plain(content)
    return made


def _summarise(results: Results) -> Summary | str:
    """Return the summary of all runs, or why there is none."""
    if not any(isinstance(run.result, FoldResult) for run in results.runs):
        reasons = dict.fromkeys(run.result for run in results.runs if isinstance(run.result, str))
        return "; ".join(reasons) or "There is no run."
    read = [
        run.result if isinstance(run.result, FoldResult) else Failure(run.folder, run.result, run.fold)
        for run in results.runs
    ]
    single = len(results.runs) == 1
    folds = [run.fold for run in results.runs if run.fold is not None] if single else list(range(results.n_folds))
    try:
        rivals = read_rivals([folder / ANALYSIS for folder in (results.folder, *(run.folder for run in results.runs))])
        summary = summarise(read, folds, rivals)
        summary.headline()  # may fail on what a damaged table holds
    except (LocgraphError, pl.exceptions.PolarsError, ValueError, KeyError) as error:
        return f"Scores of the runs cannot be summarised: {error}"
    return summary


def _of_release(results: Results) -> dict[str, Any] | None:
    """Return headline and table of the sweep that a release rests on; None where it is none, or does not hold them."""
    scores = results.runs[0].metrics.get(CROSS_VALIDATION) if results.runs else None
    try:
        if not isinstance(scores, Mapping):
            return None
        headline = f"Of the sweep that this release rests on: {scores['headline']}"
        return {"headline": headline, "sources": _sources(scores["table"]), "table": _table(scores["table"])}
    except (KeyError, TypeError, ValueError):
        return None


def _sources(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    names = dict.fromkeys(str(row["source"]) for row in rows)
    return [{"name": name, "meaning": _meaning(name)} for name in names]


def _meaning(name: str) -> str:
    if name == MODEL:
        return "the network"
    return MEANINGS.get(name) or (MEANING if name.endswith(SUFFIX) else "")


def _table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "source": row["source"],
            "metric": row["metric"],
            "mean": row["mean"],
            "low": row["interval_low"],
            "high": row["interval_high"],
            "no_interval": row["no_interval"],
            "folds": [
                {"fold": int(name.removeprefix(_FOLD)), "value": row[name]} for name in row if name.startswith(_FOLD)
            ],
        }
        for row in rows
    ]


def _about(run: ReadRun) -> dict[str, Any]:
    """Return what is known of a run beside the table of scores."""
    record = run.record
    versions = record.get("versions")
    return {
        "name": run.name,
        "folder": str(run.folder),
        "fold": run.fold,
        "state": run.state.state,
        "reason": run.state.reason,
        "started": run.state.started,
        "ended": run.state.ended,
        "overrides": record.get("overrides") or [],
        "seed": record.get("seed"),
        "git": record.get("git"),
        "version": versions.get("locgraph") if isinstance(versions, Mapping) else None,
        "scores": {
            side: run.metrics[side] for side in (VALIDATION, TEST) if isinstance(run.metrics.get(side), Mapping)
        },
        **{name: run.metrics[name] for name in _OF_RUN if name in run.metrics},
    }
