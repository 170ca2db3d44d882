"""The settings of a run of explanations: wrong ones are refused by the name of the argument, before any work."""

import inspect
from types import SimpleNamespace

import pytest
import yaml
from torch import nn

from locgraph import schema
from locgraph.api.config import config_dir, plain
from locgraph.build import find_class
from locgraph.errors import ConfigError
from locgraph.explain.base import ARBITRARY, LOG_ODDS, LOGIT_DIFFERENCE, PROBABILITY
from locgraph.explain.baselines import Occlusion, RandomScores
from locgraph.explain.gradients import IntegratedGradients
from locgraph.explain.metrics.sanity import SanityCheck
from locgraph.explain.metrics.selection import Selection
from locgraph.explain.metrics.stability import Stability
from locgraph.explain.settings import ExplainerSet, build_explainers, read_settings, similar_names
from locgraph.nn.base import Readout

CLASSES = ("T", "L", "grid")
LEAVES = {
    name: leaf
    for path in sorted((config_dir() / "explain").glob("*.yaml"))
    for name, leaf in yaml.safe_load(path.read_text(encoding="utf-8")).get("explainers", {}).items()
}
OCCLUSION, ATTENTION = LEAVES["occlusion"], LEAVES["attention"]


@pytest.fixture
def settings(composed):
    """Reads the settings of ``explain=[]`` with overrides."""

    def read(*overrides):
        cfg = composed("eval", "ckpt_path=best.ckpt", *(f"explain.{override}" for override in overrides))
        return read_settings(plain(cfg.explain), CLASSES)

    return read


def test_the_defaults_of_the_configs_are_valid(settings):
    defaults = settings()
    assert defaults.fovs is None
    assert defaults.explained_class == "predicted"
    assert defaults.judging.selection == Selection("subgraph", 0.2)
    assert defaults.stability == Stability(2, 1.0, in_nm=True)
    assert settings("stability.repeats=0").stability is None
    assert defaults.sanity == SanityCheck(2, cascade=False)
    assert settings("sanity.max_fovs=0").sanity is None
    assert defaults.contrast is None
    assert settings("contrast=[T,grid]").contrast == ("T", "grid")
    assert settings("explained_class=grid").explained_class == "grid"


@pytest.mark.parametrize(
    ("given", "expected"), [("[a,b,a]", ("a", "b")), ("a", ("a",)), ("[7]", ("7",)), ("null", None)]
)
def test_names_of_fovs(settings, given, expected):
    assert settings(f"fovs={given}").fovs == expected


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("fovs", "[]", r"list of names of FOVs.*found \[\]"),
        ("fovs", "[null]", "list of names"),
        ("max_fovs", "1.5", "at least 1"),
        ("explained_class", "gird", r"predicted, truth or a class of this model \(T, L, grid\).*\(similar: grid\)"),
        ("selection.by", "best", "one of count, fraction"),
        ("selection.amount", "2", "at most 1, found 2"),
        ("characterisation.plus", "0", "above 0"),
        ("curve_points", "1", "at least 2"),
        ("stability.repeats", "-1", "at least 0"),
        ("stability.jitter_nm", "0", "above 0"),
        ("sanity", "true", "expected max_fovs and cascade, found True; explain.sanity.max_fovs=0"),
        ("sanity.max_fovs", "-1", "at least 0"),
        ("sanity.cascade", "1", "true or false"),
        ("contrast", "[T]", r"two classes, as contrast=\[T,L\], or null, found \['T'\]"),
        ("contrast", "T", "two classes"),
        ("contrast", "[T,gird]", r"two of the classes of this model \(T, L, grid\), found 'gird' \(similar: grid\)"),
        ("contrast", "[T,T]", "two different classes, found 'T' twice"),
        ("fit_fovs", "0", "at least 1"),
        ("seed", "-1", "at least 0"),
        ("figures", "many", "at least 0, found 'many'"),
    ],
)
def test_a_value_out_of_range_is_refused(settings, setting, value, message):
    with pytest.raises(ConfigError, match=message) as refused:
        settings(f"{setting}={value}")
    assert refused.value.setting == setting


def test_an_unknown_argument_of_the_selection_is_named(composed):
    group = plain(composed("eval", "ckpt_path=best.ckpt").explain)
    with pytest.raises(ConfigError, match=r"selection\.top: .*'top'"):
        read_settings(group | {"selection": {"top": 3}}, CLASSES)


def test_a_contrast_names_the_class_to_explain(settings):
    with pytest.raises(ConfigError, match="contrast: expected null beside explained_class=truth"):
        settings("contrast=[T,grid]", "explained_class=truth")


def test_units_of_a_contrast():
    chosen = ExplainerSet({"a": Occlusion(), "b": IntegratedGradients(), "c": RandomScores()}, {})
    assert [*chosen.units(in_contrast=False).values()] == [PROBABILITY, LOG_ODDS, ARBITRARY]
    assert [*chosen.units(in_contrast=True).values()] == [LOGIT_DIFFERENCE, LOGIT_DIFFERENCE, ARBITRARY]


def test_similar_names():
    assert set(similar_names("L_33", ["L_3", "T_1", "L_31"])[11:-1].split(", ")) == {"L_3", "L_31"}
    assert similar_names("nothing", ["L_3", "T_1"]) == ""


# -- explainers --------------------------------------------------------------------------------------------------------


def network(*predicts):
    """A network without attention between clusters or in the readout."""
    return SimpleNamespace(predicts=predicts, cluster_encoder=nn.Linear(1, 1), readout=Readout(1))


@pytest.mark.parametrize("name", LEAVES)
def test_a_leaf_holds_every_argument_of_its_class_with_its_default(name):
    leaf = dict(LEAVES[name])
    target = find_class(leaf.pop("_target_"))
    defaults = {key: value.default for key, value in inspect.signature(target).parameters.items()}
    assert leaf == defaults


def test_there_is_a_choice_for_every_explainer_and_one_for_all():
    folder = config_dir() / "explain"
    assert {path.stem for path in folder.glob("*.yaml")} == {*LEAVES, "all"}
    assert {*yaml.safe_load((folder / "all.yaml").read_text())["defaults"]} == {*LEAVES, "_self_"}


def test_an_explainer_that_does_not_support_the_model_is_left_out(caplog):
    chosen = build_explainers({"occlusion": OCCLUSION, "attention": ATTENTION}, network(schema.FIELD_OF_VIEW))
    assert list(chosen.explainers) == ["occlusion"]
    assert "attend to each other" in chosen.left_out["attention"]
    assert "explainer attention is left out: Attention explains" in caplog.text


@pytest.mark.parametrize(
    ("leaves", "predicts", "message"),
    [
        ({"attention": ATTENTION}, schema.FIELD_OF_VIEW, "attention: Attention explains models"),
        ({"a": OCCLUSION, "b": ATTENTION}, schema.LOCALISATION, "a: Occlusion explains the class of a FOV.*; b: "),
    ],
)
def test_at_least_one_explainer_has_to_support_the_model(leaves, predicts, message):
    with pytest.raises(ConfigError, match=f"explainers: no explainer can explain this model: {message}"):
        build_explainers(leaves, network(predicts))


@pytest.mark.parametrize(
    ("leaf", "setting"),
    [
        (LEAVES["subgraphx"] | {"max_clusters": 0}, "max_clusters"),
        (LEAVES["gnn_explainer"] | {"depth": 1}, "depth"),
        ({"_target_": "locgraph.explain.nothing.Nothing"}, "_target_"),
        ({"_target_": "builtins.dict"}, "_target_"),
        (3, "_target_"),
    ],
)
def test_a_wrong_explainer_is_refused_by_its_name(leaf, setting):
    with pytest.raises(ConfigError) as refused:
        build_explainers({"mine": leaf}, network(schema.FIELD_OF_VIEW))
    assert refused.value.setting == f"explainers.mine.{setting}"
