"""Checks that need no data and no training: they fail within seconds of the start."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from locgraph.errors import ConfigError

log = logging.getLogger(__name__)

_PRECISIONS = ("16-mixed", "bf16-mixed", "32-true", "32")
_NUMBERS: dict[str, tuple[type, str, float, float]] = {
    "seed": (int, "a whole number from 0 to 4294967295", 0, 2**32 - 1),
    "data.max_refused_fraction": (float, "a number from 0 to 1", 0, 1),
    "data.max_failed_fraction": (float, "a number from 0 to 1", 0, 1),
    "data.min_localisations": (int, "at least 1, a whole number", 1, math.inf),
    "data.min_clusters": (int, "at least 1, a whole number", 1, math.inf),
    "data.keep_unclustered": (bool, "true or false", 0, 1),
    "data.batch_size": (int, "at least 1, a whole number", 1, math.inf),
    "data.num_workers": (int, "at least 0, a whole number", 0, math.inf),
    "data.in_memory": (bool, "true or false", 0, 1),
    "trainer.max_epochs": (int, "at least 1, a whole number", 1, math.inf),
}


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


def check_values(cfg: DictConfig) -> None:
    """Refuses numbers that could not work, where a library would tell so late or not at all.

    Raises:
        ConfigError: A value is not of the kind that is expected, or out of range.
    """
    for name, (kind, words, low, high) in _NUMBERS.items():
        value = OmegaConf.select(cfg, name)
        if value is None:
            continue
        whole_for_real = kind is float and type(value) is int
        if not (type(value) is kind or whole_for_real) or not low <= value <= high:
            raise ConfigError(f"{name} must be {words}, found {value!r}")
    devices = OmegaConf.select(cfg, "trainer.devices")
    if devices not in (None, 1, "1") and not (OmegaConf.is_list(devices) and len(devices) == 1):
        raise ConfigError(
            f"trainer.devices must be 1, or a list of one GPU such as [0], found {devices}: a run uses one device; "
            "train the folds of a sweep beside each other instead"
        )


def check_training(cfg: DictConfig) -> None:
    """Refuses settings of training that contradict each other, or name a file that is not there.

    Raises:
        ConfigError: Classes are balanced twice, or ``model.init_from`` is no file.
    """
    sampler = str(cfg.training.sampler._target_)
    if cfg.training.class_weights == "balanced" and getattr(_class(sampler), "balances_classes", False):
        raise ConfigError(
            f"training.sampler={sampler} and training.class_weights=balanced both balance the classes, and together "
            "turn rare ones into frequent ones; set training.class_weights=none"
        )
    start = cfg.model.init_from
    if start is not None and not Path(str(start)).is_file():
        raise ConfigError(
            f"model.init_from={start}: no such file; expected RUN/checkpoints/best.ckpt of another run, or null"
        )


def _class(target: str) -> Any:
    try:
        return get_object(target)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"training.sampler._target_={target} is not there: {error}") from error


def check_source(cfg: DictConfig, overrides: list[str]) -> None:
    """Refuses settings that the chosen source of data would ignore.

    Raises:
        ConfigError: ``data=featextracted`` together with settings of clustering and the like.
    """
    if cfg.data.kind != "featextracted":
        return
    ignored = ("columns", "labels", "groups", "preprocess", "clustering", "features", "views", "simulation")
    named = [text for text in overrides if text.lstrip("+~").split("=")[0].split(".")[0] in ignored]
    if named:
        raise ConfigError(
            f"data=featextracted takes tables as they are, so {named} would have no effect; "
            "leave them out, or use data=raw"
        )
