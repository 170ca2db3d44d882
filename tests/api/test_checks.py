"""Checks before any work."""

import logging

import pytest
import torch

from locgraph.api.config import plain
from locgraph.api.device import check_device
from locgraph.api.recipes import check_overrides
from locgraph.api.training.train import check_before_work
from locgraph.errors import ConfigError


@pytest.fixture
def machine(monkeypatch):
    """Makes torch say that there is a GPU, or none."""

    def pretend(cuda, bf16=True):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old GPU")

    return pretend


@pytest.fixture
def device(composed):
    """The group ``trainer`` with this accelerator and precision."""

    def make(accelerator="auto", precision="16-mixed"):
        return dict(composed("train").trainer) | {"accelerator": accelerator, "precision": precision}

    return make


@pytest.mark.parametrize("cuda", [True, False])
@pytest.mark.parametrize("accelerator", ["auto", "cpu"])
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "32-true", "32"])
def test_what_can_run(machine, device, cuda, accelerator, precision):
    machine(cuda)

    check_device(device(accelerator, precision))


@pytest.mark.parametrize("accelerator", ["gpu", "cuda"])
def test_a_gpu_that_is_not_there(machine, device, accelerator):
    machine(cuda=True)
    check_device(device(accelerator))
    machine(cuda=False)
    with pytest.raises(ConfigError, match=rf"trainer.accelerator: {accelerator} needs a CUDA device.*accelerator=cpu"):
        check_device(device(accelerator))


def test_an_unknown_accelerator(machine, device):
    machine(cuda=False)

    with pytest.raises(ConfigError, match=r"trainer\.accelerator: expected one of auto, cpu, gpu, found 'tpu'"):
        check_device(device("tpu"))


@pytest.mark.parametrize(
    ("cuda", "accelerator", "where"), [(True, "auto", "GPU"), (True, "cpu", "CPU"), (False, "auto", "CPU")]
)
@pytest.mark.parametrize("precision", ["16-true", "fp8"])
def test_an_unknown_precision(machine, device, cuda, accelerator, where, precision):
    machine(cuda)

    with pytest.raises(ConfigError, match=rf"precision: {precision} cannot be run on this {where}; .*16-mixed"):
        check_device(device(accelerator, precision))


def test_a_gpu_without_bfloat16(machine, device):
    machine(cuda=True, bf16=False)

    check_device(device(precision="16-mixed"))
    check_device(device("cpu", "bf16-mixed"))
    with pytest.raises(ConfigError, match=r"trainer\.precision: bf16-mixed is not supported by Old GPU; use 16-mixed"):
        check_device(device(precision="bf16-mixed"))


def test_what_16_bits_are_on_a_cpu_is_told(machine, device, caplog):
    caplog.set_level(logging.INFO)
    machine(cuda=True)
    check_device(device())
    assert caplog.messages == []
    machine(cuda=False)
    check_device(device())
    assert caplog.messages == ["trainer.precision=16-mixed runs as bf16-mixed on this CPU"]


def test_eval_has_no_precision(machine, composed):
    machine(cuda=False)

    check_device(composed("eval").trainer)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=-1", "seed: expected a whole number of at least 0, found -1"),
        ("seed=abc", "seed: expected a whole number of at least 0, found 'abc'"),
        ("loader.batch_size=2.5", "loader.batch_size: expected a whole number of at least 1, found 2.5"),
        ("loader.num_workers=-1", "loader.num_workers: expected a whole number of at least 0, found -1"),
        ("loader.in_memory=1", "loader.in_memory: expected true or false, found 1"),
        ("limits.keep_unclustered=1", "limits.keep_unclustered: expected true or false, found 1"),
        ("limits.min_localisations=0", "limits.min_localisations: expected a whole number of at least 1"),
        ("limits.max_localisations=0", "limits.max_localisations: expected a whole number of at least 1"),
        ("limits.min_clusters=few", "limits.min_clusters: expected a whole number of at least 1, found 'few'"),
        ("limits.max_failed_fraction=1.1", "limits.max_failed_fraction: expected a number at least 0 and at most 1"),
        ("limits.max_refused_fraction=-0.1", "limits.max_refused_fraction: expected a number"),
        ("trainer.max_epochs=0", "trainer.max_epochs: expected a whole number of at least 1, found 0"),
        ("trainer.devices=2", "trainer.devices: expected 1, or a list of one GPU such as [0], found 2"),
        ("trainer.devices=[0,1]", "found [0, 1]"),
        ("model.cluster_encoder.dropout=2", "model.cluster_encoder.dropout"),
        ("model.readout._target_=locgraph.nothing.Readout", "model.readout._target_"),
        ("training.optimizer.lr=-1", "training.optimizer: Invalid learning rate: -1"),
        ("training.loss.label_smoothing=1", "training.loss.label_smoothing: expected a number in [0, 1)"),
        ("training.schedule.warmup_fraction=2", "training.schedule.warmup_fraction: expected"),
        ("clustering.eps_nm=-1", "clustering.eps_nm: expected a length above 0 in nm, found -1"),
        ("graph.cluster_edges.k=0", "graph.cluster_edges.k"),
        ("fold.n_folds=1", "fold.n_folds: expected at least 2, found 1"),
        ("trust.calibration=platt", "trust.calibration: expected one of temperature, vector, none, found 'platt'"),
        ("trust.coverage=2", "trust.coverage: expected a number above 0 and at most 1, found 2"),
        ("init_from=no.ckpt", "init_from: no.ckpt: no such file; expected RUN/checkpoints/best"),
        ("training.sampler._target_=locgraph.nothing.Sampler", "training.sampler._target_: expected the full name"),
    ],
)
def test_a_wrong_setting_is_refused_before_any_work_with_its_full_name(composed, override, message):
    cfg = composed("train", "data.raw_dir=nowhere", override)

    with pytest.raises(ConfigError) as raised:
        check_before_work(plain(cfg))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["seed=0", "limits.max_failed_fraction=0", "trainer.devices=1"],
        ["model=invariantnet", "training/sampler=balanced", "training.class_weights=[1,2]"],
    ],
)
# on a CPU lightning takes bfloat16 for 16-mixed and says so
@pytest.mark.filterwarnings("ignore:You passed .Trainer.accelerator=:UserWarning")
def test_settings_that_work_pass(composed, overrides):
    state = torch.get_rng_state()

    splitter, network = check_before_work(plain(composed("train", "data.raw_dir=nowhere", *overrides)))

    assert splitter.n_folds == 5
    assert network.predicts == ("field_of_view",)
    assert torch.equal(torch.get_rng_state(), state)


def test_classes_are_balanced_once(composed):
    settings = plain(composed("train", "data.raw_dir=nowhere", "training/sampler=balanced"))

    with pytest.raises(ConfigError, match=r"training\.sampler: balances the classes, as does training\.class_weights"):
        check_before_work(settings)


@pytest.mark.parametrize(
    "override",
    ["clustering=kmeans", "clustering.eps_nm=3", "+columns.names.z=Z", "~features.features.hull", "labels=folders",
     "groups=none", "preprocess=frames", "views.count=3", "simulation=origami"],
)  # fmt: skip
def test_settings_that_featextracted_tables_would_ignore_are_refused(override):
    with pytest.raises(ConfigError, match="takes tables as they are") as raised:
        check_overrides({"data": {"kind": "featextracted"}}, ["data=featextracted", override, "seed=1"])
    assert f"[{override!r}] would have no effect" in str(raised.value)


def test_other_settings_are_not_refused():
    own = ["data=featextracted", "data.unit=nm", "graph.cluster_features=[count]", "model=clusternet", "name=views"]

    check_overrides({"data": {"kind": "featextracted"}}, own)
    check_overrides({"data": {"kind": "raw"}}, ["clustering=kmeans", "views.count=3"])
