"""Objects that the raw file names: picks, traces, or the values of any column of whole numbers."""

from __future__ import annotations

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.preparation.objects.base import ObjectFinder, ObjectRows
from locgraph.settings import check_choice


class Picks(ObjectFinder):
    """Each value of a column is an object, such as the picks of Picasso or the traces of MINFLUX; -1 is none.

    Args:
        column: ``pick`` or ``source_cluster``; None takes ``pick`` where the file has it, else ``source_cluster``.
            Any other column of a file is taken by mapping it to one of the two (``columns.names.pick``).
        min_localisations: An object with fewer is left out, and counted.
        max_localisations: An object with more is left out, and counted; None leaves out none.

    Raises:
        ConfigError: The column is none of the two, or a limit is out of range.
    """

    def __init__(
        self, column: str | None = None, min_localisations: int = 1, max_localisations: int | None = None
    ) -> None:
        super().__init__(min_localisations, max_localisations)
        self.column = check_choice("column", column, (None, schema.PICK, schema.SOURCE_CLUSTER))

    def assign(self, table: pl.DataFrame, dimensions: int, fov_id: str) -> ObjectRows:
        """Return an object for each value of the column.

        Raises:
            DataError: The table has no such column, or no localisation is in an object.
        """
        columns = (schema.PICK, schema.SOURCE_CLUSTER) if self.column is None else (self.column,)
        column = next((name for name in columns if name in table.columns), None)
        if column is None:
            raise DataError(
                f"expected a column {' or '.join(columns)} that names the object of each localisation (Picasso: "
                f"group_input, group), found {', '.join(table.columns)}; name it as columns.names.pick, or choose "
                "other objects, such as objects=sites",
                setting="objects",
            )
        objects = ObjectRows.from_labels(table[column].to_numpy())
        if not len(objects):
            raise DataError(
                f"expected objects in the column {column}, found none: it holds -1 alone", setting="objects.column"
            )
        return objects
