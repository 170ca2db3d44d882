"""One small trained run and one small sweep that several tests look at."""

import copy
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from locgraph.commands import assemble, prepare
from locgraph.commands.app import config_dir, launch
from locgraph.data.folds import Split

TINY = (
    "experiment=demo",
    "simulation.fovs_per_class=9",
    "simulation.origami.classes=[T,L]",
    "clustering.n_clusters=8",
    "views.count=2",
    "fold.n_folds=3",
    "trainer.max_epochs=3",
    "executor=serial",
)


@dataclass(frozen=True)
class Finished:
    """A finished command: where it ran, and the overrides it ran with."""

    folder: Path
    run_dir: Path
    overrides: tuple[str, ...]

    def metrics(self) -> dict:
        """The content of ``metrics.json``."""
        return json.loads((self.run_dir / "metrics.json").read_text())


def run_in(folder: Path, command: str, *overrides: str) -> None:
    """Runs a command in this process, as if started in ``folder``."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        launch(command, list(overrides))
    finally:
        os.chdir(before)


@pytest.fixture
def tiny() -> tuple[str, ...]:
    """Overrides that make the demo take seconds."""
    return TINY


@pytest.fixture(scope="session")
def run() -> Callable[..., None]:
    """Runs a command: folder, command, overrides."""
    return run_in


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that must exit with status 1, and gives what it printed to standard error."""

    def run(folder: Path, command: str, *overrides: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            run_in(folder, command, *overrides)
        assert stopped.value.code == 1
        printed = capsys.readouterr().err
        assert "Traceback" not in printed
        return " ".join(printed.split())

    return run


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """``train`` run once on tiny simulated data."""
    folder = tmp_path_factory.mktemp("trained")
    run_dir = folder / "run"
    run_in(folder, "train", *TINY, f"paths.run_dir={run_dir}")
    return Finished(folder, run_dir, TINY)


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """All three folds trained by ``sweep=kfold``."""
    folder = tmp_path_factory.mktemp("swept")
    sweep_dir = folder / "sweep"
    run_in(folder, "train", *TINY, "sweep=kfold", f"paths.sweep_dir={sweep_dir}")
    return Finished(folder, sweep_dir, TINY)


@cache
def _composed(command: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        return compose(command, list(overrides))


@pytest.fixture(scope="session")
def composed() -> Callable[..., DictConfig]:
    """Composes the configuration of a command, which may be changed: command, overrides."""
    return lambda command, *overrides: copy.deepcopy(_composed(command, *overrides))


@dataclass(frozen=True)
class Fold:
    """What training of the small run starts from."""

    cfg: DictConfig
    prepared: prepare.Prepared
    split: Split


@pytest.fixture(scope="session")
def _fold(trained: Finished, composed: Callable[..., DictConfig]) -> Fold:
    cfg = composed("train", *TINY, f"paths.output_dir={trained.folder / 'outputs'}")
    prepared = prepare.run(cfg)
    return Fold(cfg, prepared, assemble.build(cfg.fold).plan(prepared.manifest)[0])


@pytest.fixture
def fold(_fold: Fold) -> Fold:
    """The configuration, the data and the split of the small run; the configuration may be changed."""
    return Fold(copy.deepcopy(_fold.cfg), _fold.prepared, _fold.split)
