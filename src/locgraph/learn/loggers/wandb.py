"""Runs on Weights & Biases: online where a key is set and the network is there, offline otherwise."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import polars as pl
from lightning.pytorch.loggers import WandbLogger
from lightning.pytorch.loggers.logger import rank_zero_experiment
from lightning.pytorch.utilities import rank_zero_only

from locgraph import schema
from locgraph.errors import ConfigError
from locgraph.learn.loggers.adapters import read_picture
from locgraph.learn.loggers.base import MODEL_FILES, PREPARED_FILES, About, Curves, Files, Tracker
from locgraph.settings import check_number, check_whole

log = logging.getLogger(__name__)

_MODES: Final = {"online": "online", "offline": "offline", "dryrun": "offline", "disabled": "disabled"}  # dryrun: old
_VALIDATION: Final = "val/"
_STEP: Final = "trainer/global_step"
_MOST_FILES: Final = 10_000_000


class WandbRun(WandbLogger, Tracker):
    """Logger of one wandb run.

    Args:
        save_dir: Folder in which the folder ``wandb`` is made.
        project: Project on the dashboard.
        mode: ``online``, ``offline`` or ``disabled``; None takes ``WANDB_MODE``, or online where a key is found.
            Without network or with a wrong key an online run becomes an offline one.
        name: Name of the run; None takes that of the experiment and fold.
        group: What runs share; None takes that of the sweep.
        job_type: None takes train, eval, explain, summary or report.
        tags: Words to find runs by.
        fov_pictures: How many FOVs get a picture in the table of predictions.
        upload_data: Whether the prepared tables are uploaded; otherwise the manifest is, and where the tables lie.
        init_timeout: Seconds to wait for the server at the start; an online run becomes an offline one after them.
        finish_timeout: Seconds to wait for uploads at the end; what is left can be sent by ``wandb sync``.
        **settings: Further arguments of ``wandb.init``, such as ``entity`` and ``notes``.

    Raises:
        ModuleNotFoundError: wandb is not installed.
        ConfigError: There is no such mode, or a number is wrong.
    """

    def __init__(
        self,
        save_dir: str,
        project: str,
        mode: str | None = None,
        name: str | None = None,
        group: str | None = None,
        job_type: str | None = None,
        tags: Sequence[str] = (),
        fov_pictures: int = 40,
        upload_data: bool = False,
        init_timeout: float = 20.0,
        finish_timeout: float = 600.0,
        **settings: Any,
    ) -> None:
        self.fov_pictures = check_whole("fov_pictures", fov_pictures, at_least=0)
        self._upload_data = upload_data
        self._timeouts = {
            "init_timeout": check_number("init_timeout", init_timeout, above=0),
            "finish_timeout": check_number("finish_timeout", finish_timeout, above=0),
        }
        # `offline=True` would set WANDB_MODE for every later run of this process
        super().__init__(
            save_dir=save_dir,
            project=project,
            name=name,
            group=group,
            job_type=job_type,
            tags=list(tags),
            mode=_mode(mode),
            **settings,
        )
        # of Lightning; wandb warns of it
        self._wandb_init.pop("anonymous", None)
        self._metrics: set[str] = set()
        self._uses: dict[str, str] = {}

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The wandb run, begun on first use."""
        if self._experiment is None:
            self._experiment = self._begin()
        return self._experiment

    @property
    def offline(self) -> bool:
        """Whether the run is written to disk alone."""
        return bool(self.experiment.settings._offline)

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log numbers; those of validation by epoch, and their best value stands in the summary."""
        for name in metrics:
            if name.startswith(_VALIDATION) and name not in self._metrics:
                self._metrics.add(name)
                best = "min" if name.endswith("loss") else "max"
                self.experiment.define_metric(name, step_metric="epoch", summary=best)
        super().log_metrics(metrics, step)

    def describe(self, about: About) -> None:
        """Take the name, job type, group and tags where the settings have none."""
        given = {"name": about.name, "group": about.group, "job_type": about.job_type, "tags": list(about.tags)}
        self._wandb_init.update({key: value for key, value in given.items() if not self._wandb_init.get(key)})
        self._name = self._wandb_init["name"]

    def log_picture(self, name: str, path: Path) -> None:
        """Take a PNG file."""
        self.log_image(name, [str(path)])

    def log_table(self, name: str, table: pl.DataFrame, pictures: Mapping[str, Path]) -> None:  # type: ignore[override]
        """Take a table, with a column of pictures where there are some."""
        import wandb

        columns: list[str | int] = [*table.columns]
        rows = [list(row) for row in table.iter_rows()]
        if pictures:
            places = [pictures.get(fov_id) for fov_id in table[schema.FOV_ID]]
            columns.append("picture")
            images = [None if path is None else wandb.Image(read_picture(path)) for path in places]
            rows = [[*row, image] for row, image in zip(rows, images, strict=True)]
        self.experiment.log({name: wandb.Table(columns=columns, data=rows)})

    def log_curves(self, name: str, curves: Curves) -> None:
        """Take a chart of curves."""
        import wandb

        table = curves.table.select(curves.line, curves.x, curves.y)
        chart = wandb.plot_table(
            vega_spec_name="wandb/area-under-curve/v0",
            data_table=wandb.Table(columns=[*table.columns], data=[list(row) for row in table.iter_rows()]),
            fields={"x": curves.x, "y": curves.y, "class": curves.line},
            string_fields={"title": curves.title, "x-axis-title": curves.x, "y-axis-title": curves.y},
        )
        self.experiment.log({name: chart})

    def log_confusion(self, class_names: Sequence[str], counts: Sequence[Sequence[int]]) -> None:
        """Take a confusion matrix, as wandb's own chart."""
        import wandb

        pairs = [
            [truth, predicted, counts[row][column]]
            for row, truth in enumerate(class_names)
            for column, predicted in enumerate(class_names)
        ]
        names: list[str | int] = ["Actual", "Predicted", "nPredictions"]
        chart = wandb.plot_table(
            vega_spec_name="wandb/confusion_matrix/v1",
            data_table=wandb.Table(columns=names, data=pairs),
            fields={str(name): str(name) for name in names},
            string_fields={"title": "confusion matrix"},
        )
        self.experiment.log({"confusion": chart})

    def log_summary(self, values: Mapping[str, Any]) -> None:
        """Take numbers that stand for the whole run."""
        self.experiment.summary.update(dict(values))

    def log_files(self, files: Files) -> None:
        """Take files as an artifact."""
        self.experiment.log_artifact(self._artifact(files), aliases=["latest", files.version])

    def use_files(self, files: Files) -> None:
        """Take an artifact as an input of the run; its reference is in the config too, which is all of it offline."""
        self._uses[files.kind] = files.reference
        self.experiment.config.update({"uses": dict(self._uses)}, allow_val_change=True)
        if self.offline:
            # a run that is offline cannot ask for artifacts: what it has at hand is kept for `wandb sync`
            if files.paths:
                self.log_files(files)
            return
        import wandb

        try:
            if files.paths:
                self.experiment.use_artifact(self._artifact(files), aliases=["latest", files.version])
            else:
                self.experiment.use_artifact(files.reference, type=files.kind)
        except (wandb.errors.Error, ValueError) as error:
            log.info(
                "%s is not on wandb, perhaps not synced yet; its reference is in the config (%s)",
                files.reference,
                error,
            )

    def close(self, failed: bool) -> None:
        """End the run."""
        if self._experiment is not None:
            self._experiment.finish(exit_code=int(failed))

    def _artifact(self, files: Files) -> Any:
        import wandb

        metadata = {**files.about, "version": files.version}
        artifact = wandb.Artifact(files.name, type=files.kind, metadata=metadata)
        # what training wrote does not change any more, so that it need not be copied first
        policy: Literal["immutable", "mutable"] = (
            "immutable" if files.kind in (MODEL_FILES, PREPARED_FILES) else "mutable"
        )
        for path in files.paths:
            artifact.add_file(str(path), policy=policy)
        if files.folder is not None and self._upload_data:
            artifact.add_dir(str(files.folder), name="folder", policy=policy)
        elif files.folder is not None:
            place = files.folder.resolve().as_uri()
            artifact.add_reference(place, name="folder", checksum=False, max_objects=_MOST_FILES)
        return artifact

    def _begin(self) -> Any:
        """Begin the run: online if asked for and possible, offline if not."""
        import wandb

        attached = self.__dict__.get("_attach_id")  # set by Lightning in a process that this one starts
        if attached is not None:
            return wandb._attach(attached)  # type: ignore[attr-defined]
        if wandb.run is not None:
            log.warning("an earlier wandb run was not finished: it ends here, so that the two are not one")
            wandb.finish()
        Path(self._wandb_init["dir"]).mkdir(parents=True, exist_ok=True)
        # versions that do not know finish_timeout wait for as long as uploads take
        fields = wandb.Settings.model_fields
        known: dict[str, Any] = {name: value for name, value in self._timeouts.items() if name in fields}
        timeouts = wandb.Settings(**known)
        try:
            run = wandb.init(**self._wandb_init, settings=timeouts)
        except (wandb.errors.Error, OSError) as error:
            if self._wandb_init["mode"] != "online":
                raise
            log.warning(
                "wandb cannot be reached, so this run is written offline; `wandb sync` sends it later (%s)", error
            )
            self._wandb_init["mode"] = "offline"
            run = wandb.init(**self._wandb_init, settings=timeouts)
        run.define_metric(_STEP)
        run.define_metric("*", step_metric=_STEP, step_sync=True)
        return run


def _mode(mode: str | None) -> str:
    chosen = mode or os.environ.get("WANDB_MODE") or ("online" if _key_is_set() else "offline")
    if chosen not in _MODES:
        raise ConfigError(
            f"expected online, offline, disabled or null (or WANDB_MODE one of these), found {chosen!r}", setting="mode"
        )
    return _MODES[chosen]


def _key_is_set() -> bool:
    """Return whether wandb will find a key: in ``WANDB_API_KEY``, or where ``wandb login`` keeps it."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    import wandb

    given = os.environ.get("WANDB_BASE_URL")
    # the server of wandb has changed its name; keys of either are taken
    places = [given] if given else [str(wandb.Settings().base_url), "https://api.wandb.ai"]
    try:
        kept = netrc(os.environ.get("NETRC"))
    except (OSError, NetrcParseError):
        return False
    return any(kept.authenticators(urlsplit(place).netloc) is not None for place in places)
