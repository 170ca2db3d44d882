"""The device that a run asks for."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from locgraph.errors import ConfigError, within
from locgraph.run_folder import THREADS
from locgraph.settings import check_whole

log = logging.getLogger(__name__)

PRECISIONS = ("16-mixed", "bf16-mixed", "32-true", "32")
SPAWNED = "ddp_spawn"
"""Beginning of the names of strategies that train in processes started by the command itself."""
ACCELERATORS = ("auto", "cpu", "gpu", "cuda")
COMPILE = "compile"
NOT_OF_LIGHTNING = (THREADS, COMPILE)
"""Settings of the group ``trainer`` that are not arguments of Lightning's trainer."""


def check_device(trainer: Mapping[str, Any]) -> None:
    """Refuse an accelerator that is absent, and a precision that it cannot run.

    Args:
        trainer: The group ``trainer``.

    Raises:
        ConfigError: ``accelerator``, ``precision``, ``devices``, ``max_epochs`` or ``threads`` cannot work on this
            machine.
    """
    accelerator, precision = str(trainer["accelerator"]), str(trainer.get("precision", "32-true"))
    if accelerator not in ACCELERATORS:
        raise ConfigError(f"expected one of auto, cpu, gpu, found {accelerator!r}", setting="trainer.accelerator")
    cuda = torch.cuda.is_available()
    if accelerator in ("gpu", "cuda") and not cuda:
        raise ConfigError(
            f"{accelerator} needs a CUDA device, found none; use trainer.accelerator=cpu", setting="trainer.accelerator"
        )
    on_gpu = cuda and accelerator != "cpu"
    if precision == "16-mixed" and not on_gpu:
        log.info("trainer.precision=16-mixed runs as bf16-mixed on this CPU")
    if precision not in PRECISIONS:
        raise ConfigError(
            f"{precision} cannot be run on this {'GPU' if on_gpu else 'CPU'}; expected one of {', '.join(PRECISIONS)}",
            setting="trainer.precision",
        )
    if on_gpu and precision == "bf16-mixed" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ConfigError(
            f"bf16-mixed is not supported by {torch.cuda.get_device_name()}; use 16-mixed", setting="trainer.precision"
        )
    _check_devices(trainer)
    _check_compile(trainer)
    with within("trainer"):
        for name in ("max_epochs", THREADS):
            if trainer.get(name) is not None:
                check_whole(name, trainer[name], at_least=1)


def _check_devices(trainer: Mapping[str, Any]) -> None:
    """Refuse several devices without the strategy that trains on them from within one command."""
    devices, strategy = trainer.get("devices"), str(trainer.get("strategy", "auto"))
    if devices in (None, 1, "1") or (isinstance(devices, list) and len(devices) == 1):
        return
    if isinstance(devices, bool) or not isinstance(devices, (int, list)) or devices in (0, []):
        raise ConfigError(
            f"expected a number of devices, or a list of GPUs such as [0] or [0,1], found {devices!r}",
            setting="trainer.devices",
        )
    if not strategy.startswith(SPAWNED):
        raise ConfigError(
            f"expected 1, or a list of one GPU such as [0], found {devices}: several devices need trainer=ddp, whose "
            f"strategy is {SPAWNED} (found {strategy}), since others start the whole command anew for each device; "
            "folds of a sweep are trained beside each other with launcher=joblib",
            setting="trainer.devices",
        )
    if trainer.get("num_nodes", 1) != 1:
        raise ConfigError(
            f"expected 1: {SPAWNED} trains on one machine, found {trainer['num_nodes']}", setting="trainer.num_nodes"
        )


def _check_compile(trainer: Mapping[str, Any]) -> None:
    """Refuse a backend that torch.compile does not know, and one for several processes."""
    backend = trainer.get(COMPILE)
    if backend is None:
        return
    known = torch.compiler.list_backends(exclude_tags=())
    if backend not in known:
        raise ConfigError(
            f"expected null, or a backend of torch.compile ({', '.join(known)}), found {backend!r}",
            setting="trainer.compile",
        )
    devices = trainer.get("devices")
    if devices not in (None, 1, "1") and not (isinstance(devices, list) and len(devices) == 1):
        raise ConfigError("expected null with several devices: processes train as they are", setting="trainer.compile")


@contextmanager
def compiled(network: torch.nn.Module, trainer: Mapping[str, Any]) -> Iterator[None]:
    """Compile a network while the block runs, where the settings ask for it.

    Evaluation stays as it is, so that no prediction depends on how its network was trained.

    Args:
        network: The network.
        trainer: The group ``trainer``.

    Raises:
        ConfigError: The backend cannot compile it, for instance without a C++ compiler.
    """
    backend = trainer.get(COMPILE)
    if backend is None:
        yield
        return
    network.compile(backend=backend, dynamic=True)
    try:
        yield
    except torch._dynamo.exc.TorchDynamoException as error:
        raise ConfigError(
            f"{backend} cannot compile this network; set it to null ({str(error).strip().splitlines()[0]})",
            setting="trainer.compile",
        ) from error
    finally:
        network._compiled_call_impl = None


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Let PyTorch use a fixed number of processor threads while the block runs.

    Sums over several threads are added in another order: 60 epochs turn such last digits into other weights. So the
    number is a setting, and neither the machine nor ``OMP_NUM_THREADS`` decides.

    Args:
        threads: Their number: ``trainer.threads`` of the training.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
