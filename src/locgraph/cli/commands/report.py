"""``locgraph report``: a run or a sweep as one HTML page that needs nothing else."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from omegaconf import DictConfig, ListConfig, OmegaConf

from locgraph.api.studies.studies import find_studies
from locgraph.cli.commands.summarise import logger_settings
from locgraph.errors import ConfigError

log = logging.getLogger(__name__)

_OPTIONS: Final = ("max_megabytes", "wrong", "right", "most_fovs", "umap", "seed")
_MEGABYTE: Final = 1_000_000


def run(cfg: DictConfig) -> list[Path]:
    """Write the report of a run or of each sweep below a folder.

    Returns:
        The pages: one for each set of settings that differs in more than the fold.

    Raises:
        LocgraphError: The folder holds no run with predictions, or a setting cannot work.
    """
    folder = None if OmegaConf.is_missing(cfg, "folder") else _path(cfg.folder)
    if folder is None:
        raise ConfigError(
            "expected the folder of a run or sweep; found none. Call it as: locgraph report FOLDER", setting="folder"
        )
    output = _path(cfg.output)
    studies = find_studies(folder)
    if len(studies) > 1 and output is not None:
        raise ConfigError(
            f"{folder} holds {len(studies)} sweeps of different settings, which get a page each; leave it out, or "
            "report one of them",
            setting="output",
        )
    pages = [
        study.report(
            output,
            tables=_one(cfg, "tables"),
            explanations=_several(cfg, "explanations"),
            analysed=_one(cfg, "analysed"),
            **{name: cfg[name] for name in _OPTIONS},
        )
        for study in studies
    ]
    if cfg.logger:
        from locgraph.api.training.tracking import track_report  # torch, which a report does not need

        for study, page in zip(studies, pages, strict=True):
            track_report(logger_settings(cfg, folder), study, page)
    for page in pages:
        log.info("%s (%.1f MB)", page, page.stat().st_size / _MEGABYTE)
    return pages


def _path(value: object) -> Path | None:
    return None if value is None or not str(value).strip() else Path(str(value)).resolve()


def _several(cfg: DictConfig, name: str) -> list[Path]:
    """Return the folders of a setting that may name one or several."""
    value = cfg[name]
    given = [] if value is None else list(value) if isinstance(value, ListConfig) else [value]
    return [Path(str(folder)).resolve() for folder in given]


def _one(cfg: DictConfig, name: str) -> Path | None:
    folders = _several(cfg, name)
    if len(folders) > 1:
        raise ConfigError(f"expected one folder; found {len(folders)}", setting=name)
    return folders[0] if folders else None
