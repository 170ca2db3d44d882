"""``locgraph explore``: from embeddings on disk to tables and pictures."""

import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from locgraph.analysis.representations.exploring import maps
from locgraph.api.representations.explore import explore
from locgraph.errors import ConfigError, DataError
from locgraph.show.figures.representations.clouds import common_half, flatten
from locgraph.show.figures.representations.exploring import archetypes_figure, walks_figure

FAST = (
    "explore.map.pictures=2",
    "explore.walks.steps=3",
    "explore.walks.axes=1",
    "explore.archetypes.count=2",
    "explore.archetypes.members=2",
)


@pytest.fixture(autouse=True)
def _flat_maps(monkeypatch):
    """Lay units out by their first two values: UMAP itself, slow to start, is tested beside its settings."""
    monkeypatch.setattr(maps, "umap_points", lambda values, settings: (values[:, :2], ()))


@pytest.fixture(scope="module")
def tables(write_tables, tmp_path_factory):
    return write_tables(tmp_path_factory.mktemp("tables"), {"a": 12, "b": 12, None: 2}, grouped=True)


@pytest.fixture
def embedded(tables, tmp_path):
    """Writes embeddings of all FOVs: folder name, changes of the record."""

    def write(name="embedded", clusters=False, **record):
        folder = tmp_path / name
        folder.mkdir()
        manifest = pl.read_parquet(tables / "manifest.parquet").select("fov_id", "label")
        if clusters:
            manifest = manifest.join(pl.DataFrame({"cluster_id": range(5)}), how="cross")
        shift = (manifest["label"] == "b").fill_null(False).to_numpy() * 4.0
        vectors = np.random.default_rng(0).normal(size=(manifest.height, 3)) + shift[:, None]
        columns = {f"v_{index}": column.astype(np.float32) for index, column in enumerate(vectors.T)}
        manifest.with_columns(**columns).write_parquet(folder / "embeddings.parquet")
        about = {"tables": str(tables), "unit": "fov", "decodes": False, "model": "none.ckpt"} | record
        (folder / "embeddings.json").write_text(json.dumps(about))
        return folder

    return write


def square(vectors):
    """Decode each vector to a square as large as its first value."""
    corners = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    return (np.abs(vectors[:, :1, None]) + 1) * corners


def test_the_command_writes_tables_record_and_pictures(run, embedded, tables, tmp_path, capsys):
    folder = embedded()
    run(tmp_path, "explore", f"folder={folder}", *FAST)

    written = folder / "explore"
    names = ("map", "walks", "archetypes", "pseudotime")
    assert {f"{name}.png" for name in names} == {path.name for path in written.glob("*.png")}
    units = pl.read_parquet(tables / "manifest.parquet").height
    assert [pl.read_parquet(written / f"{name}.parquet").height for name in names] == [units, 3, 4, units]
    weights = pl.read_parquet(written / "archetype_weights.parquet")
    np.testing.assert_allclose(weights["weight_1"] + weights["weight_2"], 1)
    times = pl.read_parquet(written / "pseudotime.parquet")
    assert times["pseudotime"].min() >= 0
    assert times["pseudotime"].max() <= 1
    record = json.loads((written / "explore.json").read_text())
    assert record["pseudotime"]["ends"] == ["a", "b"]
    assert record["pseudotime"]["classes"][1]["owners"] == 6
    assert record["pseudotime"]["classes"][1]["low"] > 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "pseudo-time of b: +" in printed
    assert "map.png, walks.png, archetypes.png, pseudotime.png" in printed


def test_walks_and_archetypes_are_decoded(embedded, tmp_path):
    folder = embedded()
    plain, decoded = explore(folder, *FAST), explore(folder, *FAST, decode=square)

    assert (plain.record["decoded"], decoded.record["decoded"]) == (False, True)
    rows = [len(walks_figure(each.shown).axes) for each in (plain, decoded)]
    assert rows == [4, 2 * 4]
    # an archetype has its decoded picture, then its members
    assert [len(archetypes_figure(each.shown).axes) for each in (plain, decoded)] == [2 * 3, 2 * 4]
    assert repr(decoded) == "Explored(26 fovs, 2 archetypes, notes=0)"


def test_clusters_are_drawn_alone(embedded):
    result = explore(embedded(clusters=True, unit="cluster"), *FAST)

    assert all(len(points) == 6 for points in result.shown.clouds.values())
    assert "cluster_id" in result.result.walks.table.columns
    assert [(row["units"], row["owners"]) for row in result.result.pseudotime.differences] == [(60, 6)] * 2


def test_the_decoder_of_the_recorded_model_is_used(embedded, monkeypatch):
    asked = []

    def load(path, trusted):
        asked.append((path.name, trusted))
        return SimpleNamespace(decode=square)

    monkeypatch.setattr("locgraph.api.models.load.load", load)
    folder = embedded(decodes=True)

    assert explore(folder, *FAST).record["decoded"] is True
    assert explore(folder, *FAST, "explore.decode=false").record["decoded"] is False
    assert asked == [("none.ckpt", ["locgraph"])]


def test_a_decoder_that_cannot_be_loaded_is_named(embedded):
    result = explore(embedded(decodes=True), *FAST)

    assert [note.split(": ")[0] for note in result.record["notes"]] == ["nothing is decoded"]
    assert result.record["decoded"] is False


def test_features_with_units_count_alike(embedded):
    learned, features = explore(embedded("l"), *FAST), explore(embedded("f", columns=["x", "y", "z"]), *FAST)

    np.testing.assert_allclose(features.result.space.values.std(axis=0), 1)
    assert np.abs(learned.result.space.values.std(axis=0) - 1).min() > 0.01


def test_what_is_left_out_goes_with_an_earlier_picture(embedded, tmp_path):
    folder = embedded()
    explore(folder, *FAST).write(tmp_path)
    assert (tmp_path / "pseudotime.png").is_file()
    table = pl.read_parquet(folder / "embeddings.parquet").with_columns(label=pl.lit("a"))
    table.write_parquet(folder / "embeddings.parquet")
    result = explore(folder, *FAST)
    result.write(tmp_path)

    assert not (tmp_path / "pseudotime.png").exists()
    assert not (tmp_path / "pseudotime.parquet").exists()
    assert (
        result.result.notes == ("UMAP: n_neighbors lowered",)
        or "no pseudo-time: 1 classes; set pseudotime.start and pseudotime.end" in result.result.notes
    )


def change(folder, *expressions, rows=None):
    table = pl.read_parquet(folder / "embeddings.parquet").with_columns(*expressions)
    (table if rows is None else table.head(rows)).write_parquet(folder / "embeddings.parquet")


@pytest.mark.parametrize(
    ("expressions", "rows", "overrides", "error", "message"),
    [
        ((), 1, (), DataError, "expected at least 3 units to explore, found 1"),
        ((pl.col("^v_.*$") * 0,), None, (), DataError, "expected vectors that differ, found .* equal ones"),
        ((pl.lit(float("nan")).alias(f"v_{i}") for i in range(3)), None, (), DataError, "no value at all in"),
        ((), 4, ("explore.archetypes.count=5",), ConfigError, "explore.archetypes.count: expected at most the 4 units"),
        ((), None, ("explore.pseudotime.start=z", "explore.pseudotime.end=a"), ConfigError, "explore.pseudotime.start"),
        ((), None, ("explore.pseudotime.start=a", "explore.pseudotime.end=a"), ConfigError, "explore.pseudotime.end"),
        ((), None, ("explore.walks.steps=1",), ConfigError, "explore.walks.steps: expected a whole number"),
        ((), None, ("explore.turn=1",), ConfigError, "explore.turn: expected true or false"),
        ((), None, ("tables=/none",), DataError, "tables: expected the prepared tables of .* at /none, found none"),
    ],
)
def test_what_cannot_be_explored(embedded, expressions, rows, overrides, error, message):
    folder = embedded()
    change(folder, *expressions, rows=rows)

    with pytest.raises(error, match=message):
        explore(folder, *overrides)


def test_a_folder_without_embeddings(tmp_path):
    with pytest.raises(DataError, match=r"folder: .*: expected embeddings.parquet, found none; give a run"):
        explore(tmp_path)


def test_a_folder_is_needed(fails, tmp_path):
    assert "Call it as: locgraph explore FOLDER" in fails(tmp_path, "explore")


def test_pictures_lie_along_their_axes_and_are_never_mirrored():
    rng = np.random.default_rng(0)
    points = rng.gamma(1.0, 1.0, (300, 3)) * [100.0, 30.0, 5.0]
    points -= points.mean(axis=0)
    rotation = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    first, other = flatten(points, True), flatten(points @ rotation.T, True)

    np.testing.assert_allclose(first, other, atol=1e-6)
    assert first[:, 0].std() > first[:, 1].std() > 20
    np.testing.assert_array_equal(flatten(points, False), points[:, :2])
    mirrored = flatten(points[:, :2] * [1, -1], True)
    assert np.abs(mirrored - flatten(points[:, :2], True)).max() > 10


def test_one_scale_shows_nearly_all_localisations():
    ring = 50.0 * np.column_stack([np.cos(np.arange(100)), np.sin(np.arange(100))])

    assert 55 < common_half([ring, ring]) < 70
    far = np.concatenate([ring, [[900.0, 0.0]]])
    assert 55 < common_half([far, ring]) < 70
    assert common_half([ring, ring, ring, 100 * ring]) < 70
    assert common_half([np.zeros((1, 2))]) > 5
