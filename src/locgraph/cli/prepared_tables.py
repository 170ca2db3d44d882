"""Where the prepared tables of a run are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from locgraph.cli import assemble
from locgraph.cli.run_folder import METRICS
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import CLUSTERS
from locgraph.provenance import fingerprint


def find_tables(runs: Sequence[Path], given: Path | None = None) -> Path:
    """Folder of the tables that runs were trained on.

    Args:
        runs: Folders of runs that share their tables.
        given: Where the user says they are; None looks where the runs left them.

    Raises:
        DataError: They are not there.
    """
    if given is not None:
        if not (given / CLUSTERS).is_dir():
            raise DataError(f"tables={given}: expected prepared tables, with the folder {CLUSTERS}; found none there")
        return given
    tried: list[Path] = []
    for run in runs:
        for folder in (_told(run), _computed(run)):
            if folder is not None and (folder / CLUSTERS).is_dir():
                return folder
            tried += [folder] if folder is not None else []
    where = f" (looked in {', '.join(map(str, dict.fromkeys(tried)))})" if tried else ""
    raise DataError(
        f"{runs[0]}: expected the prepared tables of this run; found none{where}. Give their folder with "
        "tables=FOLDER, or prepare them again: locgraph prepare with the settings of the run"
    )


def _told(run: Path) -> Path | None:
    """The folder that training wrote down."""
    try:
        told = json.loads((run / METRICS).read_text(encoding="utf-8")).get("tables")
    except (OSError, ValueError, AttributeError):
        return None
    return Path(told) if isinstance(told, str) else None


def _computed(run: Path) -> Path | None:
    """The folder that follows from the settings; these may be of another place or another version of locgraph."""
    try:
        made: Any = OmegaConf.load(run / "config.yaml")
        if made.data.kind != "raw":
            return Path(str(made.data.featextracted_dir)).resolve()
        name = f"tables-{fingerprint(assemble.extract_settings(made), str(Path(made.data.raw_dir).resolve()))}"
        return (Path(made.paths.prepared_dir) / made.name / name).resolve()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OmegaConfBaseException, ConfigError):
        return None
