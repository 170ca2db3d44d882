"""Storage that refuses to be written to ends the work at once, and is told apart from a bad FOV."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from locgraph.errors import ConfigError, DataError, StorageError
from locgraph.preparation.executors import Processes, Serial, attempt
from locgraph.preparation.stage import stage
from locgraph.provenance import whole_file, write_json
from locgraph.storage import make_folder, storage_error

FULL = Path("/dev/full")
NUMBERS = np.arange(300_000) * 1.1
WRITERS = {
    "text": lambda path: path.write_text("x" * 300_000),
    "csv": lambda path: pl.DataFrame({"a": NUMBERS}).write_csv(path),
    "parquet": lambda path: pl.DataFrame({"a": NUMBERS}).write_parquet(path),
    "torch": lambda path: torch.save(torch.from_numpy(NUMBERS), path),
}
REASONS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "quota is used up",
    errno.EROFS: "read-only",
    errno.EMFILE: "too many files open",
    errno.ENFILE: "too many files open",
}


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_a_full_disk_is_recognised_whatever_writes(writer, tmp_path):
    with pytest.raises(Exception, match=r".") as raised:
        WRITERS[writer](FULL)

    path = tmp_path / "fov.parquet"
    refused = storage_error(raised.value, path)
    assert str(refused).startswith(f"{path} cannot be written: ")
    assert "MB free" in str(refused)


@pytest.mark.parametrize(("number", "reason"), REASONS.items())
def test_kinds_of_refusal(number, reason):
    assert reason in str(storage_error(OSError(number, os.strerror(number), "file")))


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR])
def test_other_errors_are_faults_of_a_file(number):
    assert storage_error(OSError(number, os.strerror(number))) is None
    assert storage_error(ValueError("1")) is None


def refuse(item):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), item)


def refuse_within(item):
    try:
        refuse(item)
    except OSError as error:
        raise DataError("cannot be read") from error


@pytest.mark.parametrize("function", [refuse, refuse_within])
def test_it_stops_the_fovs_that_follow(function, tmp_path):
    items = {f"fov{index}": "a.parquet" for index in range(3)}

    with pytest.raises(StorageError, match="no space is left on the disk"):
        list(Serial().run(function, items))
    with pytest.raises(StorageError, match="no space is left on the disk"):
        stage("tables", tmp_path, str, items, function, Serial())


def test_it_stops_worker_processes():
    items = {f"fov{index}": "a.parquet" for index in range(3)}

    with pytest.raises(StorageError, match="no space is left on the disk"):
        list(Processes(workers=2, head_start_s=0).run(refuse_within, items))


def test_a_bad_fov_stops_nothing():
    assert attempt(Path.read_text, "a", Path("absent")).failure.startswith("unexpected FileNotFoundError")


def test_the_old_file_stays_and_nothing_else(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    with pytest.raises(StorageError, match=r"a\.json cannot be written: no space"), whole_file(path):
        refuse(None)

    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_name_of_one_fov_may_be_too_long(tmp_path):
    with pytest.raises(DataError, match="the name is too long for this disk"), whole_file(tmp_path / ("a" * 250)):
        pass


def test_a_file_below_a_file(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="a part of the path is a file"), whole_file(tmp_path / "file" / "a" / "b"):
        pass


@pytest.mark.parametrize(
    ("below", "reason"),
    [("file/a", "a part of the path is a file"), ("file", "there is a file of this name"), ("a" * 300, "too long")],
)
def test_folders_that_cannot_be_made(tmp_path, below, reason):
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match=rf"^paths\.run_dir: expected a folder .*{reason}"):
        make_folder(tmp_path / below, "paths.run_dir")
