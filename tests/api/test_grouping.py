"""``locgraph.groups``: where units come from, and what is written of their groups."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import locgraph
from builders.grouping import planted_units
from locgraph.api.grouping.relabelled import write_relabelled
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import fov_path
from locgraph.run_folder import CLASSIFIER, EMBEDDINGS_RECORD, HOW_LEARNED

QUICK = ("group.number.bootstraps=0", "group.number.null_draws=0", "group.permutations=49")


@pytest.fixture(scope="module")
def tables(write_tables, tmp_path_factory) -> Path:
    """Prepared tables of FOVs of two classes, whose clusters differ in width; pairs of FOVs are of one patient."""
    return write_tables(tmp_path_factory.mktemp("tables") / "tables", {"a": 6, "b": 6, None: 1}, grouped=True)


def write_localisations(result, folder: Path) -> dict[str, str]:
    """Write the localisations alone, and return the problems."""
    return write_relabelled(result, result.tables, result.manifest, folder, result.relabelled, result.export)


def embed(folder: Path, tables: Path | None, names: list[str], n: int = 3, **columns) -> Path:
    """A folder of embeddings that tell a from b."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    wide = np.array([name.startswith("b") for name in names])
    vectors = {f"v_{place}": rng.normal(0, 0.1, len(names)) + wide for place in range(n)}
    pl.DataFrame({"fov_id": names, "fold": [0] * len(names), **columns, **vectors}).write_parquet(
        folder / "embeddings.parquet"
    )
    (folder / "embeddings.json").write_text(json.dumps({"tables": None if tables is None else str(tables)}))
    return folder


def test_fovs_of_tables_are_grouped_and_written(tables, tmp_path):
    result = locgraph.groups(tables, *QUICK, "group.n_groups=2", "group.weights={size: 1}")
    assert result.table["group"].null_count() == 0
    assert result.agreement.matched_accuracy == 1.0
    assert result.agreement.n == 12  # one FOV has no class
    assert result.composition.words.startswith("49 permutations of the classes of 6 patients")
    result.write(tmp_path)
    assert {path.name for path in tmp_path.glob("*.png")} == {
        *("groups.png", "group_numbers.png", "group_differences.png", "group_composition.png")
    }
    assert not result.problems
    locs = pl.read_parquet(tmp_path / "relabelled" / "b_0.parquet")
    assert locs["group"].unique().to_list() == result.table.filter(fov_id="b_0")["group"].to_list()
    assert locs.height == 30
    page = (tmp_path / "groups.html").read_text()
    assert "Groups without labels" in page
    assert "matched accuracy 1.000" in page


def test_clusters_of_tables_are_grouped(tables, tmp_path):
    result = locgraph.groups(tables, *QUICK, "unit=cluster", "group.n_groups=2", "group.weights={size: 1}")
    assert result.table.columns[:3] == ["fov_id", "cluster_id", "group"]
    assert result.table.height == 13 * 5
    assert result.agreement.matched_accuracy > 0.95
    result.write(tmp_path)
    locs = pl.read_parquet(tmp_path / "relabelled" / "a_0.parquet")
    joined = locs.join(result.table.rename({"group": "own"}), on=["fov_id", "cluster_id"], how="left")
    assert (joined["group"] == joined["own"]).all()
    assert json.loads((tmp_path / "groups.json").read_text())["groups"][0]["medoid"].keys() == {"fov_id", "cluster_id"}


def test_a_damaged_fov_is_named_and_stops_no_other(write_tables, tmp_path):
    folder = write_tables(tmp_path / "tables", {"a": 3, "b": 3})
    fov_path(folder, "clusters", "a_0").write_bytes(b"no table")
    for unit, n in (("fov", 5), ("cluster", 25)):
        result = locgraph.groups(folder, *QUICK, f"unit={unit}", "group.n_groups=2")
        assert result.table.height == n
        assert any("1 FOVs could not be read and are left out, such as a_0" in note for note in result.notes)
    assert list(write_localisations(result, tmp_path)) == ["a_0"]


def test_localisations_for_other_software(tables, tmp_path):
    options = ("export=[picasso,parquet]", "exported.pixel_size_nm=100", "exported.precision_nm=2", "relabelled=false")
    result = locgraph.groups(tables, *QUICK, "unit=cluster", "group.n_groups=2", *options)
    assert write_localisations(result, tmp_path) == {}
    assert not (tmp_path / "relabelled").exists()
    picasso = locgraph.read(tmp_path / "exports" / "picasso" / "b_0.hdf5")
    assert len(picasso) == 30
    exported = pl.read_parquet(tmp_path / "exports" / "parquet" / "b_0.parquet")
    own = result.table.filter(fov_id="b_0")["group"].unique().sort()
    assert exported["group"].unique().sort().to_list() == own.to_list()


def test_what_a_format_needs_is_a_problem_of_its_files(tables, tmp_path):
    result = locgraph.groups(tables, *QUICK, "group.n_groups=2", "export=[picasso]")
    assert "precision" in write_localisations(result, tmp_path)["picasso of a_0"]
    assert (tmp_path / "relabelled" / "a_0.parquet").is_file()


@pytest.mark.parametrize("recipe", [{}, {"columns": {"_target_": "locgraph.io.columns.Gone"}}])
def test_tables_of_another_version_are_relabelled(write_tables, tmp_path, recipe):
    folder = write_tables(tmp_path / "tables", {"a": 3, "b": 3})
    (folder / "recipe.json").write_text(json.dumps(recipe))
    result = locgraph.groups(folder, *QUICK, "group.n_groups=2")
    assert write_localisations(result, tmp_path) == {}


def test_embeddings_with_their_tables(tables, tmp_path):
    names = [f"{name}_{place}" for name in "ab" for place in range(5)]
    folder = embed(tmp_path / "embedded", tables, [*names, "gone_0"])
    alone = locgraph.groups(folder, *QUICK, "group.n_groups=2")
    assert dict(alone.matrix.weights) == {"learned": 1.0}
    assert alone.table.height == 10
    assert alone.agreement.matched_accuracy == 1.0
    assert "1 embedded FOVs are not in the tables and are left out" in alone.notes
    mixed = locgraph.groups(folder, *QUICK, "group.n_groups=2", "group.weights={learned: 2, size: 1}")
    assert dict(mixed.matrix.weights) == {"size": 1.0, "learned": 2.0}
    with pytest.raises(ConfigError, match=r"expected fov, which .*embeddings.parquet holds, found cluster"):
        locgraph.groups(folder, *QUICK, "unit=cluster")


def test_embeddings_alone(tmp_path):
    names = [f"{name}_{place}" for name in "ab" for place in range(5)]
    folder = embed(tmp_path / "embedded", None, names, label=["a"] * 5 + ["b"] * 5)
    result = locgraph.groups(folder, *QUICK, "group.n_groups=2")
    assert result.agreement.matched_accuracy == 1.0
    assert any("no pictures" in note for note in result.notes)
    assert not any("agreement with classes is no result" in note for note in result.notes)
    result.write(tmp_path)
    assert not (tmp_path / "groups.png").exists()
    assert not (tmp_path / "relabelled").exists()
    with pytest.raises(DataError, match="expected prepared tables"):
        result.plot()


def test_vectors_of_a_classifier_are_marked(tmp_path):
    folder = embed(tmp_path / "embedded", None, [f"{name}_{place}" for name in "ab" for place in range(5)])
    (folder / EMBEDDINGS_RECORD).write_text(json.dumps({HOW_LEARNED: CLASSIFIER}))
    notes = locgraph.groups(folder, *QUICK, "group.n_groups=2").notes
    assert any("agreement with classes is no result without labels" in note for note in notes)


def test_embeddings_of_several_networks_are_refused(tmp_path):
    folder = embed(tmp_path / "embedded", None, ["a", "b", "c"])
    path = folder / "embeddings.parquet"
    table = pl.read_parquet(path)
    table.with_columns(fold=pl.Series([0, 1, 0])).write_parquet(path)
    with pytest.raises(DataError, match=r"vectors of one network, found those of the folds \[0, 1\]"):
        locgraph.groups(folder, *QUICK)
    pl.concat([table, table]).write_parquet(path)
    with pytest.raises(DataError, match="one vector of each unit"):
        locgraph.groups(folder, *QUICK)
    table.select("fov_id").write_parquet(path)
    with pytest.raises(DataError, match="expected fov_id and v_0, v_1"):
        locgraph.groups(folder, *QUICK)


def test_a_sweep_is_grouped_by_its_tables_and_a_run_by_its_vectors_too(tables, write_tables, write_runs, tmp_path):
    labelled = write_tables(tmp_path / "tables", {"a": 6, "b": 6})
    sweep = write_runs(tmp_path / "sweep", labelled, 2, [0, 1])
    assert locgraph.groups(sweep, *QUICK, f"tables={labelled}", "group.n_groups=2").table.height == 12
    with pytest.raises(ConfigError, match="several runs, whose vectors cannot be compared") as caught:
        locgraph.groups(sweep, *QUICK, f"tables={labelled}", "group.weights={learned: 1}")
    assert caught.value.setting == "group.weights.learned"
    run = locgraph.groups(
        sweep / "0", *QUICK, f"tables={labelled}", "group.n_groups=2", "group.weights={learned: 1, size: 1}"
    )
    with_vectors = pl.read_parquet(sweep / "0" / "fov_vectors.parquet").height
    assert (run.table["group"] >= 0).sum() == with_vectors
    assert any("agreement with classes is no result without labels" in note for note in run.notes)


def test_raw_files_are_prepared_first(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = trained.folder / "outputs" / "simulated" / "demo"
    options = ("clustering=kmeans", "clustering.n_clusters=6", "executor=serial", "columns=nm", "unit=cluster")
    result = locgraph.groups(raw, *QUICK, *options, "group.n_groups=2")
    assert result.table["fov_id"].n_unique() == 18
    assert result.tables.parent == tmp_path / "outputs" / "prepared" / "group"


def test_objects_of_a_fov_are_written_together(trained_on_picks, tmp_path):
    tables = Path(trained_on_picks.metrics()["tables"])
    result = locgraph.groups(tables, *QUICK, "group.n_groups=2")
    assert result.units.words == "objects"
    assert write_localisations(result, tmp_path) == {}
    parents = pl.read_parquet(tables / "manifest.parquet")["parent_fov"].unique()
    assert {path.stem for path in (tmp_path / "relabelled").glob("*.parquet")} == set(parents)
    locs = pl.read_parquet(next((tmp_path / "relabelled").glob("*.parquet")))
    joined = locs.filter(pl.col("group") >= 0).join(result.table.rename({"group": "own"}), on="fov_id")
    assert (joined["group"] == joined["own"]).all()


def test_units_of_ones_own(tmp_path):
    result = locgraph.groups(planted_units(10), "grouping=agglomerative", *QUICK)
    assert result.n_groups == 5
    assert result.about["source"] == "tables"


@pytest.mark.parametrize(
    ("override", "setting"),
    [
        ("unit=localisation", "unit"),
        ("group.n_groups=1", "group.n_groups"),
        ("group.n_groups=14", "group.n_groups"),
        ("group.weights={learned: 1}", "group.weights.learned"),
        ("group.weights={size: -1}", "group.weights.size"),
        ("group.number.most=1", "group.number.most"),
        ("group.aggregation.quantiles=[2]", "group.aggregation.quantiles"),
        ("group.spatial_neighbours=3", "group.spatial_neighbours"),
        ("grouping.starts=0", "grouping.starts"),
        ("export=[best]", "export"),
        ("exported.group_by=object", "exported"),
        ("relabelled=1", "relabelled"),
    ],
)
def test_wrong_settings_are_named(tables, override, setting):
    with pytest.raises(ConfigError) as caught:
        locgraph.groups(tables, *QUICK, override)
    assert caught.value.setting == setting


def test_nothing_to_group(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        locgraph.groups(tmp_path / "absent")
    (tmp_path / "locs").mkdir()
    (tmp_path / "clusters").mkdir()
    with pytest.raises(DataError):
        locgraph.groups(tmp_path)
