"""Classes of single localisations: from what a file writes to indices."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.label_map import SCOPE, WHOLE_FOV, read_map
from locgraph.io.localisations import Localisations
from locgraph.io.lookup import MISSING

NO_CLASS: Final = -1
"""Index of a localisation without a class."""

_SHOWN: Final = 5
_WHOLE: Final = re.compile(r"([+-]?\d{1,18})(\.0*)?")


def label_localisations(localisations: Localisations, class_names: Sequence[str] | None, where: str) -> Localisations:
    """Turns the column ``loc_label`` into indices of classes.

    Args:
        localisations: As read; the column is Int64 or text, where there is one.
        class_names: The classes in the order of their indices; None where nobody asked for classes of localisations.
            A column of integers is then left as it is, and one of text left out with a note: it has no indices.
        where: What to call the file in errors.

    Returns:
        The same localisations; ``loc_label``, if it is there, is Int64.

    Raises:
        DataError: Classes are asked for and there is no such column, or it holds another class.
    """
    table = localisations.table
    if class_names is None:
        if table.schema.get(schema.LOC_LABEL) != pl.String:
            return localisations
        note = f"{schema.LOC_LABEL} holds text, which labels=localisations alone reads: left out"
        return replace(localisations, table=table.drop(schema.LOC_LABEL), notes=(*localisations.notes, note))
    return replace(localisations, table=to_indices(table, class_names, localisations.metadata, where))


def to_indices(
    table: pl.DataFrame, class_names: Sequence[str], metadata: Mapping[str, str], where: str
) -> pl.DataFrame:
    """Indices of the classes in the column ``loc_label``.

    Text is the name of a class. An integer, also one in text, is looked up in the label map of the file, unless this is
    said to be of whole FOVs; where there is no map, among the class names, if these are integers; else it is the index
    itself. Empty text and NaN stand for no class, and so does -1 where it is not looked up with success.

    Args:
        table: Holds the column, Int64 or text.
        class_names: The classes (K,) in the order of their indices.
        metadata: Metadata of the file.
        where: What to call the file in errors.

    Returns:
        The table with the column as Int64: 0 to K - 1, or -1.

    Raises:
        DataError: The column is absent, or holds what is no class, or the label map cannot be read.
    """
    if schema.LOC_LABEL not in table.columns:
        raise DataError(
            f"{where}: expected a column with the class of each localisation; found none that is mapped to "
            f"{schema.LOC_LABEL}. Name it in columns.names.{schema.LOC_LABEL}, or choose another labels setting"
        )
    column = table[schema.LOC_LABEL]
    try:
        codes = _codes(class_names, {} if metadata.get(SCOPE) == WHOLE_FOV else read_map(metadata))
    except ValueError as error:
        raise DataError(f"{where}: {error}. Write the metadata again, or choose another labels setting") from error
    indices = {value: _index(value, class_names, codes) for value in column.unique().to_list()}
    strange = [value for value, index in indices.items() if index is None]
    if strange:
        raise DataError(
            f"{where}: expected localisations of the classes {_known(class_names, codes)}; found "
            f"{_counted(column, strange)}. Change labels.class_names, columns.names.{schema.LOC_LABEL} or the file"
        )
    return table.with_columns(column.replace_strict(indices, return_dtype=pl.Int64))


def _codes(class_names: Sequence[str], file_map: Mapping[int, str]) -> dict[int, int]:
    """Integer in the file -> index of the class."""
    index = {name: number for number, name in enumerate(class_names)}
    if file_map:
        return {code: index[name] for code, name in file_map.items() if name in index}
    numbers = {_whole_number(name): number for name, number in index.items()}
    if None in numbers:  # names, so that integers are indices
        return {number: number for number in index.values()}
    return {code: number for code, number in numbers.items() if code is not None}


def _index(value: int | str | None, class_names: Sequence[str], codes: Mapping[int, int]) -> int | None:
    """Index of the class that ``value`` means, -1 for no class, None where it means nothing."""
    if isinstance(value, str):
        if value in class_names:
            return class_names.index(value)
        if value.lower() in MISSING:
            return NO_CLASS
        value = _whole_number(value)
        if value is None:
            return None
    return NO_CLASS if value is None else codes.get(value, NO_CLASS if value == NO_CLASS else None)


def _whole_number(text: str) -> int | None:
    found = _WHOLE.fullmatch(text)
    return int(found[1]) if found else None


def _known(class_names: Sequence[str], codes: Mapping[int, int]) -> str:
    return ", ".join(
        f"{name} ({', '.join(str(code) for code, found in codes.items() if found == index) or 'no integer'})"
        for index, name in enumerate(class_names)
    )


def _counted(column: pl.Series, strange: Sequence[int | str]) -> str:
    counts = column.filter(column.is_in(strange)).value_counts(sort=True)
    shown = ", ".join(f"{value!r} ({number} localisations)" for value, number in counts.head(_SHOWN).iter_rows())
    return shown + (f" and {len(strange) - _SHOWN} others" if len(strange) > _SHOWN else "")
