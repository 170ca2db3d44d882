"""``locgraph inspect``: what it prints, and the picture."""

import polars as pl
import pytest

from locgraph.cli import main as cli
from locgraph.cli.commands import inspect_file
from locgraph.io.suggestion import ColumnSuggestion
from locgraph.show.figures.style import read_picture

TEXT = 'id,frame,"x [nm]","y [nm]","sigma [nm]"\n' + "".join(
    f"{i},{i + 5},{100.5 * i},{i * i * 7.25},{130 + i % 7}\n" for i in range(40)
)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Calls the console command in a folder of its own; gives what it printed, on one line."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        assert cli.main(["inspect", *map(str, arguments)]) == 0
        return " ".join(capsys.readouterr().out.split())

    return call


@pytest.fixture
def csv(tmp_path):
    path = tmp_path / "my file, [1].csv"
    path.write_text(TEXT)
    return path


def test_a_known_file(call, csv):
    out = call(csv.name)

    assert str(csv) in out
    assert f"format delimited, {len(TEXT):,} bytes" in out
    assert "software ThunderSTORM" in out
    assert "rows 40" in out
    assert "localisations 40 in 2D, 3.92 µm x 11 µm" in out
    assert "frames 5 to 44 in the file; the first becomes 0" in out
    assert "column in the file smallest median largest missing unit" in out
    assert "x x [nm] 0 1,959.8 3,919.5 0 nm" in out
    assert "frame frame 5 24.5 44 0 frames" in out
    assert "not taken id 0 19.5 39 0 Float64" in out
    assert "! not taken: id" in out


def test_the_picture(call, csv, tmp_path):
    out = call(csv.name)

    path = tmp_path / "outputs" / "inspect" / f"{csv.name}.png"
    assert f"picture: outputs/inspect/{csv.name}.png" in out
    height, width, _ = read_picture(path).shape
    assert 690 < width < 710
    assert 500 < height < 1300
    assert sorted(found.name for found in tmp_path.iterdir()) == [csv.name, "outputs"], "no run folder"


def test_the_picture_goes_where_it_should(call, csv, tmp_path):
    assert "picture: here/a.png" in call(csv.name, "thumbnail=here/a.png")
    assert (tmp_path / "here" / "a.png").is_file()
    assert "picture:" not in call(csv.name, "thumbnail=false")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["here", csv.name]
    assert "picture: elsewhere/inspect/" in call(csv.name, "paths.output_dir=elsewhere")


def test_a_file_whose_columns_are_not_known(call, tmp_path):
    (tmp_path / "a.csv").write_text("xpos (um),ypos (um),kind\n1,2,a\n3,4,b\n")

    out = call("a.csv")

    assert "software not known by its columns" in out
    assert "not taken xpos (um) 1 2 3 0 Float64" in out
    assert "not taken kind 0 String" in out
    assert "cannot be read with these settings: " in out
    assert """columns=custom 'columns.names={x: "xpos (um)", y: "ypos (um)"}' columns.unit=um""" in out
    assert not (tmp_path / "outputs").exists()
    taken = call("a.csv", "columns=custom", 'columns.names={x: "xpos (um)", y: "ypos (um)"}', "columns.unit=um")
    assert "localisations 2 in 2D" in taken


def test_labels_groups_channels_and_refused_rows(call, tmp_path):
    table = pl.DataFrame({"x": [1.0, 9.0, None], "y": [1.0, 2.0, 3.0], "channel": [0, 1, 1]})
    metadata = {
        "units": '{"x": "nm", "y": "nm", "channel": "1"}',
        "channel_labels": '{"0": "actin", "1": "[nm] tubulin"}',
        "gt_label": "4",
        "gt_label_map": '{"2": "O", "4": "L"}',
        "group": "patient 7",
        "stain": "a b " * 100,
    }
    table.write_parquet(tmp_path / "a.parquet", metadata=metadata)

    out = call("a.parquet")

    assert "channels 0 (actin): 1, 1 ([nm] tubulin): 1" in out
    assert "class L, of O, L" in out
    assert "group patient 7" in out
    assert "refused 1 rows: x is missing or not a finite number" in out
    assert "metadata stain = a b a b" in out
    assert "gt_label =" not in out
    assert "! 1 of 3 rows are refused" in out


def test_an_imported_file_names_its_source(call, csv, tmp_path):
    assert cli.main(["import", csv.name, "out"]) == 0

    out = call("out/my file, [1].parquet")

    assert f"imported from {csv}".replace(" ", "") in out.replace(" ", ""), "long paths are folded"
    assert "software locgraph" in out
    assert "source_metadata" not in out


def test_much_metadata_and_many_channels_are_cut(call, tmp_path):
    table = pl.DataFrame({"x": [float(i) for i in range(40)], "y": [0.5 * i for i in range(40)], "channel": range(40)})
    metadata = {"units": '{"x": "nm", "y": "nm", "channel": "1"}'} | {f"key{i:02}": "v" for i in range(20)}
    table.write_parquet(tmp_path / "a.parquet", metadata=metadata)

    out = call("a.parquet")

    assert "11: 1 and 28 more" in out
    assert "... and 8 more: key12, key13" in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "ConfigError: source: expected a path; found none. Call it as: locgraph inspect FILE"),
        (["nowhere.csv"], "nowhere.csv: expected a file; found none"),
        (["."], "expected a file; found a folder"),
        (["empty.csv"], "found an empty file (0 bytes)"),
        (["a.csv", "thumbnail=a.gif"], "ConfigError: thumbnail: expected the name of a PNG"),
        (["a.csv", "limits.max_refused_fraction=-1"], "ConfigError: limits.max_refused_fraction: expected a number"),
        (["a.csv", "labels=none"], "Could not override 'labels'"),
    ],
)
def test_what_cannot_work_is_told_in_one_message(call, tmp_path, capsys, arguments, expected):
    (tmp_path / "empty.csv").touch()
    (tmp_path / "a.csv").write_text(TEXT)

    with pytest.raises(SystemExit) as stopped:
        call(*arguments)

    assert stopped.value.code == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert " ".join(err.split()).count(expected) == 1, err


@pytest.mark.parametrize(
    ("suggestion", "expected"),
    [
        (
            ColumnSuggestion({"x": "X (nm)", "y": "Y"}, "nm"),
            """'columns.names={x: "X (nm)", y: "Y"}' columns.unit=nm""",
        ),
        (ColumnSuggestion({"x": "x", "y": "y"}, None), """'columns.names={x: "x", y: "y"}' columns.unit=???"""),
        (
            ColumnSuggestion({"x": "x", "y": "y"}, "px"),
            """'columns.names={x: "x", y: "y"}' columns.unit=px columns.pixel_size_nm=???""",
        ),
    ],
)
def test_suggested_columns_as_settings(suggestion, expected):
    assert inspect_file.overrides(suggestion) == f"columns=custom {expected}"


def test_real_files(call, test_data):
    out = call(test_data / "formats" / "thunderstorm_dstorm.csv")

    assert "localisations 19 in 2D" in out
    assert "frames 2,001 to 2,001 in the file" in out
    assert "! frame is 2001 in every row: it holds no information" in out

    names = "columns.names={x: x, y: y, precision: sigma, channel: channel}"
    out = call(
        test_data / "digits_letters" / "L_1.parquet",
        *("columns=custom", "columns.unit=px", "columns.pixel_size_nm=130", names),
    )
    assert "class L, of one, two, three, T, O, L, grid" in out
    assert "localisations 278 in 2D, 129 nm x 139 nm" in out
    wrong = call(test_data / "digits_letters" / "L_1.parquet", "columns=custom", "columns.unit=nm", names)
    assert "! x spans 0.993 nm only: this looks like camera pixels" in wrong
