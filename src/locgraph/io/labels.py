"""Where the class of a field of view (FOV) comes from: file metadata, folders, names, or a table.

Also where the classes of single localisations come from; `label_map.label_localisations` reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.io import label_map
from locgraph.io.annotations.statements import Annotated
from locgraph.io.header import RawFile
from locgraph.io.lookup import FolderLevel, Lookup, NamePattern
from locgraph.settings import check_flag


@dataclass(frozen=True)
class Labelling:
    """Classes of FOVs.

    Attributes:
        class_names: All classes, in the order of their indices.
        by_fov: FOV -> class name, None where the FOV has none; without the failures.
        failures: FOV -> why it has no class although it should.
        by_localisation: Whether the classes are those of single localisations, and FOVs have none.
        by_object: FOV -> object -> class name, where the classes are those of objects; else None.
        by_majority: With ``by_localisation``: whether the class of an object is that of most of its localisations.
        annotated: FOV -> what is taken from its annotations; empty where labels have another source.
    """

    class_names: tuple[str, ...]
    by_fov: dict[str, str | None]
    failures: dict[str, str]
    by_localisation: bool = False
    by_object: Mapping[str, Mapping[str, str]] | None = None
    by_majority: bool = False
    annotated: Mapping[str, Annotated] = field(default_factory=dict)

    def objects_of(self, fov_id: str) -> Mapping[str, str] | None:
        """Return the classes of the objects of one FOV; None where objects have none of their own."""
        return None if self.by_object is None else self.by_object.get(fov_id, {})


class LabelSource(Protocol):
    """Find the class of each FOV."""

    @property
    def tables(self) -> tuple[Path, ...]:
        """Tables that are read for it, which are no localisations."""
        ...

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Find the class of each file's FOV."""
        ...


class NoLabels:
    """FOVs without a class, as in prediction."""

    tables: tuple[Path, ...] = ()

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Give no FOV a class."""
        return Labelling((), _none(files), {})


class FolderLabels:
    """The class is the name of a folder above the file. Classes are in alphabetical order.

    Args:
        level: 1 is the folder that holds the file, 2 the folder that holds this one, and so on.

    Raises:
        ConfigError: ``level`` is not 1 or more.
    """

    tables: tuple[Path, ...] = ()

    def __init__(self, level: int = 1) -> None:
        self._folder = FolderLevel(level)

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Find the class of each FOV; a file that is not below so many folders of the raw folder is a failure."""
        by_fov: dict[str, str | None] = {}
        failures: dict[str, str] = {}
        for file in files:
            folder = self._folder.find(file.fov_id)
            if folder:
                by_fov[file.fov_id] = folder
            else:
                above = file.fov_id.rpartition("/")[0]
                failures[file.fov_id] = (
                    f"expected {file.path} in a folder named after its class (level={self._folder.level}); found it "
                    f"{f'in {above} of' if above else 'directly in'} the folder of all files. Move it, change level, "
                    "or choose another source of labels"
                )
        return Labelling(_alphabetical(by_fov), by_fov, failures)


class RegexLabels:
    """The class is a part of the FOV's name.

    Args:
        pattern: Regular expression, searched in ``fov_id``; its first capture group is the class.
        names: Captured text -> class name, in the order of the classes; several texts may mean one class. None takes
            the text as it is, in alphabetical order.

    Raises:
        ConfigError: The pattern is no regular expression, or captures nothing; there are no names, or an empty one.
    """

    tables: tuple[Path, ...] = ()

    def __init__(self, pattern: str, names: Mapping[str, str] | None = None) -> None:
        self._pattern = NamePattern(pattern)
        self._names = None if names is None else {_text(captured): _text(name) for captured, name in names.items()}
        if self._names is not None and not (self._names and all(self._names) and all(self._names.values())):
            raise ConfigError(
                f"expected captured text and class names, such as {{wt: control}}, or null; found {names}",
                setting="names",
            )

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Find the class of each FOV; one whose name does not match, or captures an unknown text, is a failure."""
        by_fov: dict[str, str | None] = {}
        failures: dict[str, str] = {}
        for file in files:
            text = self._pattern.find(file.fov_id)
            if text is None:
                failures[file.fov_id] = (
                    f"expected a class in the name {file.fov_id}; found no match of {self._pattern.pattern!r}. "
                    "Change pattern, or take the file out of the folder"
                )
            elif self._names is not None and text not in self._names:
                failures[file.fov_id] = (
                    f"expected one of {', '.join(self._names)} in the name {file.fov_id}; found {text!r}. "
                    "Change names or pattern, or take the file out of the folder"
                )
            else:
                by_fov[file.fov_id] = text if self._names is None else self._names[text]
        classes = _alphabetical(by_fov) if self._names is None else tuple(dict.fromkeys(self._names.values()))
        return Labelling(classes, by_fov, failures)


class TableLabels:
    """The class stands in a table with one row for each FOV. Classes are in alphabetical order.

    Args:
        path: Parquet, delimited text or a workbook (Excel, LibreOffice); it may lie in the raw folder.
        fov_column: Column with the FOV: its path below the raw folder, with or without suffix.
        label_column: Column with the class.
        sheet: Sheet of a workbook; None for the only one that holds both columns.

    Raises:
        ConfigError: A value is empty, or both columns are the same.
    """

    def __init__(
        self,
        path: str | Path,
        fov_column: str = schema.FOV_ID,
        label_column: str = schema.LABEL,
        sheet: str | None = None,
    ) -> None:
        self._lookup = Lookup(Path(path), fov_column, label_column, "label", sheet)
        self.tables = (Path(path),)

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Find the class of each FOV; a FOV without exactly one row with a class is a failure.

        Raises:
            DataError: The table is absent or unreadable, or lacks a column.
            ConfigError: A sheet is given, but the table is no workbook.
        """
        matched, failures = self._lookup.match(files)
        by_fov: dict[str, str | None] = dict(matched)
        return Labelling(_alphabetical(by_fov), by_fov, failures)


class MetadataLabels:
    """The class stands in the metadata: ``gt_label`` (an integer) and ``gt_label_map`` (JSON: integer to name).

    Classes are in the order of their integers. Files whose map differs from the most frequent one are failures: their
    integers mean something else.
    """

    tables: tuple[Path, ...] = ()

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Find the class of each FOV; one without a label, or with another map, is a failure."""
        remedy = f"Choose another source of labels, or write the metadata{_class_folders(files)}"
        agreed, failures = label_map.agreed_map(files, remedy)
        by_fov: dict[str, str | None] = {}
        for file in files:
            if file.metadata.get(label_map.SCOPE) == label_map.EACH_LOCALISATION:
                failures[file.fov_id] = (
                    f"{file.path}: expected a class of the whole FOV; found {label_map.SCOPE} "
                    f"{label_map.EACH_LOCALISATION}: each localisation has its own. Choose labels of localisations"
                )
            if file.fov_id in failures:
                continue
            text = file.metadata.get(schema.META_LABEL, "")
            try:
                by_fov[file.fov_id] = agreed[int(text)]
            except (ValueError, KeyError):
                failures[file.fov_id] = (
                    f"{file.path}: expected {schema.META_LABEL} in the file's metadata to be one of "
                    f"{', '.join(map(str, agreed))}, the keys of {schema.META_LABEL_MAP}; found {text!r}. Write the "
                    "label again, or take the file out of the folder"
                )
        return Labelling(tuple(agreed.values()), by_fov, failures)


def _class_folders(files: Sequence[RawFile]) -> str:
    """Return a hint where the folders of the files look like classes: several, with several files in each."""
    folders = Counter(file.path.parent.name for file in files)
    if len(folders) < 2 or min(folders.values()) < 2:
        return ""
    return f". The files lie in the folders {', '.join(sorted(folders)[:5])}: labels=folders takes these as classes"


class LocalisationLabels:
    """Each localisation has a class of its own, in the column mapped to ``loc_label``; the FOV has none.

    The column holds names of classes, or integers: those of ``gt_label_map`` in the file's metadata, else indices into
    the classes. `label_map.label_localisations` reads it.

    Args:
        class_names: The classes, in the order of their indices. None takes those of ``gt_label_map``; files whose map
            differs from the most frequent one are then failures.
        majority: The class of an object is that of most of its localisations that have one; localisations have none
            of their own then.

    Raises:
        ConfigError: There are no classes, or one is empty or named twice.
    """

    tables: tuple[Path, ...] = ()

    def __init__(self, class_names: Sequence[str] | None = None, majority: bool = False) -> None:
        self._majority = check_flag("majority", majority)
        self._class_names = None if class_names is None else tuple(map(_text, class_names))
        if self._class_names is not None and not _are_classes(self._class_names):
            raise ConfigError(
                f"expected different names, such as [bound, free], or null; found {class_names}", setting="class_names"
            )

    def labels(self, files: Sequence[RawFile]) -> Labelling:
        """Name the classes and give no FOV one; without ``class_names``, a file without a map is a failure."""
        if self._class_names is not None:
            return Labelling(self._class_names, _none(files), {}, by_localisation=True, by_majority=self._majority)
        agreed, failures = label_map.agreed_map(files, "Set class_names, or write the metadata")
        for file in files:
            if file.metadata.get(label_map.SCOPE) == label_map.WHOLE_FOV:
                failures[file.fov_id] = (
                    f"{file.path}: expected a class for each localisation; found {label_map.SCOPE} "
                    f"{label_map.WHOLE_FOV}: its label map is of whole FOVs. Set class_names, or choose labels "
                    "from metadata"
                )
        good = [file for file in files if file.fov_id not in failures]
        return Labelling(
            tuple(agreed.values()), _none(good), failures, by_localisation=True, by_majority=self._majority
        )


def _none(files: Iterable[RawFile]) -> dict[str, str | None]:
    return dict.fromkeys((file.fov_id for file in files), None)


def _alphabetical(by_fov: Mapping[str, str | None]) -> tuple[str, ...]:
    return tuple(sorted({label for label in by_fov.values() if label is not None}))


def _text(value: Any) -> str:
    """Return the text of a value from a YAML file, in which a name may be a number."""
    return "" if value is None else str(value)


def _are_classes(names: Sequence[str]) -> bool:
    return bool(names) and all(names) and len(set(names)) == len(names)
