"""How a file was made: fingerprints of inputs and settings, package versions, and files that appear whole or never."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import metadata
from io import BufferedReader
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import __version__
from locgraph.storage import storage_error, write_failure

_PACKAGES = ("torch", "torch-geometric", "lightning", "polars", "numpy", "scipy", "scikit-learn", "numba")
_GIT_SECONDS = 10.0


def fingerprint(*parts: Any) -> str:
    """Return a short name for settings: equal settings give equal names, in any key order.

    Args:
        *parts: Plain values (mappings, sequences, strings, numbers, None).

    Returns:
        16 hexadecimal digits.

    Raises:
        TypeError: A part is not plain.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def file_digest(path: Path) -> str:
    """Return a short name for the content of a file, or of all in a folder with their names: 16 hexadecimal digits."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.is_file())
        return fingerprint([[each.relative_to(path).as_posix(), file_digest(each)] for each in files])
    with path.open("rb") as handle:
        return handle_digest(handle)


def handle_digest(handle: BufferedReader) -> str:
    """Return the digest of what is left to read of an open file, as `file_digest` does of a whole one."""
    return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of locgraph, Python and the packages that numbers depend on."""
    named = {"locgraph": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            named[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return named


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, renamed to ``path`` at the end, removed if the block fails.

    A process killed at any moment leaves either the old file or the new one under ``path``, never half of it.

    Raises:
        StorageError: The file cannot be written, as on a full disk.
        DataError: Its name is too long.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise write_failure(error, path) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except Exception as error:
        refused = storage_error(error, path)
        if refused is None:
            raise
        raise refused from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write ``content`` as indented JSON, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


_FORMULA = r"^(?:[=@\t\r]|[+-][^\d.]|[+-]$|[+-][\d.].*[^\d.eE+-])"
"""Beginning of a text that a spreadsheet would compute: all that starts with = + - @ and is no number."""


def write_csv(path: Path, table: pl.DataFrame) -> None:
    """Write a table as CSV, whole or not at all, with texts that no spreadsheet takes for formulas.

    Texts that start with ``=``, ``+``, ``-`` or ``@`` get a ``'`` in front, as does one that starts with it already;
    `read_csv` takes it away.

    Source: https://owasp.org/www-community/attacks/CSV_Injection.
    """
    texts = pl.col(pl.String)
    harmless = pl.when(texts.str.contains(_FORMULA) | texts.str.starts_with("'")).then("'" + texts).otherwise(texts)
    with whole_file(path) as temporary:
        table.with_columns(harmless.name.keep()).write_csv(temporary)


def read_csv(path: Path) -> pl.DataFrame:
    """Read a table that `write_csv` wrote.

    Raises:
        OSError: There is no such file.
        polars.exceptions.PolarsError: It is no table.
    """
    table = pl.read_csv(path, glob=False, infer_schema_length=None)
    return table.with_columns(pl.col(pl.String).str.strip_prefix("'"))


def git_state() -> dict[str, Any] | None:
    """Return the commit of the code, and whether files differ from it; None where there is no repository.

    The repository is that of a checkout of locgraph, and for an installed package that of the current folder, where
    configs and parts of one's own are.

    Returns:
        ``commit``, 40 hexadecimal digits, and ``dirty``.
    """
    checkout = Path(__file__).parents[2]
    folder = checkout if (checkout / ".git").exists() else Path.cwd()
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--untracked-files=no")
    return None if commit is None or changes is None else {"commit": commit, "dirty": bool(changes)}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False, timeout=_GIT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
