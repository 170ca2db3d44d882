"""The console command: help at once, and what is called wrongly."""

import subprocess
import sys

import pytest

from locgraph import __version__
from locgraph.commands import app, cli


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["help"], ["--help", "train"]])
def test_help_names_every_command_and_the_way_to_start(capsys, arguments):
    assert cli.main(arguments) == 0

    printed = capsys.readouterr()
    for name, what in cli.COMMANDS.items():
        assert f"  {name:10} {what}\n" in printed.out
    assert "locgraph train experiment=demo" in printed.out
    assert printed.err == ""


def test_an_unknown_command_is_told_with_the_known_ones(capsys):
    assert cli.main(["trian", "experiment=demo"]) == 2

    printed = capsys.readouterr()
    assert "no command 'trian', expected one of simulate, prepare, train, eval, summarise" in printed.err
    assert "usage: locgraph COMMAND" in printed.err
    assert printed.out == ""


def test_version(capsys):
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"locgraph {__version__}\n"


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_a_command_gets_the_overrides(monkeypatch, command):
    launched = []
    monkeypatch.setattr(app, "launch", lambda *given: launched.append(given))

    assert cli.main([command, "-m", "seed=1,2"]) == 0
    assert launched == [(command, ["-m", "seed=1,2"])]


def test_without_arguments_those_of_the_process_are_taken(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["locgraph", "--version"])

    assert cli.main() == 0
    assert capsys.readouterr().out.startswith("locgraph ")


def test_light_commands_load_neither_hydra_nor_torch():
    script = (
        "import sys\n"
        "from locgraph.commands.cli import main\n"
        "assert [main([word]) for word in ('--help', '--version', 'nothing')] == [0, 0, 2]\n"
        "loaded = {'hydra', 'omegaconf', 'torch', 'lightning', 'polars', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_the_module_can_be_run_and_gives_its_exit_status():
    done = subprocess.run([sys.executable, "-m", "locgraph.commands", "nothing"], capture_output=True, text=True)

    assert done.returncode == 2
    assert "no command 'nothing'" in done.stderr
