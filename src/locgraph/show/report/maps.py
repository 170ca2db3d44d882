"""Chapter with interactive maps of the FOVs: of their features and of the learned vectors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.feature_table import FeatureTable, feature_table
from locgraph.analysis.fov_features import Aggregation, fov_features, whole_fovs
from locgraph.analysis.projection import (
    PC,
    UMAP_COLUMNS,
    PrincipalComponents,
    Projection,
    UmapSettings,
    principal_components,
    umap_projection,
)
from locgraph.data.folds import TEST
from locgraph.errors import LocgraphError
from locgraph.io.featextracted import ExtractedFov
from locgraph.run_folder import FOV_VECTORS
from locgraph.show.report.parts import INFO, MISSING, Explorer, Note, Part, Section, View
from locgraph.show.report.source import Absent, Source, read_parquet
from locgraph.show.report.style import OTHERS, class_colours, class_symbols, count, listed, many

UNKNOWN: Final = "without a class"

_LEAD = (
    "Each point is a FOV; similar FOVs lie close. Point at one, or choose it by name, to see it. Rings mark wrong "
    "predictions."
)
_PCA_NOTE = "Principal components of {what}, standardised: axes are the directions in which FOVs differ most."
_UMAP_NOTE = (
    "UMAP of {what}, standardised: neighbours stay together; distances between groups, and the sizes of groups, mean "
    "little."
)


@dataclass(frozen=True)
class Description:
    """FOVs with the numbers that a map is made from.

    Attributes:
        label: Origin of the numbers, for the list of maps.
        what: The same in a sentence.
        features: A row for each FOV.
        fold: Fold whose predictions belong to them; None takes the test prediction of each FOV.
    """

    label: str
    what: str
    features: FeatureTable
    fold: int | None = None


def maps_section(
    source: Source, pictures: Mapping[str, str], picture_note: str, most_fovs: int, umap: bool, seed: int
) -> Section:
    """Return the chapter with PCA and UMAP of the features of clusters and of learned vectors.

    Args:
        source: Content of the report.
        pictures: FOV -> ``data:`` URI.
        picture_note: Note on missing pictures; empty where all are there.
        most_fovs: Of more FOVs a random choice is shown.
        umap: Whether to make the maps of UMAP, which take their time.
        seed: Of UMAP and the choice.
    """
    if isinstance(source.predictions, Absent):
        reason = "The model classifies localisations, not FOVs."
        return Section("maps", "Maps of the FOVs", _LEAD, (Note(f"Maps cannot be shown. {reason}", MISSING),))
    descriptions, notes = gather(source)
    records, places = make_records(source.predictions)
    views: list[View] = []
    for description in descriptions:
        chosen = choose(description, most_fovs, seed)
        total, shown = description.features.table.height, chosen.features.table.height
        if shown < total:
            notes.append(
                f"{description.label}: {count(shown)} of {count(total)} FOVs, at random (most_fovs={most_fovs})."
            )
        projections: list[Projection] = [principal_components(chosen.features, n_components=2)]
        if umap:
            projections.append(umap_projection(chosen.features, UmapSettings(seed=seed, backend="cpu")))
        for projection in projections:
            if projection.reason is not None:
                notes.append(f"{description.label}: {projection.reason}.")
                continue
            views.append(_view(chosen, projection, records, places, source.class_names))
            notes += [f"{description.label}: {words}." for words in projection.warnings]
        if projections[0].left_out:
            left = [f"{name} ({why})" for name, why in projections[0].left_out.items()]
            notes.append(f"{description.label}: without {listed(left, 5)}.")
    parts: list[Part] = [Note(note, MISSING) for note in notes]
    if views:
        parts.insert(0, Explorer(tuple(views), records, dict(pictures), picture_note))
    if not umap:
        parts.append(Note("Maps of UMAP were switched off (umap=false).", INFO))
    return Section("maps", "Maps of the FOVs", _LEAD, tuple(parts))


def gather(source: Source) -> tuple[list[Description], list[str]]:
    """Return features from the prepared tables, vectors of each fold, and reasons for those that are not there."""
    descriptions: list[Description] = []
    notes: list[str] = []
    features = of_clusters(source)
    if isinstance(features, Absent):
        notes.append(f"Maps of the features of clusters cannot be shown. {features.reason}")
    else:
        descriptions.append(features)
    vectors, reasons = of_vectors(source)
    return descriptions + vectors, notes + reasons


def of_clusters(source: Source) -> Description | Absent:
    """Return features of clusters, pooled in each FOV: the same for all folds, so that all FOVs are on one map."""
    if isinstance(source.manifest, Absent):
        return source.manifest
    if isinstance(source.places.tables, Absent):
        return source.places.tables
    fovs = source.manifest.table
    read = _readable(source.places.tables, list(fovs[schema.FOV_ID]))
    features = fov_features(read, fovs, Aggregation(quantiles=()))
    if features.table.is_empty():
        return Absent(f"No FOV below {source.places.tables} can be read.")
    n_features = sum(name.startswith("mean_") for name in features.columns)
    what = f"mean and standard deviation of {many(n_features, 'feature')} over the clusters of each FOV"
    return Description("Features of clusters", what, features)


def of_vectors(source: Source) -> tuple[list[Description], list[str]]:
    """Return learned vectors by fold: those of another fold come from another model and lie in another space."""
    folders = [*(run.folder for run in source.completed), *source.places.explanations]
    tables = [table for folder in folders if isinstance(table := read_parquet(folder / FOV_VECTORS), pl.DataFrame)]
    if not tables:
        reason = f"no run folder holds {FOV_VECTORS}: train again, or test the checkpoint again with vectors=[fov]"
        return [], [f"Maps of learned vectors cannot be shown: {reason}."]
    descriptions, notes = [], []
    table = pl.concat(tables, how="diagonal_relaxed").unique(
        [schema.FOV_ID, schema.FOLD], keep="first", maintain_order=True
    )
    columns = [name for name in table.columns if name.startswith(schema.VECTOR_PREFIX)]
    for run in source.completed:
        of_fold = table.filter(pl.col(schema.FOLD) == run.fold)
        if of_fold.is_empty():
            notes.append(f"Fold {run.fold} has no learned vectors: its folder holds no {FOV_VECTORS}.")
            continue
        used = [name for name in columns if of_fold[name].is_not_null().any()]
        label = f"Learned vectors, fold {run.fold}" if source.is_sweep else "Learned vectors"
        what = f"{many(len(used), 'value')} that the readout of fold {run.fold} gives its head"
        # classes come from the predictions: the manifest may be elsewhere
        fovs = of_fold.select(schema.FOV_ID).with_columns(
            pl.lit(None, pl.String).alias(schema.GROUP), pl.lit(None, pl.String).alias(schema.LABEL)
        )
        features = feature_table(of_fold.select(schema.FOV_ID, *used), dict.fromkeys(used, "1"), fovs)
        descriptions.append(Description(label, what, features, run.fold))
    return descriptions, notes


def choose(description: Description, most: int, seed: int) -> Description:
    """Choose FOVs at random where there are more than can be shown."""
    table = description.features.table
    if table.height <= most:
        return description
    rows = np.sort(np.random.default_rng(seed).choice(table.height, most, replace=False))
    return replace(description, features=replace(description.features, table=table[rows]))


def make_records(predictions: pl.DataFrame) -> tuple[list[dict[str, Any]], dict[tuple[str, int | None], int]]:
    """Return the words about a FOV under the pointer.

    Args:
        predictions: With the columns of ``predictions.parquet``.

    Returns:
        A record for each row; and the row of each FOV and fold, and of its test prediction under the fold None.
    """
    columns = [name for name in predictions.columns if name.startswith(schema.PROBABILITY_PREFIX)]
    records, places = [], {}
    for index, row in enumerate(predictions.to_dicts()):
        probability = row.get(schema.PROBABILITY_PREFIX + row[schema.PREDICTION])
        if probability is None:
            probability = max((row[name] for name in columns if row[name] is not None), default=0.0)
        records.append(
            {
                "name": row[schema.FOV_ID],
                "truth": row[schema.TRUTH] or UNKNOWN,
                "prediction": row[schema.PREDICTION],
                "probability": round(float(probability), 3),
                "fold": row[schema.FOLD],
                "split": row[schema.SPLIT],
            }
        )
        places[row[schema.FOV_ID], row[schema.FOLD]] = index
        if row[schema.SPLIT] == TEST:
            places[row[schema.FOV_ID], None] = index
    return records, places


def _readable(tables: Path, fov_ids: Sequence[str]) -> Iterator[ExtractedFov]:
    """Yield the FOVs whose tables can be read."""
    for fov_id in fov_ids:
        try:
            yield from whole_fovs(tables, [fov_id])
        except LocgraphError:
            continue


def _view(
    description: Description,
    projection: Projection,
    records: Sequence[Mapping[str, Any]],
    places: Mapping[tuple[str, int | None], int],
    class_names: tuple[str, ...],
) -> View:
    """Return points by class; FOVs without a prediction are grey."""
    fov_ids = projection.table[schema.FOV_ID].to_list()
    is_pca = isinstance(projection, PrincipalComponents)
    points = _points(projection, [f"{PC}1", f"{PC}2"] if is_pca else UMAP_COLUMNS)
    indices = [places.get((name, description.fold), -1) for name in fov_ids]
    truths = [UNKNOWN if index < 0 else str(records[index]["truth"]) for index in indices]
    names = [*class_names, UNKNOWN]
    colours = [*class_colours(len(class_names)), OTHERS]
    symbols = [*class_symbols(len(class_names)), "circle-open"]
    data = []
    for name, colour, symbol in zip(names, colours, symbols, strict=True):
        rows = [row for row, truth in enumerate(truths) if truth == name]
        if rows:
            trace = _trace(name, points[rows], colour, symbol)
            data.append(trace | {"customdata": [indices[row] for row in rows], "text": [fov_ids[row] for row in rows]})
    wrong = [
        row
        for row, index in enumerate(indices)
        if index >= 0 and truths[row] != UNKNOWN and records[index]["prediction"] != truths[row]
    ]
    if wrong:
        data.append(_rings(points[wrong]))
    if isinstance(projection, PrincipalComponents):
        parts = [*projection.explained, 0.0]
        axes = (f"component 1 ({parts[0]:.0%} of the variance)", f"component 2 ({parts[1]:.0%} of the variance)")
        return View(f"{description.label}: PCA", _PCA_NOTE.format(what=description.what), data, axes)
    return View(f"{description.label}: UMAP", _UMAP_NOTE.format(what=description.what), data, ("UMAP 1", "UMAP 2"))


def _points(projection: Projection, names: list[str]) -> np.ndarray:
    """Return places (N, 2); of a single component the second is 0."""
    columns = [projection.table[name].to_numpy() if name in projection.table.columns else None for name in names]
    zeros = np.zeros(projection.table.height)
    return np.stack([zeros if column is None else column for column in columns], axis=1)


def _trace(name: str, points: np.ndarray, colour: str, symbol: str) -> dict[str, Any]:
    return {
        "x": [float(f"{value:.4g}") for value in points[:, 0]],
        "y": [float(f"{value:.4g}") for value in points[:, 1]],
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "marker": {"color": colour, "symbol": symbol, "size": 9, "opacity": 0.85},
        "hovertemplate": "%{text}<extra></extra>",
    }


def _rings(points: np.ndarray) -> dict[str, Any]:
    return {
        "x": [float(f"{value:.4g}") for value in points[:, 0]],
        "y": [float(f"{value:.4g}") for value in points[:, 1]],
        "type": "scatter",
        "mode": "markers",
        "name": "wrong prediction",
        "meta": "ink",
        "marker": {"symbol": "circle-open", "size": 17, "line": {"width": 1.8}},
        "hoverinfo": "skip",
    }
