"""Packed models on this machine: by name and version, the newest where none is stated, and never from elsewhere."""

import shutil
from pathlib import Path

import pytest

import locgraph
from locgraph.api.packs import cache as module
from locgraph.api.packs.archive import read_archive, write_archive
from locgraph.api.packs.cache import find_model, list_models, locate, models_folder, remove, store
from locgraph.api.packs.reference import Reference
from locgraph.errors import CheckpointError, ConfigError


def versioned(packed, path, version):
    """The packed model under another version."""
    read = read_archive(packed)
    write_archive(path, read.manifest | {"version": version}, read.members)
    return path


@pytest.fixture
def stored(cache, packed, tmp_path):
    """Versions 1.9 and 1.10 in the cache."""
    return [store(versioned(packed, tmp_path / f"{version}.lgm", version)) for version in ("1.10", "1.9")]


@pytest.fixture
def no_shipped(tmp_path, monkeypatch):
    """A folder of shipped models of one's own."""
    monkeypatch.setattr(module, "shipped_folder", lambda: tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()
    return tmp_path / "shipped"


def test_a_stored_model_lies_under_its_name_and_version(stored, cache, packed):
    assert [each.path for each in stored] == [cache / "tiny" / version / "model.lgm" for version in ("1.10", "1.9")]
    assert locgraph.load("tiny:1.9").class_names == locgraph.load(packed).class_names


@pytest.mark.parametrize("name", ["tiny", "tiny:latest", "tiny:1.10"])
def test_the_newest_version_is_that_of_the_largest_number(stored, name):
    assert locate(name) == stored[0].path


def test_models_are_listed_by_name_the_newest_first(stored, no_shipped):
    assert [str(each.reference) for each in list_models()] == ["tiny:1.10", "tiny:1.9"]
    (models_folder() / "bad name" / "1").mkdir(parents=True)
    (models_folder() / "bad name" / "1" / "model.lgm").touch()
    assert len(list_models()) == 2


def test_a_path_that_exists_is_no_name(stored, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").mkdir()
    assert locate("tiny") == Path("tiny")
    assert locate("tiny:latest") == stored[0].path
    assert locate("no/such/best.ckpt") == Path("no/such/best.ckpt")


def test_names_that_are_not_there_are_refused_with_those_that_are(stored):
    with pytest.raises(ConfigError, match=r"model: tiny:3: no packed model .*found tiny:1.10, tiny:1.9. Fetch it with"):
        locate("tiny:3", "model")
    with pytest.raises(ConfigError, match=r"path: nothing: no such file or folder, and no packed model of this name"):
        locgraph.load("nothing")


def test_shipped_models_are_found_and_cached_ones_hide_them(no_shipped, stored, packed):
    shutil.copy(packed, no_shipped / "other-name-1.0.lgm")
    shutil.copy(packed, no_shipped / "tiny-1.9.lgm")

    assert [(str(each.reference), each.shipped) for each in list_models()] == [
        ("other-name:1.0", True),
        ("tiny:1.10", False),
        ("tiny:1.9", False),
    ]
    with pytest.raises(ConfigError, match=r"other-name:1.0 ships with locgraph and cannot be removed"):
        remove(Reference("other-name", "1.0"))


def test_the_same_file_may_be_stored_again_another_one_not(stored, packed, packed_sweep, tmp_path):
    again = versioned(packed, tmp_path / "again.lgm", "1.9")
    assert store(again) == stored[1]
    other = versioned(packed_sweep, tmp_path / "other.lgm", "1.9")
    with pytest.raises(ConfigError, match=r"another model called tiny:1.9 is there already; remove it first"):
        store(other)
    assert stored[1].path.read_bytes() == again.read_bytes()


def test_what_is_no_packed_model_is_not_stored(cache, tmp_path):
    (tmp_path / "x.lgm").write_bytes(b"x")
    with pytest.raises(CheckpointError, match=r"cannot be read as a packed model"):
        store(tmp_path / "x.lgm")
    assert not cache.exists()


def test_a_model_is_removed_with_its_empty_folders(stored, cache):
    assert remove(Reference("tiny", "1.10")) == stored[0].path
    assert (cache / "tiny" / "1.9" / "model.lgm").is_file()
    remove(Reference("tiny", "1.9"))
    assert list(cache.iterdir()) == []
    with pytest.raises(ConfigError, match=r"arguments: tiny:1.9: no packed model"):
        remove(Reference("tiny", "1.9"))


@pytest.mark.parametrize(
    ("system", "variables", "expected"),
    [
        ("linux", {"XDG_CACHE_HOME": "{home}/xdg"}, "{home}/xdg/locgraph/models"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "{home}/.cache/locgraph/models"),
        ("linux", {}, "{home}/.cache/locgraph/models"),
        ("darwin", {}, "{home}/Library/Caches/locgraph/models"),
        ("win32", {"LOCALAPPDATA": "{home}/Local"}, "{home}/Local/locgraph/models"),
        ("win32", {}, "{home}/AppData/Local/locgraph/models"),
        ("linux", {"LOCGRAPH_MODELS": "{home}/own"}, "{home}/own"),
    ],
)
def test_the_cache_is_where_the_system_keeps_caches(tmp_path, monkeypatch, system, variables, expected):
    for name in ("LOCGRAPH_MODELS", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(home=tmp_path))
    monkeypatch.setattr(module.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(module.sys, "platform", system)
    assert models_folder() == Path(expected.format(home=tmp_path))


def test_finding_needs_no_network(stored, monkeypatch):
    import socket

    def refuse(*_, **__):
        raise AssertionError("went online")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert find_model(Reference("tiny", None)).reference == Reference("tiny", "1.10")
