"""Archives of packed models: what was written is read, and what is wrong is refused with one clear error."""

import json
import pickle
import struct
import zipfile

import pytest

from locgraph import __version__
from locgraph.api.packs import archive
from locgraph.api.packs.archive import PACK_MANIFEST, PACK_MEMBERS, read_archive, read_manifest, sha256, write_archive
from locgraph.errors import CheckpointError

ABOUT = {"name": "rings", "version": "1.0", "versions": {"locgraph": "9.1"}}
MEMBERS = {name: name.encode() for name in PACK_MEMBERS}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "rings.lgm"
    write_archive(path, ABOUT, MEMBERS)
    return path


def rewritten(path, changes=None, stored=zipfile.ZIP_STORED, **manifest):
    """The archive again, with other members (None leaves one out) and other values in the manifest."""
    with zipfile.ZipFile(path) as old:
        content = {name: old.read(name) for name in old.namelist()}
    about = json.loads(content[PACK_MANIFEST]) | manifest
    content |= {PACK_MANIFEST: json.dumps(about).encode()} | (changes or {})
    with zipfile.ZipFile(path, "w", stored) as new:
        for name, data in content.items():
            if data is not None:
                new.writestr(zipfile.ZipInfo(name), data, stored)
    return path


def refused(path, match):
    with pytest.raises(CheckpointError, match=match) as error:
        read_archive(path)
    assert str(path) in str(error.value)


def test_what_was_written_is_read(path):
    read = read_archive(path)

    assert read.members == MEMBERS
    assert read.manifest == read_manifest(path)
    first = PACK_MEMBERS[0]
    assert read.manifest["members"][first] == {"sha256": sha256(MEMBERS[first]), "bytes": len(MEMBERS[first])}
    assert (read.manifest["format"], read.manifest["locgraph"]) == (archive.FORMAT, f">={__version__}")
    with zipfile.ZipFile(path) as members:
        assert {entry.compress_type for entry in members.infolist()} == {zipfile.ZIP_STORED}


def test_a_changed_member_is_refused(path):
    refused(rewritten(path, {"README.md": b"another"}), "README.md is not what the manifest states .SHA-256 ")


def test_where_hashes_were_changed_too_that_of_the_file_is_another(path):
    before = archive.file_sha256(path)
    members = read_manifest(path)["members"] | {"README.md": {"sha256": sha256(b"another"), "bytes": 7}}
    rewritten(path, {"README.md": b"another"}, members=members)

    assert read_archive(path).members["README.md"] == b"another"
    assert archive.file_sha256(path) != before


@pytest.mark.parametrize("name", [PACK_MANIFEST, "weights.safetensors", "LICENSE"])
def test_a_missing_member_is_named(path, name):
    refused(rewritten(path, {name: None}), f"not a whole packed model: it lacks {name}")


def test_unknown_members_are_refused(path):
    refused(rewritten(path, {"code.py": b"print(1)"}), "it holds the unknown members 'code.py'")


@pytest.mark.parametrize("name", ["../model.py", "/etc/passwd", "example/../../x", "C:\\x", "..\\x"])
def test_names_that_lead_out_of_the_archive_are_refused(path, name):
    refused(rewritten(path, {name: b""}), "leads out of the archive")


@pytest.mark.parametrize("name", ["weights.pt", "data.pkl", "archive/data.pickle", "best.ckpt"])
def test_pickles_are_refused_by_their_names(path, name):
    refused(rewritten(path, {name: pickle.dumps({})}), f"'{name}', which is pickled and could run code")


def test_a_checkpoint_under_another_name_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "model.lgm", "w") as other:
        other.writestr("best/data.pkl", pickle.dumps({}))
    refused(tmp_path / "model.lgm", "pickled and could run code; a checkpoint is packed by `locgraph pack RUN")


def test_a_member_that_is_there_twice_is_refused(path):
    with pytest.warns(UserWarning, match=r"Duplicate name"), zipfile.ZipFile(path, "a") as members:
        members.writestr("LICENSE", b"")
    refused(path, "several members called 'LICENSE'")


def test_newer_formats_ask_for_a_newer_version(path):
    refused(
        rewritten(path, format=99), rf"format 99 by locgraph 9.1, this version, {__version__}, reads up to .*update"
    )


def test_other_versions_of_locgraph_are_refused(path):
    refused(rewritten(path, locgraph=">=99"), "needs locgraph >=99, this is .*update locgraph")


@pytest.mark.parametrize(
    "wrong",
    [{"name": "../x"}, {"version": "one"}, {"locgraph": "?"}, {"members": []}, {"members": {}}, {"format": "1"}],
)
def test_manifests_that_state_nonsense_are_refused(path, wrong):
    refused(rewritten(path, **wrong), "states it otherwise|does not state exactly|expected the number of a format")


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_manifests_that_are_no_mapping_are_refused(path, text):
    refused(rewritten(path, {PACK_MANIFEST: text}), "manifest.json: expected (JSON|a mapping)")


def test_compressed_members_are_refused(path):
    refused(rewritten(path, {"README.md": b"0" * 10_000_000}, zipfile.ZIP_DEFLATED), "is compressed or encrypted")


def patched(path, name, offset, value):
    """Another number in the entry of a member in the central directory, at the end of the archive."""
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode()))
    data[entry + offset : entry + offset + 4] = struct.pack("<I", value)
    path.write_bytes(bytes(data))
    return path


def test_sizes_beyond_the_limit_are_refused_before_they_are_read(path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_TEXT", 5)
    refused(path, "declares .* bytes, too many")
    monkeypatch.setattr(archive, "MOST_TEXT", 1 << 20)
    monkeypatch.setattr(archive, "MOST_BYTES", 500)
    refused(path, "members declare .* bytes, more than")


def test_a_member_that_declares_more_than_the_file_holds_is_refused(path):
    big = 1 << 25
    refused(
        patched(patched(path, "LICENSE", 20, big), "LICENSE", 24, big), "members declare 33,55.* more than the file"
    )


def test_members_that_lie_on_each_other_are_refused(path):
    with zipfile.ZipFile(path) as members:
        first = members.getinfo("weights.safetensors").header_offset
    with pytest.raises(CheckpointError, match=r"LICENSE"):
        read_archive(patched(path, "LICENSE", 42, first))


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04" + bytes(100)])
def test_files_of_another_kind_are_refused(tmp_path, content):
    (tmp_path / "model.lgm").write_bytes(content)
    refused(tmp_path / "model.lgm", "damaged, truncated or of another kind")


def test_a_truncated_archive_is_refused(path):
    path.write_bytes(path.read_bytes()[:-200])
    refused(path, "damaged, truncated")


def test_an_absent_archive_is_named(tmp_path):
    refused(tmp_path / "none.lgm", "no such file")
