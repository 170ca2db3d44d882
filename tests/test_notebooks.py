"""Notebooks run on simulated data, and are kept without outputs."""

import json
from pathlib import Path

import polars as pl
import pytest

from locgraph.cli.app import launch

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def cells_of(path):
    return [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A folder in which a small ``experiment=demo`` was run."""
    folder = tmp_path_factory.mktemp("notebooks")
    overrides = ["simulation.fovs_per_class=9", "views.count=1", "fold.n_folds=3", "trainer.max_epochs=1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        launch("train", ["experiment=demo", "executor=serial", *overrides])
    return folder


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_holds_no_outputs(path):
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells_of(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_from_top_to_bottom(path, demo, monkeypatch):
    monkeypatch.chdir(demo)
    names = {}
    for cell in cells_of(path):
        exec("".join(cell["source"]), names)
    SAYS_WHAT_ITS_TEXT_SAYS[path.stem](names)


def shows_the_doubtful(names):
    assert names["figure"].axes
    assert names["doubtful"].height == 5


def predicts_new_files(names):
    predicted = dict(names["predictions"].select("fov_id", "prediction").iter_rows())
    assert predicted == {
        "unknown_a": "control",
        "unknown_b": "treated",
        "unknown_c": "control",
        "unknown_d": "treated",
    }


def finds_what_was_planted(names):
    found = names["found"]
    assert found["planted"].unique().to_list() == [4]
    mean = dict(found.group_by("explainer").agg(pl.col("found").mean()).iter_rows())
    assert mean["subgraphx"] > 3.5
    assert mean["subgraphx"] >= mean["occlusion"] > mean["random"]
    assert names["worst"] in set(found["fov_id"])


def tells_the_models_apart(names):
    pooled = names["pooled"]
    assert pooled["model=invariantnet"]["low"] > pooled["model=clustermlp"]["high"]
    assert names["both"].height == 90
    assert names["both"].null_count().sum_horizontal().item() == 0
    reports = list(names["sweep"].rglob("report.html"))
    assert [path.parent.name for path in sorted(reports)] == ["model=clustermlp", "model=invariantnet"]


SAYS_WHAT_ITS_TEXT_SAYS = {
    "quickstart": shows_the_doubtful,
    "bring_your_own_data": predicts_new_files,
    "reading_an_explanation": finds_what_was_planted,
    "comparing_models": tells_the_models_apart,
}
