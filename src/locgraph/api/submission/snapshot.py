"""A copy of the code as it is now, with what a run depends on beside it: configs, versions, environment, changes."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import locgraph
from locgraph.api.config import config_dir
from locgraph.errors import ConfigError
from locgraph.provenance import git_state, whole_file, write_json
from locgraph.run_folder import CONFIG, SNAPSHOT, SNAPSHOT_CHANGES, SNAPSHOT_RECORD, read_record
from locgraph.storage import now, storage_error

SOURCE: Final = "src"
"""Folder of the package in a snapshot, where Python looks for it; the layout is that of a checkout."""

_KEPT: Final = re.compile(
    r"(LOCGRAPH|HYDRA|CUDA|NVIDIA|NCCL|TORCH|PYTORCH|OMP|MKL|OPENBLAS|KMP|NUMBA|POLARS|PYTHON|SLURM|CONDA)\w*"
    r"|PATH|LD_LIBRARY_PATH|VIRTUAL_ENV|LANG|LC_ALL"
)
"""Variables that decide what runs, and how."""

_SECRET: Final = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL|AUTH|JWT|COOKIE", re.IGNORECASE)
_LEFT_OUT: Final = ("__pycache__", "*.pyc", ".*")
_GIT_SECONDS: Final = 60.0


def take_snapshot(folder: Path, settings: Mapping[str, Any], arguments: Sequence[str]) -> Path:
    """Copy the package and its configs into the folder of a run or sweep, with a record of what it came from.

    Args:
        folder: Folder of the run or sweep.
        settings: The composed settings.
        arguments: Arguments of ``train``.

    Returns:
        The snapshot: ``snapshot/1``, or the next number where the code has changed since the last one. Code that has
        not changed is not copied again, since jobs may still run from it.

    Raises:
        StorageError: It cannot be written.
    """
    package, configs = Path(locgraph.__file__).parent, config_dir()
    digest = _digest(package, configs)
    earlier = sorted((folder / SNAPSHOT).glob("*"), key=lambda path: (len(path.name), path.name))
    kept = next((path for path in earlier if read_record(path / SNAPSHOT_RECORD).get("digest") == digest), None)
    target = kept or folder / SNAPSHOT / str(len(earlier) + 1)
    try:
        if kept is None:
            shutil.copytree(package, target / SOURCE / package.name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            if package not in configs.parents:
                shutil.copytree(configs, target / configs.name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
            _write_changes(package, target / SNAPSHOT_CHANGES)
        with whole_file(target / CONFIG) as temporary:
            import yaml

            temporary.write_text(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True), encoding="utf-8")
        # last: a folder without it is no snapshot
        write_json(target / SNAPSHOT_RECORD, _record(digest, arguments))
    except OSError as error:
        refused = storage_error(error, target)
        if refused is None:
            raise ConfigError(f"the code cannot be copied to {target}: {error}", setting="folder") from error
        raise refused from error
    return target


def _record(digest: str, arguments: Sequence[str]) -> dict[str, Any]:
    packages = {each.metadata["Name"]: each.version for each in metadata.distributions() if each.metadata["Name"]}
    return {
        "made": now(),
        "digest": digest,
        "version": locgraph.__version__,
        "git": git_state(),
        "arguments": list(arguments),
        "folder": str(Path.cwd()),
        "host": platform.node(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "packages": dict(sorted(packages.items())),
        "environment": kept_environment(os.environ),
    }


def kept_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that decide what runs and how; those whose names are of secrets are left out."""
    return {
        name: value for name, value in sorted(environment.items()) if _KEPT.fullmatch(name) and not _SECRET.search(name)
    }


def _digest(package: Path, configs: Path) -> str:
    """Return the digest of all files that are copied, names included."""
    digest = hashlib.blake2b(digest_size=8)
    for top in dict.fromkeys((package, configs)):
        for path in sorted(top.rglob("*")):
            parts = path.relative_to(top).parts
            if path.is_file() and path.suffix != ".pyc" and not any(part.startswith((".", "__pyc")) for part in parts):
                digest.update("/".join(parts).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _write_changes(package: Path, path: Path) -> None:
    """Write how a checkout differs from its commit; nothing where there is no checkout, or no difference."""
    checkout = package.parents[1]
    if not (checkout / ".git").exists():
        return
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), "diff", "HEAD", "--binary"],
            capture_output=True,
            check=False,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    if done.returncode == 0 and done.stdout:
        with whole_file(path) as temporary:
            temporary.write_bytes(done.stdout)
