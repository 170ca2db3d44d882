"""The stage: what it draws, picks, filters, measures and exports. Headless Chromium, scenes without a server."""

import io
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl
import pytest

from builders.browser import until
from builders.stage_scenes import STAGE, FakeScene, StagePage

pytestmark = pytest.mark.slow

SVG = "{http://www.w3.org/2000/svg}"
PHOTONS = {"unit": "photons"}


def lattice(side, step, corner):
    """(side^2, 2) places on a grid, row by row."""
    y, x = np.mgrid[:side, :side]
    return np.stack([x.ravel(), y.ravel()], axis=1) * float(step) + corner


def flat_scene():
    """400 localisations 50 nm apart, in two channels; the left half is cluster 0, the right half is cluster 1."""
    positions = lattice(20, 50, (1000, 5000))
    rows = np.arange(400)
    columns = {
        "photons": (100.0 + rows, PHOTONS),
        "precision": (np.full(400, 12.0) + rows % 2, {"unit": "nm"}),
        "channel": (rows % 2, {"kind": "categorical", "first": 0, "labels": ["tubulin", "actin"]}),
    }
    return FakeScene("flat", positions, columns, (positions[:, 0] > 1475).astype(int), edges=[[(0, 1)]])


def deep_scene():
    """300 localisations in a box, and one at each end of x, y and z."""
    rng = np.random.default_rng(0)
    ends = [(0, 0, 0), (1000, 600, 400)]
    positions = np.concatenate([rng.uniform((0, 0, 0), (1000, 600, 400), (300, 3)), ends])
    return FakeScene("deep", positions, {"z": (positions[:, 2], {"unit": "nm"})})


def levels_scene():
    """A coarse node, and one of 100 localisations in each half."""
    coarse = lattice(10, 1000, (0, 0))
    left = lattice(10, 20, (500, 4500))
    right = lattice(10, 20, (8300, 4500))
    positions = np.concatenate([coarse, left, right])
    rows = np.arange(300)
    return FakeScene("levels", positions, {"photons": (rows, PHOTONS)}, nodes=[rows[100:200], rows[200:]])


FLAT, DEEP, LEVELS = 0, 1, 2


@pytest.fixture(scope="module")
def shared(browser):
    opened = StagePage(browser, [flat_scene(), deep_scene(), levels_scene()])
    yield opened
    opened.close()


@pytest.fixture
def stage(shared):
    """The page as it is at the start, with the flat scene; it must not complain."""
    plain = {"colour": {"by": None, "palette": None, "range": None}, "filters": {}, "tool": "pan", "second": None}
    points = {"unit": "pixels", "value": 2, "opacity": 1}
    shared.page.evaluate(
        "locgraph.state.set({layers: {localisations: true, clusters: false, hulls: false, edges: new Set()}})"
    )
    shared.set(**plain, points=points)
    shared.show(FLAT)
    shared.stage("(stage.setScores(null), stage.overlay.clear(), stage.fit())")
    shared.settle()
    yield shared
    assert shared.complaints == []


def drawn(pixels):
    """Number of pixels of which anything is drawn."""
    return int((pixels[..., 3] > 0).sum())


def hues(pixels):
    """The colours of what is drawn, without blurred edges, with their numbers of pixels."""
    colours, counts = np.unique(pixels[pixels[..., 3] == 255][:, :3], axis=0, return_counts=True)
    return {tuple(colour.tolist()): count for colour, count in zip(colours, counts, strict=True) if count > 20}


def test_each_localisation_is_drawn_where_it_lies_with_y_downwards(stage):
    pixels = stage.pixels()

    for row in (0, 19, 200, 399):
        place = stage.current.position[row].tolist()
        x, y = np.round(stage.stage(f"stage.toScreen({place})")).astype(int)
        assert pixels[y, x, 3] == 255
        assert pixels[y, x + 8, 3] == 0
    low, high = stage.stage("[stage.toScreen([0, -100]), stage.toScreen([0, 100])]")
    assert low[1] < high[1]
    assert np.allclose(stage.stage("stage.toData(stage.toScreen([120, -70]))"), [120, -70])


def test_it_says_what_is_shown(stage):
    label = stage.page.locator(".stage canvas").get_attribute("aria-label")
    assert label.startswith("FOV flat: 400 localisations, coloured by cluster_id, 2 clusters.")
    assert stage.page.locator(".stage-caption").inner_text().split("\n") == ["flat", "400 localisations"]

    stage.set(filters={"photons": [150, 249]}, colour={"by": "photons", "palette": None, "range": None})

    until(lambda: "100 of 400" in stage.page.locator(".stage [role=status]").first.text_content())
    assert stage.page.locator(".stage [role=status]").first.text_content() == (
        "FOV flat: 100 of 400 localisations, coloured by photons, 2 clusters."
    )


def test_clusters_and_channels_have_the_colours_of_okabe_and_ito(stage):
    assert set(hues(stage.pixels())) == {(0, 114, 178), (230, 159, 0)}

    stage.set(colour={"by": "", "palette": None, "range": None})
    assert set(hues(stage.pixels())) == {(0, 114, 178)}


def test_new_colours_repaint_without_fetching_positions_again_and_keep_the_camera(stage):
    stage.stage("stage.setCamera({...stage.camera, zoom: stage.camera.zoom + 0.3, target: [30, 20, 0]})")
    stage.settle()
    before, camera = stage.pixels(), stage.stage("stage.camera")
    asked = len(stage.requests)

    stage.set(colour={"by": "photons", "palette": "magma", "range": None})

    assert not np.array_equal(before, stage.pixels())
    assert np.array_equal(before[..., 3], stage.pixels()[..., 3])
    assert stage.stage("stage.camera") == camera
    new = [url.split("/")[-1] for url in stage.requests[asked:]]
    assert new in (["photons?v=1"], [])
    stage.set(colour={"by": "photons", "palette": "magma", "range": [100, 110]})
    stage.stage("stage.show(0, 0)")
    stage.settle()
    assert stage.stage("stage.camera") == camera


def test_a_range_saturates_and_the_legend_has_its_unit(stage):
    stage.set(colour={"by": "precision", "palette": "viridis", "range": [12, 12.5]})
    # the window of a light background ends at 0.9 of viridis
    assert set(hues(stage.pixels())) == {(68, 1, 84), (189, 222, 38)} or len(hues(stage.pixels())) == 2
    texts = stage.page.locator(".stage-marks text").all_text_contents()
    assert "precision (nm)" in texts
    assert "12.5" in texts


def test_filters_hide_on_the_card_and_from_the_pointer(stage):
    everything = drawn(stage.pixels())

    stage.set(filters={"photons": [100, 299]})
    assert drawn(stage.pixels()) == pytest.approx(everything / 2, rel=0.02)
    stage.set(filters={"photons": [100, 299], "channel": [1]})
    assert drawn(stage.pixels()) == pytest.approx(everything / 4, rel=0.02)
    # a fourth and fifth range, of which the card compares three
    ranges = {"photons": [100, 299], "channel": [1], "precision": [None, 13], "cluster_id": [0]}
    stage.set(filters=ranges)
    assert drawn(stage.pixels()) == pytest.approx(everything / 8, rel=0.02)
    assert stage.stage("stage.count") == {"shown": 50, "all": 400, "here": True}
    visible, hidden = (stage.stage(f"stage.toScreen({stage.current.position[row].tolist()})") for row in (1, 0))
    assert stage.stage(f"stage.pickAt({visible}).localisation.index") == 1
    assert stage.stage(f"stage.pickAt({hidden}).localisation") is None


def test_a_missing_number_lies_in_no_range_and_four_ranges_are_not_three(stage):
    made = stage.page.evaluate(
        """import('./stage/filters.js').then(({ makeFilters }) => {
          const values = { a: [1, NaN, 3, 4], b: [1, 1, 9, 1], c: [1, 1, 1, 1], d: [5, 5, 5, 6], kind: [0, 1, 2, 3] };
          const columns = new Map(Object.entries(values).map(([name, own]) => [name, Float32Array.from(own)]));
          const about = new Map(Object.keys(values).map((name) => [name, { first: -1 }]));
          const scene = { columns: about, isCategorical: (name) => name === 'kind' };
          const entry = { rows: 4, columns };
          const describe = (filters) => {
            const made = makeFilters(scene, filters);
            const rows = [0, 1, 2, 3];
            const packed = Array.from(made.pack(entry));
            const others = rows.map((row) => packed[4 * row + 3]);
            return [made.count(entry), rows.map((row) => made.passes(entry, row)), others];
          };
          return [describe({ a: [null, null] }), describe({ a: [0, 9], b: [0, 5], c: [0, 5], d: [5, 5.5] }),
            describe({ kind: [-1, 2], unknown: [0, 1] }), makeFilters(scene, {}).active];
        })"""
    )
    assert made == [
        [3, [True, False, True, True], [1, 0, 1, 1]],
        # the card compares a, b and c itself; d comes with the numbers
        [1, [True, False, False, False], [1, 0, 1, 0]],
        [2, [True, False, False, True], [1, 0, 0, 1]],
        False,
    ]


def test_handles_of_a_histogram_filter_by_keys(stage):
    page = stage.page
    page.click("#tab-filters")
    low = page.get_by_role("slider", name="Least photons")
    low.focus()
    for _ in range(5):
        page.keyboard.press("PageUp")
    stage.settle()

    assert stage.state("filters") == {"photons": [pytest.approx(299.5), 499]}
    assert low.get_attribute("aria-valuenow") == str(stage.state("filters")["photons"][0])
    until(lambda: page.locator("#panel-filters .count").text_content() == "200 of 400 localisations")
    bins = page.locator("[data-column=photons] .bin")
    assert [("in" in one.get_attribute("class").split()) for one in bins.all()] == [False] * 4 + [True] * 4
    page.keyboard.press("Home")
    assert stage.state("filters") == {}
    stage.set(filters={"photons": [None, 300]})
    values = [
        page.get_by_role("slider", name=f"{end} photons").get_attribute("aria-valuenow") for end in ("Least", "Most")
    ]
    assert values == ["100", "300"]
    stage.set(filters={})
    page.get_by_role("checkbox", name="actin").click()
    assert stage.state("filters") == {"channel": [0]}
    page.click("#panel-filters >> text=clear all")
    assert stage.state("filters") == {}
    page.click("#tab-look")


def test_a_click_picks_the_localisation_under_it_with_all_values(stage):
    stage.stage("(window.picks = [], window.offPick = stage.onPick((pick) => window.picks.push(pick)))")
    stage.page.mouse.click(*stage.place_on_page((1250, 5100)))
    until(lambda: stage.page.evaluate("window.picks.length") == 1)

    row = 2 * 20 + 5
    pick = stage.page.evaluate("window.picks[0]")
    assert (pick["kind"], pick["row"], pick["cluster_id"]) == ("localisation", row, 0)
    assert pick["position"] == [1250, 5100]
    assert pick["values"] == {"photons": 100 + row, "precision": 13, "channel": 1, "cluster_id": 0}
    lines = stage.page.locator(".stage-tip").inner_text()
    assert "1250.0 nm" in lines
    assert "13 nm" in lines
    assert "actin" in lines
    stage.page.mouse.click(*stage.place_on_page((1275, 5125)))
    until(lambda: stage.page.evaluate("window.picks.length") == 2)
    assert stage.page.evaluate("window.picks[1]") is None
    stage.page.evaluate("window.offPick()")


def test_a_centre_of_a_cluster_is_picked_before_its_localisations(stage):
    stage.page.evaluate(
        "locgraph.state.set({layers: {localisations: true, clusters: true, hulls: true, edges: new Set([0])}})"
    )
    stage.settle()
    stage.page.mouse.move(*stage.place_on_page((1725, 5475)))
    stage.page.locator(".stage-tip", has_text="cluster 1").wait_for()

    assert "200" in stage.page.locator(".stage-tip").inner_text()
    # between localisations only the outline is left
    at = stage.stage(f"stage.toScreen({(np.array([1025, 5025]) - stage.current.origin).tolist()})")
    assert stage.stage(f"stage.pickAt({at}).cluster") == 0


def test_layers_are_switched_on_and_off(stage):
    def shown(**layers):
        everything = {"localisations": False, "clusters": False, "hulls": False} | layers
        edges = everything.pop("edges", [])
        stage.page.evaluate(
            "([layers, edges]) => locgraph.state.set({layers: {...layers, edges: new Set(edges)}})", [everything, edges]
        )
        stage.settle()
        until(lambda: not edges or stage.stage("stage.scene.edges.size === 1 && stage.frame === null"))
        stage.settle()
        return stage.pixels()

    assert drawn(shown()) == 0
    assert drawn(shown(clusters=True)) > 80
    assert drawn(shown(hulls=True)) > 1000
    # one edge, between both centres
    pixels = shown(edges=[0])
    x, y = np.round(stage.stage("stage.toScreen([0, 0])")).astype(int)
    assert pixels[y, x, 3] > 0
    assert drawn(pixels[: y - 3]) == drawn(pixels[y + 4 :]) == 0


def test_scores_colour_clusters_and_edges_around_zero(stage):
    stage.stage("stage.setScores('cluster', new Float32Array([-1, 1]), {name: 'attribution'})")
    stage.settle()
    assert set(hues(stage.pixels())) == {(0, 114, 178), (213, 94, 0)}
    assert "attribution" in stage.page.locator(".stage-marks text").all_text_contents()

    stage.stage("stage.setScores('cluster', new Float32Array([-1, 0.2]), {name: 'attribution', threshold: 0.5})")
    stage.settle()
    assert set(hues(stage.pixels())) == {(0, 114, 178), (169, 171, 176)}

    scores = "Float32Array.from({length: 400}, (_, row) => row < 200 ? 1 : NaN)"
    stage.stage(f"stage.setScores('localisation', {scores})")
    stage.settle()
    pixels = stage.pixels()
    assert set(hues(pixels[: len(pixels) // 2 - 20])) == {(213, 94, 0)}
    assert set(hues(pixels[len(pixels) // 2 + 20 :])) == {(169, 171, 176)}


def test_two_clicks_measure_and_the_label_deletes(stage):
    page = stage.page
    page.click("button[aria-label^='Measure']")
    page.mouse.click(*stage.place_on_page((1000, 5000)))
    page.mouse.click(*stage.place_on_page((1300, 5400)))

    assert [one["to"] for one in stage.stage("stage.overlay.measurements")] != []
    ends = stage.stage("stage.overlay.measurements[0]")
    assert np.hypot(*np.subtract(ends["to"], ends["from"])) == pytest.approx(500, abs=4)
    exact = "stage.overlay.measurements[0] = {from: [-150, 0], to: [150, 400]}"
    stage.stage(f"({exact}, stage.schedule(), stage.tell('change'))")
    stage.settle()
    page.get_by_role("button", name="Delete the measurement of 500 nm").wait_for()
    page.mouse.click(*stage.place_on_page((1500, 5000)))
    page.keyboard.press("Escape")
    assert stage.stage("[stage.overlay.measurements.length, stage.overlay.start]") == [1, None]
    page.get_by_role("button", name="Delete the measurement of 500 nm").click()
    assert stage.stage("stage.overlay.measurements") == []


def test_the_scale_bar_is_as_long_as_it_says(stage):
    for zoom in (0, 1.3, -4.2):
        stage.stage(f"stage.setCamera({{...stage.camera, zoom: {zoom}}})")
        stage.settle()
        length, pixels = stage.page.evaluate(
            "Promise.all([import('./stage/over/axes.js'), import('./stage/stage.js')])"
            ".then(([{ scaleBar }, { stages }]) => { const [stage] = stages();"
            " const { length, pixels } = scaleBar(stage.camera, stage.size); return [length, pixels]; })"
        )
        ends = stage.stage(f"[stage.toScreen([0, 0])[0], stage.toScreen([{length}, 0])[0]]")
        assert ends[1] - ends[0] == pytest.approx(pixels)
        first = f"{length:.0e}"[0]
        assert first in "125"


def test_keys_zoom_move_and_show_all(stage):
    stage.page.locator(".stage canvas").focus()
    start = stage.stage("stage.camera")
    stage.page.keyboard.press("+")
    assert stage.stage("stage.camera.zoom") == pytest.approx(start["zoom"] + 0.5)
    stage.page.keyboard.press("ArrowRight")
    stage.page.keyboard.press("ArrowDown")
    target = stage.stage("stage.camera.target")
    assert target[0] > start["target"][0]
    assert target[1] > start["target"][1]
    stage.page.keyboard.press("0")
    assert stage.stage("stage.camera") == start
    # the middle lies between localisations: a measure from it, and on by keys
    stage.page.keyboard.press("m")
    assert stage.state("tool") == "measure"
    stage.page.keyboard.press("Space")
    stage.page.keyboard.press("ArrowRight")
    stage.page.keyboard.press("Space")
    one = stage.stage("stage.overlay.measurements[0]")
    assert one["from"] == pytest.approx(start["target"][:2])
    assert one["to"] == pytest.approx(stage.stage("stage.camera.target")[:2])
    stage.page.keyboard.press("Escape")
    assert stage.state("tool") == "pan"
    stage.stage("stage.setCamera({...stage.camera, target: [-475, -475, 0]})")
    stage.stage("void (window.picked = new Promise((go) => stage.onPick((pick) => go(pick))))")
    stage.page.keyboard.press("Space")
    assert stage.page.evaluate("window.picked")["row"] == 0


def test_the_wheel_zooms_and_dragging_moves(stage):
    at = stage.place_on_page((1500, 5500))
    zoom = stage.stage("stage.camera.zoom")
    stage.page.mouse.move(*at)
    stage.page.mouse.wheel(0, -200)
    until(lambda: stage.stage("stage.camera.zoom") > zoom + 0.1)

    before = stage.stage("stage.camera.target")
    stage.page.mouse.down()
    stage.page.mouse.move(at[0] + 60, at[1] + 30, steps=3)
    stage.page.mouse.up()
    after = stage.stage("stage.camera.target")
    assert after[0] < before[0]
    assert after[1] < before[1]


def test_three_dimensions_turn_and_the_view_from_above_is_the_flat_picture(stage):
    stage.show(DEEP)
    page = stage.page
    assert stage.stage("stage.camera.mode") == "3d"
    before = stage.pixels()
    box = page.locator(".stage").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 80, middle[1] + 40, steps=3)
    page.mouse.up()
    stage.settle()
    camera = stage.stage("stage.camera")
    assert abs(camera["rotationOrbit"] - 25) > 5
    assert not np.array_equal(before, stage.pixels())

    # our projection is that of deck.gl
    place = [100.0, -50.0, 30.0]
    ours = stage.stage(f"stage.toScreen({place})")
    theirs = stage.stage("stage.deck.getViewports()[0].project([100, 50, 30])")
    assert np.allclose(ours, theirs[:2], atol=0.01)
    stage.stage("stage.setCamera({...stage.camera, rotationX: 90, rotationOrbit: 0})")
    above = stage.stage(f"stage.toScreen({place})")
    page.click("button[aria-label^='See it from above']")
    assert stage.stage("stage.camera.mode") == "2d"
    assert np.allclose(stage.stage(f"stage.toScreen({place})"), above, atol=0.01)
    # a corner of the box is picked in space, and a length there has all three parts
    stage.stage("stage.setMode('3d', true)")
    stage.settle()
    last = stage.stage(f"stage.toScreen({stage.current.position[301].tolist()})")
    assert stage.stage(f"stage.pickAt({last}).localisation.index") == 301
    assert stage.stage(f"stage.pointer.place({last})") == stage.current.position[301].tolist()


def test_a_section_along_z_filters(stage):
    stage.show(DEEP)
    stage.page.get_by_role("slider", name="Most z").focus()
    for _ in range(5):
        stage.page.keyboard.press("PageDown")
    stage.settle()

    low, high = stage.state("filters")["z"]
    assert (low, high) == (0, pytest.approx(200, abs=1))
    z = stage.current.values["z"]
    assert stage.stage("stage.count.shown") == int(((z >= low) & (z <= high)).sum())


def test_only_what_is_in_view_is_fetched(browser):
    opened = StagePage(browser, [levels_scene()], size=(700, 420))

    def nodes():
        return [url.split("/n/")[1] for url in opened.requests if url.endswith("position?v=1")]

    # 16 nm between samples are more than 1.5 pixels, so that all nodes are worth drawing; the middle one comes first
    assert sorted(nodes()) == ["0/position?v=1", "1/position?v=1", "2/position?v=1"]
    assert nodes()[0] == "0/position?v=1"
    opened.stage("stage.setCamera({...stage.camera, zoom: -9})")
    opened.settle()
    assert opened.stage("stage.visible.ids") == [0]
    left = (np.array([600, 4600]) - opened.current.origin).tolist()
    opened.stage(f"stage.setCamera({{...stage.camera, zoom: 0, target: [...{left}, 0]}})")
    opened.settle()
    assert opened.stage("stage.visible.ids") == [0, 1]
    assert opened.stage("stage.entries.map((entry) => entry.rows)") == [100, 100]
    # what was here is not fetched again
    assert len(nodes()) == 3
    assert opened.complaints == []
    opened.close()


def test_the_server_counts_what_is_not_here(stage):
    stage.show(LEVELS)
    left = (np.array([600, 4600]) - stage.current.origin).tolist()
    stage.stage(f"stage.setCamera({{...stage.camera, zoom: 0, target: [...{left}, 0]}})")
    stage.settle()
    stage.set(filters={"photons": [150, 249]})
    until(lambda: stage.stage("stage.count.here") is False)
    until(lambda: stage.stage("stage.count.shown") == 100)


def test_a_level_is_drawn_as_a_whole_or_not_at_all(stage):
    visible = stage.page.evaluate(
        """import('./stage/nodes.js').then(({ visibleNodes }) => {
          const box = (low, high) => [[low, 0], [high, 10]];
          const node = (low, high, rows, spacing, children) => ({ box: box(low, high), rows, spacing, children });
          const nodes = new Map([
            [0, node(0, 10, 100, 1, [1, 2])],
            [1, node(0, 5, 60, 0.5, [])],
            [2, node(5, 10, 60, 0.5, [])],
          ]);
          const map = [[10, 0, 0, 0], [0, 10, 0, 0]];
          const scene = { nodes, header: { root: 0 } };
          return [99, 219, 220].map((budget) => visibleNodes(scene, map, [100, 100], { budget, scale: 10 }));
        })"""
    )
    assert visible == [
        {"ids": [0], "rows": 100, "complete": False},
        {"ids": [0], "rows": 100, "complete": False},
        {"ids": [0, 1, 2], "rows": 220, "complete": True},
    ]


def test_nodes_that_were_not_drawn_for_longest_are_forgotten_first(stage):
    left = stage.page.evaluate(
        """import('./stage/nodes.js').then(async ({ NodeStore }) => {
          const asked = [];
          const nodes = new Map([0, 1, 2, 3].map((id) => [id, { rows: 100 }]));
          const scene = { nodes, values: async (id, name, signal) => {
            asked.push(`${id} ${name}`);
            await new Promise((go) => setTimeout(go, id === 3 ? 200 : 1));
            if (signal.aborted) throw Object.assign(new Error('given up'), { name: 'AbortError' });
            return new Float32Array(200);
          } };
          const options = { onLoad: () => {}, onError: (error) => { throw error; }, mostBytes: 1700 };
          const store = new NodeStore(scene, options);
          const wait = async () => { while (store.busy) await new Promise((go) => setTimeout(go, 2)); };
          store.want([0, 1], []); await wait();
          store.want([0, 2], []); await wait();
          const before = store.bytes;
          store.want([3], []); store.want([0, 2], []); await wait();
          return [before, [...store.entries.keys()], store.bytes, asked];
        })"""
    )
    assert left == [2400, [0, 2], 1600, ["0 position", "1 position", "2 position", "3 position"]]


def test_a_png_holds_the_picture_with_scale_bar_at_the_asked_size(stage):
    from PIL import Image

    sizes = {}
    for text, fine in (("PNG", 1), ("PNG, twice as fine", 2)):
        stage.page.click("button[aria-label^='Export']")
        with stage.page.expect_download() as download:
            stage.page.get_by_role("menuitem", name=text, exact=True).click()
        assert download.value.suggested_filename == "flat.png"
        image = Image.open(io.BytesIO(download.value.path().read_bytes())).convert("RGB")
        sizes[fine] = image.size
        pixels = np.asarray(image)
        assert tuple(pixels[0, 0]) == (255, 255, 255)
        # the bar at the lower right, and localisations
        assert (pixels == (29, 31, 36)).all(axis=2).sum() > 300
        assert (pixels == (0, 114, 178)).all(axis=2).sum() > 300
    width, height = stage.stage("stage.size")
    assert sizes == {1: (width, height), 2: (2 * width, 2 * height)}


def test_an_svg_holds_circles_or_of_very_many_a_picture(stage):
    stage.set(filters={"photons": [100, 199]})
    stage.page.click("button[aria-label^='Export']")
    with stage.page.expect_download() as download:
        stage.page.get_by_role("menuitem", name="SVG").click()

    root = ET.fromstring(download.value.path().read_text())
    circles = root.findall(f"{SVG}g/{SVG}circle")
    assert len(circles) == 100
    assert root.find(f"{SVG}title").text.startswith("FOV flat: 100 of 400")
    expected = stage.stage(f"stage.toScreen({stage.current.position[0].tolist()})")
    assert [float(circles[0].get("cx")), float(circles[0].get("cy"))] == pytest.approx(expected, abs=0.01)
    many = stage.page.evaluate(
        "Promise.all([import('./stage/controls/exporting.js'), import('./stage/stage.js')])"
        ".then(([{ vector }, { stages }]) => { const stage = stages()[0]; const entry = stage.entries[0];"
        " const most = Object.create(stage, {entries: {value: Array(201).fill(entry)}}); return vector(most); })"
    )
    assert many["circles"] is None
    assert "data:image/png;base64," in many["text"]


def test_the_table_is_asked_for_with_the_filters(stage):
    stage.set(filters={"photons": [100, 199]})
    stage.page.click("button[aria-label^='Export']")
    headers = {"content-disposition": "attachment"}
    stage.page.route("**/table?*", lambda route: route.fulfill(status=200, body="x\n", headers=headers))
    with stage.page.expect_download() as download:
        stage.page.get_by_role("menuitem", name="CSV").click()
    assert download.value.url == (
        "http://viewer.test/api/s/0/f/0/table?format=csv&filters=%7B%22photons%22%3A%5B100%2C199%5D%7D"
    )


def test_two_stages_share_a_camera_until_it_is_unlocked(stage):
    stage.set(second={"source": 0, "fov": LEVELS})
    second = "import('./stage/stage.js').then(({ stages }) => stages()[1].%s)"
    until(lambda: stage.page.evaluate(second % "scene?.header.fov_id") == "levels")
    stage.stage("stage.setCamera({...stage.camera, zoom: 0.25})")
    assert stage.page.evaluate(second % "camera.zoom") == 0.25
    stage.page.click("button[aria-label='Lock both cameras']")
    stage.stage("stage.setCamera({...stage.camera, zoom: 0.5})")
    assert stage.page.evaluate(second % "camera.zoom") == 0.25

    # a colour means the same in both
    stage.set(colour={"by": "photons", "palette": None, "range": None})
    ranges = (
        "import('./stage/stage.js').then(({ stages }) =>"
        " stages().map(({ colouring: { legend } }) => [legend.low, legend.high]))"
    )
    until(lambda: stage.page.evaluate(ranges) == [[0, 499], [0, 499]])
    stage.page.click("button[aria-label='Lock both cameras']")
    stage.page.click("button[aria-label^='Close the second']")
    until(lambda: stage.page.evaluate(ranges) == [[100, 499]])
    assert stage.page.evaluate("import('./stage/stage.js').then(({ stages }) => stages().length)") == 1
    assert stage.page.locator(".stage").count() == 1


def test_two_locked_stages_in_three_dimensions_turn_together(stage):
    stage.show(DEEP)
    stage.set(second={"source": 0, "fov": DEEP})
    both = "import('./stage/stage.js').then(({ stages }) => stages().map((stage) => stage.camera))"
    until(lambda: len(stage.page.evaluate(both)) == 2)
    until(lambda: stage.page.evaluate("import('./stage/stage.js').then((all) => all.shownScenes().length)") == 2)
    stage.stage("stage.setCamera({...stage.camera, rotationOrbit: 70, zoom: -1})")
    first, second = stage.page.evaluate(both)
    assert first == second
    assert first["rotationOrbit"] == 70

    stage.page.click("button[aria-label^='See it from above']")
    assert [camera["mode"] for camera in stage.page.evaluate(both)] == ["2d", "2d"]
    stage.page.click("button[aria-label^='Turn it freely']")
    assert [camera["mode"] for camera in stage.page.evaluate(both)] == ["3d", "3d"]
    stage.page.click("button[aria-label^='Zoom in']")
    zooms = [camera["zoom"] for camera in stage.page.evaluate(both)]
    assert zooms == [pytest.approx(-0.3)] * 2


def test_dark_and_light_have_their_own_colours(stage):
    stage.page.emulate_media(color_scheme="dark")
    stage.settle()
    assert set(hues(stage.pixels())) == {(75, 163, 227), (240, 180, 41)}
    stage.page.emulate_media(color_scheme="light")
    stage.settle()
    assert set(hues(stage.pixels())) == {(0, 114, 178), (230, 159, 0)}


def test_a_fov_that_cannot_be_read_leaves_its_message(stage):
    before = len(stage.complaints)
    stage.page.evaluate("locgraph.state.set({fov: 7})")
    stage.page.locator(".stage-empty", has_text="Expected a FOV that can be read").wait_for()
    assert stage.page.locator(".stage-caption").inner_text() == ""
    stage.page.evaluate("locgraph.state.set({fov: 0})")
    stage.settle()
    assert not stage.page.locator(".stage-empty").is_visible()
    # the browser itself writes the status down
    assert all("422" in text for text in stage.complaints[before:])
    del stage.complaints[before:]


def test_without_webgl_it_says_so_and_values_are_still_there(browser):
    script = (
        "const own = HTMLCanvasElement.prototype.getContext; HTMLCanvasElement.prototype.getContext ="
        " function (kind, ...more) { return kind === 'webgl2' ? null : own.call(this, kind, ...more); };"
    )
    opened = StagePage(browser, [flat_scene()], script=script)
    opened.page.locator(".notice", has_text="does not draw with WebGL 2").wait_for()

    opened.page.mouse.move(*opened.place_on_page((1250, 5100)))
    opened.page.locator(".stage-tip", has_text="1250.0 nm").wait_for()
    vector = (
        "Promise.all([import('./stage/controls/exporting.js'), import('./stage/stage.js')])"
        ".then(([{ vector }, { stages }]) => vector(stages()[0]).circles)"
    )
    assert opened.page.evaluate(vector) == 400
    assert opened.complaints == []
    opened.close()


def test_a_file_is_drawn_filtered_and_its_table_downloads(viewer, tmp_path):
    rng = np.random.default_rng(1)
    table = pl.DataFrame(
        {
            "x [nm]": rng.uniform(0, 900, 50),
            "y [nm]": rng.uniform(0, 900, 50),
            "frame": np.arange(1, 51),
            "intensity [photon]": np.arange(50) * 10.0 + 100,
            "uncertainty_xy [nm]": np.full(50, 9.0),
        }
    )
    table.write_csv(tmp_path / "cell.csv")
    opened = viewer(tmp_path / "cell.csv")
    until(lambda: opened.page.evaluate(STAGE % "stage?.count?.shown") == 50)
    opened.page.evaluate("locgraph.state.set({filters: {photons: [300, null]}})")
    until(lambda: opened.page.evaluate(STAGE % "stage.count.shown") == 30)

    opened.page.click("button[aria-label^='Export']")
    with opened.page.expect_download() as download:
        opened.page.get_by_role("menuitem", name="CSV").click()
    saved = pl.read_csv(download.value.path())
    assert saved["photons"].to_list() == [300.0 + 10 * row for row in range(30)]
    np.testing.assert_allclose(saved["x"], table["x [nm]"][20:])
    assert opened.complaints == []


def test_palettes_are_the_published_ones(stage):
    import matplotlib as mpl

    for name in ("viridis", "cividis", "magma", "RdBu"):
        table = stage.page.evaluate(
            "([name]) => import('./stage/palettes.js').then(({ lookUpTable }) => Array.from(lookUpTable(name, false)))",
            [name],
        )
        shares = np.linspace(1, 0, 256) if name == "RdBu" else np.linspace(0, 0.9, 256)
        expected = mpl.colormaps[name](shares)[:, :3] * 255
        assert np.abs(np.reshape(table, (256, 3)) - expected).max() < 11


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [(0, 10, 5, [0, 2, 4, 6, 8, 10]), (-3, 3, 3, [-2, 0, 2]), (0.12, 0.19, 4, [0.12, 0.14, 0.16, 0.18]), (1, 1, 5, [])],
)
def test_ticks_are_round(stage, low, high, most, expected):
    values = stage.page.evaluate(
        "(given) => import('./stage/numbers.js').then(({ ticks }) => ticks(...given))", [low, high, most]
    )
    assert values == pytest.approx(expected)


def test_lengths_and_numbers_as_people_read_them(stage):
    texts = stage.page.evaluate(
        "import('./stage/numbers.js').then(({ lengthText, numberText, valueText }) =>"
        " [lengthText(250), lengthText(1530), lengthText(2e6), numberText(-1234567),"
        " numberText(0.00001234), numberText(NaN), valueText(3.5, 'nm')])"
    )
    assert texts == ["250 nm", "1.53 µm", "2 mm", "−1\u202f234\u202f567", "1.234e−5", "–", "3.5 nm"]
