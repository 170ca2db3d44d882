"""``locgraph.read``: the public function, and localisations as people see them."""

import subprocess
import sys
from pathlib import Path

import pytest

import locgraph
from locgraph.errors import ConfigError, DataError
from locgraph.io.columns import ColumnMap, FileColumns
from locgraph.io.localisations import Localisations
from locgraph.io.read import read, read_localisations


@pytest.fixture
def known(tmp_path):
    path = tmp_path / "cell 1.csv"
    path.write_text('"frame","x [nm]","y [nm]","z [nm]","sigma [nm]"\n1,10,20,5,130\n2,30,40,6,-1\n')
    return path


@pytest.fixture
def plain(tmp_path):
    (tmp_path / "plain.csv").write_text("x,y,z,ch\n1,2,3,red\n4,5,6,green\n")
    return tmp_path / "plain.csv"


def test_a_file_of_known_software(known):
    locs = locgraph.read(str(known), max_refused_fraction=0.5)

    assert locs.table.equals(read_localisations(known, FileColumns(), 0.5).table)
    assert locs.refused == {"sigma is negative": 1}
    assert read(known, leave_out=["sigma", "z"]).table.columns == ["x", "y", "frame"]


def test_names_and_unit(plain):
    locs = read(
        plain, names={"x": "x", "y": "y", "channel": "ch"}, unit="px", pixel_size_nm=100, channels=["green", "red"]
    )

    assert locs.table.rows() == [(100.0, 200.0, 1), (400.0, 500.0, 0)]


def test_a_unit_alone_takes_canonical_names(plain):
    assert read(plain, unit="um").table.rows() == [(1000.0, 2000.0, 3000.0), (4000.0, 5000.0, 6000.0)]
    assert read(plain, unit="um", leave_out=["z"]).dimensions == 2


def test_a_column_map(plain):
    columns = ColumnMap({"x": "y", "y": "x"}, unit="nm")

    assert read(plain, columns).table.rows() == [(2.0, 1.0), (5.0, 4.0)]
    with pytest.raises(ConfigError) as caught:
        read(plain, columns, unit="nm")
    assert caught.value.setting == "columns"


def test_names_need_a_unit(plain):
    with pytest.raises(ConfigError, match="never guessed") as caught:
        read(plain, names={"x": "x", "y": "y"})
    assert caught.value.setting == "unit"


def test_an_error_names_the_argument_and_the_file(known, plain, tmp_path):
    with pytest.raises(DataError, match=r"cell 1\.csv: .*found 1 of 2") as caught:
        read(known)
    assert caught.value.setting == "max_refused_fraction"
    with pytest.raises(DataError, match=r"plain\.csv: expected columns of a known software"):
        read(plain)
    with pytest.raises(DataError, match="found a folder"):
        read(tmp_path)


def test_localisations_on_one_line(known):
    locs = read(known, max_refused_fraction=0.5)

    assert repr(locs) == (
        f"Localisations of cell 1 ({known}): 1 in 3D; x [nm], y [nm], z [nm], frame [frames], sigma [nm]; "
        "1 rows refused"
    )
    assert (locs.fov_id, len(locs), locs.units["frame"]) == ("cell 1", 1, "frames")


def test_localisations_in_a_notebook(known):
    page = read(known, max_refused_fraction=0.5)._repr_html_()

    assert page.startswith("<p>Localisations of cell 1 (")
    assert "<table" in page


def test_localisations_without_a_file(known):
    locs = read(known, max_refused_fraction=0.5)

    assert repr(Localisations(locs.table, 3, {}, {})).startswith("Localisations: 1 in 3D; x [nm]")


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux opens")
def test_a_file_is_opened_once_by_the_readers(known, monkeypatch):
    opened = []
    original = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *args, **kwargs: opened.append(path) or original(path, *args, **kwargs)
    )

    read(known, max_refused_fraction=0.5)

    assert opened == [known]


def test_reading_needs_neither_torch_nor_hydra(known):
    code = (
        "import sys, locgraph; locgraph.read(sys.argv[1], max_refused_fraction=0.5); "
        "print(sorted({'torch', 'hydra', 'omegaconf'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code, known], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
