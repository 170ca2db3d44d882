"""Training that goes on, or went on, epoch by epoch: predictions and maps of each, of all runs of a sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from scipy.linalg import orthogonal_procrustes

from locgraph import schema
from locgraph.analysis.sweeps.status import status
from locgraph.errors import DataError
from locgraph.run_folder import RUN, find_runs
from locgraph.stats.standardise import principal_components
from locgraph.viewer.live_state import LiveFiles, Signs
from locgraph.viewer.opened import NotThereError, pick

_LOOKS_S: Final = 5.0
"""New runs of a sweep are looked for no more often than this."""
_FEWEST: Final = 2


@dataclass(frozen=True)
class EpochMap:
    """FOVs of an epoch as points.

    Attributes:
        fov_ids: The FOVs (n).
        points: (n, 2) float64, centred, of root mean square radius 1.
    """

    fov_ids: tuple[str, ...]
    points: np.ndarray


class LiveRun(LiveFiles):
    """One run with what its epochs predicted.

    Args:
        folder: The run.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._maps: dict[int, tuple[int, EpochMap | None]] = {}
        self._lock = threading.Lock()

    def predictions(self, epoch: int) -> pl.DataFrame:
        """Return what an epoch predicted: one row for each validation FOV, without vectors.

        Raises:
            NotThereError: It left no table, or this is not whole.
        """
        return _read(self._path(epoch), pl.exclude(f"^{schema.VECTOR_PREFIX}[0-9]+$"))

    def epoch_map(self, epoch: int) -> EpochMap | None:
        """Return the FOVs of an epoch as points: the first two principal components of their vectors.

        Each epoch is rotated, and mirrored where it fits better, onto the epoch before it (orthogonal Procrustes,
        Schoenemann 1966, 10.1007/BF02289451), so that points move no further than training moves them.

        Args:
            epoch: The epoch.

        Returns:
            The points; None where the epoch has no vectors.

        Raises:
            NotThereError: It left no table, or this is not whole.
        """
        self._path(epoch)
        with self._lock:
            before: EpochMap | None = None
            for number, path in self.tables().items():
                if number > epoch:
                    break
                before = self._map(number, path, before) or before
            return self._maps[epoch][1] if epoch in self._maps else None

    def _map(self, epoch: int, path: Path, before: EpochMap | None) -> EpochMap | None:
        """Return the map of an epoch, made again where its file is another than before, with all that follow."""
        try:
            changed = path.stat().st_mtime_ns
        except OSError:
            return None  # it is kept no longer
        known = self._maps.get(epoch)
        if known is None or known[0] != changed:
            for later in [number for number in self._maps if number >= epoch]:
                del self._maps[later]
            with suppress(NotThereError):
                self._maps[epoch] = changed, project(_read(path), before)
        return self._maps[epoch][1] if epoch in self._maps else None

    def _path(self, epoch: int) -> Path:
        path = self.tables().get(epoch)
        if path is None:
            raise NotThereError(f"epoch {epoch} has left no predictions: it is not done yet, or they were not kept")
        return path


class Live:
    """All runs of what is shown, with the jobs of a sweep that have left none.

    Args:
        folder: A run or a sweep.

    Attributes:
        listeners: Pages that wait for changes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listeners = 0
        self._runs: list[LiveRun] = []
        self._looked = -_LOOKS_S
        self._lock = threading.Lock()

    @property
    def runs(self) -> list[LiveRun]:
        """The runs, in the order in which they were first seen: a number stands for the same run throughout."""
        with self._lock:
            if time.monotonic() - self._looked >= _LOOKS_S:
                self._looked = time.monotonic()
                known = {run.run.path for run in self._runs}
                single, paths = (self.folder / RUN).is_file(), list[Path]()
                with suppress(OSError):  # a folder vanished meanwhile
                    paths = [self.folder] if single else [run.path for run in find_runs(self.folder)]
                self._runs += [LiveRun(path) for path in paths if path not in known]
            return list(self._runs)

    def run(self, index: int) -> LiveRun:
        """Return a run by its number.

        Raises:
            NotThereError: There is none of this number.
        """
        return pick(self.runs, index, "run")

    def signs(self) -> tuple[Signs, ...]:
        """Return what changes whenever there is something new."""
        return tuple(run.signs() for run in self.runs)

    def described(self) -> dict[str, Any]:
        """Return all runs with their curves, and the jobs of a sweep."""
        runs: list[dict[str, Any]] = []
        for index, run in enumerate(self.runs):
            path = run.run.path
            job = path.name if path == self.folder else path.relative_to(self.folder).as_posix()
            runs.append({"id": index, "job": job} | run.described())
        return {"runs": runs, "jobs": self._jobs({str(run["job"]): run for run in runs})}

    def _jobs(self, runs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the jobs as `locgraph status` lists them; none of a single run."""
        if (self.folder / RUN).is_file():
            return []
        try:
            jobs = status(self.folder).select("job", "state", "fold", "epochs", "validation", "test", "reason")
        except DataError:
            return []  # its first run has not begun
        rows = jobs.to_dicts()
        for row in rows:
            # a run on another machine is known better by its files
            row |= {name: runs[row["job"]][name] for name in ("state", "reason") if row["job"] in runs}
        return rows


def project(table: pl.DataFrame, before: EpochMap | None) -> EpochMap | None:
    """Return the FOVs of an epoch as points, turned onto those of the epoch before.

    Args:
        table: With ``fov_id`` and vectors ``v_0``, ...; rows that are not finite are left out.
        before: The epoch before; None for the first.

    Returns:
        The points; None where there are no vectors, or fewer than two.
    """
    names = [name for name in table.columns if name.startswith(schema.VECTOR_PREFIX)]
    if not names:
        return None
    vectors = table.select(names).cast(pl.Float64).to_numpy()
    whole = np.isfinite(vectors).all(axis=1)
    fov_ids = tuple(np.array(table[schema.FOV_ID].to_list(), dtype=object)[whole])
    vectors = vectors[whole]
    if len(vectors) < _FEWEST:
        return None
    points = np.zeros((len(vectors), 2))
    if np.ptp(vectors, axis=0).any():
        scores = principal_components(vectors, 2).scores
        points[:, : scores.shape[1]] = scores
        points /= np.sqrt((points**2).sum(axis=1).mean())
    return EpochMap(fov_ids, points @ _turn(fov_ids, points, before))


def _turn(fov_ids: tuple[str, ...], points: np.ndarray, before: EpochMap | None) -> np.ndarray:
    """Return the rotation, or reflection, (2, 2) that takes points closest to those of the epoch before."""
    if before is None:
        return np.eye(2)
    place = {name: row for row, name in enumerate(before.fov_ids)}
    common = [(row, place[name]) for row, name in enumerate(fov_ids) if name in place]
    if len(common) < _FEWEST:
        return np.eye(2)
    here, there = (np.array(rows) for rows in zip(*common, strict=True))
    own, other = points[here], before.points[there]
    turn, _ = orthogonal_procrustes(own - own.mean(axis=0), other - other.mean(axis=0))
    return np.asarray(turn)


def _read(path: Path, columns: pl.Expr | None = None) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise NotThereError(f"{path.name} is not whole yet, or kept no longer ({type(error).__name__})") from error
    return table if columns is None else table.select(columns)
