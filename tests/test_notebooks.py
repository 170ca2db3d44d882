"""Notebooks run on simulated data, and are kept without outputs."""

import json
from pathlib import Path

import pytest

from locgraph.commands.app import launch

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
    if path.stem == "quickstart":
        assert names["figure"].axes
        assert names["doubtful"].height == 5
