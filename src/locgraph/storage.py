"""Storage that refuses to be written to, as a full disk does, and folders that another process is writing to.

A full disk, a used-up quota, a read-only disk or too many open files concern every file that would follow, so that they
end a command at once; they are never a fault of one FOV.
"""

from __future__ import annotations

import errno
import logging
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from locgraph.errors import ConfigError, DataError, FolderInUseError, StorageError

log = logging.getLogger(__name__)

LOCK: Final = ".lock"
"""Held by the process that writes to a folder; once that has ended, the file means nothing."""
_PROBE_S: Final = 2.0
"""Patience with a process that only looks whether a folder is locked."""

_FILE_S: Final = 60.0
"""Patience with processes that write to the same file, each for a moment."""

_REASONS: Final = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk is read-only",
    errno.EMFILE: "this process has too many files open (`ulimit -n` states how many it may have)",
    errno.ENFILE: "this machine has too many files open",
}
_NO_FOLDER: Final = {
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "there is a file of this name",
    errno.ENAMETOOLONG: "the path, or one of the names in it, is too long (a name has at most 255 bytes)",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}
_TRIAL_BYTES: Final = 1 << 16
_WRITERS: Final = ("inline_container", "PytorchStreamWriter")
"""In messages of torch about a file that could not be written; they hold no number of the error."""


def storage_error(error: BaseException, path: Path | None = None) -> StorageError | None:
    """Return what to raise instead where storage refused to be written to; None where an error has another cause.

    Args:
        error: Any error, with those that caused it.
        path: The file that was being written, if it is known.
    """
    for each in _chain(error):
        if isinstance(each, StorageError):
            return each
        reason = _REASONS.get(_number(each))
        if reason is None and isinstance(each, RuntimeError) and any(word in str(each) for word in _WRITERS):
            reason = "writing ended early, as on a full disk"
        if reason is not None:
            where = path or getattr(each, "filename", None)
            return StorageError(f"{where or 'a file'} cannot be written: {reason}{_free(where)}; {_REMEDY}")
    return None


_REMEDY: Final = "mend this and run the same command again: what is done is kept"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that led to it."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop(0)
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            left += [each.__cause__, each.__context__]


def _number(error: BaseException) -> int:
    """Return the number that the operating system gave an error; polars and other Rust code hold it in the text."""
    number = getattr(error, "errno", None)
    if isinstance(number, int):
        return number
    text = re.search(r"\(os error (\d+)\)", str(error))
    return int(text[1]) if text else 0


def _free(path: object) -> str:
    if path is None:
        return ""
    try:
        folder = next(parent for parent in Path(str(path)).absolute().parents if parent.is_dir())
        return f" ({shutil.disk_usage(folder).free / 1e6:,.0f} MB free)"
    except (OSError, StopIteration):
        return ""


def write_failure(error: OSError, path: Path) -> StorageError | DataError:
    """Return what to raise where a file cannot be made at all, whatever the reason."""
    if error.errno == errno.ENAMETOOLONG:
        return DataError(f"{path}: cannot be written: the name is too long for this disk; shorten that of the FOV")
    return storage_error(error, path) or StorageError(
        f"{path} cannot be written: {_NO_FOLDER.get(error.errno or 0, error.strerror or error)}; {_REMEDY}"
    )


def make_folder(folder: Path, setting: str | None = None) -> None:
    """Make a folder that will be written to, and make sure that it can be.

    Args:
        folder: The folder.
        setting: The argument that names it, for the message.

    Raises:
        ConfigError: It cannot be made, or not written to.
        StorageError: The disk is full, or refuses otherwise to be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(_TRIAL_BYTES))
    except OSError as error:
        refused = storage_error(error, folder)
        if refused is not None:
            refused.setting = setting
            raise refused from error
        reason = _NO_FOLDER.get(error.errno or 0) or error.strerror or str(error)
        raise ConfigError(
            f"expected a folder that can be written to, found {_shortened(folder)}: {reason}; choose another",
            setting=setting,
        ) from error


def _shortened(path: Path) -> str:
    text = os.fspath(path)
    return text if len(text) <= 300 else f"{text[:200]}...{text[-60:]}"


def now() -> str:
    """Return the time as records hold it: ISO 8601, in seconds, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def locked(folder: Path, setting: str | None = None, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a folder while the block writes to it.

    The operating system holds the lock for this process and lifts it when the process ends, also when it is killed.

    Args:
        folder: The folder, which is made.
        setting: The argument that names it, for the message.
        wait: Whether to wait, with a line in the log, until another process is done, instead of refusing.

    Raises:
        ConfigError: The folder cannot be written to.
        FolderInUseError: Another process holds the lock.
    """
    make_folder(folder, setting)
    path = folder / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_PROBE_S)
    except Timeout as error:
        if not wait:
            raise _in_use(folder, setting) from error
        log.info("waiting for %s, which is writing to %s", _holder(path), folder)
        lock.acquire()
    except (OSError, NotImplementedError) as error:
        log.warning("%s cannot be locked (%s): start no other command that writes to it", folder, error)
    try:
        with suppress(OSError):  # for messages alone
            path.write_text(f"process {os.getpid()} on {platform.node()} since {now()}\n", encoding="utf-8")
        yield
    finally:
        lock.release()


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold the lock of one file while the block reads it and writes it anew, waiting for other processes and threads.

    The lock is a hidden file beside it, which stays; it ends with the process, also when this is killed.

    Raises:
        ConfigError: The folder of the file cannot be written to.
        FolderInUseError: Another process holds the lock for too long.
    """
    make_folder(path.parent)
    lock = FileLock(path.with_name(f".{path.name}{LOCK}"))
    try:
        lock.acquire(timeout=_FILE_S)
    except Timeout as error:
        raise FolderInUseError(
            f"{path} has been written to by another process for more than {_FILE_S:.0f} s; end that one, and try again"
        ) from error
    except (OSError, NotImplementedError) as error:
        log.warning("%s cannot be locked (%s): let no other process write to it", path, error)
    try:
        yield
    finally:
        lock.release()


def is_locked(folder: Path) -> bool:
    """Return whether a process is writing to a folder; True where this cannot be found out."""
    path = folder / LOCK
    if not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except (Timeout, OSError, NotImplementedError):
        return True


def check_unlocked(folder: Path, setting: str | None = None) -> None:
    """Refuse a folder that a process is writing to.

    Raises:
        FolderInUseError: A process holds its lock.
    """
    if is_locked(folder):
        raise _in_use(folder, setting)


def _in_use(folder: Path, setting: str | None) -> FolderInUseError:
    return FolderInUseError(
        f"{folder} is being written to by {_holder(folder / LOCK)}; wait for its end, or choose another folder",
        setting=setting,
    )


def _holder(lock: Path) -> str:
    try:
        return lock.read_text(encoding="utf-8").strip() or "another process"
    except (OSError, ValueError):
        return "another process"
