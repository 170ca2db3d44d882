"""Opens what a user names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from locgraph.errors import ConfigError, DataError
from locgraph.viewer.files import open_files
from locgraph.viewer.opened import Opened, OpeningSettings
from locgraph.viewer.runs import OpenedRuns, open_runs


def open_sources(paths: Sequence[Path], settings: OpeningSettings) -> Sequence[Opened]:
    """Open files, folders of raw files, prepared tables, graphs, runs and sweeps.

    Returns:
        One source for each; of a sweep over several settings one for each of these.

    Raises:
        DataError: There is nothing at a path, or nothing that can be shown.
        ConfigError: Tables or explanations of runs are given, and there is no run.
    """
    sources: list[Opened] = []
    for path in paths:
        if not path.exists():
            raise DataError(f"no such file or folder: {path}; expected localisations, tables, a run or a sweep")
        sources += open_runs(path, settings) or [open_files(path, settings)]
    for name, value in (("tables", settings.tables), ("explanations", settings.explanations)):
        if value and not any(isinstance(source, OpenedRuns) for source in sources):
            raise ConfigError("has no effect without a run or sweep; set it to null", setting=name)
    return sources


def open_source(path: Path, settings: OpeningSettings) -> Opened:
    """Open what `open_sources` opens, where that is one source.

    Raises:
        DataError: There is nothing at this path, nothing that can be shown, or a sweep over several settings.
        ConfigError: Tables or explanations of runs are given, and it is none.
    """
    sources = open_sources([path], settings)
    if len(sources) > 1:
        titles = "; ".join(source.title for source in sources)
        raise DataError(
            f"{path}: expected one source, found a sweep over {len(sources)} settings ({titles}); give one of its "
            "runs, or the raw files"
        )
    return sources[0]
