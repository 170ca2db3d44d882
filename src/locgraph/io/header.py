"""Header of a file: names of columns, metadata and layout, known before its rows are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PREAMBLE: Final = "preamble"
"""Key, in the metadata of a text table, of the lines that stand before the names of its columns."""

Sources = str | tuple[str, ...]
"""A column of a file, or several that are one quantity along several axes: their root mean square counts."""

NOTE: Final = "note"
"""Entry of the metadata in which a reader notes what it left out of a file, and why."""


@dataclass(frozen=True)
class Layout:
    """How the columns of a file are called and which units they have, where file or format states it.

    Attributes:
        software: What writes such files, for messages.
        names: Canonical name (see ``schema.LOCALISATION_COLUMNS``) -> name or names in the file.
        units: Canonical name -> unit (``nm``, ``um``, ``m`` or ``px``, or the square of one, such as ``nm^2``, where
            the column holds a variance) of every length in ``names``.
        pixel_size_nm: Side of a camera pixel in nm; None where the file does not state it.
        pixel_size_from: Where a missing pixel size should have stood, for messages; empty where the format has no
            place for it.
        trouble: Why this file cannot be read by its layout, with what to do; empty where it can.
        ends_at_nul: Whether this software ends the table with a NUL byte, and writes its settings behind it.
    """

    software: str
    names: Mapping[str, Sources]
    units: Mapping[str, str]
    pixel_size_nm: float | None = None
    pixel_size_from: str = "the settings of the camera"
    trouble: str = ""
    ends_at_nul: bool = False


def path_key(path: str) -> str:
    """Return a path within a file in the form in which two are compared: ``/a/b`` and ``a.b`` are the same."""
    return path.strip("/").replace("/", ".")


@dataclass(frozen=True)
class Header:
    """Names, metadata and layout of a file.

    Attributes:
        names: Names of its columns.
        metadata: Its metadata, as text.
        layout: What these columns are; None where only the user knows.
        are_paths: Whether the names are paths within the file, which users may write as ``/a/b`` or ``a.b``.
    """

    names: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    layout: Layout | None = None
    are_paths: bool = False

    def find_paths(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Return names of columns, or lists of them, in the form that this header has; others as they are."""
        known = {path_key(name): name for name in self.names} if self.are_paths else {}

        def find(source: Any) -> Any:
            return known.get(path_key(source), source) if isinstance(source, str) else source

        return {
            name: tuple(map(find, source)) if isinstance(source, tuple) else find(source)
            for name, source in names.items()
        }


@dataclass(frozen=True)
class RawFile:
    """A raw file of one field of view (FOV), as far as its header is known.

    Attributes:
        fov_id: Its path below the raw folder, with ``/`` and without suffix.
        path: Where it is.
        columns: Names of its columns.
        metadata: Its metadata as text, where its format has any.
    """

    fov_id: str
    path: Path
    columns: tuple[str, ...]
    metadata: dict[str, str]
