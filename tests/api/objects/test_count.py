"""Objects of new files counted with a model: as separate files, with places, reasons, pictures and exports."""

import json

import numpy as np
import polars as pl
import pytest

import locgraph
from builders.objects import grid_places, large_fov
from locgraph.api.objects.counts import ExportSettings
from locgraph.errors import ConfigError, DataError

NM = {"_target_": "locgraph.io.columns.ColumnMap", "unit": "nm", "required": ["x", "y"]}
NM["names"] = {"x": "x", "y": "y", "frame": "frame", "pick": "pick"}
NAMES = [f"{letter}_{index:03d}" for index in range(9) for letter in "TL"]


@pytest.fixture(scope="module")
def model(trained):
    return locgraph.load(trained.run_dir / "checkpoints" / "best.ckpt")


@pytest.fixture(scope="module")
def raw(trained):
    return trained.folder / "outputs" / "simulated" / "demo"


@pytest.fixture(scope="module")
def large(raw):
    return large_fov(raw, NAMES, grid_places(len(NAMES)), background=300)


@pytest.fixture(scope="module")
def files(large, raw, tmp_path_factory):
    """Two conditions, of which one has a file that cannot be read, and a pick of two localisations."""
    folder = tmp_path_factory.mktemp("cells")
    two = large.table[:2].with_columns(pick=pl.lit(99).cast(pl.Int64))
    small = pl.concat([large_fov(raw, NAMES[:6], grid_places(6)).table, two])
    for name, table in (("wt/cell_1", large.table), ("ko/cell_2", small)):
        path = folder / f"{name}.parquet"
        path.parent.mkdir()
        table.write_parquet(path)
    (folder / "ko" / "broken.csv").write_text("x,y\nnothing\n")
    return folder


@pytest.fixture(scope="module")
def counts(model, files):
    return model.count(files, objects="picks", columns=NM, simulations=99)


def test_objects_are_counted_as_separate_files_are_predicted(model, counts, large, raw):
    alone = model.predict([raw / f"{name}.parquet" for name in NAMES])
    expected = dict(alone.select("fov_id", "prediction").iter_rows())
    own = counts.objects.filter(pl.col("fov_id") == "wt/cell_1")
    order = own["object"].cast(pl.Int64).to_list()
    assert own["decision"].to_list() == [expected[NAMES[pick]] for pick in order]
    assert np.allclose(own.select("x", "y"), large.places[order], atol=1e-6)
    probabilities = alone.select("fov_id", p=pl.max_horizontal("p_T", "p_L"))
    by_name = dict(probabilities.iter_rows())
    assert own["probability"].to_list() == pytest.approx([by_name[NAMES[pick]] for pick in order], abs=1e-4)
    table = counts.table.filter(pl.col("fov_id") == "wt/cell_1")
    numbers = alone["prediction"].value_counts()
    assert dict(table.select("class", "n").iter_rows()) == {"T": 0, "L": 0} | dict(numbers.iter_rows())


def test_every_object_and_file_is_accounted_for(counts):
    fovs = {row["fov_id"]: row for row in counts.fovs.to_dicts()}
    assert list(fovs) == ["ko/cell_2", "wt/cell_1"]
    assert (fovs["ko/cell_2"]["n_objects"], fovs["ko/cell_2"]["n_left_out"]) == (7, 1)
    assert fovs["wt/cell_1"]["n_outside"] == 300
    small = counts.objects.filter(object="99").row(0, named=True)
    assert (small["status"], small["reason"]) == ("left_out", "fewer than 10 localisations")
    assert small["prediction"] is None
    (failed,) = counts.failures
    assert failed == "ko/broken"
    assert "broken.csv" in counts.failures[failed]
    assert repr(counts).startswith("Counts(2 FOVs; 1 FOVs failed)")


def test_density_is_that_of_the_convex_hull_of_all_localisations(counts, large):
    from scipy.spatial import ConvexHull

    fov = counts.fovs.filter(fov_id="wt/cell_1").row(0, named=True)
    area = ConvexHull(large.table.select("x", "y").to_numpy()).volume / 1e6
    assert fov["area_um2"] == pytest.approx(area)
    assert fov["density_per_um2"] == pytest.approx(18 / area)
    assert fov["area_of"] == f"convex hull of {large.table.height:,} localisations"


def test_folders_are_conditions(counts):
    assert counts.conditions["condition"].unique().sort().to_list() == ["ko", "wt"]
    assert counts.conditions["low"].null_count() == 4
    assert "needs at least 5" in counts.conditions["reason"][0]


def test_neighbours_of_a_grid_are_far_apart(counts):
    tests = counts.neighbours.filter(
        pl.col("fov_id") == "wt/cell_1", pl.col("from").is_null(), pl.col("null") == "complete spatial randomness"
    )
    row = tests.row(0, named=True)
    assert row["mean_nm"] == pytest.approx(2000, abs=1e-6)
    assert row["ratio"] > 1.2
    assert row["p"] == 0.02


def test_improbable_objects_have_no_class(model, large, counts):
    limit = counts.objects.filter(fov_id="wt/cell_1")["probability"].median()
    fewer = model.count(large.table, objects="picks", min_probability=limit, simulations=0)
    assert fewer.fovs["n_undecided"].to_list() == [9]
    assert fewer.objects.filter(status="undecided")["reason"].unique().to_list() == [
        f"its probability is below {limit:g}"
    ]
    none = model.count(large.table, objects="picks", min_probability=1.0, simulations=9)
    assert none.table["n"].to_list() == [0, 0]
    assert none.table["fraction"].null_count() == 2
    assert none.conditions.is_empty()
    assert none.neighbours["from"].null_count() == none.neighbours.height


def test_everything_is_written(model, large, counts, tmp_path):
    counts.write(tmp_path, ExportSettings(formats=["parquet", "picasso"], precision_nm=10.0))
    record = json.loads((tmp_path / "counts.json").read_text())
    assert {path.name for path in tmp_path.iterdir()} >= {
        *("counts.json", "counts.csv", "counts.parquet", "objects.parquet", "neighbours.parquet", "pictures")
    }
    assert (tmp_path / "pictures" / "wt" / "cell_1.png").stat().st_size > 10_000
    assert list(record["failed_fovs"]) == ["ko/broken"]
    first = next(fov for fov in record["fovs"] if fov["fov_id"] == "ko/cell_2")
    assert first["without_class"] == {"fewer than 10 localisations": 1}
    assert sum(each["n"] for each in first["classes"]) == 6
    exported = pl.read_parquet(tmp_path / "exports" / "parquet" / "wt" / "cell_1.parquet")
    assert exported.height == large.table.height
    by_pick = exported.filter(pl.col("pick") >= 0).group_by("pick").agg(pl.col("predicted_class").unique())
    assert by_pick["predicted_class"].list.len().to_list() == [1] * 18
    # no pixel size is known: stated, and nothing else stops
    assert set(record["problems"]) == {"picasso of ko/cell_2", "picasso of wt/cell_1"}
    assert "pixel_size_nm" in record["problems"]["picasso of wt/cell_1"]


def test_tables_can_be_drawn_and_exported_after_counting(model, large, tmp_path):
    counts = model.count(large.table, objects="picks", simulations=0)
    (fov_id,) = counts.fovs["fov_id"]
    assert counts.plot(fov_id).get_size_inches()[0] > 7
    counts.write(tmp_path, ExportSettings(formats=["thunderstorm"]), most_pictures=0)
    assert not (tmp_path / "pictures").exists()
    assert counts.problems == {}
    assert (tmp_path / "exports" / "thunderstorm" / f"{fov_id}.csv").is_file()
    with pytest.raises(DataError, match=f"expected one of {fov_id}, found 'other'"):
        counts.plot("other")


def test_an_object_alone_is_counted(model, large):
    one = model.count(large.table.filter(pl.col("pick") == 0), objects="picks")
    assert one.table["n"].sum() == 1
    assert one.table["high"].max() == 1.0
    assert one.neighbours["reason"].to_list() == ["expected at least 5 objects, found 1"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"objects": None}, "objects: expected what an object is, found whole FOVs"),
        ({"objects": "fov"}, "objects: expected what an object is, found whole FOVs"),
        ({"min_probability": 1.5}, "min_probability: expected a number"),
        ({"abstain": "unsure"}, "abstain: "),
        ({"area": "circle"}, "area: expected one of hull, box, found 'circle'"),
        ({"conditions": "names"}, "conditions: expected folders"),
    ],
)
def test_wrong_settings_are_refused(model, large, settings, message):
    with pytest.raises(ConfigError, match=message):
        model.count(large.table, **({"objects": "picks", "simulations": 0} | settings))


def test_files_without_objects_are_an_error(model, large):
    with pytest.raises(DataError, match="expected objects in the column pick, found none"):
        model.count(large.table.with_columns(pick=pl.lit(-1)), objects="picks")


def test_a_file_in_other_dimensions_stops_no_other(model, large, tmp_path):
    flat = large.table.filter(pl.col("pick") < 6)
    flat.write_parquet(tmp_path / "flat.parquet")
    flat.with_columns(z=pl.col("x") / 10).write_parquet(tmp_path / "deep.parquet")
    columns = NM | {"names": NM["names"] | {"z": "z"}}
    counts = model.count(tmp_path, objects="picks", columns=columns, simulations=0)
    numbers = dict(counts.fovs.select("fov_id", "n_counted").iter_rows())
    assert numbers == {"deep": 0, "flat": 6}
    failed = counts.objects.filter(fov_id="deep")
    assert failed["status"].unique().to_list() == ["failed"]
    assert failed["reason"][0] == "expected positions in 2D as in the training, found 3D"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"formats": ["picasso"], "group_by": "pick"},
            "exported.group_by: expected one of class, object, found 'pick'",
        ),
        ({"formats": ["picasso"], "pixel_size_nm": 0}, "exported.pixel_size_nm: expected a length above 0"),
        ({"precision_nm": 10.0}, "exported: has no effect without formats to write"),
        ({"keep_outside": False}, "exported: has no effect without formats to write"),
    ],
)
def test_wrong_settings_of_exports(settings, message):
    with pytest.raises(ConfigError, match=message):
        ExportSettings(**settings)
