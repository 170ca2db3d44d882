"""Opens what a user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from locgraph.errors import DataError
from locgraph.viewer.files import open_files
from locgraph.viewer.opened import Opened, OpeningSettings
from locgraph.viewer.runs import open_runs


def open_sources(path: Path, settings: OpeningSettings) -> Sequence[Opened]:
    """Open a file, a folder of raw files, prepared tables, graphs, a run or a sweep.

    Returns:
        One source; of a sweep over several settings one for each.

    Raises:
        DataError: There is nothing at this path, or nothing that can be shown.
    """
    if not path.exists():
        raise DataError(f"no such file or folder: {path}; expected localisations, tables, a run or a sweep")
    return open_runs(path, settings) or [open_files(path, settings)]


def open_source(path: Path, settings: OpeningSettings) -> Opened:
    """Open what `open_sources` opens, and of several the first.

    Raises:
        DataError: There is nothing at this path, or nothing that can be shown.
    """
    return open_sources(path, settings)[0]
