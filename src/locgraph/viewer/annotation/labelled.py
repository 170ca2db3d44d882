"""What the statements of one annotator mean for single localisations, shown back at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from locgraph.io.annotations.regions import regions_to_rows
from locgraph.schema import annotation as columns
from locgraph.viewer.levels.levels import POSITION

if TYPE_CHECKING:
    from locgraph.viewer.scene import Scene

MOST_SHOWN: Final = 200_000
"""Localisations that are coloured at most; of more, evenly spaced ones."""


class LabelledLocalisations:
    """Classes of localisations by statements of one annotator; further statements are added to what is known.

    Args:
        classes: Names of the classes.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._code = {name: place + 1 for place, name in enumerate(classes)}
        self._known: tuple[str, tuple[str, ...], np.ndarray] = ("", (), np.zeros(0, dtype=np.uint8))

    def label(self, scene: Scene, statements: pl.DataFrame) -> np.ndarray:
        """Return the class of each localisation of a FOV by regions, points and clusters.

        A later statement overrides an earlier one, and one without a label takes the class away.

        Args:
            scene: The FOV.
            statements: Standing statements about it, in the order in which they were made.

        Returns:
            (N,) uint8 in the order of the levels: 0 for none, 1 for the first class.
        """
        names = tuple(statements[columns.ANNOTATION_ID])
        key, done, codes = self._known
        if key != scene.fingerprint or len(codes) != len(scene.levels) or names[: len(done)] != done:
            done, codes = (), np.zeros(len(scene.levels), dtype=np.uint8)
        codes = codes.copy()
        for row in statements[len(done) :].iter_rows(named=True):
            label = row[columns.LABEL]
            if row[columns.TARGET] != columns.OF_FOV and (label is None or label in self._code):
                codes[_rows(scene, row)] = 0 if label is None else self._code[label]
        self._known = (scene.fingerprint, names, codes)
        return codes


def packed(scene: Scene, codes: np.ndarray) -> bytes:
    """Return the localisations that have a class, as a page reads them.

    Args:
        scene: The FOV.
        codes: (N,) uint8 of `LabelledLocalisations`.

    Returns:
        float32 (M, D) positions in nm relative to the origin, then uint8 (M,) codes, M at most `MOST_SHOWN`.
    """
    rows = np.flatnonzero(codes)
    if len(rows) > MOST_SHOWN:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_SHOWN).astype(np.int64)]
    return scene.levels.values[POSITION][rows].astype("<f4").tobytes() + codes[rows].tobytes()


def _rows(scene: Scene, row: Mapping[str, Any]) -> np.ndarray:
    """Return which localisations (R,) a statement means."""
    levels = scene.levels
    if row[columns.TARGET] == columns.OF_CLUSTER:
        column = None if scene.clusters is None else scene.clusters.column
        if column is None:
            return np.empty(0, dtype=np.int64)
        code = row[columns.CLUSTER_ID] - levels.column(column).first
        return np.flatnonzero(np.asarray(levels.values[column]) == code) if code >= 0 else np.empty(0, dtype=np.int64)
    near = _near(scene, row)
    positions = levels.values[POSITION][near].astype(np.float64) + levels.origin
    chosen = regions_to_rows(positions, row[columns.X], row[columns.Y], row[columns.RADIUS], row[columns.TOOL])
    return near[chosen]


def _near(scene: Scene, row: Mapping[str, Any]) -> np.ndarray:
    """Return the localisations (R,) of the nodes that a region or point may reach: few of a large FOV."""
    levels, places = scene.levels, np.stack([row[columns.X], row[columns.Y]], axis=1) - scene.levels.origin[:2]
    reach = row[columns.RADIUS]
    if reach is None and row[columns.TARGET] == columns.OF_POINT:
        return np.arange(len(levels))
    margin = (reach or 0.0) * (1 + 1e-6) + 1e-3
    low, high = places.min(axis=0) - margin, places.max(axis=0) + margin
    box = levels.box[:, :, :2].astype(np.float64)
    nodes = np.flatnonzero(((box[:, 0] <= high) & (box[:, 1] >= low)).all(axis=1))
    parts = [np.arange(levels.first[node], levels.first[node + 1]) for node in nodes]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])
