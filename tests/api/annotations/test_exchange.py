"""Annotations out to Label Studio with pictures and predictions, and in from files of other programs."""

import copy
import json

import numpy as np
import polars as pl
import pytest
from PIL import Image

from builders.annotators import mark, outline, sort, write_raw, write_statements
from locgraph.api.annotations.exports import export_annotations
from locgraph.api.annotations.imports import import_annotations
from locgraph.api.config import compose
from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.table import read_annotations
from locgraph.provenance import file_digest


@pytest.fixture(scope="module")
def defaults():
    return compose("annotations", "action=import", "columns=nm")


@pytest.fixture
def settings(defaults):
    """All settings, with some of a group changed."""

    def change(group=None, raw_dir=None, **changes):
        changed = copy.deepcopy(defaults) | {"raw_dir": None if raw_dir is None else str(raw_dir)}
        if group:
            changed[group] |= changes
        return changed

    return change


@pytest.fixture
def raw(tmp_path):
    return write_raw(tmp_path / "raw", ["wt/a b", "wt/c"])


@pytest.fixture
def table(tmp_path):
    rows = [sort("Ann", "wt/c", "x"), sort("Ann", "wt/c", "y"), outline("Ann", "wt/c", "a", (-50, 0), (35, 95))]
    return write_statements(tmp_path / "annotations.parquet", [*rows, mark("Bo", "gone", "pore", 3, 3)])


def test_tasks_pictures_and_back(table, raw, settings, tmp_path):
    target = tmp_path / "studio"
    result = export_annotations(table, target, settings("exported", raw, nm_per_px=1.0))
    assert (result.tasks, result.statements, result.predictions) == (2, 2, 0)
    assert result.left_out == (
        "1 statements left out: of FOVs without a picture (such as gone)",
        "1 statements left out: classes of FOVs that the same annotator replaced later",
    )
    tasks = {task["data"]["fov_id"]: task for task in json.loads((target / "tasks.json").read_text())}
    data = tasks["wt/c"]["data"]
    assert tasks["wt/a b"]["data"]["img"] == "/data/local-files/?d=images/wt/a%20b.png"
    assert data["fingerprint"] == file_digest(raw / "wt" / "c.parquet")
    with Image.open(target / "images" / "wt" / "c.png") as picture:
        assert picture.size == (data["width_px"], data["height_px"])
    (polygon,) = [each for each in tasks["wt/c"]["annotations"][0]["result"] if each["type"] == "polygonlabels"]
    assert 0 < np.min(polygon["value"]["points"]) < np.max(polygon["value"]["points"]) < 100  # lines are in it
    assert "PolygonLabels" in (target / "labelling_config.xml").read_text()

    before = table.read_bytes()
    again = import_annotations(target / "tasks.json", table, settings(raw_dir=raw))
    assert (again.merged.added, again.merged.changed, again.merged.unchanged, again.left_out) == (0, 0, 2, ())
    assert table.read_bytes() == before


def test_a_localisation_is_dark_where_it_is(raw, settings, tmp_path):
    pl.DataFrame({"x": [0.0, 90.0], "y": [0.0, 30.0]}).write_parquet(raw / "wt" / "c.parquet")
    export_annotations(tmp_path / "none.parquet", tmp_path / "studio", settings("exported", raw, nm_per_px=1.0))
    (task,) = [
        each for each in json.loads((tmp_path / "studio" / "tasks.json").read_text()) if "/c" in each["data"]["img"]
    ]
    with Image.open(tmp_path / "studio" / "images" / "wt" / "c.png") as picture:
        shades = np.asarray(picture).sum(axis=2)
    row, column = np.unravel_index(shades[:, 50:].argmin(), shades[:, 50:].shape)
    assert (column + 50, row) == (int(90 - task["data"]["x0_nm"]), int(30 - task["data"]["y0_nm"]))
    assert task["annotations"] == []


def test_predictions(raw, settings, tmp_path):
    rows = {"fov_id": ["wt/c", "wt/a b", "wt/c"], "split": ["test", "val", "test"], "prediction": ["x", "x", None]}
    (tmp_path / "run").mkdir()
    pl.DataFrame(rows).with_columns(p_x=0.75).write_parquet(tmp_path / "run" / "predictions.parquet")
    given = settings("exported", raw, predictions=str(tmp_path / "run"))
    assert export_annotations(tmp_path / "none.parquet", tmp_path / "studio", given).predictions == 1
    tasks = {each["data"]["fov_id"]: each for each in json.loads((tmp_path / "studio" / "tasks.json").read_text())}
    (prediction,) = tasks["wt/c"]["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("run", 0.75)
    assert tasks["wt/a b"]["predictions"] == []
    assert '<Choice value="x"' in (tmp_path / "studio" / "labelling_config.xml").read_text()


def test_predictions_that_are_none(raw, settings, tmp_path):
    target = tmp_path / "studio"

    def export(path):
        export_annotations(tmp_path / "none.parquet", target, settings("exported", raw, predictions=str(path)))

    with pytest.raises(DataError, match=r"exported\.predictions: .*expected predictions of test FOVs .*found none"):
        export(tmp_path)
    pl.DataFrame({"fov_id": ["a"]}).write_parquet(tmp_path / "p.parquet")
    with pytest.raises(DataError, match="expected the columns prediction; found none"):
        export(tmp_path / "p.parquet")
    (tmp_path / "q.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match="expected a table of predictions; found none"):
        export(tmp_path / "q.parquet")


def test_a_fov_that_cannot_be_drawn_stops_no_other(table, raw, settings, tmp_path):
    nothing = pl.DataFrame({"x": [None, 1.0], "y": [1.0, None]}, schema={"x": pl.Float64, "y": pl.Float64})
    nothing.write_parquet(raw / "wt" / "a b.parquet")
    result = export_annotations(table, tmp_path / "studio", settings(raw_dir=raw))
    assert result.tasks == 1
    assert result.left_out[0].startswith("1 FOVs left out: they cannot be drawn (such as wt/a b: ")
    (raw / "wt" / "c.parquet").unlink()
    with pytest.raises(DataError, match="raw_dir: no FOV can be drawn, such as wt/a b"):
        export_annotations(table, tmp_path / "studio", settings(raw_dir=raw))


def test_pictures_need_raw_files(table, settings, tmp_path):
    with pytest.raises(ConfigError, match="raw_dir: expected the folder of the raw files"):
        export_annotations(table, tmp_path / "studio", settings())


def geojson(path, *features):
    content = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [x, 0]}, "properties": about}
        for x, about in enumerate(features)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_geojson_in_micrometres(settings, raw, tmp_path):
    about = {"classification": {"name": "pore"}}
    path = geojson(tmp_path / "a.json", about, {**about, "fov_id": "wt/c.parquet"}, {**about, "fov_id": "other"})
    given = settings("imported", raw, annotator="Ann", unit="um", fov_id="wt/a b", origin_nm=[5, 5])
    result = import_annotations(path, tmp_path / "new.parquet", given)
    rows = read_annotations(tmp_path / "new.parquet")
    assert rows.select("fov_id", "x", "label", "annotator").rows() == [
        ("wt/a b", [5.0], "pore", "Ann"),
        ("wt/c", [1005.0], "pore", "Ann"),
    ]
    assert rows["data_fingerprint"][1] == file_digest(raw / "wt" / "c.parquet")
    assert result.left_out == ("1 left out: a FOV that the raw folder does not hold (such as other: 3)",)


def test_a_folder_of_files(settings, tmp_path):
    for name in ("wt/a", "b"):
        geojson(tmp_path / "drawn" / f"{name}.geojson", {"label": "pore"})
    given = settings("imported", annotator="Ann", unit="nm")
    assert import_annotations(tmp_path / "drawn", tmp_path / "new.parquet", given).merged.added == 2
    assert sorted(read_annotations(tmp_path / "new.parquet")["fov_id"]) == ["b", "wt/a"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, r"imported\.annotator: .*expected the name of who drew the regions"),
        ({"annotator": "Ann"}, r"imported\.unit: .*expected the unit of x and y"),
        ({"annotator": "Ann", "unit": "px"}, r"imported\.pixel_size_nm: expected a size"),
        ({"annotator": "Ann", "unit": "px", "pixel_size_nm": 5}, r"imported\.origin_nm: expected x and y"),
        ({"annotator": "Ann", "unit": "nm"}, r"imported\.fov_id: .*expected regions that name their FOV"),
        ({"annotators": {"1": "Ann"}}, r"imported\.annotators: has no effect on regions"),
        ({"point_radius_nm": -1}, r"imported\.point_radius_nm: expected a length above 0"),
    ],
)
def test_settings_of_regions_that_cannot_work(settings, tmp_path, changes, message):
    path = geojson(tmp_path / "a.geojson", {"label": "pore"})
    with pytest.raises((ConfigError, DataError), match=message):
        import_annotations(path, tmp_path / "new.parquet", settings("imported", **changes))
    assert not (tmp_path / "new.parquet").exists()


def test_settings_and_files_that_cannot_work(settings, tmp_path):
    (tmp_path / "tasks.json").write_text('[{"data": {}, "annotations": []}]', encoding="utf-8")
    with pytest.raises(ConfigError, match=r"imported\.label: has no effect on tasks of Label Studio"):
        import_annotations(tmp_path / "tasks.json", tmp_path / "new.parquet", settings("imported", label="a"))
    given = settings("imported", annotator="Ann", unit="nm", fov_id="f")
    with pytest.raises(ConfigError, match=r"imported\.fov_id: has no effect on a folder"):
        import_annotations(tmp_path, tmp_path / "new.parquet", given)
    with pytest.raises(DataError, match=r"arguments: .*expected annotations of another program; found no such file"):
        import_annotations(tmp_path / "none.json", tmp_path / "new.parquet", settings())
    (tmp_path / "cut.json").write_text("[{", encoding="utf-8")
    with pytest.raises(DataError, match="expected JSON; it is damaged"):
        import_annotations(tmp_path / "cut.json", tmp_path / "new.parquet", settings())
    (tmp_path / "bad.parquet").write_bytes(b"no table")
    with pytest.raises(DataError, match="it cannot be read"):
        import_annotations(tmp_path / "tasks.json", tmp_path / "bad.parquet", settings())
    assert (tmp_path / "bad.parquet").read_bytes() == b"no table"


def test_pictures_without_a_prefix_have_the_path_in_the_folder(table, raw, settings, tmp_path):
    export_annotations(table, tmp_path / "studio", settings("exported", raw, nm_per_px=10.0, image_prefix=None))
    tasks = json.loads((tmp_path / "studio" / "tasks.json").read_text())
    assert {task["data"]["img"] for task in tasks} == {"images/wt/a%20b.png", "images/wt/c.png"}


def test_pictures_that_would_be_too_large_name_the_setting(table, raw, settings, tmp_path):
    with pytest.raises(ConfigError, match=r"exported\.nm_per_px: expected a picture of at most 67,108,864 pixels"):
        export_annotations(table, tmp_path / "studio", settings("exported", raw, nm_per_px=0.001))
