"""Where packed models come from: files, folders, a server on the loopback, and the layout of the Hub's cache."""

import hashlib
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from locgraph.api.packs import sources
from locgraph.api.packs.sources import add_models
from locgraph.errors import CheckpointError, ConfigError, DataError, MissingPackageError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Quiet(SimpleHTTPRequestHandler):
    """A server that does not log."""

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def server(packed, tmp_path, monkeypatch):
    """Address of a folder with the packed model, on the loopback."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "model.lgm").write_bytes(packed.read_bytes())
    (folder / "other.lgm").write_bytes(b"no model")
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_added(cache, packed):
    (added,) = add_models(str(packed))
    assert (str(added.reference), added.path) == ("tiny:1.0", cache / "tiny" / "1.0" / "model.lgm")
    assert added.path.read_bytes() == packed.read_bytes()


def test_all_models_of_a_folder_are_added(cache, packed, packed_sweep, tmp_path):
    for place, path in enumerate((packed, packed_sweep)):
        (tmp_path / "given" / str(place)).mkdir(parents=True)
        (tmp_path / "given" / str(place) / "any.lgm").write_bytes(path.read_bytes())
    assert [str(each.reference) for each in add_models(str(tmp_path / "given"))] == ["tiny:1.0", "tiny:2.0"]


def test_an_address_is_fetched_where_the_hash_fits(cache, packed, server):
    (added,) = add_models(f"{server}/model.lgm", digest(packed).upper())
    assert added.path.read_bytes() == packed.read_bytes()


@pytest.mark.parametrize(
    ("name", "sha256", "error", "message"),
    [
        ("model.lgm", None, ConfigError, "sha256: expected the SHA-256 of http://.*found none"),
        ("model.lgm", "0" * 64, DataError, "model.lgm: refused: its SHA-256 is .*, expected 0000.*Nothing was kept"),
        ("model.lgm", "abc", ConfigError, "sha256: expected 64 hexadecimal digits, found 'abc'"),
        ("other.lgm", hashlib.sha256(b"no model").hexdigest(), CheckpointError, "cannot be read as a packed model"),
        ("none.lgm", "0" * 64, DataError, "none.lgm: cannot be fetched: HTTP Error 404"),
    ],
)
def test_nothing_is_written_where_an_address_is_refused(cache, server, name, sha256, error, message):
    with pytest.raises(error, match=message):
        add_models(f"{server}/{name}", sha256)
    assert not cache.exists()


def test_a_file_that_never_ends_is_not_kept(cache, server, packed, monkeypatch):
    monkeypatch.setattr(sources, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match=r"refused: more than 1,000 bytes"):
        add_models(f"{server}/model.lgm", digest(packed))
    assert not cache.exists()


def test_a_server_that_is_not_there_is_named(cache):
    with pytest.raises(DataError, match=r"http://127.0.0.1:9/x.lgm: cannot be fetched"):
        add_models("http://127.0.0.1:9/x.lgm", "0" * 64)


def test_the_hash_of_a_file_counts_too(cache, packed, tmp_path):
    assert add_models(str(packed), digest(packed))
    with pytest.raises(DataError, match=r"expected 0000"):
        add_models(str(packed), "0" * 64)
    (tmp_path / "two").mkdir()
    for name in ("a", "b"):
        (tmp_path / "two" / f"{name}.lgm").write_bytes(packed.read_bytes())
    with pytest.raises(ConfigError, match=r"sha256: expected one file with this hash, found 2"):
        add_models(str(tmp_path / "two"), "0" * 64)


@pytest.mark.parametrize("given", ["none.lgm", "file:///x.lgm", "ftp://host/x.lgm"])
def test_sources_of_another_kind_are_refused(cache, given):
    with pytest.raises(ConfigError, match=r"arguments: .*expected a .lgm file, a folder with some, an address"):
        add_models(given)


@pytest.fixture
def hub(packed, tmp_path, monkeypatch):
    """The cache of the Hub with one repository, as its own package lays it out."""
    folder = tmp_path / "hub" / "models--lab--rings"
    for part in ("refs", "blobs", f"snapshots/{COMMIT}"):
        (folder / part).mkdir(parents=True)
    (folder / "refs" / "main").write_text(COMMIT)
    (folder / "blobs" / "abc").write_bytes(packed.read_bytes())
    (folder / "snapshots" / COMMIT / "model.lgm").symlink_to(folder / "blobs" / "abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    return folder


@pytest.mark.parametrize("name", ["hf:lab/rings", "hf:lab/rings@main", f"hf:lab/rings@{COMMIT}"])
def test_a_repository_in_the_local_cache_needs_no_package(cache, hub, packed, name):
    (added,) = add_models(name)
    assert added.path.read_bytes() == packed.read_bytes()


@pytest.mark.parametrize(
    ("variables", "place"),
    [({"HF_HOME": "{}/home"}, "home/hub"), ({"XDG_CACHE_HOME": "{}/xdg"}, "xdg/huggingface/hub")],
)
def test_the_cache_of_the_hub_is_found_as_its_package_finds_it(hub, tmp_path, monkeypatch, variables, place):
    monkeypatch.delenv("HF_HUB_CACHE")
    monkeypatch.delenv("HF_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value.format(tmp_path))
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    hub.parent.rename(tmp_path / place)
    found = sources.cached_snapshot("lab/rings", "main")
    assert found == tmp_path / place / "models--lab--rings" / "snapshots" / COMMIT


def test_a_reference_that_leads_elsewhere_is_not_followed(hub):
    (hub / "refs" / "main").write_text("../../..")
    assert sources.cached_snapshot("lab/rings", "main") is None


def test_without_the_package_the_error_states_how_to_install_it(cache, hub):
    with pytest.raises(
        MissingPackageError, match=r"hf:lab/none is not in the local cache .*pip install 'locgraph\[hub\]'"
    ):
        add_models("hf:lab/none")


def test_the_package_downloads_what_the_cache_lacks(cache, hub, packed, monkeypatch):
    asked = []

    def download(repository, **options):
        asked.append((repository, options))
        return str(hub / "snapshots" / COMMIT)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=download))
    (added,) = add_models("hf:lab/other@v2")
    assert str(added.reference) == "tiny:1.0"
    assert asked == [("lab/other", {"revision": "v2", "allow_patterns": ["*.lgm"]})]


def test_a_failed_download_is_named(cache, hub, monkeypatch):
    def download(*_, **__):
        raise OSError("no connection")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=download))
    with pytest.raises(DataError, match=r"hf:lab/other@main: cannot be fetched: no connection"):
        add_models("hf:lab/other")


@pytest.mark.parametrize("name", ["hf:rings", "hf:../..", "hf:a/b/c", "hf:lab/rings@../x"])
def test_names_of_repositories_are_checked(cache, name):
    with pytest.raises(ConfigError, match=r"arguments: expected hf:ORGANISATION/REPOSITORY"):
        add_models(name)
