"""What is printed."""

import io
from pathlib import Path

from rich.console import Console

from locgraph.analysis.comparison import Entry, compare
from locgraph.cli.analysis_console import show


def printed(*arguments, width=80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    show(*arguments, console=console)
    return console.file.getvalue()


def test_methods_features_and_warnings_fit_a_terminal():
    scores = {0: {"accuracy": 0.5, "balanced_accuracy": 0.4, "auroc": 0.75}, 1: {"accuracy": 1.0}}
    entries = [
        Entry("network", "network", "graph", scores),
        Entry("classifier", "support_vector_machine", "hand_made", scores),
        Entry("control", "pair_distances_and_count", "localisations", {0: {"accuracy": 0.25}}, (1, 4)),
    ]
    top = [
        {"feature": "q50_area_hull", "unit": "nm^2", "effect": "cliffs_delta", "estimate": 0.5}
        | {"low": 0.1, "high": 0.9, "q": 0.2}
    ]
    text = printed(Path("there"), compare(entries), top, ["fold 2 [missing]"])

    assert "…" not in text
    rows = [line.split() for line in text.splitlines()]
    assert ["support", "vector", "machine", "features", "0.750", "0.00-1.00", "0.400", "0.750"] in rows
    # a control of one fold: the interval of its FOVs, and no AUROC
    assert ["pair", "distances", "and", "count", "points", "0.250", "0.05-0.70", "–", "–"] in rows
    assert "median area hull" in text
    assert "δ = 0.50 [0.10, 0.90], q = 0.200" in text
    assert "! fold 2 [missing]" in text
    assert text.rstrip().endswith("analysis: there")


def test_without_results_the_folder_is_told():
    assert printed(Path("there"), None, [], []).strip() == "analysis: there"
