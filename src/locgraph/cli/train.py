"""``python train.py``: trains one fold, tests it, and leaves a run folder."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from locgraph import schema
from locgraph.cli import assemble, checks, prepare, task
from locgraph.cli.quiet import quiet
from locgraph.cli.run_folder import FOLDS, RunFolder
from locgraph.data import folds
from locgraph.errors import LocgraphError
from locgraph.io.manifest import Manifest
from locgraph.preparation.prepare import manifest_of_catalogue

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> dict[str, Any]:
    """Trains and tests one fold.

    Args:
        cfg: The composed configuration of ``train.yaml``.

    Returns:
        The metrics, as written to ``metrics.json``.

    Raises:
        LocgraphError: The data or the settings cannot be used; the reason is in ``metrics.json`` too.
    """
    hydra_cfg = HydraConfig.get()
    folder = RunFolder(Path(hydra_cfg.runtime.output_dir), cfg)
    done = folder.completed()
    if done is not None:
        log.info("%s is done already: nothing to do", folder.path)
        return done
    try:
        return _run(cfg, folder, list(hydra_cfg.overrides.task))
    except LocgraphError as error:
        fold = cfg.fold.index
        folder.fail(fold if isinstance(fold, int) else None, str(error))
        raise


def _run(cfg: DictConfig, folder: RunFolder, overrides: list[str]) -> dict[str, Any]:
    splitter = _check_before_work(cfg, overrides)
    folder.begin(splitter.n_folds, overrides)
    started = time.perf_counter()
    catalogue = prepare.read_catalogue(cfg) if cfg.data.kind == "raw" else None
    if catalogue is not None:
        # the same checks as below, before the work: labels are known from the headers already
        _plan(cfg, splitter, manifest_of_catalogue(catalogue))
    checks.check_device(cfg)
    prepared = prepare.make_graphs(cfg, prepare.make_tables(cfg, catalogue))
    plan = _plan(cfg, splitter, prepared.manifest)
    folds.write_plan(folder.path / FOLDS, plan)
    seconds = {"prepare": time.perf_counter() - started}

    from locgraph.cli.fit import fit_and_test

    with quiet():
        metrics = fit_and_test(cfg, folder, prepared, plan[splitter.index], seconds)
    metrics["n_folds"] = len(plan)
    folder.finish(metrics)
    return metrics


def _check_before_work(cfg: DictConfig, overrides: list[str]) -> folds.Splitter:
    checks.check_source(cfg, overrides)
    checks.check_values(cfg)
    checks.check_training(cfg)
    return assemble.build(cfg.fold)


def _plan(cfg: DictConfig, splitter: folds.Splitter, manifest: Manifest) -> list[folds.Split]:
    task.check_task(cfg, manifest)
    plan = splitter.plan(manifest)
    if schema.FIELD_OF_VIEW in task.predicted(cfg):
        labels = dict(zip(manifest.table[schema.FOV_ID], manifest.table[schema.LABEL], strict=True))
        folds.check_classes(plan[splitter.index], labels)
    return plan
