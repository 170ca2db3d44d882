"""EPFL challenges: nm, and no photons."""

from locgraph.io.file_columns import FileColumns
from locgraph.io.layouts.challenge import recognise
from locgraph.io.read import read_localisations


def test_a_row(tmp_path):
    path = tmp_path / "activations.csv"
    path.write_text("Ground-truth,frame,xnano,ynano,znano,intensity \n1,1,100,250,-30,800\n2,3,1,2,3,4\n")

    found = read_localisations(path, FileColumns(), 0.0)

    assert found.table.rows(named=True)[0] == {"x": 100.0, "y": 250.0, "z": -30.0, "frame": 0}
    assert found.table["frame"].to_list() == [0, 2]


def test_other_tables():
    assert recognise(["xnano"], {}) is None
