import json
import os
import pickle
import shutil
import subprocess
import sys

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

from locgraph.api.models.new_files import OptionalLabels
from locgraph.errors import ConfigError
from locgraph.io.header import RawFile
from locgraph.io.labels import Labelling, TableLabels


@pytest.fixture
def checkpoint(trained):
    return trained.run_dir / "checkpoints" / "best.ckpt"


def evaluated(folder):
    (metrics,) = folder.glob("outputs/runs/eval/*/metrics.json")
    return json.loads(metrics.read_text()), pl.read_parquet(metrics.parent / "predictions.parquet")


@pytest.mark.slow
def test_a_new_process_in_another_folder_gives_the_same_numbers(trained, checkpoint, tmp_path):
    command = [sys.executable, "-m", "locgraph.cli", "eval", f"ckpt_path={checkpoint}"]
    subprocess.run(command, cwd=tmp_path, check=True, env=os.environ | {"PYTHONWARNINGS": "default"})
    metrics, table = evaluated(tmp_path)
    for name, value in trained.metrics()["test"].items():
        assert metrics["test"][name] == pytest.approx(value, abs=1e-6)
    assert metrics["confusion_matrix"] == trained.metrics()["confusion_matrix"]
    before = pl.read_parquet(trained.run_dir / "predictions.parquet").filter(pl.col("split") == "test")
    assert_frame_equal(table, before, rel_tol=1e-6)


def test_the_batch_size_does_not_change_predictions(trained, checkpoint, run, tmp_path):
    run(tmp_path, "eval", f"ckpt_path={checkpoint}", "loader.batch_size=1")
    _, table = evaluated(tmp_path)
    before = pl.read_parquet(trained.run_dir / "predictions.parquet").filter(pl.col("split") == "test")
    assert_frame_equal(table, before, abs_tol=1e-5)


def test_new_raw_files_without_labels_are_predicted(trained, checkpoint, run, tmp_path):
    raw = tmp_path / "new"
    raw.mkdir()
    for path in sorted((trained.folder / "outputs" / "simulated" / "demo").glob("L_*.parquet"))[:4]:
        # trained on tables of locgraph, used on those of ThunderSTORM: columns=auto knows both
        table = pl.read_parquet(path).rename({"x": "x [nm]", "y": "y [nm]", "precision": "uncertainty [nm]"})
        table.write_csv(raw / f"{path.stem}.csv")
    # classes of the folder are not asked for, with or without a word
    run(tmp_path, "eval", f"ckpt_path={checkpoint}", f"data.raw_dir={raw}", "labels=none")
    metrics, table = evaluated(tmp_path)
    assert "test" not in metrics
    assert table.height == metrics["fovs"] == 4
    assert table["truth"].null_count() == 4
    assert set(table["split"]) == {"new"}


def test_new_raw_files_with_labels_are_scored(trained, checkpoint, run, tmp_path):
    raw = tmp_path / "new"
    shutil.copytree(trained.folder / "outputs" / "simulated" / "demo", raw)
    run(tmp_path, "eval", f"ckpt_path={checkpoint}", f"data.raw_dir={raw}")
    metrics, table = evaluated(tmp_path)
    assert table.height == 18
    assert metrics["test"]["accuracy"] == pytest.approx((table["truth"] == table["prediction"]).mean(), abs=1e-6)
    # the same FOVs of the test side get the same probabilities as at the end of training
    before = pl.read_parquet(trained.run_dir / "predictions.parquet").filter(pl.col("split") == "test")
    both = before.join(table, on="fov_id", suffix="_new")
    assert (both["p_T"] - both["p_T_new"]).abs().max() < 1e-6


def test_where_the_tables_are_is_told(trained, checkpoint, run, tmp_path):
    run(tmp_path, "eval", f"ckpt_path={checkpoint}", "vectors=[]")
    assert evaluated(tmp_path)[0]["tables"] == trained.metrics()["tables"]


def test_vectors_that_are_not_learned_are_told_before_work(fails, checkpoint, tmp_path):
    printed = fails(tmp_path, "eval", f"ckpt_path={checkpoint}", "vectors=[localisation]")
    assert (
        "vectors: localisation asks for vectors of localisations, but the localisation encoder NoEncoder has none"
        in printed
    )
    assert not list(tmp_path.glob("outputs/prepared/*"))


def test_a_missing_checkpoint_is_told(fails, tmp_path):
    assert "no such file" in fails(tmp_path, "eval", "ckpt_path=nowhere.ckpt")


def test_a_missing_folder_is_told(fails, checkpoint, tmp_path):
    message = fails(tmp_path, "eval", f"ckpt_path={checkpoint}", "data.raw_dir=nowhere")
    assert "data.raw_dir: nowhere: no such folder" in message


def test_a_truncated_checkpoint_is_told(fails, checkpoint, tmp_path):
    short = tmp_path / "short.ckpt"
    short.write_bytes(checkpoint.read_bytes()[:1000])
    assert "it is truncated, or no checkpoint at all" in fails(tmp_path, "eval", f"ckpt_path={short}")


def test_a_checkpoint_with_code_is_refused(fails, tmp_path):
    class Code:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    path = tmp_path / "code.ckpt"
    torch.save({"state_dict": Code()}, path, pickle_module=pickle)
    assert "refused" in fails(tmp_path, "eval", f"ckpt_path={path}")
    assert not (tmp_path / "ran").exists()


def test_labels_have_no_effect_without_new_files(checkpoint, fails, tmp_path):
    message = fails(tmp_path, "eval", f"ckpt_path={checkpoint}", "labels=none")

    assert "ConfigError: labels: has no effect without data.raw_dir" in message


def test_lengths_in_another_unit_are_suspected(trained, checkpoint, run, tmp_path, capsys):
    raw = tmp_path / "new"
    raw.mkdir()
    for path in sorted((trained.folder / "outputs" / "simulated" / "demo").glob("L_*.parquet"))[:2]:
        table = pl.read_parquet(path).with_columns(pl.col("x", "y", "precision") / 108)
        table.write_parquet(raw / path.name, metadata={"units": json.dumps({"x": "nm", "y": "nm", "precision": "nm"})})

    run(tmp_path, "eval", f"ckpt_path={checkpoint}", f"data.raw_dir={raw}", "labels=none")

    printed = " ".join(capsys.readouterr().out.split())
    assert "are their lengths in another unit? State it: columns=custom columns.unit=px" in printed


def test_a_checkpoint_that_names_a_foreign_class_is_refused(fails, checkpoint, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    content["locgraph"]["settings"]["clustering"] = {"_target_": "os.mkdir", "path": str(tmp_path / "ran")}
    torch.save(content, tmp_path / "foreign.ckpt")
    message = fails(tmp_path, "eval", f"ckpt_path={tmp_path / 'foreign.ckpt'}")
    assert "names os.mkdir" in message
    assert "trusted_packages=[locgraph,os]" in message
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("new_files", [False, True])
def test_a_checkpoint_decides_no_folder_that_is_written_to(trained, checkpoint, run, tmp_path, new_files):
    outside = tmp_path / "outside"
    content = torch.load(checkpoint, weights_only=True)
    settings = content["locgraph"]["settings"]
    settings["name"] = f"../../{outside.name}/name"
    settings["paths"] = {"prepared_dir": str(outside / "prepared"), "run_dir": str(outside / "run")}
    torch.save(content, tmp_path / "crafted.ckpt")
    (tmp_path / "here").mkdir()
    new = [f"data.raw_dir={trained.folder / 'outputs' / 'simulated' / 'demo'}"] if new_files else []

    run(tmp_path / "here", "eval", f"ckpt_path={tmp_path / 'crafted.ckpt'}", "executor=serial", *new)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["crafted.ckpt", "here"]
    (folder,) = (tmp_path / "here" / "outputs" / "prepared").iterdir()
    assert folder.name == ".._.._outside_name"
    assert len(list(folder.iterdir())) == 2


def test_the_data_of_a_run_are_used_where_it_left_them(checkpoint, run, tmp_path):
    run(tmp_path, "eval", f"ckpt_path={checkpoint}")

    assert not (tmp_path / "outputs" / "prepared").exists()


def test_3d_files_do_not_fit_a_2d_checkpoint(trained, checkpoint, fails, tmp_path):
    raw = tmp_path / "new"
    raw.mkdir()
    for path in sorted((trained.folder / "outputs" / "simulated" / "demo").glob("T_*.parquet"))[:3]:
        table = pl.read_parquet(path).with_columns(z=pl.col("x") + pl.col("y") ** 2)
        table.write_parquet(raw / path.name, metadata={"units": json.dumps(dict.fromkeys("xyz", "nm"))})
    message = fails(tmp_path, "eval", f"ckpt_path={checkpoint}", f"data.raw_dir={raw}")
    assert "3D" in message
    assert "2D" in message


def test_a_feature_that_new_files_cannot_give_is_told(trained, checkpoint, fails, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    settings = content["locgraph"]["settings"]
    settings["features"]["features"]["photons"] = {"_target_": "locgraph.preparation.features.photophysics.Photons"}
    torch.save(content, tmp_path / "with_photons.ckpt")
    raw = tmp_path / "new"
    raw.mkdir()
    for path in sorted((trained.folder / "outputs" / "simulated" / "demo").glob("T_*.parquet"))[:3]:
        table = pl.read_parquet(path).select("x", "y")
        table.write_parquet(raw / path.name, metadata={"units": json.dumps({"x": "nm", "y": "nm"})})

    message = fails(tmp_path, "eval", f"ckpt_path={tmp_path / 'with_photons.ckpt'}", f"data.raw_dir={raw}")

    assert "['photons']" in message


def test_a_feature_that_the_tables_do_not_hold_is_told(checkpoint, fails, tmp_path):
    content = torch.load(checkpoint, weights_only=True)
    graph = content["locgraph"]["settings"]["graph"]
    graph["cluster_features"] = ["photons_mean", *graph["cluster_features"][1:]]
    torch.save(content, tmp_path / "other.ckpt")

    message = fails(tmp_path, "eval", f"ckpt_path={tmp_path / 'other.ckpt'}")

    assert "photons_mean" in message
    assert "change cluster_features" in message


def test_optional_labels_keep_what_there_is(tmp_path):
    files = [RawFile(name, tmp_path, (), {}) for name in ("a", "b")]

    class Source:
        tables = ()

        def labels(self, files):
            return Labelling(("T",), {"a": "T"}, {"b": "no label"})

    found = OptionalLabels(Source()).labels(files)
    assert found.by_fov == {"a": "T", "b": None}
    assert found.failures == {}


def test_new_files_need_no_table_of_labels(tmp_path):
    files = [RawFile(name, tmp_path, (), {}) for name in ("a", "b")]
    source = TableLabels(tmp_path / "labels_of_training.csv")

    found = OptionalLabels(source).labels(files)

    assert found.by_fov == {"a": None, "b": None}
    assert OptionalLabels(source).tables == source.tables


def test_settings_of_labels_that_cannot_work_are_told():
    class Source:
        tables = ()

        def labels(self, files):
            raise ConfigError("mend it")

    with pytest.raises(ConfigError, match="mend it"):
        OptionalLabels(Source()).labels([])


def test_a_sweep_is_evaluated_on_the_fovs_that_its_models_held_out(run, swept, tmp_path):
    run(swept.folder, "eval", f"ckpt_path={swept.run_dir}", f"paths.run_dir={tmp_path / 'eval'}", "executor=serial")
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    table = pl.read_parquet(tmp_path / "eval" / "predictions.parquet")
    assert (metrics["fovs"], metrics["fold"], len(metrics["members"])) == (18, None, 3)
    assert metrics["test"]["accuracy"] == pytest.approx((table["truth"] == table["prediction"]).mean())
    assert table["n_members"].to_list() == [1] * 18
    assert sorted(table["fold"].unique()) == [0, 1, 2]
    assert not (tmp_path / "eval" / "fov_vectors.parquet").exists()


def test_explanations_of_a_sweep_are_refused(fails, swept, tmp_path):
    overrides = (f"ckpt_path={swept.run_dir}", f"paths.run_dir={tmp_path / 'eval'}", "executor=serial")
    message = fails(swept.folder, "explain", *overrides)
    assert "holds 3 models, and an explanation is that of one" in message
