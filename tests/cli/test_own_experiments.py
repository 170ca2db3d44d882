"""Experiments and options outside the repository, by the real command."""

import pytest
import yaml

EXPERIMENT = """# @package _global_
# Rings against lines, with a readout of our own.
defaults:
  - override /model: invariantnet
  - override /model/readout: ours

name: mine
data:
  raw_dir: rings
trainer:
  max_epochs: 7
"""


@pytest.fixture
def options(tmp_path):
    """A folder with an experiment, and an option that it chooses."""
    folder = tmp_path / "options"
    for path, text in (
        ("experiment/mine.yaml", EXPERIMENT),
        ("model/readout/ours.yaml", "_target_: ours.Readout\n_partial_: true\nwidth: 4\n"),
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize("way", ["--config-dir={}", "hydra.searchpath=[file://{}]"])
def test_a_folder_of_options_is_added_to_those_of_locgraph(run, options, tmp_path, capsys, way):
    run(tmp_path, "train", way.format(options), "experiment=mine", "trainer.max_epochs=9", "--cfg", "job")
    settings = yaml.safe_load(capsys.readouterr().out)
    assert (settings["name"], settings["data"]["raw_dir"]) == ("mine", "rings")
    assert settings["model"]["readout"] == {"_target_": "ours.Readout", "_partial_": True, "width": 4}
    assert settings["model"]["head"]["_target_"].startswith("locgraph.")
    assert settings["trainer"]["max_epochs"] == 9


def test_help_knows_the_options_of_such_a_folder(run, options, tmp_path, capsys):
    run(tmp_path, "train", f"--config-dir={options}", "experiment=mine", "--help")
    shown = capsys.readouterr().out
    assert "mine" in shown
    assert "ours" in shown
