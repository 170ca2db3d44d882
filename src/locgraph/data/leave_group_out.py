"""Folds that each leave out whole groups: does the network know the classes on a day that it never saw?"""

from __future__ import annotations

import numpy as np

from locgraph.data.folds import Split, check_fraction, check_index, split_of
from locgraph.data.group_draws import Sides, draw_tests, draw_validation
from locgraph.data.labelled import LabelledFovs
from locgraph.errors import ConfigError, FoldError
from locgraph.io.manifest import Manifest


class LeaveGroupOut:
    """Folds that each leave out one group (experiment, coverslip, day) or several, and test on them.

    `StratifiedGroup` keeps groups whole and the classes of each test in proportion. Here a fold is a group: how well
    the classes of one that was never seen are named says what a new experiment can expect. A class that only one group
    has is refused, since its FOVs and that group cannot be told apart.

    Args:
        n_folds: Number of folds, to which the groups are dealt in about equal parts; None makes one of each group, in
            the order of their names.
        index: The fold to train, from 0.
        seed: Seed of the deal, and of the draw of validation groups.
        validation_fraction: Part of the training side kept for choosing the best epoch, in whole groups.

    Raises:
        ConfigError: A setting is out of range.
    """

    def __init__(
        self, n_folds: int | None = None, index: int = 0, seed: int = 0, validation_fraction: float = 0.2
    ) -> None:
        if n_folds is not None:
            if n_folds < 2:
                raise ConfigError(
                    f"expected at least 2, or null for one of each group, found {n_folds}", setting="n_folds"
                )
            check_index(index, n_folds)
        check_fraction("validation_fraction", validation_fraction)
        self.n_folds, self.index, self.seed, self.validation_fraction = n_folds, index, seed, validation_fraction

    def plan(self, manifest: Manifest) -> list[Split]:
        """Return all folds.

        Raises:
            FoldError: A FOV has no group, there are fewer groups than folds or than three, or training would lack a
                class because no other group has it.
            ConfigError: There is no fold ``index``.
        """
        fovs = LabelledFovs.of(manifest)
        present = fovs.check_groups("fold=leave_group_out")
        if self.n_folds is not None and len(present) < self.n_folds:
            raise FoldError(
                f"{self.n_folds} folds need as many groups, found {present}; set fold.n_folds={len(present)}",
                setting="n_folds",
            )
        check_index(self.index, self.n_folds or len(present))
        _check_classes(fovs)
        sides = _one_group_each(fovs, present) if self.n_folds in (None, len(present)) else self._several(fovs)
        return [
            split_of(fovs, *draw_validation(fovs, train, self.validation_fraction, self.seed), test)
            for train, test in sides
        ]

    def _several(self, fovs: LabelledFovs) -> list[Sides]:
        sides = draw_tests(fovs, int(self.n_folds or 0), self.seed)
        for train, test in sides:
            unseen = sorted(set(fovs.labels[test]) - set(fovs.labels[train]))
            if unseen:
                left_out = sorted(set(fovs.groups[test]))
                raise FoldError(
                    f"a fold that leaves out the groups {left_out} leaves no FOV of {unseen} to train on; choose more "
                    "folds, or null for one of each group",
                    setting="n_folds",
                )
        return sides


def _one_group_each(fovs: LabelledFovs, names: list[str]) -> list[Sides]:
    inside = [fovs.groups.astype(str) == name for name in names]
    return [(np.flatnonzero(~rows), np.flatnonzero(rows)) for rows in inside]


def _check_classes(fovs: LabelledFovs) -> None:
    """Refuse classes that a single group has."""
    labels, groups = fovs.labels.astype(str), fovs.groups.astype(str)
    homes = {str(name): np.unique(groups[labels == name]).tolist() for name in np.unique(labels)}
    alone = {name: own[0] for name, own in homes.items() if len(own) == 1}
    if alone:
        named = ", ".join(f"{name!r} in {group!r}" for name, group in alone.items())
        raise FoldError(
            f"fold=leave_group_out needs every class in at least two groups, found classes of one alone: {named}. "
            "Without it training has no FOV of the class, and with it class and group cannot be told apart; record the "
            "class in another group too, leave out its FOVs, or choose another source of groups"
        )
