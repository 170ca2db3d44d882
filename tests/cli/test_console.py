"""Names of classes, FOVs and paths are text on the console, in logs and in tables, whatever they hold."""

import io
import logging

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.table import Table

from locgraph.cli.commands import evaluate
from locgraph.cli.console import ConsoleHandler, PlainFormatter, TextConsole, print_line, printable
from locgraph.provenance import read_csv, write_csv

NAMES = ["[/x]", "[red]a[/red]", "a\x1b[31mb", "c\x1b]0;title\x07", ":smile:", "[link=x]", "d\x9be", "f\u202eg", "h\rx"]
# texts that ended runs of other tools: microsoft/conductor issue 382, PrefectHQ/prefect issue 13903
NAMES += ["{provider}/{type}[/{nestedType}...]/read", "[//]", "[/]"]


@pytest.fixture
def console():
    return TextConsole(file=io.StringIO(), width=200, force_terminal=False)


@pytest.mark.parametrize("name", NAMES)
def test_names_are_printed_as_they_are_without_control_characters(console, name):
    table = Table(title=name)
    table.add_column(name)
    table.add_row(name)

    console.print(f"1 {name}")
    console.print(table)
    print_line(console, f"line {name}", style="yellow")

    printed = console.file.getvalue()
    assert printed.count(printable(name)) == 5
    assert not [letter for letter in printed if ord(letter) < 32 and letter != "\n"]


@pytest.mark.parametrize("name", NAMES)
def test_predictions_of_classes_with_any_name(console, name):
    predictions = pl.DataFrame({"truth": [name], "prediction": [name]})

    evaluate.show(predictions, {"test": {"accuracy": 1.0}}, "FOVs", console)

    assert f"1 FOVs predicted: 1 {printable(name)}\n" in console.file.getvalue()


def test_logs(capsys, tmp_path):
    to_file = logging.FileHandler(tmp_path / "log", encoding="utf-8")
    to_file.setFormatter(PlainFormatter("%(message)s"))
    for handler in (ConsoleHandler(show_time=False, show_path=False), to_file):
        handler.handle(logging.makeLogRecord({"msg": "FOV [/x] \x1b[31m :smile:", "levelname": "INFO"}))
    to_file.close()

    for printed in (capsys.readouterr().out, (tmp_path / "log").read_text()):
        assert "FOV [/x] \N{REPLACEMENT CHARACTER}[31m :smile:" in printed


FORMULAS = ["=1+1", "@SUM(A1)", "+a", "-a", "=", "-", "-2+3+cmd|' /C calc'!A0", "\t=1", "'quoted", "-1.5x"]
HARMLESS = ["a=b", "", None, "a", "-1.5", "+2", "-3e-5", "1=1", "class, with comma"]


def test_texts_that_a_spreadsheet_would_compute_are_texts(tmp_path):
    table = pl.DataFrame({"name": FORMULAS + HARMLESS, "value": [-1.0] * (len(FORMULAS) + len(HARMLESS))})

    write_csv(tmp_path / "a.csv", table)

    seen = pl.read_csv(tmp_path / "a.csv", schema={"name": pl.String, "value": pl.Float64})
    assert seen["name"].to_list() == [f"'{text}" for text in FORMULAS] + HARMLESS
    assert_frame_equal(read_csv(tmp_path / "a.csv"), table)
