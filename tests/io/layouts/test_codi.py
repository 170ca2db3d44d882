"""ONI CODI: variances become precisions."""

import math

import pytest

from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.codi import recognise
from locgraph.io.read import read_localisations

# as named in explore-one-file.py of smlm-explore
NAMES = (
    "x-nm,y-nm,frame,channel,duration-frames,var-x-nm2,var-y-nm2,var-intensity-photons,var-background-photons,"
    "var-sigma-x-nm2,var-sigma-y-nm2,z-nm,bg-mean-photons,sigma-x-mean-nm,sigma-y-mean-nm,intensity-mean-photons,"
    "presplit-channels-channel-index,channel-group-index,parent-id,cluster-id,outlier-score,bleeding-distance-nm"
)


def test_a_row(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(f"{NAMES}\n100,200,3,1,4,9,25,5,6,7,7,30,2,130,140,800,0,0,11,17,0.5,60\n")

    row = read_localisations(path, FileColumns(), 0.0).table.row(0, named=True)

    assert row == {
        "x": 100.0,
        "y": 200.0,
        "z": 30.0,
        "frame": 0,
        "photons": 800.0,
        "precision": pytest.approx(math.sqrt((9 + 25) / 2)),
        "sigma": pytest.approx(math.sqrt((130**2 + 140**2) / 2)),
        "background": 2.0,
        "sigma_variance": 7.0,
        "n_frames": 4,
        "channel": 1,
        "source_cluster": 17,
    }


def test_other_tables():
    assert recognise(["x-nm", "y-nm"], {}) is None
