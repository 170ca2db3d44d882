"""Checks before any work."""

import logging

import pytest
import torch

from locgraph.cli import checks
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
    """A configuration with this accelerator and precision."""

    def make(accelerator="auto", precision="16-mixed"):
        cfg = composed("train")
        cfg.trainer.accelerator, cfg.trainer.precision = accelerator, precision
        return cfg

    return make


@pytest.mark.parametrize("cuda", [True, False])
@pytest.mark.parametrize("accelerator", ["auto", "cpu"])
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "32-true", "32"])
def test_what_can_run(machine, device, cuda, accelerator, precision):
    machine(cuda)

    checks.check_device(device(accelerator, precision))


@pytest.mark.parametrize("accelerator", ["gpu", "cuda"])
def test_a_gpu_that_is_not_there(machine, device, accelerator):
    machine(cuda=True)
    checks.check_device(device(accelerator))
    machine(cuda=False)
    with pytest.raises(ConfigError, match=rf"accelerator={accelerator} needs a CUDA device.*accelerator=cpu"):
        checks.check_device(device(accelerator))


def test_an_unknown_accelerator(machine, device):
    machine(cuda=False)

    with pytest.raises(ConfigError, match="must be one of auto, cpu, gpu, found 'tpu'"):
        checks.check_device(device("tpu"))


@pytest.mark.parametrize(
    ("cuda", "accelerator", "where"), [(True, "auto", "GPU"), (True, "cpu", "CPU"), (False, "auto", "CPU")]
)
@pytest.mark.parametrize("precision", ["16-true", "fp8"])
def test_an_unknown_precision(machine, device, cuda, accelerator, where, precision):
    machine(cuda)

    with pytest.raises(ConfigError, match=rf"precision={precision} cannot be run on this {where}; .*16-mixed, bf16"):
        checks.check_device(device(accelerator, precision))


def test_a_gpu_without_bfloat16(machine, device):
    machine(cuda=True, bf16=False)

    checks.check_device(device(precision="16-mixed"))
    checks.check_device(device("cpu", "bf16-mixed"))
    with pytest.raises(ConfigError, match=r"bf16-mixed is not supported by Old GPU; use trainer\.precision=16-mixed"):
        checks.check_device(device(precision="bf16-mixed"))


def test_what_16_bits_are_on_a_cpu_is_told(machine, device, caplog):
    caplog.set_level(logging.INFO)
    machine(cuda=True)
    checks.check_device(device())
    assert caplog.messages == []
    machine(cuda=False)
    checks.check_device(device())
    assert caplog.messages == ["trainer.precision=16-mixed runs as bf16-mixed on this CPU"]


def test_eval_has_no_precision(machine, composed):
    machine(cuda=False)

    checks.check_device(composed("eval"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=-1", "seed must be a whole number from 0 to 4294967295, found -1"),
        ("seed=4294967296", "found 4294967296"),
        ("seed=abc", "found 'abc'"),
        ("seed=1.0", "found 1.0"),
        ("data.batch_size=0", "data.batch_size must be at least 1, a whole number, found 0"),
        ("data.batch_size=2.5", "found 2.5"),
        ("data.batch_size=true", "found True"),
        ("data.num_workers=-1", "data.num_workers must be at least 0, a whole number, found -1"),
        ("data.keep_unclustered=1", "data.keep_unclustered must be true or false, found 1"),
        ("data.in_memory=1", "data.in_memory must be true or false, found 1"),
        ("data.min_localisations=0", "data.min_localisations must be at least 1"),
        ("data.min_clusters=few", "data.min_clusters must be at least 1, a whole number, found 'few'"),
        ("data.max_failed_fraction=1.1", "data.max_failed_fraction must be a number from 0 to 1, found 1.1"),
        ("data.max_refused_fraction=-0.1", "data.max_refused_fraction must be a number from 0 to 1, found -0.1"),
        ("trainer.max_epochs=0", "trainer.max_epochs must be at least 1, a whole number, found 0"),
        ("trainer.max_epochs=-1", "found -1"),
        ("trainer.devices=2", "trainer.devices must be 1, or a list of one GPU such as [0], found 2"),
        ("trainer.devices=auto", "found auto"),
        ("trainer.devices=[0,1]", "found [0, 1]"),
    ],
)
def test_values_that_could_not_work(composed, override, message):
    cfg = composed("train")
    cfg.merge_with_dotlist([override])

    with pytest.raises(ConfigError) as raised:
        checks.check_values(cfg)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "override",
    [
        "seed=0",
        "data.max_failed_fraction=0",
        "data.max_failed_fraction=1.0",
        "data.num_workers=0",
        "trainer.devices=[1]",
    ],
)
def test_values_at_the_ends_work(composed, override):
    cfg = composed("train")
    cfg.merge_with_dotlist([override])

    checks.check_values(cfg)


@pytest.mark.parametrize("command", ["train", "prepare", "eval"])
def test_the_values_of_the_configs_work(composed, command):
    checks.check_values(composed(command))


@pytest.mark.parametrize(
    "override",
    ["clustering=kmeans", "clustering.eps_nm=3", "+columns.names.z=Z", "~features.features.hull", "labels=folders",
     "groups=none", "preprocess=frames", "views.count=3", "simulation=origami"],
)  # fmt: skip
def test_settings_that_featextracted_tables_would_ignore(composed, override):
    cfg = composed("train", "data=featextracted")

    with pytest.raises(ConfigError, match="takes tables as they are") as raised:
        checks.check_source(cfg, ["data=featextracted", override, "seed=1"])
    assert f"[{override!r}] would have no effect" in str(raised.value)


def test_settings_that_featextracted_tables_do_not_ignore(composed):
    overrides = [
        "data=featextracted",
        "data.unit=nm",
        "graph.cluster_features=[count]",
        "model=clusternet",
        "name=views",
    ]

    checks.check_source(composed("train", "data=featextracted"), overrides)


def test_raw_files_ignore_nothing(composed):
    checks.check_source(composed("train"), ["clustering=kmeans", "views.count=3"])


def test_settings_of_training_work(composed):
    checks.check_training(composed("train"))
    checks.check_training(composed("train", "training/sampler=balanced", "training.class_weights=none"))
    checks.check_training(composed("train", "training/sampler=balanced", "training.class_weights=[1,2]"))


def test_classes_are_balanced_once(composed):
    with pytest.raises(ConfigError, match=r"BalancedSampler and training\.class_weights=balanced both balance"):
        checks.check_training(composed("train", "training/sampler=balanced"))


def test_a_sampler_that_is_not_there(composed):
    with pytest.raises(ConfigError, match=r"training\.sampler\._target_=locgraph\.nothing\.Sampler is not there"):
        checks.check_training(composed("train", "training.sampler._target_=locgraph.nothing.Sampler"))


def test_weights_to_start_from_that_are_not_there(composed, tmp_path):
    with pytest.raises(ConfigError, match=r"model\.init_from=.*no\.ckpt: no such file; expected RUN/checkpoints/best"):
        checks.check_training(composed("train", f"model.init_from={tmp_path}/no.ckpt"))
