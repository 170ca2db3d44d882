"""One FOV and all explainers: scores, their metrics, and the time they took."""

from __future__ import annotations

import logging
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl
import torch
from torch import Generator

from locgraph.data.sampler import mix
from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.fovs import Examples
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.judge import Row, judge
from locgraph.explain.metrics.sanity import ALL, RANDOMISED_TO, SPEARMAN, randomised_weights
from locgraph.explain.settings import ExplainSettings
from locgraph.explain.time_limit import OutOfTimeError, time_limit
from locgraph.nn.network import Network
from locgraph.preparation.executors import Outcome, attempt

log = logging.getLogger(__name__)

SCORES: Final = "scores"
_LONG_S: Final = 20.0
"""An explanation that will take longer is announced."""


@dataclass(frozen=True)
class Case:
    """One FOV to explain.

    Attributes:
        fov_id: The FOV.
        target: Index of the class to explain.
        truth: Index of its class; None where it is not known.
        against: Index of the class that it is explained against; None explains it against all others.
    """

    fov_id: str
    target: int
    truth: int | None
    against: int | None = None


@dataclass(frozen=True)
class FovResult:
    """The explanation of one FOV by one explainer.

    Attributes:
        explanation: The scores.
        metrics: Their metrics.
        sanity: Rows of the table of sanity checks without the keys; None where they were not asked for.
        seconds: Time of the explanation alone, without its metrics.
        missing: What a limit of time left out: `SCORES` in part, or metrics.
    """

    explanation: Explanation
    metrics: Row
    sanity: pl.DataFrame | None
    seconds: float
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class FovExplainer:
    """Explains a FOV by every explainer, and judges each explanation.

    Attributes:
        network: The network, in evaluation mode and on the CPU.
        explainers: Each by its name, fitted.
        settings: What is explained, and how it is judged.
        examples: Makes the graphs.
        checked: FOVs that are explained with random weights too.
    """

    network: Network
    explainers: Mapping[str, Explainer]
    settings: ExplainSettings
    examples: Examples
    checked: frozenset[str] = frozenset()

    def __call__(self, case: Case) -> dict[str, Outcome]:
        """Return by the name of the explainer its `FovResult`, or why it failed."""
        example = self.examples(case.fov_id, case.target, case.against)
        return {name: attempt(self._explain, name, (name, case, example)) for name in self.explainers}

    def _explain(self, job: tuple[str, Case, Example]) -> FovResult:
        name, case, example = job
        explainer, settings = self.explainers[name], self.settings
        self._estimate(name, example)
        started, limit = time.perf_counter(), settings.max_seconds_per_fov
        with time_limit(self.network, limit, f"{case.fov_id}, {name}"):
            explanation = explainer.explain(self.network, example, seeded(settings.seed, name, case.fov_id))
        seconds = time.perf_counter() - started
        metrics = judge(self.network, example, explanation, case.truth, settings.judging)
        missing = () if explanation.complete else (SCORES,)
        sanity = None
        try:
            if missing:
                raise OutOfTimeError("nothing can be repeated that did not end")
            with time_limit(self.network, limit, f"{case.fov_id}, {name}, repeated"):
                more, sanity = self._repeat(name, case, example, explanation)
            metrics |= more
        except OutOfTimeError:
            unmeasured = self._unmeasured(case.fov_id)
            metrics |= dict.fromkeys(unmeasured)
            missing = (*missing, *unmeasured)
        if missing:
            log.warning(
                "%s: %s is not complete after %g s (explain.max_seconds_per_fov): %s",
                *(case.fov_id, name, limit or 0.0, ", ".join(missing)),
            )
        return FovResult(explanation, metrics, sanity, seconds, missing)

    def _unmeasured(self, fov_id: str) -> tuple[str, ...]:
        """Return the metrics that need an explanation more."""
        stability = (columns.STABILITY, columns.STABILITY_OVERLAP) if self.settings.stability else ()
        return (*stability, *((columns.RANDOMISED_WEIGHTS,) if fov_id in self.checked else ()))

    def _estimate(self, name: str, example: Example) -> None:
        """Log how long an explanation will take, where it is long."""
        count = n_clusters(example.graph)
        evaluations = self.explainers[name].evaluations(count)
        if evaluations is None:
            return
        started = time.perf_counter()
        with torch.no_grad():
            self.network(example.graph)
        # on average half of the clusters are removed
        once = evaluations * (time.perf_counter() - started) / 2
        repeats = 1 + (self.settings.stability.repeats if self.settings.stability else 0)
        if once * repeats > _LONG_S:
            log.info(
                "%s: %s of %d clusters takes about %d passes through the network, up to %.0f min with %d repeats for "
                "stability; explain.max_seconds_per_fov limits this, explain.stability.repeats=0 leaves repeats out",
                *(example.fov_id, name, count, evaluations * repeats, once * repeats / 60, repeats - 1),
            )

    def _repeat(
        self, name: str, case: Case, example: Example, explanation: Explanation
    ) -> tuple[Row, pl.DataFrame | None]:
        """Return the metrics for which a FOV is explained again, and the table of sanity checks."""
        metrics: Row
        explainer, settings, metrics = self.explainers[name], self.settings, {}
        generator = seeded(settings.seed, name, case.fov_id, "again")
        if settings.stability is not None:
            scores = settings.stability(
                self.network,
                example,
                explainer,
                explanation,
                settings.judging.selection,
                generator,
                self.examples.nm_per_unit(case.fov_id),
            )
            metrics |= {columns.STABILITY: scores.correlation, columns.STABILITY_OVERLAP: scores.overlap}
        sanity = None
        if settings.sanity is not None and case.fov_id in self.checked:
            cascade = settings.sanity.cascade
            sanity = randomised_weights(self.network, example, explainer, explanation, generator, cascade)
            randomised = sanity.row(by_predicate=pl.col(RANDOMISED_TO) == ALL, named=True)
            metrics |= {columns.RANDOMISED_WEIGHTS: randomised[SPEARMAN]}
        return metrics, sanity


def seeded(seed: int, *names: str) -> Generator:
    """Return a random stream for these names, which does not depend on what else is explained."""
    return Generator().manual_seed(mix(seed, *(zlib.crc32(name.encode()) for name in names)))
