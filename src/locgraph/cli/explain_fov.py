"""One FOV and all explainers: scores, what they are worth, and how long it took."""

from __future__ import annotations

import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from torch import Generator

from locgraph import schema
from locgraph.cli.attributions import check_explanation
from locgraph.cli.examples import Examples
from locgraph.cli.explain_settings import ExplainSettings
from locgraph.data.sampler import mix
from locgraph.explain.base import Example, Explainer, Explanation, n_clusters
from locgraph.explain.metrics import columns
from locgraph.explain.metrics.judge import Row, judge, judge_stability
from locgraph.explain.metrics.sanity import ALL, RANDOMISED_TO, SPEARMAN, randomised_weights
from locgraph.nn.network import Network
from locgraph.preparation.executors import Outcome, attempt


@dataclass(frozen=True)
class Case:
    """What is known of a FOV before it is explained.

    Attributes:
        fov_id: The FOV.
        target: Index of the class to explain.
        truth: Index of its class; None where it is not known.
    """

    fov_id: str
    target: int
    truth: int | None


@dataclass(frozen=True)
class Told:
    """What one explainer says of one FOV.

    Attributes:
        explanation: The scores.
        metrics: What they are worth.
        sanity: Rows of ``sanity.parquet`` without the keys; None where it was not asked for.
        seconds: Time of the explanation alone, without judging.
    """

    explanation: Explanation
    metrics: Row
    sanity: pl.DataFrame | None
    seconds: float


@dataclass(frozen=True)
class ExplainFov:
    """Explains a FOV by every explainer, and judges each.

    Attributes:
        network: The network, in evaluation mode and on the CPU.
        explainers: Each by its name, fitted.
        settings: What is explained, and how it is judged.
        examples: Gives the graphs.
        n_features: Number of features of clusters.
    """

    network: Network
    explainers: Mapping[str, Explainer]
    settings: ExplainSettings
    examples: Examples
    n_features: int

    def __call__(self, case: Case) -> dict[str, Outcome]:
        """Name of the explainer -> `Told`, or why it failed."""
        example = self.examples(case.fov_id, case.target)
        return {name: attempt(self._explain, name, (name, case, example)) for name in self.explainers}

    def _explain(self, job: tuple[str, Case, Example]) -> Told:
        name, case, example = job
        explainer, settings = self.explainers[name], self.settings
        started = time.perf_counter()
        explanation = explainer.explain(self.network, example, seeded(settings.seed, name, case.fov_id))
        seconds = time.perf_counter() - started
        check_explanation(explanation, self._sizes(example))
        metrics = judge(self.network, example, explanation, case.truth, settings.judging)
        again = seeded(settings.seed, name, case.fov_id, "again")
        if settings.stability is not None:
            metrics |= judge_stability(
                self.network,
                example,
                explainer,
                explanation,
                again,
                settings.stability,
                settings.judging.selection,
                self.examples.nm_per_unit(case.fov_id),
            )
        sanity = None
        if settings.sanity:
            sanity = randomised_weights(self.network, example, explainer, explanation, again)
            metrics |= {
                columns.RANDOMISED_WEIGHTS: sanity.row(by_predicate=pl.col(RANDOMISED_TO) == ALL, named=True)[SPEARMAN]
            }
        return Told(explanation, metrics, sanity, seconds)

    def _sizes(self, example: Example) -> dict[str, int]:
        graph = example.graph
        has_localisations = schema.LOCALISATION in graph.node_types
        return {
            "clusters": n_clusters(graph),
            "localisations": len(graph[schema.LOCALISATION][schema.POS]) if has_localisations else 0,
            "edges": graph[schema.CLUSTER_NEAR].edge_index.shape[1],
            "features": self.n_features,
        }


def seeded(seed: int, *names: str) -> Generator:
    """A stream of its own for these names, so that nothing depends on what else is explained."""
    return Generator().manual_seed(mix(seed, *(zlib.crc32(name.encode()) for name in names)))
