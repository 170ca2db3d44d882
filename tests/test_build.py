"""Objects from plain settings, and errors that name the setting by its path."""

import functools
from types import SimpleNamespace
from typing import Protocol

import pytest
import torch

from locgraph.build import build, build_part, find_class
from locgraph.errors import ConfigError, DataError, FoldError, within
from locgraph.preparation.clustering.kmeans import KMeans

SPACE = "types.SimpleNamespace"
KMEANS = f"{KMeans.__module__}.KMeans"


def leaf(target, **arguments):
    return {"_target_": target, **arguments}


def test_values_arrive_as_plain_ones():
    made = build(leaf(SPACE, channels=[16, 24], names={"x": "X", "more": [1]}))

    assert made == SimpleNamespace(channels=[16, 24], names={"x": "X", "more": [1]})
    assert type(made.channels) is list
    assert type(made.names["more"]) is list


def test_nested_parts_are_built_too():
    made = build({"first": leaf(KMEANS, n_clusters=3), "others": [leaf(SPACE, inner=leaf(KMEANS, n_clusters=2))]})

    assert isinstance(made["first"], KMeans)
    assert isinstance(made["others"][0].inner, KMeans)
    assert build(None) is None
    assert build({}) == {}


def test_arguments_from_data_are_passed_as_they_are():
    weights, names = torch.ones(2), ("a", "b")

    made = build(leaf(SPACE, hidden=[1]), weights=weights, names=names)

    assert made.weights is weights
    assert made.names is names


def test_a_partial_leaf_waits_for_its_arguments():
    make = build(leaf("torch.optim.SGD", _partial_=True, lr=0.5))

    assert isinstance(make, functools.partial)
    assert make([torch.nn.Parameter(torch.zeros(1))]).defaults["lr"] == 0.5


def test_errors_of_constructors_name_the_setting_by_its_path(tmp_path):
    with pytest.raises(ConfigError, match=r"^n_clusters: .*at least 1, found 0"):
        build(leaf(KMEANS, n_clusters=0))
    with pytest.raises(ConfigError, match=r"^clustering\.n_clusters: .*found 0"):
        build(leaf(KMEANS, n_clusters=0), "clustering")
    with pytest.raises(ConfigError, match=r"^a\.parts\[1\]\.inner\.n_clusters: .*found 0"):
        build(leaf(SPACE, parts=[1, leaf(SPACE, inner=leaf(KMEANS, n_clusters=0))]), "a")
    with pytest.raises(FoldError, match=r"nowhere\.json"):
        build(leaf("locgraph.data.folds.FromFile"), "fold", path="nowhere.json")


@pytest.mark.parametrize("partial", [False, True])
def test_an_unknown_argument_is_named_with_those_there_are(partial):
    with pytest.raises(
        ConfigError,
        match=r"^clustering\.clusters: .*KMeans has no such argument, it takes n_clusters",
    ):
        build(leaf(KMEANS, clusters=3, _partial_=partial), "clustering")


def test_a_missing_argument_is_named():
    with pytest.raises(ConfigError, match=r"^fold\.path: locgraph\.data\.folds\.FromFile needs a value"):
        build(leaf("locgraph.data.folds.FromFile"), "fold")


@pytest.mark.parametrize("target", [f"{KMEANS}x", "locgraph.nothing.KMeans", "nopackage.KMeans", "KMeans", ""])
def test_a_class_that_does_not_exist_is_named(target):
    with pytest.raises(ConfigError, match=r"^clustering\._target_: expected the full name of a class") as raised:
        build(leaf(target), "clustering")
    assert repr(target) in str(raised.value)


def test_a_module_that_lacks_a_package_is_no_wrong_name(tmp_path, monkeypatch):
    (tmp_path / "incomplete.py").write_text("import a_package_that_is_not_installed\n")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigError, match=r"cannot import incomplete\.Part: No module named 'a_package_that_is_not_i"):
        find_class("incomplete.Part")


def test_values_that_a_foreign_class_refuses_name_the_class():
    node = leaf("torch.optim.AdamW", lr=-1.0)

    with pytest.raises(ConfigError, match=r"^training\.optimizer: torch\.optim\.AdamW refused.*Invalid learning rate"):
        build(node, "training.optimizer", params=[torch.nn.Parameter(torch.zeros(1))])


def test_a_block_prefixes_the_setting_of_an_error():
    with pytest.raises(DataError, match=r"^labels\.path: no such file$"), within("labels"):
        raise DataError("no such file", setting="path")
    with pytest.raises(DataError, match=r"^no setting is wrong$"), within("labels"):
        raise DataError("no setting is wrong")


class Named(Protocol):
    """A contract: a property and a method of two arguments."""

    @property
    def name(self) -> str:
        """Return the name."""

    def join(self, one: int, other: int) -> int:
        """Join two numbers."""


class Whole:
    """Keeps the contract."""

    name = "whole"

    def join(self, one, other, more=0):
        return one + other + more


class Nameless:
    """Lacks the property."""

    def join(self, one, other):
        return one + other


class Mute:
    """Lacks the method."""

    name = "mute"


class Lonely:
    """Its method takes one argument."""

    name = "lonely"

    def join(self, one):
        return one


def test_a_part_that_keeps_its_contract_is_built():
    assert build_part(Named, {"_target_": f"{__name__}.Whole"}, "part").join(1, 2) == 3


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("Nameless", "which has no `name`"),
        ("Mute", "which has no method `join`"),
        ("Lonely", r"whose `join` cannot be called with \(one, other\): too many positional arguments"),
    ],
)
def test_a_part_that_breaks_its_contract_is_refused(part, reason):
    expected = rf"^part\._target_: expected what .*\.Named describes, found .*\.{part}, {reason}"
    with pytest.raises(ConfigError, match=expected):
        build_part(Named, {"_target_": f"{__name__}.{part}"}, "part")
