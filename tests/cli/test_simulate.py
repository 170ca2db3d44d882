"""Simulated raw files from the configuration."""

import json
import logging

import polars as pl
import pytest

from locgraph import schema
from locgraph.api.config import plain
from locgraph.api.prepare import make_tables, read_catalogue
from locgraph.cli.commands import simulate
from locgraph.errors import ConfigError
from locgraph.io.featextracted import read_fov


@pytest.fixture
def cfg(composed, tmp_path):
    cfg = composed("simulate")
    cfg.simulation.folder = str(tmp_path / "raw")
    cfg.simulation.fovs_per_class = 2
    cfg.simulation.origami.classes = ["L", "one"]
    return cfg


def test_files_as_the_settings_say(cfg, tmp_path, caplog):
    caplog.set_level(logging.INFO)

    paths = simulate.run(cfg)

    assert [path.name for path in paths] == ["L_000.parquet", "L_001.parquet", "one_000.parquet", "one_001.parquet"]
    assert all(path.parent == tmp_path / "raw" for path in paths)
    metadata = pl.read_parquet_metadata(paths[2])
    assert (metadata["gt_label"], json.loads(metadata["gt_label_map"])) == ("1", {"0": "L", "1": "one"})
    assert caplog.messages == [f"4 simulated FOVs in {tmp_path / 'raw'}"]


def test_settings_that_cannot_work(cfg):
    cfg.simulation.origami.paint.site_incorporation = 2.0

    with pytest.raises(ConfigError, match="site_incorporation"):
        simulate.run(cfg)


def test_what_a_class_rests_on_is_known_after_preparation(composed, tmp_path):
    cfg = composed("train", "experiment=motif", "executor=serial", f"paths.output_dir={tmp_path}")
    cfg.simulation.fovs_per_class = 2

    settings = plain(cfg)
    tables = make_tables(settings, read_catalogue(settings))

    assert tables.manifest.class_names == ("square", "row", "none")
    for row in tables.manifest.table.iter_rows(named=True):
        fov = read_fov(tables.folder, row[schema.FOV_ID])
        share = fov.locs.group_by(schema.CLUSTER_ID).agg(pl.col(schema.LOC_LABEL).mean())[schema.LOC_LABEL]
        assert fov.label == row[schema.FOV_ID].split("_")[0]
        assert (share > 0.5).sum() == (0 if fov.label == "none" else 4)


def test_the_command(run, tmp_path):
    run(tmp_path, "simulate", "simulation.fovs_per_class=1", "simulation.origami.classes=[T]", "simulation.format=csv")

    (path,) = (tmp_path / "outputs" / "simulated" / "simulated").rglob("*.csv")
    assert path.name == "T_000.csv"
    assert path.parent.name == "T"
    assert {"x", "y", "frame", "photons"} <= set(pl.read_csv(path).columns)
