"""One annotator at work: steps in the file, undo, progress, order, blindness, and files that vanish."""

import os
import signal
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from builders.annotating import CLASSES, OpenedTables, grid, lasso, make_annotating, names, step, undo
from locgraph.errors import ConfigError, DataError
from locgraph.io.annotations.regions import regions_to_rows
from locgraph.io.annotations.table import append_annotations, read_annotations, read_history
from locgraph.provenance import file_digest
from locgraph.viewer.annotating import NotKeptError
from locgraph.viewer.annotation.statements import StepError
from locgraph.viewer.opened import NotThereError

WRITE = """
import json, sys
from pathlib import Path
from builders.annotating import lasso, make_annotating
annotating = make_annotating(Path(sys.argv[1]), sys.argv[2])
for _ in range(int(sys.argv[3])):
    reply = annotating.append(lasso(annotator=sys.argv[2], points=[[0, 0], [9, 0], [9, 9]]), annotating.opened.scene)
    print(reply["annotation_id"], flush=True)
"""


@pytest.fixture
def annotating(tmp_path):
    return make_annotating(tmp_path)


def say(annotating, **values):
    return annotating.append(step(annotating.annotator, **values), annotating.opened.scene)


def draw(annotating, **values):
    return annotating.append(lasso(annotator=annotating.annotator, **values), annotating.opened.scene)


def seen(annotating, index=0):
    return annotating.state(index, lambda: annotating.opened.scene(index))


def shown(annotating, index=0, dimensions=2):
    """Positions and codes of the localisations that have a class."""
    content = annotating.labelled(index, lambda: annotating.opened.scene(index))
    n = len(content) // (4 * dimensions + 1)
    positions = np.frombuffer(content[: 4 * dimensions * n], "<f4").reshape(n, dimensions)
    return positions, np.frombuffer(content[4 * dimensions * n :], np.uint8)


def test_a_class_is_in_the_file_when_the_answer_comes(annotating):
    answer = say(annotating, fov_id="wt/2", label="diseased")
    row = read_annotations(annotating.path).row(0, named=True)
    assert (row["fov_id"], row["target"], row["label"]) == ("wt/2", "fov", "diseased")
    assert (row["annotator"], row["tool"], row["annotation_id"]) == ("Ada", "key", answer["annotation_id"])
    assert (answer["fov"], answer["state"], answer["label"]) == (2, "labelled", "diseased")
    assert answer["progress"]["done"] == 1
    assert answer["progress"]["by_class"] == {"healthy": 0, "diseased": 1}
    assert answer["progress"]["next"] == 3


def test_the_last_word_counts_and_no_class_is_a_word(annotating):
    say(annotating, label="healthy")
    assert say(annotating, label="diseased")["progress"]["by_class"] == {"healthy": 0, "diseased": 1}
    answer = say(annotating, label=None)
    assert (answer["state"], answer["label"]) == ("unsure", None)
    assert (answer["progress"]["done"], answer["progress"]["unsure"], answer["progress"]["labelled"]) == (1, 1, 0)
    assert read_annotations(annotating.path).height == 3


def test_regions_are_kept_in_the_coordinates_of_the_raw_file(tmp_path):
    opened = OpenedTables({"wt/0": grid(origin=(1e6 + 0.125, -4e5))})
    annotating = make_annotating(tmp_path, opened=opened)
    corners = [[-20.0, -20.0], [20.5, -20.0], [20.0, 20.0]]
    draw(annotating, points=corners)
    row = read_annotations(annotating.path).row(0, named=True)
    centre = np.array([1e6 + 45.125, -4e5 + 45.0])  # of the grid, 0 to 90 nm
    np.testing.assert_array_equal(np.stack([row["x"], row["y"]], axis=1), np.array(corners) + centre)
    assert (row["target"], row["tool"], row["radius"]) == ("region", "lasso", None)
    assert seen(annotating)["statements"][0]["points"] == corners


def test_localisations_in_a_region_are_shown_at_once_and_later_words_override(annotating):
    draw(annotating)  # within 20 nm of the centre: 4 x 4 of the grid, at 5 and 15 nm from it
    positions, codes = shown(annotating)
    assert np.abs(positions).max() == 15
    assert (len(positions), codes.tolist()) == (16, [1] * 16)

    draw(annotating, label="diseased", points=[[0.0, -20.0], [20.0, -20.0], [20.0, 20.0], [0.0, 20.0]])
    positions, codes = shown(annotating)
    np.testing.assert_array_equal(codes, np.where(positions[:, 0] > 0, 2, 1))

    draw(annotating, label=None, tool="brush", points=[[5.0, 5.0]], radius=1.0)
    assert len(shown(annotating)[1]) == 15
    assert annotating.progress()["marked"] == 1


def test_a_brush_a_point_and_a_cluster_mean_what_they_touch(annotating):
    draw(annotating, tool="brush", points=[[-45.0, -45.0], [45.0, -45.0]], radius=1.0)
    assert shown(annotating)[0][:, 1].tolist() == [-45.0] * 10
    draw(annotating, target="point", label="diseased", tool="point", points=[[6.0, 5.0]], radius=8.0)
    positions, codes = shown(annotating)
    assert positions[codes == 2].tolist() == [[5.0, 5.0]]

    say(annotating, target="cluster", label="diseased", tool="click", cluster_id=1)
    row = read_annotations(annotating.path).row(2, named=True)
    assert (row["cluster_id"], row["x"], row["y"]) == (1, [70.0], [45.0])
    positions, codes = shown(annotating)
    assert (positions[codes == 2][:, 0] > 0).all()
    assert (codes == 2).sum() == 50


def test_positions_in_3d_keep_their_depth(tmp_path):
    table = grid().with_columns(z=pl.col("x") * 2)
    annotating = make_annotating(tmp_path, opened=OpenedTables({"wt/0": table}))
    draw(annotating)
    positions, codes = shown(annotating, dimensions=3)
    assert len(codes) == 16
    np.testing.assert_array_equal(positions[:, 2], positions[:, 0] * 2)


def test_undo_and_redo_are_rows_and_follow_from_the_file_alone(tmp_path):
    annotating = make_annotating(tmp_path)
    first, second = say(annotating, fov_id="wt/0"), say(annotating, fov_id="wt/1", label="diseased")
    answer = annotating.undo(undo())
    assert (answer["fov"], answer["state"], answer["can_undo"], answer["can_redo"]) == (1, "to do", True, True)
    answer = annotating.undo(undo())
    assert (answer["fov"], answer["can_undo"], answer["progress"]["done"]) == (0, False, 0)
    with pytest.raises(StepError, match="nothing to undo: Ada has no such step"):
        annotating.undo(undo())

    again = make_annotating(tmp_path)  # as after a crash
    assert again.undo(undo(redo=True))["fov"] == 0
    answer = again.undo(undo(redo=True))
    assert (answer["fov"], answer["label"], answer["can_redo"]) == (1, "diseased", False)
    with pytest.raises(StepError, match="nothing to redo"):
        again.undo(undo(redo=True))
    history = read_history(annotating.path)
    assert history.height == 6
    assert history["removes"].to_list()[:4] == [None, None, second["annotation_id"], first["annotation_id"]]
    assert again.own()["annotation_id"].to_list() == [first["annotation_id"], second["annotation_id"]]

    again.undo(undo())
    say(again, fov_id="wt/3")
    assert not seen(again)["can_redo"], "a new step ends what could be done again"


def test_undo_takes_back_the_last_statement_whatever_was_undone_before(annotating):
    for label in ("healthy", "diseased", "healthy"):
        say(annotating, label=label)
    annotating.undo(undo())
    annotating.undo(undo(redo=True))
    annotating.undo(undo())
    annotating.undo(undo())
    assert seen(annotating)["label"] == "healthy"
    assert annotating.own().height == 1


def test_a_step_that_is_sent_twice_is_kept_once(annotating):
    body = step()
    answers = [annotating.append(body, annotating.opened.scene) for _ in range(2)]
    assert answers[0] == answers[1]
    back = undo()
    assert annotating.undo(back) == annotating.undo(back)
    assert read_history(annotating.path).height == 2


def test_nobody_sees_what_others_say(tmp_path):
    ada, bob = make_annotating(tmp_path, "Ada"), make_annotating(tmp_path, "Bob")
    body = lasso()
    ada.append(body, ada.opened.scene)
    say(ada, label="diseased")
    assert seen(bob) | {"can_undo": False} == seen(make_annotating(tmp_path / "empty", "Bob"))
    assert bob.progress() == make_annotating(tmp_path / "empty", "Bob").progress()
    assert bob.states() == ["to do"] * 4
    assert shown(bob)[1].tolist() == []
    with pytest.raises(StepError, match="nothing to undo: Bob"):
        bob.undo(undo("Bob"))
    with pytest.raises(StepError, match="expected a new one, found one that is used") as error:
        bob.append(step("Bob", annotation_id=body["annotation_id"]), bob.opened.scene)
    assert "Ada" not in str(error.value)
    say(bob, label="healthy")
    assert (seen(ada)["label"], seen(bob)["label"]) == ("diseased", "healthy")


def test_others_are_shown_where_that_is_asked_for(tmp_path):
    ada, bob = make_annotating(tmp_path), make_annotating(tmp_path, "Bob", blind=False)
    draw(ada)
    assert "others" not in seen(ada)
    (other,) = seen(bob)["others"]
    assert (other["annotator"], other["tool"], len(other["points"])) == ("Ada", "lasso", 4)
    assert seen(bob)["statements"] == []


def run_writer(folder, annotator, steps):
    return subprocess.Popen(
        [sys.executable, "-c", WRITE, str(folder), annotator, str(steps)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_processes_that_write_to_one_file_keep_all_rows(tmp_path):
    writers = [run_writer(tmp_path, annotator, 15) for annotator in ("Ada", "Bob")]
    replies = [writer.communicate(timeout=100)[0].split() for writer in writers]
    table = read_annotations(tmp_path / "annotations.parquet")
    for annotator, own in zip(("Ada", "Bob"), replies, strict=True):
        assert len(own) == 15
        assert table.filter(pl.col("annotator") == annotator)["annotation_id"].to_list() == own


def test_a_killed_process_loses_no_step_that_it_answered(tmp_path):
    writer = run_writer(tmp_path, "Ada", 100_000)
    answered = [writer.stdout.readline().strip() for _ in range(5)]
    writer.send_signal(signal.SIGKILL)
    answered += writer.communicate(timeout=100)[0].split()
    kept = make_annotating(tmp_path).own()["annotation_id"].to_list()
    assert kept[: len(answered)] == answered
    assert len(kept) <= len(answered) + 1, "at most the step whose answer was on its way"


def test_a_file_that_vanishes_is_said_and_nothing_is_started_anew(annotating):
    say(annotating)
    moved = annotating.path.rename(annotating.path.with_name("moved.parquet"))
    with pytest.raises(NotKeptError, match=r"annotations.parquet is gone, with 1 annotations: put it back"):
        say(annotating, fov_id="wt/1")
    assert not annotating.path.exists()
    moved.rename(annotating.path)
    assert say(annotating, fov_id="wt/1")["progress"]["done"] == 2


def test_a_file_that_is_no_table_is_left_as_it_is(tmp_path):
    (tmp_path / "annotations.parquet").write_text("x,y\n")
    with pytest.raises(DataError, match="expected a table of annotations; it cannot be read"):
        make_annotating(tmp_path)
    assert (tmp_path / "annotations.parquet").read_text() == "x,y\n"


def test_classes_are_those_of_the_source_and_of_the_file(tmp_path):
    opened = OpenedTables(dict.fromkeys(names(3), grid()), label=["wt", None, "mutant"])
    assert make_annotating(tmp_path, opened=opened, classes=None).classes == ("mutant", "wt")
    append_annotations(tmp_path / "annotations.parquet", [step(label="odd") | {"annotator": "Bob"}])
    assert make_annotating(tmp_path, opened=opened, classes=None).classes == ("mutant", "wt", "odd")
    assert make_annotating(tmp_path, classes=None).classes == ("odd",)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"classes": None}, r"classes: tables of a test has no classes, .* no labels: name the classes"),
        ({"classes": []}, "classes: expected a list of 1 to 100 names"),
        ({"classes": "healthy"}, "classes: expected a list of 1 to 100 names"),
        ({"classes": ["a", " a"]}, "classes: expected names that differ, found 'a' twice"),
        ({"classes": ["a", "b\nc"]}, "classes: expected a name of 1 to 100 characters"),
        ({"annotator": "  "}, "annotator: expected a name of 1 to 100 characters without line breaks, found '  '"),
        ({"annotator": "a" * 101}, "annotator: expected a name of 1 to 100 characters"),
        ({"order": "best"}, "order: expected one of given, random, uncertainty, typicality, disagreement"),
        ({"order": "uncertainty"}, "order: order=uncertainty needs predictions of the FOVs: set suggestions"),
        ({"blind": "yes"}, "blind: expected true or false"),
        ({"order": "random", "seed": -1}, "seed: expected a whole number of at least 0"),
    ],
)
def test_settings_that_cannot_work(tmp_path, settings, message):
    with pytest.raises(ConfigError, match=message):
        make_annotating(tmp_path, **settings)


def test_names_of_classes_may_be_numbers_or_html(tmp_path):
    annotating = make_annotating(tmp_path, classes=[1, "<b>x</b>"])
    assert annotating.classes == ("1", "<b>x</b>")
    assert say(annotating, label="<b>x</b>")["label"] == "<b>x</b>"


def predicted(**columns):
    base = {"fov_id": names(4), "prediction": ["healthy", "other", "healthy", "diseased"]}
    return pl.DataFrame(base | {"p_healthy": [0.99, 0.5, 0.6, 0.2], "p_diseased": [0.01, 0.5, 0.4, 0.8]} | columns)


def test_orders(tmp_path):
    def order(name, **settings):
        return make_annotating(tmp_path, order=name, **settings).order

    assert order("given") == [0, 1, 2, 3]
    random = order("random", seed=3)
    assert sorted(random) == [0, 1, 2, 3]
    assert random == make_annotating(tmp_path, "Bob", order="random", seed=3).order, "one order for all annotators"
    assert any(order("random", seed=seed) != random for seed in range(4))
    uncertain = order("uncertainty", predictions=predicted())
    assert uncertain[0] == 1
    assert uncertain[-1] == 0, "the surest last"
    assert order("typicality", predictions=predicted(typicality=[0.0, -3.0, None, 0.5])) == [1, 0, 3, 2]
    assert order("disagreement", predictions=predicted(disagreement=[0.1, 0.0, None, 0.7])) == [3, 0, 1, 2]
    assert order("uncertainty", predictions=predicted()[2:])[2:] == [0, 1], "those without a prediction last"


def test_orders_that_the_predictions_cannot_give(tmp_path):
    with pytest.raises(ConfigError, match="order=disagreement needs several networks that predict the same FOV"):
        make_annotating(tmp_path, order="disagreement", predictions=predicted())
    with pytest.raises(ConfigError, match="suggestions: expected predictions of these FOVs; found those of others"):
        make_annotating(tmp_path, order="uncertainty", predictions=predicted(fov_id=["a", "b", "c", "d"]))


def test_suggestions_are_there_for_pages_that_ask(tmp_path):
    annotating = make_annotating(tmp_path, predictions=predicted())
    assert annotating.described()["suggestions"]
    assert seen(annotating, 0)["suggestion"] == {
        "label": "healthy",
        "probabilities": {"healthy": 0.99, "diseased": 0.01},
        "can_accept": True,
    }
    assert not seen(annotating, 1)["suggestion"]["can_accept"], "no class of this annotator"
    assert seen(make_annotating(tmp_path), 0)["suggestion"] is None
    assert read_history(annotating.path).is_empty() if annotating.path.exists() else True


def test_next_is_what_is_left_in_the_order_and_starts_again_at_its_end(annotating):
    say(annotating, fov_id="wt/1")
    assert annotating.progress()["next"] == 0
    assert annotating.progress(0)["next"] == 2
    assert annotating.progress(3)["next"] == 0
    for fov_id in names(4):
        answer = say(annotating, fov_id=fov_id)
    assert answer["progress"]["next"] is None
    assert (answer["progress"]["done"], answer["progress"]["left"]) == (4, 0)


def test_fovs_that_cannot_be_shown_are_left_out(tmp_path):
    opened = OpenedTables(dict.fromkeys(names(3), grid()), problem=[None, "it is empty", None])
    annotating = make_annotating(tmp_path, opened=opened)
    assert annotating.order == [0, 2]
    assert annotating.progress(0)["next"] == 2
    assert annotating.progress()["total"] == 2
    with pytest.raises(StepError, match="wt/1 cannot be annotated: it is empty"):
        say(annotating, fov_id="wt/1")
    with pytest.raises(NotThereError, match="expected a FOV from 0 to 2; found 3"):
        seen(annotating, 3)


def test_a_source_without_any_fov_to_show(tmp_path):
    opened = OpenedTables(dict.fromkeys(names(2), grid()), problem=["its tables are gone"] * 2)
    with pytest.raises(DataError, match="expected FOVs that can be shown, found none of 2: its tables are gone"):
        make_annotating(tmp_path, opened=opened)


def test_statements_of_other_fovs_do_not_count(annotating):
    append_annotations(annotating.path, [step(fov_id="elsewhere")])
    assert annotating.progress()["done"] == 0
    assert annotating.undo(undo())["fov"] is None


def test_the_raw_file_is_named_by_its_digest(tmp_path):
    raw = tmp_path / "a.csv"
    raw.write_text("x,y\n")
    opened = OpenedTables(dict.fromkeys(names(3), grid()), path=[str(raw), str(tmp_path / "gone"), None])
    annotating = make_annotating(tmp_path, opened=opened)
    for fov_id in names(3):
        say(annotating, fov_id=fov_id)
    assert annotating.own()["data_fingerprint"].to_list() == [file_digest(raw), None, None]


def test_what_a_page_is_told_first(annotating):
    about = annotating.described()
    assert about["classes"] == CLASSES
    assert (about["annotator"], about["blind"], about["order"], about["sequence"]) == (
        "Ada",
        True,
        "given",
        [0, 1, 2, 3],
    )
    assert about["key"] != make_annotating(annotating.path.parent, "Bob").described()["key"]
    assert about["key"] == make_annotating(annotating.path.parent).described()["key"]


def test_a_large_fov_is_labelled_as_if_all_of_it_were_looked_at(tmp_path):
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 1e4, (150_000, 2))
    opened = OpenedTables({"wt/0": pl.DataFrame({"x": points[:, 0], "y": points[:, 1]})})
    scene = opened.scene(0)
    opened.scene = lambda index: scene
    assert len(scene.levels.level) > 1, "several nodes"
    annotating = make_annotating(tmp_path, opened=opened)
    expected = np.zeros(len(points))
    for label, tool, corners, radius in (
        (1, "lasso", [[-3000, -3000], [3000, -2000], [0, 2500]], None),
        (2, "brush", [[-4000, 0], [4000, 100]], 300),
        (0, "polygon", [[0, -500], [2000, -500], [2000, 500], [0, 500]], None),
    ):
        draw(annotating, label=[None, *CLASSES][label], tool=tool, points=corners, radius=radius)
        row = annotating.own().row(-1, named=True)
        expected[regions_to_rows(points, row["x"], row["y"], radius, tool)] = label
        positions, codes = shown(annotating)
        assert np.bincount(codes, minlength=3).tolist() == [0, *[(expected == each).sum() for each in (1, 2)]]
    annotating.undo(undo())
    assert len(shown(annotating)[1]) > len(positions)
