"""Chapter on explanations: metrics of the explainers, features with the largest scores, and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.explain.metrics.columns import METRICS
from locgraph.run_folder import (
    ATTRIBUTIONS,
    EXPLAINER_AGREEMENT,
    EXPLANATION_METRICS,
    EXPLANATIONS,
    EXPLANATIONS_RECORD,
    read_record,
)
from locgraph.show.report.parts import INFO, MISSING, Note, Part, Picture, Pictures, Plot, Section, Table
from locgraph.show.report.pictures import figure_uri
from locgraph.show.report.source import Absent, Source, read_csv, read_parquet
from locgraph.show.report.style import MODEL, NONE, cell, count, listed, many, number, one_line, plain, short

FEATURES: Final = "explained_features"

PREFERRED: Final = ("subgraphx", "occlusion", "integrated_gradients", "saliency")
"""Of several explainers the first of these that is there is drawn beside the FOVs."""

_MOST_FEATURES: Final = 20
_MOST_ROWS: Final = 30
_FIGURE_WIDTH: Final = 900
_KEYS: Final = (schema.FOV_ID, schema.FOLD, schema.EXPLAINED_CLASS, schema.TRUTH, schema.PREDICTION)
_LEAD = (
    "Scores are the evidence of parts of a FOV for the class. They show what this model uses, which is not always what "
    "distinguishes the class; an explainer no better than random scores explains nothing."
)


@dataclass(frozen=True)
class Explanations:
    """Tables of the folders of explanations.

    Attributes:
        attributions: With the columns of `schema.ATTRIBUTION_COLUMNS`, or why there are none.
        metrics: A row for each FOV and explainer, or why there is none.
        folders: Folders that hold them.
    """

    attributions: pl.DataFrame | Absent
    metrics: pl.DataFrame | Absent
    folders: tuple[Path, ...]


def read_explanations(source: Source) -> Explanations:
    """Read every folder of explanations that was given, or that the runs hold."""
    searched = source.places.explanations or tuple(run.folder for run in source.completed)
    folders = sorted({path.parent for folder in searched for path in folder.rglob(ATTRIBUTIONS)})
    reason = (
        f"No {ATTRIBUTIONS} was found in {listed([str(folder) for folder in searched], 3)}: run locgraph explain, and "
        "give its folder with explanations=FOLDER."
    )
    needed = {name for name, column in schema.ATTRIBUTION_COLUMNS.items() if column.name != schema.IN_SUBGRAPH}
    attributions = _joined([folder / ATTRIBUTIONS for folder in folders], needed, reason)
    metrics = _joined(
        [folder / EXPLANATION_METRICS for folder in folders], {schema.EXPLAINER}, f"There is no {EXPLANATION_METRICS}."
    )
    return Explanations(attributions, metrics, tuple(folders))


def explanations_section(source: Source, explanations: Explanations, max_bytes: int) -> Section:
    """Return the chapter with metrics of the explainers, the features with the largest scores, and figures."""
    attributions, metrics = explanations.attributions, explanations.metrics
    if isinstance(attributions, Absent):
        note = Note(f"Explanations cannot be shown. {attributions.reason}", MISSING)
        parts: list[Part] = [note, *_figures(explanations, source, max_bytes)]
        return Section("explanations", "Explanations", _LEAD, tuple(parts))
    parts = [Note(_counted(attributions), INFO)]
    if isinstance(metrics, Absent):
        parts.append(Note(f"The quality of the explanations cannot be shown. {metrics.reason}", MISSING))
    else:
        parts.append(metrics_table(metrics))
    parts += _limits(explanations.folders)
    parts += _agreement(explanations.folders)
    parts += feature_plots(attributions)
    parts += _feature_summary(explanations.folders)
    parts += _figures(explanations, source, max_bytes)
    return Section("explanations", "Explanations", _LEAD, tuple(parts))


def drawn_explainer(attributions: pl.DataFrame) -> str | None:
    """Return the explainer whose scores are drawn beside the FOVs; None where none scores clusters."""
    of_clusters = attributions.filter(pl.col(schema.LEVEL) == schema.CLUSTER)
    names = of_clusters[schema.EXPLAINER].unique(maintain_order=True).to_list()
    return next((name for name in PREFERRED if name in names), names[0] if names else None)


def metrics_table(metrics: pl.DataFrame) -> Table:
    """Return the mean of each metric over the explained FOVs: a row for each metric, a column for each explainer."""
    names = [name for name, dtype in metrics.schema.items() if dtype.is_numeric() and name not in _KEYS]
    groups = metrics.partition_by(schema.EXPLAINER, as_dict=True, maintain_order=True)
    means = {str(key[0]): _means(group, names) for key, group in groups.items()}
    rows = [("FOVs", NONE, "", *(count(group.height) for group in groups.values()))]
    for name in names:
        metric = METRICS.get(name)
        words = (metric.better, metric.meaning) if metric else (NONE, "")
        rows.append((plain(name), *words, *(short(of_explainer[name]) for of_explainer in means.values())))
    header = ("metric", "better", "definition", *map(plain, means))
    return Table(header, tuple(rows), "Mean over the explained FOVs.", words=3)


def feature_plots(attributions: pl.DataFrame) -> list[Part]:
    """Plot the mean score of each feature over the FOVs, by explainer."""
    of_features = attributions.filter(pl.col(schema.LEVEL) == schema.FEATURE)
    if of_features.is_empty():
        return [Note("No explainer scored features, only clusters.", MISSING)]
    parts: list[Part] = []
    for (explainer,), group in of_features.group_by(schema.EXPLAINER, maintain_order=True):
        means = group.group_by(schema.FEATURE).agg(pl.col(schema.SCORE).mean(), pl.col(schema.FOV_ID).n_unique())
        means = means.sort(pl.col(schema.SCORE).abs(), schema.FEATURE, descending=[True, False]).head(_MOST_FEATURES)
        parts.append(_feature_plot(str(explainer), means, len(parts)))
    return parts


def _feature_plot(explainer: str, means: pl.DataFrame, place: int) -> Plot:
    names = [plain(name) for name in means[schema.FEATURE]]
    data: list[dict[str, Any]] = [
        {
            "x": [float(f"{value:.4g}") for value in means[schema.SCORE]],
            "y": names,
            "type": "bar",
            "orientation": "h",
            "marker": {"color": MODEL},
            "hovertemplate": "%{y}: %{x:.3g}<extra></extra>",
        }
    ]
    layout = {
        "xaxis": {"title": {"text": "mean score"}},
        "yaxis": {"autorange": "reversed", "automargin": True, "ticks": "", "showgrid": False},
        "margin": {"l": 10, "r": 16, "t": 8, "b": 44},
    }
    fovs = many(int(means[schema.FOV_ID].max()), "FOV")  # type: ignore[arg-type]
    caption = f"{explainer}: mean score of the features over {fovs}; the largest {len(names)}."
    alt = f"{caption} Largest: {', '.join(names[:3])}."
    return Plot(f"explained-features-{place}", data, layout, alt, caption, height=70 + 24 * len(names))


def _joined(paths: Sequence[Path], needed: set[str], reason: str) -> pl.DataFrame | Absent:
    tables = []
    for path in paths:
        table = read_parquet(path)
        if isinstance(table, Absent):
            reason = table.reason
        elif needed <= set(table.columns):
            tables.append(table)
        else:
            reason = f"{path} has no column {', '.join(sorted(needed - set(table.columns)))}: explain again."
    return pl.concat(tables, how="diagonal_relaxed") if tables else Absent(reason)


def _counted(attributions: pl.DataFrame) -> str:
    explainers = attributions[schema.EXPLAINER].unique(maintain_order=True).to_list()
    fovs = attributions.select(schema.FOV_ID, schema.FOLD).n_unique()
    return f"{many(fovs, 'FOV')} explained by {listed(explainers)}."


def _limits(folders: Sequence[Path]) -> list[Part]:
    """Return notes on explainers not to be trusted, or that cannot explain this model, and on FOVs that failed."""
    parts: list[Part] = []
    for folder in folders:
        about = read_record(folder / EXPLANATIONS_RECORD)
        cautions, left_out = about.get("cautions") or {}, about.get("left_out") or {}
        parts += [Note(f"{plain(name)}: {one_line(str(why))}", INFO) for name, why in cautions.items()]
        parts += [Note(f"{plain(name)} was left out: {one_line(str(why))}", MISSING) for name, why in left_out.items()]
        for name, reasons in (about.get("failures") or {}).items():
            fov_id, why = next(iter(reasons.items()), ("", ""))
            words = f"{plain(name)} failed for {many(len(reasons), 'FOV')}, such as {fov_id}: {one_line(str(why))}"
            parts.append(Note(words, MISSING))
    return parts


def _agreement(folders: Sequence[Path]) -> list[Part]:
    tables = [
        table for folder in folders if isinstance(table := read_parquet(folder / EXPLAINER_AGREEMENT), pl.DataFrame)
    ]
    if not tables:
        return []
    table = pl.concat(tables, how="diagonal_relaxed")
    keys = [name for name, dtype in table.schema.items() if dtype == pl.String and name != schema.FOV_ID]
    values = [name for name, dtype in table.schema.items() if dtype.is_float()]
    if not keys or not values:
        return []
    means = table.group_by(keys, maintain_order=True).agg(pl.col(values).fill_nan(None).mean())
    rows = tuple(
        (*(str(row[key]) for key in keys), *(number(row[name]) for name in values)) for row in means.to_dicts()
    )
    header = (*map(plain, keys), *map(plain, values))
    return [Table(header, rows, "How far explainers agree.", words=len(keys), folded="Agreement between explainers")]


def _feature_summary(folders: Sequence[Path]) -> list[Part]:
    for folder in folders:
        table: pl.DataFrame | Absent = read_csv(folder / f"{FEATURES}.csv")
        if isinstance(table, Absent):
            table = read_parquet(folder / f"{FEATURES}.parquet")
        if isinstance(table, pl.DataFrame) and table.height:
            rows = tuple(tuple(cell(value) for value in row) for row in table.head(_MOST_ROWS).rows())
            words = max(1, sum(dtype == pl.String for dtype in table.dtypes))
            caption = f"The first {len(rows)} of {many(table.height, 'row')} of {FEATURES}."
            folded = "Features of what explains, by class"
            return [Table(tuple(map(plain, table.columns)), rows, caption, words=words, folded=folded)]
    return []


def _figures(explanations: Explanations, source: Source, max_bytes: int) -> list[Part]:
    """Return the figures beside the tables, the galleries first."""
    searched = explanations.folders or source.places.explanations or tuple(run.folder for run in source.completed)
    paths = [path for folder in searched for path in sorted((folder / EXPLANATIONS).rglob("*.png"))]
    if not paths:
        return []
    paths.sort(key=lambda path: "gallery" not in path.stem)
    pictures, size = [], 0
    for path in paths:
        if "gallery" not in path.stem and not isinstance(explanations.attributions, Absent):
            break  # each FOV is drawn in the gallery of the report
        try:
            uri = figure_uri(path, _FIGURE_WIDTH)
        except OSError:
            continue
        size += len(uri)
        if size > max_bytes:
            break
        pictures.append(Picture(uri, f"Explanation {plain(path.stem)}", plain(path.stem)))
    places = sorted({str(path.parent) for path in paths})
    words = (
        f"{many(len(paths), 'figure')} at print quality {'is' if len(paths) == 1 else 'are'} in {listed(places, 3)}."
    )
    shown: list[Part] = [Pictures(tuple(pictures))] if pictures else []
    return [*shown, Note(words, INFO)]


def _means(group: pl.DataFrame, names: Sequence[str]) -> dict[str, float | None]:
    """Return the mean of each column over the rows that have a number."""
    row = group.select(pl.col(name).cast(pl.Float64).fill_nan(None).mean() for name in names).row(0, named=True)
    return {name: None if value is None else float(value) for name, value in row.items()}


def scores_of(attributions: pl.DataFrame, explainer: str) -> Mapping[tuple[str, int], pl.DataFrame]:
    """Return rows of clusters of one explainer, by FOV and fold."""
    chosen = attributions.filter(pl.col(schema.LEVEL) == schema.CLUSTER, pl.col(schema.EXPLAINER) == explainer)
    groups = chosen.partition_by(schema.FOV_ID, schema.FOLD, as_dict=True, maintain_order=True)
    return {(str(key[0]), int(key[1])): table for key, table in groups.items()}
