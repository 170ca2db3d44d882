"""What a packed model states of its accuracy: scores of test FOVs beside those of the controls, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from locgraph.api.studies.studies import study
from locgraph.errors import DataError
from locgraph.run_folder import CROSS_VALIDATION, RunFolder

if TYPE_CHECKING:
    from locgraph.learn.checkpoint import Checkpoint

_KEPT: Final = (
    *("experiment", "expected_folds", "seeds", "fold_seeds", "table", "best_control", "better_than_controls"),
    *("class_names", "confusion_matrix", "pooled_accuracy"),
)
_SHARED: Final = ("limits", "preprocess", "clustering", "features", "views", "graph", "model")


def collect_scores(folder: Path, setting: str) -> dict[str, Any]:
    """Return the scores of a run, or the cross-validated ones of a sweep, also of that which a release rests on.

    Args:
        folder: A run or sweep, completed with test and controls; or a release.
        setting: The argument that named it, for messages.

    Returns:
        Plain values: the table of the summary, the best control, the headline, calibration of each fold.

    Raises:
        DataError: A fold is missing, there are no test scores, or no controls.
    """
    released = RunFolder(folder).metrics().get(CROSS_VALIDATION)
    if released is not None:
        _check_controls(folder, setting, released["best_control"] is not None or released["no_controls"])
        return dict(released)
    studied = study(folder)
    summary = studied.summary()
    tested = studied.completed
    if not tested or (studied.kind != "run" and not summary.complete):
        why = "; ".join(f"fold {fold}: {reason}" for fold, reason in summary.reasons.items())
        raise DataError(
            f"{folder}: expected test scores of every fold, found none of some ({why or 'not tested'}); finish the "
            "sweep first",
            setting=setting,
        )
    reasons = [RunFolder(run.folder).metrics().get("no_controls") for run in tested]
    _check_controls(folder, setting, summary.best_control() is not None or all(reasons))
    content = summary.content()
    calibration = {str(run.fold): RunFolder(run.folder).metrics().get("calibration") for run in tested}
    return {
        "kind": "one fold" if len(tested) == 1 else "cross-validation",
        "n_folds": len(tested),
        "n_test": int(summary.confusion.sum()),
        "headline": summary.headline(),
        **{name: content[name] for name in _KEPT},
        "no_controls": reasons[0],
        "calibration": calibration,
    }


def _check_controls(folder: Path, setting: str, are_there: Any) -> None:
    if not are_there:
        raise DataError(
            f"{folder}: expected scores of controls beside those of the model, found none; train with controls=true",
            setting=setting,
        )


def check_same_settings(checkpoints: Sequence[Checkpoint], others: Sequence[Checkpoint], where: Path) -> None:
    """Refuse scores of models that were made otherwise than the packed one.

    Args:
        checkpoints: Of the packed model.
        others: Of the runs that the scores are from.
        where: Their folder, for the message.

    Raises:
        DataError: They differ in classes, or in settings of data or model.
    """
    first, other = checkpoints[0].record, others[0].record
    differing = [] if first["class_names"] == other["class_names"] else ["classes"]
    differing += [name for name in _SHARED if _get(first, name) != _get(other, name)]
    if differing:
        raise DataError(
            f"{where}: its models differ from the one to pack in {', '.join(differing)}, so that its scores are not "
            "those of this model; give the sweep that the model belongs to",
            setting="scores",
        )


def _get(record: Mapping[str, Any], name: str) -> Any:
    return record["settings"].get(name)
