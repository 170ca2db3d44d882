"""Unit and origin of coordinates that somebody drew in another program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from locgraph.errors import ConfigError, DataError
from locgraph.io.regions.base import Region
from locgraph.settings import check_choice, check_length, is_number

PIXEL: Final = "px"
_UNITS: Final = {"nm": 1.0, "um": 1000.0}


class Placement:
    """Where the coordinates of a file lie among those of the localisations.

    Args:
        unit: Of the coordinates: ``nm``, ``um`` or ``px``.
        pixel_size_nm: Side of a pixel; needed with ``px``.
        origin_nm: Where x = 0, y = 0 lies in the coordinates of the localisations; needed with ``px``.

    Raises:
        ConfigError: The unit is unknown, or what pixels need is missing.
    """

    def __init__(self, unit: str, pixel_size_nm: float | None = None, origin_nm: Sequence[float] | None = None) -> None:
        self.unit = check_choice("unit", unit, (*_UNITS, PIXEL))
        if (unit == PIXEL) != (pixel_size_nm is not None):
            raise ConfigError(
                f"expected a size in nm where unit is {PIXEL}, and null elsewhere; found {pixel_size_nm} with {unit}",
                setting="pixel_size_nm",
            )
        self.factor = _UNITS[unit] if pixel_size_nm is None else check_length("pixel_size_nm", pixel_size_nm)
        if origin_nm is None and unit == PIXEL:
            raise ConfigError(
                "expected x and y in nm of the corner of the first pixel, such as [0, 0], found null: software differs "
                "in it by half a pixel or one",
                setting="origin_nm",
            )
        origin = [0.0, 0.0] if origin_nm is None else origin_nm
        if isinstance(origin, str) or len(origin) != 2 or not all(map(is_number, origin)):
            raise ConfigError(f"expected x and y in nm, such as [0, 0], found {origin_nm!r}", setting="origin_nm")
        self.origin_nm = (float(origin[0]), float(origin[1]))

    def place(self, region: Region) -> Region:
        """Return a region in nm, in the coordinates of the localisations."""
        return region.scale(self.factor, self.origin_nm)

    def check(self, path: Path, in_pixels: bool) -> None:
        """Check that a file whose format is in pixels is read as such.

        Raises:
            DataError: It is not.
        """
        if in_pixels and self.unit != PIXEL:
            raise DataError(
                f"{path}: ROIs of ImageJ are in pixels; found unit={self.unit}. Set it to {PIXEL}, and give the size "
                "and the origin",
                setting="unit",
            )
