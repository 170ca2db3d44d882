"""Objects through the settings of the commands: every finder on files that users have."""

import numpy as np
import polars as pl
import pytest

from locgraph.api.config import compose
from locgraph.api.prepare import make_tables, read_catalogue
from locgraph.preparation.objects.extract import read_objects

BLOBS = np.random.default_rng(0).normal(0, 3, (90, 2)) + np.repeat([[50, 50], [350, 50], [350, 350]], 30, axis=0)


@pytest.fixture
def tables(tmp_path):
    """Makes the tables of ``raw`` with some settings."""
    (tmp_path / "raw").mkdir()

    def made(*overrides):
        settings = compose(
            "prepare",
            f"data.raw_dir={tmp_path / 'raw'}",
            f"paths.prepared_dir={tmp_path / 'prepared'}",
            *("labels=none", "views=one", "limits.min_clusters=1", "limits.min_localisations=1", "executor=serial"),
            *overrides,
        )
        return make_tables(settings, read_catalogue(settings))

    return made


def write(tmp_path, **columns):
    pl.DataFrame({"x": BLOBS[:, 0], "y": BLOBS[:, 1], **columns}).write_csv(tmp_path / "raw/cell.csv")


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (["objects=sites", "objects.eps_nm=20"], ["1", "2", "3"]),
        (["objects=tiles", "objects.size_nm=200"], ["r1_c1", "r1_c2", "r2_c2"]),
        (["objects=picks", "columns.names={x: x, y: y, pick: spot}"], ["0", "1", "2"]),
    ],
)
def test_objects_of_a_table(tables, tmp_path, overrides, names):
    write(tmp_path, spot=np.repeat([0, 1, 2], 30))
    made = tables("columns=nm", *overrides)
    assert made.manifest.table["fov_id"].to_list() == [f"cell/{name}" for name in names]
    assert made.manifest.table["n_localisations"].to_list() == [30] * 3


def test_a_table_of_regions_may_lie_among_the_raw_files(tables, tmp_path):
    write(tmp_path)
    corners = [(0, 0), (100, 0), (100, 100), (0, 100)]
    rows = "".join(f"cell,nucleus,{x},{y}\n" for x, y in corners)
    (tmp_path / "raw/regions.csv").write_text(f"fov_id,region,x,y\n{rows}")
    made = tables("columns=nm", "objects=regions", f"objects.path={tmp_path}/raw/regions.csv", "objects.unit=nm")
    assert made.manifest.table["fov_id"].to_list() == ["cell/nucleus"]
    assert not made.manifest.failures


def test_traces_of_minflux(tables, tmp_path):
    traces = np.r_[np.repeat([7, 8], [40, 47]), [9] * 3]
    write(tmp_path, tid=traces, tim=np.arange(90.0), efo=np.ones(90), cfr=np.zeros(90))
    made = tables("objects=traces")
    assert made.manifest.table["fov_id"].to_list() == ["cell/7", "cell/8"]
    reasons = dict(read_objects(made.folder, "cell").table.select("object", "reason").iter_rows())
    assert reasons == {"7": None, "8": None, "9": "fewer than 5 localisations"}
