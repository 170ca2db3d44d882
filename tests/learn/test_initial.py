"""A network that starts from the weights of another run, and when it may not."""

import copy
import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from locgraph.errors import CheckpointError, ConfigError
from locgraph.learn.checkpoint import Checkpoint
from locgraph.learn.initial import freeze, start_from

RECORD = {
    "class_names": ["a", "b"],
    "versions": {"locgraph": "0.1"},
    "sizes": {"dimensions": 2},
    "units": {"count": "1", "area_hull": "nm^2", "photons": "1"},
    "split": {"train": ["f1", "f2"], "val": ["f3"], "test": ["f4"]},
    "settings": {
        "data": {"raw_dir": "/data/simulated", "kind": "raw"},
        "graph": {
            "cluster_features": ["count", "area_hull"],
            "localisation_features": ["photons"],
            "cluster_edges": {"k": 5},
        },
        "model": {"head": {"hidden": 8}},
    },
    "init_from": None,
}


@pytest.fixture
def network(make_module):
    """A new network, of other weights than those of the other run."""

    def make():
        network = make_module().network
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(1.0)
        return network

    return make


@pytest.fixture
def checkpoint(make_module):
    """The other run."""
    return Checkpoint(Path("pre.ckpt"), dict(make_module().network.state_dict()), RECORD, 7)


def changed(**keys):
    """The record of the new run: other data, and what is given by its path, with ``__`` between the keys."""
    record = copy.deepcopy(RECORD)
    record["settings"]["data"]["raw_dir"] = "/data/real"
    for path, value in keys.items():
        *parents, last = path.split("__")
        node = record
        for key in parents:
            node = node[key]
        node[last] = value
    return record


def same(network, weights, part=""):
    found = {name: value for name, value in network.state_dict().items() if name.startswith(part)}
    return all(torch.equal(value, weights[name]) for name, value in found.items())


def test_all_weights_where_the_classes_are_the_same(network, checkpoint, caplog):
    fresh = network()

    with caplog.at_level(logging.WARNING):
        origin = start_from(fresh, checkpoint, changed())

    assert same(fresh, checkpoint.weights)
    assert origin == {
        "path": str(Path("pre.ckpt").resolve()),
        "epoch": 7,
        "head_kept": True,
        "class_names": ["a", "b"],
        "versions": {"locgraph": "0.1"},
        "settings": RECORD["settings"],
        "init_from": None,
    }
    assert caplog.text == ""


@pytest.mark.parametrize("names", [["b", "a"], ["a", "c"]], ids=["order", "names"])
def test_the_head_stays_new_where_classes_differ(names, network, checkpoint, caplog):
    fresh = network()
    before = copy.deepcopy(fresh.state_dict())

    origin = start_from(fresh, checkpoint, changed(class_names=names))

    assert same(fresh, before, "head.")
    for part in ("loc_encoder.", "cluster_encoder."):
        assert same(fresh, checkpoint.weights, part)
    assert not origin["head_kept"]
    assert f"its classes ['a', 'b'] are not {names}, in this order: the head starts anew" in caplog.text


def test_the_head_stays_new_where_localisations_have_other_classes(network, checkpoint):
    record = changed(sizes__localisation_classes=3)
    fresh = network()
    before = copy.deepcopy(fresh.state_dict())
    assert start_from(network(), checkpoint, record)["head_kept"]

    fresh.head.predicts = ("field_of_view", "localisation")
    start_from(fresh, checkpoint, record)

    assert same(fresh, before, "head.")


def test_classes_of_localisations_go_by_their_names(network, checkpoint):
    sizes = changed(sizes__localisation_classes=2)["sizes"]
    start = replace(checkpoint, record=checkpoint.record | {"sizes": sizes, "localisation_classes": ["bound", "free"]})
    fresh = network()
    fresh.head.predicts = ("localisation",)

    for names, kept in ((["bound", "free"], True), (["free", "bound"], False)):
        record = changed(class_names=["c", "d"]) | {"sizes": sizes, "localisation_classes": names}
        assert start_from(fresh, start, record)["head_kept"] == kept


def test_a_head_for_more_classes(make_module, checkpoint):
    network = make_module().network
    network.head.layers[-1] = torch.nn.Linear(8, 5)

    start_from(network, checkpoint, changed(class_names=list("abcde")))

    assert network.head.layers[-1].weight.shape == (5, 8)
    assert same(network, checkpoint.weights, "cluster_encoder.")


def test_all_shapes_that_do_not_fit_are_listed_together(network, checkpoint):
    fresh = network()
    before = copy.deepcopy(fresh.state_dict())
    names = [name for name in checkpoint.weights if name.startswith("cluster_encoder.")][:2]
    del checkpoint.weights[names[0]]
    checkpoint.weights[names[1]] = torch.zeros(3, 3)
    checkpoint.weights["loc_encoder.extra"] = torch.zeros(1)

    with pytest.raises(CheckpointError, match=r"init_from=pre.ckpt: its weights do not fit this model") as told:
        start_from(fresh, checkpoint, changed())

    shape = tuple(before[names[1]].shape)
    lines = [line.strip() for line in str(told.value).splitlines()[1:]]
    assert lines == [
        f"{names[0]}: not in the checkpoint",
        "loc_encoder.extra: not in the model",
        f"{names[1]}: (3, 3) in the checkpoint, {shape} in the model",
    ]
    assert same(fresh, before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sizes__dimensions": 3}, r"was trained in 2D, found data in 3D; start from a run in 3D"),
        (
            {"settings__graph__cluster_features": ["area_hull", "count"]},
            r"trained on graph\.cluster_features=\[count,area_hull\], in this order, found \[area_hull,count\]; set "
            r"graph\.cluster_features=\[count,area_hull\]",
        ),
        (
            {"settings__graph__localisation_features": []},
            r"trained on graph\.localisation_features=\[photons\], in this order, found \[\]",
        ),
        ({"units__area_hull": "um^2"}, r"features in the units .*nm\^2.*, found .*um\^2"),
        (
            {"settings__data__raw_dir": "/data/simulated", "split__test": ["f3", "f9", "f1"]},
            r"trained on 2 of the FOVs that this fold tests, such as \['f1', 'f3'\]",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes, message, network, checkpoint):
    fresh = network()
    before = copy.deepcopy(fresh.state_dict())

    with pytest.raises(CheckpointError, match=r"init_from=pre\.ckpt.*" + message):
        start_from(fresh, checkpoint, changed(**changes))
    assert same(fresh, before)


def test_fovs_of_other_data_may_have_the_same_names(network, checkpoint):
    start_from(network(), checkpoint, changed(split__test=["f1"]))
    start_from(network(), checkpoint, changed(settings__data__raw_dir="/data/simulated"))


def test_other_settings_are_told(network, checkpoint, caplog):
    changes = {"settings__graph__cluster_edges": {"k": 9}, "settings__model__head": {"hidden": 8, "dropout": 0.2}}

    start_from(network(), checkpoint, changed(**changes))

    assert "scaled otherwise" not in caplog.text
    start_from(network(), checkpoint, changed() | {"scaler": {"scales": {"cluster": ["log"]}}})
    assert "scaled otherwise (scaling.features): min_max, here {'cluster': ['log']}" in caplog.text
    assert "graph.cluster_edges.k=9 (there 5)" in caplog.text
    assert "model.head.dropout=0.2 (there None)" in caplog.text


def test_the_head_stays_new_where_it_is_another(network, checkpoint, caplog):
    fresh = network()
    before = copy.deepcopy(fresh.state_dict())
    record = changed(settings__model__head={"_target_": "locgraph.nn.autoencoder.Autoencoder"})

    with caplog.at_level(logging.INFO):
        origin = start_from(fresh, checkpoint, record)

    assert same(fresh, before, "head.")
    assert same(fresh, checkpoint.weights, "cluster_encoder.")
    assert not origin["head_kept"]
    assert "the head starts anew" in caplog.text


def test_frozen_parts_learn_nothing(network):
    fresh = network()

    freeze(fresh, ["cluster_encoder"])

    assert not any(weight.requires_grad for weight in fresh.cluster_encoder.parameters())
    assert all(weight.requires_grad for weight in fresh.head.parameters())
    with pytest.raises(ConfigError, match=r"frozen: expected some of .*, each once, found \['head'\]"):
        freeze(fresh, ["head"])
