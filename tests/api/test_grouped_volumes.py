"""Groups of the objects of label volumes, and volumes with groups in place of labels."""

import h5py
import numpy as np
import polars as pl
import pytest

import locgraph
from builders.volumes import write_volume
from locgraph.api.grouping.relabelled import write_relabelled
from locgraph.api.objects.counts import ExportSettings

pytest.importorskip("skimage", reason="needs the extra volumes")

QUICK = ("group.number.bootstraps=0", "group.number.null_draws=0", "group.n_groups=2", "executor=serial")


@pytest.fixture
def masks(tmp_path, monkeypatch):
    """Two masks, each with three large and three small objects."""
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        values = np.zeros((12, 60, 60), np.uint16)
        for place in range(3):
            values[2:10, 2:12, 2 + 20 * place : 14 + 20 * place] = 7 + place
            values[4:8, 40:44, 2 + 20 * place : 6 + 20 * place] = 17 + place
        write_volume(tmp_path / "masks" / f"{name}.h5", values, (10.0, 10.0, 10.0))
    return tmp_path / "masks"


def write_localisations(result, folder) -> dict[str, str]:
    return write_relabelled(result, result.tables, result.manifest, folder, True, ExportSettings())


@pytest.mark.parametrize("objects", ["fov", "traces"])
def test_volumes_are_relabelled_by_group(masks, tmp_path, objects):
    options = ("columns=volumes", "clustering=given", "labels=none", f"objects={objects}", "limits.min_clusters=1")
    unit = "cluster" if objects == "fov" else "fov"
    result = locgraph.groups(masks, *QUICK, *options, f"unit={unit}", "group.weights={size: 1}")
    assert len(result.units) == 12
    assert write_localisations(result, tmp_path) == {}
    for name in ("one", "two"):
        with h5py.File(masks / f"{name}.h5") as before, h5py.File(tmp_path / "relabelled" / f"{name}.h5") as after:
            labels, groups = (file["seg/labels"][:] for file in (before, after))
        assert ((groups == 0) == (labels == 0)).all()
        large, small = np.unique(groups[(labels > 0) & (labels < 10)]), np.unique(groups[labels > 10])
        assert sorted([*large, *small]) == [1, 2]
        locs = pl.read_parquet(tmp_path / "relabelled" / f"{name}.parquet")
        own = locs.filter(pl.col("source_cluster") == 7)["group"].unique().item()
        assert own + 1 == large[0]


def test_a_volume_that_is_gone_is_a_problem_of_its_own(masks, tmp_path):
    options = ("columns=volumes", "clustering=given", "labels=none", "unit=cluster")
    result = locgraph.groups(masks, *QUICK, *options)
    (masks / "one.h5").unlink()
    assert list(write_localisations(result, tmp_path)) == ["volume of one"]
    assert (tmp_path / "relabelled" / "two.h5").is_file()
