"""Where a clusterer, or another method that both have, runs: on the CPU, or on the GPU with RAPIDS cuML."""

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

_SETTING: Final = "clustering.backend"
_EXTRA: Final = (
    "{0}: cuml needs RAPIDS cuML, which is not installed; pip install 'locgraph[gpu]' on Linux with an NVIDIA GPU, or "
    "set {0}: cpu"
)


def check_backend(backend: str, setting: str = _SETTING) -> str:
    """Returns ``backend`` if it can be used here.

    Whether a GPU is visible is asked only when points are clustered: settings may be made on a machine without one.

    Args:
        backend: ``auto``, ``cpu`` or ``cuml``.
        setting: What the user calls it.

    Raises:
        ConfigError: It is none of these.
        MissingPackageError: It is ``cuml``, and cuML is not installed.
    """
    if backend not in BACKENDS:
        raise ConfigError(f"{setting} must be one of {list(BACKENDS)}, found {backend!r}")
    if backend == CUML and not _installed("cuml"):
        raise MissingPackageError(_EXTRA.format(setting))
    return backend


def choose_backend(backend: str) -> str:
    """The backend that runs: ``auto`` is ``cuml`` where it imports and a CUDA device is visible, else ``cpu``.

    Args:
        backend: ``auto``, ``cpu`` or ``cuml``.

    Returns:
        ``cpu`` or ``cuml``.
    """
    if backend == AUTO:
        return CUML if _gpu_ready() else CPU
    return backend


def import_cuml(name: str = "cuml.cluster", setting: str = _SETTING) -> ModuleType:
    """Imports a module of cuML.

    Args:
        name: The module.
        setting: What the user calls the choice of the backend.

    Raises:
        MissingPackageError: cuML, or a library that it needs, is not installed.
        ConfigError: No CUDA device is visible.
    """
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise MissingPackageError(f"{_EXTRA.format(setting)} ({error})") from error
    if _device_count() == 0:
        raise ConfigError(
            f"{setting}: cuml expected a CUDA device, found none visible; "
            f"check CUDA_VISIBLE_DEVICES, or set {setting}: cpu"
        )
    return module


@cache  # a fact about this process, asked for each FOV
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
    """Number of visible CUDA devices; 0 where the driver is missing."""
    runtime = importlib.import_module("cupy.cuda.runtime")
    try:
        return int(runtime.getDeviceCount())
    except RuntimeError:  # cupy's CUDARuntimeError: no driver, or none fitting
        return 0
