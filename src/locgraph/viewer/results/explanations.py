"""Explanations of the FOVs that are shown: scores of clusters, localisations, edges and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.featextracted import fov_path
from locgraph.run_folder import ATTRIBUTIONS, EXPLANATIONS_RECORD, LOCS, read_record
from locgraph.show.report.source import Absent, read_parquet
from locgraph.viewer.opened import pick
from locgraph.viewer.results.scores import plain

_KEYS: Final = (schema.EXPLAINER, schema.EXPLAINED_CLASS, schema.FOLD)
_NEEDED: Final = frozenset(schema.ATTRIBUTION_COLUMNS) - {schema.IN_SUBGRAPH}
_AGAINST: Final = " against "
_DAMAGED: Final = (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException)


@dataclass(frozen=True)
class Explained:
    """One explanation of one FOV.

    Attributes:
        path: The table that holds it.
        explainer: Name of the explainer.
        explained_class: Class that the scores explain: A, or A against B.
        fold: Fold of the model that is explained.
        levels: What has scores.
    """

    path: Path
    explainer: str
    explained_class: str
    fold: int | None
    levels: tuple[str, ...]


def find_tables(folders: Sequence[Path]) -> list[Path]:
    """Return the tables of attributions in folders, or below them."""
    return sorted({path for folder in folders for path in folder.rglob(ATTRIBUTIONS)})


class Explanations:
    """Explanations of many FOVs; those of one are read when they are asked for.

    Args:
        paths: Tables of attributions.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.problems: list[str] = []
        self._by_fov: dict[str, list[Explained]] = {}
        for path in paths:
            try:
                self._add(path)
            except _DAMAGED as error:
                self.problems.append(f"{path} cannot be read ({str(error).splitlines()[0]}): explain again.")

    def _add(self, path: Path) -> None:
        table = pl.scan_parquet(path, glob=False)
        missing = sorted(_NEEDED - set(table.collect_schema().names()))
        if missing:
            self.problems.append(f"{path} has no column {', '.join(missing)}: explain again.")
            return
        keys = [schema.FOV_ID, *_KEYS]
        known = (
            table.group_by(keys, maintain_order=True).agg(pl.col(schema.LEVEL).unique(maintain_order=True)).collect()
        )
        for fov_id, explainer, explained_class, fold, levels in known.iter_rows():
            self._by_fov.setdefault(fov_id, []).append(Explained(path, explainer, explained_class, fold, tuple(levels)))

    def __bool__(self) -> bool:
        return bool(self._by_fov)

    @property
    def fov_ids(self) -> tuple[str, ...]:
        """The FOVs that were explained."""
        return tuple(self._by_fov)

    def of(self, fov_id: str) -> list[Explained]:
        """Return the explanations of one FOV; none where it was not explained."""
        return self._by_fov.get(fov_id, [])

    def described(self, fov_id: str) -> list[dict[str, Any]]:
        """Return what a page offers to choose from."""
        return [
            {"explainer": each.explainer, "class": each.explained_class, "fold": each.fold, "levels": list(each.levels)}
            for each in self.of(fov_id)
        ]

    def read(self, fov_id: str, index: int, tables: Path | Absent) -> dict[str, Any]:
        """Return the scores of one explanation.

        Args:
            fov_id: The FOV.
            index: Place among `of`.
            tables: Folder of the prepared tables, to which rows of localisations belong.

        Returns:
            ``explainer``, ``class``, ``fold``, ``signed`` (whether scores speak for and against the class),
            ``meaning`` in words, ``cautions``; ``cluster`` with ``ids``, ``scores`` and ``inside`` (in the subgraph
            that explains; null where none is named); ``localisation`` with ``rows`` of the table of the FOV and
            ``scores``; ``edge`` with ``sources``, ``targets`` and ``scores``; ``feature`` with ``names`` and
            ``scores``; null for what has no scores.

        Raises:
            NotThereError: There is no such explanation.
            DataError: The table cannot be read, or is gone.
        """
        chosen = pick(self.of(fov_id), index, "list of scores")
        table = _read(chosen, fov_id)
        signed = bool((table[schema.SCORE] < 0).any())
        content = {
            "explainer": chosen.explainer,
            "class": chosen.explained_class,
            "fold": chosen.fold,
            "signed": signed,
            "meaning": meaning(chosen.explained_class, signed),
            "cautions": _cautions(chosen),
        }
        levels = {level: table.filter(pl.col(schema.LEVEL) == level) for level in chosen.levels}
        made: dict[str, Any] = plain(
            content
            | {
                schema.CLUSTER: _clusters(levels.get(schema.CLUSTER)),
                schema.LOCALISATION: _localisations(levels.get(schema.LOCALISATION), tables, fov_id),
                schema.EDGE: _edges(levels.get(schema.EDGE)),
                schema.FEATURE: _features(levels.get(schema.FEATURE)),
            }
        )
        return made


def _read(chosen: Explained, fov_id: str) -> pl.DataFrame:
    wanted = [pl.col(schema.FOV_ID) == fov_id]
    for name, value in zip(_KEYS, (chosen.explainer, chosen.explained_class, chosen.fold), strict=True):
        wanted.append(pl.col(name).eq_missing(pl.lit(value)))
    try:
        table = pl.scan_parquet(chosen.path, glob=False).filter(*wanted).collect()
    except _DAMAGED as error:
        raise DataError(f"{chosen.path}: cannot be read ({str(error).splitlines()[0]}); explain again") from error
    # a score that is no number has no meaning
    return table.filter(pl.col(schema.SCORE).is_not_null() & pl.col(schema.SCORE).is_finite())


def meaning(explained_class: str, signed: bool) -> str:
    """Return what the sign and size of scores mean, in a sentence."""
    one, _, other = explained_class.partition(_AGAINST)
    against = f"for {other}" if other else f"against {one}"
    if signed:
        return f"Positive scores speak for {one}, negative ones {against}; the larger, the more they matter."
    return f"Scores have no sign: the larger, the more a part matters to what the network says of {explained_class}."


def _cautions(chosen: Explained) -> list[str]:
    cautions = read_record(chosen.path.parent / EXPLANATIONS_RECORD).get("cautions")
    text = cautions.get(chosen.explainer) if isinstance(cautions, dict) else None
    return [" ".join(str(text).split())] if text else []


def _clusters(table: pl.DataFrame | None) -> dict[str, Any] | None:
    if table is None:
        return None
    named = schema.IN_SUBGRAPH in table.columns and table[schema.IN_SUBGRAPH].null_count() < table.height
    inside = table[schema.IN_SUBGRAPH].fill_null(value=False).to_list() if named else None
    return {"ids": table[schema.CLUSTER_ID].to_list(), "scores": table[schema.SCORE].to_list(), "inside": inside}


def _localisations(table: pl.DataFrame | None, tables: Path | Absent, fov_id: str) -> dict[str, Any] | None:
    """Return scores with rows among all localisations of view 0; the table counts those in a cluster alone."""
    if table is None or isinstance(tables, Absent):
        return None
    locs = read_parquet(fov_path(tables, LOCS, fov_id))
    if isinstance(locs, Absent) or not {schema.VIEW, schema.CLUSTER_ID} <= set(locs.columns):
        return None
    owners = locs.filter(pl.col(schema.VIEW) == 0)[schema.CLUSTER_ID].to_numpy()
    clustered = np.flatnonzero(owners >= 0)
    known = table.filter(pl.col(schema.ROW).is_between(0, len(clustered) - 1))
    return {"rows": clustered[known[schema.ROW].to_numpy()].tolist(), "scores": known[schema.SCORE].to_list()}


def _edges(table: pl.DataFrame | None) -> dict[str, Any] | None:
    if table is None:
        return None
    return {
        "sources": table[schema.CLUSTER_ID].to_list(),
        "targets": table[schema.TARGET_CLUSTER].to_list(),
        "scores": table[schema.SCORE].to_list(),
    }


def _features(table: pl.DataFrame | None) -> dict[str, Any] | None:
    if table is None:
        return None
    ordered = table.sort(pl.col(schema.SCORE).abs(), schema.FEATURE, descending=[True, False])
    return {"names": ordered[schema.FEATURE].to_list(), "scores": ordered[schema.SCORE].to_list()}
