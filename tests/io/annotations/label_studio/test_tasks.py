"""Tasks of Label Studio: what people draw there becomes statements, and comes back as it was."""

import hashlib
import json
import re
from copy import deepcopy
from datetime import UTC, datetime
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.imported import OTHER_DATA, STRANGER, EarlierRows, ImportedRows, RawFovs
from locgraph.io.annotations.label_studio.brush import encode_mask
from locgraph.io.annotations.label_studio.grid import PixelGrid, fit_grid
from locgraph.io.annotations.label_studio.read import is_label_studio, read_json, read_tasks
from locgraph.io.annotations.label_studio.write import FovPicture, Prediction, labelling_config, make_tasks
from locgraph.io.annotations.regions import regions_to_rows
from locgraph.io.annotations.table import append_annotations, read_annotations, read_history
from locgraph.provenance import file_digest

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}
"""Of 20 nm a pixel: 4,000 x 2,000 nm."""


def result(kind, name="r1", **value):
    return {"id": name, "from_name": "x", "to_name": "img", "type": kind, **SIZE, "value": value}


def annotation(*results, **about):
    return {
        "id": 1001,
        "completed_by": 10,
        "was_cancelled": False,
        "updated_at": "2026-03-01T10:00:00Z",
        "result": list(results),
    } | about


def task(*annotations, **data):
    place = {"fov_id": "wt/fov_017", "x0_nm": 1000.0, "y0_nm": -500.0, "nm_per_px": 20.0}
    # renamed on upload, as Label Studio does: no name of a file counts
    return {"id": 1, "data": {"img": "/d/3f2a91bc-other.png", **place, **data}, "annotations": list(annotations)}


def take(path, *tasks, annotators=None, radius=None, raw=None):
    """Merge tasks into a table, and return what was done and what was left out."""
    into = ImportedRows(EarlierRows(path), RawFovs(raw))
    read_tasks(path, list(tasks), into, annotators or {}, radius)
    return into.write(), into.left_out


def only(path):
    (row,) = read_annotations(path).to_dicts()
    return row


@pytest.fixture
def table(tmp_path):
    return tmp_path / "annotations.parquet"


def test_points(table):
    take(table, task(annotation(result("keypointlabels", x=50, y=25, width=2, keypointlabels=["pore"]))))
    row = only(table)
    assert (row["fov_id"], row["target"], row["label"]) == ("wt/fov_017", "point", "pore")
    assert (row["x"], row["y"], row["radius"]) == ([1000 + 2000], [-500 + 500], None)
    assert (row["annotator"], row["time"]) == ("10", datetime(2026, 3, 1, 10, tzinfo=UTC))


def test_the_reach_of_points_is_a_setting(table):
    take(table, task(annotation(result("keypointlabels", x=5, y=5, keypointlabels=["pore"]))), radius=35.0)
    assert only(table)["radius"] == 35


def test_polygons(table):
    points = [[10, 20], [30, 20], [30, 40]]
    take(table, task(annotation(result("polygonlabels", points=points, closed=True, polygonlabels=["bud"]))))
    row = only(table)
    assert (row["target"], row["tool"], row["label"]) == ("region", "import", "bud")
    assert (row["x"], row["y"]) == ([1400, 2200, 2200], [-100, -100, 300])


def test_rectangles_are_turned_in_pixels_not_in_per_cent(table):
    # 20 x 20 pixels, a quarter turn clockwise around the upper left corner (100, 50): to the left of it
    value = {"x": 50, "y": 50, "width": 10, "height": 20, "rotation": 90}
    take(table, task(annotation(result("rectanglelabels", **value, rectanglelabels=["bud"]))))
    row = only(table)
    pixels = np.column_stack([np.array(row["x"]) - 1000, np.array(row["y"]) + 500]) / 20
    assert pixels == pytest.approx(np.array([[100, 50], [100, 70], [80, 70], [80, 50]]))


def test_rectangles_without_rotation(table):
    take(table, task(annotation(result("rectanglelabels", x=0, y=0, width=50, height=50, rectanglelabels=["a"]))))
    assert (only(table)["x"], only(table)["y"]) == ([1000, 3000, 3000, 1000], [-500, -500, 500, 500])


def test_masks_of_brushes(table):
    mask = np.zeros((100, 200), bool)
    mask[10:20, 30:60] = mask[40:90, 100:150] = True
    mask[50:60, 110:120] = False
    take(table, task(annotation(result("brushlabels", format="rle", rle=encode_mask(mask), brushlabels=["bud"]))))
    row = only(table)
    y, x = np.mgrid[:100, :200].reshape(2, -1)
    middles = np.column_stack([1000 + 20 * (x + 0.5), -500 + 20 * (y + 0.5)])
    inside = regions_to_rows(middles, row["x"], row["y"], row["radius"], row["tool"])
    assert np.array_equal(inside, mask.ravel())


def test_choices_and_every_label_of_a_list(table):
    choice = {"id": "c3", "from_name": "cls", "to_name": "img", "type": "choices", "value": {"choices": ["healthy"]}}
    several = result("keypointlabels", "a1", x=1, y=1, keypointlabels=["pore", "debris"])
    take(table, task(annotation(choice, several)))
    rows = read_annotations(table)
    assert rows.select("target", "label").rows() == [("fov", "healthy"), ("point", "pore"), ("point", "debris")]
    assert rows["time"].is_sorted()


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (10, "Ann"),
        (7, "7"),
        ({"id": 3, "email": "bo@lab.org", "first_name": ""}, "bo@lab.org"),
        ({"id": 10}, "Ann"),
        ({"username": "cy"}, "cy"),
        (None, "unknown"),
    ],
)
def test_names_of_annotators(table, given, name):
    point = result("keypointlabels", x=1, y=1, keypointlabels=["a"])
    take(table, task(annotation(point, completed_by=given)), annotators={"10": "Ann"})
    assert only(table)["annotator"] == name


POINT = {"x": 1, "y": 1, "keypointlabels": ["a"]}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (task(annotation(result("keypointlabels", **POINT), was_cancelled=True)), "an annotation that was cancelled"),
        (task(annotation(result("keypointlabels", **POINT)), fov_id=None), "a task without fov_id in its data"),
        (task(annotation(result("keypointlabels", **POINT)), nm_per_px=None), "expected x0_nm, y0_nm and nm_per_px"),
        (task(annotation(result("keypointlabels", **POINT)), width_px=50), r"200? x 100 pixels|50 x 100 pixels"),
        (task(annotation(result("keypointlabels", **POINT) | {"original_width": 0})), "expected original_width"),
        (task(annotation(result("keypointlabels", **POINT) | {"original_width": 10**9})), "at most 67,108,864 pixels"),
        (task(annotation(result("textarea", text=["hm"]))), "a result of the kind textarea, which states no class"),
        (task(annotation(result("keypointlabels", x=1, y=1))), "keypointlabels without a class"),
        (task(annotation(result("keypointlabels", x="a", y=1, keypointlabels=["a"]))), "expected coordinates"),
        (task(annotation(result("polygonlabels", points=3, polygonlabels=["a"]))), "expected coordinates"),
        (task(annotation(result("polygonlabels", points=[[1, 1], [2, 2]], polygonlabels=["a"]))), "without an area"),
        (task(annotation(result("brushlabels", format="png", brushlabels=["a"]))), "a mask of the format rle"),
        (task(annotation(result("brushlabels", format="rle", rle=[1], brushlabels=["a"]))), "it ends early"),
        (task(annotation(result("keypointlabels", **POINT) | {"type": []})), r"a result of the kind \[\], which"),
        (task(annotation(result("keypointlabels", **POINT)), x0_nm=1e308, nm_per_px=1e308), "expected as many finite"),
        (task(annotation("nonsense")), "that is no object"),
        (task("nonsense"), "that is no object"),
        (task(annotation(result("keypointlabels", x=1, y=1, keypointlabels=[" "]))), "expected a class in label"),
    ],
)
def test_what_is_left_out_is_counted_and_stops_nothing(table, given, reason):
    good = task(annotation(result("keypointlabels", "good", x=1, y=1, keypointlabels=["b"])), fov_id="good")
    merged, left_out = take(table, given, good)
    assert merged.added == 1
    assert only(table)["fov_id"] == "good"
    (sentence,) = left_out.sentences()
    assert sentence.startswith("1 left out: ")
    assert re.search(reason, sentence)


def test_tasks_are_matched_by_fov_and_by_digests_of_the_raw_file(table, tmp_path):
    raw = tmp_path / "fov_017.csv"
    raw.write_bytes(b"x,y\n1,2\n")
    known = {"wt/fov_017": raw}
    point = annotation(result("keypointlabels", **POINT))
    digests = {"fingerprint": file_digest(raw), "sha256": hashlib.sha256(raw.read_bytes()).hexdigest()}
    strangers = [task(point, fov_id="other"), task(point, fingerprint="1"), task(point, sha256="1")]
    merged, left_out = take(table, *strangers, raw=known)
    assert merged.added == 0
    assert left_out.reasons == {STRANGER: ["other"], OTHER_DATA: ["wt/fov_017", "wt/fov_017"]}
    assert take(table, task(point, fov_id="wt/fov_017.csv", **digests), raw=known)[0].added == 1
    assert (only(table)["fov_id"], only(table)["data_fingerprint"]) == ("wt/fov_017", digests["fingerprint"])


def test_statements_get_the_digest_of_the_raw_file(table, tmp_path):
    raw = tmp_path / "fov_017.csv"
    raw.write_bytes(b"x,y\n1,2\n")
    take(table, task(annotation(result("keypointlabels", **POINT))), raw={"wt/fov_017": raw})
    assert only(table)["data_fingerprint"] == file_digest(raw)


def test_files_that_are_no_tasks(tmp_path):
    assert not is_label_studio([])
    assert not is_label_studio({"type": "FeatureCollection"})
    assert is_label_studio([task()])
    (tmp_path / "cut.json").write_text('[{"data": ', encoding="utf-8")
    with pytest.raises(DataError, match="expected JSON; it is damaged"):
        read_json(tmp_path / "cut.json")
    with pytest.raises(
        DataError, match=r"expected tasks with annotations; found none\. Export as JSON, not as JSON-MIN"
    ):
        take(tmp_path / "t.parquet", {"data": {}, "label": []})


# -- out, and in again ------------------------------------------------------------------------------------------------
GRID = PixelGrid(-100.5, 40.25, 7.0, 320, 210)
STATED = {"annotator": "Ann", "fov_id": "wt/1", "data_fingerprint": "ab12"}


def statements():
    rng = np.random.default_rng(2)
    x, y = rng.uniform(0, 2000, 40).tolist(), rng.uniform(100, 1400, 40).tolist()
    return [
        {"target": "fov", "label": "old", "tool": "key"},
        {"target": "region", "label": "bud", "tool": "lasso", "x": x, "y": y},
        {"target": "region", "label": "bud", "tool": "brush", "x": x[:5], "y": y[:5], "radius": 60.0},
        {"target": "region", "label": None, "tool": "polygon", "x": x[:4], "y": y[:4]},
        {"target": "point", "label": "pore", "tool": "point", "x": x[:1], "y": y[:1], "radius": 25.0},
        {"target": "cluster", "label": "pore", "tool": "click", "cluster_id": 4, "x": x[1:2], "y": y[1:2]},
        {"target": "fov", "label": "healthy", "tool": "key"},
    ]


@pytest.fixture
def written(table):
    append_annotations(table, [STATED | row for row in statements()] + [STATED | statements()[4] | {"annotator": "Bo"}])
    pictures = {"wt/1": FovPicture(GRID, "/d/a.png", "ab12"), "wt/2": FovPicture(GRID, "/d/b.png", "cd34")}
    predictions = {"wt/2": [Prediction("healthy", 0.93, "best.ckpt")]}
    tasks = make_tasks(pictures, read_annotations(table), predictions)
    return table, json.loads(json.dumps(tasks))


def test_tasks_hold_pictures_annotations_and_predictions(written):
    _, (first, second) = written
    assert first["data"] == {
        "img": "/d/a.png",
        "fov_id": "wt/1",
        "x0_nm": -100.5,
        "y0_nm": 40.25,
        "nm_per_px": 7.0,
        "width_px": 320,
        "height_px": 210,
        "fingerprint": "ab12",
    }
    assert [each["completed_by"] for each in first["annotations"]] == [{"email": "Ann"}, {"email": "Bo"}]
    kinds = [each["type"] for each in first["annotations"][0]["result"]]
    assert kinds == [*("polygonlabels", "brushlabels", "polygonlabels"), *["keypointlabels"] * 2, "choices"]
    assert first["annotations"][0]["result"][2]["value"]["polygonlabels"] == ["(no class)"]
    assert all(each["original_width"] == 320 for each in first["annotations"][0]["result"])
    assert second["annotations"] == []
    (prediction,) = second["predictions"]
    assert (prediction["model_version"], prediction["score"]) == ("best.ckpt", 0.93)
    assert prediction["result"][0]["value"] == {"choices": ["healthy"]}


def test_places_are_in_per_cent_and_y_goes_down(written):
    _, (first, _) = written
    point = first["annotations"][1]["result"][0]["value"]
    own = statements()[4]
    assert point["x"] == pytest.approx(100 * (own["x"][0] + 100.5) / (7 * 320))
    assert point["y"] == pytest.approx(100 * (own["y"][0] - 40.25) / (7 * 210))


def test_a_round_trip_changes_nothing(written):
    table, tasks = written
    before = table.read_bytes()
    merged, left_out = take(table, *tasks)
    assert (merged.added, merged.changed, merged.unchanged, merged.taken_back) == (0, 0, 7, 0)
    assert merged.alone == 1  # the class that a later one replaced
    assert not left_out.reasons
    assert table.read_bytes() == before


def test_a_new_table_gets_the_statements_as_they_were(written, tmp_path):
    table, tasks = written
    take(tmp_path / "new.parquet", *tasks)
    again = read_annotations(tmp_path / "new.parquet")
    expected = read_annotations(table).filter(pl.col("label").fill_null("") != "old")
    assert again.sort("annotation_id").equals(expected.sort("annotation_id"))


def test_without_what_locgraph_wrote_beside_it_places_stay(written, tmp_path):
    table, tasks = written
    for each in tasks[0]["annotations"]:
        for one in each["result"]:
            del one["meta"]
    merged, _ = take(table, *tasks)
    assert (merged.added, merged.changed) == (0, 0)
    take(tmp_path / "new.parquet", *tasks)
    again = read_annotations(tmp_path / "new.parquet")
    lasso = again.row(0, named=True)
    assert np.array(lasso["x"]) == pytest.approx(np.array(statements()[1]["x"]), abs=1e-9)
    brush, own = again.row(1, named=True), statements()[2]
    spots = np.random.default_rng(1).uniform([0, 100], [2000, 1400], (4000, 2))
    masked = regions_to_rows(spots, brush["x"], brush["y"], brush["radius"], brush["tool"])
    painted = regions_to_rows(spots, own["x"], own["y"], own["radius"], own["tool"])
    assert (masked != painted).mean() < 0.02  # pixels of 7 nm


@pytest.mark.parametrize(
    "meta",
    [
        *(3, {"locgraph": []}, {"locgraph": {"target": "point", "tool": "point", "x": 1, "y": [1.0]}}),
        {"locgraph": {"target": "moon", "tool": "point", "x": [1.0], "y": [1.0]}},
        {"locgraph": {"target": "point", "tool": "point", "x": [1.0], "y": [1.0], "radius": "a"}},
        {"locgraph": {"target": "point", "tool": "point", "x": [9e9], "y": [1.0]}},
    ],
)
def test_what_others_wrote_beside_a_result_does_not_count(table, meta):
    take(table, task(annotation(result("keypointlabels", **POINT) | {"meta": meta})))
    assert (only(table)["x"], only(table)["y"]) == ([1000 + 40], [-500 + 20])


def test_a_change_takes_the_old_statement_back_once(written):
    table, tasks = written
    changed = deepcopy(tasks)
    first = changed[0]["annotations"][0]["result"]
    first[0]["value"]["points"][0] = [50, 50]
    first[3]["value"]["keypointlabels"] = ["debris"]
    first[5]["value"]["choices"] = ["ill"]
    assert take(table, *changed)[0].changed == 3
    rows = read_annotations(table)
    assert rows["label"].to_list().count("debris") == 1
    assert (rows.filter(target="fov")["label"].to_list(), rows.height) == (["old", "ill"], 8)
    assert rows.filter(label="bud", tool="import")["x"].to_list()[0][0] == pytest.approx(-100.5 + 0.5 * 7 * 320)
    assert take(table, *changed)[0].changed == 0
    first[3]["value"]["keypointlabels"] = ["dust"]
    assert take(table, *changed)[0].changed == 1
    assert read_annotations(table).height == 8


def test_what_was_taken_back_stays_so(written):
    table, tasks = written
    name = tasks[0]["annotations"][1]["result"][0]["id"]
    append_annotations(table, [{**STATED, "annotator": "Bo", "target": "point", "tool": "point", "removes": name}])
    merged, _ = take(table, *tasks)
    assert (merged.added, merged.taken_back) == (0, 1)


def test_another_person_who_changes_a_statement_adds_one(written):
    table, tasks = written
    other = tasks[0]["annotations"][1]
    other["completed_by"] = {"email": "Cy"}
    other["result"][0]["value"]["keypointlabels"] = ["debris"]
    assert take(table, *tasks)[0].changed == 1
    rows = read_annotations(table).filter(target="point")
    assert rows.select("annotator", "label").rows() == [("Ann", "pore"), ("Bo", "pore"), ("Cy", "debris")]


def test_results_of_label_studio_itself_are_taken_once(table):
    given = task(annotation(result("keypointlabels", "kX3_a", **POINT)))
    assert take(table, given)[0].added == 1
    assert take(table, given)[0].unchanged == 1
    given["annotations"][0]["result"][0]["value"]["x"] = 9
    assert take(table, given)[0].changed == 1
    assert (read_annotations(table).height, read_history(table).height) == (1, 3)


def test_the_same_task_twice_counts_once(table):
    given = task(annotation(result("keypointlabels", **POINT)))
    merged, left_out = take(table, given, given)
    assert merged.added == 1
    assert left_out.reasons == {"it stands in the files twice": ["wt/fov_017"]}


def test_the_labelling_configuration_has_a_tool_for_each_kind():
    text = labelling_config({"fov": ["a"], "region": ["b<&>"]}, {"b<&>": "#112233"})
    view = ElementTree.fromstring(text)
    assert [(each.tag, each.get("name")) for each in view] == [
        ("Image", "img"),
        ("Choices", "cls"),
        ("PolygonLabels", "poly"),
        ("BrushLabels", "brush"),
        ("RectangleLabels", "rect"),
    ]
    labels = [(each.get("value"), each.get("background")) for each in view.find("PolygonLabels")]
    assert labels == [("b<&>", "#112233"), ("(no class)", None)]


def test_pixels_hold_all_localisations_with_a_margin():
    points = np.array([[0.0, 0], [1000, 500]])
    grid = fit_grid(points, 10.0)
    assert (grid.width, grid.height) == (104, 54)
    assert (grid.to_percent(points) > 0).all()
    assert (grid.to_percent(points) < 100).all()
    assert fit_grid(points, None).nm_per_px == 1.0
    assert fit_grid(points[:1], None).width > 0
    with pytest.raises(ConfigError, match=r"at most 67,108,864 pixels; found .* give larger ones") as caught:
        fit_grid(points * 1e6, 1.0)
    assert caught.value.setting == "nm_per_px"
