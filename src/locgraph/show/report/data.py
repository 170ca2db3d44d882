"""Chapters on how the runs were made: data set, model, folds, configuration, and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.show.report.parts import INFO, MISSING, WARNING, Facts, Note, Part, Section, Settings, Table
from locgraph.show.report.source import Absent, Run, Source
from locgraph.show.report.style import NONE, count, listed, many, number, one_line, short

_ALL: Final = "all"
_GENERAL: Final = "general"
_SIDES: Final = ("train", "val", "test")


def data_section(source: Source) -> Section:
    """Return the chapter on the data set with its classes, and the model with its settings."""
    run = source.completed[0]
    parts: list[Part] = []
    if isinstance(source.manifest, Absent):
        parts.append(Note(f"Classes and sizes of the FOVs cannot be shown. {source.manifest.reason}", MISSING))
        parts.append(Facts(_data_facts(run.config, None)))
    else:
        parts.append(class_table(source.manifest.table, source.manifest.class_names))
        parts.append(Facts(_data_facts(run.config, source.manifest.table)))
    parts.append(Facts(_model_facts(run.config, run.metrics, list(run.record.get("overrides", [])))))
    lead = "The fields of view (FOVs) that the model learnt from, and the model itself."
    return Section("data", "Data and model", lead, tuple(parts))


def class_table(manifest: pl.DataFrame, class_names: tuple[str, ...]) -> Table:
    """Return one row for each class: FOVs, groups, and the median and range of localisations and clusters.

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
    """Write a part of the configuration in words: its class, with the arguments."""
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
        dimensions = " and ".join(f"{dimension}D" for dimension in sorted(manifest[schema.DIMENSIONS].unique()))
        groups = manifest[schema.GROUP].drop_nulls().n_unique()
        rows += [("positions", dimensions), ("groups", many(groups, "group") if groups else "none are known")]
        parents = manifest[schema.PARENT_FOV].drop_nulls().n_unique()
        if parents:  # what the report calls FOVs are objects then
            found = f"{part_words(config.get('objects'))}: {many(manifest.height, 'object')} in {many(parents, 'FOV')}"
            rows += [("objects", f"{found}; each counts as a FOV here, those of one FOV stay on one side")]
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
        ("first weights", str(config.get("init_from") or "random")),
        ("threads", str(_mapping(config, "trainer").get("threads", NONE))),
        ("tags", ", ".join(map(str, config.get("tags") or ())) or "none"),
        ("given on the command line", "  ".join(overrides) or "nothing"),
    )


def _mapping(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = config.get(key)
    return value if isinstance(value, Mapping) else {}


def folds_section(source: Source) -> Section:
    """Return the chapter with a row for each expected fold, and the classes of the test side."""
    runs = {run.fold: run for run in source.completed}
    rows = [_row(fold, runs.get(fold), source) for fold in source.summary.expected_folds]
    header = ("fold", "state", "training", "validation", "test", "groups in test", "epochs", "minutes", "test accuracy")
    parts: list[Part] = [
        Note(f"Fold {fold} is missing: {one_line(source.summary.reasons[fold])}", WARNING)
        for fold in source.summary.missing
    ]
    marked = frozenset(place for place, fold in enumerate(source.summary.expected_folds) if fold not in runs)
    parts.append(Table(header, tuple(rows), "Numbers of FOVs on each side of each fold.", words=2, marked=marked))
    parts += _class_counts(source)
    lead = (
        "In cross-validation each FOV is tested once, by a model that has not seen it. The epoch is chosen on the "
        "validation side, so that only the test side gives numbers to quote."
    )
    if not source.is_sweep:
        parts.append(Note("This report is of one run: other folds of its split are not in it.", INFO))
    return Section("folds", "Folds", lead, tuple(parts))


def _row(fold: int, run: Run | None, source: Source) -> tuple[str, ...]:
    if run is None:
        return (str(fold), "missing", *[NONE] * 7)
    sizes = run.metrics.get("fovs", {})
    seconds = sum(run.metrics.get("seconds", {}).values())
    epochs = run.metrics.get("epochs")
    return (
        str(fold),
        "completed" if fold not in source.without_predictions else "without predictions",
        *(count(sizes[side]) if isinstance(sizes.get(side), int) else NONE for side in _SIDES),
        _groups(run, source),
        count(epochs) if isinstance(epochs, int) else NONE,
        number(seconds / 60, 1) if seconds else NONE,
        number(run.metrics["test"].get("accuracy")),
    )


def _groups(run: Run, source: Source) -> str:
    if isinstance(source.manifest, Absent) or not run.split.get("test"):
        return NONE
    table = source.manifest.table.filter(pl.col(schema.FOV_ID).is_in(list(run.split["test"])))
    n_groups = table[schema.GROUP].drop_nulls().n_unique()
    return count(n_groups) if n_groups else NONE


def _class_counts(source: Source) -> list[Part]:
    """Return the test FOVs of each class and fold, where the class of each FOV is known."""
    if isinstance(source.manifest, Absent):
        return []
    table = source.manifest.table
    labels: Mapping[str, str | None] = dict(zip(table[schema.FOV_ID], table[schema.LABEL], strict=True))
    names = source.manifest.class_names
    rows = []
    for run in source.completed:
        tested = [labels.get(name) for name in run.split.get("test", ())]
        if any(label is not None for label in tested):
            rows.append((str(run.fold), *(count(tested.count(name)) for name in names)))
    if not rows:
        return []
    return [Table(("fold", *names), tuple(rows), "Classes of the test FOVs.", folded="Classes of the test FOVs")]


def configuration_section(source: Source) -> Section:
    """Return the chapter on the configuration of the first completed run, which the others share except the fold."""
    run = source.completed[0]
    parts: list[Part] = []
    if run.config:
        parts.append(Settings(tuple(groups(run.config))))
    else:
        parts.append(Note(f"There is no config.yaml in {run.folder} that can be read.", MISSING))
    if len(source.completed) > 1:
        parts.append(Note(f"Of fold {run.fold}; the other folds differ in fold.index alone.", INFO))
    lead = "Every setting, as it was resolved when the run began."
    return Section("configuration", "Configuration", lead, tuple(parts))


def versions_section(source: Source) -> Section:
    """Return the chapter on versions of packages and folders of the runs."""
    by_fold = {int(run.fold or 0): dict(run.record.get("versions", {})) for run in source.completed}
    names = list(dict.fromkeys(name for versions in by_fold.values() for name in versions))
    parts: list[Part] = []
    if names:
        parts.append(Facts(tuple((name, _joined(by_fold, name)) for name in names)))
    else:
        parts.append(Note("No run records the versions of its packages.", MISSING))
    if different := differing_versions(source.completed):
        parts.append(Note(f"Folds were made with different versions of {listed(different)}.", WARNING))
    rows = tuple((str(run.fold if run.fold is not None else NONE), str(run.folder)) for run in source.runs)
    parts.append(Table(("fold", "folder"), rows, words=2, folded="Folders of the runs"))
    return Section("versions", "Versions and files", "Further conditions that the numbers depend on.", tuple(parts))


def groups(config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Yield the groups of a configuration, with each setting under its full name.

    Args:
        config: Content of ``config.yaml``.
    """
    single = {key: value for key, value in config.items() if not isinstance(value, Mapping)}
    if single:
        yield _GENERAL, tuple(_lines(single, ""))
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield key, tuple(_lines(value, key)) or ((key, "none"),)


def differing_versions(runs: tuple[Run, ...]) -> list[str]:
    """Return the packages of which the runs have different versions."""
    made_with = [dict(run.record.get("versions", {})) for run in runs]
    names = dict.fromkeys(name for versions in made_with for name in versions)
    return [name for name in names if len({versions.get(name) for versions in made_with}) > 1]


def _lines(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        name = f"{prefix}.{key}" if prefix else str(key)
        if isinstance(value, Mapping) and value:
            yield from _lines(value, name)
        else:
            yield name, _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return "{}" if isinstance(value, Mapping) else str(value)


def _joined(by_fold: Mapping[int, Mapping[str, str]], name: str) -> str:
    return ", ".join(dict.fromkeys(str(versions.get(name, NONE)) for versions in by_fold.values()))
