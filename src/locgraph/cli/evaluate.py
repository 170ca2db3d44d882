"""``python eval.py``: tests a checkpoint again, or classifies new raw files with nothing but the checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from locgraph import schema
from locgraph.cli import assemble, checks, prepare
from locgraph.cli.prepare import Prepared
from locgraph.cli.quiet import quiet
from locgraph.cli.record import check_targets
from locgraph.cli.run_folder import COMPLETED, METRICS
from locgraph.errors import CheckpointError, ConfigError, DataError
from locgraph.io.catalogue import Catalogue, scan
from locgraph.io.columns import ColumnSource
from locgraph.io.groups import NoGroups
from locgraph.io.labels import Labelling, LabelSource
from locgraph.io.rawfile import RawFile
from locgraph.io.read import read_header
from locgraph.provenance import write_json

if TYPE_CHECKING:
    from locgraph.cli.explanations import Plan
    from locgraph.learn.checkpoint import Checkpoint

log = logging.getLogger(__name__)

FOVS, EXPLANATIONS = "predictions.parquet", "explanations"
"""Predictions of FOVs in the folder, and the key of what is said of explanations in ``metrics.json``."""


def run(cfg: DictConfig) -> dict[str, Any]:
    """Evaluates a checkpoint.

    Args:
        cfg: The composed configuration of ``eval.yaml``.

    Returns:
        The metrics, as written to ``metrics.json``; without truth, the number of FOVs alone.

    Raises:
        LocgraphError: The checkpoint or the data cannot be used.
    """
    checks.check_values(cfg)
    path = Path(cfg.ckpt_path)
    if not path.is_file():
        raise ConfigError(f"ckpt_path={path}: no such file; expected RUN/checkpoints/best.ckpt of a training run")
    raw_dir = None if cfg.data.raw_dir is None else Path(cfg.data.raw_dir)
    if raw_dir is not None and not raw_dir.is_dir():
        raise DataError(f"data.raw_dir={raw_dir}: no such folder; expected a folder of raw files")

    from locgraph.cli.predict import check_vectors, predict
    from locgraph.learn.checkpoint import read_checkpoint

    checkpoint = read_checkpoint(path)
    check_targets(checkpoint.record["settings"], list(cfg.trusted_packages), str(path))
    checks.check_device(cfg)
    check_vectors(cfg, checkpoint)
    plan = _plan(cfg, checkpoint)
    settings = _settings(cfg, checkpoint.record["settings"], raw_dir)
    if raw_dir is None:
        catalogue = prepare.read_catalogue(settings) if settings.data.kind == "raw" else None
        wanted = list(checkpoint.record["split"]["test"])
    else:
        _name_classes(settings, checkpoint.record)
        catalogue = read_new(settings, tuple(checkpoint.record["class_names"]))
        wanted = [source.fov_id for source in catalogue.sources]
    if plan is not None:
        plan.check_fovs(wanted, checkpoint.record["split"] if raw_dir is None else {})
    tables = prepare.make_tables(settings, catalogue)
    _check_dimensions(tables.dimensions, checkpoint)
    prepared = prepare.make_graphs(settings, tables)
    found = set(prepared.manifest.table[schema.FOV_ID])
    missing = sorted(set(wanted) - found)
    if raw_dir is None and missing:
        raise DataError(f"{len(missing)} test FOVs of {path} are not in its data any more, such as {missing[:5]}")
    folder = Path(HydraConfig.get().runtime.output_dir)
    fov_ids = [name for name in wanted if name in found]
    with quiet():
        metrics = predict(cfg, checkpoint, prepared, fov_ids, folder, new=raw_dir is not None)
    about = {"status": COMPLETED, "reason": None, "ckpt_path": str(path), "tables": str(prepared.tables)}
    write_json(folder / METRICS, about | metrics)
    if plan is not None:
        predictions = pl.read_parquet(folder / FOVS)
        training_data = _training_data(cfg, checkpoint, prepared if raw_dir is None else None)
        metrics[EXPLANATIONS] = plan.explain(prepared, predictions, folder, training_data)
        write_json(folder / METRICS, about | metrics)
    return metrics


def _plan(cfg: DictConfig, checkpoint: Checkpoint) -> Plan | None:
    """What is to be explained, checked against the model; None where no explainer is chosen."""
    if not cfg.explain.get("explainers"):
        return None
    from locgraph.cli.explanations import make_plan

    return make_plan(assemble.plain(cfg.explain), checkpoint)


def _training_data(cfg: DictConfig, checkpoint: Checkpoint, prepared: Prepared | None) -> Callable[[], Prepared]:
    """What gives the data of the run, made anew where they are not those that are evaluated."""

    def again() -> Prepared:
        settings = _recorded(cfg, checkpoint.record["settings"])
        catalogue = prepare.read_catalogue(settings) if settings.data.kind == "raw" else None
        return prepare.make_graphs(settings, prepare.make_tables(settings, catalogue))

    return again if prepared is None else lambda: prepared


def _check_dimensions(found: int, checkpoint: Checkpoint) -> None:
    expected = checkpoint.record["sizes"]["dimensions"]
    if found != expected:
        raise CheckpointError(
            f"{checkpoint.path} was trained in {expected}D, found data in {found}D; give it data of the same dimensions"
        )


def _settings(cfg: DictConfig, recorded: dict[str, Any], raw_dir: Path | None) -> Any:
    """The settings of the checkpoint, with what ``eval.yaml`` changes."""
    settings = _recorded(cfg, recorded)
    if raw_dir is None and cfg.get("columns") is not None:
        raise ConfigError("columns has no effect without data.raw_dir: the test FOVs of a run are prepared already")
    if raw_dir is not None:
        if settings.data.kind != "raw":
            raise ConfigError(
                "data.raw_dir is given, but the checkpoint was trained on featextracted tables, so it does not know "
                "how they were clustered; evaluate it without data.raw_dir, or train with data=raw"
            )
        settings.data.raw_dir = str(raw_dir)
        if cfg.get("columns") is not None:
            settings.columns = cfg.columns
        settings.paths.prepared_dir = cfg.paths.prepared_dir
    return settings


def _recorded(cfg: DictConfig, recorded: dict[str, Any]) -> Any:
    """The settings of the checkpoint, worked off as ``eval.yaml`` says."""
    settings: Any = OmegaConf.create(recorded)
    settings.executor = cfg.executor
    settings.data.max_failed_fraction = cfg.data.max_failed_fraction
    return settings


def _name_classes(settings: Any, record: Mapping[str, Any]) -> None:
    """Has classes of localisations go by the names of the checkpoint, whatever map the new files hold."""
    if str(settings.labels.get("_target_")).endswith(".LocalisationLabels"):
        settings.labels.class_names = list(record["class_names"])


def read_new(settings: DictConfig, class_names: tuple[str, ...]) -> Catalogue:
    """Lists new raw files; those without a label are predicted without one.

    Args:
        settings: The settings of the checkpoint, with ``data.raw_dir`` of the new files.
        class_names: Classes of the checkpoint.

    Returns:
        The files, with the class names of the checkpoint in its order.

    Raises:
        DataError: No file can be read.
    """
    labels = Lenient(assemble.build(settings.labels))
    columns = assemble.build(settings.columns)
    found = scan(Path(settings.data.raw_dir).resolve(), columns, labels, NoGroups())
    sources = []
    for source in found.sources:
        if source.by_localisation:
            source = replace(source, by_localisation=_holds_classes(source.path, columns))
        if source.label not in (None, *class_names):
            log.warning(
                "%s: label %r is no class of the checkpoint (%s): predicted, not scored",
                source.fov_id,
                source.label,
                ", ".join(class_names),
            )
            source = replace(source, label=None)
        sources.append(source)
    unlabelled = sum(source.label is None and not source.by_localisation for source in sources)
    if unlabelled:
        log.info("%d of %d new FOVs have no known label: predicted, not scored", unlabelled, len(sources))
    return Catalogue(tuple(sources), class_names, found.failures)


def _holds_classes(path: Path, columns: ColumnSource) -> bool:
    """Whether a file has a column with the classes of its localisations."""
    header = read_header(path, columns)
    return columns.for_file(header, str(path)).names.get(schema.LOC_LABEL) in header.names


@dataclass(frozen=True)
class Lenient:
    """A label source that gives no label where the one it wraps fails."""

    source: LabelSource

    @property
    def tables(self) -> tuple[Path, ...]:
        """Tables that are no FOVs themselves."""
        return self.source.tables

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Labels where there are any; new files need not come with the table of the training files."""
        try:
            found = self.source.labels(files)
        except DataError as error:
            log.info("no labels for the new files: %s", error)
            found = Labelling((), {}, {})
        by_fov: Mapping[str, str | None] = {file.fov_id: found.by_fov.get(file.fov_id) for file in files}
        return Labelling(found.class_names, dict(by_fov), {}, found.by_localisation)
