"""Training is followed in a browser while it writes its files."""

import json
import re
import socket

import pytest

from builders.browser import Page, until
from builders.named_source import Trained
from builders.training import FakeTraining
from locgraph.storage import locked
from locgraph.viewer.routes import live as routes
from locgraph.viewer.serve import ServerSettings, Viewer

pytestmark = pytest.mark.slow


@pytest.fixture
def training(tmp_path):
    """A run of two epochs that goes on."""
    made = FakeTraining(tmp_path / "run")
    made.epoch(0.9, 0.25)
    made.epoch(0.6, 0.5)
    with locked(made.folder):
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Files are looked at often."""
    monkeypatch.setattr(routes, "LOOKS_S", 0.1)
    monkeypatch.setattr(routes, "_STEP_S", 0.05)


@pytest.fixture
def followed(viewer, training):
    """The page that follows it."""
    opened = viewer(Trained(training.folder))
    until(lambda: opened.state("epoch") == 1)
    opened.page.click("#tab-training")
    opened.page.locator(".curve-line.val").first.wait_for()
    return opened


def points(opened):
    """Number of epochs of the validation loss that are drawn."""
    return len(re.findall("[ML]", opened.page.locator(".curve-line.val").first.get_attribute("d")))


def column(opened, name):
    return opened.state("fovs")["rows"].get(name)


CAMERA = """async ([zoomed]) => {
  const stage = (await import("./stage/stage.js")).stages()[0];
  if (!stage?.scene) return null;
  if (zoomed) stage.setCamera({ ...stage.camera, zoom: stage.camera.zoom + 1, target: [30, 40, 0] });
  return [stage.scene.header.fov_id, stage.camera];
}"""
"""The FOV on the stage and its camera, which may be moved before."""


@pytest.fixture
def real(tmp_path, write_tables):
    """A run that has just begun, and its prepared tables; it validates ``a_0, b_0, a_1, b_1`` and trains on ``a_2``."""
    tables = write_tables(tmp_path / "tables", {"a": 3, "b": 2})
    made = FakeTraining(tmp_path / "run", ["a_0", "b_0", "a_1", "b_1"])
    with locked(made.folder):
        yield made, tables


def test_a_new_best_appears_by_itself_and_nothing_else_changes(viewer, real):
    (training, tables), followed = real, viewer(real[0].folder)
    followed.page.click("#tab-training")
    followed.page.locator(".live-progress", has_text="0 of 10 epochs").wait_for()
    training.record(tables=str(tables))
    training.epoch(0.9, 0.25)
    training.epoch(0.6, 0.5)
    until(lambda: followed.state("epoch") == 1)
    until(lambda: followed.state("fov") == 0)
    followed.page.evaluate("window.locgraph.state.set({ fov: 3, selection: new Set([0, 2]) })")
    until(lambda: (followed.page.evaluate(CAMERA, [False]) or [None])[0] == "b_0")
    camera = followed.page.evaluate(CAMERA, [True])
    assert points(followed) == 2
    assert column(followed, "fov_id") == ["a_0", "a_1", "a_2", "b_0", "b_1"]
    until(lambda: column(followed, "prediction") == ["a", "b", None, "b", "a"])
    assert column(followed, "correct") == [True, False, None, True, False]

    training.epoch(0.7, 0.75)  # not the best
    until(lambda: points(followed) == 3)
    assert followed.state("epoch") == 1
    training.epoch(0.3, 1.0)
    until(lambda: followed.state("epoch") == 3)
    until(lambda: column(followed, "prediction") == ["a", "a", None, "b", "b"])

    assert column(followed, "label") == ["a", "a", "a", "b", "b"]
    assert column(followed, "probability") == [0.8, 0.8, None, 0.7, 0.7]
    assert followed.state("fov") == 3
    assert followed.state("selection") == [0, 2]
    assert followed.page.evaluate(CAMERA, [False]) == camera
    assert followed.page.locator(".live-news").text_content() == "New best val/loss: 0.300 at epoch 3."
    assert "best 0.3 · epoch 3" in followed.page.locator(".curve-best").first.text_content()
    assert followed.page.locator(".live-epoch").text_content() == "epoch 3"
    assert "4 of 10 epochs" in followed.page.locator(".live-progress").text_content()

    followed.page.get_by_role("button", name="Latest").click()
    training.epoch(0.9, 0.5)
    until(lambda: followed.state("epoch") == 4)
    followed.page.get_by_role("button", name="Hold").click()
    training.epoch(0.1, 0.75)
    until(lambda: points(followed) == 6)
    assert followed.state("epoch") == 4
    followed.page.get_by_role("button", name="Best").click()
    until(lambda: followed.state("epoch") == 5)
    followed.page.get_by_label("Score of the best epoch").select_option("val/accuracy")
    until(lambda: followed.state("epoch") == 3)

    followed.page.click("#tab-map")
    notes = followed.page.locator(".map-notes", has_text="Epoch 3: validation FOVs")
    notes.wait_for()
    training.epoch(0.05, 1.0)
    training.epoch(0.04, 0.75)
    followed.page.evaluate("window.locgraph.state.set({ epoch: 7 })")
    followed.page.locator(".map-notes", has_text="Epoch 7: validation FOVs").wait_for()
    assert followed.state("fov") == 3
    assert followed.state("selection") == [0, 2]
    assert followed.complaints == []


def test_epochs_are_chosen_by_slider_curve_table_and_keys_and_played(followed, training):
    page = followed.page
    training.epoch(0.5, 0.75)
    until(lambda: followed.state("epoch") == 2)
    slider = page.get_by_label("Epoch", exact=True)
    slider.press("Home")
    until(lambda: followed.state("epoch") == 0)
    assert slider.get_attribute("aria-valuetext") == "epoch 0"
    assert page.get_by_role("button", name="Hold").get_attribute("aria-pressed") == "true"
    drawing = page.locator(".curve-drawing").first
    drawing.press("ArrowRight")
    assert page.locator(".curves [role=status]").first.text_content() == "Epoch 1: training 0.54, validation 0.6"
    drawing.press("Enter")
    until(lambda: followed.state("epoch") == 1)
    box = drawing.bounding_box()
    drawing.click(position={"x": box["width"] - 16, "y": 20})
    until(lambda: followed.state("epoch") == 2)
    assert "latest 0.5, best 0.5 at epoch 2" in drawing.get_attribute("aria-label")
    line = page.locator(".curve-line.val").first
    linear = line.get_attribute("d")
    page.get_by_role("button", name="Logarithmic scale of the loss").click()
    until(lambda: line.get_attribute("d") != linear)
    page.get_by_role("button", name="Table").click()
    page.get_by_role("button", name="Show epoch 0").click()
    until(lambda: followed.state("epoch") == 0)
    assert page.locator(".live-table tr[aria-current]").count() == 1
    page.get_by_role("button", name="Play the epochs").click()
    until(lambda: followed.state("epoch") == 2)
    page.get_by_role("button", name="Play the epochs").wait_for()

    training.finish()
    page.locator(".live-state[data-state=completed]").wait_for()
    page.get_by_role("button", name="Final").click()
    until(lambda: followed.state("epoch") is None)
    until(lambda: column(followed, "prediction") is None)  # this source has none of its own
    page.get_by_label("Epoch", exact=True).press("ArrowLeft")
    until(lambda: column(followed, "prediction") is not None)
    assert followed.complaints == []


def test_a_sweep_shows_all_folds_and_the_one_that_is_chosen(viewer, tmp_path):
    sweep = tmp_path / "sweep"
    for fold, loss in ((0, 0.5), (1, 0.4), (3, 0.7)):
        made = FakeTraining(sweep / str(fold), fold=fold, callback=fold < 3)
        made.epoch(0.9)
        made.epoch(loss)
        if fold < 3:
            made.finish()
    (sweep / "jobs.json").write_text(json.dumps({"jobs": [[f"fold.index={fold}"] for fold in range(4)]}))
    source = Trained(sweep)
    source.kind = "sweep"
    opened = viewer(source)
    opened.page.click("#tab-folds")
    cards = opened.page.locator(".live-fold")
    until(lambda: cards.count() == 4)
    assert "best 0.4 · epoch 1" in cards.nth(1).text_content()
    assert "not started" in cards.nth(3).text_content()
    cards.nth(1).click()
    opened.page.click("#tab-training")
    until(lambda: opened.page.get_by_label("Run").input_value() == "1")
    opened.page.get_by_label("Epoch", exact=True).press("Home")
    until(lambda: opened.state("epoch") == 0)
    until(lambda: column(opened, "fold") == [1, 1, 1, 1, None])

    # one that was killed, and was trained without the callback
    opened.page.get_by_label("Run").select_option("2")
    note = opened.page.locator(".live .note", has_text="train with callbacks=live")
    note.wait_for()
    assert "ended without a word" in note.text_content()
    assert points(opened) == 2
    assert not opened.page.locator(".live-slider").is_visible()
    assert opened.state("epoch") is None
    assert opened.complaints == []


def free_port():
    """A port that nobody is likely to take meanwhile, unlike those that the viewer takes by itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_server_that_was_away_is_listened_to_again_and_another_one_is_not(browser, training, session):
    shown, settings = session(Trained(training.folder)), ServerSettings(port=free_port())
    opened = Page(browser)
    page = opened.page
    with Viewer(shown, settings) as server:
        page.goto(server.launch_url)
        until(lambda: opened.state("epoch") == 1)
    training.epoch(0.2, 1.0)
    again = Viewer(shown, settings)
    again._access.token = server._access.token
    page.locator(".notice", has_text="does not answer. The page tries again").wait_for()
    with again:
        page.locator(".notice", has_text="answers again").wait_for()
        assert page.locator(".notice", has_text="does not answer").count() == 0
        until(lambda: opened.state("epoch") == 2)
        assert [text for text in opened.complaints if "ERR_" not in text] == []
    with Viewer(shown, settings):
        page.locator(".notice", has_text="expected the address that the viewer printed").wait_for()
        opened.close()
