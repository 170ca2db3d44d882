"""Training and testing of one fold."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from locgraph import schema
from locgraph.api.config import Settings, compose, override
from locgraph.api.packs.cache import locate
from locgraph.api.packs.packed import is_pack
from locgraph.api.prepare import list_raw_files, log_losses, make_graphs, make_tables, read_catalogue
from locgraph.api.recipes import (
    RAW,
    build_recipe_parts,
    check_limits,
    check_overrides,
    prepared_folder,
    table_recipe,
    table_settings,
)
from locgraph.api.training.release_settings import ALL_FOVS
from locgraph.build import TARGET, build, build_part, find_class
from locgraph.data.fold_classes import SIDE_WORDS, absent_classes, check_classes
from locgraph.data.folds import TEST, VALIDATION, Split, Splitter, write_plan
from locgraph.errors import ConfigError, within
from locgraph.io.manifest import Manifest
from locgraph.learn.run import RunWriter
from locgraph.preparation.classes import check_classes_left, describe_imbalance
from locgraph.preparation.prepare import manifest_of_catalogue
from locgraph.preparation.snapshot import describe_changes, take_snapshot
from locgraph.provenance import write_json
from locgraph.run_folder import FOLDS, PREDICTIONS, RAW_FILES, RELEASE, REPRESENTATION, THREADS, RunFolder, read_record
from locgraph.settings import check_flag, check_whole
from locgraph.storage import locked, make_folder, storage_error

if TYPE_CHECKING:
    from locgraph.api.training.release import Release
    from locgraph.learn.tasks.base import Task
    from locgraph.nn.network import Network

log = logging.getLogger(__name__)


class Run(RunFolder):
    """A trained and tested fold.

    Args:
        path: Its folder.

    Attributes:
        path: Its folder.
    """

    def __repr__(self) -> str:
        metrics = self.metrics()
        if not self.is_completed():
            return f"Run({str(self.path)!r}, {metrics.get('status', 'not finished')})"
        if RELEASE in metrics:
            return f"Run({str(self.path)!r}, release of {metrics['fovs']['train']} FOVs)"
        side = TEST if TEST in metrics else VALIDATION
        shown = ("loss",) if metrics.get("scored") == REPRESENTATION else ("accuracy", "auroc")
        scores = {name: round(value, 3) for name, value in metrics[side].items() if name in shown}
        numbers = ", ".join(f"{name} {value}" for name, value in scores.items())
        return f"Run({str(self.path)!r}, fold {metrics['fold']} of {metrics['n_folds']}, {side} {numbers})"

    def predictions(self) -> pl.DataFrame:
        """Return the predictions of validation and test FOVs."""
        return self.table(PREDICTIONS)


def train(*config: str | Mapping[str, Any], folder: str | Path | None = None) -> Run:
    """Train a network on one fold, test it, and leave a run folder, as ``python train.py`` does.

    Args:
        *config: Overrides such as ``"experiment=demo"``, or a mapping with all settings.
        folder: The run folder; None takes ``paths.run_dir``. An interrupted run in it continues.

    Returns:
        The run.

    Raises:
        LocgraphError: The data or the settings cannot be used.
    """
    overrides = [part for part in config if isinstance(part, str)]
    # loggers write where paths.run_dir says; a mapping with all settings is taken as it is
    place = [] if folder is None or len(overrides) < len(config) else [override("paths.run_dir", str(folder))]
    settings = compose("train", *config, *place)
    path = Path(settings["paths"]["run_dir"] if folder is None else folder)
    return train_settings(settings, path, overrides)


def train_settings(settings: Settings, folder: Path, overrides: Sequence[str] = ()) -> Run:
    """Train and test one fold.

    Args:
        settings: All settings.
        folder: The run folder.
        overrides: Settings of the command line, for the record.

    Raises:
        ConfigError: The folder holds a run with other settings, or a finished one of other data.
        FolderInUseError: Another process writes to the folder.
        StorageError: The disk is full, or refuses otherwise to be written to.
        LocgraphError: The data or the settings cannot be used; the reason is in ``run.json`` too.
    """
    check_overrides(settings, overrides)
    settings, release = _plan_release(settings, overrides)
    writer = RunWriter(folder, settings)
    with locked(folder, "paths.run_dir"):
        if writer.completed() is not None:
            check_same_data(settings, writer)
            log.info("%s is done already: nothing to do", folder)
            return Run(folder)
        try:
            writer.begin(overrides)
            _train(settings, writer, release)
        except BaseException as error:
            fold, refused = settings["fold"]["index"], storage_error(error)
            writer.fail(fold if isinstance(fold, int) else None, refused or error)
            if refused is None or refused is error:
                raise
            raise refused from error
    return Run(folder)


def check_same_data(settings: Settings, run: RunFolder) -> None:
    """Refuse to take a finished run for one of these data where raw files or labels have changed since.

    Raises:
        ConfigError: They have; the message names what did. Nothing is written.
    """
    snapshot, raw_dir = read_record(run.path / RAW_FILES), settings["data"].get("raw_dir")
    if settings["data"]["kind"] != RAW or not snapshot or not Path(str(raw_dir)).is_dir():
        return
    catalogue = list_raw_files(settings)
    changes = describe_changes(snapshot, catalogue, table_recipe(table_settings(settings)))
    if changes:
        raise ConfigError(
            f"{run.path} holds a finished run of other data: since then, of the FOVs in {raw_dir}, {changes}. Its "
            "results stay as they are; choose another folder to train on the data of now, or delete this one",
            setting="paths.run_dir",
        )


def _plan_release(settings: Settings, overrides: Sequence[str]) -> tuple[Settings, Release | None]:
    """Return the settings with what a release takes from its sweep, and the release; None where none is asked for."""
    if not settings.get(RELEASE) and settings["fold"].get(TARGET) != ALL_FOVS:
        return settings, None
    from locgraph.api.training.release import plan_release  # reads sweeps

    return plan_release(settings, overrides)


def _train(settings: Settings, writer: RunWriter, release: Release | None) -> None:
    splitter, probe = check_before_work(settings)
    writer.record_folds(splitter.n_folds)
    started = time.perf_counter()
    catalogue = read_catalogue(settings)
    if catalogue is not None and not settings["objects"]:
        # the same checks as below, before the work: labels are known from the headers already, objects are not
        known = manifest_of_catalogue(catalogue)
        check_classes_left(known)
        _plan(settings, splitter, probe, known)
        if release is not None:
            release.check_files(settings, catalogue)
    prepared = make_graphs(settings, make_tables(settings, catalogue))
    check_classes_left(prepared.manifest)
    task, plan = _plan(settings, splitter, probe, prepared.manifest)
    imbalance = () if task.embeds else describe_imbalance(prepared.manifest)
    for warning in imbalance:
        log.warning(warning)
    prepared = replace(prepared, warnings=(*prepared.warnings, *imbalance))
    if release is not None:
        release.check_fovs(plan[0].train)
    writer.record_folds(len(plan))
    writer.record_tables(prepared.tables)
    write_plan(writer.path / FOLDS, plan)
    if catalogue is not None:
        write_json(writer.path / RAW_FILES, take_snapshot(catalogue, prepared.tables))
    for side, names in absent_classes(plan[splitter.index], prepared.labels).items():
        log.warning("fold %d: no %s FOV is of %s", splitter.index, SIDE_WORDS[side], ", ".join(names))
    seconds = {"prepare": time.perf_counter() - started}
    from locgraph.api.device import fixed_threads
    from locgraph.api.training.fit import fit_and_test  # figures and controls, which no check needs
    from locgraph.api.training.parts import quiet

    with quiet(), fixed_threads(settings["trainer"][THREADS]):
        metrics = fit_and_test(settings, writer, prepared, task, plan[splitter.index], seconds, release)
    metrics["n_folds"] = len(plan)
    writer.finish(metrics)
    log_losses(prepared.manifest)  # again: what was logged before training is far above


def check_before_work(settings: Settings) -> tuple[Splitter, Network]:
    """Build every part once with likely sizes, so that a wrong setting is refused before any work.

    Returns:
        The splitter of the fold, and the network.

    Raises:
        LocgraphError: A setting cannot work, or a device is absent.
    """
    check_whole("seed", settings["seed"], at_least=0)
    check_limits(settings)
    check_start(settings)
    make_folder(prepared_folder(settings), "paths.prepared_dir")
    splitter: Splitter = build_part(Splitter, settings["fold"], "fold")
    # what takes long to import comes last, so that most mistakes are found sooner: torch, PyG, Lightning
    from locgraph.api.device import check_device

    check_device(settings["trainer"])
    build_recipe_parts(settings)
    from locgraph.api.training.network import make_probe
    from locgraph.api.training.objective import SETTING, check_objective
    from locgraph.learn.initial import freeze

    probe = make_probe(settings)
    check_objective(settings[SETTING], probe.predicts)
    freeze(probe, settings["frozen"])
    _check_training(settings, probe)
    return splitter, probe


def check_start(settings: Settings) -> None:
    """Refuse starts that contradict each other, and checkpoints that are not there.

    Raises:
        ConfigError: One of ``train``, ``test``, ``init_from`` and ``ckpt_path`` cannot work.
    """
    for name in ("train", "test"):
        check_flag(name, settings[name])
    for name in ("init_from", "ckpt_path"):
        start = settings[name]
        if start is not None and not locate(str(start), name).is_file():
            raise ConfigError(
                f"{start}: no such file; expected RUN/checkpoints/best.ckpt of another run, or null", setting=name
            )
    if settings["frozen"] and settings["init_from"] is None:
        raise ConfigError(
            f"{settings['frozen']} would keep random weights; start from those of another run with init_from",
            setting="frozen",
        )
    if settings["ckpt_path"] is not None and is_pack(locate(str(settings["ckpt_path"]))):
        raise ConfigError(
            f"{settings['ckpt_path']} is a packed model, which knows neither the state of its training nor its fold: "
            "start from its weights with init_from, or test it with `locgraph eval`",
            setting="ckpt_path",
        )
    if settings["ckpt_path"] is not None and settings["init_from"] is not None:
        raise ConfigError(
            "goes on with the training of a checkpoint, init_from starts a new one from its weights; set one of them",
            setting="ckpt_path",
        )
    if settings["ckpt_path"] is None and not settings["train"]:
        raise ConfigError("train=false tests a checkpoint, found none; expected its path", setting="ckpt_path")
    if not (settings["train"] or settings["test"]):
        raise ConfigError("train=false and test=false leave nothing to do; set one of them to true", setting="test")


def _check_training(settings: Settings, network: Network) -> None:
    """Build every part of training once."""
    from locgraph.api.training import parts
    from locgraph.api.training.loggers import check_loggers

    parts.loader_settings(settings)
    for name in ("augment", "scaling", "trust"):
        build(settings[name] or {}, name)
    training = settings["training"]
    sampler = find_class(str(training["sampler"][TARGET]), "training.sampler")
    if training["class_weights"] == "balanced" and sampler.balances_classes:
        raise ConfigError(
            "balances the classes, as does training.class_weights=balanced; together they turn rare classes into "
            "frequent ones: set training.class_weights=none",
            setting="training.sampler",
        )
    losses = parts.loss_settings(settings)
    with within("training"):
        losses.make_loss(None)
    parts.make_optimizer(settings)(network.parameters())
    build(training["schedule"], "training.schedule")
    check_loggers(settings)
    with parts.quiet():
        parts.make_trainer(settings, Path(), [])


def _plan(settings: Settings, splitter: Splitter, network: Network, manifest: Manifest) -> tuple[Task, list[Split]]:
    """Return the task that network and labels allow, and the folds."""
    from locgraph.learn.tasks import task_class

    task = task_class(network.predicts).from_manifest(manifest, settings["data"]["localisation_classes"])
    task.check_sampler(find_class(str(settings["training"]["sampler"][TARGET])), manifest)
    with within("fold"):
        plan = splitter.plan(task.foldable(manifest))
    if task.predicts_fovs:
        labels = dict(zip(manifest.table[schema.FOV_ID], manifest.table[schema.LABEL], strict=True))
        check_classes(plan[splitter.index], labels)
    return task, plan
