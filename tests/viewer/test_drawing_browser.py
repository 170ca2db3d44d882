"""Drawing on a surface with pointer and keys: headless Chromium, without a server."""

from pathlib import Path

import pytest

import locgraph
from builders.browser import Page, until

STATIC = Path(locgraph.__file__).parent / "viewer" / "static"
PAGE = """<!doctype html><title>surface</title><link rel="icon" href="data:,">
<div id="surface"></div><script type="module" src="page.js"></script>"""
# two pixels are one unit of the data, whose origin lies at (100, 50) of the surface
SCRIPT = """
import { startDrawing, isDrawing } from "./stage/drawing.js";
const element = document.getElementById("surface");
Object.assign(element.style, {position: "absolute", left: "30px", top: "20px", width: "400px", height: "300px"});
const surface = {
  element,
  zoom: 2,
  toData: ([x, y]) => [(x - 100) / surface.zoom, (y - 50) / surface.zoom],
  toScreen: ([x, y]) => [x * surface.zoom + 100, y * surface.zoom + 50],
};
window.surface = surface;
window.presses = 0;
element.addEventListener("pointerdown", () => { window.presses += 1; });
window.start = (tool, options) => {
  window.shape = undefined;
  startDrawing(surface, tool, options).then((shape) => { window.shape = shape; });
};
window.refusal = (tool, options) => {
  try { startDrawing(surface, tool, options); } catch (error) { return error.message; }
};
window.drawing = () => isDrawing(element);
window.ready = true;
"""
POLICY = "default-src 'self'; img-src 'self' data:"

pytestmark = pytest.mark.slow


def answer(route):
    """Serve the page, its script and the modules under test."""
    path = route.request.url.removeprefix("http://viewer.test/")
    headers = {"content-security-policy": POLICY}
    if path == "":
        route.fulfill(body=PAGE, content_type="text/html", headers=headers)
    elif path == "page.js":
        route.fulfill(body=SCRIPT, content_type="text/javascript", headers=headers)
    else:
        route.fulfill(path=STATIC / path, content_type="text/javascript", headers=headers)


@pytest.fixture(scope="module")
def page(browser):
    opened = Page(browser, viewport={"width": 500, "height": 400})
    opened.page.route("**/*", answer)
    opened.page.goto("http://viewer.test/")
    until(lambda: opened.page.evaluate("window.ready === true"))
    yield opened.page
    assert opened.complaints == []
    opened.close()


def shape_of(page):
    return page.evaluate(
        "new Promise((go) => { const look = () => window.shape !== undefined ? go(window.shape) : setTimeout(look, 5);"
        " look(); })"
    )


def drag(page, *places):
    """Drag over places of the surface, in its data coordinates."""
    for index, (x, y) in enumerate(places):
        page.mouse.move(30 + 100 + 2 * x, 20 + 50 + 2 * y)
        if index == 0:
            page.mouse.down()
    page.mouse.up()


def click(page, x, y):
    page.mouse.click(30 + 100 + 2 * x, 20 + 50 + 2 * y)


def test_a_lasso_is_the_path_of_the_pointer_in_data_coordinates(page):
    presses = page.evaluate("window.presses")
    page.evaluate("start('lasso')")
    assert page.evaluate("drawing()")

    drag(page, (0, 0), (50, 0), (50, 40), (0, 40))

    assert shape_of(page) == {"tool": "lasso", "points": [[0, 0], [50, 0], [50, 40], [0, 40]], "radius": None}
    # the surface below was not pressed, so that it does not move
    assert page.evaluate("window.presses") == presses
    assert not page.evaluate("drawing()")
    assert page.locator("#surface > *").count() == 0


def test_a_lasso_of_one_click_is_no_shape_and_waits_for_another(page):
    page.evaluate("start('lasso')")
    click(page, 5, 5)
    assert page.evaluate("[window.shape === undefined, drawing()]") == [True, True]

    drag(page, (0, 0), (10, 0), (10, 10))

    assert shape_of(page)["points"] == [[0, 0], [10, 0], [10, 10]]


@pytest.mark.parametrize("ends", ["Enter", "double-click", "first vertex"])
def test_a_polygon_is_closed_in_three_ways(page, ends):
    page.evaluate("start('polygon')")
    for x, y in ((0, 0), (60, 0), (90, 90), (60, 60)):
        click(page, x, y)
    page.keyboard.press("Backspace")
    click(page, 60, 50)
    assert page.locator("#surface circle[r='4']").count() == 4

    if ends == "Enter":
        page.keyboard.press("Enter")
    elif ends == "double-click":
        click(page, 60, 50)
    else:
        click(page, 2, 1)

    assert shape_of(page)["points"] == [[0, 0], [60, 0], [90, 90], [60, 50]]


def test_a_polygon_of_two_vertices_stays_open_and_escape_cancels(page):
    page.evaluate("start('polygon')")
    click(page, 0, 0)
    click(page, 60, 0)
    page.keyboard.press("Enter")
    assert page.evaluate("drawing()")

    page.keyboard.press("Escape")

    assert shape_of(page) is None
    assert not page.evaluate("drawing()")


def test_a_brush_has_a_path_and_a_radius_that_keys_change(page):
    page.evaluate("start('brush', {radius: 8})")
    page.keyboard.press("]")
    page.keyboard.press("]")
    page.keyboard.press("[")

    drag(page, (10, 10), (30, 10), (30, 30))

    assert shape_of(page) == {"tool": "brush", "points": [[10, 10], [30, 10], [30, 30]], "radius": 10}


def test_a_brush_that_is_not_moved_is_a_disc(page):
    page.evaluate("start('brush', {radius: 8})")
    click(page, 10, 20)
    assert shape_of(page) == {"tool": "brush", "points": [[10, 20]], "radius": 8}


def test_a_point_is_one_click(page):
    page.evaluate("start('point', {radius: 3})")
    click(page, 12, 34)
    assert shape_of(page) == {"tool": "point", "points": [[12, 34]], "radius": 3}


def test_keys_alone_draw_a_polygon(page):
    page.mouse.move(1, 1)
    page.evaluate("start('polygon')")
    # from the middle (200, 150), which is (50, 50)
    for key in ("Space", "Shift+ArrowRight", "Space", "ArrowDown", "ArrowDown", "Space", "Enter"):
        page.keyboard.press(key)
    assert shape_of(page)["points"] == [[50, 50], [100, 50], [100, 60]]


def test_vertices_stay_in_place_when_the_surface_is_zoomed(page):
    page.evaluate("start('polygon')")
    click(page, 10, 10)
    click(page, 30, 10)
    page.evaluate("surface.zoom = 4")
    page.mouse.click(30 + 100 + 4 * 30, 20 + 50 + 4 * 30)
    assert page.locator("#surface circle[r='4']").first.get_attribute("cx") == "140"
    page.keyboard.press("Enter")
    page.evaluate("surface.zoom = 2")
    assert shape_of(page)["points"] == [[10, 10], [30, 10], [30, 30]]


def test_a_second_drawing_cancels_the_first(page):
    page.evaluate("start('point')")
    page.evaluate("start('lasso')")
    # the promise of the first resolves to null, after the second has started
    assert shape_of(page) is None
    page.keyboard.press("Escape")


def test_unknown_tools_and_a_brush_without_radius_are_refused(page):
    assert page.evaluate("refusal('pencil')") == ("expected one of lasso, polygon, brush, point, found the tool pencil")
    assert page.evaluate("refusal('brush', {})") == "expected a radius above 0 for the brush, found null"
