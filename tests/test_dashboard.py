"""The dashboard script: its panels show what runs log, and its specification needs no network."""

import importlib.util
import json
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from locgraph.run_folder import CONFUSION_PICTURE, CURVES_PICTURE, GALLERY_PICTURE
from locgraph.stats import curves

SCRIPT = Path(__file__).parents[1] / "scripts" / "wandb_dashboard.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("wandb_dashboard", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_charts_name_the_columns_that_are_logged(script):
    columns = {name: set(fields.values()) for name, (_, fields) in script.CHARTS.items()}
    assert columns["pr_curve"] == {curves.CLASS, curves.RECALL, curves.PRECISION}
    assert columns["roc_curve"] == {curves.CLASS, curves.FALSE_POSITIVE_RATE, curves.TRUE_POSITIVE_RATE}
    assert columns["reliability"] == {curves.CURVE, curves.CONFIDENCE, curves.FRACTION_RIGHT}
    assert set(columns) == set(script.PANELS["Curves"])


def test_figures_are_those_of_runs(script):
    pictures = (CONFUSION_PICTURE, CURVES_PICTURE, GALLERY_PICTURE)
    assert set(script.PANELS["Figures"]) == {Path(name).stem for name in pictures}


def test_a_missing_package_is_named(script, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)

    assert script.main(["--dry-run"]) == 1
    assert "pip install 'locgraph[dashboard]'" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the package itself
@pytest.mark.parametrize("options", [[], ["--group", "demo-1"], ["--report", "--group", "demo-1"]])
def test_the_specification_holds_every_panel(script, options, capsys, monkeypatch):
    pytest.importorskip("wandb_workspaces", reason="needs the extra locgraph[dashboard]")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)

    assert script.main(["--dry-run", "--project", "mine", *options]) == 0

    printed = capsys.readouterr().out
    specification = json.loads(printed)
    names = [name for section in script.PANELS.values() for name in section]
    texts = set(strings(specification))
    missing = [name for name in names if not {name, f"{name}_table"} & {text.strip('"') for text in texts}]
    assert not missing
    assert ("demo-1" in printed) == bool(options)


def strings(node):
    """Every text of a specification, also those within nested JSON."""
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node
        with suppress(ValueError):
            inner = json.loads(node)
            yield from strings(inner if isinstance(inner, dict | list) else [])
