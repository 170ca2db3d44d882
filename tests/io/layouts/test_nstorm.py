"""Nikon N-STORM: which of its positions counts."""

import pytest

from locgraph.errors import DataError
from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.nstorm import recognise
from locgraph.io.read import read_localisations

# as checked for, word by word, by a public reader
NAMES = (
    "Channel Name\tX\tY\tXc\tYc\tHeight\tArea\tWidth\tPhi\tAx\tBG\tI\tFrame\tLength\tLink\tValid\tZ\tZc\tPhotons\t"
    "Lateral Localization Accuracy\tXw\tYw\tXwc\tYwc\tZw\tZwc"
)
ROW = "1.0\t2.0\t3.0\t4.0\t50\t600\t300\t0\t1\t10\t700\t9\t2\t-1\t1\t5.0\t6.0\t800\t15\t7.0\t8.0\t9.5\t10.5\t11.0\t12.0"


def read(tmp_path, rows, **settings):
    (tmp_path / "a.txt").write_text("\n".join([NAMES, *rows]), encoding="utf-8")
    return read_localisations(tmp_path / "a.txt", FileColumns(**settings), 0.0)


def test_a_row(tmp_path):
    found = read(tmp_path, [f"647\t{ROW}", f"561\t{ROW}"], channels=[561, 647])

    assert found.table.row(0, named=True) == {
        "x": 9.5,
        "y": 10.5,
        "z": 12.0,
        "frame": 0,
        "photons": 800.0,
        "precision": 15.0,
        "n_frames": 2,
        "channel": 1,
    }
    assert found.table["channel"].to_list() == [1, 0]


def test_channels_that_are_text_must_be_named(tmp_path):
    rows = [f"Non Specific Activation\t{ROW}", f"Z Rejected\t{ROW}"]

    with pytest.raises(DataError, match=r"columns\.channels=\[Non Specific Activation,Z Rejected\]"):
        read(tmp_path, rows)
    assert "channel" not in read(tmp_path, rows, leave_out=["channel"]).table.columns


@pytest.mark.parametrize(
    ("without", "positions"),
    [
        ((), ("Xwc", "Ywc", "Zwc")),
        (("Zw", "Zwc"), ("Xwc", "Ywc", "Zc")),
        (("Xwc", "Zwc"), ("Xc", "Yc", "Zc")),
        (("Xwc", "Ywc", "Zwc", "Zc"), ("Xc", "Yc", "Z")),
    ],
)
def test_warped_and_corrected_before_corrected(without, positions):
    layout = recognise([name for name in NAMES.split("\t") if name not in without], {})

    assert tuple(layout.names[axis] for axis in "xyz") == positions


@pytest.mark.parametrize("names", [["X", "Y", "Frame"], ["X", "Y", "Xc", "Yc"]])
def test_other_tables(names):
    assert recognise(names, {}) is None
