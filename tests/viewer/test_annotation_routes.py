"""The routes of annotation: what a page sends is checked, and attacks change nothing."""

import json
import re

import numpy as np
import pytest
from starlette.testclient import TestClient

from builders.annotating import OpenedTables, grid, lasso, make_annotating, names, step, undo
from locgraph.io.annotations.table import read_annotations
from locgraph.viewer.access import OWN_HEADER, Access
from locgraph.viewer.app import build_app
from locgraph.viewer.session import Session

URL = "api/annotations"
CLICK = {"target": "cluster", "tool": "click", "points": None}


@pytest.fixture
def annotating(tmp_path):
    return make_annotating(tmp_path)


@pytest.fixture
def called(client, annotating):
    """The server of one annotator."""
    return client(Session([annotating.opened], annotating))


def refusal(answer, status=422):
    assert answer.status_code == status, answer.text
    (message,) = answer.json().values()
    assert "\n" not in message
    return message


def test_a_step_is_kept_and_read_back(called, annotating):
    answer = called.post(URL, json=lasso(label="diseased")).json()
    assert (answer["fov"], answer["state"], answer["progress"]["done"]) == (0, "marked", 1)
    state = called.get(f"{URL}/f/0").json()
    assert (state["statements"][0]["label"], state["can_undo"], state["can_redo"]) == ("diseased", True, False)
    assert state["statements"][0]["points"] == lasso()["points"]
    content = called.get(f"{URL}/f/0/labelled").content
    assert len(content) == 16 * 9
    assert set(content[-16:]) == {2}
    assert np.abs(np.frombuffer(content[: 16 * 8], "<f4")).max() == 15.0
    progress = called.get(f"{URL}/progress").json()
    assert progress["states"] == ["marked", "to do", "to do", "to do"]
    assert progress["next"] == 1
    assert called.get(f"{URL}/progress?after=2").json()["next"] == 3

    answer = called.post(f"{URL}/undo", json=undo()).json()
    assert (answer["fov"], answer["state"], answer["can_redo"]) == (0, "to do", True)
    assert called.get(f"{URL}/f/0/labelled").content == b""
    assert called.post(f"{URL}/undo", json=undo(redo=True)).json()["state"] == "marked"
    assert read_annotations(annotating.path).height == 1


def test_the_session_says_who_annotates(called):
    about = called.get("api/session").json()["annotate"]
    assert (about["annotator"], about["classes"], about["blind"]) == ("Ada", ["healthy", "diseased"], True)


def test_nothing_is_annotated_where_files_are_shown_alone(client):
    calls = client(Session([OpenedTables({"a": grid()})]))
    assert calls.get("api/session").json()["annotate"] is None
    for path in (f"{URL}/progress", f"{URL}/f/0", f"{URL}/f/0/labelled"):
        assert "nothing is annotated here" in refusal(calls.get(path), 404)
    assert "nothing is annotated here" in refusal(calls.post(URL, json=step()), 404)
    assert "nothing is annotated here" in refusal(calls.post(f"{URL}/undo", json=undo()), 404)


def assert_matches(pattern, text):
    assert re.search(pattern, text), text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"annotator": "Bob"}, "annotator: expected 'Ada', who annotates here, found 'Bob'; load the page again"),
        ({"annotator": None}, "annotator: expected 'Ada'"),
        ({"annotation_id": "../../etc/passwd"}, "annotation_id: expected 32 hexadecimal digits"),
        ({"annotation_id": 7}, "annotation_id: expected 32 hexadecimal digits, found 7"),
        ({"fov_id": "wt/9"}, "fov_id: no FOV of this name in tables of a test, found 'wt/9'"),
        ({"fov_id": "../wt/0"}, "fov_id: no FOV of this name"),
        ({"fov_id": ["wt/0"]}, "fov_id: expected a text, found a list of 1"),
        ({"fov_id": "x" * 10_000}, "fov_id: no FOV of this name"),
        ({"target": "everything"}, "target: expected one of fov, cluster, region, point, found 'everything'"),
        ({"target": {"$ne": None}}, "target: expected one of fov, cluster, region, point, found an object of 1"),
        ({"tool": "import"}, "tool: expected one of key, click, found 'import'"),
        ({"label": "unheard of"}, "label: expected one of the classes healthy, diseased or null, found 'unheard of'"),
        ({"label": ["healthy"]}, "label: expected one of the classes"),
        ({"points": [[0, 0]]}, "points: expected none for the tool key"),
        ({"radius": 1.0}, "radius: expected none for the tool key"),
        ({"cluster_id": 1}, "cluster_id: expected none for the target fov"),
        ({"removes": "all"}, "expected the keys annotation_id, .*, found 'removes'"),
        ({"time": "2020-01-01"}, "expected the keys annotation_id"),
    ],
)
def test_classes_of_fovs_that_make_no_sense(called, annotating, values, message):
    answer = called.post(URL, json=step(**values))
    assert_matches(message, refusal(answer))
    assert not annotating.path.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"points": None}, "points: expected a list of 3 to 10,000 places .* for the tool lasso, found None"),
        ({"points": [[0, 0], [1, 1]]}, "points: expected a list of 3 to 10,000 places .*, found 2"),
        ({"points": [[0, 0]] * 10_001}, "points: expected a list of 3 to 10,000 places .*, found 10,001"),
        ({"points": [[0, 0], [1, 1], [1, "2"]]}, "points: expected places"),
        ({"points": [[0, 0], [1, 1], [1, True]]}, "points: expected places"),
        ({"points": [[0, 0], [1, 1], [1, None]]}, "points: expected places"),
        ({"points": [[0, 0, 0]] * 3}, "points: expected places"),
        ({"points": [[0, 0], [1, 1], [1, 2e9]]}, "points: expected places .* finite and below 1 m"),
        ({"points": [[0, 0], [1, 1], [1, 10**400]]}, "points: expected places"),
        ({"points": [[0, 0], [1, 1], [0, 0]]}, "points: expected at least 3 places that differ for the tool lasso"),
        ({"points": {"0": [0, 0]}}, "points: expected a list"),
        ({"radius": 5}, "radius: expected none for the tool lasso"),
        ({"tool": "point"}, "tool: expected one of lasso, polygon, brush, found 'point'"),
        ({"tool": "brush"}, "radius: expected a length above 0 nm"),
        ({"tool": "brush", "radius": 0}, "radius: expected a length above 0 nm, finite and below 1 m, found 0"),
        ({"tool": "brush", "radius": -1.5}, "radius: expected a length above 0 nm"),
        ({"tool": "brush", "radius": True}, "radius: expected a length above 0 nm"),
        ({"tool": "brush", "radius": 10**30}, "radius: expected .*, found a number of more than nine digits"),
        ({"target": "point", "tool": "point", "radius": 1}, "points: expected a list of one place"),
        (
            {"target": "cluster", "tool": "click", "points": None},
            "cluster_id: expected the number of a cluster, found None",
        ),
        (
            {"target": "cluster", "tool": "click", "points": None, "cluster_id": 2},
            "cluster_id: expected one of the 2 clusters of wt/0, found 2",
        ),
        ({"target": "cluster", "tool": "click", "points": None, "cluster_id": True}, "cluster_id: expected the number"),
        (
            {"target": "cluster", "tool": "click", "points": None, "cluster_id": 2**63},
            "cluster_id: expected the number",
        ),
    ],
)
def test_shapes_that_make_no_sense(called, annotating, values, message):
    assert_matches(message, refusal(called.post(URL, content=json.dumps(lasso(**values)))))
    assert not annotating.path.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b'{"points": [[NaN, 0]]}',
        b'{"points": [[Infinity, 0]]}',
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_bodies_that_are_no_json(called, annotating, body):
    assert (
        refusal(called.post(URL, content=body)) == "expected JSON with the step of an annotation, found something else"
    )
    assert not annotating.path.exists()


@pytest.mark.parametrize("body", [[], [step()], "text", 1])
def test_bodies_that_are_no_object(called, body):
    assert "expected a JSON object with the step of an annotation" in refusal(called.post(URL, json=body))
    assert "expected a JSON object" in refusal(called.post(f"{URL}/undo", json=body))


def test_undos_that_make_no_sense(called):
    assert refusal(called.post(f"{URL}/undo", json=undo())) == "nothing to undo: Ada has no such step"
    assert refusal(called.post(f"{URL}/undo", json=undo(redo="yes"))) == "redo: expected true or false"
    assert "expected the keys" in refusal(called.post(f"{URL}/undo", json=undo(removes="x")))
    assert "who annotates here" in refusal(called.post(f"{URL}/undo", json=undo("Bob")))


def test_addresses_that_do_not_exist(called):
    assert "expected a FOV from 0 to 3; found 4" in refusal(called.get(f"{URL}/f/4"), 404)
    assert "expected a FOV from 0 to 3" in refusal(called.get(f"{URL}/f/99999999999999999999/labelled"), 404)
    for path in (f"{URL}/f/-1", f"{URL}/f/..", f"{URL}/f/%2e%2e%2f", f"{URL}/f/0/labelled/x"):
        assert called.get(path).status_code == 404
    for after in ("x", "-1", "1e3", "9" * 50, "٣"):
        assert "after: expected a whole number" in refusal(called.get(f"{URL}/progress", params={"after": after}))
    assert called.get(URL).status_code == 404
    assert called.delete(URL).status_code == 405


def test_a_name_with_html_comes_back_as_it_is(client, tmp_path):
    nasty = "<img src=x onerror=alert(1)>"
    annotating = make_annotating(tmp_path, nasty, classes=[nasty], opened=OpenedTables({nasty: grid()}))
    calls = client(Session([annotating.opened], annotating))
    answer = calls.post(URL, json=step(nasty, fov_id=nasty, label=nasty))
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["label"] == nasty


def test_pages_of_other_sites_change_nothing(annotating):
    access = Access(8710)
    calls = TestClient(build_app(Session([annotating.opened], annotating), access), "http://127.0.0.1:8710")
    token = {"authorization": f"token {access.token}"}
    own = {OWN_HEADER: "1"}
    assert calls.post(URL, json=step(), headers=own).status_code == 401
    assert calls.post(URL, json=step(), headers=token).status_code == 403
    foreign = {"origin": "http://evil.example"}
    assert calls.post(URL, json=step(), headers=token | own | foreign).status_code == 403
    assert calls.post(URL, json=step(), headers=token | own | {"host": "evil.example"}).status_code == 403
    large = b"[" + b"0," * (1 << 20) + b"0]"
    assert calls.post(URL, content=large, headers=token | own).status_code == 413
    assert not annotating.path.exists()
    assert calls.post(URL, json=step(), headers=token | own).status_code == 200


def test_a_step_that_cannot_be_kept_now_is_asked_for_again(called, annotating):
    called.post(URL, json=step())
    moved = annotating.path.rename(annotating.path.with_suffix(".moved"))
    body = step(fov_id="wt/1")
    assert "is gone, with 1 annotations: put it back" in refusal(called.post(URL, json=body), 503)
    moved.rename(annotating.path)
    assert called.post(URL, json=body).json()["progress"]["done"] == 2


def test_no_route_returns_what_others_say(client, tmp_path):
    ada, bob = make_annotating(tmp_path, "Ada"), make_annotating(tmp_path, "Bob")
    own = client(Session([ada.opened], ada))
    for body in (step(label="diseased"), lasso(fov_id="wt/1", label="diseased")):
        assert own.post(URL, json=body).status_code == 200
    calls = client(Session([bob.opened], bob))
    paths = [
        "api/session",
        f"{URL}/progress",
        *(f"{URL}/f/{index}{end}" for index in range(4) for end in ("", "/labelled")),
    ]
    for path in paths:
        answer = calls.get(path)
        assert answer.status_code == 200
        assert b"Ada" not in answer.content
        if path != "api/session":
            assert b'"diseased"' not in answer.content.replace(b'"by_class":{"healthy":0,"diseased":0}', b"")
        if path.endswith("labelled"):
            assert answer.content == b""
    assert calls.get(f"{URL}/progress").json()["states"] == ["to do"] * len(names(4))
    assert "Ada" not in refusal(calls.post(f"{URL}/undo", json=undo("Bob")))
