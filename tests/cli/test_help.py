"""``locgraph COMMAND --help``: groups with their options, and every setting with the comment of its YAML file."""

import re

import pytest

from locgraph.cli.main import COMMANDS, POSITIONAL, main


@pytest.fixture
def help_of(tmp_path, monkeypatch, capsys):
    """Call a command with ``--help`` in an empty folder, which stays empty; return what it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LOCGRAPH_OUTPUT_DIR", raising=False)

    def call(*arguments):
        before = list(tmp_path.iterdir())
        assert main([*arguments, "--help"]) == 0
        assert list(tmp_path.iterdir()) == before
        return capsys.readouterr().out

    return call


def line_of(text, setting):
    """Return the first line that sets a setting, with single spaces."""
    return next(" ".join(line.split()) for line in text.splitlines() if line.split(":")[0].strip() == setting)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_shows_each_setting_once_with_its_comment(help_of, command):
    text = help_of(command)
    groups, _, settings = text.partition("== Settings ==")
    assert text.startswith(f"locgraph {command}" if command in POSITIONAL and command != "explain" else "locgraph ")
    assert re.search(r"^paths=standard$", groups, re.MULTILINE)
    assert line_of(settings, "output_dir").endswith("# everything that locgraph writes")
    assert "hydra:" not in settings


def test_train_shows_what_is_chosen_and_what_else_could_be(help_of):
    text = help_of("train")
    assert re.search(
        r"^clustering=dbscan +dbscan_anisotropic, dbscan_precision, given, grid, hdbscan, kmeans, one, per_channel$",
        text,
        re.MULTILINE,
    )
    assert re.search(r"^experiment= +demo, digits_letters, motif$", text, re.MULTILINE)
    assert re.search(r"^features=\[\.\.\.\] .*\bphotophysics, .*\bspacing, standard$", text, re.MULTILINE)
    assert line_of(text, "max_epochs") == "max_epochs: 100 # the schedule stretches over all of them"
    assert line_of(text, "raw_dir").startswith("raw_dir: ??? # folder of the raw files")
    assert line_of(text, "features") == "features: # features=NAME fills it, features=[NAME,NAME] with several"


def test_import_shows_its_own_groups_alone(help_of):
    text = help_of("import")
    groups = [line.split("=")[0] for line in text.partition("== Settings")[0].splitlines() if re.match(r"\w+=", line)]
    assert groups == ["columns", "executor", "groups", "labels", "paths"]
    assert "clustering" not in text


def test_choices_and_values_given_are_shown(help_of):
    text = help_of("train", "model=hgt", "+features=spacing", "preprocess=[thin]", "seed=7", "sweep=kfold", "-m")
    assert re.search(r"^model=hgt +clustermlp, ", text, re.MULTILINE)
    assert line_of(text, "model").startswith("model: # Learns from features and distances along all edges of the graph")
    assert line_of(text, "spacing") == "spacing:"
    assert line_of(text, "thin") == "thin:"
    assert line_of(text, "seed").startswith("seed: 0 # of the draw")
    assert re.search(r"^seed: 7 +# weights, shuffling", text, re.MULTILINE)


def test_comments_come_from_the_files_that_an_option_begins_with(help_of):
    assert line_of(help_of("train", "trainer=cpu"), "precision").startswith("precision: 16-mixed # dense layers")
    assert (
        line_of(help_of("explain", "CKPT"), "max_fovs") == "max_fovs: 50 # without names: how many; time grows with it"
    )


def test_a_part_within_a_part_has_its_own_comments(help_of):
    text = help_of("train", "clustering=per_channel", "clustering@clustering.clusterer=kmeans")
    assert re.search(r"^clustering@clustering.clusterer=kmeans +dbscan, ", text, re.MULTILINE)
    assert line_of(text, "n_clusters").startswith("n_clusters: 20 # clusters in each FOV")


def test_options_of_another_folder_are_listed(help_of, tmp_path):
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "experiment" / "own.yaml").write_text("# @package _global_\nname: own  # mine alone\n")
    text = help_of("train", "--config-dir", str(tmp_path / "mine"), "experiment=own")
    assert re.search(r"^experiment=own +demo, digits_letters, motif$", text, re.MULTILINE)
    assert line_of(text, "name") == "name: own # mine alone"


def test_an_option_that_does_not_exist_ends_with_the_ones_that_do(help_of, capsys):
    with pytest.raises(SystemExit):
        help_of("train", "model=nothing")
    assert "invariantnet" in capsys.readouterr().err
