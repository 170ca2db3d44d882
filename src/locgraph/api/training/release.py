"""A release: a network trained on every FOV with a class, for as many epochs as the folds of a finished sweep took."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.analysis.sweeps.runs import find_families, find_repeats
from locgraph.api.config import Settings
from locgraph.api.recipes import table_recipe, table_settings
from locgraph.api.studies.studied_runs import SWEEP_KIND, StudiedRuns
from locgraph.api.training.release_settings import ALL_FOVS, Differences, compare_settings, repeated_command
from locgraph.build import TARGET
from locgraph.data.folds import TEST, read_plan
from locgraph.errors import ConfigError
from locgraph.preparation.snapshot import describe_changes
from locgraph.run_folder import CROSS_VALIDATION, FOLDS, PREDICTIONS, RAW_FILES, RELEASE, RunFolder, read_record
from locgraph.trust.measures import measure_fovs
from locgraph.trust.trust import Trust, TrustSettings
from locgraph.trust.unlike import UnlikeFovs

if TYPE_CHECKING:
    from locgraph.data.prepared import Prepared
    from locgraph.io.catalogue import Catalogue
    from locgraph.learn.tasks.base import Task

FROM: Final = "release.from"
_SCORES: Final = (
    *("experiment", "expected_folds", "seeds", "fold_seeds", "table", "best_control", "better_than_controls"),
    *("class_names", "confusion_matrix", "pooled_accuracy"),
)
_SHOWN: Final = 5
_NO_VECTORS: Final = (
    "unlike FOVs are told by measures alone, which know few shapes: a release holds out no FOV whose vector could be "
    "compared"
)


@dataclass(frozen=True)
class Release:
    """What a finished sweep knows that a training on all FOVs cannot find out itself.

    Attributes:
        sweep: The sweep.
        best_epochs: Number of epochs up to the best one, of each of its runs.
        differences: Settings that differ from those of the sweep and leave its scores valid, in words.
    """

    sweep: StudiedRuns
    best_epochs: tuple[int, ...]
    differences: tuple[str, ...]

    @property
    def epochs(self) -> int:
        """Epochs to train: the median of the best ones, rounded up where it lies between two."""
        return int(median(self.best_epochs) + 0.5)

    def check_files(self, settings: Settings, catalogue: Catalogue) -> None:
        """Refuse raw files or labels that have changed since the sweep.

        Args:
            settings: All settings.
            catalogue: The raw files.

        Raises:
            ConfigError: Some have.
        """
        snapshot = read_record(self.sweep.completed[0].folder / RAW_FILES)
        changes = describe_changes(snapshot, catalogue, table_recipe(table_settings(settings))) if snapshot else ""
        if changes:
            raise self._other_data(f"of its raw files, {changes} since then")

    def check_fovs(self, fov_ids: Sequence[str]) -> None:
        """Refuse to train on other FOVs than those of the folds of the sweep.

        Raises:
            ConfigError: Some were in no fold, or are absent.
        """
        run = self.sweep.completed[0].folder
        known = {name for split in read_plan(run / FOLDS) for name in (*split.train, *split.val, *split.test)}
        for names, what in ((set(fov_ids) - known, "were in no fold"), (known - set(fov_ids), "are absent now")):
            if names:
                raise self._other_data(f"{len(names)} FOVs {what}, such as {', '.join(sorted(names)[:_SHOWN])}")

    def _other_data(self, what: str) -> ConfigError:
        return ConfigError(
            f"{self.sweep.folder} is a sweep of other data: {what}. Its scores would not be those of this model; run "
            "the sweep on the data of now",
            setting=FROM,
        )

    def out_of_fold(self, class_names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return what networks that had not seen a FOV predicted of it, before calibration: its first test.

        Args:
            class_names: The K classes.

        Returns:
            Probabilities (N, K) float64, and the index of the true class (N,) int64.
        """
        runs = sorted(self.sweep.completed, key=lambda run: (run.fold_seed, run.seed, run.fold))
        # as the network says itself; with trust.calibration=none these are the probabilities
        own, calibrated = (
            [prefix + name for name in class_names]
            for prefix in (schema.UNCALIBRATED_PREFIX, schema.PROBABILITY_PREFIX)
        )
        parts = []
        for run in runs:
            table = RunFolder(run.folder).table(PREDICTIONS).filter(pl.col(schema.SPLIT) == TEST)
            columns = own if set(own) <= set(table.columns) else calibrated
            named = dict(zip(columns, calibrated, strict=True))
            parts.append(table.select(schema.FOV_ID, schema.TRUTH, *columns).rename(named))
        pooled = pl.concat(parts).drop_nulls(schema.TRUTH).unique(schema.FOV_ID, keep="first", maintain_order=True)
        position = {name: index for index, name in enumerate(class_names)}
        targets = np.array([position[truth] for truth in pooled[schema.TRUTH]], dtype=np.int64)
        return pooled.select(calibrated).to_numpy().astype(np.float64), targets

    def fit_trust(
        self, settings: TrustSettings, task: Task, prepared: Prepared, fov_ids: Sequence[str]
    ) -> Trust | None:
        """Fit what judges predictions, without a FOV that was held out.

        Calibration and prediction sets are fitted to the out-of-fold predictions of the sweep, as scikit-learn's
        ``CalibratedClassifierCV(ensemble=False)`` does. Coverage of sets is then no longer guaranteed as it is for
        split conformal prediction, only approximate, since the networks of the folds saw fewer FOVs (Barber et al.
        2021, 10.1214/20-AOS1965). Ranges and measures of unlike FOVs are fitted to all FOVs.

        Args:
            settings: What to fit.
            task: What is predicted.
            prepared: Tables of the FOVs.
            fov_ids: FOVs that were trained on.

        Returns:
            What was fitted; None where FOVs get no class.
        """
        if not task.predicts_fovs:
            return None
        unlike = UnlikeFovs.fit(measure_fovs(prepared.tables, fov_ids), None, (), prepared.labels)
        if unlike.typicality is not None:
            unlike = replace(unlike, notes=(_NO_VECTORS,))
        return Trust.fit(settings, task.class_names, *self.out_of_fold(task.class_names), unlike)

    def describe(self) -> dict[str, Any]:
        """Return for ``metrics.json`` what was released, and the scores of the sweep beside those of its controls."""
        summary = self.sweep.summary()
        content, runs = summary.content(), self.sweep.completed
        metrics = {str(run.fold): RunFolder(run.folder).metrics() for run in runs}
        return {
            RELEASE: {
                "from": str(self.sweep.folder),
                "epochs": self.epochs,
                "best_epochs": list(self.best_epochs),
                "differences": list(self.differences),
            },
            # as a packed model states the scores of a sweep
            CROSS_VALIDATION: {
                "kind": "cross-validation",
                "n_folds": len(runs),
                "n_test": int(summary.confusion.sum()),
                "headline": summary.headline(),
                **{name: content[name] for name in _SCORES},
                "no_controls": next(iter(metrics.values())).get("no_controls"),
                "calibration": {fold: each.get("calibration") for fold, each in metrics.items()},
            },
        }


def plan_release(settings: Settings, overrides: Sequence[str] = ()) -> tuple[Settings, Release | None]:
    """Return the settings of a release with the number of epochs in ``release.epochs``, and the sweep it rests on.

    Args:
        settings: All settings.
        overrides: Settings of the command line.

    Returns:
        The settings as they are, and None, where no release is asked for.

    Raises:
        ConfigError: The sweep is not finished or has other settings, or a setting contradicts a release.
    """
    holds_none_out = settings["fold"].get(TARGET) == ALL_FOVS
    if not settings.get(RELEASE):
        if holds_none_out:
            raise ConfigError(
                "holds out no FOV, so that nothing can be validated or tested; set mode=release", setting="fold"
            )
        return settings, None
    _check_start(settings, overrides, holds_none_out)
    settings = copy.deepcopy(settings)
    # an experiment may bring settings of its own folds
    settings["fold"] = {TARGET: ALL_FOVS, "n_folds": 1, "index": 0}
    sweep, differences = _choose_sweep(Path(str(settings[RELEASE]["from"])), settings, overrides)
    _check_finished(sweep)
    release = Release(sweep, _best_epochs(sweep), differences.named)
    settings[RELEASE] = {"from": str(sweep.folder), "epochs": release.epochs}
    return settings, release


def _check_start(settings: Settings, overrides: Sequence[str], holds_none_out: bool) -> None:
    """Refuse settings that contradict a release."""
    of_folds = [text for text in overrides if text.lstrip("+~").split("=")[0].split(".")[0] == "fold"]
    if of_folds or not holds_none_out:
        raise ConfigError(
            f"mode=release trains on every FOV and has no folds, found {' '.join(of_folds) or 'another fold'}; leave "
            "settings of folds out, and sweep=kfold too",
            setting="fold",
        )
    if settings["test"]:
        raise ConfigError("mode=release leaves no FOV to test; leave it out", setting="test")
    if not settings["train"] or settings["ckpt_path"] is not None:
        raise ConfigError("mode=release trains a network from the start; leave train and ckpt_path out", setting="mode")
    watching = [name for name, leaf in (settings["callbacks"] or {}).items() if leaf and leaf.get("monitor")]
    if watching:
        raise ConfigError(
            "watches a metric of validation, of which a release has none; set it to null",
            setting=f"callbacks.{watching[0]}",
        )
    if not (settings["callbacks"] or {}).get("last_checkpoint"):
        raise ConfigError(
            "mode=release keeps the last epoch; choose callbacks=standard or early_stopping",
            setting="callbacks.last_checkpoint",
        )
    if str(settings["training"]["schedule"][TARGET]).endswith(".Plateau"):
        raise ConfigError(
            "plateau watches the validation loss, of which a release has none; run the sweep with another schedule",
            setting="training.schedule",
        )


def _choose_sweep(folder: Path, settings: Settings, overrides: Sequence[str]) -> tuple[StudiedRuns, Differences]:
    """Return the sweep in a folder that has the same settings, with differences that leave its scores valid.

    Raises:
        ConfigError: There is none, or settings differ that its scores depend on.
    """
    # runs of several seeds before those of one
    families = [*find_repeats(folder), *find_families(folder)]
    studies = [StudiedRuns(folder.resolve(), SWEEP_KIND, each.folders, each.n_folds) for each in families]
    if not studies:
        raise ConfigError(f"expected the folder of a finished sweep, found no run in {folder}", setting=FROM)
    compared = [
        (study, compare_settings(RunFolder(study.run_folders[0]).read_settings(), settings, overrides))
        for study in studies
    ]
    sweep, differences = min(compared, key=lambda pair: len(pair[1].refused))
    if differences.refused:
        command = repeated_command(RunFolder(sweep.run_folders[0]).record().get("overrides") or (), folder)
        raise ConfigError(
            f"{folder} was trained with other settings, so that its scores would not be those of this model: "
            f"{'; '.join(differences.refused)}. Take those of the sweep: {command}",
            setting=FROM,
        )
    return sweep, differences


def _check_finished(sweep: StudiedRuns) -> None:
    """Refuse a sweep with folds that have no result."""
    summary = sweep.summary()
    if not summary.complete or not sweep.completed:
        reasons = "; ".join(f"fold {fold}: {summary.reasons.get(fold, 'no run')}" for fold in summary.missing)
        what = "one run" if len(sweep.run_folders) == 1 else "a sweep"
        raise ConfigError(
            f"{sweep.folder} is {what} that is not finished: of {len(summary.expected_folds)} folds "
            f"{len(summary.missing)} have no result ({reasons}). Finish it first: the same command with "
            f"paths.sweep_dir={sweep.folder}",
            setting=FROM,
        )


def _best_epochs(sweep: StudiedRuns) -> tuple[int, ...]:
    """Return the number of epochs up to the best one, of each run."""
    from locgraph.learn.checkpoint import read_checkpoint  # torch

    paths = [RunFolder(run.folder).best for run in sorted(sweep.completed, key=lambda run: (run.fold, run.seed))]
    absent = [path for path in paths if not path.is_file()]
    if absent:
        raise ConfigError(
            f"{absent[0]}: no such file, so that the best epoch is not known; expected a sweep with checkpoints",
            setting=FROM,
        )
    return tuple(read_checkpoint(path, FROM).epoch + 1 for path in paths)
