"""What a page is answered on a FOV: header, nodes, clusters, edges, picture, selection, download."""

import io
import json
import re

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from builders.fovs import SITES, draw_points, write_tables
from builders.named_source import Named
from locgraph.io.columns import ColumnMap
from locgraph.viewer import files
from locgraph.viewer.routes import scenes

NM = ColumnMap({name: name for name in ("x", "y", "z", "frame", "photons", "channel")}, "nm")
SIZE = 70_000


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "x": rng.uniform(1e6, 1e6 + 1000, SIZE),
            "y": rng.uniform(-500, 500, SIZE),
            "frame": np.arange(SIZE),
            "photons": rng.lognormal(8, 1, SIZE),
            "channel": rng.integers(0, 3, SIZE),
        }
    )


@pytest.fixture(scope="module")
def raw(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / "a b.parquet"
    table.write_parquet(path)
    return path


@pytest.fixture
def page(client, raw):
    """Calls of a page that shows one raw file."""
    return client(raw, columns=NM)


def get(page, path, status=200, **options):
    answer = page.get(f"/api/s/0/f/0{path}", **options)
    assert answer.status_code == status, answer.text
    return answer


def test_all_nodes_together_are_the_table(page, table):
    header = get(page, "").json()
    assert header["fov_id"] == "a b"
    assert header["n"] == SIZE == sum(node["rows"] for node in header["nodes"])
    nodes = [node["id"] for node in header["nodes"]]
    values = {}
    for name, dtype in (("row", "<u4"), ("position", "<f4"), ("photons", "<f4"), ("channel", "<u4")):
        answers = [get(page, f"/n/{node}/{name}") for node in nodes]
        assert all(answer.headers["content-type"] == "application/octet-stream" for answer in answers)
        assert not any("content-encoding" in answer.headers for answer in answers)
        values[name] = np.concatenate([np.frombuffer(answer.content, dtype) for answer in answers])
    rows = values["row"]
    assert_array_equal(np.sort(rows), np.arange(SIZE))
    given = table.select("x", "y").to_numpy()[rows]
    position = values["position"].reshape(-1, 2) + np.array(header["origin"])
    assert np.abs(position - given).max() < 1e-4
    assert_array_equal(values["photons"], table["photons"].to_numpy()[rows].astype(np.float32))
    assert_array_equal(values["channel"], table["channel"].to_numpy()[rows])


@pytest.mark.parametrize("path", ["", "/n/0/position", "/picture"])
def test_a_browser_asks_again_and_gets_nothing_twice(page, path):
    answer = get(page, path)
    assert answer.headers["cache-control"] == "private, no-cache"
    again = get(page, path, 304, headers={"if-none-match": answer.headers["etag"]})
    assert again.content == b""
    other = get(page, path, headers={"if-none-match": '"other"'})
    assert other.content == answer.content


def test_an_address_with_the_fingerprint_is_kept_for_good(page):
    fingerprint = get(page, "").json()["fingerprint"]
    assert "immutable" in get(page, f"/n/0/row?v={fingerprint}").headers["cache-control"]
    assert "no-cache" in get(page, "/n/0/row?v=other").headers["cache-control"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/n/99/row", "expected a node from 0 to"),
        ("/n/0/nothing", "expected one of the columns frame, photons, channel, density; found 'nothing'"),
        ("/clusters", "a b has no clusters"),
        ("/edges/0", "expected a type of edges; there is none here"),
    ],
)
def test_what_is_not_there(page, path, message):
    assert message in get(page, path, 404).json()["error"]


def test_there_is_no_such_fov(page):
    assert page.get("/api/s/0/f/1").status_code == 404
    assert page.get("/api/s/1/f/0").status_code == 404
    assert page.get("/api/s/0/f/x").status_code == 404


def test_the_table_of_fovs_states_units_and_meanings(client, tmp_path):
    (tmp_path / "raw").mkdir()
    pl.DataFrame({"x": [0.0], "y": [0.0]}).write_parquet(tmp_path / "raw" / "a.parquet")
    (tmp_path / "raw" / "b.parquet").write_bytes(b"PAR1")
    page = client(tmp_path / "raw", columns=NM)
    answer = page.get("/api/s/0/fovs").json()
    columns = {column["name"]: column for column in answer["columns"]}
    assert columns["fov_id"]["meaning"].startswith("name of the FOV")
    assert columns["problem"]["meaning"] == "why the FOV cannot be shown"
    assert answer["rows"]["problem"][0] is None
    assert "truncated or damaged" in answer["rows"]["problem"][1]
    assert "truncated or damaged" in page.get("/api/s/0/f/1").json()["error"]


LASSO = {"tool": "lasso", "points": [[-100, -100], [200, -100], [200, 300], [-100, 300]]}


def inside(table, low=(-100, -100), high=(200, 300)):
    """Rows of a box in nm about the middle of the localisations, to single precision as they are drawn."""
    points = table.select("x", "y").to_numpy()
    points = (points - (points.min(axis=0) + points.max(axis=0)) / 2).astype(np.float32)
    return ((points >= low) & (points < high)).all(axis=1)


def ask(page, body, status=200):
    answer = page.post("/api/s/0/f/0/inside", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_lasso_with_filters_is_exact_on_all_localisations(page, table):
    filters = {"photons": [1000, 8000], "channel": [0, 2], "frame": [None, 60_000]}
    wanted = table["photons"].cast(pl.Float32).is_between(1000, 8000) & table["channel"].is_in([0, 2])
    wanted &= table["frame"] <= 60_000
    rows = np.flatnonzero(wanted.to_numpy() & inside(table))
    answer = ask(page, {"shape": LASSO, "filters": filters, "rows": True})
    assert answer == {"n": len(rows), "total": SIZE, "rows": rows.tolist()}
    assert 100 < len(rows) < SIZE / 2
    assert ask(page, {"filters": filters}) == {"n": int(wanted.sum()), "total": SIZE}
    assert ask(page, {"shape": LASSO})["n"] == inside(table).sum()


def test_a_brush_and_a_point(page, table):
    points = table.select("x", "y").to_numpy()
    points = points - (points.min(axis=0) + points.max(axis=0)) / 2
    brush = {"tool": "brush", "points": [[-50, 20], [150, 20]], "radius": 30}
    along = np.clip(points[:, 0], -50, 150)
    near = np.hypot(points[:, 0] - along, points[:, 1] - 20) <= 30
    assert ask(page, {"shape": brush})["n"] == pytest.approx(near.sum(), abs=2)  # rounding at the rim
    nearest = np.argmin(np.hypot(*(points - [10, 10]).T))
    point = {"tool": "point", "points": [[10, 10]], "radius": 50}
    assert ask(page, {"shape": point, "rows": True})["rows"] == [nearest]
    assert ask(page, {"shape": point | {"radius": 0.0}})["n"] == 0
    assert ask(page, {"shape": {"tool": "point", "points": [[1e6, 0]]}})["n"] == 1


def test_a_shape_elsewhere_holds_nothing(page):
    away = {"tool": "polygon", "points": [[1e5, 0], [2e5, 0], [1e5, 1e5]]}
    assert ask(page, {"shape": away, "rows": True})["rows"] == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "expected JSON with shape and filters; found list"),
        ({"shape": {"tool": "key"}}, r"expected a shape with tool \(lasso, polygon, brush, point\)"),
        ({"shape": 3}, "found 3"),
        ({"shape": LASSO | {"points": []}}, "points that are no pairs"),
        ({"shape": LASSO | {"points": [[0, "a"]]}}, "points that are no pairs"),
        ({"shape": LASSO | {"points": [[0, 1, 2]]}}, "points that are no pairs"),
        ({"shape": LASSO | {"points": [[0, 10**400]]}}, "points that are no pairs"),
        ({"shape": LASSO | {"points": [[0, 0]] * 10_001}}, "found 10,001 points, at most 10,000 are taken"),
        ({"shape": LASSO | {"radius": -1}}, "found the radius -1"),
        ({"shape": LASSO | {"tool": "brush"}}, "a brush without a radius"),
        ({"filters": 3}, "expected filters as column"),
        ({"filters": {"photons": [1]}}, r"expected \[low, high\] to filter photons by; found 1 numbers"),
        ({"filters": {"photons": "ab"}}, "expected a list of numbers to filter photons by; found ab"),
        ({"filters": {"photons": [1, "a"]}}, "expected a list of numbers"),
    ],
)
def test_questions_that_make_no_sense(page, body, message):
    error = ask(page, body, 422)["error"]
    assert re.search(message, error), error


def test_a_column_to_filter_by_is_missing(page):
    assert "found 'nothing'" in ask(page, {"filters": {"nothing": [0, 1]}}, 404)["error"]


def test_no_json_is_refused(page):
    answer = page.post("/api/s/0/f/0/inside", content=b"[" * 100_000)
    assert answer.status_code == 422
    assert "expected JSON with shape and filters" in answer.json()["error"]


def test_too_many_rows_are_not_listed(page, monkeypatch):
    monkeypatch.setattr(scenes, "_MOST_LISTED", 10)
    assert "expected at most 10 rows to list; found 70,000" in ask(page, {"rows": True}, 422)["error"]


def download(page, **query):
    return get(
        page, "/table", params={name: json.dumps(value) if name != "format" else value for name, value in query.items()}
    )


@pytest.mark.parametrize(("kind", "read"), [("csv", pl.read_csv), ("parquet", pl.read_parquet)])
def test_the_filtered_table_is_downloaded_in_nm_as_measured(page, table, kind, read):
    answer = download(page, format=kind, filters={"photons": [20_000, None]}, shape=LASSO)
    assert answer.headers["content-disposition"] == f'attachment; filename="a_b.{kind}"'
    given = table.filter(pl.col("photons").cast(pl.Float32) >= 20_000, pl.Series(inside(table)))
    got = read(io.BytesIO(answer.content))
    assert got.columns == [*table.columns, "density"]
    assert got.drop("density").equals(given)
    assert (got["density"] > 0).all()


def test_nothing_left_is_an_empty_table(page):
    assert download(page, filters={"photons": [1e9, None]}).text == "x,y,frame,photons,channel,density\n"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("format=xls", "expected the format csv or parquet; found 'xls'"),
        ("filters={", "expected filters as JSON; found '{'"),
    ],
)
def test_downloads_that_make_no_sense(page, query, message):
    assert message in get(page, f"/table?{query}", 422).json()["error"]


def test_a_file_that_changed_is_not_mixed_up(client, tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"x": [0.0, 1.0], "y": [0.0, 1.0]}).write_parquet(path)
    page = client(path, columns=NM)
    assert get(page, "").json()["n"] == 2
    pl.DataFrame({"x": [0.0], "y": [0.0]}).write_parquet(path)
    assert "a: expected 2 localisations; found 1. The file has changed" in get(page, "/table", 422).json()["error"]
    path.unlink()
    assert "expected a file; found none" in get(page, "/table", 422).json()["error"]


def test_a_picture_shows_where_localisations_are(page):
    picture = Image.open(io.BytesIO(get(page, "/picture?side=64").content))
    assert (picture.size, picture.mode) == ((64, 64), "RGBA")
    alpha = np.asarray(picture)[..., 3]
    assert alpha[0].max() < 30  # margin
    assert np.median(alpha[8:-8, 8:-8]) > 100
    assert "expected a side of 64, 128, 256, 512 pixels; found '9'" in get(page, "/picture?side=9", 422).json()["error"]


def test_a_picture_of_one_localisation_is_a_spot_and_y_points_downwards(client, tmp_path):
    pl.DataFrame({"x": [0.0, 100.0], "y": [0.0, 100.0]}).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame({"x": [5.0], "y": [5.0]}).write_parquet(tmp_path / "b.parquet")
    for name, opposite in (("a", True), ("b", False)):
        answer = get(client(tmp_path / f"{name}.parquet", columns=NM), "/picture")
        alpha = np.asarray(Image.open(io.BytesIO(answer.content)))[..., 3]
        assert alpha.max() == 255
        assert (alpha[:40, :40].max() > 200) == opposite
        assert alpha[:40, -40:].max() < 30


def test_the_picture_of_a_large_file_waits_until_it_is_opened(client, raw, monkeypatch):
    monkeypatch.setattr(files, "_QUICK_BYTES", 10)
    page = client(raw, columns=NM)
    assert get(page, "/picture", 204).content == b""
    get(page, "")
    assert get(page, "/picture").headers["content-type"] == "image/png"


def test_pictures_do_not_keep_scenes_open(client, session, raw):
    shown = session(raw, columns=NM)
    page = client(shown)
    first = get(page, "/picture")
    assert not shown.has_scene(0, 0)
    shown.sources = (Named("gone"),)  # a picture that was drawn needs nothing more
    assert get(page, "/picture").content == first.content


@pytest.fixture
def prepared(client, tmp_path):
    fovs = {"a": draw_points(SITES["square"], np.random.default_rng(0), 100)}
    return client(write_tables(tmp_path / "tables", fovs)), fovs["a"]


def test_clusters_have_centres_features_and_outlines(prepared):
    page, points = prepared
    header, clusters = get(page, "").json(), get(page, "/clusters").json()
    assert header["clusters"]["n"] == clusters["n"] == 10
    assert clusters["ids"] == list(range(10))
    centres = np.reshape(clusters["centres"], (-1, 2)) + header["origin"]
    assert np.allclose(centres, points.reshape(10, 10, 2).mean(axis=1), atol=1e-3)
    assert clusters["columns"]["count"] == [10] * 10
    hulls = clusters["hulls"]
    assert hulls["kind"] == "polygons"
    vertices = np.reshape(hulls["vertices"], (-1, 2)) + header["origin"]
    for cluster, (start, end) in enumerate(zip(hulls["starts"][:-1], hulls["starts"][1:], strict=True)):
        own = points[10 * cluster : 10 * cluster + 10]
        assert np.allclose(vertices[start:end].min(axis=0), own.min(axis=0), atol=1e-3)
        assert np.allclose(vertices[start:end].max(axis=0), own.max(axis=0), atol=1e-3)
