"""Trained models from where they lie: checkpoints, runs, sweeps, and packed models by path or name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from locgraph.api.models.ensemble import Ensemble
from locgraph.api.models.model import Model
from locgraph.api.packs.cache import locate
from locgraph.api.packs.packed import Pack, read_network, read_networks
from locgraph.errors import DataError
from locgraph.learn.checkpoint import Checkpoint, check_targets
from locgraph.run_folder import RunFolder, find_runs


def load(path: str | Path | Sequence[str | Path], trusted: Sequence[str] = ("locgraph",)) -> Model | Ensemble:
    """Load a trained model, or several as one.

    Args:
        path: A checkpoint, the folder of a run or a packed model of one network, which give a `Model`; the folder of a
            sweep, or one with runs of several seeds, a packed sweep, or several checkpoints, which give an `Ensemble`
            of all completed runs. A packed model is named by its path, or as ``NAME:VERSION``, where ``latest`` or no
            version takes the newest on this machine; nothing is fetched.
        trusted: Packages whose classes a checkpoint may name.

    Raises:
        CheckpointError: A checkpoint cannot be read, or names classes of other packages.
        ConfigError: There is no packed model of this name.
        DataError: There is no completed run, or models do not fit together.
    """
    if not isinstance(path, (str, Path)):
        return Ensemble([member for each in path for member in _load_file(locate(each, "path"), trusted)])
    folder = locate(path, "path")
    if not folder.is_dir():
        return _join(_load_file(folder, trusted))
    runs = find_runs(folder)
    failed = {str(run.path): run.state().reason or run.state().state for run in runs if not _is_trained(run)}
    members = [member for run in runs if _is_trained(run) for member in _load_file(run.best, trusted)]
    if not members:
        why = f": {failed}" if failed else "; expected the folder of a run or sweep"
        raise DataError(f"{folder}: expected at least one completed run, found none{why}", setting="path")
    if len(runs) == 1 and runs[0].path == folder:
        return members[0]
    return Ensemble(members, failed)


def load_pack(pack: Pack, trusted: Sequence[str] = ("locgraph",)) -> Model | Ensemble:
    """Return the model of a pack that was read, or the ensemble of all its networks.

    Raises:
        CheckpointError: Its networks cannot be read, or name classes of packages that are not trusted.
    """
    return _join(make_models(pack.checkpoints(), trusted))


def _load_file(path: Path, trusted: Sequence[str]) -> list[Model]:
    return make_models(read_networks(path, "path"), trusted)


def _join(members: Sequence[Model]) -> Model | Ensemble:
    return members[0] if len(members) == 1 else Ensemble(members)


def _is_trained(run: RunFolder) -> bool:
    return run.is_completed() and run.best.is_file()


def load_model(path: str | Path, trusted: Sequence[str] = ("locgraph",)) -> Model:
    """Load a trained model.

    Args:
        path: Its checkpoint: ``RUN/checkpoints/best.ckpt``; or a packed model of one network, by its path or name.
        trusted: Packages whose classes the checkpoint may name.

    Raises:
        CheckpointError: The checkpoint cannot be read, names classes of other packages, or holds several networks.
    """
    located = locate(path, "path")
    return make_models([read_network(located, "path")], trusted)[0]


def make_models(checkpoints: Sequence[Checkpoint], trusted: Sequence[str]) -> list[Model]:
    """Return the models of checkpoints, which may come from anyone.

    Raises:
        CheckpointError: A checkpoint names classes of packages that are not trusted.
    """
    for checkpoint in checkpoints:
        check_targets(checkpoint.record["settings"], list(trusted), str(checkpoint.path))
    return [Model(checkpoint) for checkpoint in checkpoints]
