"""Annotation in the browser, from Python and from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from locgraph import schema
from locgraph.api.config import Settings
from locgraph.api.viewing import opening_settings, server_settings, settings_over
from locgraph.data.folds import TRAIN, VALIDATION
from locgraph.errors import ConfigError, DataError, renamed, within
from locgraph.run_folder import ANNOTATIONS, PREDICTIONS, RunFolder, find_runs
from locgraph.settings import check_choice, check_flag
from locgraph.viewer.annotating import Annotating
from locgraph.viewer.annotation.order import GIVEN, ORDERS, RANDOM
from locgraph.viewer.annotation.unrevealed import Unrevealed
from locgraph.viewer.opened import FILE, FOLDER, Opened
from locgraph.viewer.opening import open_source
from locgraph.viewer.serve import Viewer
from locgraph.viewer.session import Session

USAGE: Final = "locgraph annotate SOURCE annotator=NAME classes=[a,b,c]"


def annotate(source: str | Path, annotator: str, **settings: Any) -> Viewer:
    """Show a source in the browser, and take labels; in a notebook, as the last line of a cell, below it.

    Args:
        source: A raw file, a folder of them, prepared tables, graphs, a run or a sweep.
        annotator: Name of the person; others see none of its statements.
        **settings: Those of ``configs/annotate.yaml``, such as ``classes=["healthy", "diseased"]``; but ``browser``,
            since `Viewer.open_browser` opens one.

    Returns:
        The running viewer: its ``url`` opens in any browser of this machine.

    Raises:
        LocgraphError: Nothing can be shown, or a setting cannot work.

    Example:
        >>> import locgraph
        >>> locgraph.annotate("raw", "Ada", classes=["healthy", "diseased"])
    """
    chosen = settings_over("annotate", settings | {"source": str(source), "annotator": annotator})
    return Viewer(annotation_session(chosen), server_settings(chosen, framed=True)).start()


def annotation_session(settings: Settings) -> Session:
    """Open what is annotated, and all that an annotator needs.

    Args:
        settings: Those of ``annotate.yaml``.

    Raises:
        ConfigError: Source or annotator are missing, or a setting cannot work.
        DataError: The source cannot be shown, or the file is no table of annotations.
    """
    source = Path(_given(settings, "source", "a file, folder, run or sweep")).expanduser().resolve()
    annotator = _given(settings, "annotator", "your name, under which your labels are kept")
    order = check_choice("order", settings["order"], ORDERS)
    if settings["suggestions"] is None and order not in (GIVEN, RANDOM):
        raise ConfigError(f"order={order} needs predictions: set suggestions to a model, run or sweep", setting="order")
    with renamed("raw_dir", "source"):
        opened = open_source(source, opening_settings(settings))
    predictions = None
    if settings["suggestions"] is not None:
        predictions = find_predictions(str(settings["suggestions"]), source, opened, settings)
    annotating = Annotating(
        opened,
        annotations_path(settings, source),
        annotator,
        settings["classes"],
        order=order,
        seed=settings["seed"],
        blind=settings["blind"],
        predictions=predictions,
    )
    return Session([opened if check_flag("reveal", settings["reveal"]) else Unrevealed(opened)], annotating)


def annotations_path(settings: Settings, source: Path) -> Path:
    """Return the table of annotations that is written to: the one that is named, or one for the name of the source."""
    named = settings["annotations"]
    if named is None:
        name = source.stem if source.is_file() else source.name
        return Path(settings["paths"]["output_dir"]).resolve() / "annotations" / name / ANNOTATIONS
    return Path(str(named)).expanduser().resolve()


def find_predictions(suggestions: str, source: Path, opened: Opened, settings: Settings) -> pl.DataFrame:
    """Return predictions of the FOVs of a source.

    A run, sweep or evaluation that has predictions of these FOVs by networks that were not trained on them gives those.
    From anything else a model is loaded, which predicts the raw files.

    Args:
        suggestions: Folder of a run, sweep or evaluation, a checkpoint, or a packed model.
        source: What is annotated.
        opened: Its FOVs.
        settings: Those of ``annotate.yaml``, for ``columns`` and ``trusted_packages``.

    Returns:
        One row for each FOV: ``fov_id``, ``prediction``, ``p_<class>``, ...

    Raises:
        LocgraphError: There are none, and none can be made.
    """
    fov_ids = opened.fovs()[schema.FOV_ID].to_list()
    known = _unseen_predictions(Path(suggestions).expanduser(), fov_ids)
    if known is not None:
        return known
    if opened.kind not in (FILE, FOLDER):
        raise ConfigError(
            f"expected predictions of these FOVs by networks that were not trained on them; {suggestions} has none, "
            f"and {opened.title} holds no raw files that a model could predict",
            setting="suggestions",
        )
    from locgraph.api.models.load import load

    with within("suggestions"):
        model = load(suggestions, settings["trusted_packages"])
        table = model.predict(source, columns=settings["columns"])
    return _of_fovs(table, fov_ids, suggestions)


def _unseen_predictions(folder: Path, fov_ids: list[str]) -> pl.DataFrame | None:
    """Return predictions that a folder holds of FOVs that were not trained on; None where there are none of these."""
    if not folder.is_dir():
        return None
    runs = [run for run in find_runs(folder) if (run.path / PREDICTIONS).is_file()] or [RunFolder(folder)]
    tables = [run.table(PREDICTIONS) for run in runs if (run.path / PREDICTIONS).is_file()]
    if not tables:
        return None
    table = pl.concat(tables, how="diagonal_relaxed").filter(pl.col(schema.FOV_ID).is_in(fov_ids))
    if schema.SPLIT in table.columns:
        table = table.filter(~pl.col(schema.SPLIT).is_in([TRAIN, VALIDATION]))
    return None if table.is_empty() else _join(table)


def _join(table: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each FOV: the mean of the probabilities where several networks predicted it."""
    if table[schema.FOV_ID].n_unique() == table.height:
        return table
    columns = [name for name in table.columns if name.startswith(schema.PROBABILITY_PREFIX)]
    others = [name for name in (schema.TYPICALITY, schema.DISAGREEMENT) if name in table.columns]
    means = table.group_by(schema.FOV_ID, maintain_order=True).agg(pl.col(*columns, *others).cast(pl.Float64).mean())
    best = means.select(columns).to_numpy().argmax(axis=1)
    names = [columns[place].removeprefix(schema.PROBABILITY_PREFIX) for place in best]
    return means.with_columns(pl.Series(schema.PREDICTION, names))


def _of_fovs(table: pl.DataFrame, fov_ids: list[str], suggestions: str) -> pl.DataFrame:
    known = table.filter(pl.col(schema.FOV_ID).is_in(fov_ids))
    if known.is_empty():
        raise DataError(
            f"{suggestions} predicted {table.height} FOVs, none of which is shown here", setting="suggestions"
        )
    return known


def _given(settings: Settings, name: str, what: str) -> str:
    value = settings[name]
    if value is None or not str(value).strip():
        raise ConfigError(f"expected {what}; found none. Call it as: {USAGE}", setting=name)
    return str(value)
