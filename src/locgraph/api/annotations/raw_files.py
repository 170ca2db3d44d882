"""The raw files that annotations are about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from locgraph import schema
from locgraph.api.config import Settings
from locgraph.api.sources import list_sources
from locgraph.build import TARGET, build, build_part
from locgraph.errors import ConfigError, DataError, within
from locgraph.io.catalogue import is_folder, scan
from locgraph.io.columns import ColumnSource
from locgraph.io.groups import GroupSource, NoGroups
from locgraph.io.labels import NoLabels
from locgraph.io.read import read_localisations
from locgraph.settings import check_number


@dataclass(frozen=True)
class RawFiles:
    """Raw files of FOVs.

    Attributes:
        paths: FOV -> its file.
        groups: FOV -> its group; empty where FOVs are in none.
        columns: How they are read.
        max_refused_fraction: Largest part of the rows of a file that may be refused.
    """

    paths: dict[str, Path]
    groups: dict[str, str]
    columns: ColumnSource
    max_refused_fraction: float

    def positions(self, fov_id: str) -> np.ndarray:
        """Return x and y of the localisations of a FOV (N, 2) float64 nm.

        Raises:
            DataError: There is no such FOV, or it cannot be read.
        """
        if fov_id not in self.paths:
            raise DataError("there is no raw file of this name")
        table = read_localisations(self.paths[fov_id], self.columns, self.max_refused_fraction).table
        return table.select(schema.X, schema.Y).to_numpy().astype(np.float64)


def find_raw_files(settings: Settings, leave_out: Path) -> RawFiles | None:
    """Return the raw files in ``raw_dir``; None where it is null.

    Args:
        settings: ``raw_dir``, ``columns``, ``groups`` where there are any, and ``limits``.
        leave_out: The table of annotations, which may lie among them.

    Raises:
        ConfigError: Groups are asked for, and there is no ``raw_dir``.
        DataError: There is no such folder, or nothing in it can be read.
    """
    groups: Mapping[str, Any] | None = settings.get("groups")
    grouped = groups is not None and groups[TARGET].rpartition(".")[2] != NoGroups.__name__
    if settings["raw_dir"] is None:
        if grouped:
            raise ConfigError("groups come from raw files: give their folder", setting="raw_dir")
        return None
    with within("limits"):
        limit = check_number("max_refused_fraction", settings["limits"]["max_refused_fraction"], at_least=0, at_most=1)
    columns: ColumnSource = build(settings["columns"], "columns")
    source: Any = build_part(GroupSource, groups, "groups") if groups is not None else NoGroups()
    path = Path(str(settings["raw_dir"])).resolve()
    try:
        if is_folder(path, columns):
            catalogue = scan(path, columns, NoLabels(), source, [leave_out])
        else:
            catalogue = list_sources(path, settings["columns"], (), [leave_out])
    except DataError as error:
        error.setting = "raw_dir"
        raise
    paths = {each.fov_id: each.path for each in catalogue.sources}
    by_fov = {each.fov_id: each.group for each in catalogue.sources if each.group is not None}
    return RawFiles(paths, by_fov, columns, limit)
