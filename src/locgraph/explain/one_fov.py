"""One FOV and all explainers: scores, their metrics, and the time they took."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from torch import Generator

from locgraph.data.sampler import mix
from locgraph.explain.base import Example, Explainer, Explanation
from locgraph.explain.fovs import Examples
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.judge import Row, judge
from locgraph.explain.metrics.sanity import ALL, RANDOMISED_TO, SPEARMAN, randomised_weights
from locgraph.explain.settings import ExplainSettings
from locgraph.nn.network import Network
from locgraph.preparation.executors import Outcome, attempt


@dataclass(frozen=True)
class Case:
    """One FOV to explain.

    Attributes:
        fov_id: The FOV.
        target: Index of the class to explain.
        truth: Index of its class; None where it is not known.
    """

    fov_id: str
    target: int
    truth: int | None


@dataclass(frozen=True)
class FovResult:
    """The explanation of one FOV by one explainer.

    Attributes:
        explanation: The scores.
        metrics: Their metrics.
        sanity: Rows of the table of sanity checks without the keys; None where they were not asked for.
        seconds: Time of the explanation alone, without its metrics.
    """

    explanation: Explanation
    metrics: Row
    sanity: pl.DataFrame | None
    seconds: float


@dataclass(frozen=True)
class FovExplainer:
    """Explains a FOV by every explainer, and judges each explanation.

    Attributes:
        network: The network, in evaluation mode and on the CPU.
        explainers: Each by its name, fitted.
        settings: What is explained, and how it is judged.
        examples: Makes the graphs.
    """

    network: Network
    explainers: Mapping[str, Explainer]
    settings: ExplainSettings
    examples: Examples

    def __call__(self, case: Case) -> dict[str, Outcome]:
        """Return by the name of the explainer its `FovResult`, or why it failed."""
        example = self.examples(case.fov_id, case.target)
        return {name: attempt(self._explain, name, (name, case, example)) for name in self.explainers}

    def _explain(self, job: tuple[str, Case, Example]) -> FovResult:
        name, case, example = job
        explainer, settings = self.explainers[name], self.settings
        started = time.perf_counter()
        explanation = explainer.explain(self.network, example, seeded(settings.seed, name, case.fov_id))
        seconds = time.perf_counter() - started
        metrics = judge(self.network, example, explanation, case.truth, settings.judging)
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
        if settings.sanity:
            sanity = randomised_weights(self.network, example, explainer, explanation, generator)
            randomised = sanity.row(by_predicate=pl.col(RANDOMISED_TO) == ALL, named=True)
            metrics |= {columns.RANDOMISED_WEIGHTS: randomised[SPEARMAN]}
        return FovResult(explanation, metrics, sanity, seconds)


def seeded(seed: int, *names: str) -> Generator:
    """Return a random stream for these names, which does not depend on what else is explained."""
    return Generator().manual_seed(mix(seed, *(zlib.crc32(name.encode()) for name in names)))
