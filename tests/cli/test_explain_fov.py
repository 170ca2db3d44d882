"""One FOV and all explainers: scores, what they are worth, and failures kept apart."""

import pytest
import torch

from locgraph.cli.examples import Examples
from locgraph.cli.explain_fov import Case, ExplainFov, seeded
from locgraph.errors import DataError
from locgraph.explain.base import Explainer, Explanation, n_clusters
from locgraph.explain.baselines import RandomScores
from locgraph.explain.metrics import columns


class Fails(Explainer):
    def explain(self, network, example, generator):
        raise DataError(f"nothing to say of {example.fov_id}")


class Wrong(Explainer):
    def explain(self, network, example, generator):
        return Explanation(torch.zeros(n_clusters(example.graph)), features=torch.zeros(1))


@pytest.fixture
def explains(plan, small_checkpoint, fold):
    """Explains the first test FOV by the given explainers, with overrides."""

    def explain(explainers, *overrides):
        found = plan("explain=random", "explain.curve_points=2", *overrides)
        examples = Examples(small_checkpoint.record, fold.prepared)
        n_features = len(small_checkpoint.record["settings"]["graph"]["cluster_features"])
        work = ExplainFov(found.network, explainers, found.settings, examples, n_features)
        return work(Case(small_checkpoint.record["split"]["test"][0], 0, 1))

    return explain


def test_every_explainer_is_judged_and_a_failure_stops_none(explains):
    told = explains({"fails": Fails(), "wrong": Wrong(), "random": RandomScores()}, "explain.stability.repeats=0")
    assert told["fails"].failure.startswith("nothing to say of ")
    assert "scores of features, found the shape (1,)" in told["wrong"].failure
    good = told["random"].result
    assert list(good.metrics) == list(columns.JUDGED)
    assert good.sanity is None
    assert good.seconds >= 0


def test_stability_and_sanity_are_judged_where_they_are_asked_for(explains):
    told = explains({"random": RandomScores()}, "explain.stability.repeats=1", "explain.sanity=true")["random"].result
    assert set(told.metrics) == {*columns.JUDGED, *columns.REPEATED, *columns.RANDOMISED}
    assert told.sanity["randomised_to"].to_list()[-1] == "all"
    assert told.metrics["randomised_weights"] == told.sanity["spearman"][-1]


def test_scores_hang_on_seed_and_names_alone(explains):
    def scores(explainers, *overrides):
        return explains(explainers, "explain.stability.repeats=0", *overrides)["random"].result.explanation.clusters

    first = scores({"random": RandomScores()})
    torch.testing.assert_close(scores({"fails": Fails(), "random": RandomScores()}), first)
    assert not torch.equal(scores({"random": RandomScores()}, "explain.seed=1"), first)
    again = explains({"again": RandomScores()})["again"].result.explanation.clusters
    assert not torch.equal(again, first)


def test_names_make_streams():
    assert seeded(0, "a", "b").initial_seed() == seeded(0, "a", "b").initial_seed()
    streams = {seeded(*names).initial_seed() for names in ((0, "a", "b"), (0, "b", "a"), (1, "a", "b"), (0, "a"))}
    assert len(streams) == 4
