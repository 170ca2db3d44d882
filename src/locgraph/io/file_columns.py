"""Columns as the file itself states them: for files whose software is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from locgraph import schema
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import MAPPABLE, ColumnMap, channel_names, list_names
from locgraph.io.header import Header, Layout
from locgraph.io.units import LENGTH_UNITS, PIXEL, SQUARES


class FileColumns:
    """Takes names and units from each file, so that files of several kinds may lie side by side.

    Args:
        pixel_size_nm: Side of a camera pixel in nm, for files in pixels that do not record it; a file that records
            another one is refused. Files without a length in pixels do not need it.
        leave_out: Canonical columns that are not read, such as ``z`` to work in 2D.
        channels: Names of the channels as the files write them, where they write text: the first becomes channel 0.

    Raises:
        ConfigError: A value cannot work.
    """

    def __init__(
        self,
        pixel_size_nm: float | None = None,
        leave_out: Sequence[str] = (),
        channels: Sequence[str] | None = None,
    ) -> None:
        if pixel_size_nm is not None and not 0 < pixel_size_nm < float("inf"):
            raise ConfigError(f"columns.pixel_size_nm: expected a positive number; found {pixel_size_nm}")
        optional = [name for name in MAPPABLE if name not in (schema.X, schema.Y)]
        wrong = [name for name in leave_out if name not in optional]
        if wrong:
            raise ConfigError(f"columns.leave_out: expected some of {', '.join(optional)}; found {', '.join(wrong)}")
        self.pixel_size_nm = pixel_size_nm
        self.leave_out = tuple(leave_out)
        self.channels = channel_names(channels)

    def for_file(self, header: Header, where: str) -> ColumnMap:
        """The column map of one file.

        Args:
            header: What the file says of itself.
            where: What to call the file in errors.

        Raises:
            DataError: The file does not say what its columns are, or in which unit.
        """
        layout = header.layout
        if layout is None:
            raise DataError(
                f"{where}: expected columns of a known software, with their units; found the columns "
                f"{list_names(header.names)}. Say what they are: columns=nm for columns called x, y, ... in "
                "nanometres, else columns=custom with columns.names and columns.unit"
            )
        if layout.trouble:
            raise DataError(f"{where}: {layout.trouble}")
        names = {name: source for name, source in layout.names.items() if name not in self.leave_out}
        units = {name: unit for name, unit in layout.units.items() if name in names}
        _check_units(units, where)
        in_pixels = [name for name, unit in units.items() if SQUARES.get(unit, unit) == PIXEL]
        pixel_size_nm = self._pixel_size(layout, in_pixels, where) if in_pixels else None
        return ColumnMap(names, unit="nm", units=units, pixel_size_nm=pixel_size_nm, channels=self.channels)

    def _pixel_size(self, layout: Layout, in_pixels: Sequence[str], where: str) -> float:
        written, given = layout.pixel_size_nm, self.pixel_size_nm
        if written is None and given is None:
            positions = {schema.X, schema.Y} & set(in_pixels)
            without = "" if positions else f", or read the file without them: columns.leave_out=[{','.join(in_pixels)}]"
            raise DataError(
                f"{where}: {layout.software} gives {', '.join(in_pixels)} in camera pixels; expected their size in "
                f"{layout.pixel_size_from} or in columns.pixel_size_nm; found neither. It is never guessed{without}"
            )
        if written is not None and not 0 < written < float("inf"):
            raise DataError(f"{where}: expected a positive size of a camera pixel in nm; the file says {written}")
        if written is not None and given is not None and abs(written - given) > 1e-9 * written:
            raise DataError(
                f"{where}: expected one size of a camera pixel; the file says {written:g} nm, columns.pixel_size_nm "
                f"{given:g} nm. Set columns.pixel_size_nm to null to believe the file"
            )
        return float(written or given or 0)


def _check_units(units: Mapping[str, str], where: str) -> None:
    strange = [f"{unit!r} for {name}" for name, unit in units.items() if SQUARES.get(unit, unit) not in LENGTH_UNITS]
    if strange:
        raise DataError(
            f"{where}: expected lengths in {', '.join(LENGTH_UNITS)}; the file says {', '.join(strange)}. Convert it, "
            "or leave the column out with columns.leave_out"
        )
