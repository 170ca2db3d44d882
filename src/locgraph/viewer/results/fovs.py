"""The table of FOVs of a run or sweep: what is known of each, with one prediction."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import LocgraphError
from locgraph.io.featextracted import list_fovs
from locgraph.io.manifest import Manifest
from locgraph.run_folder import EMBEDDINGS, MANIFEST
from locgraph.show.report.source import Absent, read_parquet
from locgraph.viewer.opened import PROBLEM
from locgraph.viewer.results.files import SIDES, ReadRun, Results

CORRECT: Final = "correct"
SEPARATOR: Final = ", "
"""Between the classes of a prediction set, and the reasons of an unlike FOV."""

_FIRST: Final = (
    *(schema.FOV_ID, schema.LABEL, schema.PREDICTION, CORRECT, schema.PROBABILITY, schema.TYPICALITY, schema.UNLIKE),
    *(schema.UNLIKE_REASONS, schema.SPLIT, schema.FOLD, schema.GROUP, schema.PARENT_FOV),
    *(schema.N_LOCALISATIONS, schema.N_CLUSTERS, schema.EXTENT, schema.PRECISION, schema.DIMENSIONS),
    *(schema.PREDICTION_SET, schema.CREDIBILITY, schema.TYPICALITY_P, schema.DISAGREEMENT, schema.DECISION),
)
_NO_TABLES: Final = "The prepared tables are gone: give their folder with tables=FOLDER."
_LISTS: Final = (schema.PREDICTION_SET, schema.UNLIKE_REASONS)
_OF_MANIFEST: Final = (
    *(schema.FOV_ID, schema.LABEL, schema.GROUP, schema.PARENT_FOV, schema.DIMENSIONS),
    *(schema.N_LOCALISATIONS, schema.N_CLUSTERS, schema.EXTENT, schema.PRECISION),
)


def read_manifest(tables: Path | Absent) -> Manifest | Absent:
    """Return the manifest of the prepared tables, or why it is not known."""
    if isinstance(tables, Absent):
        return tables
    try:
        return Manifest.read(tables / MANIFEST)
    except LocgraphError as error:
        return Absent(f"{error}.")


def fov_table(
    results: Results, tables: Path | Absent, manifest: Manifest | Absent, order: Sequence[str] = ()
) -> pl.DataFrame:
    """Join what is known of each FOV.

    Args:
        results: The runs.
        tables: Folder of the prepared tables, or why it is not known.
        manifest: Its manifest, or why there is none.
        order: FOVs of an earlier table, which keep their rows.

    Returns:
        One row for each FOV: ``fov_id``, ``label``; ``prediction``, ``probability`` (of the predicted class),
        ``correct``, ``fold`` and ``split`` of its test prediction, or else that of a validation side; what else
        predictions and manifest hold, and ``p_<class>`` of each class. Columns without any value are left out. Lists
        are text. ``problem`` holds why a FOV cannot be shown.
    """
    fovs = _known(results, manifest)
    predicted = _one_each(results)
    if predicted is not None:
        fovs = fovs.join(predicted, on=schema.FOV_ID, how="left", maintain_order="left")
        fovs = fovs.with_columns(pl.coalesce(schema.LABEL, schema.TRUTH).alias(schema.LABEL)).drop(schema.TRUTH)
    fovs = _with_sides(fovs, results)
    fovs = _with_problems(_in_order(fovs, order), tables, manifest)
    probabilities = [name for name in fovs.columns if name.startswith(schema.PROBABILITY_PREFIX)]
    names = [name for name in (*_FIRST, *probabilities) if name in fovs.columns]
    kept = [name for name in names if name == schema.FOV_ID or fovs[name].null_count() < fovs.height]
    return fovs.select(*kept, *([PROBLEM] if fovs[PROBLEM].null_count() < fovs.height else []))


def _known(results: Results, manifest: Manifest | Absent) -> pl.DataFrame:
    """Return every FOV that the manifest or a run names, with what the manifest holds of it."""
    named: dict[str, str | None] = {}
    for run in results.runs:
        for names in (
            run.labels,
            _labels_of(run),
            dict.fromkeys(name for side in SIDES for name in run.split.get(side, ())),
        ):
            for name, label in names.items():
                named[name] = named.get(name) or label
    types = {schema.FOV_ID: pl.String, schema.LABEL: pl.String}
    table = pl.DataFrame({schema.FOV_ID: list(named), schema.LABEL: list(named.values())}, schema=types)
    if isinstance(manifest, Manifest):
        failed = {name: manifest.failed_labels.get(name) for name in manifest.failures}
        unprepared = pl.DataFrame({schema.FOV_ID: list(failed), schema.LABEL: list(failed.values())}, schema=types)
        others = pl.concat([table, unprepared]).unique(schema.FOV_ID, keep="first")
        others = others.join(manifest.table, on=schema.FOV_ID, how="anti")
        table = pl.concat([manifest.table.select(_OF_MANIFEST), others], how="diagonal")
    return table.sort(schema.FOV_ID)


def _labels_of(run: ReadRun) -> dict[str, str | None]:
    """Return the classes that the tables of a run hold, of FOVs in any of them."""
    labels: dict[str, str | None] = {}
    embeddings = read_parquet(run.folder / EMBEDDINGS)
    for table, column in ((run.predictions, schema.TRUTH), (embeddings, schema.LABEL)):
        if isinstance(table, pl.DataFrame) and schema.FOV_ID in table.columns:
            values = table[column].cast(pl.String) if column in table.columns else [None] * table.height
            labels |= dict(zip(table[schema.FOV_ID], values, strict=True))
    return labels


def _one_each(results: Results) -> pl.DataFrame | None:
    """Return one prediction of each FOV: that of a test side, or else of a validation side, of the first fold."""
    table = results.predictions()
    if table is None:
        return None
    rank = pl.col(schema.SPLIT).replace_strict({side: place for place, side in enumerate(SIDES)}, default=len(SIDES))
    table = table.sort(rank, schema.FOLD, maintain_order=True).unique(schema.FOV_ID, keep="first", maintain_order=True)
    probabilities = [name for name in table.columns if name.startswith(schema.PROBABILITY_PREFIX)]
    of_predicted = pl.coalesce(
        pl.lit(None, pl.Float64),
        *(
            pl.when(pl.col(schema.PREDICTION) == name.removeprefix(schema.PROBABILITY_PREFIX)).then(pl.col(name))
            for name in probabilities
        ),
    )
    lists = [name for name in _LISTS if isinstance(table.schema.get(name), pl.List)]
    return table.with_columns(
        (pl.col(schema.TRUTH) == pl.col(schema.PREDICTION)).alias(CORRECT),
        of_predicted.alias(schema.PROBABILITY),
        *(pl.col(name).list.join(SEPARATOR) for name in lists),
    ).drop(schema.GROUP, schema.LABEL, strict=False)


def _with_sides(fovs: pl.DataFrame, results: Results) -> pl.DataFrame:
    """Add the side of FOVs that a single run has not predicted, such as those of training."""
    if len(results.runs) != 1:
        return fovs
    sides = {name: side for side in reversed(SIDES) for name in results.runs[0].split.get(side, ())}
    given = [schema.SPLIT] if schema.SPLIT in fovs.columns else []
    side = pl.col(schema.FOV_ID).replace_strict(sides, default=None, return_dtype=pl.String)
    return fovs.with_columns(pl.coalesce(*given, side).alias(schema.SPLIT))


def _in_order(fovs: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Return the FOVs of an earlier table first, in its order, also those that are gone; then the new ones."""
    if not order:
        return fovs
    earlier = pl.DataFrame({schema.FOV_ID: list(order)}, schema={schema.FOV_ID: pl.String})
    first = earlier.join(fovs, on=schema.FOV_ID, how="left", maintain_order="left")
    return pl.concat([first, fovs.join(earlier, on=schema.FOV_ID, how="anti")], how="diagonal_relaxed")


def _with_problems(fovs: pl.DataFrame, tables: Path | Absent, manifest: Manifest | Absent) -> pl.DataFrame:
    names = fovs[schema.FOV_ID].to_list()
    if isinstance(tables, Absent):
        reasons: list[str | None] = [_NO_TABLES] * len(names)
    else:
        failures = manifest.failures if isinstance(manifest, Manifest) else {}
        there = set(list_fovs(tables))
        missing = f"Its tables are not in {tables}: prepare it again."
        reasons = [failures.get(name) or (None if name in there else missing) for name in names]
    return fovs.with_columns(pl.Series(PROBLEM, reasons, pl.String))
