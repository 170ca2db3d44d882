"""Settings of clustering and of objects, suggested from raw files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from locgraph.analysis.scales.regions import Region, choose_evenly, cut_region
from locgraph.analysis.scales.suggest import Suggestion, check_numbers, make_example, suggest_scales
from locgraph.analysis.scales.texts import record_scales
from locgraph.api.config import Settings, compose
from locgraph.api.sources import list_sources
from locgraph.build import build_part
from locgraph.errors import DataError, LocgraphError, within
from locgraph.io.columns import ColumnSource
from locgraph.io.read import read_localisations
from locgraph.preparation.filters.base import Filter, apply_filters, positions
from locgraph.provenance import versions, write_json
from locgraph.run_folder import SUGGESTION, SUGGESTION_PICTURE
from locgraph.settings import check_number, check_whole
from locgraph.storage import make_folder

log = logging.getLogger(__name__)


def suggest(source: str | Path, *config: str | Mapping[str, Any]) -> Suggestion:
    """Suggest radius and number for DBSCAN, and the size of objects, with the evidence.

    Args:
        source: A folder of raw files, or one file.
        *config: Overrides such as ``"columns=nm"``, see ``configs/suggest.yaml``, or a mapping with all settings.

    Raises:
        LocgraphError: No file can be read, or a setting cannot work.
    """
    mapping = len(config) == 1 and isinstance(config[0], Mapping)
    settings = compose("suggest", *config, *(() if mapping else ("folder=null",)))
    return suggest_settings(settings | {"folder": str(source)})


def suggest_settings(settings: Settings) -> Suggestion:
    """Suggest scales with the settings of the command; see `suggest`."""
    numbers = check_numbers(settings["min_samples"])
    regions = tuple(_read_regions(settings))
    if not regions:
        raise DataError(f"{settings['folder']}: expected FOVs that can be read, found none", setting="folder")
    log.info("measuring %s localisations of %d FOVs", f"{sum(len(each.points) for each in regions):,}", len(regions))
    return suggest_scales(regions, numbers)


def write_suggestion(suggestion: Suggestion, settings: Settings, folder: Path) -> Path:
    """Write what was suggested and measured to a folder as JSON, and a picture of it; return that of the picture.

    Raises:
        ConfigError: The folder cannot be written to.
    """
    from locgraph.show.figures.scales import scales_figure
    from locgraph.show.figures.style import save_figure

    make_folder(folder, "output")
    record = {"settings": settings, "versions": versions(), **record_scales(suggestion)}
    write_json(folder / SUGGESTION, _plain(record))
    picture = folder / SUGGESTION_PICTURE
    save_figure(scales_figure(suggestion, make_example(suggestion)), picture)
    return picture


def _read_regions(settings: Settings) -> Iterator[Region]:
    """Yield a region of each chosen FOV; those that cannot be read are named and left out."""
    most = check_whole("max_localisations", settings["max_localisations"], at_least=100)
    n_fovs = check_whole("max_fovs", settings["max_fovs"], at_least=1)
    with within("limits"):
        limit = check_number("max_refused_fraction", settings["limits"]["max_refused_fraction"], at_least=0, at_most=1)
    columns = build_part(ColumnSource, settings["columns"], "columns")
    leaves = (settings["preprocess"] or {}).items()
    filters = {name: build_part(Filter, leaf, f"preprocess.{name}") for name, leaf in leaves}
    listed = list_sources(settings["folder"], settings["columns"], ())
    for fov_id, reason in listed.failures.items():
        log.warning("%s is left out: %s", fov_id, reason)
    paths = {source.fov_id: source.path for source in listed.sources}
    for fov_id in choose_evenly(sorted(paths), n_fovs):
        try:
            locs = read_localisations(paths[fov_id], columns, limit)
            table, _ = apply_filters(locs.table, locs.dimensions, filters, str(paths[fov_id]))
        except LocgraphError as error:
            log.warning("%s is left out: %s", fov_id, error)
            continue
        yield cut_region(fov_id, positions(table, locs.dimensions), most)


def _plain(value: Any) -> Any:
    """Return nested values as JSON holds them: lists for arrays, null for what is no number, five digits."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return float(f"{value:.5g}") if np.isfinite(value) else None
    return value
