"""What the statements of one annotator mean for single localisations, shown back at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from locgraph.io.annotations.regions import regions_to_rows
from locgraph.schema import annotation as columns

MOST_SHOWN: Final = 200_000
"""Localisations that are coloured at most; of more, evenly spaced ones."""


def label_localisations(
    positions: np.ndarray, statements: pl.DataFrame, classes: Sequence[str], cluster_ids: np.ndarray | None = None
) -> np.ndarray:
    """Return the class of each localisation by the regions, points and clusters of one annotator.

    A later statement overrides an earlier one, and one without a label takes the class away.

    Args:
        positions: (N, D) float64 nm, as in the raw file.
        statements: Standing statements about one FOV, in the order in which they were made.
        classes: Names of the classes.
        cluster_ids: (N,) cluster of each localisation; None where there are no clusters.

    Returns:
        (N,) uint8: 0 for none, 1 for the first class.
    """
    code = {name: place + 1 for place, name in enumerate(classes)}
    codes = np.zeros(len(positions), dtype=np.uint8)
    for row in statements.iter_rows(named=True):
        target, label = row[columns.TARGET], row[columns.LABEL]
        if target == columns.OF_FOV or (label is not None and label not in code):
            continue
        if target == columns.OF_CLUSTER:
            chosen = False if cluster_ids is None else cluster_ids == row[columns.CLUSTER_ID]
        else:
            chosen = regions_to_rows(positions, row[columns.X], row[columns.Y], row[columns.RADIUS], row[columns.TOOL])
        codes[chosen] = 0 if label is None else code[label]
    return codes


def packed(positions: np.ndarray, codes: np.ndarray, origin: np.ndarray) -> bytes:
    """Return the localisations that have a class, as a page reads them.

    Args:
        positions: (N, D) float64 nm, as in the raw file.
        codes: (N,) uint8 of `label_localisations`.
        origin: (D,) float64 nm.

    Returns:
        float32 (M, D) positions relative to the origin, then uint8 (M,) codes, M at most `MOST_SHOWN`, little-endian.
    """
    rows = np.flatnonzero(codes)
    if len(rows) > MOST_SHOWN:
        rows = rows[np.linspace(0, len(rows) - 1, MOST_SHOWN).astype(np.int64)]
    return (positions[rows] - origin).astype("<f4").tobytes() + codes[rows].tobytes()
