"""``locgraph import``: from the command line to the files, the record, the table and the exit status."""

import json
import os
import signal
import subprocess
import sys

import polars as pl
import pytest

from locgraph.cli import main as cli
from locgraph.cli.commands import import_files
from locgraph.errors import DataError, TooManyFailuresError
from locgraph.io.catalogue import scan
from locgraph.io.columns import FileColumns
from locgraph.io.converted import read_converted
from locgraph.io.groups import NoGroups
from locgraph.io.labels import MetadataLabels, NoLabels
from locgraph.io.read import read_localisations
from locgraph.simulate.dataset import simulate_dataset
from locgraph.simulate.origami import Origami
from locgraph.storage import locked

HEADER = 'id,"frame","x [nm]","y [nm]","sigma [nm]"\n'
ROWS = "1,1,100,200,130\n2,2,150,250,131\n3,3,170,250,nan\n"
LOOSE = "limits.max_refused_fraction=0.5"


@pytest.fixture
def raw(tmp_path):
    for name in ("T/a", "L/b"):
        path = tmp_path / "raw" / f"{name}.csv"
        path.parent.mkdir(parents=True)
        path.write_text(HEADER + ROWS)
    return tmp_path / "raw"


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Calls the console command in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: cli.main(["import", *map(str, arguments)])


@pytest.fixture
def cfg(composed, raw, tmp_path):
    cfg = composed("import", LOOSE, "executor=serial")
    cfg.source, cfg.target = str(raw), str(tmp_path / "out")
    return cfg


def printed(capsys):
    return " ".join(capsys.readouterr().out.split())


def test_a_folder(call, raw, tmp_path, capsys):
    assert call("raw", "out", LOOSE, "labels=folders") == 0

    assert sorted(path.relative_to(tmp_path).as_posix() for path in (tmp_path / "out").rglob("[!.]*.*")) == [
        "out/L/b.parquet",
        "out/T/a.parquet",
        "out/import.json",
    ]
    out = printed(capsys)
    assert "FOVs 2 converted, 0 up to date, 0 failed" in out
    assert "localisations 4 in 2D" in out
    reason = "2: sigma is missing or not a finite number"
    assert f"rows refused 2 of 6 in 2 of 2 FOVs {reason} most: L/b (1 of 3), T/a (1 of 3)" in out
    software = "ThunderSTORM (2 FOVs):"
    assert f"columns taken {software} x from x [nm]; y from y [nm]; frame from frame; sigma from sigma [nm]" in out
    assert f"not taken {software} id" in out
    assert "classes L 1, T 1" in out


def test_the_second_time_nothing_is_done(call, raw, tmp_path, capsys):
    call("raw", "out", LOOSE)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    capsys.readouterr()

    call("raw", "out", LOOSE)

    assert "FOVs 0 converted, 2 up to date, 0 failed" in printed(capsys)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")} == before


def test_what_was_imported_is_read_as_it_was(call, raw, tmp_path):
    call("raw", "out", LOOSE, "labels=folders")

    catalogue = scan(tmp_path / "out", FileColumns(), MetadataLabels(), NoGroups())

    assert {source.fov_id: source.label for source in catalogue.sources} == {"L/b": "L", "T/a": "T"}
    assert catalogue.failures == {}, "the record is no FOV"
    direct = read_localisations(raw / "T" / "a.csv", FileColumns(), 0.5)
    again = read_localisations(tmp_path / "out" / "T" / "a.parquet", FileColumns(), 0.0)
    assert again.table.equals(direct.table)


@pytest.mark.parametrize(
    "name",
    [
        "with spaces",
        "a, b",
        "[run] (1) {x}",
        "it's",
        'the "new" one',
        "run=2",
        "${x} $HOME",
        "back\\slash\\",
        "\\'",
        "ü µ 漢",
        "~tilde+plus",
        "percent%20",
        "a:b;c|d&e",
    ],
)
def test_paths_of_any_name(call, raw, tmp_path, name):
    source = raw.rename(tmp_path / name)

    assert call(name if name[0] != "~" else f"./{name}", f"./to {name}", LOOSE, "executor=serial") == 0

    about = read_converted(tmp_path / f"to {name}" / "T" / "a.parquet")
    assert about.source["path"] == str(source / "T" / "a.csv")


def test_settings_by_name_and_in_any_order(call, raw, tmp_path):
    assert call(LOOSE, "raw", "executor=serial", "out") == 0
    assert call("target=out2", "source=raw", LOOSE, "executor=serial") == 0

    assert (tmp_path / "out" / "T" / "a.parquet").read_bytes() == (tmp_path / "out2" / "T" / "a.parquet").read_bytes()


def test_other_columns_and_pixels(call, tmp_path, capsys):
    (tmp_path / "a b.tsv").write_text("X\tY\tlp\tmore\n1\t2\t0.1\t5\n3\t4\t0.2\t6\n")
    columns = ("columns=custom", "columns.names={x: X, y: Y, precision: lp}", "columns.unit=px")

    assert call("a b.tsv", "out", *columns, "columns.pixel_size_nm=117") == 0

    table = pl.read_parquet(tmp_path / "out" / "a b.parquet")
    assert table.rows() == [(1 * 117.0, 2 * 117.0, 0.1 * 117.0), (3 * 117.0, 4 * 117.0, 0.2 * 117.0)]
    out = printed(capsys)
    assert "x from X in px of 117 nm; y from Y in px of 117 nm; precision from lp in px of 117 nm" in out
    assert "not taken more" in out


def test_the_record(cfg, raw, tmp_path):
    import_files.run(cfg)

    content = json.loads((tmp_path / "out" / "import.json").read_text())["imports"]
    assert list(content) == [str(raw)]
    found = content[str(raw)]
    assert found["settings"]["max_refused_fraction"] == 0.5
    assert found["settings"]["columns"]["_target_"] == "locgraph.io.columns.FileColumns"
    assert found["settings"]["labels"]["_target_"] == "locgraph.io.labels.NoLabels"
    assert found["fovs"]["T/a"]["counts"]["rows_refused"] == 1
    assert found["fovs"]["T/a"]["source"]["path"] == str(raw / "T" / "a.csv")
    assert found["failures"] == {}
    assert "locgraph" in found["versions"]


@pytest.mark.parametrize("content", ["{}", "[1]", '{"imports": 3}', "no json"])
def test_another_file_of_that_name_is_not_overwritten(cfg, tmp_path, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "import.json").write_text(content)

    with pytest.raises(DataError, match=r"expected no import\.json but that of an earlier import; found another file"):
        import_files.run(cfg)
    assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["import.json"]


def test_too_many_failures_are_told_and_what_is_good_is_kept(cfg, raw, tmp_path, capsys):
    (raw / "T" / "bad.csv").write_text("a,b\n1,2\n")

    with pytest.raises(TooManyFailuresError, match=r"expected at most 10.00% of 3 FOVs to fail; found 1(?s:.*)T/bad"):
        import_files.run(cfg)

    assert "FOVs 2 converted, 0 up to date, 1 failed" in printed(capsys)
    assert (tmp_path / "out" / "T" / "a.parquet").is_file()
    content = json.loads((tmp_path / "out" / "import.json").read_text())["imports"][str(raw)]
    assert list(content["failures"]) == ["T/bad"]


def test_some_failures_are_listed(cfg, raw, capsys):
    for index in range(12):
        (raw / f"bad{index:02}.csv").write_text("a,b [nm]\n1,2\n")
    cfg.limits.max_failed_fraction = 1.0

    done = import_files.run(cfg)

    assert len(done.manifest.failures) == 12
    out = printed(capsys)
    assert out.count("failed bad") == 10
    assert "'b [nm]'" in out, "what stands in brackets is no style"
    assert "... and 2 more: all are in" in out


def test_classes_of_localisations(call, tmp_path, capsys):
    (tmp_path / "a.csv").write_text("x,y,c\n1,2,free\n3,4,bound\n")
    columns = ("columns=custom", "columns.names={x: x, y: y, loc_label: c}", "columns.unit=nm")

    call("a.csv", "out", *columns)
    assert "1 FOV with classes of localisations: labels=localisations numbers them" in printed(capsys)

    call("a.csv", "out", *columns, "labels=localisations", "labels.class_names=[bound,free]")
    assert pl.read_parquet(tmp_path / "out" / "a.parquet")["loc_label"].to_list() == [1, 0]
    assert "not asked for" not in printed(capsys)


def test_a_class_that_is_not_asked_for_is_told(cfg, tmp_path, capsys):
    raw = tmp_path / "simulated"
    paths = simulate_dataset(raw, Origami({"T": "T", "L": "L"}), 2, 0)
    cfg.source = str(raw)
    cfg.limits.max_failed_fraction = 1.0

    done = import_files.run(cfg)

    assert len(done.files) == len(paths) == 4
    assert "4 FOVs with a class in the metadata: labels=metadata takes it" in printed(capsys)
    again = read_localisations(tmp_path / "out" / "T_000.parquet", FileColumns(), 0.0)
    assert again.table.equals(read_localisations(raw / "T_000.parquet", FileColumns(), 0.0).table)
    assert done.files["T_000"].channels == {"0": "channel_0"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "ConfigError: source: expected a path; found none. Call it as: locgraph import SRC DST"),
        (["raw"], "ConfigError: target: expected a path; found none"),
        (["raw", ""], "ConfigError: target: expected a path; found none"),
        (["nowhere", "out"], "DataError: source: expected a file or a folder at"),
        (["raw", "raw/out"], "ConfigError: target: expected a folder outside the source"),
        (["raw", "a.parquet"], "ConfigError: target: expected a folder, in which each file gets the name"),
        (
            ["raw", "out"],
            "TooManyFailuresError: limits.max_failed_fraction: expected at most 10.00% of 2 FOVs to fail; found 2",
        ),
        (["raw", "out", "limits.max_failed_fraction=2"], "ConfigError: limits.max_failed_fraction: expected a number"),
        (
            ["raw", "out", "limits.max_refused_fraction=half"],
            "ConfigError: limits.max_refused_fraction: expected a number",
        ),
        (["raw", "out", "columns=custom"], "columns.unit: a value is required"),
        (["raw", "out", "columns=help"], "Could not find 'columns/help'"),
    ],
)
def test_what_cannot_work_is_told_in_one_message(call, raw, capsys, arguments, expected):
    with pytest.raises(SystemExit) as stopped:
        call(*arguments)

    assert stopped.value.code == 1
    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert " ".join(err.split()).count(expected) == 1, err


def test_real_files(call, test_data, tmp_path, capsys):
    assert call(test_data / "formats", "out", "executor=serial") == 0

    out = printed(capsys)
    assert "FOVs 4 converted, 0 up to date, 0 failed localisations 611 in 2D rows refused 0 of 611" in out
    assert "not taken Picasso (1 FOV): net_gradient; likelihood; iterations" in out
    assert "columns taken rapidSTORM (1 FOV): x from Position-0-0 in nm;" in out
    assert "notes z is 0 everywhere: read in 2D (1 FOV)" in out


def test_real_folder(call, test_data, tmp_path):
    columns = ("columns=custom", "columns.unit=px", "columns.pixel_size_nm=130", "executor=serial")
    names = "columns.names={x: x, y: y, precision: sigma, channel: channel}"

    assert call(test_data / "digits_letters", "out", "labels=metadata", *columns, names) == 0

    catalogue = scan(tmp_path / "out", FileColumns(), MetadataLabels(), NoGroups())
    assert len(catalogue.sources) == 245
    assert catalogue.class_names == ("one", "two", "three", "T", "O", "L", "grid")
    for source in catalogue.sources[::40]:
        raw = pl.read_parquet(test_data / "digits_letters" / f"{source.fov_id}.parquet")
        found = read_localisations(source.path, FileColumns(), 0.0).table
        assert found["x"].equals(raw["x"].cast(pl.Float64) * 130.0)
        assert found["precision"].equals((raw["sigma"].cast(pl.Float64) * 130.0).alias("precision"))


KILLED = """
import os, signal, sys
import polars as pl
from locgraph.cli import main as cli

write, calls = pl.DataFrame.write_parquet, []

def write_half(table, path, **options):
    write(table, path, **options)
    calls.append(path)
    if len(calls) == 3:
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)

pl.DataFrame.write_parquet = write_half
cli.main(["import", *sys.argv[1:]])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes cannot be killed this way here")
def test_an_import_that_was_killed_is_completed(call, tmp_path, capsys):
    for number in range(5):
        (tmp_path / "raw").mkdir(exist_ok=True)
        (tmp_path / "raw" / f"{number}.csv").write_text(HEADER + ROWS)
    command = [sys.executable, "-c", KILLED, "raw", "out", LOOSE, "executor=serial"]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    out = tmp_path / "out"
    whole = sorted(path.name for path in out.glob("*.parquet"))
    half = list(out.glob(".*.part"))
    assert whole == ["0.parquet", "1.parquet"]
    assert len(half) == 1
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    # what is half written is not read
    assert [source.fov_id for source in scan(out, FileColumns(), NoLabels(), NoGroups()).sources] == ["0", "1"]

    assert call("raw", "out", LOOSE, "executor=serial") == 0

    assert "FOVs 3 converted, 2 up to date, 0 failed" in printed(capsys)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert call("raw", "fresh", LOOSE, "executor=serial") == 0
    for path in (tmp_path / "fresh").glob("*.parquet"):
        assert pl.read_parquet(out / path.name).equals(pl.read_parquet(path))
    assert [source.fov_id for source in scan(out, FileColumns(), NoLabels(), NoGroups()).sources] == list("01234")


@pytest.mark.usefixtures("raw")
def test_a_target_that_another_process_writes_to_is_refused(call, tmp_path, capsys):
    with locked(tmp_path / "out"), pytest.raises(SystemExit):
        call("raw", "out", LOOSE)
    assert "is being written to by process" in capsys.readouterr().err
    assert not list((tmp_path / "out").rglob("*.parquet"))
