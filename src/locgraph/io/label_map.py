"""Label maps in the metadata of files, and the classes of single localisations as indices."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import polars as pl

from locgraph import schema
from locgraph.errors import DataError
from locgraph.io.header import RawFile
from locgraph.io.localisations import Localisations
from locgraph.io.lookup import MISSING

SCOPE: Final = schema.META_LABEL_SCOPE
"""Key under which locpix-points states what the label is of: ``fov``, or ``loc`` for each localisation."""
EACH_LOCALISATION: Final = schema.LABEL_OF_LOCALISATION
WHOLE_FOV: Final = schema.LABEL_OF_FOV

_NOTHING: Final = ("null", "None")  # as locpix-points writes the map of a file without labels

NO_CLASS: Final = -1
"""Index of a localisation without a class."""

_SHOWN: Final = 5
_WHOLE: Final = re.compile(r"([+-]?\d{1,18})(\.0*)?")


def read_map(metadata: Mapping[str, str]) -> dict[int, str]:
    """Return integer -> class name in the order of the integers; empty where the metadata hold no map.

    Raises:
        ValueError: The map is not JSON from integer to class name, or names a class twice.
    """
    text = metadata.get(schema.META_LABEL_MAP)
    if text is None or text in _NOTHING:
        return {}
    try:
        entries = sorted((int(key), str(name)) for key, name in json.loads(text).items())
    except (ValueError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"expected {schema.META_LABEL_MAP} as JSON from integer to class name; found {text!r}"
        ) from error
    names = [name for _, name in entries]
    if not entries or len(set(names)) < len(names) or len(dict(entries)) < len(entries):
        raise ValueError(f"expected {schema.META_LABEL_MAP} with a different name for each class; found {text!r}")
    return dict(entries)


def agreed_map(files: Sequence[RawFile], remedy: str) -> tuple[dict[int, str], dict[str, str]]:
    """Return the most frequent label map of all files.

    Args:
        files: The files.
        remedy: What to do where a file has no map, for the reason.

    Returns:
        The map, empty where no file has one; and FOV -> reason for the files without a map or with another one: their
        integers mean something else.
    """
    maps: dict[str, dict[int, str]] = {}
    failures: dict[str, str] = {}
    for file in files:
        try:
            maps[file.fov_id] = read_map(file.metadata)
        except ValueError as error:
            failures[file.fov_id] = f"{file.path}: {error}"
            continue
        if not maps[file.fov_id]:
            failures[file.fov_id] = (
                f"{file.path}: expected {schema.META_LABEL_MAP} in the file's metadata; found "
                f"{', '.join(file.metadata) or 'none'}. {remedy}"
            )
    counts = Counter(tuple(each.items()) for each in maps.values() if each)
    agreed = dict(counts.most_common(1)[0][0]) if counts else {}
    for file in files:
        if file.fov_id not in failures and maps[file.fov_id] != agreed:
            failures[file.fov_id] = (
                f"{file.path}: expected the {schema.META_LABEL_MAP} of most files, {agreed}; found "
                f"{maps[file.fov_id]}. Write the file again with that map, or take it out of the folder"
            )
    return agreed, failures


def label_localisations(localisations: Localisations, class_names: Sequence[str] | None, where: str) -> Localisations:
    """Turn the column ``loc_label`` into indices of classes.

    Args:
        localisations: As read; the column is Int64 or text, where there is one.
        class_names: The classes in the order of their indices; None where classes of localisations are not asked for.
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
        note = f"{schema.LOC_LABEL} holds text, which is read only where localisations have classes: left out"
        return replace(localisations, table=table.drop(schema.LOC_LABEL), notes=(*localisations.notes, note))
    return replace(localisations, table=to_indices(table, class_names, localisations.metadata, where))


def to_indices(
    table: pl.DataFrame, class_names: Sequence[str], metadata: Mapping[str, str], where: str
) -> pl.DataFrame:
    """Replace the classes in the column ``loc_label`` by their indices.

    Text is the name of a class. An integer, also one in text, is looked up in the label map of the file, unless this is
    marked as one of whole FOVs; where there is no map, among the class names, if these are integers; else it is the
    index itself. Empty text and NaN stand for no class, and so does -1 where it is not looked up with success.

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
            f"{schema.LOC_LABEL}. Name it among the columns, or choose another source of labels"
        )
    column = table[schema.LOC_LABEL]
    try:
        codes = _codes(class_names, {} if metadata.get(SCOPE) == WHOLE_FOV else read_map(metadata))
    except ValueError as error:
        raise DataError(f"{where}: {error}. Write the metadata again, or choose another source of labels") from error
    indices = {value: _index(value, class_names, codes) for value in column.unique().to_list()}
    strange = [value for value, index in indices.items() if index is None]
    if strange:
        raise DataError(
            f"{where}: expected localisations of the classes {_known(class_names, codes)}; found "
            f"{_counted(column, strange)}. Change the classes, the column mapped to {schema.LOC_LABEL} or the file",
            setting="class_names",
        )
    return table.with_columns(column.replace_strict(indices, return_dtype=pl.Int64))


def _codes(class_names: Sequence[str], file_map: Mapping[int, str]) -> dict[int, int]:
    """Return integer in the file -> index of the class."""
    index = {name: number for number, name in enumerate(class_names)}
    if file_map:
        return {code: index[name] for code, name in file_map.items() if name in index}
    numbers = {_whole_number(name): number for name, number in index.items()}
    if None in numbers:  # names, so that integers are indices
        return {number: number for number in index.values()}
    return {code: number for code, number in numbers.items() if code is not None}


def _index(value: int | str | None, class_names: Sequence[str], codes: Mapping[int, int]) -> int | None:
    """Return the index of the class that ``value`` means, -1 for no class, None where it means nothing."""
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
    match = _WHOLE.fullmatch(text)
    return int(match[1]) if match else None


def _known(class_names: Sequence[str], codes: Mapping[int, int]) -> str:
    return ", ".join(
        f"{name} ({', '.join(str(code) for code, number in codes.items() if number == index) or 'no integer'})"
        for index, name in enumerate(class_names)
    )


def _counted(column: pl.Series, strange: Sequence[int | str]) -> str:
    counts = column.filter(column.is_in(strange)).value_counts(sort=True)
    shown = ", ".join(f"{value!r} ({number} localisations)" for value, number in counts.head(_SHOWN).iter_rows())
    return shown + (f" and {len(strange) - _SHOWN} others" if len(strange) > _SHOWN else "")
