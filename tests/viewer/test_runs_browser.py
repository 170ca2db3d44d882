"""Panels of runs and sweeps in a browser: list, map, confusion matrix, scores, explanations, two FOVs."""

import polars as pl
import pytest

from builders.attributions import scores_of
from builders.browser import until

pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def sweep(write_tables, write_runs, tmp_path_factory):
    """Three folds of 18 FOVs of the classes ``a`` and EVIL; the first test FOV of each fold is called wrongly."""
    folder = tmp_path_factory.mktemp("runs")
    tables = write_tables(folder / "tables-1", {"a": 9, "b": 9})
    runs = write_runs(folder / "sweep", tables, 3, range(3))
    for fold in range(3):
        path = runs / str(fold) / "predictions.parquet"
        evil = pl.lit([EVIL]).alias("unlike_reasons")
        pl.read_parquet(path).with_columns(evil, unlike=pl.col("fov_id") == "a_2").write_parquet(path)
    values = [0.9, -0.5, 0.3, 0.2, 0.1]
    scores_of("a_0", "cluster", values, cluster_id=[*range(5)]).write_parquet(runs / "0" / "attributions.parquet")
    return runs


def names(page):
    """FOVs in the order of the list, as far as it has drawn them."""
    rows = page.locator(".grid-row").all()
    ordered = sorted(rows, key=lambda row: int(row.get_attribute("aria-rowindex")))
    return [row.locator(".fov-text").text_content() for row in ordered]


def opened_page(viewer, *sources, **settings):
    opened = viewer(*sources, size=(1100, 700), **settings)
    until(lambda: opened.page.locator(".grid-row").count() > 0)
    return opened, opened.page


def test_the_list_is_sorted_filtered_searched_and_selected_by_mouse_and_keys(viewer, sweep):
    opened, page = opened_page(viewer, sweep)
    fovs = opened.state("fovs")["rows"]
    assert page.locator(".grid").get_attribute("aria-rowcount") == "19"
    assert page.locator("img[src=x]").count() == 0

    page.click(".head-cell button:text-is('FOV')")
    page.click(".head-cell button:has-text('FOV')")
    until(lambda: names(page)[0] == "b_8")
    assert page.locator("[aria-sort=descending]").count() == 1

    page.fill("input[type=search]", "A_ test")
    until(lambda: page.locator(".list-count").text_content() == "9 of 18 FOVs")
    assert names(page) == [f"a_{index}" for index in reversed(range(9))]

    page.press("input[type=search]", "ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    chosen = [fovs["fov_id"][row] for row in opened.state("selection")]
    assert chosen == ["a_7"]
    assert fovs["fov_id"][opened.state("fov")] == "a_0"
    assert page.locator(".grid-row[aria-current]").locator(".fov-text").text_content() == "a_0"
    page.keyboard.press("Escape")
    assert opened.state("selection") == []

    page.fill("input[type=search]", "")
    page.click(".quick:has-text('wrong')")
    until(lambda: page.locator(".list-count").text_content() == "3 of 18 FOVs")
    assert page.locator(".grid-row [aria-label=wrong]").count() == 3
    page.click(".filter-chip")
    page.click("text=Filters ▾")
    classes = page.locator(".filter-item", has=page.locator("summary", has_text="class"))
    classes.locator("summary").click()
    classes.locator(".choice", has_text="b").locator("input[type=checkbox]").uncheck()
    until(lambda: page.locator(".list-count").text_content() == "9 of 18 FOVs")
    page.click(".filter-chip")
    check_confusion_and_scores(opened, page, fovs)
    assert opened.complaints == []


def check_confusion_and_scores(opened, page, fovs):
    """A cell of the confusion matrix lists and selects its FOVs; scores are drawn."""
    expected = {row for row in range(18) if (fovs["label"][row], fovs["prediction"][row]) == ("a", "b")}
    page.click("#tab-confusion")
    page.click(f"[aria-label='a predicted as b: {len(expected)} FOVs']")
    assert set(opened.state("selection")) == expected
    assert page.locator(".list-count").text_content() == f"{len(expected)} of 18 FOVs"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    until(
        lambda: (
            len(opened.state("selection"))
            == sum(fovs["label"][row] == fovs["prediction"][row] == "a" for row in range(18))
        )
    )
    page.keyboard.press("Enter")
    assert opened.state("selection") == []
    assert page.locator(".list-count").text_content() == "18 FOVs"

    page.click("#tab-metrics")
    page.locator(".intervals .method-row").first.wait_for()
    assert page.locator(".intervals .method-row").count() == 2
    assert "fold.index=1" in page.locator(".scores").text_content()


def test_points_of_the_map_open_fovs_and_a_lasso_selects_them(viewer, sweep):
    opened, page = opened_page(viewer, sweep)
    until(lambda: page.locator(".map-notes").text_content() != "")
    answer = page.evaluate("fetch('api/s/0/map').then((answer) => answer.json())")
    box = page.locator(".map-canvas").bounding_box()

    def pixel(place):
        at = page.evaluate(
            "([x, y]) => document.querySelector('.map-canvas').view.toScreen([x, y])",
            [answer["x"][place], answer["y"][place]],
        )
        return box["x"] + at[0], box["y"] + at[1]

    pixels = [pixel(place) for place in range(len(answer["x"]))]
    # the point that lies farthest from all others is the one to click
    alone = max(
        range(len(pixels)),
        key=lambda one: min(
            (pixels[one][0] - x) ** 2 + (pixels[one][1] - y) ** 2 for other, (x, y) in enumerate(pixels) if other != one
        ),
    )
    page.mouse.move(*pixels[alone])
    page.locator(".map-tip").wait_for()
    name = opened.state("fovs")["rows"]["fov_id"][answer["fov"][alone]]
    assert name in page.locator(".map-tip").text_content()
    page.mouse.click(*pixels[alone])
    until(lambda: opened.state("fov") == answer["fov"][alone])

    # classes lie apart in the vectors: around those on the left of the middle
    middle = box["x"] + box["width"] / 2
    inside = sorted({answer["fov"][place] for place, (x, _) in enumerate(pixels) if x < middle})
    page.click("text=Lasso")
    corners = [(box["x"] + 1, box["y"] + 1), (middle, box["y"] + 1), (middle, box["y"] + box["height"] - 2)]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in [*corners[1:], (box["x"] + 1, box["y"] + box["height"] - 2), corners[0]]:
        page.mouse.move(*corner, steps=4)
    page.mouse.up()
    until(lambda: len(opened.state("selection")) > 0)
    assert opened.state("selection") == inside
    assert page.locator(".grid-row[aria-selected=true]").count() > 0

    # a lasso that was begun leaves the keys to others once its panel is gone
    page.click("text=Lasso")
    page.click("#tab-metrics")
    key = "new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true, cancelable: true })"
    assert page.evaluate(f"document.body.dispatchEvent({key})")
    assert opened.complaints == []


def test_explanations_colour_the_stage_and_two_fovs_stand_side_by_side(viewer, sweep):
    opened, page = opened_page(viewer, sweep, sweep / "0")
    until(lambda: page.locator(".stage-caption").text_content().startswith("a_0"))
    page.click("#tab-explanations")
    until(lambda: opened.state("explanation") is not None)
    assert "Positive scores speak for a, negative ones against a" in page.locator(".why-text").text_content()

    def values():
        return page.evaluate(
            "import('/stage/stage.js').then(({ stages }) =>"
            " [...(stages()[0].scores?.values ?? [])].map((one) => Number.isNaN(one) ? null : Number(one.toFixed(2))))"
        )

    until(lambda: values() == [0.9, -0.5, 0.3, 0.2, 0.1])
    before = page.locator(".stage canvas").first.screenshot()
    page.select_option("[aria-label='Which scores']", "top")
    page.locator("[aria-label=Threshold]").fill("2")
    until(lambda: values() == [0.9, -0.5, None, None, None])
    until(lambda: page.locator(".stage canvas").first.screenshot() != before)

    page.click("#tab-beside")
    page.click("text=Same FOV")
    until(lambda: page.locator(".stage").count() == 2)
    assert opened.state("second") == {"source": 1, "fov": 0}
    until(lambda: page.locator(".stage-caption").nth(1).text_content().startswith("a_0"))
    assert page.locator(".under > div").count() == 2
    page.locator(".grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    until(lambda: opened.state("second") == {"source": 1, "fov": 1})
    page.click("text=Swap")
    until(lambda: (opened.state("source"), opened.state("second")) == (1, {"source": 0, "fov": 1}))
    until(lambda: opened.state("fov") == 1)
    page.click("text=One alone")
    until(lambda: page.locator(".stage").count() == 1)
    assert opened.complaints == []
