"""Results are gathered; what cannot be done is told and stops nothing."""

import polars as pl
import pytest
from matplotlib.figure import Figure

from locgraph.cli.analysis_findings import Findings
from locgraph.errors import DataError


def refuse():
    raise DataError("no\n  class")


def test_a_part_that_fails_is_told_once(tmp_path):
    findings = Findings(tmp_path)

    assert findings.attempt("maps", refuse) is None
    assert findings.attempt("maps", refuse) is None
    assert findings.attempt("one", lambda: 1) == 1
    assert findings.warnings == ["maps: no class"]


def test_faults_of_the_program_are_not_swallowed(tmp_path):
    with pytest.raises(ZeroDivisionError):
        Findings(tmp_path).attempt("maps", lambda: 1 / 0)


def test_figures_are_written_twice_or_told(tmp_path):
    findings = Findings(tmp_path)
    findings.draw("good", Figure)
    findings.draw("none", lambda: None)
    findings.draw("bad", refuse)

    assert findings.figures == ["good"]
    assert findings.warnings == ["figure bad: no class"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.png", "good.svg"]


def test_tables_are_written_and_old_ones_removed(tmp_path):
    table = pl.DataFrame({"x": [1]})
    old = Findings(tmp_path, {"pca": table, "importance": table})
    assert old.write() == ["pca.parquet", "importance.csv"]
    old.draw("importance", Figure)

    new = Findings(tmp_path, {"importance": table})
    new.write()
    new.remove_outdated(["pca", "importance"])

    assert sorted(path.name for path in tmp_path.iterdir()) == ["importance.csv"]


def test_seconds_add_up(tmp_path, monkeypatch):
    clock = iter([0.0, 1.0, 5.0, 7.5])
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    findings = Findings(tmp_path)
    for _ in range(2):
        with findings.part("maps"):
            pass

    assert findings.seconds == {"maps": 3.5}
