"""Checks of a study: against other studies and controls, against chance, and against other explanations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from locgraph.analysis.sweeps.comparison import ROPE, Comparison
from locgraph.api.studies.studied_runs import StudiedRuns, find_study_tables
from locgraph.errors import ConfigError, DataError, LocgraphError
from locgraph.provenance import whole_file
from locgraph.run_folder import (
    CALIBRATION,
    CHANCE,
    CONFOUNDERS,
    FOV_VECTORS,
    LABELS,
    LEARNING_CURVE,
    MATCHED,
    MATCHED_RUNS,
    NEXT_LABELS,
    PREDICTIONS,
    TRUST,
    RunFolder,
)
from locgraph.settings import check_whole
from locgraph.stats.metrics import ACCURACY

if TYPE_CHECKING:
    import polars as pl

    from locgraph.analysis.checks.check import Check


_CALIBRATION: Final = "calibration"

TRUST_CHECKS: Final = (_CALIBRATION, "chance", "learning_curve", "confounders", "matched", "check_labels")
"""Checks that need no training, each a method of a study."""


class CheckedRuns(StudiedRuns):
    """Runs that belong together, or tables, with the checks that can be made of them."""

    def compare(
        self, *others: StudiedRuns, metric: str = ACCURACY, rope: float = ROPE, folder: str | Path | None = None
    ) -> Comparison:
        """Compare this study with others of the same folds, or, without others, with each of its own controls.

        Pairs are tested over folds and over test FOVs, as ``locgraph compare`` does.

        Args:
            *others: The other studies.
            metric: ``accuracy`` or ``balanced_accuracy``.
            rope: Half the width of the region of practical equivalence, in the unit of the metric.
            folder: Where to write ``comparison.json``, ``comparison.parquet`` and ``comparison.png``; None writes none.

        Returns:
            One row for each pair in its ``table``, the mean of each method in ``scores``, and the first in a
            ``sentence``.

        Raises:
            DataError: The studies differ in classes, folds, test FOVs or raw files, or share no completed fold; or
                there is nothing to compare.
            ConfigError: A setting is out of range.
        """
        from locgraph.analysis.sweeps.compared_sweeps import Sweep, compare_sweeps, compare_with_controls
        from locgraph.show.figures.comparison import draw_comparison

        for each in (self, *others):
            each._check_runs()
        if others:
            sweeps = [Sweep(each.folder, each.completed, each.n_folds) for each in (self, *others)]
            comparison = compare_sweeps(sweeps, metric, rope)
        else:
            comparison = compare_with_controls(self.summary(), metric, rope)
        if folder is not None:
            comparison.write(Path(folder))
            draw_comparison(comparison, Path(folder))
        return comparison

    def calibration(self) -> Check:
        """Compare confidence with accuracy over the test FOVs, and prediction sets with their coverage.

        Returns:
            Table and sentences, which are written to the folder ``trust`` with a picture; see
            `locgraph.analysis.checks.calibration.check_calibration`.

        Raises:
            DataError: No run has predictions of test FOVs with a class.
        """
        from locgraph.analysis.checks.calibration import asked_coverage, check_calibration
        from locgraph.show.figures.calibration import draw_calibration

        predictions, class_names = self.predictions(), self.summary().class_names
        coverage = asked_coverage(RunFolder(self.completed[0].folder).metrics())
        check = check_calibration(predictions, class_names, coverage)
        check.write(self.folder / TRUST / CALIBRATION)
        draw_calibration((self.folder / TRUST / CALIBRATION).with_suffix(".png"), predictions, class_names)
        return check

    def trust(self, skip: Sequence[str] = (), *, tables: str | Path | None = None) -> dict[str, Check | LocgraphError]:
        """Make all checks that need no training, as ``locgraph trust`` does.

        Args:
            skip: Checks to leave out, of `TRUST_CHECKS`.
            tables: Folder of the prepared tables, if they were moved.

        Returns:
            Name of each check -> its result, or the reason why it could not be made. Results are written to the folder
            ``trust``, and `report` shows them.

        Raises:
            ConfigError: ``skip`` names something else, or all checks.
        """
        if set(skip) - set(TRUST_CHECKS):
            raise ConfigError(f"expected some of {', '.join(TRUST_CHECKS)}, found {list(skip)}", setting="skip")
        if set(skip) == set(TRUST_CHECKS):
            raise ConfigError("leaves no check to make; name fewer", setting="skip")
        results: dict[str, Check | LocgraphError] = {}
        for name in TRUST_CHECKS:
            if name in skip:
                continue
            given = {} if name == _CALIBRATION else {"tables": tables}
            try:
                results[name] = getattr(self, name)(**given)
            except LocgraphError as error:
                results[name] = error
        return results

    def chance(
        self,
        permutations: int = 200,
        *,
        network: int = 0,
        seed: int = 0,
        tables: str | Path | None = None,
    ) -> Check:
        """Test whether classes are known above chance, by permuted labels.

        Simple classifiers, on what the controls see and on the same folds, take seconds.

        Args:
            permutations: Permutations for the simple classifiers; the smallest p-value is 1 / (1 + permutations).
            network: Permutations for which the network of the first completed run is trained again, each as long as
                that training took; 19 are the fewest that can show p = 0.05. 0 trains none.
            seed: Of the permutations.
            tables: Folder of the prepared tables, if they were moved.

        Returns:
            Table and sentences, which are written to the folder ``trust`` with a picture; see
            `locgraph.analysis.checks.chance.measure_chance`.

        Raises:
            DataError: FOVs have no classes or one, no label can be exchanged, or there is no run to train again.
            ConfigError: A setting is out of range.
        """
        from locgraph.analysis.checks.chance import add_network, measure_chance
        from locgraph.analysis.checks.control_folds import read_control_folds
        from locgraph.show.figures.chance import draw_chance

        check_whole("network", network, at_least=0)
        self._check_one_seed()
        source = self._source(None if tables is None else Path(tables))
        check = measure_chance(read_control_folds(source, seed), permutations, seed)
        if network:
            from locgraph.api.checks.permuted import train_on_permuted

            check = add_network(check, *train_on_permuted(source, network, seed))
        check.write(self.folder / TRUST / CHANCE)
        draw_chance(self.folder / TRUST, check)
        return check

    def learning_curve(
        self,
        *others: StudiedRuns,
        target: float = 0.95,
        seed: int = 0,
        tables: str | Path | None = None,
    ) -> Check:
        """Draw accuracy against the number of training FOVs, and say how many an accuracy takes.

        Args:
            *others: Studies of other training sizes, as ``fold=learning_curve`` makes them, on the same test FOVs: the
                curve is that of the network and of the controls of the runs. Without others it is that of simple
                classifiers on what the controls see, on parts of the training sides, which takes seconds.
            target: The accuracy that is asked for.
            seed: Of the parts and of the bootstrap.
            tables: Folder of the prepared tables, if they were moved.

        Returns:
            Table and sentence, which are written to the folder ``trust`` with a picture; see
            `locgraph.analysis.checks.learning_curve.learning_curve`.

        Raises:
            DataError: The studies test other FOVs, or two have the same training size; or there is nothing to train on.
            ConfigError: ``target`` is not between 0 and 1.
        """
        from locgraph.analysis.checks import learning_curve as curve
        from locgraph.analysis.checks.control_folds import read_control_folds
        from locgraph.analysis.sweeps.compared_sweeps import Sweep
        from locgraph.show.figures.learning_curve import draw_learning_curve

        if others:
            for each in (self, *others):
                each._check_runs()
            sweeps = [Sweep(each.folder, each.completed, each.n_folds) for each in (self, *others)]
            curves = curve.curves_of_runs(sweeps)
        else:
            self._check_one_seed()
            source = self._source(None if tables is None else Path(tables))
            curves = curve.curves_of_controls(read_control_folds(source, seed), seed)
        check = curve.learning_curve(curves, target, seed)
        check.write(self.folder / TRUST / LEARNING_CURVE)
        draw_learning_curve(self.folder / TRUST, check)
        return check

    def confounders(self, *, tables: str | Path | None = None) -> Check:
        """Ask what else than the shape of the structures names the class, and what else the learned vectors hold.

        Args:
            tables: Folder of the prepared tables, if they were moved.

        Returns:
            Table and sentences, which are written to the folder ``trust`` with a picture; see
            `locgraph.analysis.checks.probes.probe_confounders`.

        Raises:
            DataError: No run of a network that classifies FOVs completed, or the tables are not there.
        """
        from locgraph.analysis.checks.probes import probe_confounders
        from locgraph.show.figures.checks import draw_confounders

        check = probe_confounders(self._fov_source(tables))
        check.write(self.folder / TRUST / CONFOUNDERS)
        draw_confounders(self.folder / TRUST, check)
        return check

    def matched(
        self,
        kinds: Sequence[str] = ("count", "density", "precision"),
        *,
        train: bool = False,
        tables: str | Path | None = None,
        seed: int = 0,
        trusted: Sequence[str] = ("locgraph",),
    ) -> Check:
        """Test the networks, and the controls, on test FOVs that are equal in count, density or precision.

        Args:
            kinds: What FOVs are made equal in, one after the other.
            train: Whether networks are trained on matched FOVs as well, in the folder ``trust/matched``; as long as the
                runs took, for each kind.
            tables: Folder of the prepared tables, if they were moved.
            seed: Of thinning, noise and the controls.
            trusted: Packages whose classes the checkpoints may name.

        Returns:
            Table and sentences, which are written to the folder ``trust`` with a picture; see
            `locgraph.api.checks.matched.compare_matched`.

        Raises:
            LocgraphError: A kind is unknown, or the FOVs cannot be made equal or predicted again.
        """
        from locgraph.api.checks.matched import compare_matched  # torch
        from locgraph.show.figures.checks import draw_matched

        folder = self.folder / TRUST
        train_in = folder / MATCHED_RUNS if train else None
        check = compare_matched(self._fov_source(tables), kinds, train_in=train_in, seed=seed, trusted=trusted)
        check.write(folder / MATCHED)
        draw_matched(folder, check)
        return check

    def check_labels(self, *, tables: str | Path | None = None) -> Check:
        """Find FOVs whose given class the networks that did not train on them contradict; nothing is trained.

        Args:
            tables: Folder of the prepared tables, if they were moved; where they are gone, no FOV is drawn.

        Returns:
            Table and sentence, which are written to the folder ``trust`` with a picture of the worst; see
            `locgraph.analysis.checks.labels.check_labels`.

        Raises:
            DataError: There are no predictions of test FOVs of two classes.
        """
        from locgraph.analysis.checks.labels import check_labels
        from locgraph.show.figures.checks import draw_labels

        check = check_labels(self.predictions(), self.completed[0].class_names)
        folder = self.folder / TRUST
        place = None if tables is None else Path(tables)
        try:
            draw_labels(folder, check, find_study_tables([run.folder for run in self.completed], place))
        except DataError as error:
            check = replace(check, warnings=(f"FOVs are not drawn: {error}",))
        check.write(folder / LABELS)
        return check

    def next_labels(self, new: str | Path, number: int = 20) -> pl.DataFrame:
        """Choose new FOVs whose class would teach most: uncertain ones that differ from each other.

        Args:
            new: Folder of an evaluation with predictions of FOVs without a class, as ``locgraph eval`` writes it.
            number: How many are chosen at most.

        Returns:
            Them in order, also written to the folder ``trust``; see `locgraph.analysis.checks.labels.choose_next`.

        Raises:
            DataError: No run completed, or the folder has no predictions of FOVs without a class.
            ConfigError: ``number`` is below 1.
        """
        from locgraph.analysis.checks.labels import choose_next
        from locgraph.analysis.source import check_completed

        classes = check_completed(self.folder, self.runs)[0].class_names
        run = RunFolder(Path(new))
        vectors = run.table(FOV_VECTORS) if (run.path / FOV_VECTORS).is_file() else None
        chosen = choose_next(run.table(PREDICTIONS), classes, number, vectors)
        path = self.folder / TRUST / NEXT_LABELS
        path.parent.mkdir(exist_ok=True)
        with whole_file(path) as temporary:
            chosen.write_parquet(temporary)
        return chosen
