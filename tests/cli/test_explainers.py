"""Explainers are made and checked against the model before any work."""

import inspect
from types import SimpleNamespace

import pytest
import yaml
from hydra.utils import get_class
from torch import nn

from locgraph import schema
from locgraph.cli.app import config_dir
from locgraph.cli.explainers import choose
from locgraph.errors import ConfigError

LEAVES = {
    name: leaf
    for path in sorted((config_dir() / "explain" / "explainers").glob("*.yaml"))
    for name, leaf in yaml.safe_load(path.read_text(encoding="utf-8")).items()
}
OCCLUSION, ATTENTION = LEAVES["occlusion"], LEAVES["attention"]


def network(*predicts):
    """A network whose clusters neither attend nor are read out by attention."""
    return SimpleNamespace(predicts=predicts, cluster_encoder=nn.Linear(1, 1), readout=nn.Linear(1, 1))


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_holds_every_setting_of_its_class_with_its_default(name):
    leaf = dict(LEAVES[name])
    target = get_class(leaf.pop("_target_"))
    defaults = {key: value.default for key, value in inspect.signature(target).parameters.items()}
    assert leaf == defaults


def test_there_is_a_choice_for_every_explainer_and_one_for_all():
    folder = config_dir() / "explain"
    assert {path.stem for path in folder.glob("*.yaml")} == {*LEAVES, "standard", "none", "all"}
    assert all(f"explainers/{name}" in (folder / "all.yaml").read_text() for name in LEAVES)
    for name in LEAVES:
        assert yaml.safe_load((folder / f"{name}.yaml").read_text())["defaults"][1] == f"explainers/{name}"


def test_one_that_cannot_is_left_out_with_a_reason(caplog):
    found = choose({"occlusion": OCCLUSION, "attention": ATTENTION}, network(schema.FIELD_OF_VIEW))
    assert list(found.explainers) == ["occlusion"]
    assert "attend to each other" in found.left_out["attention"]
    assert "explainer attention is left out: Attention explains" in caplog.text


def test_a_single_one_that_cannot_is_an_error():
    with pytest.raises(ConfigError, match="no explainer can explain this model: attention: Attention explains models"):
        choose({"attention": ATTENTION}, network(schema.FIELD_OF_VIEW))


def test_a_model_of_localisations_alone_is_an_error():
    with pytest.raises(ConfigError, match=r"occlusion: Occlusion explains the class of a FOV.*model/head=classify"):
        choose({"occlusion": OCCLUSION, "attention": ATTENTION}, network(schema.LOCALISATION))


@pytest.mark.parametrize(
    ("leaf", "message"),
    [
        (LEAVES["subgraphx"] | {"max_clusters": 0}, r"^explain\.explainers\.mine\.max_clusters must be a whole number"),
        (
            LEAVES["gnn_explainer"] | {"depth": 1},
            r"(?s)explain\.explainers\.mine: .*gnn_explainer\.GNNExplainer.*'depth'",
        ),
        ({"_target_": "locgraph.explain.nothing.Nothing"}, r"explain\.explainers\.mine: .*nothing"),
        ({"_target_": "locgraph.data.augment.Jitter", "of_precision": 1.0}, r"explain\.explainers\.mine"),
        ({"_target_": "builtins.dict"}, r"mine\._target_=builtins\.dict: expected a class below .*base\.Explainer"),
    ],
)
def test_what_is_no_explainer_is_refused_by_name(leaf, message):
    with pytest.raises(ConfigError, match=message):
        choose({"mine": leaf}, network(schema.FIELD_OF_VIEW))
