"""Opens what a user names: the first part that knows it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from locgraph.errors import DataError
from locgraph.io.columns import ColumnSource, FileColumns
from locgraph.viewer.opened import Opened


@dataclass(frozen=True)
class OpeningSettings:
    """How sources are read.

    Attributes:
        cache: Folder for what is computed once of a FOV, as its levels of detail.
        columns: Columns of raw files.
        max_refused_fraction: Largest part of the rows of a raw file, 0 to 1, that may be refused.
        tables: Prepared tables of a run, where they were moved; None for where the run left them.
        explanations: Folders of explanations; empty for those in the run.
    """

    cache: Path
    columns: ColumnSource = field(default_factory=FileColumns)
    max_refused_fraction: float = 0.05
    tables: Path | None = None
    explanations: Sequence[Path] = ()


OPENERS: Final[tuple[Callable[[Path, OpeningSettings], Opened | None], ...]] = ()
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
