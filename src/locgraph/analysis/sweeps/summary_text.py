"""Summary of a sweep as Markdown: missing folds first, then the model and its controls in the same tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from locgraph.analysis.controls import MEANINGS
from locgraph.analysis.sweeps.outcomes import MODEL
from locgraph.analysis.sweeps.rivals import MEANING, SUFFIX

NOT_ANALYSED: Final = "Classifiers of `locgraph analyse` are not among them: it was not run on these folds."
_COMPARED: Final = {"accuracy": "Accuracy", "balanced_accuracy": "Balanced accuracy"}
_FOLD_PREFIX: Final = "fold_"


def summary_markdown(content: Mapping[str, Any]) -> str:
    """Return the content of ``summary.json`` as Markdown.

    Args:
        content: From `locgraph.analysis.sweeps.summary.Summary.content`, or read from the file.

    Returns:
        Markdown text with a line break at its end.
    """
    parts = [f"# {content['experiment'] or 'Sweep'}", _state(content)]
    if content["table"]:
        parts.append(headline(content))
        parts += [_compared(content, metric) for metric in _COMPARED]
        parts += [_other_metrics(content), _pooled(content), _controls(content)]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(content: Mapping[str, Any]) -> str:
    """Return the result in a few sentences: the model with its interval, and its lead over the best of all others."""
    rows = [row for row in content["table"] if row["metric"] == "accuracy"]
    model = next((row for row in rows if row["source"] == MODEL), None)
    if model is None:
        return ""
    repeats = [f"{model['n_folds']} fold{'s' if model['n_folds'] != 1 else ''}"]
    if len(content["seeds"]) > 1:
        repeats.append(f"{len(content['seeds'])} seeds")
    if len(content["fold_seeds"]) > 1:
        repeats.append(f"{len(content['fold_seeds'])} draws of the folds")
    if model["interval_low"] is None:
        ends = f"no interval: {model['no_interval']}"
    else:
        ends = f"95 % interval {interval(model['interval_low'], model['interval_high'])}"
    first = f"Accuracy of the model: {number(model['mean'])} ({ends}), over {', '.join(repeats)}."
    return f"{first} {_lead(content)}"


def _lead(content: Mapping[str, Any]) -> str:
    best = content["best_control"]
    if best is None:
        return "There is no simple classifier to compare it with."
    lead = best["lead"]
    if best["of"] > 1:
        words = (
            f"The best of the {best['of']} simple classifiers that ran is `{best['source']}`, {number(best['mean'])}"
        )
    else:
        words = f"The only simple classifier that ran is `{best['source']}`, {number(best['mean'])}"
    if lead is not None:
        words += f": {lead_words(lead['difference'], lead['low'], lead['high'])}"
    better = content.get("better_than_controls")  # absent from files of earlier versions
    sentences = [f"{words}.", *([better_words(better)] if better else [])]
    return " ".join(sentences if content["analysed"] else [*sentences, NOT_ANALYSED])


def lead_words(difference: float, low: float | None, high: float | None) -> str:
    """Return how a model compares with another method, from their difference in accuracy and its interval."""
    ends = "" if low is None or high is None else f" (95 % interval {interval(low, high)})"
    if difference <= 0:
        return f"the model does not beat it, difference {number(difference)}{ends}"
    chance = ", which may be chance" if low is not None and low <= 0 else ""
    return f"the model is ahead by {number(difference)}{ends}{chance}"


def better_words(better: Mapping[str, Any]) -> str:
    """Return the test that a model is better than every simple classifier; see `better_than_all`."""
    parts = [
        f"{p_words(better[name])} over {words}"
        for name, words in (("p_folds", "folds (corrected resampled t)"), ("p_fovs", "FOVs (McNemar)"))
        if better[name] is not None
    ]
    what = f"each of the {better['of']}, the largest p-value" if better["of"] > 1 else "it"
    return f"Test that the model is better than {what}: {', '.join(parts)}."


def _state(content: Mapping[str, Any]) -> str:
    expected, missing = len(content["expected_folds"]), content["missing"]
    if not missing:
        return f"Complete: {expected} of {expected} folds."
    head = f"**Incomplete: {expected - len(missing)} of {expected} folds.** The numbers below leave out:"
    return "\n".join([head, "", *(f"- fold {fold}: {_line(content['reasons'][str(fold)])}" for fold in missing)])


def _line(text: str) -> str:
    """Return a reason, which may be a traceback, on one line: it stays within its list item."""
    return " ".join(text.split())


def _compared(content: Mapping[str, Any], metric: str) -> str:
    """Return one metric of model and controls."""
    rows = [row for row in content["table"] if row["metric"] == metric]
    return f"## {_COMPARED[metric]}\n\n{_table(rows, 'source', content)}" if rows else ""


def _other_metrics(content: Mapping[str, Any]) -> str:
    rows = [row for row in content["table"] if row["metric"] not in _COMPARED]
    return f"## Other metrics of the model\n\n{_table(rows, 'metric', content)}" if rows else ""


def _table(rows: Sequence[Mapping[str, Any]], first: str, content: Mapping[str, Any]) -> str:
    folds = [name for name in rows[0] if name.startswith(_FOLD_PREFIX)]
    several = len(content["seeds"]) > 1
    header = [
        "",
        "mean",
        "s.d. of folds",
        *(["s.d. of seeds"] if several else []),
        "95 % interval of the mean",
        "folds",
    ]
    header += [name.replace("_", " ") for name in folds]
    cells = [
        [
            str(row[first]),
            number(row["mean"]),
            number(row["standard_deviation"]),
            *([number(row["seed_deviation"])] if several else []),
            interval(row["interval_low"], row["interval_high"]),
            f"{row['n_folds']} of {len(content['expected_folds'])}",
            *(number(row[name]) for name in folds),
        ]
        for row in rows
    ]
    reasons = dict.fromkeys(row["no_interval"] for row in rows if row["no_interval"])
    notes = [f"No interval: {reason}." for reason in reasons]
    return "\n\n".join([markdown_table(header, cells), *notes])


def _pooled(content: Mapping[str, Any]) -> str:
    names, counts, pooled = content["class_names"], content["confusion_matrix"], content["pooled_accuracy"]
    rows = [[name, *map(str, row)] for name, row in zip(names, counts, strict=True)]
    if pooled is None:
        head = f"## Test localisations of all folds\n\n{sum(map(sum, counts))} localisations."
        return f"{head}\n\n{markdown_table(['truth / prediction', *names], rows)}"
    accuracy, ends = number(pooled["accuracy"]), interval(pooled["low"], pooled["high"])
    words = f"95 % interval {ends}" if pooled["low"] is not None else f"no interval: {pooled['no_interval']}"
    tests = f"{sum(map(sum, counts))} test{'s' if sum(map(sum, counts)) != 1 else ''} of FOVs"
    return (
        f"## Test FOVs of all folds\n\nAccuracy over {tests}: {accuracy}, {words}.\n\n"
        f"{markdown_table(['truth / prediction', *names], rows)}"
    )


def _controls(content: Mapping[str, Any]) -> str:
    used = {row["source"] for row in content["table"]}
    lines = [f"- `{name}`: {meaning}." for name, meaning in MEANINGS.items() if name in used]
    if any(name.endswith(SUFFIX) for name in used):
        lines.append(f"- `...{SUFFIX}`: {MEANING}.")
    return "\n".join(["## The controls", "", *lines]) if lines else ""


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table: the first column aligned left, the others right.

    Args:
        header: Names of the columns.
        rows: Cells; a bar or line break within one is escaped.

    Returns:
        The lines of the table, without a line break at the end.
    """
    rule = [":--", *("--:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in (header, rule, *rows))


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with ``digits`` decimals; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def p_words(p: float | None) -> str:
    """Return a p-value in words: ``p = 0.031``, ``p < 0.001``."""
    if p is None:
        return "no p-value"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Return an interval as ``low to high``; a dash where there is none."""
    return "–" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())
