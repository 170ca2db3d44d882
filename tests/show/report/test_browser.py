"""The page in a browser: headless Chromium, without a network."""

from datetime import UTC, datetime

import pytest

from builders.browser import Page, until
from locgraph.show.report.page import Options, write_report

POINTS = "#explorer-plot .scatterlayer .point"

pytestmark = pytest.mark.slow


class Opened(Page):
    """A report, without a network."""

    def __init__(self, browser, path, **settings):
        super().__init__(browser, offline=True, **settings)
        self.page.goto(path.as_uri(), wait_until="commit")
        self.page.wait_for_selector(POINTS, state="attached")

    def background(self):
        return self.page.evaluate("getComputedStyle(document.body).backgroundColor")

    def colour_of_text(self):
        return self.page.evaluate("getComputedStyle(document.querySelector('#explorer-plot .xtitle')).fill")


@pytest.fixture
def report(sweep, tmp_path):
    path = tmp_path / "report.html"
    write_report(path, sweep.read(), Options(umap=False), datetime(2026, 1, 2, tzinfo=UTC))
    return path


def test_plots_are_drawn_and_the_panel_follows_the_pointer(browser, report):
    opened = Opened(browser, report, viewport={"width": 1280, "height": 900})
    page = opened.page

    drawn = "[...document.querySelectorAll('.plot')].filter((one) => one.querySelector('svg path')).length"
    assert page.evaluate(drawn) == page.locator(".plot").count() == 7

    # before anything is done, the surest mistake is shown
    panel = page.locator("#explorer-panel")
    assert panel.locator("h4").text_content() == "T_0"

    page.locator("#explorer-plot").scroll_into_view_if_needed()
    seen = set()
    for index in (0, 3, 7):
        box = page.locator(POINTS).nth(index).bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
        name = page.evaluate(
            "([index]) => document.querySelector('#explorer-plot').data.filter((one) => one.text)"
            ".flatMap((one) => one.text)[index]",
            [index],
        )
        panel.locator("h4", has_text=name).wait_for()
        seen.add(name)
        words = panel.inner_text()
        assert "prediction" in words
        assert "0." in words
        width = panel.locator("img").evaluate("(one) => one.naturalWidth")
        assert width == 112
        assert panel.locator("img").get_attribute("alt") == f"Localisations of {name}"
    assert len(seen) == 3
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith(("file:", "data:", "blob:"))] == []
    opened.context.close()


def test_maps_names_and_settings_can_be_searched(browser, report):
    opened = Opened(browser, report, viewport={"width": 1280, "height": 900})
    page = opened.page

    page.select_option("#explorer-view", label="Learned vectors, fold 0: PCA")
    assert "readout of fold 0" in page.locator("#explorer-note").text_content()
    page.fill("#explorer-find", "L_3")
    page.locator("#explorer-panel h4", has_text="L_3").wait_for()

    page.locator("summary", has_text="12 test FOVs").click()
    page.fill("[data-searches]", "wrong L")
    assert page.locator("#predictions tbody tr:visible").count() == 3
    assert page.locator("#predictions output").text_content() == "3 of 12"

    page.fill("[data-searches-settings]", "optimizer lr")
    assert page.locator(".settings tbody tr:visible").all_inner_texts() == ["training.optimizer.lr\t0.003"]
    page.fill("[data-searches-settings]", "")
    assert page.locator(".settings details:visible").count() > 5
    assert opened.complaints == []
    opened.context.close()


def test_bright_and_dark_and_changing_between_them(browser, report):
    opened = Opened(browser, report, viewport={"width": 1000, "height": 800}, color_scheme="light")
    assert (opened.background(), opened.colour_of_text()) == ("rgb(253, 252, 250)", "rgb(29, 31, 36)")

    opened.page.emulate_media(color_scheme="dark")

    until(lambda: opened.colour_of_text() == "rgb(232, 230, 225)")
    assert opened.background() == "rgb(21, 23, 27)"
    assert opened.complaints == []
    opened.context.close()


def test_a_phone_scrolls_down_only(browser, report):
    opened = Opened(browser, report, viewport={"width": 360, "height": 740}, has_touch=True)

    widths = opened.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")

    assert widths[0] <= widths[1]
    plots = opened.page.evaluate(
        "[...document.querySelectorAll('.plot svg.main-svg')].map((one) => one.getBoundingClientRect().right)"
    )
    assert max(plots) <= 360
    assert opened.complaints == []
    opened.context.close()


def test_it_prints_bright_on_a4(browser, report, tmp_path):
    opened = Opened(browser, report, viewport={"width": 1280, "height": 900}, color_scheme="dark")

    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.colour_of_text() == "rgb(29, 31, 36)"
    opened.page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert opened.colour_of_text() == "rgb(232, 230, 225)"
    opened.page.set_viewport_size({"width": 680, "height": 960})
    opened.page.emulate_media(media="print")
    opened.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= 680
    opened.page.pdf(path=tmp_path / "report.pdf", format="A4", print_background=True)

    assert (tmp_path / "report.pdf").stat().st_size > 20_000
    assert opened.complaints == []
    opened.context.close()
