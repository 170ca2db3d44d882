"""Notebooks run from top to bottom, show what their text says, and are kept without outputs."""

import ast
import json
from pathlib import Path

import polars as pl
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_of(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@every_notebook
def test_holds_no_outputs(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@every_notebook
def test_uses_the_public_interface(path):
    imported = set()
    for node in ast.walk(ast.parse("\n".join(code_of(path)))):
        if isinstance(node, ast.ImportFrom):
            imported.add(node.module)
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    ours = {name for name in imported if name.partition(".")[0] == "locgraph"}
    assert "locgraph" in ours
    assert ours <= {"locgraph", "locgraph.cli.main", "locgraph.errors"}


@pytest.mark.slow
@every_notebook
def test_shows_what_its_text_says(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    for code in code_of(path):
        exec(code, names)
    CHECKS[path.stem](names)


def check_quickstart(names):
    assert names["run"].metrics()["test"]["accuracy"] > 0.5
    assert names["doubtful"].height == names["predictions"].height == 5
    assert names["figure"].axes


def check_own_data(names):
    predicted = dict(names["predictions"].select("fov_id", "prediction").iter_rows())
    assert predicted == {
        "unknown_a": "control",
        "unknown_b": "treated",
        "unknown_c": "control",
        "unknown_d": "treated",
    }


def check_explanation(names):
    hits = names["hits"]
    assert hits["planted"].unique().to_list() == [4]
    mean = dict(hits.group_by("explainer").agg(pl.col("hits").mean()).iter_rows())
    assert mean["subgraphx"] > 3.5
    assert mean["subgraphx"] >= mean["occlusion"] > mean["random"]
    assert names["worst"] in set(hits["fov_id"])


def check_comparison(names):
    both = names["both"]
    assert both.height == 90
    assert both["invariantnet"].sum() > both["clustermlp"].sum() + 20
    assert names["report"].is_file()


CHECKS = {
    "quickstart": check_quickstart,
    "bring_your_own_data": check_own_data,
    "reading_an_explanation": check_explanation,
    "comparing_models": check_comparison,
}
