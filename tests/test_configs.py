"""The real configs: every part composes, every target exists, and nothing in them is misspelt."""

import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, MissingConfigException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from locgraph.cli import assemble, cli
from locgraph.cli.app import TASKS, config_dir
from locgraph.errors import ConfigError
from locgraph.nn.sizes import DataSizes

CONFIGS = config_dir()
FILES = sorted(CONFIGS.rglob("*.yaml"))
LEAVES = [path for path in FILES if path.parent != CONFIGS and path.parent.name != "local"]

REQUIRED = {
    "labels.pattern": "_(wt|ko)_",
    "data.raw_dir": "raw",
    "data.featextracted_dir": "tables",
    "columns.unit": "nm",
    "labels.path": "labels.csv",
    "groups.path": "groups.csv",
    "groups.pattern": "^(p.)_",
    "fold.path": "folds.json",
    "scaling.nm_per_unit": 100.0,
    "preprocess.channels.keep": [0],
    "preprocess.photons.least": 100.0,
    "preprocess.region.x": [0.0, 1000.0],
    "preprocess.region.y": None,
    "graph.cluster_edges.radius_nm": 50.0,
    "ckpt_path": "best.ckpt",
    "folder": "sweeps",
    "source": "raw",
    "target": "converted",
}
"""A value for every ``???``."""

HANDED_OVER = {
    "model": {"sizes"},
    "model.loc_encoder": {"sizes"},
    "model.cluster_encoder": {"in_channels", "sizes"},
    "model.readout": {"in_channels", "sizes"},
    "model.readout.readout": {"in_channels", "sizes"},
    "model.head": {"in_channels", "sizes"},
    "model.head.fov": {"in_channels", "sizes"},
    "model.head.localisation": {"in_channels", "sizes"},
    "training.optimizer": {"params"},
    "training.loss": {"class_weights"},
    "training.sampler": {"targets", "seed"},
    "logger.tensorboard": {"folder"},
    "logger.wandb": {"folder", "name", "group"},
}
"""Arguments that the code gives to a target beside those of its leaf."""

KEPT = {"model": {"init_from"}}
"""Values of a leaf that the command keeps to itself."""

FREE = ("columns.names", "labels.names")
"""Mappings whose keys the user chooses."""


def options() -> list[tuple[str, str]]:
    """Every group that a command chooses from, with every option of it."""
    found = [(path.parent.relative_to(CONFIGS).as_posix(), path.stem) for path in LEAVES]
    return [(group, option) for group, option in found if group.split("/")[0] != "hydra"]


ALONGSIDE = {"clustering/clusterer": "clustering=per_channel"}
"""What must be chosen for a group to be there at all."""

COMMANDS = {"explain": "eval", "analysis": "analyse"}
"""Groups that training does not choose from, and the command that does."""

ADDED = ("explain/explainers",)
"""Groups of which nothing is chosen until it is added."""


def command_of(group: str) -> str:
    """The command that chooses from a group."""
    return COMMANDS.get(group.split("/")[0], "train")


def choice(group: str, option: str) -> tuple[str, ...]:
    """The overrides that choose an option."""
    return (*filter(None, [ALONGSIDE.get(group)]), f"{'+' if group in ADDED else ''}{group}={option}")


every_option = pytest.mark.parametrize(("group", "option"), options())


@pytest.fixture(scope="module", autouse=True)
def _hydra() -> Iterator[None]:
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        yield


@cache
def composed(command: str, *overrides: str) -> DictConfig:
    """The configuration of a command, with a value for everything that the user must give."""
    cfg = compose(command, list(overrides))
    for key in OmegaConf.missing_keys(cfg):
        OmegaConf.update(cfg, key, REQUIRED[key])
    return cfg


@cache
def plain(command: str, *overrides: str) -> dict[str, Any]:
    return OmegaConf.to_container(composed(command, *overrides), resolve=True, throw_on_missing=True)


def targets(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping with a ``_target_``, with the path that leads to it."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, child in node.items():
            yield from targets(child, f"{path}.{key}".lstrip("."))


def keys(node: Any, path: str = "") -> Iterator[str]:
    """The path of every value; a mapping with free keys counts as one."""
    if isinstance(node, dict) and node and path not in FREE:
        for key, child in node.items():
            yield from keys(child, f"{path}.{key}".lstrip("."))
    else:
        yield path


@every_option
def test_every_option_composes(group, option):
    content = plain(command_of(group), *choice(group, option))
    if group not in ("experiment", "sweep", "debug"):
        for name in group.split("/"):
            content = content[name]
        assert content is not None


@pytest.mark.parametrize("command", sorted(TASKS))
def test_every_command_composes(command):
    assert plain(command)["name"]
    with_hydra = compose(command, return_hydra_config=True)
    assert with_hydra.hydra.job.name == command
    assert with_hydra.hydra.help.app_name == "locgraph"


@pytest.mark.parametrize("command", sorted(set(TASKS) - {"train"}))
def test_every_group_that_a_command_lists_is_one_it_can_use(command):
    listed = yaml.safe_load((CONFIGS / f"{command}.yaml").read_text(encoding="utf-8"))["defaults"]
    groups = {key.split()[-1] for entry in listed if isinstance(entry, dict) for key in entry} - {"hydra"}
    for group, option in options():
        if group in groups:
            assert plain(command, f"{group}={option}")["name"]


def test_commands_have_one_name_everywhere():
    assert set(TASKS) == set(cli.COMMANDS) == {path.stem for path in CONFIGS.glob("*.yaml")}


@pytest.mark.parametrize("option", [option for group, option in options() if group == "experiment"])
def test_prepare_prepares_what_train_trains(option):
    here = ("paths.run_dir=here", "paths.sweep_dir=here")  # these hold the time of day
    assert plain("prepare", f"experiment={option}", *here) == plain("train", f"experiment={option}", *here)


@every_option
def test_every_target_takes_its_arguments(group, option):
    for path, leaf in targets(plain(command_of(group), *choice(group, option))):
        target = get_object(leaf["_target_"])
        parameters = inspect.signature(target).parameters.values()
        given = {key for key in leaf if key not in ("_target_", "_partial_", *KEPT.get(path, ()))}
        given |= HANDED_OVER.get(path, set())
        names = {parameter.name for parameter in parameters if parameter.kind != parameter.VAR_KEYWORD}
        if all(parameter.kind != parameter.VAR_KEYWORD for parameter in parameters):
            assert given <= names, f"{path}: {leaf['_target_']} takes {sorted(names)}"
        needed = {
            parameter.name
            for parameter in parameters
            if parameter.default is parameter.empty
            and parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        }
        assert needed <= given, f"{path}: {leaf['_target_']} needs {sorted(needed)}"


@pytest.mark.filterwarnings("ignore:.*AMP with fp16 is not supported on CPU")
@every_option
def test_every_part_can_be_made(group, option, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("fov_id,label\na,L\n")
    Path("groups.csv").write_text("fov_id,group\na,p1\n")
    Path("folds.json").write_text(json.dumps({"folds": [{"train": ["a"], "val": ["b"], "test": ["c"]}]}))
    cfg = composed(command_of(group), *choice(group, option))
    changed = "" if group == "experiment" else group.replace("/", ".")
    for path, leaf in targets(plain(command_of(group), *choice(group, option))):
        within_another = path.startswith(("features.features.", "model."))
        if path.startswith(changed) and path not in HANDED_OVER and not within_another:
            made = assemble.build(OmegaConf.select(cfg, path))
            assert made.func if leaf.get("_partial_") else made is not None
    if group.startswith("model") or group == "experiment":
        sizes = DataSizes(2, 3, 5, 0, 3, supercluster_features=3, superlevels=2, descriptors=9, localisation_classes=3)
        network = assemble.network(cfg.model, sizes)
        heads = [network.head] if hasattr(network.head, "layers") else list(network.head.children())
        assert [head.layers[-1].out_features for head in heads] == [3] * len(network.predicts)


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if path.parent.name == "experiment"], ids=lambda path: path.stem
)
def test_an_experiment_only_overrides(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    chosen = [entry for default in content.pop("defaults") for entry in default.items()]
    assert all(key.startswith("override /") for key, _ in chosen)
    known = set(keys(plain("train", *(f"{key.removeprefix('override /')}={option}" for key, option in chosen))))
    assert set(keys(content)) <= known


def test_demo_needs_nothing_from_the_user(monkeypatch):
    monkeypatch.delenv("LOCGRAPH_OUTPUT_DIR", raising=False)
    cfg = compose("train", ["experiment=demo"])
    assert OmegaConf.missing_keys(cfg) == set()
    assert cfg.data.raw_dir == cfg.simulation.folder == "outputs/simulated/demo"


def test_outputs_go_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("LOCGRAPH_OUTPUT_DIR", "elsewhere")
    cfg = compose("train", ["experiment=demo"], return_hydra_config=True)
    assert cfg.paths.prepared_dir == "elsewhere/prepared"
    assert cfg.data.raw_dir == "elsewhere/simulated/demo"
    assert cfg.hydra.run.dir.startswith("elsewhere/runs/demo/")
    assert cfg.hydra.sweep.dir.startswith("elsewhere/sweeps/demo/")


@pytest.mark.parametrize(("fold", "n_folds"), [("stratified", 5), ("stratified_group", 5), ("hold_out", 1)])
def test_kfold_sweeps_every_fold_of_the_plan(fold, n_folds):
    cfg = compose("train", ["sweep=kfold", f"fold={fold}"], return_hydra_config=True)
    assert cfg.hydra.mode.name == "MULTIRUN"
    assert dict(cfg.hydra.sweeper.params) == {"fold.index": f"range(0,{n_folds})"}
    cfg = compose("train", ["sweep=kfold", f"fold={fold}", "fold.n_folds=3"], return_hydra_config=True)
    assert cfg.hydra.sweeper.params["fold.index"] == "range(0,3)"


def test_kfold_sweeps_the_folds_of_a_file_once_their_number_is_given():
    cfg = compose("train", ["sweep=kfold", "fold=from_file", "fold.n_folds=4"], return_hydra_config=True)
    assert cfg.hydra.sweeper.params["fold.index"] == "range(0,4)"


def test_without_a_sweep_one_fold_is_trained():
    cfg = compose("train", return_hydra_config=True)
    assert cfg.hydra.mode is None
    assert cfg.hydra.sweeper.params is None
    assert cfg.fold.index == 0


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("trainer.max_epoch=3", ConfigCompositionException, r"Could not override 'trainer\.max_epoch'"),
        ("clusterer=kmeans", ConfigCompositionException, "Could not override 'clusterer'"),
        ("clustering/clusterer=kmeans", ConfigCompositionException, "Could not override 'clustering/clusterer'"),
        ("clustering=optics", MissingConfigException, r"(?s)Could not find 'clustering/optics'.*dbscan.*kmeans"),
        ("experiment=dmeo", MissingConfigException, r"(?s)Could not find 'experiment/dmeo'.*demo"),
    ],
)
def test_what_does_not_exist_is_refused(override, error, message):
    with pytest.raises(error, match=message):
        compose("train", [override])


def test_an_argument_too_many_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"(?s)locgraph\.clustering\.dbscan\.DBSCAN.*'eps'"):
        assemble.build(compose("train", ["clustering=dbscan", "+clustering.eps=3"]).clustering)


def test_every_file_says_what_it_is_for():
    def commented(path: Path) -> bool:
        lines = path.read_text(encoding="utf-8").splitlines()
        return any(re.search(r"(^|\s)# (?!@package)", line) for line in lines)

    silent = [path.relative_to(CONFIGS).as_posix() for path in FILES if not commented(path)]
    assert not silent, "house rule: comments say what a value does and which way to turn it"


def test_there_is_no_arithmetic_and_no_python():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "!!" not in text, path
        for inside in re.findall(r"\$\{([^}]*)\}", text):
            assert re.fullmatch(r"[\w.]+|oc\.env:\w+,\w+|now:[%\w-]+", inside), f"{path}: {inside}"


def test_targets_are_ours_or_of_the_packages_we_name():
    found = {
        leaf["_target_"].split(".")[0]
        for group, option in options()
        for _, leaf in targets(plain(command_of(group), *choice(group, option)))
    }
    assert found == {"locgraph", "lightning", "sklearn", "torch"}
