"""Classes of objects, such as picks, from a table with one row for each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import RawFile
from locgraph.io.labels import Labelling
from locgraph.io.lookup import Lookup, find_owners

log = logging.getLogger(__name__)

_SHOWN: Final = 5


class ObjectLabels:
    """The class of each object stands in a table. Classes are in alphabetical order; other objects have none.

    Args:
        path: Parquet, delimited text or a workbook (Excel, LibreOffice); it may lie in the raw folder.
        fov_column: Column with the FOV: its path below the raw folder, with or without suffix.
        object_column: Column with the name of the object in the FOV, such as the number of a pick.
        label_column: Column with the class.
        sheet: Sheet of a workbook; None for the only one that holds the columns.

    Raises:
        ConfigError: A value is empty, or two columns are the same.
    """

    def __init__(
        self,
        path: str | Path,
        fov_column: str = schema.FOV_ID,
        object_column: str = schema.OBJECT,
        label_column: str = schema.LABEL,
        sheet: str | None = None,
    ) -> None:
        self._lookup = Lookup(Path(path), fov_column, label_column, "label", sheet, object_column)
        self.tables = (Path(path),)

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Find the classes of the objects of each FOV; a FOV that the table does not name has objects without one.

        Raises:
            DataError: The table is absent or unreadable, lacks a column, or gives an object several classes.
            ConfigError: A sheet is given, but the table is no workbook.
        """
        values = {key: [value for value in own if value is not None] for key, own in self._lookup.values().items()}
        several = [key for key, own in values.items() if len(set(own)) > 1]
        if several:
            raise DataError(
                f"{self._lookup.path}: expected one class for each object; found several for {several[:_SHOWN]}. Leave "
                "one row of each in the table"
            )
        parts = {key: key.rpartition("/")[::2] for key, own in values.items() if own}
        owners = find_owners(files, dict.fromkeys(fov for fov, _ in parts.values()))
        strange = sorted({fov for fov, _ in parts.values()} - set(owners))
        if strange:
            log.warning(
                "%s: %d FOVs have no file that can be read, such as %s",
                self._lookup.path,
                len(strange),
                strange[:_SHOWN],
            )
        by_object: dict[str, dict[str, str]] = {file.fov_id: {} for file in files}
        for key, (fov, name) in parts.items():
            if fov in owners:
                by_object[owners[fov]][name] = values[key][0]
        classes = tuple(sorted({label for own in by_object.values() for label in own.values()}))
        return Labelling(classes, dict.fromkeys(by_object), {}, by_object=by_object)
