"""The console command: help at once, and what is called wrongly."""

import subprocess
import sys

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from locgraph import __version__
from locgraph.cli import app
from locgraph.cli import main as cli
from locgraph.cli.arguments import flags_first


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["help"], ["--help", "train"]])
def test_help_names_every_command_and_the_way_to_start(capsys, arguments):
    assert cli.main(arguments) == 0

    printed = capsys.readouterr()
    for name, what in cli.COMMANDS.items():
        assert f"  {name:12} {what}\n" in printed.out
    assert "locgraph train experiment=demo" in printed.out
    assert printed.err == ""


def test_an_unknown_command_is_told_with_the_known_ones(capsys):
    assert cli.main(["trian", "experiment=demo"]) == 2

    printed = capsys.readouterr()
    assert f"no command 'trian', expected one of {', '.join(cli.COMMANDS)}" in printed.err
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


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a", "b"], ["source='a'", "target='b'"]),
        (["a", "columns=nm", "b"], ["source='a'", "columns=nm", "target='b'"]),
        (["source=a", "target=b"], ["source=a", "target=b"]),
        (["+new.key=1", "~labels", "a"], ["+new.key=1", "~labels", "source='a'"]),
        (["--cfg", "job", "a"], ["--cfg", "job", "source='a'"]),
        (["-m", "a", "seed=1,2"], ["-m", "source='a'", "seed=1,2"]),
        (["./k=1/a", "/k=1"], ["source='./k=1/a'", "target='/k=1'"]),
        (["a b", "c,d"], ["source='a b'", "target='c,d'"]),
        (["[a]", "it's"], ["source='[a]'", r"target='it\'s'"]),
        (["--help"], ["--help"]),
        ([], []),
    ],
)
def test_paths_need_no_names(monkeypatch, arguments, expected):
    launched = []
    monkeypatch.setattr(app, "launch", lambda *given: launched.append(given))

    assert cli.main(["import", *arguments]) == 0
    assert launched == [("import", expected)]


def test_a_path_that_exists_is_a_path_whatever_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.as_overrides(["columns=nm", "out"], ("source", "target")) == (["columns=nm", "source='out'"], [])

    (tmp_path / "columns=nm").touch()

    assert cli.as_overrides(["columns=nm", "out"], ("source", "target")) == (
        ["source='columns=nm'", "target='out'"],
        [],
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["import", "a", "b", "c d"], "locgraph import: found 'c d' too many, expected SRC DST; put a path"),
        (["inspect", "a", "b"], "locgraph inspect: found 'b' too many, expected FILE; put a path"),
        (["explain", "a", "b"], "locgraph explain: found 'b' too many, expected CKPT; put a path"),
    ],
)
def test_too_many_paths_are_told(monkeypatch, capsys, arguments, expected):
    monkeypatch.setattr(app, "launch", lambda *given: pytest.fail("launched"))

    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith(expected)


def test_other_commands_take_no_paths(monkeypatch):
    launched = []
    monkeypatch.setattr(app, "launch", lambda *given: launched.append(given))

    assert cli.main(["train", "demo"]) == 0
    assert launched == [("train", ["demo"])]


awkward = st.text(st.sampled_from("ab \\'\"${}[](),=:?*~+%#@!&|<>;é\n\t-"), min_size=1, max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.one_of(awkward, st.text(st.sampled_from("\\${}a'\n"), min_size=1, max_size=8)))
def test_any_text_comes_through_hydra_as_it_was(text):
    assume(text != cli.MISSING)
    (override,) = OverridesParser.create().parse_overrides([f"source={cli.quoted(text)}"])

    assert OmegaConf.create({"source": override.value()}).source == text


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a=b", "-m", "c=d"], ["-m", "a=b", "c=d"]),
        (["a=b", "--cfg", "job", "c=d", "--resolve"], ["--cfg", "job", "--resolve", "a=b", "c=d"]),
        (["a=b", "-i", "c=d"], ["-i", "a=b", "c=d"]),
        (["a=b", "--config-dir", "x", "+c=-1", "~d"], ["--config-dir", "x", "a=b", "+c=-1", "~d"]),
    ],
)
def test_flags_may_stand_anywhere(arguments, expected):
    assert flags_first(arguments) == expected


def test_a_file_called_as_what_is_missing():
    assert cli.as_overrides(["???"], ("source",)) == (["source='./???'"], [])


def test_without_arguments_those_of_the_process_are_taken(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["locgraph", "--version"])

    assert cli.main() == 0
    assert capsys.readouterr().out.startswith("locgraph ")


def test_light_commands_load_neither_hydra_nor_torch():
    script = (
        "import sys\n"
        "from locgraph.cli.main import main\n"
        "assert [main([word]) for word in ('--help', '--version', 'nothing')] == [0, 0, 2]\n"
        "loaded = {'hydra', 'omegaconf', 'torch', 'lightning', 'polars', 'numpy', 'matplotlib'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


def test_the_module_can_be_run_and_gives_its_exit_status():
    done = subprocess.run([sys.executable, "-m", "locgraph.cli", "nothing"], capture_output=True, text=True)

    assert done.returncode == 2
    assert "no command 'nothing'" in done.stderr
