"""Tables are found where the run left them, or where the user says."""

import json

import pytest
from omegaconf import OmegaConf

from locgraph.api.config import plain
from locgraph.api.prepare import find_tables
from locgraph.api.recipes import tables_folder
from locgraph.errors import DataError


@pytest.fixture
def place(tmp_path):
    """Makes a folder of tables."""

    def make(*names):
        folder = tmp_path.joinpath(*names)
        (folder / "clusters").mkdir(parents=True)
        return folder

    return make


def test_what_the_user_says_comes_first(tmp_path, place):
    assert find_tables([tmp_path], place("moved")) == tmp_path / "moved"
    with pytest.raises(DataError, match=r"tables: expected prepared tables, .* clusters; found none in .*empty"):
        find_tables([tmp_path], tmp_path / "empty")


def test_then_what_training_wrote_down(tmp_path, place):
    tables = place("tables-1")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "first" / "metrics.json").write_text("no json")
    (tmp_path / "second" / "metrics.json").write_text(json.dumps({"tables": str(tables)}))

    assert find_tables([tmp_path / "first", tmp_path / "second"]) == tables


def test_then_what_follows_from_the_settings(tmp_path, place, composed):
    cfg = composed("train", f"data.raw_dir={tmp_path / 'raw'}", f"paths.prepared_dir={tmp_path / 'prepared'}", "name=n")
    (tmp_path / "run").mkdir()
    OmegaConf.save(cfg, tmp_path / "run" / "config.yaml", resolve=True)
    expected = tables_folder(plain(cfg))
    assert expected.parent == tmp_path / "prepared" / "n"

    tables = place("prepared", "n", expected.name)
    assert find_tables([tmp_path / "run"]) == tables

    cfg.data = {"kind": "featextracted", "featextracted_dir": str(place("featextracted"))}
    OmegaConf.save(cfg, tmp_path / "run" / "config.yaml")
    assert find_tables([tmp_path / "run"]) == tmp_path / "featextracted"


def test_tables_that_are_gone_are_told_with_the_places_looked_in(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps({"tables": str(tmp_path / "gone")}))

    with pytest.raises(DataError, match=r"found none \(looked in .*gone\).*tables=FOLDER"):
        find_tables([tmp_path])
    (tmp_path / "metrics.json").unlink()
    with pytest.raises(DataError, match=r"found none\. Give their folder"):
        find_tables([tmp_path])
