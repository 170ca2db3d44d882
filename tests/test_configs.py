"""The real configs: every part composes and can be built, every setting is explained, none is misspelt."""

import inspect
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.errors import ConfigCompositionException, MissingConfigException
from omegaconf import DictConfig, OmegaConf

from locgraph.api.config import config_dir
from locgraph.api.device import NOT_OF_LIGHTNING
from locgraph.api.training.network import make_network
from locgraph.build import build, find_class
from locgraph.cli.app import TASKS
from locgraph.cli.main import COMMANDS
from locgraph.errors import ConfigError
from locgraph.nn.representation import RepresentationHead
from locgraph.nn.sizes import DataSizes

CONFIGS = config_dir()
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
FILES = sorted(path for path in CONFIGS.rglob("*.yaml") if path.parent.name != "local")
LEAVES = [path for path in FILES if path.parent != CONFIGS]

REQUIRED = {
    "objects.path": "regions.csv",
    "objects.unit": "nm",
    "labels.pattern": "_(wt|ko)_",
    "data.raw_dir": "raw",
    "data.featextracted_dir": "tables",
    "columns.unit": "nm",
    "labels.path": "labels.csv",
    "groups.path": "groups.csv",
    "groups.pattern": "^(p.)_",
    "fold.path": "folds.json",
    "preprocess.channels.keep": [0],
    "preprocess.photons.least": 100.0,
    "preprocess.region.x": [0.0, 1000.0],
    "preprocess.region.y": None,
    "graph.cluster_edges.radius_nm": 50.0,
    "ckpt_path": "best.ckpt",
    "folders": ["first", "second"],
    "folder": "sweeps",
    "files": ["cell.hdf5"],
    "release.from": "sweep",
    "source": "raw",
    "path": "annotations.parquet",
    "sources": ["raw"],
    "target": "converted",
    "action": "list",
    "arguments": ["train"],
}
"""A value for every ``???``."""

SIZES = {"sizes"}
ENCODED = {"sizes", "in_channels"}
FROM_DATA = {
    "model": SIZES,
    "model.loc_encoder": SIZES,
    **dict.fromkeys(("model.cluster_encoder", "model.readout", "model.readout.readout"), ENCODED),
    **dict.fromkeys(("model.head", "model.head.fov", "model.head.localisation"), ENCODED),
    "model.head.decoder": {"in_channels", "dimensions"},
    "training.optimizer": {"params"},
    "training.loss": {"class_weights"},
    "training.sampler": {"targets", "seed"},
    "augment.scale": {"length_powers"},
}
"""Arguments that the code gives to a target beside those of its leaf."""

NEEDED_PACKAGES = {"aim": "aim", "comet": "comet_ml", "mlflow": "mlflow", "sinkhorn": "geomloss"}
"""Packages of options that may be absent: no extra, or one that is newer than the environment, installs them."""

FREE = ("columns.names", "labels.names")
"""Mappings whose keys the user chooses."""

COMMAND = {"explain": "eval", "analysis/classifiers": "analyse", "stress": "stress", "grouping": "group"}
"""Groups that training does not choose from, and the command that does."""

PLACES = {
    "model/decoder": ("autoencoder", "model.head.decoder"),
    "model/cloud_loss": ("autoencoder", "model.head.decoder.loss"),
    "model/alignment": ("autoencoder", "model.head.decoder.alignment"),
    "model/view_loss": ("contrastive", "model.head.compare"),
}
"""Groups of parts of heads: a head that has the part, and where it is."""

GLOBAL = ("experiment", "sweep", "mode", "hparams_search", "launcher", "debug")
"""Groups whose options change settings of other groups."""


def options() -> list[tuple[str, str]]:
    """Every group that a command chooses from, with every option of it."""
    pairs = [(path.parent.relative_to(CONFIGS).as_posix(), path.stem) for path in LEAVES]
    pairs = [(group, option) for group, option in pairs if group.split("/")[0] != "hydra"]
    # an experiment in a folder of its own: experiment=FOLDER/NAME
    return [
        ("experiment", f"{group.partition('/')[2]}/{option}") if group.startswith("experiment/") else (group, option)
        for group, option in pairs
    ]


every_option = pytest.mark.parametrize(("group", "option"), options())


@pytest.fixture(scope="module", autouse=True)
def _hydra() -> Iterator[None]:
    with initialize_config_dir(version_base="1.3", config_dir=str(CONFIGS)):
        yield


def composed(command: str, *overrides: str) -> DictConfig:
    """Return the configuration of a command, with a value for everything that the user must give."""
    cfg = compose(command, list(overrides))
    for key in OmegaConf.missing_keys(cfg):
        OmegaConf.update(cfg, key, REQUIRED[key])
    return cfg


@cache
def plain(command: str, *overrides: str) -> dict[str, Any]:
    return OmegaConf.to_container(composed(command, *overrides), resolve=True, throw_on_missing=True)


def chosen(group: str, option: str) -> dict[str, Any]:
    """Return the settings of the command that chooses from a group, with an option chosen."""
    if group == "features" and option != "full":
        option = f"[full,{option}]"  # one of localisations does not stand alone
    if group in PLACES:
        head, place = PLACES[group]
        return plain("train", f"model/head={head}", f"{group}@{place}={option}")
    return plain(COMMAND.get(group, "train"), f"{group}={option}")


def skip_without_package(group: str, option: str) -> None:
    package = NEEDED_PACKAGES.get(option)
    if package is not None and find_spec(package) is None:
        pytest.skip(f"needs the package {package}")


def leaves(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every mapping with a ``_target_``, with the path that leads to it."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, child in node.items():
            yield from leaves(child, f"{path}.{key}".lstrip("."))


def keys(node: Any, path: str = "") -> Iterator[str]:
    """Yield the path of every value; a mapping with free keys counts as one."""
    if isinstance(node, dict) and node and path not in FREE:
        for key, child in node.items():
            yield from keys(child, f"{path}.{key}".lstrip("."))
    else:
        yield path


@pytest.mark.parametrize("command", sorted(TASKS))
def test_every_command_composes_with_every_option_of_the_groups_it_lists(command):
    assert plain(command)["name"]
    assert compose(command, return_hydra_config=True).hydra.job.name == command
    listed = yaml.safe_load((CONFIGS / f"{command}.yaml").read_text(encoding="utf-8"))["defaults"]
    groups = {key.split()[-1] for entry in listed if isinstance(entry, dict) for key in entry} - {"hydra"}
    for group, option in options():
        if group in groups:
            assert plain(command, f"{group}={option}")["name"]


@every_option
def test_every_option_fills_its_group(group, option):
    content = chosen(group, option)
    if group not in GLOBAL:
        for name in PLACES[group][1].split(".") if group in PLACES else group.split("/"):
            content = content[name]
        assert content or option in ("none", "fov")


def test_commands_have_one_name_everywhere():
    assert set(TASKS) == set(COMMANDS) == {path.stem for path in CONFIGS.glob("*.yaml")}


@pytest.mark.parametrize("option", [option for group, option in options() if group == "experiment"])
def test_prepare_prepares_what_train_trains(option):
    here = ("paths.run_dir=here", "paths.sweep_dir=here")  # these hold the time of day
    assert plain("prepare", f"experiment={option}", *here) == plain("train", f"experiment={option}", *here)


@every_option
def test_every_target_takes_its_arguments(group, option):
    skip_without_package(group, option)
    for path, leaf in leaves(chosen(group, option)):
        target = find_class(leaf["_target_"], path)
        parameters = inspect.signature(target).parameters.values()
        given = {key for key in leaf if key not in ("_target_", "_partial_", *NOT_OF_LIGHTNING)} | FROM_DATA.get(
            path, set()
        )
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
def test_every_part_can_be_built(group, option, tmp_path, monkeypatch):
    if option == "gpu":
        pytest.skip("needs a GPU")
    skip_without_package(group, option)
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("fov_id,label\na,L\n")
    Path("groups.csv").write_text("fov_id,group\na,p1\n")
    Path("folds.json").write_text(json.dumps({"folds": [{"train": ["a"], "val": ["b"], "test": ["c"]}]}))
    settings = chosen(group, option)
    prefix = "" if group in GLOBAL or group in PLACES else group.replace("/", ".")
    for path, leaf in leaves(settings):
        if path.startswith(prefix) and path not in FROM_DATA and not path.startswith("model."):
            # not an argument of Lightning's trainer
            made = build({key: value for key, value in leaf.items() if key not in NOT_OF_LIGHTNING}, path)
            assert made.func if leaf.get("_partial_") else made is not None
    if group.startswith("model") or group == "experiment":
        sizes = DataSizes(2, 3, 5, 0, 3, supercluster_features=3, superlevels=2, descriptors=9, localisation_classes=3)
        network = make_network(settings["model"], sizes)
        if isinstance(network.head, RepresentationHead):
            return
        heads = [network.head] if hasattr(network.head, "layers") else list(network.head.children())
        assert [head.layers[-1].out_features for head in heads] == [3] * len(network.predicts)


@pytest.mark.parametrize("model", ["locclusternet", "loconlynet_pointnet", "loconlynet_pointtransformer"])
@pytest.mark.parametrize("head", ["segment", "both"])
def test_a_head_changes_nothing_but_the_head(model, head):
    before, after = plain("train", f"model={model}"), plain("train", f"model={model}", f"model/head={head}")
    assert {name for name in before if before[name] != after[name]} - {"paths"} == {"model"}
    assert {name for name in before["model"] if before["model"][name] != after["model"][name]} == {"head"}


@pytest.mark.parametrize(
    ("command", "overrides", "path", "names"),
    [
        ("train", [], "features.features", ["size", "pca", "hull"]),
        ("train", ["features=[standard,spacing]"], "features.features", ["size", "pca", "hull", "spacing"]),
        ("train", ["+features=spacing"], "features.features", ["size", "pca", "hull", "spacing"]),
        ("train", ["features=[size,pca]"], "features.features", ["size", "pca"]),
        ("train", ["+features=local_density"], "features.localisations", ["local_density"]),
        ("train", ["preprocess=[thin,frames]"], "preprocess", ["thin", "frames"]),
        ("train", ["logger=[tensorboard,wandb]"], "logger", ["tensorboard", "wandb"]),
        ("eval", ["logger=[mlflow,wandb]"], "logger", ["mlflow", "wandb"]),
        ("eval", [], "explain.explainers", []),
        ("explain", [], "explain.explainers", ["subgraphx"]),
        ("explain", ["explain=[shapley,random]"], "explain.explainers", ["shapley", "random"]),
        ("eval", ["explain=all", "~explain.explainers.random"], "explain.max_fovs", 20),
        ("analyse", ["analysis/classifiers=[random_forest]"], "analysis.classifiers", ["random_forest"]),
    ],
)
def test_several_of_a_group_are_chosen_by_a_list(command, overrides, path, names):
    node = OmegaConf.select(composed(command, *overrides), path)
    assert (list(node) if isinstance(names, list) else node) == names


@pytest.mark.parametrize("clusterer", ["dbscan", "kmeans", "given"])
def test_each_channel_is_clustered_as_the_whole_would_be(clusterer):
    each = plain("train", "clustering=per_channel", f"clustering@clustering.clusterer={clusterer}")["clustering"]
    assert each["clusterer"] == plain("train", f"clustering={clusterer}")["clustering"]


@pytest.mark.parametrize(
    "path",
    [path for path in LEAVES if "experiment" in (path.parent.name, path.parent.parent.name)],
    ids=lambda path: path.stem,
)
def test_an_experiment_only_overrides(path):
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    choices = [entry for default in content.pop("defaults") for entry in default.items()]
    assert all(key.startswith("override /") for key, _ in choices)
    known = set(keys(plain("train", *(f"{key.removeprefix('override /')}={option}" for key, option in choices))))
    assert set(keys(content)) <= known


def test_an_experiment_may_lie_in_another_folder(tmp_path):
    (tmp_path / "experiment").mkdir()
    text = (
        "# @package _global_\ndefaults:\n  - override /model: hgt\nname: mine\nmodel: {cluster_encoder: {layers: 2}}\n"
    )
    (tmp_path / "experiment" / "mine.yaml").write_text(text)
    cfg = compose("train", [f"hydra.searchpath=[file://{tmp_path}]", "experiment=mine"])
    assert (cfg.name, cfg.model.cluster_encoder.layers) == ("mine", 2)


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


@pytest.mark.parametrize(
    ("overrides", "folds"),
    [
        (["fold=stratified"], 5),
        (["fold=stratified_group"], 5),
        (["fold=hold_out"], 1),
        (["fold=stratified", "fold.n_folds=3"], 3),
        (["fold=from_file", "fold.n_folds=4"], 4),
    ],
)
def test_kfold_sweeps_every_fold_of_the_plan(overrides, folds):
    cfg = compose("train", ["sweep=kfold", *overrides], return_hydra_config=True)
    assert cfg.hydra.mode.name == "MULTIRUN"
    assert dict(cfg.hydra.sweeper.params) == {"fold.index": f"range(0,{folds})"}


def test_crossval_is_the_sweep_over_folds():
    ours, before = (compose("train", [text], return_hydra_config=True) for text in ("mode=crossval", "sweep=kfold"))
    assert (ours.hydra.mode, ours.hydra.sweeper.params) == (before.hydra.mode, before.hydra.sweeper.params)
    assert {name for name in ours if name not in ("hydra", "paths") and ours[name] != before[name]} == {"mode"}


def test_a_mode_has_the_last_word_beside_an_experiment():
    draft = compose("train", ["experiment=demo", "mode=draft"])
    assert draft.trainer.max_epochs == 2
    release = compose("train", ["experiment=demo", "mode=release", "release.from=sweep"])
    assert release.fold["_target_"].endswith(".AllFovs")
    assert release.trainer.max_epochs == 60


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
        ("clustering=optics", MissingConfigException, r"(?s)Could not find 'clustering/optics'.*dbscan.*kmeans"),
        ("experiment=dmeo", MissingConfigException, r"(?s)Could not find 'experiment/dmeo'.*demo"),
    ],
)
def test_what_does_not_exist_is_refused(override, error, message):
    with pytest.raises(error, match=message):
        compose("train", [override])


def test_an_argument_too_many_is_refused_by_name():
    settings = OmegaConf.to_container(compose("train", ["clustering=dbscan", "+clustering.eps=3"]).clustering)
    with pytest.raises(ConfigError, match=r"(?s)clustering\.eps: .*DBSCAN has no such argument"):
        build(settings, "clustering")


def undocumented(path: Path) -> Iterator[str]:
    """Yield settings of a file that no comment explains: beside them, or beside a mapping that holds them."""
    above: list[tuple[int, str, bool]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        setting = re.match(r"( *)([\w.]+):(.*)", line)
        if setting is None:
            continue
        indent, name = len(setting[1]), setting[2]
        above = [entry for entry in above if entry[0] < indent]
        above.append((indent, name, "# " in setting[3]))
        needs_none = name in ("_target_", "_partial_") or above[0][1] in ("hydra", "defaults")
        has_value = setting[3].partition("#")[0].strip()
        if has_value and not needs_none and not any(explained for *_, explained in above):
            yield f"{path.relative_to(CONFIGS)}: {'.'.join(key for _, key, _ in above)}"


def test_every_file_and_every_setting_is_explained():
    silent = [path.relative_to(CONFIGS).as_posix() for path in FILES if not path.read_text().startswith("# ")]
    assert not silent, "house rule: a file begins with what it is for"
    settings = [
        path
        for path in FILES
        if path.relative_to(CONFIGS).parts[0] not in ("experiment", "sweep") and "hydra" not in path.parts
    ]
    assert not [name for path in settings for name in undocumented(path)]


def test_no_file_only_passes_another_one_on():
    for path in LEAVES:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert not (isinstance(content, dict) and set(content) == {"defaults"} and len(content["defaults"]) < 2), path


def test_there_is_no_arithmetic_and_no_python():
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert "!!" not in text, path
        for inside in re.findall(r"\$\{([^}]*)\}", text):
            assert re.fullmatch(r"[\w.]+|oc\.env:\w+,\w+|now:[%\w-]+", inside), f"{path}: {inside}"


def test_targets_are_ours_or_of_the_packages_we_name():
    packages = {
        leaf["_target_"].split(".")[0] for group, option in options() for _, leaf in leaves(chosen(group, option))
    }
    assert packages == {"aim", "locgraph", "lightning", "sklearn", "torch"}


def test_the_readme_names_every_group():
    table = README.partition("## Config groups")[2].partition("\n## ")[0]
    words = set(re.findall(r"`([^`]+)`", table))
    for group in sorted({group for group, _ in options()}):
        assert group.split("/")[-1] in words or group in words, f"README, config groups: {group} is missing"
