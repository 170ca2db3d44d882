"""Explainers that learn are given training FOVs of the run, and no others."""

import pytest

from locgraph.cli.explain_fit import fit, training_examples
from locgraph.cli.explainers import Chosen
from locgraph.errors import ConfigError, DataError
from locgraph.explain.baselines import RandomScores


class Learns(RandomScores):
    trained = True

    def __init__(self, error=None):
        self.error, self.seen = error, []

    def fit(self, network, examples, generator):
        if self.error:
            raise ConfigError(self.error)
        self.seen = [(example.fov_id, example.target) for example in examples]


@pytest.fixture
def fitted(plan, small_checkpoint, fold):
    """Fits explainers on the data of the small run."""

    def run(explainers, *overrides, data=lambda: None):
        found = plan("explain=random", "explain.fit_fovs=4", *overrides)
        data = (lambda: fold.prepared) if data() is None else data
        return fit(Chosen(explainers, {"other": "why"}), found.network, found.settings, small_checkpoint.record, data)

    return run


def test_some_training_fovs_of_each_class_are_given(fitted, small_checkpoint):
    learns = Learns()
    found = fitted({"learns": learns, "random": RandomScores()}, "explain.explained_class=truth")
    names = [name for name, _ in learns.seen]
    assert set(names) <= set(small_checkpoint.record["split"]["train"])
    classes = small_checkpoint.record["class_names"]
    assert [classes[target] for _, target in learns.seen] == [name[0] for name in names]
    assert sorted(name[0] for name in names) == ["L", "L", "T", "T"]
    assert list(found.explainers) == ["learns", "random"]
    assert found.left_out == {"other": "why"}


def test_a_class_by_name_is_that_of_every_fov(fitted, small_checkpoint):
    learns = Learns()
    fitted({"learns": learns}, "explain.explained_class=T")
    assert {target for _, target in learns.seen} == {small_checkpoint.record["class_names"].index("T")}


def test_where_nothing_learns_no_training_data_are_asked_for(fitted):
    assert list(fitted({"random": RandomScores()}, data=lambda: pytest.fail).explainers) == ["random"]


def test_one_that_cannot_learn_is_left_out_and_the_others_go_on(fitted, caplog):
    second = Learns()
    found = fitted({"first": Learns("no edges"), "second": second})
    assert list(found.explainers) == ["second"]
    assert len(second.seen) == 4
    assert found.left_out == {"other": "why", "first": "no edges"}
    assert "explainer first is left out: no edges" in caplog.text


def test_a_single_one_that_cannot_learn_is_an_error(fitted):
    with pytest.raises(ConfigError, match=r"explain\.explainers\.learns: no edges; choose another explainer"):
        fitted({"learns": Learns("no edges")})


def test_training_data_that_are_gone_are_told(plan, small_checkpoint):
    found = plan("explain=random")

    def gone():
        raise DataError("expected a folder at nowhere")

    with pytest.raises(
        ConfigError, match="learns from training FOVs of the run, which cannot be had: expected a folder"
    ):
        fit(Chosen({"learns": Learns()}, {}), found.network, found.settings, small_checkpoint.record, gone)


def test_a_run_whose_training_fovs_are_not_in_its_data_any_more_is_told(plan, small_checkpoint, fold):
    found = plan("explain=random")
    record = {**small_checkpoint.record, "split": {"train": ["x", "y"]}}
    with pytest.raises(DataError, match="none of the 2 training FOVs is in the data of the run any more"):
        training_examples(found.network, found.settings, record, fold.prepared)
