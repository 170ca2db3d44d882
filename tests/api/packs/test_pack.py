"""Packing: the file predicts as the model, states scores with controls, and repeats nothing of this machine."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
import yaml

import locgraph
from locgraph.api.models.ensemble import Ensemble
from locgraph.api.packs.archive import PACK_MANIFEST, PACK_MEMBERS
from locgraph.api.packs.packed import read_pack
from locgraph.errors import CheckpointError, ConfigError, DataError
from locgraph.learn.checkpoint import read_checkpoint

P = ["p_T", "p_L"]


@pytest.fixture
def raw(trained):
    return trained.folder / "outputs" / "simulated" / "demo"


def test_a_packed_run_predicts_as_its_checkpoint(packed, trained, raw):
    model, before = locgraph.load(packed), locgraph.load(trained.run_dir)

    assert repr(model).startswith("Model('tiny:1.0': T, L; 2D")
    assert model.predict(raw).equals(before.predict(raw))


def test_a_packed_sweep_is_the_ensemble_of_its_folds(packed_sweep, swept):
    files = [swept.folder / "outputs" / "simulated" / "demo" / f"{name}.parquet" for name in ("L_000", "T_001")]
    model, before = locgraph.load(packed_sweep), locgraph.load(swept.run_dir)

    assert isinstance(model, Ensemble)
    assert [(member.fold, member.checkpoint.path) for member in model.members] == [(n, packed_sweep) for n in range(3)]
    assert model.predict(files).equals(before.predict(files))
    # prediction sets of members with different validation FOVs are still known as such
    assert model.describe(["a"], "new")["prediction_sets"] == before.describe(["a"], "new")["prediction_sets"]


def test_the_manifest_says_what_is_in_the_file(packed, trained):
    manifest = read_pack(packed).manifest

    assert (manifest["name"], manifest["version"], manifest["networks"]) == ("tiny", "1.0", 1)
    assert (manifest["classes"], manifest["dimensions"]) == (["T", "L"], 2)
    assert manifest["git"] == json.loads((trained.run_dir / "run.json").read_text())["git"]
    assert set(manifest["members"]) == set(PACK_MEMBERS)
    assert manifest["versions"]["torch"] == torch.__version__


def test_the_file_holds_plain_members_alone(packed):
    with zipfile.ZipFile(packed) as archive:
        assert set(archive.namelist()) == {PACK_MANIFEST, *PACK_MEMBERS}
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".json"):
                json.loads(content)
            elif name.endswith(".parquet"):
                pl.read_parquet(io.BytesIO(content))
            elif name.endswith(".safetensors"):
                length = int.from_bytes(content[:8], "little")
                assert {"F32", "F64", "I64"} >= {each["dtype"] for each in json.loads(content[8 : 8 + length]).values()}
            else:
                content.decode()


@pytest.mark.parametrize("which", ["packed", "packed_sweep"])
def test_the_file_repeats_no_path_and_no_name_of_a_fov(which, request, trained, swept):
    path = request.getfixturevalue(which)
    folders = [trained.folder, swept.folder, Path.home(), Path.cwd()]
    names = read_checkpoint(trained.run_dir / "checkpoints" / "best.ckpt").record["split"]["train"]
    with zipfile.ZipFile(path) as archive:
        content = b"".join(archive.read(name) for name in archive.namelist())

    for text in (*map(str, folders), *names):
        assert text.encode() not in content, text


def test_the_record_keeps_what_prediction_needs(packed, trained):
    before = read_checkpoint(trained.run_dir / "checkpoints" / "best.ckpt")
    (after,) = read_pack(packed).checkpoints()

    assert after.pack == "tiny:1.0"
    assert after.weights.keys() == before.weights.keys()
    assert all(torch.equal(after.weights[name], before.weights[name]) for name in before.weights)
    for key in ("class_names", "sizes", "units", "trust", "format"):
        assert after.record[key] == before.record[key], key
    for key in ("clustering", "features", "graph", "views", "columns", "model", "preprocess"):
        assert after.record["settings"][key] == before.record["settings"][key], key
    limits = before.record["scaler"]["limits"]
    assert all(torch.equal(after.record["scaler"]["limits"][name], limits[name]) for name in limits)
    assert {side: len(names) for side, names in after.record["split"].items()} == {
        side: len(names) for side, names in before.record["split"].items()
    }


def test_the_example_is_one_fov_with_its_prediction(packed, trained):
    pack = read_pack(packed)
    tested = pl.read_parquet(trained.run_dir / "predictions.parquet").filter(split="test")

    assert set(pack.expected.columns) == set(P)
    assert pack.expected.height == 1
    assert pack.expected.sum_horizontal()[0] == pytest.approx(1.0)
    # of the test side, and without its ground truth
    near = np.abs(tested.select(P).to_numpy() - pack.expected.select(P).to_numpy()).max(axis=1)
    assert near.min() < 1e-5
    assert {"x", "y", "precision"} <= set(pack.example.columns)
    assert not {"site", "loc_label", "fov_id"} & set(pack.example.columns)


def test_scores_are_cross_validated_and_stand_beside_controls(packed_sweep, swept):
    metrics, summary = read_pack(packed_sweep).metrics, json.loads((swept.run_dir / "summary.json").read_text())

    assert (metrics["kind"], metrics["n_folds"], metrics["n_test"]) == ("cross-validation", 3, 18)
    assert metrics["table"] == summary["table"]
    assert metrics["best_control"] == summary["best_control"]
    assert set(metrics["calibration"]) == {"0", "1", "2"}


def test_the_card_states_scores_with_intervals_and_controls(packed_sweep, packed):
    pack = read_pack(packed_sweep)
    header, body = pack.card.split("\n---\n")
    rows = {row["source"]: row for row in pack.metrics["table"] if row["metric"] == "accuracy"}

    assert f"| **this model** | {rows['model']['mean']:.3f} | " in body
    for name in ("pair_distances", "count_alone", "majority_class"):
        assert f"| {name.replace('_', ' ')} | {rows[name]['mean']:.3f} | {rows[name]['interval_low']:.3f} to " in body
    assert "Cross-validated: 3 networks" in body
    assert "columns x, y, lengths read as nm" in body
    about = yaml.safe_load(header)
    assert about["library_name"] == "locgraph"
    assert about["license"] == "unknown"
    assert about["model-index"][0]["results"][0]["metrics"][0]["value"] == round(rows["model"]["mean"], 4)
    # one fold is no cross-validation, and says so
    assert "One fold: 6 FOVs" in read_pack(packed).card


def test_licence_and_citation_are_those_that_were_stated(packed, packed_sweep):
    members = read_pack(packed).archive.members
    assert b"Copyright (c) 20" in members["LICENSE"]
    assert b"A. Name" in members["LICENSE"]
    citation = yaml.safe_load(members["CITATION.cff"])
    assert citation["authors"] == [{"name": "A. Name"}]
    assert citation["references"][0]["doi"] == "10.1038/s41592-019-0574-9"
    assert (citation["title"], citation["version"]) == ("tiny, a model of locgraph", "1.0")
    assert b"No licence was stated" in read_pack(packed_sweep).archive.members["LICENSE"]


def test_a_run_may_carry_the_scores_of_its_sweep(swept, tmp_path):
    path = locgraph.pack(swept.run_dir / "1", "tiny:3", output=tmp_path / "x.lgm", scores=swept.run_dir)

    pack = read_pack(path)
    assert pack.manifest["networks"] == 1
    assert pack.metrics["n_folds"] == 3


def changed_run(trained, tmp_path, **changes):
    """A copy of the small run with other metrics."""
    run = tmp_path / "run"
    shutil.copytree(trained.run_dir, run)
    metrics = json.loads((run / "metrics.json").read_text())
    (run / "metrics.json").write_text(json.dumps(metrics | changes))
    return run


@pytest.mark.parametrize(
    ("target", "options", "message"),
    [
        ("tiny", {}, "target: expected NAME:VERSION.*without a version"),
        ("../x:1", {}, "target: expected NAME:VERSION"),
        ("tiny:1", {"output": "model.zip"}, r"output: expected a new file that ends in .lgm, found model.zip"),
        ("tiny:1", {"scores": "none"}, "scores: none: no such folder"),
        ("tiny:1", {"example": "none.csv"}, "example: none.csv: no such file"),
        ("tiny:1", {"card": {"license": "MIT"}}, "authors: expected who holds the copyright"),
        ("tiny:1", {"card": {"license_file": "none"}}, "license_file: none: no such file"),
    ],
)
def test_settings_that_cannot_work(trained, tmp_path, monkeypatch, target, options, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=message):
        locgraph.pack(trained.run_dir, target, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_never_replaced(packed, trained):
    before = packed.read_bytes()
    with pytest.raises(ConfigError, match=r"output: expected a new file"):
        locgraph.pack(trained.run_dir, "tiny:1.1", output=packed)
    assert packed.read_bytes() == before


def test_a_packed_model_is_not_packed_again(packed, tmp_path):
    with pytest.raises(ConfigError, match=r"source: .* is packed already"):
        locgraph.pack(packed, "tiny:1.1", output=tmp_path / "x.lgm")


def test_models_without_scores_or_controls_are_refused(trained, tmp_path):
    run = changed_run(trained, tmp_path, controls=[])
    (run / "control_predictions.parquet").unlink()
    with pytest.raises(DataError, match=r"source: .*expected scores of controls .*train with controls=true"):
        locgraph.pack(run, "tiny:1", output=tmp_path / "x.lgm")
    shutil.copy(run / "checkpoints" / "best.ckpt", tmp_path / "alone.ckpt")
    with pytest.raises(ConfigError, match=r"source: .*alone.ckpt lies in no run folder.*scores=SWEEP"):
        locgraph.pack(tmp_path / "alone.ckpt", "tiny:1", output=tmp_path / "x.lgm")
    assert not (tmp_path / "x.lgm").exists()


def test_sweeps_that_are_not_complete_are_refused(swept, tmp_path):
    shutil.copytree(swept.run_dir, tmp_path / "sweep")
    shutil.rmtree(tmp_path / "sweep" / "2")
    with pytest.raises(DataError, match=r"source: .*expected test scores of every fold.*fold 2"):
        locgraph.pack(tmp_path / "sweep", "tiny:1", output=tmp_path / "x.lgm")


def test_scores_of_other_settings_are_refused(trained, swept, tmp_path, monkeypatch):
    other = locgraph.load(swept.run_dir / "0")
    other.record["settings"]["model"]["head"]["hidden"] = 3
    monkeypatch.setattr("locgraph.api.packs.pack.load", lambda path, _: other if "sweep" in str(path) else model)
    model = locgraph.load(trained.run_dir)
    with pytest.raises(DataError, match=r"scores: .*its models differ from the one to pack in model"):
        locgraph.pack(trained.run_dir, "tiny:1", output=tmp_path / "x.lgm", scores=swept.run_dir)


def test_raw_data_that_are_gone_ask_for_an_example(trained, tmp_path, monkeypatch, raw):
    model = locgraph.load(trained.run_dir)
    model.record["settings"]["data"]["raw_dir"] = str(tmp_path / "gone")
    monkeypatch.setattr("locgraph.api.packs.pack.load", lambda *_: model)
    with pytest.raises(DataError, match=r"example: the raw data of the run cannot be listed .*example=FILE"):
        locgraph.pack(trained.run_dir, "tiny:1", output=tmp_path / "x.lgm")

    path = locgraph.pack(trained.run_dir, "tiny:1", output=tmp_path / "x.lgm", example=raw / "L_000.parquet")
    assert read_pack(path).example.height == pl.read_parquet(raw / "L_000.parquet").height


def test_a_description_with_a_path_of_this_machine_is_refused(trained, tmp_path, raw):
    with pytest.raises(CheckpointError, match=r"README.md of the pack would hold .*, a path of this machine"):
        locgraph.pack(
            trained.run_dir, "tiny:1", output=tmp_path / "x.lgm", card={"description": f"From {raw.resolve()}."}
        )
    assert list(tmp_path.iterdir()) == []


def test_a_pack_that_predicts_otherwise_is_not_written(trained, tmp_path, monkeypatch):
    from locgraph.api.packs import pack as module

    def wrong(checkpoints):
        for checkpoint in checkpoints:
            name = next(iter(checkpoint.weights))
            checkpoint.weights[name] = checkpoint.weights[name] + 1.0
        return right(checkpoints)

    right = module.pack_networks
    monkeypatch.setattr(module, "pack_networks", wrong)
    with pytest.raises(
        CheckpointError, match=r"the packed model predicts the example with probabilities that differ by"
    ):
        locgraph.pack(trained.run_dir, "tiny:1", output=tmp_path / "x.lgm")
    assert list(tmp_path.iterdir()) == []
