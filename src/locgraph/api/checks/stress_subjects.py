"""What is put under stress: trained models, the FOVs that each is tested on, and forests on the same training FOVs."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from locgraph import schema
from locgraph.analysis.control_inputs import read_positions
from locgraph.analysis.controls import PAIR_DISTANCES, PAIR_DISTANCES_AND_COUNT
from locgraph.analysis.forest import PairDistanceForest
from locgraph.analysis.sweeps.runs import Failure
from locgraph.api.config import Settings
from locgraph.api.models.evaluate import check_any_test
from locgraph.api.models.load import load, load_model
from locgraph.api.models.model import Model
from locgraph.api.models.new_files import read_new
from locgraph.api.prepare import list_raw_files
from locgraph.api.recipes import RAW, choose_prepared_dir, table_settings
from locgraph.api.studies.studies import study
from locgraph.data.folds import TEST, TRAIN, VALIDATION
from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.io.catalogue import Catalogue, FovSource
from locgraph.provenance import fingerprint
from locgraph.run_folder import RunFolder

log = logging.getLogger(__name__)


@dataclass
class Subject:
    """A model, and what is compared with it.

    Attributes:
        name: Where the model is from.
        model: The model.
        tests: FOVs that it is tested on.
        forests: Name of a control -> the forest, trained on the training and validation FOVs of the model.
    """

    name: str
    model: Model
    tests: tuple[str, ...] = ()
    forests: Mapping[str, PairDistanceForest] = field(default_factory=dict)


def find_subjects(path: Path, trusted: Sequence[str]) -> tuple[list[Subject], dict[str, str]]:
    """Load a checkpoint, all networks of a packed model, or the best checkpoint of each completed run of a folder.

    Returns:
        The models; folder of each run without a result -> why.

    Raises:
        DataError: There is no completed run, or runs of different settings.
    """
    if not path.is_dir():
        members = load(path, trusted).members
        names = [str(path)] if len(members) == 1 else [f"{path}, fold {model.fold}" for model in members]
        return [Subject(name, model) for name, model in zip(names, members, strict=True)], {}
    studied = study(path)
    failed = {str(run.folder): run.reason for run in studied.runs if isinstance(run, Failure)}
    subjects = [Subject(str(run.folder), load_model(RunFolder(run.folder).best, trusted)) for run in studied.completed]
    if not subjects:
        raise DataError(f"{path}: expected at least one completed run, found none: {failed}", setting="ckpt_path")
    for name, reason in failed.items():
        log.warning("left out %s: %s", name, reason)
    return subjects, failed


def check_subjects(subjects: Sequence[Subject]) -> None:
    """Refuse models that cannot be tested on raw localisations, or not together.

    Raises:
        ConfigError: A model was trained on featextracted tables, or classifies localisations alone.
        DataError: Models differ in classes, or in how data are prepared.
    """
    first = subjects[0]
    for subject in subjects:
        settings = subject.model.settings
        if settings["data"]["kind"] != RAW:
            raise ConfigError(
                f"{subject.name} was trained on featextracted tables, so there are no raw localisations to perturb; "
                "train with data=raw",
                setting="ckpt_path",
            )
        if not subject.model.class_names:
            raise ConfigError(f"{subject.name} does not classify FOVs; expected a model that does", setting="ckpt_path")
        differing = [
            name
            for name, mine, its in (
                ("classes", subject.model.class_names, first.model.class_names),
                ("preparation", _preparation(subject.model), _preparation(first.model)),
            )
            if mine != its
        ]
        if differing:
            raise DataError(
                f"{subject.name} and {first.name} differ in their {' and '.join(differing)}: test each alone",
                setting="ckpt_path",
            )


def _preparation(model: Model) -> str:
    return fingerprint(table_settings(model.settings), model.settings["graph"])


def assign_tests(subjects: Sequence[Subject], settings: Settings) -> dict[str, FovSource]:
    """Give each model the FOVs that it is tested on: those of its fold, or all new ones.

    Args:
        subjects: The models, of equal preparation.
        settings: Settings of ``stress``.

    Returns:
        FOV to its raw file, with its class.

    Raises:
        DataError: No FOV with a class of the models is left.
    """
    model, raw_dir = subjects[0].model, settings["data"]["raw_dir"]
    merged = model.settings
    given = {name: settings[name] for name in ("columns", "labels") if settings.get(name) is not None}
    if raw_dir is None:
        if given:
            raise ConfigError(
                "has no effect without data.raw_dir: the test FOVs of a run are known already",
                setting=next(iter(given)),
            )
        model.check_has_data("data.raw_dir")
        catalogue = list_raw_files(merged)
        wanted = sorted({fov for subject in subjects for fov in subject.model.record["split"][TEST]})
        check_any_test(wanted, model.checkpoint.path)
    else:
        merged |= given
        merged["data"]["raw_dir"] = str(raw_dir)
        catalogue = read_new(merged, model.class_names)
        wanted = [source.fov_id for source in catalogue.sources]
    listed = catalogue.sources
    if merged["objects"]:
        listed = _list_objects(model, merged, catalogue, settings)
        wanted = wanted if raw_dir is None else [source.fov_id for source in listed]
    sources = {source.fov_id: source for source in listed if source.label in model.class_names}
    absent = sorted(set(wanted) - set(sources))
    if absent:
        log.warning("left out %d FOVs without raw file or known class, such as %s", len(absent), absent[:5])
    if len(absent) == len(wanted):
        raise DataError(
            f"expected FOVs with a class among {', '.join(model.class_names)}, found none of {len(wanted)} in "
            f"{merged['data']['raw_dir']}",
            setting="data.raw_dir",
        )
    for subject in subjects:
        own = subject.model.record["split"][TEST] if raw_dir is None else wanted
        subject.tests = tuple(fov for fov in own if fov in sources)
    return {fov: sources[fov] for fov in wanted if fov in sources}


def _list_objects(model: Model, merged: Settings, catalogue: Catalogue, settings: Settings) -> tuple[FovSource, ...]:
    """Find the objects of FOVs, and return each as a source of its own."""
    own = settings["paths"]["prepared_dir"]
    paths = choose_prepared_dir(merged, own) if settings["data"]["raw_dir"] is None else {"prepared_dir": own}
    prepared = model.prepare_catalogue(merged | {"paths": paths, "executor": settings["executor"]}, catalogue)
    parents = {source.fov_id: source for source in catalogue.sources}
    rows = prepared.manifest.table.select(schema.FOV_ID, schema.PARENT_FOV, schema.LABEL).iter_rows()
    return tuple(parents[parent].object(fov.removeprefix(f"{parent}/"), label) for fov, parent, label in rows)


def choose_fovs(labels: Mapping[str, str], most: int | None, seed: int) -> list[str]:
    """Return at most ``most`` FOVs, of each class alike, drawn at random; None returns all."""
    by_class: dict[str, list[str]] = defaultdict(list)
    for fov in sorted(labels):
        by_class[labels[fov]].append(fov)
    rng = np.random.default_rng(seed)
    drawn = [[fovs[place] for place in rng.permutation(len(fovs))] for _, fovs in sorted(by_class.items())]
    ranked = sorted((rank, place, fov) for place, fovs in enumerate(drawn) for rank, fov in enumerate(fovs))
    return sorted(fov for _, _, fov in ranked[:most])


def train_forests(subjects: Sequence[Subject], settings: Settings) -> str | None:
    """Train the controls on pair distances for each model, on its training and validation FOVs.

    Args:
        subjects: The models; each gets its forests.
        settings: Settings of ``stress``.

    Returns:
        Why there are none; None where there are.
    """
    model = subjects[0].model
    try:
        prepared = model.training_data(settings["paths"]["prepared_dir"], executor=settings["executor"])
        splits = [subject.model.record["split"] for subject in subjects]
        fovs = sorted({fov for split in splits for side in (TRAIN, VALIDATION) for fov in split[side]})
        positions = {fov: read_positions(prepared.tables, fov) for fov in fovs}
        for subject, split in zip(subjects, splits, strict=True):
            train = {fov: positions[fov] for fov in (*split[TRAIN], *split[VALIDATION])}
            labels = {fov: str(prepared.labels[fov]) for fov in train}
            seed = int(subject.model.settings["seed"])
            subject.forests = {
                name: PairDistanceForest(train, labels, model.class_names, seed, with_count)
                for name, with_count in ((PAIR_DISTANCES_AND_COUNT, True), (PAIR_DISTANCES, False))
            }
    except (LocgraphError, KeyError) as error:
        log.warning("no forests: the training FOVs cannot be used: %s", error)
        return str(error)
    return None
