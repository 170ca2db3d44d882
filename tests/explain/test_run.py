"""A run of explanations: FOVs are chosen, explainers fitted, and each FOV explained and judged on its own."""

import polars as pl
import pytest
import torch

from locgraph.errors import ConfigError, DataError
from locgraph.explain.base import Explainer, Explanation, n_clusters
from locgraph.explain.baselines import RandomScores
from locgraph.explain.fovs import Examples, check_fovs, choose_first, choose_random
from locgraph.explain.metrics import columns
from locgraph.explain.one_fov import Case, FovExplainer, seeded
from locgraph.explain.run import explain_fovs, fit_explainers, training_examples
from locgraph.explain.settings import ExplainerSet
from locgraph.preparation.stage import no_progress

FOVS = ["a1", "a2", "a3", "a4", "b1", "c1", "c2"]
CLASSES = {name: name[0] for name in FOVS}


class Learns(RandomScores):
    trained = True

    def __init__(self, error=None):
        self.error, self.seen = error, []

    def fit(self, network, examples, generator):
        if self.error:
            raise ConfigError(self.error)
        self.seen = [(example.fov_id, example.target) for example in examples]


class Fails(Explainer):
    def explain(self, network, example, generator):
        raise DataError(f"no scores of {example.fov_id}")


class Wrong(Explainer):
    def explain(self, network, example, generator):
        return Explanation(torch.zeros(n_clusters(example.graph)), features=torch.zeros(1))


# -- choice of FOVs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, []), (1, ["a1"]), (3, ["a1", "b1", "c1"]), (5, ["a1", "a2", "b1", "c1", "c2"]), (99, FOVS)],
)
def test_classes_take_turns(number, expected):
    assert choose_first(FOVS, CLASSES, number) == expected


def test_fovs_without_a_class_are_a_class_of_their_own():
    assert choose_first(["x", "y", "a1", "a2"], {"a1": "a", "a2": "a", "x": None}, 2) == ["x", "a1"]
    assert choose_first([], {}, 3) == []


def test_a_random_choice_is_balanced_and_depends_on_the_seed_alone():
    fovs = [f"{label}{index}" for label in "ab" for index in range(50)]
    classes = {name: name[0] for name in fovs}
    chosen = choose_random(fovs, classes, 10, seed=1)
    assert sorted(name[0] for name in chosen) == ["a"] * 5 + ["b"] * 5
    assert chosen == choose_random(fovs[::-1], classes, 10, seed=1)
    assert chosen != choose_random(fovs, classes, 10, seed=2)


def test_known_names_and_none_are_accepted():
    check_fovs(("a1", "c2"), FOVS, {"train": ["d1"]})
    check_fovs(None, FOVS, {})


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a11",), r"^fovs: .*among the 7 FOVs that are evaluated, such as a1, a2, a3; found: 'a11' .*\(similar: a1"),
        (("d1",), r"'d1' is a FOV of the train side"),
        (("zzz", "a1"), r"found: 'zzz' is unknown$"),
        (tuple("qrstuvw"), r"'u' is unknown; and 2 more"),
    ],
)
def test_unknown_names_are_refused_with_similar_ones(names, message):
    with pytest.raises(ConfigError, match=message):
        check_fovs(names, FOVS, {"train": ["d1"], "test": FOVS})


# -- examples ----------------------------------------------------------------------------------------------------------


def test_an_example_is_view_0_alone_in_units_of_the_model(small_checkpoint, fold):
    record, fov_id = small_checkpoint.record, small_checkpoint.record["split"]["test"][0]
    examples = Examples(record, fold.prepared)
    example = examples(fov_id, 1)
    row = fold.prepared.manifest.table.row(by_predicate=pl.col("fov_id") == fov_id, named=True)

    assert (example.fov_id, example.target, example.graph.num_graphs) == (fov_id, 1, 1)
    positions, raw = example.graph["cluster"].pos, examples._load(fov_id)[0]["cluster"].pos
    assert len(positions) == row["n_clusters"]
    assert positions.abs().max() < 5
    torch.testing.assert_close(positions * examples.nm_per_unit(fov_id), raw)
    by_extent = Examples({**record, "scaler": {**record["scaler"], "nm_per_unit": None}}, fold.prepared)
    torch.testing.assert_close(by_extent(fov_id, 0).graph["cluster"].pos * by_extent.nm_per_unit(fov_id), raw)


# -- explainers that learn ---------------------------------------------------------------------------------------------


@pytest.fixture
def fitted(plan, small_checkpoint, fold):
    """Fits explainers on the data of the small run."""

    def run(explainers, *overrides, data=lambda: fold.prepared):
        made = plan("explain=random", "explain.fit_fovs=4", *overrides)
        chosen = ExplainerSet(explainers, {"other": "why"})
        return fit_explainers(chosen, made.network, made.settings, small_checkpoint.record, data)

    return run


def test_explainers_learn_from_some_training_fovs_of_each_class(fitted, small_checkpoint):
    learns = Learns()
    chosen = fitted({"learns": learns, "random": RandomScores()}, "explain.explained_class=truth")
    names = [name for name, _ in learns.seen]
    assert set(names) <= set(small_checkpoint.record["split"]["train"])
    classes = small_checkpoint.record["class_names"]
    assert [classes[target] for _, target in learns.seen] == [name[0] for name in names]
    assert sorted(name[0] for name in names) == ["L", "L", "T", "T"]
    assert list(chosen.explainers) == ["learns", "random"]
    assert chosen.left_out == {"other": "why"}


def test_a_class_by_name_is_that_of_every_fov(fitted, small_checkpoint):
    learns = Learns()
    fitted({"learns": learns}, "explain.explained_class=T")
    assert {target for _, target in learns.seen} == {small_checkpoint.record["class_names"].index("T")}


def test_the_predicted_class_is_that_of_view_0(fitted, small_checkpoint, fold, plan):
    learns = Learns()
    fitted({"learns": learns})
    examples, network = Examples(small_checkpoint.record, fold.prepared), plan("explain=random").network
    with torch.no_grad():
        expected = [int(network(examples(name, 0).graph)[0].argmax()) for name, _ in learns.seen]
    assert [target for _, target in learns.seen] == expected


def test_training_data_are_read_only_where_an_explainer_learns(fitted):
    assert list(fitted({"random": RandomScores()}, data=pytest.fail).explainers) == ["random"]


def test_explainers_learn_one_class_against_another(fitted, small_checkpoint):
    asked = []

    class Asks(RandomScores):
        trained = True

        def fit(self, network, examples, generator):
            asked.extend((example.target, example.against) for example in examples)

    fitted({"asks": Asks()}, "explain.contrast=[T,L]")

    names = small_checkpoint.record["class_names"]
    assert asked == [(names.index("T"), names.index("L"))] * 4


def test_an_explainer_that_cannot_be_fitted_is_left_out(fitted, caplog):
    second = Learns()
    chosen = fitted({"first": Learns("no edges"), "second": second})
    assert list(chosen.explainers) == ["second"]
    assert len(second.seen) == 4
    assert chosen.left_out == {"other": "why", "first": "no edges"}
    assert "explainer first is left out: no edges" in caplog.text


def unavailable():
    raise DataError("expected a folder at nowhere")


@pytest.mark.parametrize(
    ("explainer", "data", "message"),
    [
        (Learns("no edges"), {}, "no edges; choose another explainer"),
        (Learns(), {"data": unavailable}, "training FOVs of the run, which are not available: expected a folder"),
    ],
)
def test_at_least_one_explainer_has_to_be_fitted(explainer, data, message, fitted):
    with pytest.raises(ConfigError, match=rf"explainers\.learns: .*{message}"):
        fitted({"learns": explainer}, **data)


def test_training_fovs_have_to_be_in_the_data(plan, small_checkpoint, fold):
    made = plan("explain=random")
    record = {**small_checkpoint.record, "split": {"train": ["x", "y"]}}
    with pytest.raises(DataError, match="none of the 2 training FOVs is in the data of the run any more"):
        training_examples(made.network, made.settings, record, fold.prepared)


# -- one FOV -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def explain_one(plan, small_checkpoint, fold):
    """Explains the first test FOV by the given explainers, with overrides."""

    def explain(explainers, *overrides):
        made = plan("explain=random", "explain.curve_points=2", *overrides)
        examples = Examples(small_checkpoint.record, fold.prepared)
        case = Case(small_checkpoint.record["split"]["test"][0], 0, 1)
        checked = frozenset({case.fov_id} if made.settings.sanity else ())
        return FovExplainer(made.network, explainers, made.settings, examples, checked)(case)

    return explain


def test_every_explainer_is_judged_and_a_failure_stops_none(explain_one):
    outcomes = explain_one(
        {"fails": Fails(), "wrong": Wrong(), "random": RandomScores()},
        "explain.stability.repeats=0",
        "explain.sanity.max_fovs=0",
    )
    assert outcomes["fails"].failure.startswith("no scores of ")
    assert "scores of features, found the shape (1,)" in outcomes["wrong"].failure
    good = outcomes["random"].result
    assert list(good.metrics) == list(columns.JUDGED)
    assert good.sanity is None
    assert good.seconds >= 0


def test_stability_and_sanity_are_computed_on_request(explain_one):
    cascade = "explain.sanity.cascade=true"
    outcomes = explain_one({"random": RandomScores()}, "explain.stability.repeats=1", cascade)
    result = outcomes["random"].result
    assert set(result.metrics) == {*columns.JUDGED, *columns.REPEATED, *columns.RANDOMISED}
    assert result.sanity["randomised_to"].to_list()[0] == "head"
    assert result.sanity["randomised_to"].to_list()[-1] == "all"
    assert result.metrics["randomised_weights"] == result.sanity["spearman"][-1]


def test_the_sanity_check_is_one_explanation_more_by_default(explain_one):
    result = explain_one({"random": RandomScores()}, "explain.stability.repeats=0")["random"].result
    assert result.sanity["randomised_to"].to_list() == ["all"]


def test_scores_depend_on_seed_and_names_alone(explain_one):
    def scores(explainers, *overrides, name="random"):
        outcomes = explain_one(explainers, "explain.stability.repeats=0", *overrides)
        return outcomes[name].result.explanation.clusters

    first = scores({"random": RandomScores()})
    torch.testing.assert_close(scores({"fails": Fails(), "random": RandomScores()}), first)
    assert not torch.equal(scores({"random": RandomScores()}, "explain.seed=1"), first)
    assert not torch.equal(scores({"other": RandomScores()}, name="other"), first)


def test_a_fov_that_cannot_be_read_fails_for_every_explainer():
    def unreadable(fov_id, target, against):
        raise DataError("damaged")

    work = FovExplainer(None, {"a": RandomScores(), "b": RandomScores()}, None, unreadable)
    explained, failures = explain_fovs(work, {"x": Case("x", 0, None)}, {"y": "gone"}, no_progress)

    assert explained == {}
    assert failures == {name: {"y": "gone", "x": "damaged"} for name in "ab"}


def test_names_give_random_streams():
    assert seeded(0, "a", "b").initial_seed() == seeded(0, "a", "b").initial_seed()
    streams = {seeded(*names).initial_seed() for names in ((0, "a", "b"), (0, "b", "a"), (1, "a", "b"), (0, "a"))}
    assert len(streams) == 4
