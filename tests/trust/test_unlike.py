"""FOVs unlike those of training, as columns and warnings."""

import json

import numpy as np
import polars as pl
import pytest

from builders.fovs import SITES, draw_points, write_tables
from locgraph.errors import DataError
from locgraph.trust.measures import Measures, measure_fovs
from locgraph.trust.unlike import UnlikeFovs

NAMES = list(SITES)


def measured(folder, clouds: list[np.ndarray]) -> Measures:
    """Measures of FOVs ``fov_0``, ``fov_1``, ..."""
    fovs = {f"fov_{index}": points for index, points in enumerate(clouds)}
    precision = {name: np.random.default_rng(len(points)).uniform(5, 7, len(points)) for name, points in fovs.items()}
    return measure_fovs(write_tables(folder, fovs, precision=precision), fovs)


def vectors(n: int, offset: float = 0.0) -> pl.DataFrame:
    """Vectors of the same FOVs, rows in another order."""
    rng = np.random.default_rng(n)
    values = rng.normal(size=(n, 6)) + 4.0 * (np.arange(n) % 2)[:, None] + offset
    columns = {f"v_{index}": column for index, column in enumerate(values.T)}
    return pl.DataFrame({"fov_id": [f"fov_{index}" for index in range(n)]} | columns).reverse()


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> Measures:
    rng = np.random.default_rng(0)
    return measured(tmp_path_factory.mktemp("tables"), [draw_points(SITES[NAMES[i % 2]], rng) for i in range(80)])


@pytest.fixture(scope="module")
def unlike_fovs(training) -> UnlikeFovs:
    labels = {f"fov_{index}": NAMES[index % 2] for index in range(80)}
    return UnlikeFovs.fit(training, vectors(80), [f"fov_{index}" for index in range(0, 80, 3)], labels)


def test_unlike_fovs_are_marked_and_named_with_reasons(unlike_fovs, tmp_path):
    rng = np.random.default_rng(1)
    clouds = [draw_points(SITES[NAMES[index % 2]], rng) for index in range(4)]
    clouds[2] = 1000.0 * clouds[2]
    clouds[3] = rng.random((110, 2)) * 130.0
    judged = unlike_fovs.judge(measured(tmp_path, clouds), vectors(4), 0.05)

    assert judged.table["fov_id"].to_list() == ["fov_0", "fov_1", "fov_2", "fov_3"]
    assert judged.table["unlike"].to_list() == [False, False, True, True]
    assert [len(words) > 0 for words in judged.table["unlike_reasons"]] == [False, False, True, True]
    assert (judged.table["typicality_p"] <= 0.05).to_list() == judged.table["unlike"].to_list()
    first, *others = judged.sentences()
    assert first.startswith("2 of 4 FOVs are unlike those of the training (of FOVs like them up to 5% would be ")
    assert "called so): fov_2 (extent " in first
    assert "other units?" in first
    assert "in the nearest class" in first
    assert all("of 4 FOVs" in sentence for sentence in others)


def test_all_typical_gives_no_warning(unlike_fovs, tmp_path):
    rng = np.random.default_rng(2)
    measures = measured(tmp_path, [draw_points(SITES[NAMES[index % 2]], rng) for index in range(6)])
    judged = unlike_fovs.judge(measures, vectors(6), 1e-9)
    assert judged.sentences() == ()
    assert judged.table["unlike"].to_list() == [False] * 6
    assert judged.table["unlike_reasons"].to_list() == [[]] * 6


def test_twenty_times_denser_data_are_unlike_by_density_alone(unlike_fovs, tmp_path):
    rng = np.random.default_rng(3)
    clouds = [draw_points(SITES[NAMES[index % 2]], rng, n=2200) for index in range(3)]
    judged = unlike_fovs.judge(measured(tmp_path, clouds), vectors(3), 0.05)
    assert judged.table["unlike"].all()
    assert any("n_localisations" in sentence for sentence in judged.sentences())


def test_plain_values_are_json_and_make_it_again(unlike_fovs, training):
    again = UnlikeFovs.from_plain(json.loads(json.dumps(unlike_fovs.to_plain())))
    here, there = (each.judge(training, vectors(80), 0.05) for each in (unlike_fovs, again))
    assert here.table.equals(there.table)
    assert here.sentences() == there.sentences()


def test_one_training_fov_leaves_ranges_and_states_it(training):
    unlike_fovs = UnlikeFovs.fit(training.select(["fov_0"]), vectors(80), [], {"fov_0": "square"})
    (note,) = unlike_fovs.notes
    assert note == (
        "unlike FOVs are told by ranges alone: expected at least 10 FOVs to tell which are unlike them, found 1"
    )
    judged = UnlikeFovs.from_plain(unlike_fovs.to_plain()).judge(training.select(["fov_0"]), vectors(80), 0.05)
    assert judged.table.row(0) == ("fov_0", None, None, False, [])


def test_without_vectors_and_without_fovs(training, tmp_path):
    labels = dict.fromkeys(training.fovs["fov_id"], None)
    unlike_fovs = UnlikeFovs.fit(training, None, ["fov_0"], labels)
    assert "by measures alone" in unlike_fovs.notes[0]
    assert unlike_fovs.judge(training, None, 0.05).table["unlike"].sum() <= 8
    assert unlike_fovs.judge(measure_fovs(tmp_path, []), None, 0.05).table.height == 0


def test_a_fov_without_vector_is_an_error(unlike_fovs, training):
    with pytest.raises(DataError, match="expected one vector of each FOV, found 40 of 80 FOVs"):
        unlike_fovs.judge(training, vectors(40), 0.05)
