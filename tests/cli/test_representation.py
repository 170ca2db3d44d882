"""Training without labels, by the commands a user types: what is written, and what follows from it."""

import json
import re
import shutil

import numpy as np
import polars as pl
import pytest

import locgraph


def embeddings(folder):
    return pl.read_parquet(folder / "embeddings.parquet").sort("fov_id")


def vectors(table):
    return table.select("^v_.*$").to_numpy()


def test_every_fov_of_the_fold_is_embedded(represented):
    table, folds = embeddings(represented.run_dir), json.loads((represented.run_dir / "folds.json").read_text())
    record = json.loads((represented.run_dir / "embeddings.json").read_text())

    assert table.columns == ["fov_id", "fold", "split", "label", "error", "v_0", "v_1", "v_2", "v_3"]
    (fold,) = [fold for fold in folds["folds"] if sorted(fold["test"]) == sorted(fovs_of(table, "test"))]
    assert {side: sorted(fovs_of(table, side)) for side in fold} == {
        side: sorted(names) for side, names in fold.items()
    }
    assert table["label"].is_null().all()
    assert record["unit"] == "fov"
    assert (record["latent_channels"], record["units"], record["decodes"]) == (4, 18, True)
    metrics = represented.metrics()
    assert metrics["test"]["loss"] == pytest.approx(table.filter(pl.col("split") == "test")["error"].mean(), rel=1e-5)
    assert metrics["controls"] == []


def fovs_of(table, side):
    return table.filter(pl.col("split") == side)["fov_id"].to_list()


def test_embed_gives_the_vectors_of_the_run_again_with_pictures(represented, trained, run, tmp_path, capsys):
    checkpoint = f"ckpt_path={represented.run_dir}/checkpoints/best.ckpt"

    run(represented.folder, "embed", checkpoint, "loader.batch_size=2", "pictures=4", f"paths.run_dir={tmp_path}/own")
    new = f"folder={trained.folder}/outputs/simulated/demo"
    run(represented.folder, "embed", checkpoint, new, "labels=metadata", "pictures=0", f"paths.run_dir={tmp_path}/new")

    before, own, new = (embeddings(folder) for folder in (represented.run_dir, tmp_path / "own", tmp_path / "new"))
    np.testing.assert_allclose(vectors(own), vectors(before), atol=1e-5)
    np.testing.assert_allclose(vectors(new), vectors(before), atol=1e-5)
    assert own["split"].to_list() == before["split"].to_list()
    assert set(new["split"]) == {"new"}
    assert set(new["label"]) == {"T", "L"}
    assert (tmp_path / "own/reconstructions.png").is_file()
    assert not (tmp_path / "new/reconstructions.png").exists()
    assert "linear probe: " in capsys.readouterr().out


def test_eval_gives_the_loss_of_the_test_again(represented, run, tmp_path, capsys):
    checkpoint = f"ckpt_path={represented.run_dir}/checkpoints/best.ckpt"

    run(represented.folder, "eval", checkpoint, "vectors=[]", f"paths.run_dir={tmp_path}")

    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["test"]["loss"] == pytest.approx(represented.metrics()["test"]["loss"], rel=1e-5)
    assert set(embeddings(tmp_path)["split"]) == {"test"}
    assert "6 units embedded without labels; loss" in capsys.readouterr().out


def test_the_same_in_python(represented, trained):
    model = locgraph.load(represented.run_dir)
    table = model.embed(f"{trained.folder}/outputs/simulated/demo").sort("fov_id")

    np.testing.assert_allclose(vectors(table), vectors(embeddings(represented.run_dir)), atol=1e-5)
    clouds = model.decode(vectors(table)[:3])
    assert clouds.shape[0] == 3
    assert clouds.shape[2] == 2
    assert 1.0 < np.abs(clouds).max() < 1000.0  # nm
    assert "vectors of 4 numbers of each fov" in repr(model)
    assert "test loss" in repr(locgraph.api.training.train.Run(represented.run_dir))
    with pytest.raises(locgraph.errors.DataError, match="learned without labels and predicts no classes; call embed"):
        model.predict(f"{trained.folder}/outputs/simulated/demo")
    with pytest.raises(locgraph.errors.ConfigError, match=r"vectors: expected .* \(any, 4\), found \(1, 3\)"):
        model.decode(np.zeros((1, 3)))


def test_a_classifier_starts_from_it_with_frozen_parts(represented, trained, run, tmp_path):
    inputs = (
        *("model=pointcloud", "clustering=one", "limits.min_clusters=1", "views=one", "augment=none"),
        *("graph.localisation_k=10", "graph.ratios=[]", f"data.raw_dir={trained.folder}/outputs/simulated/demo"),
    )
    start = (
        *(f"init_from={represented.run_dir}/checkpoints/best.ckpt", "frozen=[loc_encoder]"),
        *("fold=from_file", f"fold.path={represented.run_dir}/folds.json", "fold.index=0"),
    )
    how = ("trainer.max_epochs=1", "controls=false", "executor=serial", f"paths.run_dir={tmp_path}/run")

    run(tmp_path, "train", *inputs, *start, *how)

    before, classifier = locgraph.load(represented.run_dir).network, locgraph.load(tmp_path / "run")
    after = classifier.network
    pairs = zip(before.loc_encoder.parameters(), after.loc_encoder.parameters(), strict=True)
    assert all((one == other).all() for one, other in pairs)
    assert classifier.record["init_from"]["head_kept"] is False


def test_a_sweep_of_representations_has_no_summary(represented, fails, tmp_path):
    shutil.copytree(represented.run_dir, tmp_path / "0")

    printed = fails(tmp_path, "summarise", f"folder={tmp_path}")

    assert "expected runs of a classifier, found what was learned without labels" in printed


@pytest.mark.parametrize(
    ("command", "overrides", "message"),
    [
        ("report", ["folder={run}"], "learned without labels: it has embeddings and no predictions"),
        ("stress", ["ckpt_path={run}/checkpoints/best.ckpt"], "does not classify FOVs; expected a model that does"),
        ("train", ["experiment=demo", "frozen=[readout]"], "frozen: .* would keep random weights"),
    ],
)
def test_what_needs_classes_is_refused(command, overrides, message, represented, fails):
    printed = fails(represented.folder, command, *(text.format(run=represented.run_dir) for text in overrides))

    assert re.search(message, printed), printed
