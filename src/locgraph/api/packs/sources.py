"""Where packed models come from: files, folders, addresses with a hash, and repositories of the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import http.client
import os
import re
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from locgraph import __version__
from locgraph.api.packs.archive import MOST_BYTES, file_sha256
from locgraph.api.packs.cache import StoredModel, store
from locgraph.errors import ConfigError, DataError, MissingPackageError
from locgraph.run_folder import PACK_SUFFIX, PACKED_MODEL

HUB: Final = "hf:"
"""Before the name of a repository: ``hf:ORGANISATION/REPOSITORY`` or ``hf:ORGANISATION/REPOSITORY@REVISION``."""

_REPOSITORY: Final = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_REVISION: Final = re.compile(r"[\w-][\w.-]*")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_SECONDS: Final = 60.0
_CHUNK: Final = 1 << 20


def add_models(source: str, sha256: str | None = None) -> list[StoredModel]:
    """Put packed models into the user's cache.

    Args:
        source: A ``.lgm`` file; a folder that holds some; ``http://`` or ``https://`` and an address; or ``hf:`` and a
            repository, which is looked for in the local cache of the Hub first.
        sha256: Hash of the file, which is required for an address; nothing is kept where it does not fit.

    Returns:
        The models, as they lie in the cache.

    Raises:
        ConfigError: The source is none of these, or the hash is missing or has no effect.
        CheckpointError: A file is no packed model.
        DataError: The file cannot be fetched, or its hash is another.
        MissingPackageError: The package for the Hub is not installed.
    """
    expected = None if sha256 is None else _read_hash(sha256)
    with _files(source, expected) as paths:
        if expected is not None:
            if len(paths) != 1:
                raise ConfigError(f"expected one file with this hash, found {len(paths)} in {source}", setting="sha256")
            _check_hash(source, file_sha256(paths[0]), expected)
        return [store(path) for path in paths]


def _read_hash(text: str) -> str:
    given = text.strip().lower().removeprefix("sha256:")
    if _SHA256.fullmatch(given) is None:
        raise ConfigError(f"expected 64 hexadecimal digits, found {text!r}", setting="sha256")
    return given


def _check_hash(source: str, found: str, expected: str) -> None:
    if found != expected:
        raise DataError(
            f"{source}: refused: its SHA-256 is {found}, expected {expected}; it was changed, or the hash is that of "
            "another file. Nothing was kept"
        )


@contextmanager
def _files(source: str, sha256: str | None) -> Iterator[list[Path]]:
    """Yield the files of a source; fetched ones last as long as the block."""
    if source.startswith(HUB):
        yield _of_hub(source.removeprefix(HUB))
    elif source.lower().startswith(("http://", "https://")):
        if sha256 is None:
            raise ConfigError(
                f"expected the SHA-256 of {source}, as its authors state it; found none: what comes from the network "
                "is kept only where its hash is known beforehand",
                setting="sha256",
            )
        with tempfile.TemporaryDirectory(prefix="locgraph-") as folder:
            yield [_fetch(source, Path(folder) / PACKED_MODEL, sha256)]
    else:
        yield _of_folder(Path(source))


def _of_folder(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    files = sorted(path.rglob(f"*{PACK_SUFFIX}")) if path.is_dir() else []
    if not files:
        raise ConfigError(
            f"{path}: expected a {PACK_SUFFIX} file, a folder with some, an address (https://...), or "
            f"{HUB}ORGANISATION/REPOSITORY; found {'none in this folder' if path.is_dir() else 'nothing there'}",
            setting="arguments",
        )
    return files


def _fetch(url: str, target: Path, sha256: str) -> Path:
    """Fetch a file, of bounded size, and compare its hash before anything reads it."""
    request = urllib.request.Request(url, headers={"User-Agent": f"locgraph/{__version__}"})
    digest, size = hashlib.sha256(), 0
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response, target.open("wb") as handle:
            while chunk := response.read(_CHUNK):
                size += len(chunk)
                if size > MOST_BYTES:
                    raise DataError(f"{url}: refused: more than {MOST_BYTES:,} bytes")
                digest.update(chunk)
                handle.write(chunk)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        raise DataError(f"{url}: cannot be fetched: {error}") from error
    _check_hash(url, digest.hexdigest(), sha256)
    return target


def _of_hub(name: str) -> list[Path]:
    """Return the packed models of a repository: from the local cache of the Hub, else fetched by its own package."""
    repository, _, revision = name.partition("@")
    revision = revision or "main"
    if _REPOSITORY.fullmatch(repository) is None or _REVISION.fullmatch(revision) is None:
        raise ConfigError(
            f"expected {HUB}ORGANISATION/REPOSITORY or {HUB}ORGANISATION/REPOSITORY@REVISION, found {HUB}{name}",
            setting="arguments",
        )
    snapshot = cached_snapshot(repository, revision) or _download(repository, revision)
    files = sorted(snapshot.rglob(f"*{PACK_SUFFIX}"))
    if not files:
        raise DataError(f"{HUB}{name}: expected a {PACK_SUFFIX} file in the repository, found none in {snapshot}")
    return files


def cached_snapshot(repository: str, revision: str) -> Path | None:
    """Return the folder of a revision in the local cache of the Hugging Face Hub that holds a packed model, if any.

    Source of the layout: https://huggingface.co/docs/hub/local-cache.
    """
    folder = _hub_cache() / f"models--{repository.replace('/', '--')}"
    reference = folder / "refs" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    snapshot = folder / "snapshots" / commit
    if _COMMIT.fullmatch(commit) is None or not any(snapshot.rglob(f"*{PACK_SUFFIX}")):
        return None
    return snapshot


def _hub_cache() -> Path:
    if os.environ.get("HF_HUB_CACHE"):
        return Path(os.environ["HF_HUB_CACHE"]).expanduser()
    if os.environ.get("HF_HOME"):
        return Path(os.environ["HF_HOME"]).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser() / "huggingface" / "hub"


def _download(repository: str, revision: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingPackageError(
            f"{HUB}{repository} is not in the local cache of the Hub, and fetching it needs the package "
            "huggingface-hub: pip install 'locgraph[hub]'"
        ) from error
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[f"*{PACK_SUFFIX}"]))
    except (OSError, ValueError) as error:  # its own errors are among these
        raise DataError(f"{HUB}{repository}@{revision}: cannot be fetched: {error}") from error
