"""The three sides of a fold in batches."""

import itertools
import pickle

import pytest
import torch
from lightning.pytorch import Trainer

from locgraph.data.augment import Rotation, Transform
from locgraph.data.datamodule import GraphDataModule, LoaderSettings, feature_sizes
from locgraph.data.folds import Split
from locgraph.data.sampler import BalancedSampler
from locgraph.data.scaling import Scaler, ScalingSettings, fit_scaler
from locgraph.data.stored import NO_LABEL
from locgraph.errors import ConfigError, DataError
from locgraph.graphs.store import GraphStore

NAMES = tuple(f"f{i}" for i in range(10))
SPLIT = Split(NAMES[:6], NAMES[6:8], NAMES[8:])
LABELS = {name: "ab"[i % 2] for i, name in enumerate(NAMES)} | {"f9": None}


class Refusing(Transform):
    def __call__(self, graph, generator):
        raise AssertionError("augmented")


@pytest.fixture
def make_data(tmp_path, make_graph):
    """Makes a data module over ten FOVs of two views."""
    store = GraphStore(tmp_path)
    for i, name in enumerate(NAMES):
        store.save(name, [make_graph(seed=2 * i + view, sizes=(5, 3, 4 + i)) for view in range(2)], "")

    def make(loader=None, **changes):
        given = {"split": SPLIT, "labels": LABELS, "class_names": ("b", "a"), "scaling": ScalingSettings(), "seed": 3}
        return GraphDataModule(tmp_path, loader=loader or LoaderSettings(4), **given | changes)

    return make


def same(one, other):
    keys = [(kind, key) for kind in (*one.node_types, *one.edge_types) for key in one[kind]]
    return (
        one["fov_id"] == other["fov_id"]
        and torch.equal(one["y"], other["y"])
        and torch.equal(one["fov"], other["fov"])
        and all(torch.equal(one[kind][key], other[kind][key]) for kind, key in keys)
    )


def batches(loader, epoch=0):
    if hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(epoch)
    return list(loader)


# Python 3.12 warns of any fork in a process with threads, which torch always has
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("side", ["train", "val", "test"])
def test_batches_do_not_depend_on_the_number_of_workers(side, make_data):
    found = []
    for workers in (0, 2):
        data = make_data(LoaderSettings(4, workers), transforms=[Rotation()])
        loader = getattr(data, f"{side}_dataloader")()
        found.append([batches(loader, epoch) for epoch in range(2)])

    for one, other in zip(*map(itertools.chain.from_iterable, found), strict=True):
        assert same(one, other)


def test_batches_do_not_depend_on_memory(make_data):
    found = [batches(make_data(LoaderSettings(4, in_memory=memory)).train_dataloader()) for memory in (False, True)]

    assert all(same(one, other) for one, other in zip(*found, strict=True))


def test_training_gives_every_fov_once_with_its_label(make_data):
    data = make_data()
    orders = []
    for epoch in range(3):
        found = batches(data.train_dataloader(), epoch)
        names = [name for batch in found for name in batch["fov_id"]]
        targets = [target for batch in found for target in batch["y"].tolist()]
        assert sorted(names) == sorted(SPLIT.train)
        assert targets == [("b", "a").index(LABELS[name]) for name in names]
        assert [batch.num_graphs for batch in found] == [4, 2]
        orders.append(names)

    assert len(set(map(tuple, orders))) == 3


@pytest.mark.parametrize(("side", "names"), [("val", SPLIT.val), ("test", SPLIT.test)])
def test_evaluation_gives_all_views_in_order_and_is_never_augmented(side, names, make_data):
    data = make_data(transforms=[Refusing()])

    (batch,) = batches(getattr(data, f"{side}_dataloader")())

    assert batch["fov_id"] == list(names)
    assert batch["fov"].tolist() == [0, 0, 1, 1]
    with pytest.raises(AssertionError, match="augmented"):
        batches(data.train_dataloader())


def test_training_alone_is_balanced(make_data):
    split = Split(("f0", "f2", "f4", "f6", "f8", "f1"), ("f3", "f5", "f7"), ("f2", "f4", "f1"))
    data = make_data(split=split, sampler=BalancedSampler, transforms=[Rotation()])

    found = batches(data.train_dataloader())
    drawn = [name for batch in found for name in batch["fov_id"]]
    assert sorted(target for batch in found for target in batch["y"].tolist()) == [0, 0, 0, 1, 1, 1]
    assert drawn.count("f1") == 3
    # the one FOV of its class is turned another way each time
    last = torch.cat([batch["cluster"].pos for batch in found])
    owner = [name for name in drawn for _ in range(len(data.load(name)[0]["cluster"].pos))]
    turned = [last[i] for i, name in enumerate(owner) if name == "f1"]
    assert not torch.allclose(turned[0], turned[3])
    for side, names in (("val", split.val), ("test", split.test)):
        (batch,) = batches(getattr(data, f"{side}_dataloader")())
        assert batch["fov_id"] == list(names)


def test_a_label_that_is_no_class_is_told(make_data):
    data = make_data(labels=LABELS | {"f6": "c"})

    with pytest.raises(DataError, match=r"f6: expected a label among the classes \['b', 'a'\], found 'c'"):
        batches(data.val_dataloader())


def test_targets_follow_the_order_of_the_class_names(make_data):
    orders = [make_data(class_names=names).targets(SPLIT.train) for names in (("a", "b"), ("b", "a"))]

    assert orders[0] == [0, 1, 0, 1, 0, 1]
    assert orders[1] == [1, 0, 1, 0, 1, 0]


def test_fov_without_label(make_data):
    data = make_data()

    assert batches(data.test_dataloader())[0]["y"].tolist() == [0 if LABELS["f8"] == "b" else 1, NO_LABEL]
    assert data.targets(["f9", "unknown", "f1"]) == [NO_LABEL, NO_LABEL, 0]


def test_scaler_fitted_on_all_views_of_the_training_side_alone(make_data):
    data = make_data()
    expected = fit_scaler([view for name in SPLIT.train for view in data.load(name)], ScalingSettings())

    found = data.fitted_scaler()

    assert found.nm_per_unit == pytest.approx(expected.nm_per_unit)
    for node_type, limits in expected.limits.items():
        assert torch.equal(found.limits[node_type], limits)
    everything = fit_scaler([view for name in NAMES for view in data.load(name)], ScalingSettings())
    assert found.nm_per_unit != pytest.approx(everything.nm_per_unit)
    assert data.fitted_scaler() is found


def test_scaler_of_a_checkpoint_is_used_as_it_is(make_data):
    scaler = Scaler(0.5, {})
    data = make_data(scaler=scaler, split=Split((), (), NAMES))

    batch = batches(data.test_dataloader())[0]

    assert data.fitted_scaler() is scaler
    assert torch.equal(batch["cluster"].pos[:3], data.load("f0")[0]["cluster"].pos / 0.5)


def test_clusters_alone(make_data):
    batch = batches(make_data(localisations=False).val_dataloader())[0]

    assert batch.node_types == ["cluster"]
    assert feature_sizes(make_data(localisations=False).load("f0")[0]) == {"cluster": 3}


def test_feature_sizes(make_data):
    assert feature_sizes(make_data().load("f0")[0]) == {"cluster": 3, "localisation": 1}


def test_loading_processes_get_nothing_of_the_trainer(make_data):
    data = make_data()
    data.trainer = Trainer(logger=False, enable_checkpointing=False, accelerator="cpu", barebones=True)
    data.trainer.cannot_be_sent = lambda: None

    for loader in (data.train_dataloader(), data.val_dataloader()):
        again = pickle.loads(pickle.dumps(loader.dataset))
        assert len(again) == len(loader.dataset)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_loader_starts_when_its_first_batch_is_asked_for(make_data):
    loader = make_data(LoaderSettings(4, num_workers=1)).train_dataloader()
    expected = [batch["fov_id"] for batch in batches(loader, epoch=2)]
    loader.sampler.set_epoch(0)

    late = iter(loader)
    loader.sampler.set_epoch(2)

    assert [batch["fov_id"] for batch in late] == expected


def test_loading_takes_nothing_from_the_random_stream(make_data):
    torch.manual_seed(0)
    state = torch.get_rng_state()

    batches(make_data(transforms=[Rotation()]).train_dataloader())

    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size: expected a whole number of at least 1, found 0"),
        ({"batch_size": 1, "num_workers": -1}, "num_workers: expected a whole number of at least 0, found -1"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ConfigError, match=message):
        LoaderSettings(**settings)
