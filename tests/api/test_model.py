"""A loaded model: predictions on files, folders, tables and prepared data, vectors, and what it refuses."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import locgraph
from locgraph.api.models.model import Model
from locgraph.data.folds import TEST
from locgraph.errors import CheckpointError, ConfigError, DataError
from locgraph.io.featextracted import read_fov
from locgraph.io.manifest import Manifest


@pytest.fixture
def path(trained):
    return trained.run_dir / "checkpoints" / "best.ckpt"


@pytest.fixture
def model(path):
    return locgraph.load(path)


@pytest.fixture
def raw(trained):
    return trained.folder / "outputs" / "simulated" / "demo"


def side_of_test(trained):
    """Predictions of the test FOVs at the end of training."""
    return pl.read_parquet(trained.run_dir / "predictions.parquet").filter(pl.col("split") == "test")


def relabelled(prepared, labels):
    """The same data with other labels."""
    table = prepared.manifest.table.with_columns(
        label=pl.col("fov_id").replace_strict(labels, default=pl.col("label"), return_dtype=pl.String)
    )
    return replace(prepared, manifest=Manifest(table, prepared.manifest.class_names))


def test_a_model_states_what_it_is(model):
    assert repr(model).startswith("Model(")
    for part in ("T, L", "2D", "cluster features", "ContinuousFilter", "trained on"):
        assert part in repr(model)
    assert model.class_names == ("T", "L")


def test_a_folder_is_predicted_as_at_the_end_of_training(model, raw, trained):
    table = model.predict(raw)

    assert table.columns[:4] == ["fov_id", "prediction", "p_T", "p_L"]
    assert table.height == 18
    before = side_of_test(trained)
    same = before.select("fov_id").join(table, on="fov_id")
    assert_frame_equal(same, before.select(table.columns), abs_tol=1e-6)


def test_single_files_are_predicted_without_a_run_folder(model, raw, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = side_of_test(trained).sort("fov_id")
    files = [raw / f"{fov_id}.parquet" for fov_id in before["fov_id"]]

    table = model.predict(files)

    assert_frame_equal(table, before.select(table.columns), abs_tol=1e-6)
    assert_frame_equal(model.predict(files[0]), table.head(1), abs_tol=1e-6)
    assert list(tmp_path.iterdir()) == []


def test_a_table_of_localisations_is_predicted(model, raw):
    files = sorted(raw.glob("T_*.parquet"))[:2]
    tables = [pl.read_parquet(file).with_columns(fov_id=pl.lit(file.stem)) for file in files]

    assert_frame_equal(model.predict(pl.concat(tables)), model.predict(files), abs_tol=1e-6)
    assert model.predict(tables[0].drop("fov_id"))["fov_id"].to_list() == ["table"]


@pytest.mark.parametrize(
    ("change", "largest"),
    [("renamed", 1e-6), ("permuted", 1e-6), ("shifted", 1e-6), ("rotated", 1e-4), ("mirrored", 1e-4)],
)
def test_the_same_fov_gets_the_same_answer(model, raw, tmp_path, change, largest):
    angle = np.deg2rad(37)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    changes = {
        "renamed": lambda table: table,
        "permuted": lambda table: table.sample(fraction=1.0, shuffle=True, seed=1),
        "shifted": lambda table: table.with_columns(x=pl.col("x") + 4096.0, y=pl.col("y") - 512.0),
        "rotated": lambda table: moved(table, turn),
        "mirrored": lambda table: moved(table, np.diag([-1.0, 1.0])),
    }
    names = {}
    for index, path in enumerate(sorted(raw.rglob("*.parquet"))[:6]):
        name = f"q{9 - index}" if change == "renamed" else path.stem
        names[name] = path.relative_to(raw).with_suffix("").as_posix()
        metadata = {key: value for key, value in pl.read_parquet_metadata(path).items() if key != "ARROW:schema"}
        changes[change](pl.read_parquet(path)).write_parquet(tmp_path / f"{name}.parquet", metadata=metadata)

    table = model.predict(tmp_path).with_columns(pl.col("fov_id").replace_strict(names))

    expected = model.predict(raw).filter(pl.col("fov_id").is_in(list(names.values())))
    assert_frame_equal(table, expected, check_row_order=False, abs_tol=largest, rel_tol=0.0)


def moved(table, matrix):
    points = table.select("x", "y").to_numpy() @ matrix.T
    return table.with_columns(x=points[:, 0], y=points[:, 1])


def test_files_of_other_software_are_predicted(model, raw, tmp_path):
    file = sorted(raw.glob("T_*.parquet"))[0]
    table = pl.read_parquet(file).select(pl.col("x") / 1000, pl.col("y") / 1000)
    table.write_csv(tmp_path / f"{file.stem}.csv")
    columns = {"_target_": "locgraph.io.columns.ColumnMap", "names": {"x": "x", "y": "y"}, "unit": "um"}

    found = model.predict(tmp_path / f"{file.stem}.csv", columns=columns)

    # the other file has no precision, which typicality looks at
    columns = ["fov_id", "prediction", "p_T", "p_L", "credibility"]
    assert_frame_equal(found.select(columns), model.predict(file).select(columns), abs_tol=1e-4)


def test_a_damaged_file_is_left_out_and_the_others_are_predicted(model, raw, tmp_path, caplog):
    good = [shutil.copy(path, tmp_path / path.name.replace("_", ".")) for path in sorted(raw.glob("T_*.parquet"))[:2]]
    (tmp_path / "cut.parquet").write_bytes(Path(good[0]).read_bytes()[:200])

    table = model.predict([*good, tmp_path / "cut.parquet"])

    assert table["fov_id"].to_list() == ["T.000", "T.001"]
    assert "left out cut" in caplog.text


def test_tables_and_graphs_can_be_kept(model, raw, tmp_path):
    model.predict(raw, prepared_dir=tmp_path / "prepared")

    assert len(list((tmp_path / "prepared").rglob("*.safetensors"))) == 18


def test_prepared_data_are_predicted_as_they_are(model, fold, trained):
    table = model.predict(fold.prepared)

    before = side_of_test(trained)
    assert_frame_equal(before.select("fov_id").join(table, on="fov_id"), before.select(table.columns), abs_tol=1e-6)


@pytest.mark.slow
def test_prediction_needs_no_hydra(path, raw, tmp_path):
    file = sorted(raw.glob("T_*.parquet"))[0]
    code = f"""
import sys, locgraph
locgraph.load({str(path)!r}).predict({str(file)!r})
assert "hydra" not in sys.modules
"""
    environment = os.environ | {"PYTHONWARNINGS": "default"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.csv", "source: no such file or folder: nowhere.csv"),
        ([], "source: no such file or folder: none was given"),
        (pl.DataFrame(schema={"x": pl.Float64, "y": pl.Float64}), "source: expected a table with at least one"),
        (pl.DataFrame({"x": [1.0], "y": [1.0], "fov_id": ["../../outside"]}), "is no name of a FOV"),
    ],
)
def test_sources_that_cannot_be_used_are_refused(model, source, message):
    with pytest.raises(DataError) as raised:
        model.predict(source)
    assert message in str(raised.value)


def test_files_and_folders_are_not_mixed(model, raw):
    file = sorted(raw.glob("*.parquet"))[0]

    with pytest.raises(DataError, match="expected one folder or several files"):
        model.predict([raw, file])
    with pytest.raises(DataError, match="expected files of different names"):
        model.predict([file, file])


def test_classes_of_localisations_need_a_model_that_predicts_them(model, fold):
    with pytest.raises(DataError, match="predicts classes of FOVs alone; call predict with localisations=False"):
        model.predict(fold.prepared, localisations=True)


def test_vectors_of_fovs_are_those_of_the_run(model, fold, trained):
    then = pl.read_parquet(trained.run_dir / "fov_vectors.parquet").filter(pl.col("split") == "test")

    table = model.embed(fold.prepared)

    both = then.select("fov_id").join(table, on="fov_id")
    assert_frame_equal(both.drop("label"), then.drop("fold", "split"), abs_tol=1e-5)
    labels = dict(fold.prepared.manifest.table.select("fov_id", "label").iter_rows())
    assert both["label"].to_list() == [labels[name] for name in both["fov_id"]]


def test_vectors_of_clusters_are_those_of_the_tables(model, fold):
    table = model.embed(fold.prepared, "cluster")

    for fov_id in fold.split.test:
        clusters = read_fov(fold.prepared.tables, fov_id).clusters.filter(pl.col("view") == 0)
        assert table.filter(fov_id=fov_id)["cluster_id"].to_list() == clusters["cluster_id"].to_list()
    with pytest.raises(ConfigError, match="kind: localisation asks for vectors of localisations"):
        model.embed(fold.prepared, "localisation")


def test_fovs_without_a_label_are_predicted_and_not_scored(model, fold):
    prepared = relabelled(fold.prepared, dict.fromkeys(fold.split.test[:2]))

    tables, scores = model.predict_prepared(prepared, fold.split.test)

    table = tables["predictions.parquet"]
    assert table["truth"].to_list() == [None, None, *(name[0] for name in fold.split.test[2:])]
    assert set(table["split"]) == {"new"}
    known = table.drop_nulls("truth")
    assert scores[TEST]["accuracy"] == pytest.approx((known["truth"] == known["prediction"]).mean())
    assert sum(map(sum, scores["confusion_matrix"])) == 4
    none = relabelled(fold.prepared, dict.fromkeys(fold.split.test))
    assert model.predict_prepared(none, fold.split.test)[1] == {}


def test_classes_go_by_their_names_whatever_their_order_in_the_data(model, fold, trained):
    turned = replace(fold.prepared, manifest=Manifest(fold.prepared.manifest.table, ("L", "T")))

    _, scores = model.predict_prepared(turned, fold.split.test)

    assert scores["confusion_matrix"] == trained.metrics()["confusion_matrix"]


def test_a_class_that_the_model_does_not_know_is_refused(model, fold):
    table = fold.prepared.manifest.table.with_columns(
        label=pl.col("fov_id").replace_strict({fold.split.test[0]: "grid"}, default=pl.col("label"))
    )
    prepared = replace(fold.prepared, manifest=Manifest(table, ("T", "L", "grid")))

    with pytest.raises(DataError, match=rf"{fold.split.test[0]}: expected a label among .*'T', 'L'.*, found 'grid'"):
        model.predict_prepared(prepared, fold.split.test)


def test_one_class_alone_is_scored_without_auroc(model, fold):
    of_t = [name for name in fold.split.test if name.startswith("T")]

    _, scores = model.predict_prepared(fold.prepared, of_t)

    assert scores[TEST]["accuracy"] == scores[TEST]["balanced_accuracy"]
    assert "auroc" not in scores[TEST]


def test_settings_that_cannot_work_are_refused(model, fold):
    with pytest.raises(ConfigError, match=r"loader\.batch_size: expected a whole number of at least 1, found 0"):
        model.predict(fold.prepared, batch_size=0)
    with pytest.raises(ConfigError, match=r"trainer\.accelerator: expected one of auto, cpu, gpu, found 'tpu'"):
        model.predict(fold.prepared, accelerator="tpu")


def test_a_checkpoint_that_does_not_fit_itself_is_refused(small_checkpoint):
    few = replace(small_checkpoint, weights=dict(list(small_checkpoint.weights.items())[:3]))
    with pytest.raises(CheckpointError, match="do not fit the model"):
        Model(few)
    settings = small_checkpoint.record["settings"]
    record = small_checkpoint.record | {"settings": settings | {"model": settings["model"] | {"memory": 3}}}
    with pytest.raises(ConfigError, match=r"model\.memory: locgraph\.nn\.network\.Network has no such argument"):
        Model(replace(small_checkpoint, record=record))


@pytest.mark.parametrize(
    ("override", "named"),
    [("graph/cluster_edges=nearest", "graph"), ("clustering.n_clusters=9", "clustering"), ("views.count=1", "views")],
)
def test_data_prepared_with_other_settings_are_refused(model, trained, monkeypatch, tmp_path, override, named):
    monkeypatch.chdir(trained.folder)
    other = locgraph.prepare(None, *trained.overrides, override, f"paths.prepared_dir={tmp_path}")

    with pytest.raises(DataError, match=rf"^source: .*other settings of {named} than those of the training"):
        model.predict(other)


def test_the_trust_of_a_run_is_that_of_its_loaded_model(model, raw, trained):
    expected = side_of_test(trained).sort("fov_id")
    table = model.predict(raw).join(expected.select("fov_id"), on="fov_id").sort("fov_id")

    columns = ["fov_id", "prediction_set", "unlike", "unlike_reasons", "decision"]
    assert_frame_equal(table.select(columns), expected.select(columns))
    numbers = ["credibility", "typicality", "typicality_p", "uncalibrated_T", "p_T"]
    assert_frame_equal(table.select(numbers), expected.select(numbers), abs_tol=1e-5)


def test_no_class_is_returned_for_uncertain_fovs(model, raw):
    # three validation FOVs leave no class out of any set
    table = model.predict(raw, abstain=["uncertain"])

    assert table["prediction_set"].list.len().to_list() == [2] * table.height
    assert table["decision"].is_null().all()
    assert table["prediction"].is_not_null().all()


def test_a_checkpoint_without_trust_predicts_uncalibrated_and_cannot_abstain(path, raw, caplog):
    checkpoint = locgraph.load(path).checkpoint
    older = Model(replace(checkpoint, record=checkpoint.record | {"trust": None}))

    assert "does not say how far its predictions can be trusted" in caplog.text
    table = older.predict(raw)
    assert not {"uncalibrated_T", "unlike", "decision"} & set(table.columns)
    with pytest.raises(ConfigError, match=r"abstain: unlike: .* does not know which FOVs these are"):
        older.predict(raw, abstain="unlike")
    with pytest.raises(ConfigError, match="abstain: expected some of unlike, uncertain, found"):
        locgraph.load(path).predict(raw, abstain="unsure")
