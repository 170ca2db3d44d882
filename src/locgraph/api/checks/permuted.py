"""Networks trained again on permuted labels: what the same training reaches where classes say nothing."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from locgraph import schema
from locgraph.analysis.source import Source
from locgraph.api.device import fixed_threads
from locgraph.api.prepare import prepare_settings
from locgraph.api.recipes import RAW, tables_folder
from locgraph.data.folds import Split, read_plan
from locgraph.data.prepared import Prepared, relabel
from locgraph.errors import DataError
from locgraph.run_folder import CLUSTERS, FOLDS, THREADS, RunFolder
from locgraph.stats.metrics import ACCURACY
from locgraph.stats.permutation import find_exchange

log = logging.getLogger(__name__)

_OFF = {"controls": False, "logger": {}, "ckpt_path": None, "init_from": None, "train": True, "test": True}
"""Settings that are the same in every training here: a start that has seen true labels would know them."""


def train_on_permuted(source: Source, permutations: int, seed: int) -> tuple[float, np.ndarray]:
    """Train the network of the first completed run of a study on permuted labels.

    Labels move as in `locgraph.stats.permutation.find_exchange`, on all sides of its fold.

    Args:
        source: The study.
        permutations: How many networks to train.
        seed: Of the permutations.

    Returns:
        Test accuracy of the run on its fold, and (permutations,) those on permuted labels.

    Raises:
        DataError: The study has no run of a network that classifies FOVs, or the run started from another one's
            weights.
    """
    runs = [run for run in source.results.values() if not run.of_localisations]
    if not runs:
        raise DataError(f"{source.folder}: expected a completed run that classifies FOVs, found none to train again")
    run = runs[0]
    settings = RunFolder(run.folder).read_settings()
    if settings["init_from"] is not None:
        raise DataError(
            f"{run.folder} started from {settings['init_from']}, which may know the true classes: repeat it without"
        )
    if settings["data"]["kind"] == RAW and not (tables_folder(settings) / CLUSTERS).is_dir():
        raise DataError(
            f"{run.folder}: expected its prepared data in {tables_folder(settings)}, found none; call this where "
            "the run was started, if its paths are relative"
        )
    settings |= _OFF
    prepared, plan = prepare_settings(settings), read_plan(run.folder / FOLDS)
    labels = prepared.labels
    tested = [name for split in plan for name in split.test]
    places = {name: fold for fold, split in enumerate(plan) for name in split.test}
    names = sorted(name for name, label in labels.items() if label is not None)
    tests = None if len(tested) > len(places) else np.array([places.get(name, -1) for name in names])
    groups = dict(prepared.manifest.table.select(schema.FOV_ID, schema.GROUP).iter_rows())
    owners = np.array([groups[name] for name in names], dtype=object)
    exchange = find_exchange(np.array([labels[name] for name in names], dtype=str), owners, tests)
    rng, accuracies = np.random.default_rng(seed), []
    for turn in range(permutations):
        permuted = dict(zip(names, exchange.draw(rng).tolist(), strict=True))
        accuracies.append(_train(settings, relabel(prepared, permuted), plan[run.fold]))
        log.info("permutation %d of %d: accuracy %.3f", turn + 1, permutations, accuracies[-1])
    return run.metrics[ACCURACY], np.array(accuracies)


def _train(settings: dict[str, Any], prepared: Prepared, split: Split) -> float:
    from locgraph.api.training.fit import fit_and_test
    from locgraph.api.training.network import make_probe
    from locgraph.api.training.parts import quiet
    from locgraph.learn.run import RunWriter
    from locgraph.learn.tasks import task_class

    task = task_class(make_probe(settings).predicts).from_manifest(prepared.manifest, None)
    with tempfile.TemporaryDirectory() as folder, quiet(), fixed_threads(settings["trainer"][THREADS]):
        metrics = fit_and_test(settings, RunWriter(Path(folder), settings), prepared, task, split)
    return float(metrics["test"][ACCURACY])
