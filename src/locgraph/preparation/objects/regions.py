"""Regions that people drew, as objects."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.regions.base import Region, digest, number_equal_names
from locgraph.io.regions.placement import Placement
from locgraph.io.regions.points import Points
from locgraph.io.regions.read import BESIDE, RegionFile, is_named, read_region_file, region_files, strangers
from locgraph.preparation.objects.base import ObjectFinder, ObjectRows

log = logging.getLogger(__name__)

_SHOWN: Final = 5
_EMPTY: Final = "no localisations"


class Regions(ObjectFinder):
    """Each region that somebody drew is an object: all localisations in its polygons in x and y; 3D keeps all of z.

    A region without localisations, with fewer than three vertices, or of a line or a point is left out with the reason.
    Regions that share an edge share no localisation; of overlapping ones the shared localisations are counted. Names
    keep their letters, but for slashes and the like, which become ``_``; of equal names the second gets ``_2``.

    Args:
        path: What holds the regions: a table (columns ``fov_id``, ``region``, ``x``, ``y``, a row for each vertex), a
            GeoJSON file (property ``fov_id``), ROIs of ImageJ (``.roi``, ``.zip``); or a folder with ``<fov_id>.roi``,
            ``<fov_id>_rois.zip`` or ``<fov_id>.geojson`` for each FOV, such as that of the raw files.
        unit: Of the coordinates: ``nm``, ``um`` or ``px``. ROIs of ImageJ are in pixels.
        pixel_size_nm: Side of a pixel; needed with ``px``.
        origin_nm: Where x = 0, y = 0 of the regions lies in the coordinates of the localisations. Needed with ``px``:
            the first pixel of ImageJ spans 0 to 1, and software puts its middle at 0, at 0.5 or at 1.
        min_localisations: A region with fewer is left out, and counted.
        max_localisations: A region with more is left out, and counted; None leaves out none.

    Raises:
        ConfigError: The unit is unknown, or what pixels need is missing.
    """

    def __init__(
        self,
        path: str | Path,
        unit: str,
        pixel_size_nm: float | None = None,
        origin_nm: Sequence[float] | None = None,
        min_localisations: int = 1,
        max_localisations: int | None = None,
    ) -> None:
        super().__init__(min_localisations, max_localisations)
        self.path = Path(path).resolve()
        self.placement = Placement(unit, pixel_size_nm, origin_nm)

    @property
    def tables(self) -> tuple[Path, ...]:  # type: ignore[override]
        """The file of the regions, where it is one."""
        return () if self.path.is_dir() else (self.path,)

    def check_fovs(self, fov_ids: Sequence[str]) -> None:
        """Check that the file fits the FOVs, and warn of regions of others.

        Raises:
            DataError: It is absent or cannot be read, or does not name the FOVs of its regions, of which there are
                several.
        """
        others = strangers(self.path, fov_ids)
        if others:
            log.warning(
                "%s: regions of %d FOVs that have no file that can be read, such as %s",
                self.path,
                len(others),
                ", ".join(others[:_SHOWN]),
            )
        if len(fov_ids) > 1 and not self.path.is_dir() and None in self._read(self.path).by_fov:
            raise DataError(
                f"{self.path}: expected regions that name their FOV (property fov_id), as there are {len(fov_ids)} "
                f"FOVs; found some without. Give a folder with a file for each FOV, such as <fov_id>{BESIDE[0]}",
                setting="path",
            )

    def content(self, fov_id: str) -> str:
        """Return the digest of the regions of one FOV."""
        return digest(self.regions(fov_id))

    def regions(self, fov_id: str) -> tuple[Region, ...]:
        """Return the regions of one FOV, in nm.

        Raises:
            DataError: A file cannot be read.
        """
        found: list[Region] = []
        for path in region_files(self.path, fov_id):
            for name, regions in self._read(path).by_fov.items():
                if name is None or is_named(name, fov_id):
                    found += regions
        return tuple(self.placement.place(region) for region in number_equal_names(found))

    def _read(self, path: Path) -> RegionFile:
        content = read_region_file(path)
        self.placement.check(path, content.in_pixels)
        return content

    def assign(self, table: pl.DataFrame, dimensions: int, fov_id: str) -> ObjectRows:
        """Return an object for each region with localisations.

        Raises:
            DataError: There is no region of this FOV, or a file cannot be read.
        """
        regions = self.regions(fov_id)
        if not regions:
            raise DataError(f"expected regions of {fov_id} in {self.path}, found none; draw some, or leave the FOV out")
        points = Points(table[schema.X].to_numpy(), table[schema.Y].to_numpy())
        inside = {region.name: points.inside(region.polygons) for region in regions if region.problem is None}
        reasons = {region.name: region.problem for region in regions if region.problem is not None}
        reasons |= {name: _EMPTY for name, rows in inside.items() if not len(rows)}
        used = {name: rows for name, rows in inside.items() if len(rows)}
        offsets = np.append(0, np.cumsum([len(rows) for rows in used.values()])).astype(np.int64)
        rows = np.concatenate([np.empty(0, np.int64), *used.values()])
        return ObjectRows(tuple(used), rows, offsets, reasons)
