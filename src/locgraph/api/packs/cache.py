"""Packed models on this machine, by name and version: those in the user's cache, and those that ship with locgraph."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import locgraph
from locgraph.api.packs.archive import file_sha256
from locgraph.api.packs.packed import read_pack
from locgraph.api.packs.reference import Reference, is_reference, version_key
from locgraph.errors import ConfigError, LocgraphError
from locgraph.provenance import whole_file
from locgraph.run_folder import PACK_SUFFIX, PACKED_MODEL

VARIABLE: Final = "LOCGRAPH_MODELS"
"""Environment variable that names the folder of packed models."""


@dataclass(frozen=True)
class StoredModel:
    """A packed model on this machine.

    Attributes:
        reference: Name and version.
        path: The file.
        shipped: Whether it came with locgraph.
    """

    reference: Reference
    path: Path
    shipped: bool


def models_folder() -> Path:
    """Return the user's folder of packed models: ``LOCGRAPH_MODELS``, else one in the cache folder of the system."""
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        # a relative path there is to be ignored: https://specifications.freedesktop.org/basedir-spec/
        given = Path(os.environ.get("XDG_CACHE_HOME", ""))
        base = given if given.is_absolute() else Path.home() / ".cache"
    return base / "locgraph" / "models"


def shipped_folder() -> Path:
    """Return the folder of the models that ship with locgraph."""
    return Path(locgraph.__file__).parent / "models"


def list_models() -> list[StoredModel]:
    """Return all packed models on this machine by name, the newest version first; a cached one hides a shipped one."""
    shipped = [
        StoredModel(Reference(*path.stem.rpartition("-")[::2]), path, shipped=True)
        for path in shipped_folder().glob(f"*{PACK_SUFFIX}")
    ]
    cached = [
        StoredModel(Reference(path.parts[-3], path.parts[-2]), path, shipped=False)
        for path in models_folder().glob(f"*/*/{PACKED_MODEL}")
        if is_reference(f"{path.parts[-3]}:{path.parts[-2]}")
    ]
    by_reference = {model.reference: model for model in (*shipped, *cached)}
    by_version = sorted(
        by_reference.values(), key=lambda model: version_key(str(model.reference.version)), reverse=True
    )
    return sorted(by_version, key=lambda model: model.reference.name)


def find_model(reference: Reference, setting: str | None = None) -> StoredModel:
    """Return a packed model on this machine; without a version the newest one. It never goes online.

    Args:
        reference: Its name.
        setting: The argument that named it, for the message.

    Raises:
        ConfigError: There is none of this name and version.
    """
    models = list_models()
    named = [model for model in models if model.reference.name == reference.name]
    for model in named:
        if reference.version in (None, model.reference.version):
            return model
    there = ", ".join(str(model.reference) for model in named or models) or "none"
    raise ConfigError(
        f"{reference}: no packed model of this name and version on this machine; found {there}. Fetch it with: "
        "locgraph model add PATH_OR_URL",
        setting=setting,
    )


def locate(text: str | Path, setting: str | None = None) -> Path:
    """Return the path of what a text names: a file or folder that exists, or a packed model by its name.

    Args:
        text: A path, or ``NAME:VERSION``, ``NAME:latest`` or ``NAME``.
        setting: The argument that held it, for the message.

    Returns:
        The path; as it was given where there is nothing, and it is no name either.

    Raises:
        ConfigError: It is a name, but of no packed model on this machine.
    """
    path = Path(text)
    if path.exists() or isinstance(text, Path) or not is_reference(text):
        return path
    try:
        return find_model(Reference.parse(text), setting).path
    except ConfigError as error:
        if ":" in text:
            raise
        raise ConfigError(
            f"{text}: no such file or folder, and no packed model of this name on this machine", setting=setting
        ) from error


def cached_path(reference: Reference) -> Path:
    """Return where a packed model of this name and version lies in the user's cache."""
    return models_folder() / reference.name / str(reference.version) / PACKED_MODEL


def store(path: Path) -> StoredModel:
    """Copy a packed model into the user's cache, once it is known to be whole.

    Raises:
        CheckpointError: It cannot be read.
        ConfigError: Another one of this name and version is there.
        StorageError: The cache cannot be written to.
    """
    reference = read_pack(path).reference
    target = cached_path(reference)
    if target.is_file():
        if file_sha256(target) == file_sha256(path):
            return StoredModel(reference, target, shipped=False)
        raise ConfigError(
            f"{path}: another model called {reference} is there already; remove it first: locgraph model remove "
            f"{reference}, or give this one another version"
        )
    with whole_file(target) as temporary:
        shutil.copyfile(path, temporary)
    return StoredModel(reference, target, shipped=False)


def remove(reference: Reference) -> Path:
    """Remove a packed model from the user's cache.

    Args:
        reference: Its name, with a version.

    Raises:
        ConfigError: It is not there, or ships with locgraph.
    """
    model = find_model(reference, "arguments")
    if model.shipped:
        raise ConfigError(f"{model.reference} ships with locgraph and cannot be removed", setting="arguments")
    try:
        model.path.unlink()
        for folder in (model.path.parent, model.path.parent.parent):
            folder.rmdir()
    except OSError as error:
        if model.path.exists():
            raise LocgraphError(f"{model.path} cannot be removed: {error}") from error
    return model.path
