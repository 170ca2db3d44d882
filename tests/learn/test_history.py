"""The history of a run that was interrupted."""

import polars as pl
import pytest

from locgraph.learn.history import join, read_history, set_aside


@pytest.fixture
def log(tmp_path):
    """Writes metrics.csv anew, as Lightning's logger does; values are known by their step and the part of the run."""

    def log(part, steps, **more):
        pl.DataFrame({"step": steps, "loss": [step + part / 10 for step in steps]} | more).write_csv(
            tmp_path / "metrics.csv"
        )

    return log


def test_uninterrupted(tmp_path, log):
    set_aside(tmp_path)
    log(1, [0, 1, 2])
    join(tmp_path)

    assert read_history(tmp_path)["loss"].to_list() == [0.1, 1.1, 2.1]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


@pytest.mark.parametrize(("first", "kept"), [(2, [0.1, 1.1]), (3, [0.1, 1.1, 2.1]), (0, [])])
def test_steps_done_again_count_as_they_were_done_last(first, kept, tmp_path, log):
    log(1, [0, 1, 2])
    set_aside(tmp_path)
    log(2, [first, first + 1], accuracy=[0.5, 1.0])
    join(tmp_path)

    found = read_history(tmp_path)
    assert found["loss"].to_list() == [*kept, first + 0.2, first + 1.2]
    assert found["accuracy"].to_list() == [None] * len(kept) + [0.5, 1.0]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_interrupted_twice(tmp_path, log):
    log(1, [0, 1, 2])
    set_aside(tmp_path)
    log(2, [2, 3, 4])
    set_aside(tmp_path)
    log(3, [4, 5])
    join(tmp_path)

    assert read_history(tmp_path)["loss"].to_list() == [0.1, 1.1, 2.2, 3.2, 4.3, 5.3]


def test_interrupted_before_anything_new_was_written(tmp_path, log):
    log(1, [0, 1])
    set_aside(tmp_path)
    set_aside(tmp_path)
    (tmp_path / "metrics.csv").unlink()
    join(tmp_path)

    assert read_history(tmp_path)["loss"].to_list() == [0.1, 1.1]


def test_no_history(tmp_path):
    set_aside(tmp_path)
    join(tmp_path)

    assert read_history(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
