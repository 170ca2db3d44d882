"""``locgraph suggest``: what it prints and writes."""

import json

import polars as pl
import pytest
from tests.builders.sites import field_of_sites

import locgraph
from locgraph.cli import main as cli
from locgraph.errors import DataError
from locgraph.run_folder import SUGGESTION, SUGGESTION_PICTURE
from locgraph.show.figures.style import read_picture


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "raw, [1]"
    folder.mkdir()
    for seed in range(3):
        points = field_of_sites(seed, number=12, extent=3000.0)
        pl.DataFrame(points, schema=["x", "y"]).write_csv(folder / f"fov_{seed}.csv")
    (folder / "broken.csv").write_text("x,y\n")
    return folder


def test_suggestion_of_a_folder(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder.parent)
    assert cli.main(["suggest", str(folder), "columns=nm", "output=out", "min_samples=[5]", "max_fovs=4"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    record = json.loads((folder.parent / "out" / SUGGESTION).read_text(encoding="utf-8"))
    assert "broken is left out" in printed
    assert "measured in 3 FOVs" in printed
    assert f"clusters: {' '.join(record['clustering'])}" in printed
    assert "objects: objects=sites objects.eps_nm=" in printed
    assert record["scales"][0]["clusters"] == pytest.approx(12, rel=0.05)
    assert record["settings"]["max_fovs"] == 4
    assert read_picture(folder.parent / "out" / SUGGESTION_PICTURE).std() > 0


def test_filters_come_first(folder):
    half = ["preprocess=[region]", "preprocess.region.x=[0,1500]", "preprocess.region.y=null"]
    regions = locgraph.suggest(folder, "columns=nm", "min_samples=[5]", "max_fovs=2", *half).regions
    assert [region.window[0] < 1500 < region.window[1] for region in regions] == [True] * len(regions)


def test_settings_may_be_a_mapping(folder):
    settings = locgraph.compose("suggest", "columns=nm", "min_samples=[5]", "max_fovs=4", "folder=elsewhere")
    found = locgraph.suggest(folder, settings)
    assert [region.fov_id for region in found.regions] == ["fov_0", "fov_1", "fov_2"]


def test_a_folder_without_fovs(folder):
    for path in folder.glob("fov_*"):
        path.unlink()
    with pytest.raises(DataError, match="found none") as caught:
        locgraph.suggest(folder, "columns=nm")
    assert caught.value.setting == "folder"
