"""Names and positions of the columns of a source table, as settings give them and errors list them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from locgraph.errors import DataError

UNNAMED: Final = "column_"
"""Stands before the position of a column, from 1, that has no name in its file."""

BY_POSITION: Final = "columns=custom 'columns.names={x: 1, y: 2}' columns.unit=nm"
"""How columns are chosen by their position, for messages: numbers and unit are examples."""

_SHOWN, _LONGEST = 40, 60


def unnamed(position: int) -> str:
    """Return the name of a column without one, at a position that counts from 1."""
    return f"{UNNAMED}{position}"


def are_unnamed(names: Sequence[str]) -> bool:
    """Return whether no column of a table has a name: it has no header line."""
    return bool(names) and all(name == unnamed(position) for position, name in enumerate(names, start=1))


def list_names(names: Sequence[str]) -> str:
    """Return names of columns for an error, not more and not longer than somebody would read."""
    shown = [repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...") for name in names[:_SHOWN]]
    return (", ".join(shown) or "none") + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def as_sources(source: Any) -> Any:
    """Return one source column as it is, several as a tuple."""
    return source if isinstance(source, str | int) else tuple(source)


def are_sources(sources: Sequence[Any]) -> bool:
    """Return whether source columns are names, or positions that count from 1."""
    return bool(sources) and all(
        (isinstance(source, str) and source)
        or (isinstance(source, int) and not isinstance(source, bool) and source > 0)
        for source in sources
    )


def resolve_positions(names: Mapping[str, Any], columns: Sequence[str], where: str) -> dict[str, Any]:
    """Return source columns by name where some are given by position.

    Args:
        names: Canonical name -> name or names in the file, or positions that count from 1.
        columns: Names of the columns of the file, in their order.
        where: What to call the file in errors.

    Raises:
        DataError: There is no column at a position.
    """

    def resolve(source: str | int) -> str:
        if isinstance(source, str):
            return source
        if source > len(columns):
            raise DataError(
                f"{where}: expected a column {source}, counted from 1; found {len(columns)} columns: "
                f"{list_names(columns)}",
                setting="names",
            )
        return columns[source - 1]

    return {
        name: resolve(source) if isinstance(source, str | int) else tuple(map(resolve, source))
        for name, source in names.items()
    }
