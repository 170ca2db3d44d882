"""The page itself in a browser."""

import pytest

from builders.browser import until
from builders.named_source import Named

pytestmark = pytest.mark.slow


def test_it_signs_in_shows_sources_and_changes_between_light_and_dark(viewer):
    evil = "<img src=x onerror=alert(1)>"
    opened = viewer(Named("a", title=evil), Named("b", "c", title="other"))
    page = opened.page
    until(lambda: opened.state("fovs") is not None)

    assert "token" not in page.url
    assert page.locator("#source-name").text_content() == f"folder of raw files: {evil}"
    assert page.locator("img[src=x]").count() == 0
    page.select_option("#source", label="other")
    until(lambda: (opened.state("fovs") or {"rows": {"fov_id": []}})["rows"]["fov_id"] == ["b", "c"])

    def paper():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert paper() == "rgb(253, 252, 250)"
    page.click("#theme")
    assert paper() == "rgb(21, 23, 27)"
    page.reload()
    until(lambda: opened.state("fovs") is not None)
    assert paper() == "rgb(21, 23, 27)"
    assert opened.complaints == []
    assert all(url.startswith((opened.server.address, "data:", "blob:")) for url in opened.requests)


def test_a_server_that_was_stopped_is_said_to_be(viewer):
    opened = viewer(Named("a"), Named("b"))
    until(lambda: opened.state("fovs") is not None)
    opened.server.close()
    opened.page.select_option("#source", index=1)
    opened.page.locator(".notice", has_text="the viewer does not answer").wait_for()


def test_where_no_fov_can_be_drawn_the_middle_says_why(viewer):
    opened = viewer(Named("a"))
    until(lambda: opened.state("fovs") is not None)
    gone = "the prepared tables are gone: give their folder with tables=FOLDER."
    rows = f"{{fov_id: ['L_0', 'L_1'], problem: ['{gone}', '{gone}']}}"
    opened.page.evaluate(f"locgraph.state.set({{fov: null, fovs: {{columns: [], rows: {rows}}}}})")

    expected = (
        "None of the 2 fields of view can be drawn. The prepared tables are gone: give their folder with tables=FOLDER."
    )
    until(lambda: opened.page.locator(".stage-empty").inner_text() == expected)
    assert not opened.page.get_by_role("button", name="Lock both cameras").is_visible()


def test_the_theme_changes_where_nothing_can_be_stored(viewer):
    opened = viewer(Named("a"))
    opened.page.evaluate("void (Storage.prototype.setItem = () => { throw new Error('not allowed'); })")
    before = opened.page.evaluate("document.documentElement.dataset.theme")
    opened.page.click("#theme")
    assert opened.page.evaluate("document.documentElement.dataset.theme") != before
