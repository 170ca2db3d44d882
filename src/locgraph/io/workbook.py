"""Sheets of a workbook (Excel, LibreOffice) as text, for tables of labels and groups.

fastexcel takes the file apart in a process of its own, since a damaged ``.xls`` can end the process that reads it.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

from locgraph.errors import DataError
from locgraph.io.columns import DUPLICATE

_ZIP: Final = b"PK\x03\x04"  # .xlsx, .xlsm, .xlsb, .ods
_OLE: Final = b"\xd0\xcf\x11\xe0"  # .xls, and .xlsx with a password
_MAX_BYTES: Final = 1 << 30  # of the unpacked file; a sheet of a million rows has about 200 MB
_TIME_LIMIT_S: Final = 120


def is_workbook(path: Path) -> bool:
    """Return whether the content of ``path`` is that of a workbook, whatever its name."""
    with path.open("rb") as handle:
        return handle.read(len(_ZIP)) in (_ZIP, _OLE)


def read_sheets(path: Path) -> dict[str, pl.DataFrame]:
    """Read all sheets. The first row that is not empty names the columns; blank rows are left out.

    Whole numbers have no point: 7 is ``7``, typed as number or as text. An error such as ``#N/A`` is an empty cell.

    Args:
        path: A workbook: ``.xlsx``, ``.xlsm``, ``.xlsb``, ``.xls`` or ``.ods``.

    Returns:
        Name of the sheet -> its table, all text, null where a cell is empty.

    Raises:
        DataError: The file is no workbook, damaged, protected by a password, or larger than 1 GiB when unpacked.
    """
    _check_zip(path)
    command = [sys.executable, "-m", __name__, str(path)]
    environment = os.environ | {"RUST_BACKTRACE": "0"}  # the reason is then the last line
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIME_LIMIT_S, check=False, env=environment)
    except subprocess.TimeoutExpired as error:
        raise _unreadable(path, f"not read within {_TIME_LIMIT_S} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if not line.startswith("note:")]
        raise _unreadable(path, lines[-1] if lines else f"exit status {done.returncode}")
    return {name: _table(rows) for name, rows in json.loads(done.stdout).items()}


def _check_zip(path: Path) -> None:
    """Refuse damaged content, which fastexcel may read as other content: it does not compare checksums."""
    with path.open("rb") as handle:
        if handle.read(len(_ZIP)) != _ZIP:
            return
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
            damaged = archive.testzip() if size <= _MAX_BYTES else None
    except (zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    if size > _MAX_BYTES:
        raise _unreadable(path, f"{size / 2**30:.1f} GiB when unpacked")
    if damaged is not None:
        raise _unreadable(path, f"wrong checksum of {damaged}")


def _unreadable(path: Path, reason: str) -> DataError:
    return DataError(
        f"{path}: expected a whole workbook without a password, of at most 1 GiB when unpacked; found one that cannot "
        f"be read ({reason}). Save it again, or as CSV"
    )


def _table(rows: Sequence[Sequence[str | None]]) -> pl.DataFrame:
    filled = [row for row in rows if any(cell and cell.strip() for cell in row)]
    if not filled:
        return pl.DataFrame()
    return pl.DataFrame(filled[1:], schema=dict.fromkeys(_names(filled[0]), pl.String), orient="row")


def _names(header: Sequence[str | None]) -> list[str]:
    """Return the names stripped, made up where empty, and numbered where one comes again."""
    names: list[str] = []
    for index, cell in enumerate(header):
        plain = (cell or "").strip() or f"column_{index + 1}"
        name, repeat = plain, 0
        while name in names:
            name, repeat = f"{plain}{DUPLICATE}{repeat}", repeat + 1
        names.append(name)
    return names


def _cells(path: Path) -> dict[str, list[tuple[str | None, ...]]]:
    """Return name of each sheet -> all its cells as text."""
    import fastexcel

    try:
        book = fastexcel.read_excel(path.read_bytes())  # bytes, so that content decides and not the suffix
        return {
            name: book.load_sheet(name, header_row=None, dtypes="string").to_polars().rows()
            for name in book.sheet_names
        }
    except fastexcel.FastExcelError as error:
        raise SystemExit(str(error).partition("\n")[0]) from error


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_cells(Path(sys.argv[1]))))
