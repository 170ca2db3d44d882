"""The fields of view (FOVs) of a raw folder with class and group, without their rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from locgraph.errors import DataError, LocgraphError, within
from locgraph.io.columns import ColumnSource, MissingColumnsError
from locgraph.io.groups import GroupSource
from locgraph.io.header import RawFile
from locgraph.io.labels import LabelSource
from locgraph.io.read import read_header
from locgraph.run_folder import IMPORT_RECORD, SIMULATION_RECORD

SUFFIXES: Final = (
    *(".parquet", ".arrow", ".feather", ".ipc"),
    *(".csv", ".tsv", ".txt"),
    *(".hdf5", ".h5", ".mat", ".smlm", ".npy", ".json"),
)
_PROTOCOL: Final = "-protocol.txt"  # ThunderSTORM writes its settings beside its table
_RECORDS: Final = (SIMULATION_RECORD, IMPORT_RECORD)
_SHOWN: Final = 3


@dataclass(frozen=True)
class FovSource:
    """A FOV that can be read.

    Attributes:
        fov_id: Path of its file below the raw folder, with ``/`` and without suffix.
        path: Its file.
        label: Its class; None where it has none.
        group: Its group; None where it has none.
        by_localisation: Whether its localisations have classes of their own.
    """

    fov_id: str
    path: Path
    label: str | None
    group: str | None
    by_localisation: bool = False


@dataclass(frozen=True)
class Catalogue:
    """The FOVs of a raw folder.

    Attributes:
        sources: FOVs that can be read, sorted by ``fov_id``.
        class_names: All classes, in the order of their indices.
        failures: FOV -> why it cannot be used.
    """

    sources: tuple[FovSource, ...]
    class_names: tuple[str, ...]
    failures: dict[str, str]


def scan(raw_dir: Path, columns: ColumnSource, labels: LabelSource, groups: GroupSource) -> Catalogue:
    """Find the FOVs below ``raw_dir``. Hidden files and the tables of labels and groups are left out.

    Args:
        raw_dir: Folder with one file for each FOV, at any depth.
        columns: Which column is which.
        labels: Where the class of a FOV comes from.
        groups: Where the group of a FOV comes from.

    Returns:
        The FOVs; a file that cannot be used is a failure and does not stop the others.

    Raises:
        DataError: There is no such folder, or no file in it can be used.
        MissingColumnsError: Every file lacks a required column.
    """
    if not raw_dir.is_dir():
        raise DataError(f"expected a folder at {raw_dir}; found none", setting="raw_dir")
    paths = _find_files(raw_dir, leave_out={table.resolve() for table in (*labels.tables, *groups.tables)})
    single, failures = _name_fovs(paths, raw_dir)
    files = _read_headers(single, columns, failures)
    if not files:
        raise DataError(
            f"expected files of localisations ({', '.join(SUFFIXES)}) below {raw_dir}; found none that can be read"
            f"{_examples(failures)}",
            setting="raw_dir",
        )
    with within("labels"):
        labelling = labels.labels(files)
    with within("groups"):
        by_group, group_failures = groups.groups(files)
    failures |= {name: reason for name, reason in (group_failures | labelling.failures).items() if name not in failures}
    sources = tuple(
        FovSource(
            file.fov_id, file.path, labelling.by_fov[file.fov_id], by_group[file.fov_id], labelling.by_localisation
        )
        for file in files
        if file.fov_id not in failures
    )
    if not sources:
        raise DataError(
            f"expected FOVs below {raw_dir} that the labels and groups settings fit; found none{_examples(failures)}",
            setting="raw_dir",
        )
    return Catalogue(sources, labelling.class_names, failures)


def _find_files(raw_dir: Path, leave_out: Collection[Path]) -> list[Path]:
    """Return the files that may hold localisations, sorted."""
    files = []
    for path in raw_dir.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(raw_dir).parts)
        beside = path.name.lower().endswith(_PROTOCOL) or path.name in _RECORDS
        if hidden or beside or path.suffix.lower() not in SUFFIXES:
            continue
        if path.is_file() and path.resolve() not in leave_out:
            files.append(path)
    return sorted(files)


def _name_fovs(paths: list[Path], raw_dir: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return FOV -> its file, and a failure for each name that several files share."""
    by_name: dict[str, list[Path]] = {}
    for path in paths:
        by_name.setdefault(path.relative_to(raw_dir).with_suffix("").as_posix(), []).append(path)
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
