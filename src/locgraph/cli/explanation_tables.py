"""What explanations leave behind: tables, and a summary on the console."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from locgraph import schema
from locgraph.cli.attributions import attribution_table
from locgraph.cli.examples import Examples
from locgraph.cli.explain_found import Found
from locgraph.cli.explain_fov import Told
from locgraph.errors import DataError
from locgraph.explain import summary
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.comparison import agreement
from locgraph.io.featextracted import read_fov
from locgraph.provenance import whole_file

log = logging.getLogger(__name__)

ATTRIBUTIONS: Final = "attributions.parquet"
METRICS: Final = "explanation_metrics.parquet"
AGREEMENT: Final = "explainer_agreement.parquet"
SANITY: Final = "sanity.parquet"
FEATURES: Final = "explained_features"
SEPARATION: Final = "class_separation"
SECONDS: Final = "seconds"

_SHOWN: Final = {
    columns.FIDELITY_PLUS: "fid+",
    columns.FIDELITY_MINUS: "fid-",
    columns.CHARACTERISATION: "char",
    columns.UNFAITHFULNESS: "unfaith",
    columns.SPARSITY: "sparse",
    columns.STABILITY: "stable",
    columns.RANDOMISED_WEIGHTS: "random",
    SECONDS: "s/FOV",
}
"""Columns of the table on the console, where there is such a metric: short, since lines are."""

_CAPTION: Final = "high is good: fid+, char, stable; low: fid-, unfaith{}"


def make_tables(found: Found) -> dict[str, pl.DataFrame]:
    """All tables, by the names of their files; summaries by their stem."""
    tables = {ATTRIBUTIONS: _attributions(found), METRICS: _metrics(found)}
    selection = found.settings.judging.selection
    pairs = [
        _with_keys(
            agreement({name: one.explanation for name, one in told.items()}, selection),
            {name: value for name, value in found.keys(fov_id, "").items() if name != schema.EXPLAINER},
        )
        for fov_id, told in found.explained.items()
        if len(told) > 1
    ]
    sanity = [
        _with_keys(one.sanity, found.keys(fov_id, name)) for fov_id, name, one in _each(found) if one.sanity is not None
    ]
    if pairs:
        tables[AGREEMENT] = pl.concat(pairs)
    if sanity:
        tables[SANITY] = pl.concat(sanity)
    return tables | _summaries(tables[ATTRIBUTIONS], found)


def _each(found: Found) -> Iterator[tuple[str, str, Told]]:
    for fov_id, told in found.explained.items():
        for name, one in told.items():
            yield fov_id, name, one


def _attributions(found: Found) -> pl.DataFrame:
    examples, features = Examples(found.record, found.prepared), found.record["settings"]["graph"]["cluster_features"]
    parts = []
    for fov_id, told in found.explained.items():
        edges = examples(fov_id, 0).graph[schema.CLUSTER_NEAR].edge_index
        parts += [
            attribution_table(one.explanation, edges, features, **found.keys(fov_id, name))
            for name, one in told.items()
        ]
    return pl.concat(parts)


def _metrics(found: Found) -> pl.DataFrame:
    about = found.rows
    rows = [
        {
            **found.keys(fov_id, name),
            schema.TRUTH: about[fov_id][schema.TRUTH],
            schema.PREDICTION: about[fov_id][schema.PREDICTION],
            **one.metrics,
            SECONDS: one.seconds,
        }
        for fov_id, name, one in _each(found)
    ]
    schema_keys = (schema.FOV_ID, schema.FOLD, schema.EXPLAINER, schema.EXPLAINED_CLASS)
    keys = {name: pl.Int64() if name == schema.FOLD else pl.String() for name in schema_keys}
    keys |= {schema.TRUTH: pl.String(), schema.PREDICTION: pl.String()}
    numbers = [name for name in columns.METRICS if name in rows[0]]
    return pl.DataFrame(rows, schema=keys | dict.fromkeys([*numbers, SECONDS], pl.Float64()))


def _summaries(attributions: pl.DataFrame, found: Found) -> dict[str, pl.DataFrame]:
    """Which features the clusters that matter have; nothing where the tables hold no features."""
    folder = found.prepared.tables
    clusters = summary.cluster_table({fov_id: read_fov(folder, fov_id).clusters for fov_id in found.explained})
    try:
        return {
            FEATURES: summary.explained_features(attributions, clusters),
            SEPARATION: summary.class_separation(attributions, clusters),
        }
    except DataError as error:
        log.warning("no summary of features: %s", error)
        return {}


def _with_keys(table: pl.DataFrame, keys: Mapping[str, Any]) -> pl.DataFrame:
    return table.select(*(pl.lit(value).alias(name) for name, value in keys.items()), pl.all())


def write_tables(folder: Path, tables: Mapping[str, pl.DataFrame]) -> None:
    """Writes each table, whole or not at all; summaries to read as parquet and CSV."""
    for name, table in tables.items():
        stem = name.removesuffix(".parquet")
        with whole_file(folder / f"{stem}.parquet") as temporary:
            table.write_parquet(temporary)
        if not name.endswith(".parquet"):
            with whole_file(folder / f"{stem}.csv") as temporary:
                table.write_csv(temporary)


def means(metrics: pl.DataFrame) -> pl.DataFrame:
    """Mean of each metric over the FOVs where it exists: one row for each explainer, with ``n_fovs``."""
    numbers = [name for name in metrics.columns if name in columns.METRICS or name == SECONDS]
    return metrics.group_by(schema.EXPLAINER, maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias(summary.N_FOVS), pl.col(numbers).mean()
    )


def show(found: pl.DataFrame, about: Mapping[str, Any], folder: Path, console: Console | None = None) -> None:
    """Prints the means of each explainer, what is missing, and where the files are.

    Args:
        found: From `means`.
        about: Content of ``explanations.json``.
        folder: Where the files are.
        console: Where to print; None prints to the terminal.
    """
    console = console or Console()
    wanted = about["settings"]["explained_class"]
    table = Table(title=f"explanations of {about['fovs']} FOVs (class: {wanted})", box=None, padding=(0, 1, 0, 0))
    shown = {name: words for name, words in _SHOWN.items() if name in found.columns}
    for words in ("", "FOVs", *shown.values()):
        table.add_column(words, justify="right" if words else "left", no_wrap=True)
    for row in found.to_dicts():
        cells = ["-" if row[name] is None else f"{row[name]:.2f}" for name in shown]
        table.add_row(row[schema.EXPLAINER], str(row[summary.N_FOVS]), *cells)
    table.caption = _CAPTION.format("; near 0: random" if columns.RANDOMISED_WEIGHTS in shown else "")
    console.print(table)
    for name, reason in about["left_out"].items():
        console.print(Text(f"left out: {name}: {reason}"), style="yellow", soft_wrap=True)
    if about["failed"]:
        first = next((fov, why) for failures in about["failures"].values() for fov, why in failures.items())
        words = f"failed: {about['failed']} FOVs, such as {first[0]}: {first[1]}"
        console.print(Text(words), style="red", soft_wrap=True)
    console.print(Text(f"explanations: {folder}"), soft_wrap=True)
