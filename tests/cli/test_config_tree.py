"""The configuration that is printed before a run begins."""

import io

import pytest
from rich.console import Console

from locgraph.cli.config_tree import check_choice, full_tree, short_tree
from locgraph.errors import ConfigError


def lines_of(tree):
    printed = io.StringIO()
    Console(file=printed, width=200).print(tree)
    return [line.rstrip().lstrip("│├└─ ") for line in printed.getvalue().splitlines()]


def test_options_and_given_values_are_shown():
    choices = {
        "data": "raw",
        "model": "hgt",
        "model/head": "both",
        "sweep": None,
        "debug": "null",
        "hydra/launcher": "x",
    }
    overrides = ["model=hgt", "model/head=both", "trainer.max_epochs=3", "+labels.names={a: '[b]'}"]
    assert lines_of(short_tree(choices, overrides)) == [
        "config", "data: raw", "model: hgt  head=both", "given", "trainer.max_epochs=3", "+labels.names={a: '[b]'}",
    ]  # fmt: skip


def test_every_setting_is_shown():
    settings = {"name": "[/x]", "model": {"head": {"dropout": 0.1}}, "logger": {}, "tags": ["a"]}
    assert lines_of(full_tree(settings)) == [
        "config", "name: [/x]", "model", "head", "dropout: 0.1", "logger: {}", "tags: ['a']",
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["short", 1, 0, None])
def test_other_choices_are_refused(value):
    with pytest.raises(ConfigError, match="print_config: expected true, false or all"):
        check_choice(value)


def test_the_command_prints_what_it_was_given(trained, run, capsys):
    again = (*trained.overrides, f"paths.run_dir={trained.run_dir}")
    run(trained.folder, "train", *again)
    printed = capsys.readouterr().out
    assert "experiment: demo" in printed
    assert "trainer.max_epochs=3" in printed
    run(trained.folder, "train", *again, "print_config=all")
    assert "label_smoothing" in capsys.readouterr().out
    run(trained.folder, "train", *again, "print_config=false")
    assert "config" not in capsys.readouterr().out
