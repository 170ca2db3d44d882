"""Chapters on scores: metrics with intervals beside the controls, the confusion matrix, and each class by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from locgraph.analysis.controls import MEANINGS
from locgraph.analysis.sweeps.outcomes import MODEL
from locgraph.analysis.sweeps.rivals import MEANING, SUFFIX
from locgraph.analysis.sweeps.summary import Summary
from locgraph.analysis.sweeps.summary_text import NOT_ANALYSED, better_words, lead_words
from locgraph.show.report.parts import INFO, MISSING, Matrix, Note, Part, Plot, Section, Table
from locgraph.show.report.source import Source
from locgraph.show.report.style import MODEL as MODEL_COLOUR
from locgraph.show.report.style import NONE, OTHERS, count, interval_text, many, number, plain
from locgraph.stats.intervals import Interval
from locgraph.stats.metrics import ACCURACY, BALANCED_ACCURACY, F1, PRECISION, RECALL, scores_by_class

_COMPARED: Final = {ACCURACY: "accuracy", BALANCED_ACCURACY: "balanced accuracy"}
_OTHER_WORDS: Final = {"f1": "F1", "auroc": "AUROC", "iou": "IoU", "loss": "loss"}


def scores_section(source: Source) -> Section:
    """Return the chapter on the scores of model and controls on the same test FOVs."""
    summary = source.summary
    parts: list[Part] = []
    for metric, words in _COMPARED.items():
        if summary.folds(metric):
            parts += [comparison_plot(summary, metric, words), comparison_table(summary, metric, words)]
    parts += _difference(summary)
    parts += _other_metrics(summary)
    parts += _controls(source)
    parts.append(_validation(source))
    what = "localisations" if source.of_localisations else "FOVs"
    lead = (
        f"How often the model is right on {what} that it has not seen, beside simpler methods on the same folds. The "
        "95 % interval of an accuracy holds that over folds, corrected for the training FOVs that folds share (Nadeau "
        "and Bengio 2003), and that of all test FOVs together, over groups where FOVs have groups."
    )
    return Section("scores", "Metrics and controls", lead, tuple(parts))


def confusion_section(source: Source) -> Section:
    """Return the chapter on the confusion matrix and the scores of each class."""
    summary = source.summary
    what = "localisations" if source.of_localisations else "FOVs"
    total = int(summary.confusion.sum())
    folds = many(len(source.completed), "fold")
    caption = f"{count(total)} test {what} of {folds}. Shaded by the part of the true class."
    parts: list[Part] = [Matrix(summary.class_names, summary.confusion, caption)]
    if summary.pooled is not None:
        pooled = summary.pooled
        ends = f"95 % interval {interval_text(pooled.low, pooled.high)}" if pooled.low is not None else pooled.reason
        parts.append(Note(f"All test FOVs together: accuracy {number(pooled.estimate)}, {ends}.", INFO))
    parts.append(class_scores(summary.class_names, summary.confusion, summary.recalls()))
    lead = "Rows are true classes, columns predicted ones; the diagonal is correct."
    return Section("confusion", "Confusion matrix", lead, tuple(parts))


def comparison_table(summary: Summary, metric: str, words: str) -> Table:
    """Return one metric of the model and of each control, with each fold."""
    rows = [row for row in summary.table.to_dicts() if row["metric"] == metric]
    folds = [name for name in summary.table.columns if name.startswith("fold_")]
    several = len(folds) > 1
    header = ["", "mean" if several else "value"]
    header += ["s.d."] if several else []
    header += ["95 % interval", *(name.replace("_", " ") for name in folds if several)]
    cells = [
        (
            plain(row["source"]),
            number(row["mean"]),
            *([number(row["standard_deviation"])] if several else []),
            interval_text(row["interval_low"], row["interval_high"]),
            *([number(row[name]) for name in folds] if several else []),
        )
        for row in rows
    ]
    caption = f"{words.capitalize()} on the test side" + (" of each fold." if several else ".")
    reasons = dict.fromkeys(row["no_interval"] for row in rows if row["no_interval"])
    caption += "".join(f" No interval: {reason}." for reason in reasons)
    return Table(tuple(header), tuple(cells), caption, marked=frozenset({0}))


def comparison_plot(summary: Summary, metric: str, words: str) -> Plot:
    """Plot a dot for each fold and a line for the interval, the model above its controls."""
    folds, intervals = summary.folds(metric), summary.intervals(metric)
    sources = list(folds)
    data: list[dict[str, Any]] = []
    for source in sources:
        mean, low, high = intervals[source]
        colour = MODEL_COLOUR if source == MODEL else OTHERS
        name = plain(source)
        if low is not None and high is not None:
            data.append(_line([low, high], name, colour))
        data.append(_dots(list(folds[source].values()), name, colour, list(folds[source])))
        data.append(_mark(mean, name, colour, f"{name}: {number(mean)}, 95 % interval {interval_text(low, high)}"))
    layout = {
        "xaxis": {"range": [-0.02, 1.02], "title": {"text": words}, "zeroline": False},
        "yaxis": {"autorange": "reversed", "automargin": True, "ticks": "", "showgrid": False},
        "margin": {"l": 10, "r": 16, "t": 8, "b": 44},
        "hovermode": "closest",
        "showlegend": False,
    }
    alt = f"{words} of the model and its controls: " + "; ".join(
        f"{plain(source)} {number(intervals[source][0])}" for source in sources
    )
    caption = f"{words.capitalize()} on the test side: dots are folds, bars the mean, lines its 95 % interval."
    return Plot(f"scores-{metric}", data, layout, alt, caption, height=70 + 40 * len(sources))


def class_scores(names: tuple[str, ...], counts: np.ndarray, recalls: Mapping[str, Interval]) -> Table:
    """Return recall, precision and F1 of each class.

    Args:
        names: The K classes.
        counts: (K, K) int64, rows are true classes.
        recalls: Class -> recall with its interval; empty where cases are not independent.
    """
    true = counts.sum(axis=1)
    scores = scores_by_class(counts)
    rows = []
    for place, name in enumerate(names):
        recall, precision, f1 = (number(scores[metric][place]) for metric in (RECALL, PRECISION, F1))
        cells = [name, count(int(true[place])), recall]
        if recalls:
            cells.append(interval_text(recalls[name].low, recalls[name].high) if name in recalls else NONE)
        rows.append((*cells, precision, f1))
    header = ("class", "number", "recall", *(["95 % interval"] if recalls else []), "precision", "F1")
    caption = (
        "Recall: fraction of the class that is predicted as such. Precision: fraction of these predictions that is "
        "correct."
    )
    return Table(header, tuple(rows), caption)


def _difference(summary: Summary) -> list[Part]:
    best = summary.best_control()
    lead = None if best is None else summary.lead_over(best[0])
    if best is None or lead is None:
        return []
    words = (
        f"The best of the {many(summary.n_rivals(), 'simple classifier')} that ran is {plain(best[0])}, "
        f"{number(best[1])}: {lead_words(lead.estimate, lead.low, lead.high)}."
    )
    better = summary.better_than_controls()
    words += f" {better_words(better)}" if better else ""
    return [Note(words if summary.analysed else f"{words} {NOT_ANALYSED.replace('`', '')}", INFO)]


def _other_metrics(summary: Summary) -> list[Part]:
    rows = [row for row in summary.table.to_dicts() if row["metric"] not in _COMPARED and row["source"] == MODEL]
    if not rows:
        return []
    several = any(row["n_folds"] > 1 for row in rows)
    header = ("metric", "mean", "s.d.", "95 % interval", "folds") if several else ("metric", "value")
    cells = []
    for row in rows:
        name = _OTHER_WORDS.get(row["metric"], plain(row["metric"]))
        more = (
            number(row["standard_deviation"]),
            interval_text(row["interval_low"], row["interval_high"]),
            str(row["n_folds"]),
        )
        cells.append((name, number(row["mean"]), *(more if several else ())))
    return [Table(header, tuple(cells), "Other metrics of the model on the test side.")]


def _controls(source: Source) -> list[Part]:
    used = [name for name in source.summary.folds() if name in MEANINGS]
    if used:
        rows = tuple((plain(name), MEANINGS[name]) for name in used)
        if source.summary.analysed:
            rows = (*rows, (f"...{SUFFIX}", MEANING))
        return [Table(("control", "definition"), rows, words=2, folded="Definitions of the controls")]
    reason = next((str(run.metrics["no_controls"]) for run in source.completed if run.metrics.get("no_controls")), "")
    words = reason or "they were switched off (controls=false)"
    text = f"There are no controls: {words}. Without them it is not known whether a simpler method does as well."
    return [Note(text, MISSING)]


def _validation(source: Source) -> Table:
    rows = []
    for run in source.completed:
        val, test = run.metrics.get("val") or {}, run.metrics["test"]
        rows.append((str(run.fold), *(number(side.get(name)) for name in (ACCURACY, "loss") for side in (val, test))))
    header = ("fold", "accuracy, validation", "accuracy, test", "loss, validation", "loss, test")
    caption = "The weights were chosen by the validation side, which is therefore somewhat too good."
    return Table(header, tuple(rows), caption, folded="Validation beside test")


def _line(values: list[float], name: str, colour: str) -> dict[str, Any]:
    line = {"color": colour, "width": 3}
    return {"x": values, "y": [name, name], "mode": "lines", "type": "scatter", "line": line, "hoverinfo": "skip"}


def _dots(values: list[float], name: str, colour: str, folds: list[int]) -> dict[str, Any]:
    return {
        "x": values,
        "y": [name] * len(values),
        "mode": "markers",
        "type": "scatter",
        "marker": {"color": colour, "size": 9, "opacity": 0.45},
        "hovertemplate": [
            f"{name}, fold {fold}: {number(value)}<extra></extra>" for fold, value in zip(folds, values, strict=True)
        ],
    }


def _mark(mean: float, name: str, colour: str, words: str) -> dict[str, Any]:
    return {
        "x": [mean],
        "y": [name],
        "mode": "markers",
        "type": "scatter",
        "marker": {"color": colour, "symbol": "line-ns", "size": 20, "line": {"color": colour, "width": 3}},
        "hovertemplate": f"{words}<extra></extra>",
    }
