"""Several trained models as one: those of a sweep, of several seeds, or of chosen checkpoints."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import polars as pl
import torch

from locgraph import schema
from locgraph.api.models.model import NEW, Model
from locgraph.api.objects.counting import Counting
from locgraph.api.recipes import table_settings
from locgraph.api.sources import Objects, Source
from locgraph.data.folds import TEST, VALIDATION
from locgraph.data.prepared import Prepared
from locgraph.data.stored import NO_LABEL
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap
from locgraph.learn.tasks.fov import FovPrediction, FovTask
from locgraph.provenance import fingerprint
from locgraph.run_folder import PREDICTIONS
from locgraph.trust.committee import CommitteeSets, committee_sets, join_members
from locgraph.trust.ranges import describe_unlike

log = logging.getLogger(__name__)

_SHARED: Final = ("limits", "preprocess", "clustering", "features", "views", "graph")


class Ensemble(Counting):
    """Several models that predict together: their calibrated probabilities are pooled, by class name.

    Args:
        members: The models. They have the same classes, in any order, and prepare data alike.
        failed: Folder of each run that has no model -> why.

    Attributes:
        members: The models.
        failed: The same.
        class_names: Classes in the order of the probabilities: that of the first member.

    Raises:
        DataError: There is no member, one classifies no FOVs, or they differ in classes or preparation.
    """

    def __init__(self, members: Sequence[Model], failed: Mapping[str, str] | None = None) -> None:
        self.members, self.failed = tuple(members), dict(failed or {})
        _check_members(self.members)
        self.class_names = self.members[0].class_names
        for name, reason in self.failed.items():
            log.warning("left out of the ensemble: %s: %s", name, reason)
        if len(self.members) == 1:
            log.warning("the ensemble has one member, %s: it predicts as this one", self.members[0].checkpoint.path)

    def __repr__(self) -> str:
        failed = f"; {len(self.failed)} runs left out" if self.failed else ""
        return f"Ensemble({len(self.members)} models of {', '.join(self.class_names)}{failed})"

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the first member, which may be changed: a copy."""
        return self.members[0].settings

    @property
    def fold(self) -> int | None:
        """Index of the fold that all members were trained on; None where it differs."""
        folds = {member.fold for member in self.members}
        return folds.pop() if len(folds) == 1 else None

    @property
    def test_fovs(self) -> list[str]:
        """FOVs that some member has on its test side."""
        return list(dict.fromkeys(fov for member in self.members for fov in member.test_fovs))

    def describe(self, fov_ids: Sequence[str], split: str) -> dict[str, Any]:
        """Return members, runs that are left out, and what the prediction sets rest on, for ``metrics.json``."""
        sets = [self._sets(members) for members, _ in self._assign(fov_ids, split)]
        return {
            "members": [str(member.checkpoint.path) for member in self.members],
            "failed_members": self.failed,
            "prediction_sets": sorted({each.validity for each in sets if each is not None}),
        }

    def predict(
        self,
        source: Source,
        *,
        columns: Mapping[str, Any] | ColumnMap | None = None,
        objects: Objects = None,
        abstain: Sequence[str] | str = (),
        prepared_dir: str | Path | None = None,
        batch_size: int | None = None,
        accelerator: str = "auto",
    ) -> pl.DataFrame:
        """Predict the classes of FOVs, which are prepared once.

        Args:
            source: As for `Model.predict`; and so are all others.
            columns: Column map of the files where they differ from those of the training.
            objects: What is classified where it differs from the training.
            abstain: When ``decision`` is null: ``unlike``, ``uncertain`` or both.
            prepared_dir: Keeps tables and graphs there for the next call.
            batch_size: FOVs in a batch.
            accelerator: ``auto``, ``cpu`` or ``gpu``.

        Returns:
            One row for each FOV; see `locgraph.trust.committee.join_members`.

        Raises:
            LocgraphError: As for `Model.predict`.
        """
        with self.members[0].prepared(source, columns, prepared_dir, objects) as prepared:
            tables, scores = self.predict_prepared(
                prepared, batch_size=batch_size, accelerator=accelerator, abstain=abstain
            )
        for warning in scores.get("warnings", ()):
            log.warning(warning)
        return tables[PREDICTIONS].drop(schema.FOLD, schema.SPLIT, schema.TRUTH)

    def predict_prepared(
        self,
        prepared: Prepared,
        fov_ids: Sequence[str] | None = None,
        *,
        split: str = NEW,
        batch_size: int | None = None,
        accelerator: str = "auto",
        vectors: Sequence[str] = (),
        abstain: Sequence[str] | str = (),
    ) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
        """Predict prepared FOVs.

        With ``split`` test each FOV is predicted by the members alone that have it on their test side: of a k-fold
        sweep one member for each seed.

        Args:
            prepared: Manifest, tables and graphs.
            fov_ids: FOVs to predict; None predicts all.
            split: Value of the column ``split``.
            batch_size: FOVs in a batch; None takes that of the training.
            accelerator: ``auto``, ``cpu`` or ``gpu``.
            vectors: None: see `embed`.
            abstain: As for `predict`.

        Returns:
            File name to table of predictions; scores of FOVs with a label, as ``test``, and ``warnings`` that name FOVs
            unlike those of the training.

        Raises:
            DataError: No member has a FOV on its test side.
            ConfigError: Vectors are asked for, or a reason to abstain is not known.
        """
        if vectors:
            self.embed()
        reasons = self.check_abstain(abstain)
        fov_ids = list(prepared.labels) if fov_ids is None else list(fov_ids)
        parts = []
        for members, fovs in self._assign(fov_ids, split):
            tables = [
                member.predict_prepared(prepared, fovs, split=split, batch_size=batch_size, accelerator=accelerator)[0]
                for member in members
            ]
            predictions = [table[PREDICTIONS] for table in tables]
            parts.append(join_members(predictions, self.class_names, self._sets(members), reasons))
        table = pl.concat(parts, how="diagonal")
        order = pl.DataFrame({schema.FOV_ID: fov_ids})
        table = order.join(table, on=schema.FOV_ID, how="left", maintain_order="left")
        known = [member.trust.settings.false_alarms for member in self.members if member.trust is not None]
        warnings = describe_unlike(table.height, _unlike_reasons(table), max(known, default=0.0))
        return {PREDICTIONS: table}, self._score(table) | ({"warnings": warnings} if warnings else {})

    def embed(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: vectors of different networks have different axes, so that their mean means nothing.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("vectors of different networks cannot be joined: embed with one of `members`")

    def explain(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: an explanation is of one network.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("an explanation is that of one network: explain with one of `members`")

    def check_abstain(self, abstain: Sequence[str] | str | None, setting: str = "abstain") -> tuple[str, ...]:
        """Return the reasons for which no class is returned, which all members know.

        Raises:
            ConfigError: One is unknown, or a member does not know it.
        """
        reasons = {member.check_abstain(abstain, setting) for member in self.members}
        return reasons.pop()

    def check_vectors(self, kinds: Sequence[str]) -> tuple[str, ...]:
        """Return the kinds of vectors that can be written: none."""
        if kinds:
            log.info("no vectors are written: those of different networks cannot be joined")
        return ()

    def _assign(self, fov_ids: Sequence[str], split: str) -> list[tuple[tuple[Model, ...], list[str]]]:
        """Return groups of members, and the FOVs that each group predicts."""
        if split != TEST:
            return [(self.members, list(fov_ids))]
        tests = [set(member.test_fovs) for member in self.members]
        groups: dict[tuple[int, ...], list[str]] = defaultdict(list)
        for fov in fov_ids:
            groups[tuple(place for place, own in enumerate(tests) if fov in own)].append(fov)
        if () in groups:
            raise DataError(
                f"{len(groups[()])} FOVs, such as {groups[()][:5]}, are on the test side of no member, so that all may "
                "have been trained on them"
            )
        return [(tuple(self.members[place] for place in places), fovs) for places, fovs in groups.items()]

    def _sets(self, members: Sequence[Model]) -> CommitteeSets | None:
        validation = [member.record["split"][VALIDATION] for member in members]
        return committee_sets(self.class_names, [member.trust for member in members], validation)

    def _score(self, table: pl.DataFrame) -> dict[str, Any]:
        index = {name: place for place, name in enumerate(self.class_names)}
        targets = [NO_LABEL if truth is None else index[truth] for truth in table[schema.TRUTH]]
        columns = [schema.PROBABILITY_PREFIX + name for name in self.class_names]
        probabilities = torch.from_numpy(table.select(columns).to_numpy(writable=True))
        prediction = FovPrediction(table[schema.FOV_ID].to_list(), torch.tensor(targets), probabilities)
        return FovTask(self.class_names).score([prediction], TEST)


def _unlike_reasons(table: pl.DataFrame) -> dict[str, list[str]]:
    if schema.UNLIKE not in table.columns:
        return {}
    return dict(table.filter(pl.col(schema.UNLIKE)).select(schema.FOV_ID, schema.UNLIKE_REASONS).iter_rows())


def _check_members(members: Sequence[Model]) -> None:
    """Refuse models that cannot predict together."""
    if not members:
        raise DataError("expected at least one checkpoint, found none", setting="path")
    first = members[0]
    for member in members:
        if not member.class_names:
            raise DataError(
                f"{member.checkpoint.path} does not classify FOVs; expected models that do",
                setting="path",
            )
        differing = _differing(first, member)
        if differing:
            raise DataError(
                f"{member.checkpoint.path} does not fit {first.checkpoint.path}: {'; '.join(differing)}", setting="path"
            )


def _differing(first: Model, other: Model) -> list[str]:
    """Return in what two models differ that they must share, one text each."""
    words = []
    if set(first.class_names) != set(other.class_names):
        words.append(f"classes {', '.join(other.class_names)} and {', '.join(first.class_names)}")
    dimensions = [model.record["sizes"]["dimensions"] for model in (other, first)]
    if dimensions[0] != dimensions[1]:
        words.append(f"data in {dimensions[0]}D and in {dimensions[1]}D")
    own, its = (_preparation(model) for model in (other, first))
    changed = [name for name in _SHARED if fingerprint(own.get(name)) != fingerprint(its.get(name))]
    if changed:
        words.append(f"other settings of {', '.join(changed)}")
    return words


def _preparation(model: Model) -> dict[str, Any]:
    settings = model.settings
    # tables that were given as they are have no recipe
    tables = table_settings(settings) if settings["data"]["kind"] == "raw" else {}
    return {**tables, "graph": settings["graph"]}
