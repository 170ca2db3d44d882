"""Opens what a user names: the first part that knows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from locgraph.errors import DataError
from locgraph.viewer.files import open_files
from locgraph.viewer.opened import Opened, OpeningSettings
from locgraph.viewer.runs import open_runs

OPENERS: Final[tuple[Callable[[Path, OpeningSettings], Opened | None], ...]] = (open_runs, open_files)
"""Asked in this order; None is the answer to what a part does not know."""


def open_source(path: Path, settings: OpeningSettings) -> Opened:
    """Open a file, a folder of raw files, prepared tables, graphs, a run or a sweep.

    Raises:
        DataError: There is nothing at this path, or nothing that can be shown.
    """
    if not path.exists():
        raise DataError(f"no such file or folder: {path}; expected localisations, tables, a run or a sweep")
    for opener in OPENERS:
        opened = opener(path, settings)
        if opened is not None:
            return opened
    raise DataError(f"{path}: expected localisations, prepared tables, graphs, a run or a sweep; found none of them")
