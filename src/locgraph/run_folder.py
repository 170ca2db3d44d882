"""Folders on disk: the names of all files, and the state of a run.

Every name is defined here. Tables and records are read and written by the functions of the component that owns their
content (`locgraph.io`, `locgraph.learn`, `locgraph.explain`, `locgraph.analysis`); `RunFolder` reads those of a run.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph.errors import DataError
from locgraph.storage import is_locked

# -- raw folders that locgraph wrote -----------------------------------------------------------------------------------
SIMULATION_RECORD: Final = "simulation.json"
SIMULATION_TRUTH: Final = "truth.parquet"  # factors of each simulated FOV
IMPORT_RECORD: Final = "import.json"

# -- annotations -------------------------------------------------------------------------------------------------------
ANNOTATIONS: Final = "annotations.parquet"  # one row for each statement of an annotator
AGREEMENT: Final = "agreement.parquet"  # how annotators agree, by level, measure, class and pair
DISPUTED: Final = "disputed.parquet"  # FOVs, the most disputed first
AGREEMENT_RECORD, AGREEMENT_PICTURE, DISPUTED_PICTURE = "agreement.json", "agreement.png", "disputed.png"
LABEL_STUDIO_TASKS, LABEL_STUDIO_CONFIG = "tasks.json", "labelling_config.xml"  # of `locgraph annotations export`
LABEL_STUDIO_IMAGES: Final = "images"  # folder there: one picture for each FOV

# -- suggested scales --------------------------------------------------------------------------------------------------
SUGGESTION: Final = "suggest.json"
SUGGESTION_PICTURE: Final = "suggest.png"

# -- prepared data -----------------------------------------------------------------------------------------------------
MANIFEST: Final = "manifest.parquet"
RECIPE: Final = "recipe.json"  # settings that made a folder of tables or graphs
LOCS: Final = "locs"  # folder: one parquet file for each FOV
CLUSTERS: Final = "clusters"  # folder: one parquet file for each FOV
OBJECTS: Final = "objects"  # folder: one parquet file for each FOV that objects were looked for in

# -- runs --------------------------------------------------------------------------------------------------------------
CONFIG: Final = "config.yaml"
RUN: Final = "run.json"  # fingerprint, family, number of folds, overrides, threads, group, git, versions, state
THREADS: Final = "threads"  # key there, in the record of a checkpoint and in the group trainer
RELEASE: Final = "release"  # key there and in METRICS of a run on all FOVs: the sweep it rests on, and its epochs
CROSS_VALIDATION: Final = "cross_validation"  # key in METRICS of such a run: the scores of its sweep
FOLDS: Final = "folds.json"
RAW_FILES: Final = "raw_files.json"  # the raw files with labels, as they were
METRICS: Final = "metrics.json"  # status, scores, controls; also of an evaluation
HISTORY: Final = "metrics.csv"  # losses and scores by step and epoch
EARLIER_HISTORY: Final = "metrics.earlier.csv"  # that of a run which was interrupted
CHECKPOINTS: Final = "checkpoints"
PACK_SUFFIX, PACKED_MODEL = ".lgm", "model.lgm"  # packed models; in the cache <name>/<version>/model.lgm
BEST, LAST = "best.ckpt", "last.ckpt"
PREDICTIONS: Final = "predictions.parquet"
CONTROL_PREDICTIONS: Final = "control_predictions.parquet"  # of the test FOVs by each control
LOCALISATION_PREDICTIONS: Final = "localisation_predictions.parquet"
FOV_VECTORS: Final = "fov_vectors.parquet"
CLUSTER_VECTORS: Final = "cluster_vectors.parquet"
LOCALISATION_VECTORS: Final = "localisation_vectors.parquet"
EMBEDDINGS: Final = "embeddings.parquet"  # one row for each unit, without labels learned; also of `locgraph embed`
RECONSTRUCTIONS_PICTURE: Final = "reconstructions.png"
REPRESENTATION: Final = "representation"  # value of `scored` in METRICS of a run that learned without labels
EMBEDDINGS_RECORD: Final = "embeddings.json"  # what they were computed from, by what
HOW_LEARNED: Final = "learned"  # key there: how vectors came about, one of the next three
UNSUPERVISED, CLASSIFIER, BASELINE = "unsupervised", "classifier", "baseline"
LIVE, LIVE_STATE = "live", "state.json"  # folder: what each epoch of training predicted, with callbacks=live
LIVE_EPOCHS: Final = "epoch_*.parquet"  # predictions of validation FOVs, one file for each epoch: `epoch_file`
CONFUSION_PICTURE, CURVES_PICTURE, GALLERY_PICTURE = "confusion_matrix.png", "loss_curves.png", "gallery.png"

# -- sweeps ------------------------------------------------------------------------------------------------------------
SUMMARY: Final = "summary.json"
SUMMARY_TABLE: Final = "summary.csv"
SUMMARY_TEXT: Final = "summary.md"
SUMMARY_PICTURE: Final = "summary.png"
JOBS: Final = "jobs.json"  # settings of each job
FAILURE: Final = "failure.json"  # why a job failed that left no record of a run
SCHEDULER: Final = ".submitit"  # folder: scripts and logs of jobs on a cluster
SNAPSHOT: Final = "snapshot"  # folder: the code that was submitted, 1, 2, ...
SNAPSHOT_RECORD: Final = "snapshot.json"  # what it was copied from, versions, environment
SNAPSHOT_CHANGES: Final = "changes.patch"  # how the checkout differed from its commit
SNAPSHOT_LOG: Final = "submit.log"  # what the process that was started prints
SUMMARIES: Final = "summaries"  # folder: one summary for each set of settings, where a sweep has several

# -- comparisons -------------------------------------------------------------------------------------------------------
COMPARISON_RECORD: Final = "comparison.json"
COMPARISON_TABLE, COMPARISON_PICTURE = "comparison.parquet", "comparison.png"

# -- explanations ------------------------------------------------------------------------------------------------------
EXPLANATIONS_RECORD: Final = "explanations.json"
EXPLANATIONS: Final = "explanations"  # folder of figures: one folder for each explainer
ATTRIBUTIONS: Final = "attributions.parquet"
EXPLANATION_METRICS: Final = "explanation_metrics.parquet"
EXPLAINER_AGREEMENT: Final = "explainer_agreement.parquet"
SANITY: Final = "sanity.parquet"
EXPLAINED_FEATURES: Final = "explained_features.parquet"  # also as CSV
CLASS_SEPARATION: Final = "class_separation.parquet"  # also as CSV
EXPLANATION_TABLES: Final = (  # all of them
    *(ATTRIBUTIONS, EXPLANATION_METRICS, EXPLAINER_AGREEMENT),
    *(SANITY, EXPLAINED_FEATURES, CLASS_SEPARATION),
)

# -- counts of objects -------------------------------------------------------------------------------------------------
COUNTS_RECORD: Final = "counts.json"
COUNTS: Final = "counts.parquet"  # one row for each FOV and class; also as CSV
OBJECT_TABLE: Final = "objects.parquet"  # one row for each object
NEIGHBOURS: Final = "neighbours.parquet"  # nearest neighbours against randomness
OBJECT_PICTURES: Final = "pictures"  # folder: one picture for each FOV
EXPORTS: Final = "exports"  # folder: one folder for each format

# -- analyses and reports ----------------------------------------------------------------------------------------------
ANALYSIS: Final = "analysis"  # folder
ANALYSIS_RECORD: Final = "analysis.json"
BENCHMARK: Final = "benchmark"  # folder: representations compared
BENCHMARK_TABLE, BENCHMARK_RECORD, BENCHMARK_PICTURE = "benchmark.parquet", "benchmark.json", "benchmark.png"
REPORT: Final = "report.html"
AVERAGES: Final = "averages"  # folder: objects of each class laid upon each other
AVERAGES_TABLE, AVERAGES_RECORD, AVERAGES_PICTURE = "averages.parquet", "averages.json", "averages.png"
AVERAGED_OBJECTS, AVERAGED_LOCALISATIONS = "averaged_objects.parquet", "averaged_localisations.parquet"
GROUPS: Final = "groups"  # folder: groups of structures, found without labels
GROUPS_TABLE, GROUPS_RECORD, GROUPS_PICTURE = "groups.parquet", "groups.json", "groups.png"
GROUP_NUMBERS, GROUP_NUMBERS_PICTURE = "group_numbers.parquet", "group_numbers.png"  # numbers of groups that were tried
GROUP_DIFFERENCES, GROUP_DIFFERENCES_PICTURE = "group_differences.parquet", "group_differences.png"
GROUP_COMPOSITION, GROUP_COMPOSITION_PICTURE = "group_composition.parquet", "group_composition.png"
GROUP_COMPOSITION_TESTS: Final = "group_composition_tests.parquet"
RELABELLED: Final = "relabelled"  # folder: localisations of each FOV with their group
GROUPS_PAGE: Final = "groups.html"
AVERAGE_PROFILES: Final = "average_profiles.parquet"  # radial, angular, Fourier ring correlation

EXPLORATION, EXPLORATION_RECORD = "explore", "explore.json"  # folder, and record: what varies among embeddings
UNIT_MAP, WALKS = "map.parquet", "walks.parquet"  # each of these with a picture of the same stem
ARCHETYPES, ARCHETYPE_WEIGHTS, PSEUDOTIME = "archetypes.parquet", "archetype_weights.parquet", "pseudotime.parquet"

# -- viewer ------------------------------------------------------------------------------------------------------------
LEVELS: Final = "levels"  # folder in the cache of the viewer: one folder for each large FOV
LEVELS_INDEX: Final = "index.json"  # in it: nodes and columns
LEVELS_COLUMN: Final = "column_{}.bin"  # in it: values of a column, in the order of the nodes

# -- checks of a run or sweep: tables with a picture of the same stem --------------------------------------------------
TRUST: Final = "trust"  # folder
CALIBRATION: Final = "calibration.parquet"
CONFOUNDERS: Final = "confounders.parquet"
LABELS: Final = "labels.parquet"  # given classes beside predictions of the test sides
NEXT_LABELS: Final = "next_labels.parquet"  # FOVs to label next
MATCHED: Final = "matched.parquet"
MATCHED_RUNS: Final = "matched"  # folder: for each kind, networks trained on matched FOVs
CHANCE: Final = "chance.parquet"
LEARNING_CURVE: Final = "learning_curve.parquet"
STRESS_TABLE, STRESS_RECORD, STRESS_PICTURE = "stress.parquet", "stress.json", "stress.png"

COMPLETED, FAILED = "completed", "failed"
"""Values of ``status`` in `METRICS`, and of ``state`` in `RUN`."""
RUNNING, INTERRUPTED = "running", "interrupted"
"""Further values of ``state`` in `RUN`; one that is still ``running`` there is over if nobody holds its lock."""


def epoch_file(epoch: int) -> str:
    """Return the name of the file of an epoch in `LIVE`."""
    return LIVE_EPOCHS.replace("*", f"{epoch:04d}")


def read_record(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; empty where there is none or it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class RunState:
    """How far a run is.

    Attributes:
        state: ``completed``, ``failed``, ``interrupted`` or ``running``.
        reason: Why it ended, where it did not complete.
        error: Class of the error that ended it.
        started: When it was started last, as `now` gives it.
        ended: When it ended; None where it is running or was killed.
    """

    state: str
    reason: str | None = None
    error: str | None = None
    started: str | None = None
    ended: str | None = None


def read_history(path: Path) -> pl.DataFrame | None:
    """Return losses and scores by step and epoch; None where there is no such file.

    Raises:
        DataError: It cannot be read.
    """
    if not path.is_file():
        return None
    try:
        # in one go: while training writes it, its size changes between two looks
        return pl.read_csv(path.read_bytes(), infer_schema_length=None)
    except pl.exceptions.NoDataError:
        return None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: expected losses by step, found a table that is damaged; delete the file") from error


class RunFolder:
    """Folder of one run.

    Args:
        path: The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"

    @property
    def best(self) -> Path:
        """Checkpoint of the epoch with the lowest validation loss."""
        return self.path / CHECKPOINTS / BEST

    @property
    def last(self) -> Path:
        """Checkpoint of the last epoch, from which an interrupted run continues."""
        return self.path / CHECKPOINTS / LAST

    def record(self) -> dict[str, Any]:
        """Return what identifies the run, with its state: the content of `RUN`."""
        return read_record(self.path / RUN)

    def read_settings(self) -> dict[str, Any]:
        """Return all settings of the run: the content of `CONFIG`.

        Raises:
            DataError: It is absent or damaged.
        """
        import yaml

        path = self.path / CONFIG
        try:
            settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise DataError(f"{path}: expected the settings of a run, cannot read them ({error})") from error
        if not isinstance(settings, dict):
            raise DataError(f"{path}: expected the settings of a run, found {type(settings).__name__}")
        return settings

    def state(self) -> RunState:
        """Return how far the run is, and why it ended."""
        record, metrics = self.record(), self.metrics()
        times = {name: record.get(name) for name in ("started", "ended")}
        state = record.get("state") or metrics.get("status")  # runs of earlier versions have no state
        if self.is_completed():
            return RunState(COMPLETED, **times)
        if state in (FAILED, INTERRUPTED):
            return RunState(state, record.get("reason") or metrics.get("reason"), record.get("error"), **times)
        if is_locked(self.path):
            return RunState(RUNNING, **times)
        return RunState(INTERRUPTED, "its process ended without a word, as when it is killed", **times)

    def metrics(self) -> dict[str, Any]:
        """Return status, scores and controls; empty before the end of the run."""
        return read_record(self.path / METRICS)

    def is_completed(self) -> bool:
        """Return whether the run finished."""
        return self.metrics().get("status") == COMPLETED

    def history(self) -> pl.DataFrame | None:
        """Return losses and scores by step and epoch; None where there are none."""
        return read_history(self.path / HISTORY)

    def whole_history(self) -> pl.DataFrame | None:
        """Return the history, and before it that of the part which was interrupted; None where there are none."""
        earlier, later = read_history(self.path / EARLIER_HISTORY), self.history()
        if earlier is None or later is None or later.is_empty():
            return earlier if earlier is not None else later
        return pl.concat([earlier.filter(pl.col("step") < later["step"].min()), later], how="diagonal_relaxed")

    def table(self, name: str) -> pl.DataFrame:
        """Return one table.

        Args:
            name: File name, such as `PREDICTIONS`.

        Raises:
            DataError: It is absent or cannot be read.
        """
        path = self.path / name
        if not path.is_file():
            raise DataError(f"{path}: no such file; expected a run that writes {name}")
        try:
            return pl.read_parquet(path, glob=False)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise DataError(f"{path}: cannot be read, it may be damaged ({error})") from error


def find_runs(folder: Path) -> list[RunFolder]:
    """Return all runs below a folder, the folder itself included, in the order of their paths.

    Those that a check of a study has trained belong to it, and are left out.
    """
    paths = [path.parent for path in sorted(folder.rglob(RUN))]
    return [RunFolder(path) for path in paths if TRUST not in path.relative_to(folder).parts]
