"""One annotator at work: each step is in the file before it is answered, and statements of others stay hidden."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from locgraph import schema
from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.io.annotations.table import append_annotations, undo
from locgraph.provenance import file_digest, fingerprint
from locgraph.schema import annotation as columns
from locgraph.settings import check_flag
from locgraph.storage import make_folder
from locgraph.viewer.annotation.described import describe_statements, describe_suggestions
from locgraph.viewer.annotation.history import History, Steps
from locgraph.viewer.annotation.labelled import LabelledLocalisations, packed
from locgraph.viewer.annotation.order import GIVEN, order_fovs
from locgraph.viewer.annotation.progress import TO_DO, describe_progress, states_of
from locgraph.viewer.annotation.statements import (
    Statement,
    StepError,
    centre_of,
    check_classes,
    check_name,
    check_step,
    read_statement,
)
from locgraph.viewer.opened import PROBLEM, Opened, pick

if TYPE_CHECKING:
    from locgraph.viewer.scene import Scene

_UNDO_KEYS: Final = frozenset({"annotation_id", "annotator", "redo"})


class NotKeptError(LocgraphError):
    """A step makes sense, but cannot be kept now: the page keeps it and sends it again."""


class Annotating:
    """The statements of one annotator about the FOVs of a source, in a table that several people may write to.

    Undone and redone steps are rows too, so that all that is known here follows from the file: a server that is killed
    and started again goes on where it was.

    Args:
        opened: The FOVs.
        path: The table of annotations; made with the first step.
        annotator: Name of the person.
        classes: Names of classes; None takes those of the source and of the table.
        order: In which FOVs are shown, one of `locgraph.viewer.annotation.order.ORDERS`.
        seed: Of the order ``random``.
        blind: Whether statements of others stay hidden.
        predictions: One row for each FOV, which is shown as a suggestion on demand; None suggests nothing.

    Attributes:
        classes: The classes that may be stated.
        fov_ids: Name of each FOV.
        order: Rows of the FOVs as they are shown, without those that cannot be.

    Raises:
        ConfigError: A setting cannot work, or there are no classes.
        DataError: The file is no table of annotations, or no FOV can be shown.
    """

    def __init__(
        self,
        opened: Opened,
        path: Path,
        annotator: str,
        classes: Sequence[str] | None = None,
        *,
        order: str = GIVEN,
        seed: int = 0,
        blind: bool = True,
        predictions: pl.DataFrame | None = None,
    ) -> None:
        self.annotator = check_name("annotator", annotator)
        self.path = path
        self.opened = opened
        self.blind = check_flag("blind", blind)
        make_folder(path.parent, "annotations")
        self._file = History(path)
        self._fovs = opened.fovs()
        self.fov_ids: list[str] = self._fovs[schema.FOV_ID].to_list()
        problems = self._fovs[PROBLEM].to_list() if PROBLEM in self._fovs.columns else [None] * len(self.fov_ids)
        self._problems = dict(zip(self.fov_ids, problems, strict=True))
        self._index = {fov_id: index for index, fov_id in enumerate(self.fov_ids) if problems[index] is None}
        self.classes = self._known_classes() if classes is None else check_classes(classes)
        ordered = order_fovs(self.fov_ids, order, seed, predictions)
        self.order = [index for index in ordered if problems[index] is None]
        if not self.order:
            reason = next((f": {problem}" for problem in problems if problem is not None), "")
            raise DataError(f"{opened.title}: expected FOVs that can be shown, found none of {len(problems)}{reason}")
        self._order_name = order
        self._suggestions = {} if predictions is None else self._known_suggestions(predictions)
        self._labelled = LabelledLocalisations(self.classes)
        self._digests: dict[tuple[str, int, int], str] = {}
        self._lock = threading.Lock()

    def described(self) -> dict[str, Any]:
        """Return what a page has to know first."""
        return {
            "annotator": self.annotator,
            "classes": list(self.classes),
            "file": str(self.path),
            "key": fingerprint(str(self.path), self.annotator, self.fov_ids),
            "order": self._order_name,
            "sequence": self.order,
            "blind": self.blind,
            "suggestions": bool(self._suggestions),
        }

    @property
    def n_suggestions(self) -> int:
        """Number of FOVs that have a prediction."""
        return len(self._suggestions)

    def own(self) -> pl.DataFrame:
        """Return the standing statements of this annotator, as `locgraph.io.annotations` returns them."""
        return self._steps().standing

    def state(self, index: int, scene: Callable[[], Scene]) -> dict[str, Any]:
        """Return the statements of this annotator about a FOV, with coordinates relative to its origin.

        Args:
            index: Row of the FOV.
            scene: Returns its scene; called where there are coordinates.

        Raises:
            NotThereError: There is no such FOV.
        """
        fov_id = pick(self.fov_ids, index, "FOV")
        steps = self._steps()
        state, label = states_of(steps.standing, self._index).get(fov_id, (TO_DO, None))
        content = {
            "fov_id": fov_id,
            "state": state,
            "label": label,
            "statements": describe_statements(steps.standing.filter(pl.col(columns.FOV_ID) == fov_id), scene),
            "suggestion": self._suggestions.get(fov_id),
            **steps.possible(),
        }
        if not self.blind:
            content["others"] = describe_statements(self._others(fov_id), scene, by_name=True)
        return content

    def progress(self, after: int | None = None) -> dict[str, Any]:
        """Return how far this annotator is.

        Args:
            after: Row of a FOV: ``next`` is the first one after it, in the order, of which nothing is stated; one that
                is none looks from the start of the order.
        """
        states = states_of(self.own(), self._index)
        return describe_progress(len(self.order), states, self.classes) | {
            "statements": self.own().height,
            "next": self._next(states, after),
        }

    def labelled(self, index: int, scene: Callable[[], Scene]) -> bytes:
        """Return the localisations of a FOV that have a class by this annotator; see `packed`.

        Raises:
            NotThereError: There is no such FOV.
            DataError: It cannot be read.
        """
        fov_id = pick(self.fov_ids, index, "FOV")
        own = self._steps().standing.filter(pl.col(columns.FOV_ID) == fov_id, pl.col(columns.TARGET) != columns.OF_FOV)
        if own.is_empty():
            return b""
        shown = scene()
        return packed(shown, self._labelled.label(shown, own))

    def states(self) -> list[str]:
        """Return the state of each FOV."""
        states = states_of(self.own(), self._index)
        return [states.get(fov_id, (TO_DO, None))[0] for fov_id in self.fov_ids]

    def append(self, body: Any, scene: Callable[[int], Scene]) -> dict[str, Any]:
        """Keep one step, and return how things stand after it.

        A step that is here already, as when the answer to it never arrived, is not kept twice.

        Args:
            body: What the page sends; see `locgraph.viewer.annotation.statements.read_statement`.
            scene: Returns the scene of a FOV.

        Raises:
            StepError: The step makes no sense.
            NotKeptError: The file cannot be written, is gone or damaged.
        """
        statement = read_statement(body, self.annotator, self.classes)
        index = self._index.get(statement.fov_id)
        if index is None:
            problem = self._problems.get(statement.fov_id)
            if problem is not None:
                raise StepError(f"{statement.fov_id} cannot be annotated: {problem}")
            raise StepError(
                f"fov_id: no FOV of this name in {self.opened.title}, found {statement.fov_id[:100]!r}; load the page "
                "again"
            )
        with self._lock, _keeping():
            if self._is_new(statement.annotation_id):
                append_annotations(self.path, [self._row(statement, index, scene)])
            return self._reply(index, statement.annotation_id)

    def undo(self, body: Any) -> dict[str, Any]:
        """Take back the last step, or with ``redo`` the last undo, and return how things stand after it.

        Raises:
            StepError: There is nothing to undo or redo.
            NotKeptError: The file cannot be written, is gone or damaged.
        """
        body = check_step(body, self.annotator, _UNDO_KEYS)
        redo = body.get("redo", False)
        if not isinstance(redo, bool):
            raise StepError("redo: expected true or false")
        identifier = body["annotation_id"]
        with self._lock, _keeping():
            if self._is_new(identifier):
                steps = self._steps()
                last = steps.last_undo() if redo else steps.last_step()
                if last is None:
                    raise StepError(f"nothing to {'redo' if redo else 'undo'}: {self.annotator} has no such step")
                append_annotations(self.path, [undo(last) | {columns.ANNOTATION_ID: identifier}])
            row = self._steps().row(identifier)
            return self._reply(self._index.get(row[columns.FOV_ID]), identifier)

    def _next(self, states: Mapping[str, tuple[str, str | None]], after: int | None) -> int | None:
        place = self.order.index(after) + 1 if after in self.order else 0
        turned = (*self.order[place:], *self.order[:place])
        return next((index for index in turned if self.fov_ids[index] not in states), None)

    def _known_classes(self) -> tuple[str, ...]:
        named = self._fovs[schema.LABEL].drop_nulls().to_list() if schema.LABEL in self._fovs.columns else []
        names = list(dict.fromkeys((*sorted(set(named)), *self._file.rows()[columns.LABEL].drop_nulls())))
        if not names:
            raise ConfigError(
                f"{self.opened.title} has no classes, and {self.path} no labels: name the classes, such as "
                "classes=[healthy,diseased]",
                setting="classes",
            )
        return check_classes(names)

    def _known_suggestions(self, predictions: pl.DataFrame) -> dict[str, dict[str, Any]]:
        known = predictions.filter(pl.col(schema.FOV_ID).is_in(self.fov_ids))
        return describe_suggestions(known, self.classes)

    def _steps(self) -> Steps:
        return self._file.steps(self.annotator)

    def _others(self, fov_id: str) -> pl.DataFrame:
        return self._file.standing().filter(
            pl.col(columns.FOV_ID) == fov_id, pl.col(columns.ANNOTATOR) != self.annotator
        )

    def _is_new(self, identifier: str) -> bool:
        """Return whether no row has this name yet.

        Raises:
            StepError: A row of somebody else has it.
        """
        if self._steps().knows(identifier):
            return False
        if identifier in self._file.rows()[columns.ANNOTATION_ID]:
            raise StepError("annotation_id: expected a new one, found one that is used; load the page again")
        return True

    def _row(self, statement: Statement, index: int, scene: Callable[[int], Scene]) -> dict[str, Any]:
        """Return a step as a row of the table, in the coordinates of the raw file."""
        row: dict[str, Any] = {
            columns.FOV_ID: statement.fov_id,
            columns.TARGET: statement.target,
            columns.LABEL: statement.label,
            columns.ANNOTATOR: self.annotator,
            columns.TOOL: statement.tool,
            columns.ANNOTATION_ID: statement.annotation_id,
            columns.RADIUS: statement.radius,
            columns.CLUSTER_ID: statement.cluster_id,
            columns.DATA_FINGERPRINT: self._digest(index),
        }
        if statement.points is not None:
            places = statement.points + scene(index).levels.origin[:2]
        elif statement.cluster_id is not None:
            places = centre_of(scene(index), statement.cluster_id)[None, :2]
        else:
            return row
        return row | {columns.X: places[:, 0].tolist(), columns.Y: places[:, 1].tolist()}

    def _digest(self, index: int) -> str | None:
        """Return the digest of the raw file of a FOV; None where it is not known, or is gone."""
        if schema.PATH not in self._fovs.columns or self._fovs[schema.PATH][index] is None:
            return None
        path = Path(self._fovs[schema.PATH][index])
        try:
            about = path.stat()
            key = (str(path), about.st_mtime_ns, about.st_size)
            if key not in self._digests:
                self._digests[key] = file_digest(path)
        except OSError:
            return None
        return self._digests[key]

    def _reply(self, index: int | None, identifier: str) -> dict[str, Any]:
        steps = self._steps()
        fov_id = None if index is None else self.fov_ids[index]
        state, label = states_of(steps.standing, self._index).get(fov_id or "", (TO_DO, None))
        return {
            "annotation_id": identifier,
            "saved": steps.row(identifier)[columns.TIME].isoformat(timespec="seconds"),
            "fov": index,
            "state": state,
            "label": label,
            "progress": self.progress(index),
            **steps.possible(),
        }


@contextmanager
def _keeping() -> Iterator[None]:
    """Mark errors that are no fault of the step."""
    try:
        yield
    except StepError:
        raise
    except LocgraphError as error:
        raise NotKeptError(str(error)) from error
