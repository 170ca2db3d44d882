"""``locgraph.averages``: where objects and their classes come from, and what is written."""

import json
from dataclasses import replace

import polars as pl
import pytest

import locgraph
from builders.drawn_objects import draw_objects, glyph
from locgraph.errors import ConfigError, DataError
from locgraph.io.featextracted import read_fov, write_fov

T, L = glyph("#####", "..#..", "..#..", "..#..", "..#.."), glyph("#...", "#...", "#...", "#...", "####")
FAST = ("average.methods=[axes]", "average.resolution=false")


def drawn(count: int = 4) -> dict[str, dict[str, pl.DataFrame]]:
    return {"T": draw_objects(T, count, prefix="T").tables, "L": draw_objects(L, count, 1, prefix="L").tables}


@pytest.fixture
def raw(tmp_path):
    """A folder of files for each of two classes, and one damaged file."""
    for name, objects in drawn().items():
        (tmp_path / "raw" / name).mkdir(parents=True)
        for each, table in objects.items():
            table.write_parquet(tmp_path / "raw" / name / f"{each}.parquet")
    return tmp_path / "raw"


def test_tables_are_averaged_by_class_and_written(tmp_path):
    classes = drawn(4)
    classes["T"]["T_pair"] = classes["T"]["T_0"].head(2)
    classes["L"] = dict(list(classes["L"].items())[:2])
    classes["none"] = {"spot": classes["T"]["T_0"].head(1)}
    result = locgraph.averages(classes, "average.symmetry=1")
    assert result.table.select("class", "method", "n_objects", "n_left_out").rows() == [
        ("T", "axes", 4, 1),
        ("T", "pairwise", 4, 1),
        ("L", "axes", 2, 0),
        ("L", "pairwise", 2, 0),
    ]
    assert "at least one object with a pose" in result.failed["none"]
    assert result.table["frc_nm"].is_not_null().to_list() == [True, True, False, False]  # needs four objects
    assert result["T"]["pairwise"].order == 1
    result.write(tmp_path)
    assert (tmp_path / "averages.png").read_bytes().startswith(b"\x89PNG")
    assert pl.read_parquet(tmp_path / "averages.parquet").equals(result.table)
    objects = pl.read_parquet(tmp_path / "averaged_objects.parquet")
    assert objects.height == 12
    localisations = pl.read_parquet(tmp_path / "averaged_localisations.parquet")
    assert localisations.height == result.table["n_localisations"].sum()
    profiles = pl.read_parquet(tmp_path / "average_profiles.parquet")
    assert set(profiles["profile"]) == {"radial", "angular", "frc"}
    record = json.loads((tmp_path / "averages.json").read_text())
    assert "2 localisations" in record["averages"]["T"]["axes"]["left_out"]["T_pair"]
    assert record["settings"]["symmetry"] == 1


def test_files_with_labels_are_objects(raw):
    (raw / "T" / "bad.parquet").write_bytes(b"no table")
    result = locgraph.averages(raw, *FAST, "labels=folders", "columns=nm")
    assert dict(result.table.select("class", "n_objects").rows()) == {"L": 4, "T": 4}
    assert list(result.about["unreadable"]) == ["T/bad"]
    assert any("1 FOVs could not be read, such as T/bad" in note for note in result.notes)


def test_more_objects_than_wanted_are_drawn_and_said():
    result = locgraph.averages(drawn(6), *FAST, "average.most_objects=3")
    assert result.table["n_objects"].to_list() == [3, 3]
    assert "T: 3 of 6 objects, drawn at random (most_objects)" in result.notes


def test_labelled_tables_are_averaged_without_noise(write_tables, tmp_path):
    folder = write_tables(tmp_path / "tables", {"a": 2, "b": 1, None: 1})
    fov = read_fov(folder, "a_0")
    noise = fov.locs.head(3).with_columns(cluster_id=pl.lit(-1, fov.locs.schema["cluster_id"]))
    write_fov(folder, replace(fov, locs=pl.concat([fov.locs, noise])))
    result = locgraph.averages(folder, *FAST)
    assert result.table.select("class", "n_objects", "n_localisations").rows() == [("a", 2, 60), ("b", 1, 30)]
    assert "1 FOVs without a class are not averaged" in result.notes
    with pytest.raises(ConfigError, match="has no predictions") as caught:
        locgraph.averages(folder, *FAST, "average.classes=predictions")
    assert caught.value.setting == "classes"


def test_predictions_choose_classes_and_sure_objects(write_tables, tmp_path):
    tables = write_tables(tmp_path / "tables", {"a": 6})
    names = [f"a_{index}" for index in range(6)]
    evaluated = tmp_path / "eval"
    evaluated.mkdir()
    predictions = pl.DataFrame(
        {
            "fov_id": names,
            "split": ["new", "new", "new", "new", "train", "new"],
            "prediction": ["a", "b", "b", "a", "a", "a"],
            "p_a": [0.9, 0.2, 0.45, 0.8, 0.99, 0.95],
            "p_b": [0.1, 0.8, 0.55, 0.2, 0.01, 0.05],
            "decision": ["a", "b", "b", "a", "a", None],
        }
    )
    predictions.write_parquet(evaluated / "predictions.parquet")
    (evaluated / "metrics.json").write_text(json.dumps({"tables": str(tables)}))
    result = locgraph.averages(evaluated, *FAST, "average.min_probability=0.7")
    objects = dict(result.objects.group_by("class").agg(pl.col("object").sort()).rows())
    assert objects == {"a": ["a_0", "a_3"], "b": ["a_1"]}
    assert "1 of 5 FOVs are less probable than 0.7" in result.notes
    assert "1 FOVs have no class, as the model abstains" in result.notes
    by_label = locgraph.averages(evaluated, *FAST, "average.classes=labels")
    assert by_label.table["n_objects"].to_list() == [6]


def test_a_sweep_gives_its_test_fovs_by_predicted_class(write_tables, write_runs, tmp_path):
    tables = write_tables(tmp_path / "tables", {"a": 4, "b": 4})
    sweep = write_runs(tmp_path / "sweep", tables, 2, [0, 1])
    result = locgraph.averages(sweep, *FAST, f"tables={tables}")
    predictions = pl.concat(pl.read_parquet(path) for path in sweep.glob("*/predictions.parquet")).filter(split="test")
    assert dict(result.objects.select("object", "class").rows()) == dict(
        predictions.select("fov_id", "prediction").rows()
    )
    assert result.about["classes"] == "predictions"


def test_picks_of_larger_fovs_are_objects(trained_on_picks):
    tables = trained_on_picks.metrics()["tables"]
    result = locgraph.averages(tables, *FAST)
    manifest = pl.read_parquet(f"{tables}/manifest.parquet").drop_nulls("label")
    assert dict(result.objects.select("object", "class").rows()) == dict(manifest.select("fov_id", "label").rows())
    assert manifest["parent_fov"].null_count() == 0
    # parents lie 2 um apart within a FOV, so only centred objects fit on one map
    assert result.localisations["x"].abs().max() < 500


@pytest.mark.parametrize(
    ("override", "setting"),
    [
        ("average.classes=best", "average.classes"),
        ("average.min_probability=2", "average.min_probability"),
        ("average.methods=[best]", "average.methods"),
        ("average.methods=[]", "average.methods"),
        ("average.symmetry=0", "average.symmetry"),
        ("average.mirror=maybe", "average.mirror"),
        ("average.resolution=1", "average.resolution"),
        ("average.most_objects=0", "average.most_objects"),
        ("average.seed=-1", "average.seed"),
    ],
)
def test_wrong_settings_are_named(override, setting):
    with pytest.raises(ConfigError) as caught:
        locgraph.averages(drawn(2), override)
    assert caught.value.setting == setting


def test_nothing_to_average_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected objects with a class, found none"):
        locgraph.averages({})
    with pytest.raises(DataError, match="no such folder"):
        locgraph.averages(tmp_path / "absent")
    with pytest.raises(ConfigError, match="has no effect on labels"):
        locgraph.averages(drawn(2), "average.min_probability=0.5")
