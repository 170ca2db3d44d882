"""``locgraph benchmark``: a network, rotated and timed again, beside baselines of the same units."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

import locgraph
from builders.runs import run_in
from locgraph.analysis.averages.poses import plane_rotations
from locgraph.analysis.representations.benchmark import BenchmarkSettings
from locgraph.analysis.representations.embeddings import embeddings_of, read_embeddings
from locgraph.api.models.load import load_model
from locgraph.api.representations import benchmark_model
from locgraph.api.representations.benchmark_model import Subject, model_scores, rows_of_fovs
from locgraph.api.representations.energy import measure_energy
from locgraph.api.representations.measured import NetworkEmbeds, rotate_fov
from locgraph.errors import ConfigError, DataError, MissingPackageError
from locgraph.io.featextracted import read_fov

FAST = ("benchmark.repeats=1", "benchmark.n_angles=2", "benchmark.most_rotated=4", "benchmark.energy=false")


@pytest.fixture(scope="module")
def embedded(trained, tmp_path_factory):
    """Vectors of the FOVs of a small run that classifies, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("embedded") / "network"
    prepared = f"paths.prepared_dir={trained.folder / 'outputs' / 'prepared'}"
    run_in(
        trained.folder,
        "embed",
        f"ckpt_path={trained.run_dir / 'checkpoints' / 'best.ckpt'}",
        f"paths.run_dir={folder}",
        prepared,
        "executor=serial",
    )
    return folder


@pytest.fixture(scope="module")
def compared(embedded):
    return locgraph.benchmark([embedded, "pair_distances", "hand_made"], *FAST)


def value(result, name, metric, about=""):
    rows = result.table.filter(
        (pl.col("representation") == name) & (pl.col("metric") == metric) & (pl.col("about") == about)
    )
    (row,) = rows.to_dicts()
    return row


def test_a_network_is_measured_beside_baselines(compared):
    network = value(compared, "network", "rotation_error")

    # the network of the demo sees distances alone: all that is left is rounding
    assert network["value"] < 1e-5
    assert value(compared, "pair_distances", "rotation_error")["value"] < 1e-9
    assert value(compared, "network", "seconds_per_unit")["value"] > 0
    assert value(compared, "network", "parameters")["value"] > 1000
    assert "no model embeds" in value(compared, "hand_made", "rotation_error")["reason"]
    assert value(compared, "network", "chamfer_nm")["reason"] == "the model does not decode"
    assert value(compared, "network", "joules_per_unit")["reason"] == "not measured: benchmark.energy=false"


def test_the_probe_stands_beside_the_classification(compared):
    names = compared.table.filter(~pl.col("is_control"))["representation"].unique(maintain_order=True).to_list()
    assert names == ["network", "pair_distances", "hand_made"]
    for name in names:
        for about in ("count", "density", "precision", "size"):
            row = value(compared, name, "probe_r2", about)
            assert row["value"] is not None or row["reason"]
        assert value(compared, name, "balanced_accuracy")["chance"] == 0.5
    assert value(compared, "count alone", "balanced_accuracy")["is_control"]


def test_baselines_are_tested_on_the_units_new_to_the_encoder(compared, trained):
    tested = len(json.loads((trained.run_dir / "folds.json").read_text())["folds"][0]["test"])
    for name in ("network", "pair_distances", "hand_made"):
        assert value(compared, name, "unseen_top_1")["n"] == tested


def test_what_labels_have_guided_is_said(compared):
    assert "network: vectors of a classifier, which labels have guided" in compared.notes
    assert any("new to it are the units of its test side" in note for note in compared.notes)


def test_everything_is_written(compared, tmp_path):
    compared.write(tmp_path)
    record = json.loads((tmp_path / "benchmark.json").read_text())

    assert pl.read_parquet(tmp_path / "benchmark.parquet").equals(compared.table)
    assert (tmp_path / "benchmark.png").read_bytes().startswith(b"\x89PNG")
    assert len(record["scores"]) == compared.table.height
    assert {row["representation"] for row in record["z_scores"]} == {"network", "pair_distances", "hand_made"}
    assert record["representations"]["network"]["learned"] == "classifier"


def test_rotated_fovs_are_the_same_fovs(embedded, trained):
    record = json.loads((embedded / "embeddings.json").read_text())
    model = load_model(trained.run_dir / "checkpoints" / "best.ckpt")
    stored = read_embeddings(embedded, "network")
    tables = Path(record["tables"])
    embeds = NetworkEmbeds(model, tables, stored.fovs[:3].tolist())
    (turn,) = plane_rotations(np.array([1.1]))
    fov = read_fov(tables, stored.fovs[0])
    turned = rotate_fov(fov, turn)

    np.testing.assert_allclose(embeds(np.tile(np.eye(2), (3, 1, 1))), stored.vectors[:3], atol=1e-4)
    assert not np.allclose(turned.locs["x"], fov.locs["x"])
    for table, before, names in (
        (turned.locs, fov.locs, ("x", "y")),
        (turned.clusters, fov.clusters, ("x_mean", "y_mean")),
    ):
        np.testing.assert_allclose(table.select(names).to_numpy() @ turn, before.select(names).to_numpy())


def test_a_checkpoint_that_gives_other_vectors_is_refused(embedded, compared):
    stored = read_embeddings(embedded, "network")
    changed = embeddings_of(
        pl.read_parquet(embedded / "embeddings.parquet").with_columns(pl.col("v_0") + 1.0), "x", embedded, stored.record
    )
    tables = Path(stored.record["tables"])
    subject = Subject(changed, changed.fovs, tables, np.arange(len(changed.fovs)))
    scores = {
        each.metric: each for each in model_scores(subject, BenchmarkSettings(most_rotated=2), ["locgraph"], False)
    }
    assert "gives other vectors than the table holds" in scores["rotation_error"].reason


def test_a_model_that_is_gone_leaves_reasons(embedded, tmp_path):
    stored = read_embeddings(embedded, "network")
    gone = embeddings_of(
        pl.read_parquet(embedded / "embeddings.parquet"), "x", tmp_path, {"model": str(tmp_path / "gone.ckpt")}
    )
    subject = Subject(gone, gone.fovs, Path(stored.record["tables"]), np.arange(3))
    scores = model_scores(subject, BenchmarkSettings(), ["locgraph"], False)
    assert all(each.value is None and each.reason.startswith("no model: ") for each in scores)


@pytest.mark.parametrize("nm_per_unit", [None, 50.0])
def test_a_decoder_that_knows_every_unit_is_exact(embedded, monkeypatch, nm_per_unit):
    record = json.loads((embedded / "embeddings.json").read_text())
    tables = Path(record["tables"])
    fovs = read_embeddings(embedded, "network").fovs[:3]
    clouds, extents = benchmark_model.read_clouds(pl.DataFrame({"fov_id": fovs}), tables)
    table = pl.DataFrame({"fov_id": fovs, "v_0": [0.0, 1.0, 2.0]})
    subject = Subject(embeddings_of(table, "x", embedded, record), fovs, tables, np.arange(3))
    scale = extents if nm_per_unit is None else np.ones(3)

    def decode(vectors):
        places = vectors[:, 0].round().astype(int)
        return [clouds[place] / scale[place] for place in places]

    model = SimpleNamespace(decode=decode, record={"scaler": {"nm_per_unit": nm_per_unit}})
    scores = {
        each.metric: each for each in benchmark_model._decoding_scores(subject, BenchmarkSettings(n_pairs=1), model)
    }
    assert scores["chamfer_nm"].value == pytest.approx(0.0, abs=1e-9)
    assert scores["better_than_mean_shape"].value == pytest.approx(2 / 3)
    assert scores["evolution_energy_real"].value == pytest.approx(1.0, abs=0.2)


def test_a_decoder_that_fails_leaves_reasons(embedded):
    record = json.loads((embedded / "embeddings.json").read_text())
    fovs = read_embeddings(embedded, "network").fovs[:3]
    table = pl.DataFrame({"fov_id": fovs, "v_0": [0.0, 1.0, 2.0]})
    subject = Subject(embeddings_of(table, "x", embedded, record), fovs, Path(record["tables"]), np.arange(3))

    def decode(vectors):
        raise DataError("no points")

    model = SimpleNamespace(decode=decode, record={"scaler": {"nm_per_unit": 1.0}})
    scores = benchmark_model._decoding_scores(subject, BenchmarkSettings(), model)
    assert {each.reason for each in scores} == {"no points"}
    assert len(scores) == 4


def test_whole_fovs_are_drawn_for_rotation():
    keys = pl.DataFrame(
        {"fov_id": ["a"] * 4 + ["b"] * 3 + ["c"] * 2, "cluster_id": [0, 1, 2, 3, 0, 1, 2, 0, 1], "v_0": np.arange(9.0)}
    )
    found = embeddings_of(keys, "x", Path(), {})
    subject = Subject(found, found.fovs, found.folder, np.arange(9))
    for seed in range(4):
        rows = rows_of_fovs(subject, 6, seed)
        assert all(set(np.flatnonzero(found.fovs == name)) <= set(rows) for name in found.fovs[rows])
        assert 0 < len(rows) <= 6
    assert len(rows_of_fovs(subject, 1, 0)) >= 2


def test_energy_is_measured_where_codecarbon_is_installed():
    pytest.importorskip("codecarbon", reason="the extra energy is not installed")
    joules, calls = measure_energy(lambda: sum(range(100_000)))
    assert joules > 0
    assert calls > 1


def test_energy_needs_codecarbon(monkeypatch):
    monkeypatch.setattr("locgraph.api.representations.energy.find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match=r"not measured: codecarbon is not installed; pip install"):
        measure_energy(lambda: None)


def test_names_and_sources_are_checked(embedded, tmp_path):
    with pytest.raises(ConfigError, match=r"^folders: expected runs .* Call it as: locgraph benchmark"):
        locgraph.benchmark(["hand_made"], *FAST)
    with pytest.raises(DataError, match=r"^folders: no such folder: .*nowhere; expected a run, a sweep, hand_made or"):
        locgraph.benchmark([tmp_path / "nowhere"], *FAST)
    with pytest.raises(DataError, match=r"^folders: .*expected embeddings.parquet, as runs of representations"):
        locgraph.benchmark([tmp_path], *FAST)
    pl.read_parquet(embedded / "embeddings.parquet").head(1).write_parquet(tmp_path / "embeddings.parquet")
    (tmp_path / "embeddings.json").write_text((embedded / "embeddings.json").read_text())
    with pytest.raises(DataError, match=r"expected at least two fovs to compare, found one"):
        locgraph.benchmark([tmp_path], *FAST)
    with pytest.raises(DataError, match=r"expected the same units in all representations: 17 are in"):
        locgraph.benchmark([embedded, tmp_path], *FAST)
    with pytest.raises(ConfigError, match=r"^names: expected 2 different names, .*found \['a'\]"):
        locgraph.benchmark([embedded, "hand_made"], *FAST, "names=[a]")
    with pytest.raises(ConfigError, match=r"^folders: expected different representations, found .*network twice"):
        locgraph.benchmark([embedded, embedded], *FAST)
    with pytest.raises(ConfigError, match=r"^benchmark.n_folds: expected a whole number"):
        locgraph.benchmark([embedded], *FAST, "benchmark.n_folds=1")
    with pytest.raises(DataError, match=r"^tables: .*expected the prepared tables"):
        locgraph.benchmark([embedded], *FAST, f"tables={tmp_path}")
