"""Prediction with a checkpoint."""

from dataclasses import replace

import polars as pl
import pytest
from locgraph.cli.predict import check_vectors, predict
from polars.testing import assert_frame_equal

from locgraph.errors import CheckpointError, ConfigError, DataError
from locgraph.io.featextracted import read_fov
from locgraph.io.manifest import Manifest
from locgraph.learn.checkpoint import read_checkpoint


@pytest.fixture
def checkpoint(trained):
    return read_checkpoint(trained.run_dir / "checkpoints" / "best.ckpt")


@pytest.fixture
def cfg(composed):
    return composed("eval", "trainer.accelerator=cpu")


def relabelled(prepared, labels):
    """The same data with other labels."""
    table = prepared.manifest.table.with_columns(
        label=pl.col("fov_id").replace_strict(labels, default=pl.col("label"), return_dtype=pl.String)
    )
    return replace(prepared, manifest=Manifest(table, prepared.manifest.class_names))


def test_the_test_side_again(trained, checkpoint, fold, cfg, tmp_path, capsys):
    metrics = predict(cfg, checkpoint, fold.prepared, fold.split.test, tmp_path, new=False)

    before = trained.metrics()
    assert metrics["test"] == pytest.approx(before["test"], abs=1e-6)
    assert metrics["confusion_matrix"] == before["confusion_matrix"]
    assert (metrics["class_names"], metrics["fovs"], metrics["fold"]) == (["T", "L"], 6, 0)
    table = pl.read_parquet(tmp_path / "predictions.parquet")
    then = pl.read_parquet(trained.run_dir / "predictions.parquet").filter(pl.col("split") == "test")
    assert_frame_equal(table, then, abs_tol=1e-6)
    printed = capsys.readouterr().out
    assert "6 FOVs with a label" in printed
    assert f"{before['test']['accuracy']:.4f}" in printed
    assert f"predictions: {tmp_path / 'predictions.parquet'}" in printed


def test_vectors_of_fovs_are_those_of_the_run(trained, checkpoint, fold, cfg, tmp_path):
    predict(cfg, checkpoint, fold.prepared, fold.split.test, tmp_path, new=False)

    then = pl.read_parquet(trained.run_dir / "fov_vectors.parquet").filter(pl.col("split") == "test")
    assert_frame_equal(pl.read_parquet(tmp_path / "fov_vectors.parquet"), then, abs_tol=1e-5)
    assert not (tmp_path / "cluster_vectors.parquet").exists()


def test_vectors_of_clusters_are_those_of_the_tables(checkpoint, fold, cfg, tmp_path):
    cfg.vectors = ["cluster"]

    predict(cfg, checkpoint, fold.prepared, fold.split.test, tmp_path, new=True)

    found = pl.read_parquet(tmp_path / "cluster_vectors.parquet")
    for fov_id in fold.split.test:
        clusters = read_fov(fold.prepared.tables, fov_id).clusters.filter(pl.col("view") == 0)
        assert found.filter(fov_id=fov_id)["cluster_id"].to_list() == clusters["cluster_id"].to_list()
    assert set(found["split"]) == {"new"}
    assert not (tmp_path / "fov_vectors.parquet").exists()


@pytest.mark.parametrize("vectors", [[], None])
def test_no_vectors(checkpoint, fold, cfg, tmp_path, vectors):
    cfg.vectors = vectors

    predict(cfg, checkpoint, fold.prepared, fold.split.test, tmp_path, new=False)

    assert [path.name for path in tmp_path.iterdir()] == ["predictions.parquet"]


def test_vectors_of_localisations_that_the_model_does_not_learn(checkpoint, cfg):
    check_vectors(cfg, checkpoint)
    cfg.vectors = ["fov", "localisation"]

    with pytest.raises(ConfigError, match="the localisation encoder NoEncoder learns none; leave localisation out"):
        check_vectors(cfg, checkpoint)


def test_fovs_without_a_label_are_predicted_and_not_scored(checkpoint, fold, cfg, tmp_path, capsys):
    prepared = relabelled(fold.prepared, dict.fromkeys(fold.split.test[:2]))

    metrics = predict(cfg, checkpoint, prepared, fold.split.test, tmp_path, new=True)

    table = pl.read_parquet(tmp_path / "predictions.parquet")
    assert table["truth"].to_list() == [None, None, *(name[0] for name in fold.split.test[2:])]
    assert set(table["split"]) == {"new"}
    known = table.drop_nulls("truth")
    assert metrics["test"]["accuracy"] == pytest.approx((known["truth"] == known["prediction"]).mean())
    assert sum(map(sum, metrics["confusion_matrix"])) == 4
    assert "4 FOVs with a label" in capsys.readouterr().out


def test_classes_go_by_their_names_whatever_their_order_in_the_data(trained, checkpoint, fold, cfg, tmp_path):
    turned = replace(fold.prepared, manifest=Manifest(fold.prepared.manifest.table, ("L", "T")))

    metrics = predict(cfg, checkpoint, turned, fold.split.test, tmp_path, new=False)

    assert metrics["class_names"] == ["T", "L"]
    assert metrics["confusion_matrix"] == trained.metrics()["confusion_matrix"]


def test_a_class_that_the_checkpoint_does_not_know_is_told(checkpoint, fold, cfg, tmp_path):
    table = fold.prepared.manifest.table.with_columns(
        label=pl.col("fov_id").replace_strict({fold.split.test[0]: "grid"}, default=pl.col("label"))
    )
    prepared = replace(fold.prepared, manifest=Manifest(table, ("T", "L", "grid")))

    with pytest.raises(DataError, match=rf"{fold.split.test[0]}: expected a label among .*'T', 'L'.*, found 'grid'"):
        predict(cfg, checkpoint, prepared, fold.split.test, tmp_path, new=False)


def test_no_label_at_all(checkpoint, fold, cfg, tmp_path, capsys):
    prepared = relabelled(fold.prepared, dict.fromkeys(fold.split.test))

    metrics = predict(cfg, checkpoint, prepared, fold.split.test, tmp_path, new=True)

    assert set(metrics) == {"class_names", "fovs", "fold"}
    counts = pl.read_parquet(tmp_path / "predictions.parquet")["prediction"].value_counts(sort=True)
    told = ", ".join(f"{n} {name}" for name, n in counts.iter_rows())
    assert f"6 FOVs predicted: {told}" in capsys.readouterr().out


def test_one_class_alone_is_scored_without_auroc(checkpoint, fold, cfg, tmp_path):
    of_t = [name for name in fold.split.test if name.startswith("T")]

    scores = predict(cfg, checkpoint, fold.prepared, of_t, tmp_path, new=True)["test"]

    assert scores["accuracy"] == scores["balanced_accuracy"]
    assert "auroc" not in scores


def test_a_batch_size_of_zero_is_refused(checkpoint, fold, cfg, tmp_path):
    cfg.loader.batch_size = 0

    with pytest.raises(ConfigError, match=r"loader\.batch_size must be at least 1, found 0"):
        predict(cfg, checkpoint, fold.prepared, fold.split.test, tmp_path, new=False)


def test_weights_that_do_not_fit(checkpoint, fold, cfg, tmp_path):
    few = replace(checkpoint, weights=dict(list(checkpoint.weights.items())[:3]))

    with pytest.raises(CheckpointError, match="do not fit the model"):
        predict(cfg, few, fold.prepared, fold.split.test, tmp_path, new=False)


def test_a_model_that_takes_other_arguments_is_named(checkpoint, fold, cfg, tmp_path):
    settings = checkpoint.record["settings"]
    model = settings["model"] | {"memory": 3}
    record = checkpoint.record | {"settings": settings | {"model": model}}

    with pytest.raises(ConfigError, match=r"locgraph\.models\.network\.Network: .*'memory'"):
        predict(cfg, replace(checkpoint, record=record), fold.prepared, fold.split.test, tmp_path, new=False)
