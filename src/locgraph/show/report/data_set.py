"""What was trained on what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.show.report.absent import Absent
from locgraph.show.report.parts import MISSING, Facts, Note, Part, Section, Table
from locgraph.show.report.source import Source
from locgraph.show.report.words import NONE, count, listed, many, short

_ALL = "all"


def section(source: Source) -> Section:
    """The data set with its classes, and the model with its settings."""
    run = source.completed[0]
    parts: list[Part] = []
    if isinstance(source.manifest, Absent):
        parts.append(Note(f"Classes and sizes of the FOVs cannot be shown. {source.manifest.reason}", MISSING))
    else:
        parts.append(class_table(source.manifest.table, source.manifest.class_names))
        parts.append(Facts(_data_facts(run.config, source.manifest.table)))
    if isinstance(source.manifest, Absent):
        parts.append(Facts(_data_facts(run.config, None)))
    parts.append(Facts(_model_facts(run.config, run.metrics, list(run.about.get("overrides", [])))))
    lead = "The fields of view (FOVs) that the model learnt from, and the model itself."
    return Section("data", "What was trained on what", lead, tuple(parts))


def class_table(manifest: pl.DataFrame, class_names: tuple[str, ...]) -> Table:
    """One row for each class: FOVs, groups, and the median and range of localisations and clusters.

    Args:
        manifest: With the columns of `schema.MANIFEST_COLUMNS`.
        class_names: The classes, in their order.
    """
    labels = [name for name in class_names if (manifest[schema.LABEL] == name).any()]
    chosen = [(name, manifest.filter(pl.col(schema.LABEL) == name)) for name in labels]
    unlabelled = manifest.filter(pl.col(schema.LABEL).is_null())
    if unlabelled.height:
        chosen.append(("without a class", unlabelled))
    chosen.append((_ALL, manifest))
    rows = tuple(
        (
            name,
            count(table.height),
            count(table[schema.GROUP].drop_nulls().n_unique()) if table[schema.GROUP].is_not_null().any() else NONE,
            *_range(table[schema.N_LOCALISATIONS]),
            *_range(table[schema.N_CLUSTERS]),
        )
        for name, table in chosen
    )
    header = ("class", "FOVs", "groups", "localisations", "from – to", "clusters", "from – to")
    caption = "FOVs that could be used. Localisations and clusters: median in one FOV, and from the fewest to the most."
    return Table(header, rows, caption, marked=frozenset({len(rows) - 1}))


def part_words(node: Any) -> str:
    """A part of the configuration in words: the class that it makes, and its numbers and names."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        return NONE
    settings = [
        f"{name} {_value(value)}"
        for name, value in node.items()
        if not name.startswith("_") and value is not None and not isinstance(value, Mapping)
    ]
    name = str(node["_target_"]).rpartition(".")[2]
    return f"{name} ({', '.join(settings)})" if settings else name


def _value(value: Any) -> str:
    if isinstance(value, float):
        return short(value)
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def _range(values: pl.Series) -> tuple[str, str]:
    known = values.drop_nulls()
    if known.is_empty():
        return NONE, NONE
    low, high = int(known.min()), int(known.max())  # type: ignore[arg-type]
    return short(float(known.median())), f"{count(low)} – {count(high)}"  # type: ignore[arg-type]


def _data_facts(config: Mapping[str, Any], manifest: pl.DataFrame | None) -> tuple[tuple[str, str], ...]:
    data = _mapping(config, "data")
    rows = [("data", str(data.get("raw_dir") or data.get("featextracted_dir") or NONE))]
    if manifest is not None:
        dimensions = " and ".join(f"{found}D" for found in sorted(manifest[schema.DIMENSIONS].unique()))
        groups = manifest[schema.GROUP].drop_nulls().n_unique()
        rows += [("positions", dimensions), ("groups", many(groups, "group") if groups else "none are known")]
    filters = _mapping(config, "preprocess")
    rows += [
        ("filters", ", ".join(filters) or "none"),
        ("clustering", part_words(config.get("clustering"))),
        ("features of clusters", ", ".join(_mapping(_mapping(config, "features"), "features")) or NONE),
        ("features of localisations", listed(_mapping(config, "graph").get("localisation_features") or []) or "none"),
        ("views of each FOV", str(_mapping(config, "views").get("count", NONE))),
    ]
    return tuple(rows)


def _model_facts(
    config: Mapping[str, Any], metrics: Mapping[str, Any], overrides: list[str]
) -> tuple[tuple[str, str], ...]:
    model, training = _mapping(config, "model"), _mapping(config, "training")
    parameters = metrics.get("parameters")
    limit = _mapping(config, "trainer").get("max_epochs", NONE)
    return (
        ("experiment", str(metrics.get("experiment") or NONE)),
        ("encoder of localisations", part_words(model.get("loc_encoder"))),
        ("encoder of clusters", part_words(model.get("cluster_encoder"))),
        ("readout", part_words(model.get("readout"))),
        ("head", part_words(model.get("head"))),
        ("parameters", count(parameters) if isinstance(parameters, int) else NONE),
        ("edges between clusters", part_words(_mapping(config, "graph").get("cluster_edges"))),
        ("augmentation", ", ".join(_mapping(config, "augment")) or "none"),
        ("loss", part_words(training.get("loss"))),
        ("optimiser", part_words(training.get("optimizer"))),
        ("epochs", f"at most {limit}"),
        ("precision", str(metrics.get("precision", NONE))),
        ("first weights", str(model.get("init_from") or "random")),
        ("given on the command line", "  ".join(overrides) or "nothing"),
    )


def _mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = config.get(key)
    return found if isinstance(found, Mapping) else {}
