"""What a checkpoint records, and what of it is never made."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from locgraph.api.config import plain
from locgraph.api.models import evaluate
from locgraph.api.models.model import Model
from locgraph.api.recipes import table_settings
from locgraph.api.training import parts
from locgraph.errors import CheckpointError
from locgraph.learn.checkpoint import check_targets, make_record
from locgraph.learn.tasks.fov import FovTask


@pytest.fixture
def record(fold):
    return record_of(plain(fold.cfg), fold.prepared, make_data(fold))


def make_data(fold, **changes):
    task = FovTask(fold.prepared.manifest.class_names)
    return parts.make_data(plain(fold.cfg), fold.prepared, task, replace(fold.split, **changes))


def record_of(settings, prepared, data):
    return make_record(settings, prepared.graph_settings, prepared.units, data, parts.data_sizes(data))


def kinds(node):
    """Types of all values, and of what holds them."""
    found = {type(node)}
    for child in (*node, *node.values()) if isinstance(node, dict) else node if isinstance(node, list) else ():
        found |= kinds(child)
    return found


def test_only_plain_values_and_tensors(record):
    assert kinds(record) <= {dict, list, str, int, float, bool, type(None), torch.Tensor}
    json.dumps({name: value for name, value in record.items() if name != "scaler"})


def test_it_is_what_the_checkpoint_of_the_run_holds(record, trained):
    held = torch.load(trained.run_dir / "checkpoints" / "best.ckpt", weights_only=True)["locgraph"]

    # it is fitted after training
    assert record.pop("trust") is None
    assert held.pop("trust")["class_names"] == held["class_names"]
    limits, held_limits = (found.pop("scaler")["limits"] for found in (record, held))
    assert record == held
    assert all(torch.equal(limits[name], held_limits[name]) for name in held_limits)


def test_names_units_and_fold(record, fold):
    assert record["class_names"] == ["T", "L"]
    assert record["split"] == {side: list(getattr(fold.split, side)) for side in ("train", "val", "test")}
    assert list(record["units"]) == record["settings"]["graph"]["cluster_features"]
    assert {record["units"][name] for name in ("count", "area_hull", "density_hull")} == {"1", "nm^2", "1/nm^2"}
    assert record["position_unit"] == "nm"
    assert record["sizes"]["cluster_features"] == len(record["units"])
    assert {"locgraph", "python", "torch"} <= set(record["versions"])


def test_the_scaler_is_that_of_the_training_side(fold, record):
    data = make_data(fold, val=(), test=())

    assert torch.equal(record["scaler"]["limits"]["cluster"], data.fitted_scaler().limits["cluster"])


def test_paths_are_absolute_so_that_any_folder_will_do(fold, composed, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    data = make_data(fold)
    overrides = ["labels=table", "labels.path=labels.csv", "groups=table", "groups.path=groups.csv"]
    cfg = composed("train", "data.raw_dir=raw", *overrides, "paths.output_dir=out", "model=invariantnet")

    settings = record_of(plain(cfg), fold.prepared, data)["settings"]

    here = Path.cwd()
    assert settings["data"]["raw_dir"] == str(here / "raw")
    assert settings["labels"]["path"] == str(here / "labels.csv")
    assert settings["groups"]["path"] == str(here / "groups.csv")
    assert settings["paths"] == {"prepared_dir": str(here / "out" / "prepared")}
    tables = composed("train", "data=featextracted", "data.featextracted_dir=tables", "model=invariantnet")
    settings = record_of(plain(tables), fold.prepared, data)["settings"]
    assert settings["data"]["featextracted_dir"] == str(here / "tables")


@pytest.mark.parametrize("names", [["frames", "merge_blinks"], ["merge_blinks", "frames"], []])
def test_new_files_are_prepared_as_those_of_the_training(fold, composed, names, small_checkpoint, tmp_path):
    filters = (f"preprocess=[{','.join(names)}]", "limits.keep_unclustered=true")
    cfg = composed("train", "data.raw_dir=raw", "model=invariantnet", *filters)
    data = make_data(fold)
    torch.save(record_of(plain(cfg), fold.prepared, data), tmp_path / "record")
    record = torch.load(tmp_path / "record", weights_only=True)

    model = Model(replace(small_checkpoint, record=record))

    settings = evaluate._merged(plain(composed("eval", "ckpt_path=x", "data.raw_dir=new")), model)

    assert table_settings(settings) == table_settings(plain(cfg))


def test_the_record_of_a_run_is_trusted(record):
    check_targets(record["settings"], ["locgraph"], "best.ckpt")


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "os.mkdir"},
        {"model": {"head": {"_target_": "os.mkdir"}}},
        {"features": [{"a": 1}, [{"_target_": "os.mkdir"}]]},
        {"features": ({"_target_": "os.mkdir"},)},
        {"_target_": "locgraph.preparation.clustering.kmeans.KMeans", "n_clusters": {"_target_": "os.mkdir"}},
    ],
)
def test_a_foreign_target_is_found_at_any_depth(node):
    with pytest.raises(CheckpointError, match=r"best\.ckpt: names os\.mkdir, .*\[locgraph,os\]"):
        check_targets(node, ["locgraph"], "best.ckpt")


@pytest.mark.parametrize(
    "target",
    [
        "locgraph.provenance.os.mkdir",  # through what a module of ours imports
        "locgraph.cli.app.import_module",
        "locgraph.cli.app.launch",  # a function of ours, which could do anything
        "locgraph.provenance.Path",  # a class of another package
        "locgraph.provenance",
        "locgraph.errors.ConfigError.__init__",
    ],
)
def test_anything_but_a_class_of_ours_is_refused(target):
    with pytest.raises(CheckpointError, match=rf"refused: names {target}, which is no class"):
        check_targets({"_target_": target}, ["locgraph"], "best.ckpt")


@pytest.mark.parametrize("target", ["locgraph.nothing.Thing", "locgraph.schema.Nothing", "locgraph..x", ""])
def test_a_target_that_is_not_there_is_told(target):
    with pytest.raises(CheckpointError, match=r"best\.ckpt: names "):
        check_targets({"_target_": target}, ["locgraph"], "best.ckpt")


@pytest.mark.parametrize("text", ["${oc.create:'{_target_: os.mkdir, path: ran}'}", "a ${oc.env:HOME}"])
def test_an_interpolation_could_hide_a_target(text):
    with pytest.raises(CheckpointError, match="refused: its settings hold the interpolation"):
        check_targets({"model": {"head": [text]}}, ["locgraph"], "best.ckpt")


def test_more_packages_may_be_trusted():
    node = {"_target_": "torch.nn.Linear", "in_features": 3}

    check_targets(node, ["locgraph", "torch"], "best.ckpt")
    with pytest.raises(CheckpointError, match=r"trusted_packages=\[locgraph,torch\]"):
        check_targets(node, ["locgraph"], "best.ckpt")
