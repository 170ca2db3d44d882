"""Statements of annotators from regions and points that somebody drew: ROIs of ImageJ, GeoJSON, tables of vertices."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.imported import STRANGER, ImportedRows, source_id
from locgraph.io.regions.base import Region
from locgraph.io.regions.placement import Placement
from locgraph.io.regions.read import BESIDE, read_region_file
from locgraph.schema import annotation as columns

_DEFAULT_NAME: Final = re.compile(r"\d{4,}(-\d{4,})*(-\d+)?")
"""Of a ROI that nobody named: middle of its box, and its slice before."""
_NUMBERED: Final = re.compile(r"(.+)[-_]\d+")
"""A name that was there already, with what the ROI manager of ImageJ, and locgraph, put behind it."""


@dataclass(frozen=True)
class RoiSettings:
    """What files of regions do not state.

    Attributes:
        annotator: Who drew them.
        placement: Unit and origin of the coordinates.
        label: Class of all; None takes that of each region: its class in GeoJSON, else its name.
        fov_id: FOV of those that name none.
        point_radius_nm: Reach of points; None for any.
    """

    annotator: str
    placement: Placement
    label: str | None = None
    fov_id: str | None = None
    point_radius_nm: float | None = None


def read_rois(path: Path, into: ImportedRows, settings: RoiSettings) -> None:
    """Sort out the regions and points of a file; those without a class, or that are neither, are left out and counted.

    Each polygon is a statement; holes are a part of its line, reached by an edge that is walked there and back.

    Args:
        path: GeoJSON, ``.roi`` or ``.zip`` of ImageJ, or a table with a row for each vertex.
        into: Gets the statements.
        settings: What the file does not state.

    Raises:
        DataError: The file is damaged, or none of these.
        ConfigError: It does not name the FOV of its regions, and no setting does.
    """
    content = read_region_file(path)
    settings.placement.check(path, content.in_pixels)
    for named, regions in content.by_fov.items():
        stated = named or settings.fov_id
        if stated is None:
            raise ConfigError(
                f"{path}: expected regions that name their FOV (property fov_id), or a folder with a file for each "
                f"FOV, such as <fov_id>{BESIDE[0]}; found some without. Give the FOV",
                setting="fov_id",
            )
        fov_id = into.fovs.find(stated)
        if fov_id is None:
            for region in regions:
                into.left_out.add(STRANGER, f"{stated}: {region.name}")
            continue
        names = {region.name for region in regions}
        for region in regions:
            label = settings.label or _label(region, names)
            if label is None:
                into.left_out.add(
                    "a region without a class: name it, or set label to the class of all", f"{fov_id}: {region.name}"
                )
                continue
            _add(settings.placement.place(region), fov_id, label, into, settings)


def roi_files(folder: Path) -> dict[str, list[Path]]:
    """Return the files of regions in a folder and below it, by the FOV that their names are of.

    Raises:
        DataError: There is none.
    """
    by_fov: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        end = next((end for end in BESIDE if name.lower().endswith(end)), None)
        if end is not None and path.is_file():
            by_fov.setdefault(name[: -len(end)], []).append(path)
    if not by_fov:
        raise DataError(f"{folder}: expected files named <fov_id>{', <fov_id>'.join(BESIDE)}; found none")
    return by_fov


def _label(region: Region, names: Collection[str]) -> str | None:
    """Return the class of a region: that of the file, else its name, but for a number that tells it from others."""
    if region.label is not None or _DEFAULT_NAME.fullmatch(region.name):
        return region.label
    numbered = _NUMBERED.fullmatch(region.name)
    return numbered[1] if numbered and numbered[1] in names else region.name


def _add(region: Region, fov_id: str, label: str, into: ImportedRows, settings: RoiSettings) -> None:
    places = list(_places(region, settings.point_radius_nm))
    if not places:
        into.left_out.add(region.problem or "no polygon", f"{fov_id}: {region.name}")
    about: dict[str, Any] = {columns.FOV_ID: fov_id, columns.LABEL: label, columns.ANNOTATOR: settings.annotator}
    about[columns.DATA_FINGERPRINT] = into.fovs.digest(fov_id)
    for place in places:
        row = {**about, **place}
        name = source_id(fov_id, settings.annotator, label, place[columns.X], place[columns.Y])
        into.add(name, row, same=True)


def _places(region: Region, point_radius_nm: float | None) -> Iterator[Mapping[str, Any]]:
    for rings in region.polygons:
        first = rings[0][:1]
        line = np.concatenate([rings[0], *(part for hole in rings[1:] for part in (first, hole, hole[:1]))])
        yield {columns.TARGET: columns.OF_REGION, columns.TOOL: columns.IMPORT, **_coordinates(line)}
    for point in region.points if region.points is not None else ():
        reach = {columns.RADIUS: point_radius_nm}
        yield {columns.TARGET: columns.OF_POINT, columns.TOOL: columns.POINT, **reach, **_coordinates(point[None])}


def _coordinates(points: np.ndarray) -> dict[str, list[float]]:
    return {columns.X: points[:, 0].tolist(), columns.Y: points[:, 1].tolist()}
