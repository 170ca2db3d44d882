"""Prepared tables and runs of FOVs whose class, group and way of taking are chosen."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from builders.checks import Taken, make_fov
from locgraph.analysis.source import Source
from locgraph.analysis.sweeps.runs import FoldResult
from locgraph.data.folds import Stratified
from locgraph.io.featextracted import write_fov
from locgraph.io.manifest import Manifest
from locgraph.preparation.featextracted import manifest_of


@pytest.fixture
def write_fovs() -> Callable[[Path, Sequence[Taken]], Path]:
    """Writes prepared tables of FOVs ``f_000``, ``f_001``, ..."""

    def write(folder: Path, fovs: Sequence[Taken]) -> Path:
        rng = np.random.default_rng(0)
        for index, taken in enumerate(fovs):
            write_fov(folder, make_fov(f"f_{index:03}", taken, rng))
        manifest_of(folder).write(folder / "manifest.parquet")
        return folder

    return write


@pytest.fixture
def make_source(write_fovs, tmp_path) -> Callable[..., Source]:
    """Makes a source of two folds whose network is right in nine of ten FOVs of each class."""

    def make(fovs: Sequence[Taken], vectors: np.ndarray | None = None) -> Source:
        tables = write_fovs(tmp_path / "tables", fovs)
        manifest = Manifest.read(tables / "manifest.parquet")
        ungrouped = Manifest(manifest.table.with_columns(group=pl.lit(None, pl.String)), manifest.class_names)
        plan = dict(enumerate(Stratified(2).plan(ungrouped)))
        scores, counts = {"balanced_accuracy": 0.9}, np.array([[9, 1], [1, 9]])
        results = {fold: FoldResult(fold, tmp_path / "gone", scores, counts, ("a", "b"), {}) for fold in plan}
        by_fold = {}
        if vectors is not None:
            columns = {f"v_{place}": column for place, column in enumerate(vectors.T)}
            whole = pl.DataFrame({"fov_id": [f"f_{index:03}" for index in range(len(fovs))]} | columns)
            for fold, split in plan.items():
                side = pl.col("fov_id").is_in(list(split.test))
                split_of = pl.when(side).then(pl.lit("test")).otherwise(pl.lit("val")).alias("split")
                by_fold[fold] = whole.with_columns(split_of, fold=fold)
        return Source(tmp_path, "sweep", tables, manifest, plan, results, None, by_fold)

    return make
