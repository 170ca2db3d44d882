"""Training in a process of its own, or on a cluster, with the code as it is when it is handed over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from locgraph.analysis.sweeps.jobs import last_line
from locgraph.api.config import Settings, config_dir, override, plain
from locgraph.api.submission.snapshot import SOURCE, take_snapshot
from locgraph.api.texts import quote_texts
from locgraph.errors import ConfigError, LocgraphError
from locgraph.run_folder import SNAPSHOT_LOG
from locgraph.storage import check_unlocked, is_locked, make_folder

_MULTIRUN: Final = ("-m", "--multirun")
_PATIENCE_S: Final = 120.0
"""Time in which a process that was started says that it is at work, or ends."""
_STEP_S: Final = 0.2


@dataclass(frozen=True)
class Submission:
    """Training that was handed over.

    Attributes:
        folder: Folder of the run or sweep.
        snapshot: The copy of the code that it runs from.
        log: What its process prints; None where that was shown.
        process: Number of its process.
    """

    folder: Path
    snapshot: Path
    log: Path | None
    process: int


def submit(arguments: Sequence[str], module: str, *, wait: bool = False) -> Submission:
    """Copy the code, and start ``train`` from the copy.

    Args:
        arguments: Arguments of ``train``.
        module: The module of commands, as Python's ``-m`` takes it.
        wait: Whether to show what it prints until it ends, rather than to leave it running.

    Returns:
        What was handed over.

    Raises:
        ConfigError: The arguments do not compose.
        FolderInUseError: Another process writes to the folder.
        LocgraphError: Training ended with an error, with ``wait`` or as soon as it was started.
    """
    settings, setting = _compose(arguments)
    folder = Path(settings["paths"][setting]).resolve()
    make_folder(folder, f"paths.{setting}")
    check_unlocked(folder, f"paths.{setting}")
    # fixed here, as it may hold the time of day
    kept = [text for text in arguments if not text.startswith(f"paths.{setting}=")]
    snapshot = take_snapshot(folder, settings, arguments)
    command = [sys.executable, "-m", module, "train", *kept, override(f"paths.{setting}", str(folder))]
    environment = _environment(snapshot)
    if wait:
        process = subprocess.Popen(command, env=environment)
        if process.wait() != 0:
            raise LocgraphError(f"training ended with status {process.returncode}; see locgraph status {folder}")
        return Submission(folder, snapshot, None, process.pid)
    log = snapshot / SNAPSHOT_LOG
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    _wait_for_start(process, folder, log)
    return Submission(folder, snapshot, log, process.pid)


def _environment(snapshot: Path) -> dict[str, str]:
    """Return the environment of this process, in which Python takes the package from a snapshot.

    Processes that it starts, also on a cluster, inherit it. PYTHONSAFEPATH keeps the current folder, which may be a
    checkout, from coming first.
    """
    paths = [str(snapshot / SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}


def _wait_for_start(process: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    """Wait until a process is at work in a folder, or has ended.

    Raises:
        LocgraphError: It ended with an error.
    """
    end = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end and process.poll() is None and not is_locked(folder):
        time.sleep(_STEP_S)
    if process.poll():
        raise LocgraphError(f"training ended at once, with status {process.returncode}: {last_line(log)} (all: {log})")


def _compose(arguments: Sequence[str]) -> tuple[Settings, str]:
    """Return the settings of the first job, and which setting of ``paths`` is the folder of all."""
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    flags = [text for text in arguments if text.startswith("-")]
    if set(flags) - set(_MULTIRUN):
        raise ConfigError(f"expected overrides of train and -m, found {flags}", setting="arguments")
    outer = GlobalHydra.instance().hydra
    try:
        GlobalHydra.instance().clear()
        with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
            parser = OverridesParser.create()
            texts = [quote_texts(text) for text in arguments if text not in flags]
            # values that are swept over differ from job to job
            single = [text for text in texts if not parser.parse_override(text).is_sweep_override()]
            cfg = compose("train", single, return_hydra_config=True)
            several = bool(flags) or (cfg.hydra.mode is not None and cfg.hydra.mode.name == "MULTIRUN")
            own = OmegaConf.masked_copy(cfg, [str(name) for name in cfg if name != "hydra"])
            return plain(own), "sweep_dir" if several else "run_dir"
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise ConfigError(str(error), setting="arguments") from error
    finally:
        GlobalHydra.instance().hydra = outer
