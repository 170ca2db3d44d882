"""Matched tests: FOVs made equal in count, density or precision, predicted again by the networks of their folds."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import polars as pl

from locgraph import schema
from locgraph.analysis.checks.acquisition import read_whole
from locgraph.analysis.checks.check import Check
from locgraph.analysis.checks.matched import (
    AS_TAKEN,
    MATCHED,
    control_outcomes,
    matched_name,
    network_outcomes,
    summarise_matched,
)
from locgraph.analysis.checks.matching import KINDS, Matching, match_fovs
from locgraph.analysis.control_inputs import read_inputs
from locgraph.analysis.source import Source
from locgraph.analysis.sweeps.outcomes import overlap_of
from locgraph.api.checks.matched_training import train_matched, write_localisations
from locgraph.api.models.load import load_model
from locgraph.api.models.model import Model
from locgraph.api.recipes import RAW
from locgraph.api.sources import list_sources, nanometres
from locgraph.data.folds import TEST, Split
from locgraph.data.prepared import Prepared
from locgraph.errors import ConfigError, DataError
from locgraph.run_folder import PREDICTIONS, RunFolder


def compare_matched(
    source: Source,
    kinds: Sequence[str] = KINDS,
    *,
    train_in: Path | None = None,
    seed: int = 0,
    trusted: Sequence[str] = ("locgraph",),
) -> Check:
    """Predict FOVs that are made equal in count, density or precision, and compare the networks with the controls.

    FOVs are made of the localisations that the prepared tables hold (after the filters), clustered and measured again
    with the settings of the training, in as many views, and predicted by the network of the fold that tests them.

    Args:
        source: Tables, folds and results of a run or sweep.
        kinds: Some of ``count``, ``density`` and ``precision``; one whose number is not known is left out and named.
        train_in: Folder of networks that are trained on matched FOVs with the settings of the runs; None trains none.
        seed: Of thinning, noise and the controls.
        trusted: Packages whose classes the checkpoints may name.

    Raises:
        ConfigError: A kind is unknown.
        DataError: The runs were trained on tables without raw data, or no FOV can be matched.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise ConfigError(f"expected some of {list(KINDS)}, found {unknown or 'none'}", setting="kinds")
    models = {fold: load_model(RunFolder(source.results[fold].folder).best, trusted) for fold in source.results}
    table = source.manifest.table.filter(pl.col(schema.LABEL).is_not_null())
    labels = dict(table.select(schema.FOV_ID, schema.LABEL).iter_rows())
    groups = dict(table.select(schema.FOV_ID, schema.GROUP).iter_rows())
    plan = {fold: restrict(source.plan[fold], labels) for fold in models if fold in source.plan}
    matchings, warnings = _match(kinds, source, plan, labels, seed)
    with tempfile.TemporaryDirectory(prefix="locgraph-") as temporary:
        prepared = prepare_matched(next(iter(models.values())), matchings, Path(temporary))
        matchings = [_without_failed(each, prepared) for each in matchings]
        kept = {each.kind: tuple(each.fovs) for each in matchings if each.fovs}
        parts = [
            network_outcomes(_before(source, names), kind, AS_TAKEN, AS_TAKEN, groups) for kind, names in kept.items()
        ]
        for fold, split in plan.items():
            predicted = _predict(models[fold], prepared, split, kept, labels).with_columns(
                pl.lit(fold, pl.Int64).alias(schema.FOLD)
            )
            parts += [
                network_outcomes(predicted.filter(pl.col("kind") == kind), kind, MATCHED, AS_TAKEN, groups)
                for kind in kept
            ]
        taken = read_inputs(source.tables, _names(plan), table)
        names = [matched_name(kind, fov) for kind, fovs in kept.items() for fov in fovs]
        again = read_inputs(prepared.tables, names, prepared.manifest.table)
    parts.append(control_outcomes(taken, again, kept, plan, labels, groups, seed))
    for matching in matchings if train_in is not None else ():
        predictions = train_matched(matching, source, plan, table, Path(str(train_in)) / matching.kind)
        parts.append(network_outcomes(predictions, matching.kind, MATCHED, MATCHED, groups))
    return summarise_matched(pl.concat(parts), matchings, overlap_of([*source.results.values()]), warnings)


def prepare_matched(model: Model, matchings: Iterable[Matching], folder: Path) -> Prepared:
    """Cluster and measure matched FOVs as those of the training were; the filters have been applied before.

    Args:
        model: One of the networks.
        matchings: The FOVs.
        folder: Where files, tables and graphs are written.

    Raises:
        DataError: The model was trained on tables without raw data.
    """
    settings = model.settings
    if settings["data"]["kind"] != RAW:
        raise DataError(
            f"{model.checkpoint.path} was trained on featextracted tables: how raw data were clustered is not "
            "known, so that FOVs cannot be thinned and clustered again; train with data=raw"
        )
    files = folder / "files"
    for matching in matchings:
        write_localisations({matched_name(matching.kind, fov): locs for fov, locs in matching.fovs.items()}, files)
    settings |= {
        "columns": nanometres(),
        "preprocess": {},
        "objects": None,
        "paths": {"prepared_dir": str(folder / "prepared")},
    }
    settings["data"] = settings["data"] | {"raw_dir": str(files)}
    # what is too small for the clusterer is left out, by name
    settings["limits"] = settings["limits"] | {"max_failed_fraction": 1.0}
    with _without_warnings():  # of FOVs that differ, as they should: each is here once for each kind
        return model.prepare_catalogue(settings, list_sources(files, settings["columns"], model.class_names))


@contextmanager
def _without_warnings() -> Iterator[None]:
    logger = logging.getLogger("locgraph.api.prepare")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def restrict(split: Split, known: Mapping[str, object]) -> Split:
    """Return a fold with those of its FOVs that are known."""
    return Split(*(tuple(fov for fov in side if fov in known) for side in (split.train, split.val, split.test)))


def _names(plan: Mapping[int, Split]) -> list[str]:
    return sorted({fov for split in plan.values() for fov in (*split.train, *split.val, *split.test)})


def _match(
    kinds: Sequence[str], source: Source, plan: Mapping[int, Split], labels: Mapping[str, str], seed: int
) -> tuple[list[Matching], list[str]]:
    """Return the FOVs made equal in each number that is known, and why others are not."""
    fovs = {fov: read_whole(source.tables, fov) for fov in _names(plan)}
    matchings, warnings = [], []
    for kind in dict.fromkeys(kinds):
        try:
            matchings.append(match_fovs(kind, fovs, labels, seed))
        except DataError as error:
            warnings.append(f"equal {kind}: {error}")
    if not matchings:
        raise DataError(f"{source.folder}: no FOV can be matched: {'; '.join(warnings)}")
    return matchings, warnings


def _without_failed(matching: Matching, prepared: Prepared) -> Matching:
    """Return a matching without the FOVs that could not be prepared."""
    known, failures = set(prepared.labels), prepared.manifest.failures
    gone = {
        fov: failures.get(matched_name(matching.kind, fov), "could not be prepared")
        for fov in matching.fovs
        if matched_name(matching.kind, fov) not in known
    }
    kept = {fov: locs for fov, locs in matching.fovs.items() if fov not in gone}
    return replace(matching, fovs=kept, left_out={**matching.left_out, **gone})


def _before(source: Source, names: Sequence[str]) -> pl.DataFrame:
    """Return the predictions of test FOVs as they were taken."""
    if source.predictions is None:
        raise DataError(f"{source.folder}: expected predictions of the runs, found none; test them again")
    return source.predictions.filter(pl.col(schema.SPLIT) == TEST, pl.col(schema.FOV_ID).is_in(list(names)))


def _predict(
    model: Model, prepared: Prepared, split: Split, kept: Mapping[str, Sequence[str]], labels: Mapping[str, str]
) -> pl.DataFrame:
    """Return the predictions of the matched test FOVs of one fold: ``kind``, ``fov_id``, ``truth``, ``prediction``."""
    rows = [
        (matched_name(kind, fov), kind, fov, labels[fov])
        for kind, fovs in kept.items()
        for fov in split.test
        if fov in set(fovs)
    ]
    about = pl.DataFrame(rows, schema=["name", "kind", schema.FOV_ID, schema.TRUTH], orient="row")
    tables, _ = model.predict_prepared(prepared, about["name"].to_list())
    predicted = tables[PREDICTIONS].select(pl.col(schema.FOV_ID).alias("name"), schema.PREDICTION)
    return about.join(predicted, on="name", how="inner", maintain_order="left")
