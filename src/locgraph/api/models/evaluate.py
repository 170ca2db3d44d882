"""Evaluation of a checkpoint: its test FOVs again, or new raw files, with predictions, scores and explanations."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import polars as pl

from locgraph import schema
from locgraph.api.config import Settings
from locgraph.api.device import check_device
from locgraph.api.models.ensemble import Ensemble
from locgraph.api.models.load import load
from locgraph.api.models.model import NEW, Model
from locgraph.api.models.needs import Needs
from locgraph.api.models.new_files import read_new
from locgraph.api.objects.counting import OF_THE_TEST, read_tested, write_counts
from locgraph.api.packs.cache import locate
from locgraph.api.prepare import read_catalogue
from locgraph.api.recipes import RAW, check_limits, choose_prepared_dir
from locgraph.api.training.loggers import check_loggers
from locgraph.api.training.tracking import track_evaluation
from locgraph.build import TARGET, build_part, find_class
from locgraph.data.folds import TEST
from locgraph.data.prepared import Prepared
from locgraph.data.scaling import Scaler
from locgraph.errors import ConfigError, DataError, within
from locgraph.io.labels import LocalisationLabels
from locgraph.learn.tabulate import write_tables
from locgraph.preparation.objects.base import ObjectFinder
from locgraph.provenance import write_json
from locgraph.run_folder import COMPLETED, METRICS, PREDICTIONS, RunFolder
from locgraph.storage import locked

log = logging.getLogger(__name__)

_FACTOR = 20
"""Ratio of extents from which on other units are suspected: a camera pixel is 65 to 160 nm."""


def evaluate_settings(settings: Settings, folder: Path) -> dict[str, Any]:
    """Evaluate the checkpoint that settings name, and write predictions, metrics and explanations.

    Args:
        settings: Settings of ``eval``.
        folder: Where to write.

    Returns:
        The metrics, as written to ``metrics.json``; without labels, the number of FOVs alone.

    Raises:
        FolderInUseError: Another process writes to the folder.
        LocgraphError: The checkpoint or the data cannot be used.
    """
    with locked(folder, "paths.run_dir"):
        return _evaluate(settings, folder)


def _evaluate(settings: Settings, folder: Path) -> dict[str, Any]:
    """Evaluate a checkpoint, as `evaluate_settings` does, in a folder that no other process writes to."""
    raw_dir, path = settings["data"]["raw_dir"], locate(settings["ckpt_path"], "ckpt_path")
    _check_paths(path, raw_dir)
    check_loggers(settings)
    predictor = load(path, settings["trusted_packages"])
    # what all members of an ensemble share
    model, split = predictor.members[0], TEST if raw_dir is None else NEW
    if raw_dir is None:
        model.check_has_data("data.raw_dir")
        check_any_test(predictor.test_fovs, path)
    if len(predictor.members) == 1:
        settings = settings | {"ckpt_path": str(model.checkpoint.path)}
    check_device(settings["trainer"])
    vectors = predictor.check_vectors(settings["vectors"])
    abstain = predictor.check_abstain(settings["predict"]["abstain"], "predict.abstain")
    plan = _plan(settings, predictor)
    prepared, fov_ids = prepare_evaluated(settings, predictor, path, plan)
    tables, scores = predictor.predict_prepared(
        prepared,
        fov_ids,
        split=split,
        batch_size=settings["loader"]["batch_size"],
        accelerator=settings["trainer"]["accelerator"],
        vectors=vectors,
        abstain=abstain,
    )
    for warning in scores.get("warnings", ()):
        log.warning(warning)
    write_tables(folder, tables)
    metrics = {
        "status": COMPLETED,
        "reason": None,
        "ckpt_path": str(path),
        "pack": model.checkpoint.pack,
        "tables": str(prepared.tables),
        "warnings": [*prepared.warnings, *scores.pop("warnings", ())],
        "class_names": list(model.class_names),
        "fovs": len(fov_ids),
        "fold": predictor.fold,
        **predictor.describe(fov_ids, split),
        **scores,
    }
    tested, among = (OF_THE_TEST, fov_ids) if raw_dir is None else (read_tested(predictor.members), None)
    metrics |= write_counts(folder, prepared, tables, model.class_names, tested, abstain, among)
    write_json(folder / METRICS, metrics)
    if plan is not None:
        metrics["explanations"] = _explain(settings, model, plan, prepared, tables[PREDICTIONS], folder)
        write_json(folder / METRICS, metrics)
    track_evaluation(settings, model.settings, prepared, tables, metrics)
    return metrics


def prepare_evaluated(
    settings: Settings, predictor: Model | Ensemble, path: Path, plan: Any = None
) -> tuple[Prepared, list[str]]:
    """Prepare the data of the run again, or new raw files.

    Args:
        settings: Settings of ``eval``.
        predictor: The model.
        path: Where it was loaded from.
        plan: What is to be explained; None for nothing.

    Returns:
        The data, and of those of the run the test FOVs, of new files all FOVs or objects.

    Raises:
        LocgraphError: The data cannot be used.
    """
    model = predictor.members[0]
    merged = _merged(settings, model)
    check_limits(merged)

    def check_plan(fov_ids: Sequence[str], known: Mapping[str, Any]) -> None:
        if plan is not None:
            with within("explain"):
                plan.check_fovs(fov_ids, known)

    if settings["data"]["raw_dir"] is None:
        wanted = predictor.test_fovs
        check_plan(wanted, model.record["split"])
        prepared = model.prepare_catalogue(merged, read_catalogue(merged))
        _check_tests(path, wanted, prepared)
        return prepared, wanted
    with Needs.of(model.record).named():
        catalogue = read_new(merged, model.class_names)
    if not merged["objects"]:  # objects are known once they are found
        check_plan([source.fov_id for source in catalogue.sources], {})
    prepared = model.prepare_catalogue(merged, catalogue)
    if merged["objects"]:
        check_plan(list(prepared.labels), {})
    _check_extent(model, prepared)
    return prepared, list(prepared.labels)


def _check_paths(path: Path, raw_dir: str | None) -> None:
    """Refuse a checkpoint or a folder of raw files that is not there."""
    if not path.exists():
        raise ConfigError(
            f"{path}: no such file; expected RUN/checkpoints/best.ckpt of a run, the folder of a sweep, or a packed "
            "model: NAME:VERSION",
            setting="ckpt_path",
        )
    if raw_dir is not None and not Path(raw_dir).is_dir():
        raise DataError(f"{raw_dir}: no such folder; expected a folder of raw files", setting="data.raw_dir")


def check_any_test(wanted: Sequence[str], path: Path) -> None:
    """Refuse to test a release again.

    Raises:
        ConfigError: There is no test FOV.
    """
    if not wanted:
        raise ConfigError(
            f"{path} was trained on every FOV, so that none is left to test; give new raw files",
            setting="data.raw_dir",
        )


def _check_tests(path: Path, wanted: Sequence[str], prepared: Prepared) -> None:
    """Refuse data that test FOVs are missing from."""
    missing = sorted(set(wanted) - set(prepared.labels))
    if missing:
        raise DataError(f"{len(missing)} test FOVs of {path} are not in its data any more, such as {missing[:5]}")


def _explain(
    settings: Settings, model: Model, plan: Any, prepared: Prepared, predictions: pl.DataFrame, folder: Path
) -> dict[str, Any]:
    """Explain predictions; return numbers about it, and the folder of the tables and figures."""
    from locgraph.api.models.explanations import explain_prepared

    def training_data() -> Prepared:
        if settings["data"]["raw_dir"] is None:
            return prepared
        return model.training_data(settings["paths"]["prepared_dir"], **_changes(settings))

    target = _explanations_folder(settings, folder)
    with locked(target, "explain.folder") if target != folder else nullcontext():
        explanations = explain_prepared(plan, prepared, predictions, training_data, target)
    return {**explanations.about, "folder": str(target)}


def _explanations_folder(settings: Settings, folder: Path) -> Path:
    """Return where explanations go: those of the test FOVs of a run into the run, so that its report shows them."""
    if settings["explain"]["folder"] is not None:
        return Path(settings["explain"]["folder"])
    run = Path(settings["ckpt_path"]).resolve().parents[1]
    return run if settings["data"]["raw_dir"] is None and RunFolder(run).is_completed() else folder


def _check_extent(model: Model, prepared: Prepared) -> None:
    """Warn where new FOVs are so much smaller or larger than those of the training that units are likely to differ."""
    trained = Scaler.from_plain(model.record["scaler"]).nm_per_unit
    new = prepared.manifest.table[schema.EXTENT].median()
    if trained and isinstance(new, float) and new > 0 and not 1 / _FACTOR < new / trained < _FACTOR:
        log.warning(
            "the new FOVs extend over %.3g nm (median), those of the training over %.3g nm: are their lengths in "
            "another unit? State it: columns=custom columns.unit=px columns.pixel_size_nm=..., or columns.unit=um",
            *(new, trained),
        )


def _plan(settings: Settings, predictor: Model | Ensemble) -> Any:
    """Return what is to be explained, checked against the model; None where no explainer is chosen."""
    if not settings["explain"].get("explainers"):
        return None
    if len(predictor.members) > 1:
        raise ConfigError(
            f"{settings['ckpt_path']} holds {len(predictor.members)} models, and an explanation is that of one; give "
            "the checkpoint of one",
            setting="ckpt_path",
        )
    from locgraph.api.models.explanations import make_plan

    return make_plan(settings["explain"], predictor.members[0].checkpoint)


def _changes(settings: Settings) -> dict[str, Any]:
    return {"executor": settings["executor"]}


def _merged(settings: Settings, model: Model) -> Settings:
    """Return the settings of the checkpoint, with what ``eval`` changes.

    Raises:
        ConfigError: A setting would have no effect.
    """
    merged = model.settings | _changes(settings)
    merged["limits"]["max_failed_fraction"] = settings["limits"]["max_failed_fraction"]
    raw_dir = settings["data"]["raw_dir"]
    given = {name: settings[name] for name in ("columns", "labels") if settings.get(name) is not None}
    given |= {"objects": settings["objects"]} if "objects" in settings else {}  # null there means whole FOVs
    if raw_dir is None:
        if given:
            raise ConfigError(
                "has no effect without data.raw_dir: the test FOVs of a run are prepared already",
                setting=next(iter(given)),
            )
        merged["paths"] = choose_prepared_dir(merged, settings["paths"]["prepared_dir"])
        return merged
    if merged["data"]["kind"] != RAW:
        raise ConfigError(
            "is given, but the checkpoint was trained on featextracted tables, so it does not know how they were "
            "clustered; evaluate it without data.raw_dir, or train with data=raw",
            setting="data.raw_dir",
        )
    merged["data"]["raw_dir"] = str(raw_dir)
    merged |= given
    if merged["objects"]:
        build_part(ObjectFinder, merged["objects"], "objects")
    merged["paths"] = {"prepared_dir": settings["paths"]["prepared_dir"]}
    if issubclass(find_class(str(merged["labels"][TARGET]), "labels"), LocalisationLabels):
        # classes of localisations keep the names of the checkpoint, whatever map the new files hold
        merged["labels"]["class_names"] = list(model.class_names)
    return merged
