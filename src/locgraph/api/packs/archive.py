"""The archive of a packed model: a zip of stored members whose names, sizes and hashes are known; it runs no code.

Reading trusts nothing: names are a fixed list, sizes are bounded before a byte is read, and each hash is compared.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from locgraph import __version__
from locgraph.api.packs.reference import Reference
from locgraph.errors import CheckpointError, ConfigError

FORMAT: Final = 1
"""Version of the archive; raised when versions of locgraph before could not read it rightly."""

PACK_MANIFEST: Final = "manifest.json"
"""Member with format, name, version, hash of every other member, and versions of locgraph."""

PACK_WEIGHTS: Final = "weights.safetensors"
PACK_RECORD: Final = "record.json"
"""Members with the networks: tensors, and plain values."""

PACK_METRICS, PACK_RANGES = "metrics.json", "data_range.json"
PACK_CARD, PACK_LICENSE, PACK_CITATION = "README.md", "LICENSE", "CITATION.cff"
PACK_EXAMPLE, PACK_EXPECTED = "example/localisations.parquet", "example/expected.parquet"
PACK_MEMBERS: Final = (
    *(PACK_WEIGHTS, PACK_RECORD, PACK_METRICS, PACK_RANGES),
    *(PACK_CARD, PACK_LICENSE, PACK_CITATION, PACK_EXAMPLE, PACK_EXPECTED),
)
"""All members but the manifest."""

MOST_BYTES: Final = 1 << 30
"""Of all members together, as the archive declares and as it holds."""

MOST_TEXT: Final = 1 << 26
"""Of one member that is text."""

_TEXTS: Final = (".json", ".md", ".cff", "")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_MADE_BY_TRAINING: Final = "; a checkpoint is packed by `locgraph pack RUN NAME:VERSION`"


@dataclass(frozen=True)
class Archive:
    """Content of an archive that was checked.

    Attributes:
        path: The file.
        manifest: The manifest.
        members: Name -> content of every other member.
    """

    path: Path
    manifest: dict[str, Any]
    members: dict[str, bytes]

    def json(self, name: str) -> dict[str, Any]:
        """Return a member that holds JSON.

        Raises:
            CheckpointError: It holds none.
        """
        return _parse(self.members[name], f"{self.path}: {name}")


def write_archive(path: Path, about: Mapping[str, Any], members: Mapping[str, bytes]) -> None:
    """Write an archive.

    Args:
        path: The file, under a temporary name.
        about: The manifest, but for format, hashes and versions.
        members: Name -> content, of all of `PACK_MEMBERS`.
    """
    manifest = {
        "format": FORMAT,
        **about,
        "locgraph": f">={__version__}",
        "members": {name: {"sha256": sha256(members[name]), "bytes": len(members[name])} for name in PACK_MEMBERS},
    }
    text = (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in ({PACK_MANIFEST: text} | {name: members[name] for name in PACK_MEMBERS}).items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content)


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes: 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file: 64 hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def read_manifest(path: Path) -> dict[str, Any]:
    """Read the manifest of an archive, and check it; hashes of the members are not compared.

    Raises:
        CheckpointError: As for `read_archive`.
    """
    with _opened(path) as archive:
        return _manifest(path, archive)


def read_archive(path: Path) -> Archive:
    """Read an archive.

    Args:
        path: The file.

    Raises:
        CheckpointError: It is no archive of a packed model, of a newer format, damaged, has members with wrong hashes,
            missing or unknown members, names that lead elsewhere, compressed members, or is too large.
    """
    with _opened(path) as archive:
        manifest = _manifest(path, archive)
        members = {name: _read(path, archive, name) for name in PACK_MEMBERS}
    for name, content in members.items():
        stated = manifest["members"][name]["sha256"]
        if sha256(content) != stated:
            raise CheckpointError(
                f"{path}: refused: {name} is not what the manifest states (SHA-256 {sha256(content)}, expected "
                f"{stated}): it was changed or damaged; get the file again"
            )
    return Archive(path, manifest, members)


def _opened(path: Path) -> zipfile.ZipFile:
    """Return the archive, once names, sizes and storage of its members are known to be harmless."""
    if not path.is_file():
        raise CheckpointError(f"{path}: no such file; expected a packed model")
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise CheckpointError(
            f"{path}: cannot be read as a packed model: it is damaged, truncated or of another kind ({error})"
        ) from error
    try:
        _check_entries(path, archive.infolist())
    except CheckpointError:
        archive.close()
        raise
    return archive


def _check_entries(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    for name in names:
        if name.startswith(("/", "\\")) or ".." in PurePosixPath(name.replace("\\", "/")).parts or ":" in name:
            raise CheckpointError(f"{path}: refused: the name {name!r} leads out of the archive")
    pickles = [name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".bin"))]
    if pickles:
        raise CheckpointError(
            f"{path}: refused: it holds {pickles[0]!r}, which is pickled and could run code{_MADE_BY_TRAINING}"
        )
    unknown = sorted(set(names) - {PACK_MANIFEST, *PACK_MEMBERS})
    if unknown:
        raise CheckpointError(f"{path}: refused: it holds the unknown members {', '.join(map(repr, unknown[:5]))}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CheckpointError(f"{path}: refused: it holds several members called {twice[0]!r}")
    missing = [name for name in (PACK_MANIFEST, *PACK_MEMBERS) if name not in names]
    if missing:
        raise CheckpointError(f"{path}: not a whole packed model: it lacks {', '.join(missing)}")
    _check_sizes(path, entries)


def _check_sizes(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size != entry.compress_size:
            raise CheckpointError(
                f"{path}: refused: {entry.filename} is compressed or encrypted; members are stored as they are"
            )
        is_text = PurePosixPath(entry.filename).suffix in _TEXTS
        if entry.file_size > (MOST_TEXT if is_text else MOST_BYTES):
            raise CheckpointError(f"{path}: refused: {entry.filename} declares {entry.file_size:,} bytes, too many")
    declared = sum(entry.file_size for entry in entries)
    if declared > min(MOST_BYTES, path.stat().st_size):
        raise CheckpointError(
            f"{path}: refused: members declare {declared:,} bytes, more than the file holds or than {MOST_BYTES:,}"
        )


def _read(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    declared = archive.getinfo(name).file_size
    try:
        with archive.open(name) as handle:
            content = handle.read(declared + 1)
    except (OSError, zipfile.BadZipFile, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        raise CheckpointError(f"{path}: {name} cannot be read, it is damaged ({error}); get the file again") from error
    if len(content) != declared:
        raise CheckpointError(f"{path}: refused: {name} has {len(content):,} bytes and declares {declared:,}")
    return content


def _parse(content: bytes, where: str) -> dict[str, Any]:
    try:
        parsed = json.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{where}: expected JSON, cannot read it ({error})") from error
    if not isinstance(parsed, dict):
        raise CheckpointError(f"{where}: expected a mapping, found {type(parsed).__name__}")
    return parsed


def _manifest(path: Path, archive: zipfile.ZipFile) -> dict[str, Any]:
    manifest = _parse(_read(path, archive, PACK_MANIFEST), f"{path}: {PACK_MANIFEST}")
    versions, version = manifest.get("versions"), manifest.get("format")
    made_by = versions.get("locgraph", "unknown") if isinstance(versions, dict) else "unknown"
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise CheckpointError(f"{path}: {PACK_MANIFEST}: expected the number of a format, found {version!r}")
    if version > FORMAT:
        raise CheckpointError(
            f"{path}: packed in format {version} by locgraph {made_by}, this version, {__version__}, reads up to "
            f"format {FORMAT}; update locgraph"
        )
    try:
        fits = SpecifierSet(str(manifest["locgraph"])).contains(__version__, prereleases=True)
        Reference.parse_exact(f"{manifest['name']}:{manifest['version']}")
        stated = {name: (str(each["sha256"]), int(each["bytes"])) for name, each in manifest["members"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, InvalidSpecifier, ConfigError) as error:
        raise CheckpointError(
            f"{path}: {PACK_MANIFEST} lacks what it must state, or states it otherwise: {error}"
        ) from error
    if not fits:
        raise CheckpointError(f"{path}: needs locgraph {manifest['locgraph']}, this is {__version__}; update locgraph")
    if set(stated) != set(PACK_MEMBERS):
        differing = sorted(set(stated) ^ set(PACK_MEMBERS))
        raise CheckpointError(f"{path}: refused: {PACK_MANIFEST} does not state exactly the members: {differing}")
    return manifest
