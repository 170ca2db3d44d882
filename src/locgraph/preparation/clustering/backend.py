"""Choice of the backend of a method: the CPU, or the GPU with RAPIDS cuML."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from types import ModuleType
from typing import Final

from locgraph.errors import ConfigError, MissingPackageError

AUTO: Final = "auto"
CPU: Final = "cpu"
CUML: Final = "cuml"
BACKENDS: Final = (AUTO, CPU, CUML)

_SETTING: Final = "backend"
_EXTRA: Final = (
    "cuml needs RAPIDS cuML, which is not installed; pip install 'locgraph[gpu]' on Linux with an NVIDIA GPU, or "
    "choose cpu"
)


def check_backend(backend: str, setting: str = _SETTING) -> str:
    """Return ``backend`` if it can be used here.

    Whether a GPU is visible is checked only when points are clustered: settings may be made on a machine without one.

    Args:
        backend: ``auto``, ``cpu`` or ``cuml``.
        setting: Name of the argument, for the message.

    Raises:
        ConfigError: It is none of these.
        MissingPackageError: It is ``cuml``, and cuML is not installed.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"expected one of {list(BACKENDS)}, found {backend!r}", setting=setting)
    if backend == CUML and not _installed("cuml"):
        raise MissingPackageError(_EXTRA, setting=setting)
    return backend


def choose_backend(backend: str) -> str:
    """Return the backend that runs: ``auto`` is ``cuml`` where it imports and a CUDA device is visible, else ``cpu``.

    Args:
        backend: ``auto``, ``cpu`` or ``cuml``.

    Returns:
        ``cpu`` or ``cuml``.
    """
    if backend == AUTO:
        return CUML if _gpu_ready() else CPU
    return backend


def import_cuml(name: str = "cuml.cluster", setting: str = _SETTING) -> ModuleType:
    """Import a module of cuML.

    Args:
        name: The module.
        setting: Name of the argument that chose cuML, for the message.

    Raises:
        MissingPackageError: cuML, or a library that it needs, is not installed.
        ConfigError: No CUDA device is visible.
    """
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise MissingPackageError(f"{_EXTRA} ({error})", setting=setting) from error
    if _device_count() == 0:
        raise ConfigError(
            "cuml expected a CUDA device, found none visible; check CUDA_VISIBLE_DEVICES, or choose cpu",
            setting=setting,
        )
    return module


@cache  # does not change within a process, needed for each FOV
def _gpu_ready() -> bool:
    if not _installed("cuml"):
        return False
    try:
        import_cuml()
    except (MissingPackageError, ConfigError, RuntimeError):  # RuntimeError: a broken CUDA installation
        return False
    return True


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _device_count() -> int:
    """Return the number of visible CUDA devices; 0 where the driver is missing."""
    runtime = importlib.import_module("cupy.cuda.runtime")
    try:
        return int(runtime.getDeviceCount())
    except RuntimeError:  # cupy's CUDARuntimeError: no driver, or none fitting
        return 0
