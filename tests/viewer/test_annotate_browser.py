"""Annotation in a browser: keys, mouse, undo, blind annotators, and a server that goes away."""

import socket

import numpy as np
import polars as pl
import pytest

from builders.annotating import OpenedTables, grid, lasso, make_annotating, names, step
from builders.browser import Page, until
from locgraph.io.annotations.regions import regions_to_rows
from locgraph.viewer.serve import ServerSettings, Viewer
from locgraph.viewer.session import Session

CENTRE = 45.0
"""Middle of the grid, which the page's coordinates are relative to, in nm."""

SHOWN = """async () => {
  const { stages } = await import("./stage/stage.js");
  const { work } = await import("./annotate/work.js");
  const stage = stages()[0];
  return Boolean(work.current && stage?.scene && stage.shown.fov === work.current.fov && stage.count);
}"""
PIXELS = """async ([places]) => {
  const { stages } = await import("./stage/stage.js");
  const box = stages()[0].element.getBoundingClientRect();
  return places.map((place) => stages()[0].toScreen(place)).map(([x, y]) => [x + box.left, y + box.top]);
}"""
OVERLAY = """async () => {
  const { stages } = await import("./stage/stage.js");
  const layers = stages()[0].overlays.get("annotate") ?? [];
  const number = (end) => layers.filter((each) => each.id.endsWith(end)).map((each) => each.props.data.length)[0] ?? 0;
  const [areas, spots] = ["annotations-areas", "annotations-spots"].map(number);
  return { localisations: number("localisations"), areas, spots };
}"""


def page_of(viewer, annotating, **settings):
    """The page of an annotator, with its first FOV drawn."""
    page = viewer(Session([annotating.opened], annotating), size=(640, 420), **settings)
    wait(page)
    return page


def wait(page):
    until(lambda: page.page.evaluate(SHOWN))


def press(page, *keys):
    for key in keys:
        page.page.keyboard.press(key)


def text(page, selector):
    return page.page.locator(selector).first.inner_text()


def drag(page, places, click=False):
    """Draw through places in nm relative to the middle of the grid."""
    mouse = page.page.mouse
    pixels = page.page.evaluate(PIXELS, [places])
    if click:
        mouse.click(*pixels[0])
        return
    mouse.move(*pixels[0])
    mouse.down()
    for place in pixels[1:]:
        mouse.move(*place, steps=3)
    mouse.up()


def statements(annotating, number):
    until(lambda: annotating.own().height == number)
    return annotating.own().to_dicts()


def test_fovs_are_labelled_by_keys_alone(viewer, tmp_path):
    annotating = make_annotating(tmp_path)
    page = page_of(viewer, annotating)
    assert page.state("fov") == 0
    for keys, fov in (("1", 1), ("u", 2), ("s", 3), ("2", 2)):
        press(page, keys)
        until(lambda fov=fov: page.state("fov") == fov)
        wait(page)
    own = statements(annotating, 3)
    assert [(row["fov_id"], row["label"], row["tool"]) for row in own] == [
        ("wt/0", "healthy", "key"),
        ("wt/1", None, "key"),
        ("wt/3", "diseased", "key"),
    ]
    until(lambda: text(page, ".annotate-saved") == "Saved")
    assert text(page, ".annotate-count") == "3 of 4 done · 1 unsure"
    bar = page.page.locator("[role=progressbar]")
    assert (bar.get_attribute("aria-valuenow"), bar.get_attribute("aria-valuemax")) == ("3", "4")

    press(page, "Control+z")
    until(lambda: page.state("fov") == 3)  # the step was in another FOV, which comes up
    assert [row["fov_id"] for row in statements(annotating, 2)] == ["wt/0", "wt/1"]
    press(page, "Control+Shift+z")
    statements(annotating, 3)
    wait(page)
    press(page, "a", "1")
    statements(annotating, 4)
    assert page.state("fov") == 3
    until(lambda: text(page, ".annotate-fov .chip") == "healthy")
    press(page, "?")
    assert "Unsure" in text(page, "dialog")
    press(page, "Escape", ",")
    until(lambda: page.state("fov") == 2)
    assert page.page.locator("#panel-annotate button:not([aria-label])").evaluate_all(
        "buttons => buttons.every((each) => each.textContent.trim())"
    )
    assert page.complaints == []


def test_shapes_drawn_with_the_mouse_land_in_the_table(viewer, tmp_path):
    annotating = make_annotating(tmp_path)
    page = page_of(viewer, annotating)
    positions = grid().select("x", "y").to_numpy()

    press(page, "l")
    drag(page, [[-20, -20], [20, -20], [20, 20], [-20, 20]])
    (area,) = statements(annotating, 1)
    chosen = positions[regions_to_rows(positions, area["x"], area["y"], None, "lasso")]
    assert set(map(tuple, chosen)) == {(x, y) for x in (30, 40, 50, 60) for y in (30, 40, 50, 60)}
    until(lambda: page.page.evaluate(OVERLAY) == {"localisations": 16, "areas": 1, "spots": 0})

    press(page, "2", "b")
    drag(page, [[-45, 45], [45, 45]])
    brush = statements(annotating, 2)[1]
    assert (brush["label"], brush["tool"], brush["target"]) == ("diseased", "brush", "region")
    assert regions_to_rows(positions, brush["x"], brush["y"], brush["radius"], "brush").sum() >= 10
    np.testing.assert_allclose([brush["x"][0], brush["y"][-1]], [CENTRE - 45, CENTRE + 45], atol=1)

    press(page, "c")
    drag(page, [[35, -35]], click=True)
    cluster = statements(annotating, 3)[2]
    assert (cluster["target"], cluster["cluster_id"], cluster["x"], cluster["label"]) == (
        "cluster",
        1,
        [70.0],
        "diseased",
    )
    until(lambda: page.page.evaluate(OVERLAY)["spots"] == 1)

    press(page, "o", "e")
    drag(page, [[-15, -15]], click=True)
    point = statements(annotating, 4)[3]
    assert (point["target"], point["label"]) == ("point", None)
    np.testing.assert_allclose([point["x"][0], point["y"][0]], [CENTRE - 15, CENTRE - 15], atol=1)

    press(page, "Escape", *["Control+z"] * 3)
    statements(annotating, 1)
    until(lambda: page.page.evaluate(OVERLAY) == {"localisations": 16, "areas": 1, "spots": 0})
    assert annotating.states() == ["marked", "to do", "to do", "to do"]
    assert page.complaints == []


def test_annotators_are_blind_and_names_are_harmless(viewer, tmp_path):
    nasty = "<img src=x onerror=alert(1)>"
    opened = OpenedTables({nasty: grid(), "b": grid()})
    ada = make_annotating(tmp_path, "Ada", classes=["healthy", nasty], opened=opened)
    ada.append(step(fov_id=nasty), opened.scene)
    annotating = make_annotating(tmp_path, nasty, classes=["healthy", nasty], opened=opened)
    page = page_of(viewer, annotating)
    assert page.page.locator("#panel-annotate img").count() == 0
    assert text(page, ".annotate-who strong") == nasty
    assert text(page, ".annotate-count") == "0 of 2 done"
    assert text(page, ".annotate-fov .chip") == "no class yet"
    assert "Ada" not in page.page.content()
    press(page, "2")
    until(lambda: page.state("fov") == 1)
    assert statements(annotating, 1)[0]["label"] == nasty
    assert ada.own()["label"].to_list() == ["healthy"]
    assert page.complaints == []


def test_others_are_shown_where_that_is_asked_for(viewer, tmp_path):
    bob = make_annotating(tmp_path, "Bob")
    bob.append(step("Bob", label="healthy"), bob.opened.scene)
    bob.append(step("Bob", label="diseased"), bob.opened.scene)
    bob.append(lasso(annotator="Bob"), bob.opened.scene)
    page = page_of(viewer, make_annotating(tmp_path, blind=False))
    until(lambda: text(page, ".annotate-others") == "Bob: diseased")
    assert text(page, ".annotate-fov .chip") == "no class yet"
    assert "1 by others, drawn faintly" in text(page, "#panel-annotate")
    assert page.complaints == []


def test_suggestions_are_hidden_until_they_are_asked_for(viewer, tmp_path):
    predictions = pl.DataFrame(
        {"fov_id": names(4), "prediction": ["diseased"] * 4, "p_healthy": [0.2] * 4, "p_diseased": [0.8] * 4}
    )
    annotating = make_annotating(tmp_path, predictions=predictions)
    page = page_of(viewer, annotating)
    assert not page.page.locator(".annotate-suggestion").is_visible()
    press(page, "Enter")
    press(page, "g")
    assert "0.80" in text(page, ".annotate-suggestion")
    assert annotating.own().is_empty(), "what is not shown cannot be accepted"
    press(page, "Enter")
    assert statements(annotating, 1)[0]["label"] == "diseased"
    assert page.complaints == []


@pytest.fixture
def restarted(browser):
    """A page, and ``start(annotating)``: a server that always takes the same port, as after it was stopped."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    page = Page(browser, viewport={"width": 640, "height": 420})
    servers = []

    def start(annotating):
        servers.append(Viewer(Session([annotating.opened], annotating), ServerSettings(port=port)).start())
        return servers[-1]

    yield page, start
    page.close()
    for server in servers:
        server.close()


@pytest.mark.parametrize("closed", [False, True])
def test_steps_survive_a_server_that_goes_away(restarted, tmp_path, closed):
    annotating = make_annotating(tmp_path)
    page, start = restarted
    server = start(annotating)
    page.page.goto(server.launch_url)
    wait(page)
    server.close()
    press(page, "1", "1")  # the next one is not shown, and gets no class
    until(lambda: text(page, ".annotate-saved") == "Not saved: 1")
    assert "Kept in this browser" in text(page, ".annotate-waiting")
    assert annotating.own().is_empty()

    again = start(annotating)
    if closed:
        page.page.close(run_before_unload=False)
        page.page = page.context.new_page()
        page.page.goto(again.launch_url)
    else:  # signing in elsewhere lets the open page go on
        page.context.new_page().goto(again.launch_url)
    assert statements(annotating, 1)[0]["fov_id"] == "wt/0"
    until(lambda: text(page, ".annotate-saved") == "Saved")
    assert annotating.own().height == 1
    what = "had not reached the file" if closed else "could not save since"
    until(lambda: what in text(page, "#notices"))
