"""The fields of view (FOVs) of a raw folder with class and group, without their rows."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from locgraph import schema
from locgraph.errors import DataError, LocgraphError, within
from locgraph.io.annotations.statements import Annotated, PartLabels
from locgraph.io.columns import ColumnSource, MissingColumnsError
from locgraph.io.groups import GroupSource
from locgraph.io.header import RawFile
from locgraph.io.labels import Labelling, LabelSource
from locgraph.io.read import find_columns, open_columns, read_header
from locgraph.io.readers.delimited import DelimitedReader
from locgraph.io.regions.read import BESIDE
from locgraph.io.volumes.formats import VOLUME_SUFFIXES, is_zarr
from locgraph.run_folder import IMPORT_RECORD, SIMULATION_RECORD, SIMULATION_TRUTH
from locgraph.storage import storage_error

log = logging.getLogger(__name__)

SUFFIXES: Final = (
    *(".parquet", ".arrow", ".feather", ".ipc"),
    *(".csv", ".tsv", ".txt"),
    *(".hdf5", ".h5", ".hdf", ".h5r", ".pmx", ".mat", ".smlm", ".npy", ".json"),
)
"""Files with these are meant to be FOVs: one that cannot be read has failed. Others are FOVs where they can be read."""
_SIDECARS: Final = (".yaml", ".yml")  # of Picasso, read along with its tables
_BESIDE: Final = ("-protocol.txt", *BESIDE)
"""Ends of the names of files beside tables: settings of ThunderSTORM, regions that were drawn."""

_RECORDS: Final = (SIMULATION_RECORD, SIMULATION_TRUTH, IMPORT_RECORD)
_SHOWN: Final = 3
_LONGEST_REASON: Final = 160


@dataclass(frozen=True)
class FovSource:
    """A FOV that can be read.

    Attributes:
        fov_id: Path of its file below the raw folder, with ``/`` and without suffix.
        path: Its file.
        label: Its class; None where it has none.
        group: Its group; None where it has none.
        by_localisation: Whether its localisations have classes of their own.
        by_object: Object -> class, where its objects have classes of their own; else None.
        by_majority: Whether the class of an object is that of most of its localisations.
        parent: The FOV that this is an object of; None for a whole FOV.
        annotated: What is taken from its annotations; None where there are none.
    """

    fov_id: str
    path: Path
    label: str | None
    group: str | None
    by_localisation: bool = False
    by_object: Mapping[str, str] | None = None
    by_majority: bool = False
    parent: str | None = None
    annotated: Annotated | None = None

    @property
    def parts(self) -> PartLabels | None:
        """How its localisations get labels from annotations; None where they do not."""
        return None if self.annotated is None else self.annotated.parts

    def object(self, name: str, label: str | None) -> FovSource:
        """Return an object of this FOV as a unit of its own.

        Objects of one FOV are a group unless the FOV is in a group already: never on both sides of a split.
        """
        group = self.fov_id if self.group is None else self.group
        annotated = None if self.annotated is None else self.annotated.of_object(name)
        fov_id = f"{self.fov_id}/{name}"
        return replace(self, fov_id=fov_id, label=label, group=group, parent=self.fov_id, annotated=annotated)


@dataclass(frozen=True)
class Catalogue:
    """The FOVs of a raw folder.

    Attributes:
        sources: FOVs that can be read, sorted by ``fov_id``.
        class_names: All classes, in the order of their indices.
        failures: FOV -> why it cannot be used.
        skipped: Path below the raw folder of each other file -> why it is no FOV.
        failed_labels: FOV that failed -> its class, where that is known all the same, as from its folder.
    """

    sources: tuple[FovSource, ...]
    class_names: tuple[str, ...]
    failures: dict[str, str]
    skipped: dict[str, str] = field(default_factory=dict)
    failed_labels: dict[str, str] = field(default_factory=dict)


def scan(
    raw_dir: Path,
    columns: ColumnSource,
    labels: LabelSource,
    groups: GroupSource,
    leave_out: Iterable[Path] = (),
) -> Catalogue:
    """Find the FOVs below ``raw_dir``. Hidden files and the tables of labels and groups are left out.

    Files with one of `SUFFIXES` are meant to be FOVs. Any other file is one where its content can be read with
    ``columns``; a warning names those that cannot.

    Args:
        raw_dir: Folder with one file for each FOV, at any depth.
        columns: Which column is which.
        labels: Where the class of a FOV comes from.
        groups: Where the group of a FOV comes from.
        leave_out: Further files that are no FOVs, such as a table of regions.

    Returns:
        The FOVs; a file that cannot be used is a failure and does not stop the others.

    Raises:
        DataError: There is no such folder, or no file in it can be used.
        MissingColumnsError: Every file lacks a required column.
    """
    if not raw_dir.is_dir():
        raise DataError(f"expected a folder at {raw_dir}; found none", setting="raw_dir")
    suffixes = SUFFIXES if columns.volume is None else VOLUME_SUFFIXES
    left_out = {table.resolve() for table in (*labels.tables, *groups.tables, *leave_out)}
    paths = _find_files(raw_dir, left_out, volumes=columns.volume is not None)
    meant = [path for path in paths if path.suffix.lower() in suffixes]
    others, skipped = _find_others(paths, meant, raw_dir, columns)
    single, failures = _name_fovs([*meant, *others], raw_dir)
    files = _read_headers(single, columns, failures)
    if not files:
        raise DataError(
            f"expected files of localisations, of any suffix, below {raw_dir}; found none that can be read"
            f"{_examples(failures | skipped)}",
            setting="raw_dir",
        )
    _warn_of_skipped(skipped, raw_dir)
    with within("labels"):
        labelling = labels.labels(files)
    with within("groups"):
        by_group, group_failures = groups.groups(files)
    failures |= {name: reason for name, reason in (group_failures | labelling.failures).items() if name not in failures}
    sources = tuple(_source(file, labelling, by_group[file.fov_id]) for file in files if file.fov_id not in failures)
    if not sources:
        raise DataError(
            f"expected FOVs below {raw_dir} that the labels and groups settings fit; found none{_examples(failures)}",
            setting="raw_dir",
        )
    _warn_of_absent_classes(labels, raw_dir, skipped, labelling.class_names)
    known = labelling.by_fov | _labels_without_reading(labels, single, set(failures) - set(labelling.by_fov))
    failed_labels = {fov_id: label for fov_id in failures if (label := known.get(fov_id)) is not None}
    return Catalogue(sources, labelling.class_names, failures, skipped, failed_labels)


def _source(file: RawFile, labelling: Labelling, group: str | None) -> FovSource:
    """Return one FOV with its classes and its group."""
    return FovSource(
        file.fov_id,
        file.path,
        labelling.by_fov[file.fov_id],
        group,
        labelling.by_localisation,
        labelling.objects_of(file.fov_id),
        labelling.by_majority,
        annotated=labelling.annotated.get(file.fov_id),
    )


def is_folder(path: Path, columns: ColumnSource) -> bool:
    """Return whether a path is a folder of files, and not one that is a label volume itself, as of Zarr."""
    return path.is_dir() and (columns.volume is None or not is_zarr(path))


def _warn_of_absent_classes(
    labels: LabelSource, raw_dir: Path, skipped: Collection[str], class_names: Collection[str]
) -> None:
    """Name classes that no FOV is of, but a skipped file or an empty folder would be: they were meant to be there."""
    empty = [path for path in raw_dir.rglob("*") if path.is_dir() and not any(path.iterdir())]
    meant = {name: raw_dir / name for name in skipped}
    meant |= {(path.relative_to(raw_dir) / "file").as_posix(): path for path in empty if not path.name.startswith(".")}
    by_name = _labels_without_reading(labels, meant, meant)
    for label in sorted({label for label in by_name.values() if label is not None} - set(class_names)):
        places = [str(meant[name]) for name, own in by_name.items() if own == label]
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        log.warning(
            "no FOV is of the class %s, which %s%s would be of: data of the other classes alone go on",
            label,
            places[0],
            more,
        )


def _labels_without_reading(
    labels: LabelSource, single: Mapping[str, Path], unread: Collection[str]
) -> dict[str, str | None]:
    """Return the classes of files that cannot be read, where folders, names or a table give them."""
    files = [RawFile(fov_id, single[fov_id], (), {}) for fov_id in sorted(unread) if fov_id in single]
    source_log = logging.getLogger(__package__)
    level = source_log.level
    source_log.setLevel(logging.CRITICAL)  # a table would warn of all FOVs but these
    try:
        return labels.labels(files).by_fov if files else {}
    except LocgraphError:  # the metadata would have given them
        return {}
    finally:
        source_log.setLevel(level)


def _find_files(raw_dir: Path, leave_out: Collection[Path], *, volumes: bool) -> list[Path]:
    """Return all files but hidden ones, records, and those to leave out, sorted; a folder of Zarr is one volume."""
    files: list[Path] = []
    folders = {path for path in raw_dir.rglob("*") if is_zarr(path)} if volumes else set()
    files += [path for path in folders if folders.isdisjoint(path.parents) and path.resolve() not in leave_out]
    for path in raw_dir.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(raw_dir).parts)
        beside = path.name.lower().endswith(_BESIDE) or path.name in _RECORDS
        inside = not folders.isdisjoint(path.parents)
        if not hidden and not beside and not inside and path.is_file() and path.resolve() not in leave_out:
            files.append(path)
    return sorted(files)


def _name(path: Path, raw_dir: Path) -> str:
    """Return the FOV of a file; a number behind a dot, as in ``cell.1``, is part of its name."""
    relative = path.relative_to(raw_dir)
    return (relative if path.suffix[1:].isdecimal() else relative.with_suffix("")).as_posix()


def _find_others(
    paths: list[Path], meant: list[Path], raw_dir: Path, columns: ColumnSource
) -> tuple[list[Path], dict[str, str]]:
    """Return the files without a suffix of tables that hold localisations all the same, and why the others do not.

    A file that cannot be read is meant to be a FOV, and fails, where another with its suffix can be read.
    """
    by_name = {_name(path, raw_dir): path.name for path in meant}
    readable: list[Path] = []
    unreadable: dict[Path, str] = {}
    skipped: dict[str, str] = {}
    for path in sorted(set(paths) - set(meant)):
        name = _name(path, raw_dir)
        if name not in by_name:
            try:
                _check_content(path, columns)
                readable.append(path)
            except (LocgraphError, OSError) as error:
                unreadable[path] = str(error)
        elif path.suffix.lower() not in _SIDECARS:
            skipped[path.relative_to(raw_dir).as_posix()] = f"{by_name[name]} has the same name, and is read"
    suffixes = {path.suffix.lower() for path in readable if not path.suffix[1:].isdecimal()} - {""}
    readable += [path for path in unreadable if path.suffix.lower() in suffixes]
    others = {path: reason for path, reason in unreadable.items() if path.suffix.lower() not in suffixes}
    return readable, skipped | {path.relative_to(raw_dir).as_posix(): reason for path, reason in others.items()}


def _check_content(path: Path, columns: ColumnSource) -> None:
    """Check that a file holds localisations, as far as its start tells; those of known software always do.

    Raises:
        DataError: It cannot be read, or its positions are no numbers.
    """
    with open_columns(path, columns) as reader:
        with within("columns"):
            if reader.header.layout is not None:
                return
        chosen = find_columns(reader, columns)
        if isinstance(reader, DelimitedReader):
            positions = {
                source for name in (schema.X, schema.Y) for source in chosen.present(reader.header.names)[name]
            }
            if not positions <= reader.dialect.numeric:
                raise DataError(f"{path}: expected numbers in {', '.join(sorted(positions))}; found text")


def _warn_of_skipped(skipped: Mapping[str, str], raw_dir: Path) -> None:
    """Name the files that are no FOVs: each suffix once, with the reason of its first file."""
    by_suffix: dict[str, list[str]] = {}
    for name in skipped:
        by_suffix.setdefault(Path(name).suffix.lower(), []).append(name)
    for suffix, names in by_suffix.items():
        reason = skipped[names[0]].replace(f"{raw_dir / names[0]}: ", "")
        short = reason if len(reason) <= _LONGEST_REASON else f"{reason[:_LONGEST_REASON]}..."
        more = f" and {len(names) - 1} more {suffix or 'without suffix'}" if len(names) > 1 else ""
        log.warning("skipped, no FOV: %s%s below %s (%s)", names[0], more, raw_dir, short)


def _name_fovs(paths: list[Path], raw_dir: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return FOV -> its file, and a failure for each name that several files share."""
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        by_name.setdefault(_name(path, raw_dir), []).append(path)
    failures = {
        fov_id: f"expected one file for the FOV {fov_id}; found {' and '.join(map(str, same))}. "
        "Rename one, or move it out of the folder"
        for fov_id, same in by_name.items()
        if len(same) > 1
    }
    return {fov_id: same[0] for fov_id, same in sorted(by_name.items()) if len(same) == 1}, failures


def _read_headers(single: Mapping[str, Path], columns: ColumnSource, failures: dict[str, str]) -> list[RawFile]:
    """Read the headers of the files that can be read, sorted by FOV; add the others to ``failures``."""
    files = []
    missing: MissingColumnsError | None = None
    for fov_id, path in single.items():
        try:
            header = read_header(path, columns)
        except (LocgraphError, OSError) as error:
            refused = storage_error(error)
            if refused is not None:  # such as too many open files: no fault of this one
                raise refused from error
            failures[fov_id] = str(error)
            if isinstance(error, MissingColumnsError):
                missing = missing or error
            continue
        files.append(RawFile(fov_id, path, header.names, dict(header.metadata)))
    if missing and not files:
        raise MissingColumnsError(f"no file has the required columns; the first: {missing}") from missing
    return files


def _examples(failures: Mapping[str, str]) -> str:
    shown = [f"\n  {fov_id}: {reason}" for fov_id, reason in list(failures.items())[:_SHOWN]]
    return f" ({len(failures)} failed)" + "".join(shown) if shown else ""
