"""Checks that need no data and no training: they fail within seconds of the start."""

from __future__ import annotations

import logging

from omegaconf import DictConfig

from locgraph.errors import ConfigError

log = logging.getLogger(__name__)

_PRECISIONS = ("16-mixed", "bf16-mixed", "32-true", "32", "64-true", "64")


def check_device(cfg: DictConfig) -> None:
    """Refuses an accelerator that is not there, and a precision that it cannot run.

    Raises:
        ConfigError: ``trainer.accelerator`` or ``trainer.precision`` cannot work on this machine.
    """
    import torch

    accelerator, precision = str(cfg.trainer.accelerator), str(cfg.trainer.get("precision", "32-true"))
    if accelerator not in ("auto", "cpu", "gpu", "cuda"):
        raise ConfigError(f"trainer.accelerator must be one of auto, cpu, gpu, found {accelerator!r}")
    cuda = torch.cuda.is_available()
    if accelerator in ("gpu", "cuda") and not cuda:
        raise ConfigError(
            f"trainer.accelerator={accelerator} needs a CUDA device, found none; use trainer.accelerator=cpu"
        )
    on_gpu = cuda and accelerator != "cpu"
    if precision == "16-mixed" and not on_gpu:
        log.info("trainer.precision=16-mixed runs as bf16-mixed on this CPU")
    if precision not in _PRECISIONS:
        raise ConfigError(
            f"trainer.precision={precision} cannot be run on this {'GPU' if on_gpu else 'CPU'}; "
            f"expected one of {', '.join(_PRECISIONS)}"
        )
    if on_gpu and precision == "bf16-mixed" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ConfigError(
            f"trainer.precision=bf16-mixed is not supported by {torch.cuda.get_device_name()}; "
            "use trainer.precision=16-mixed"
        )


def check_source(cfg: DictConfig, overrides: list[str]) -> None:
    """Refuses settings that the chosen source of data would ignore.

    Raises:
        ConfigError: ``data=featextracted`` together with settings of clustering and the like.
    """
    if cfg.data.kind != "featextracted":
        return
    ignored = ("columns", "labels", "groups", "clustering", "features", "views", "simulation")
    named = [text for text in overrides if text.lstrip("+~").split("=")[0].split(".")[0] in ignored]
    if named:
        raise ConfigError(
            f"data=featextracted takes tables as they are, so {named} would have no effect; "
            "leave them out, or use data=raw"
        )
