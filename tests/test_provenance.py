"""Fingerprints, and files that appear whole or never."""

import hashlib
import itertools
import json
import os
import platform
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import locgraph
from locgraph.provenance import file_digest, fingerprint, versions, whole_file, write_json

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def backwards(value):
    """The same value, the keys of every mapping in reverse order."""
    if isinstance(value, dict):
        return {key: backwards(value[key]) for key in reversed(value)}
    return [backwards(item) for item in value] if isinstance(value, list) else value


def test_fingerprint_is_the_hash_of_sorted_json():
    text = '[{"a":{"c":null,"d":[1,2.5]},"b":"µ"},"x"]'
    expected = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    # a literal too: a folder prepared by this version must be found by the next
    assert fingerprint({"b": "µ", "a": {"d": [1, 2.5], "c": None}}, "x") == expected == "e0414f02c0d255bd"


@given(PLAIN)
def test_fingerprint_does_not_see_the_order_of_keys(value):
    assert fingerprint(backwards(value)) == fingerprint(value)


def test_fingerprint_differs_with_content():
    different = [
        (),
        (None,),
        ({},),
        ([],),
        ("",),
        (0,),
        (0.0,),
        (False,),
        ("0",),
        (1,),
        (True,),
        ("a", "b"),
        ("ab",),
        (["a", "b"],),
        (["b", "a"],),
        ({"a": 1},),
        ({"a": {"b": 1}},),
        ({"a": 1, "b": None},),
        (0.1 + 0.2,),
        (0.3,),
    ]
    found = {parts: fingerprint(*parts) for parts in map(_Shown, different)}
    for one, other in itertools.combinations(found, 2):
        assert found[one] != found[other], f"{one} and {other}"


class _Shown(tuple):
    """Parts that can be keys although they hold lists."""

    def __hash__(self):
        return hash(repr(self))

    def __eq__(self, other):
        return repr(self) == repr(other)


def test_fingerprint_takes_tuples_for_lists():
    assert fingerprint({"a": (1, 2)}) == fingerprint({"a": [1, 2]})


@pytest.mark.parametrize("value", [{1, 2}, np.float32(1.0), object(), b"a"])
def test_fingerprint_refuses_what_is_not_plain(value):
    with pytest.raises(TypeError, match="not JSON serializable"):
        fingerprint({"a": value})


def test_file_digest_depends_on_content_alone(tmp_path):
    content = bytes(range(256)) * 5000
    one, other = tmp_path / "a.parquet", tmp_path / "b.csv"
    one.write_bytes(content)
    other.write_bytes(content)
    assert file_digest(one) == file_digest(other) == hashlib.blake2b(content, digest_size=8).hexdigest()
    other.write_bytes(content[:-1] + b"\x00")
    assert file_digest(one) != file_digest(other)


def test_file_digest_of_nothing(tmp_path):
    (tmp_path / "empty").touch()
    assert file_digest(tmp_path / "empty") == hashlib.blake2b(b"", digest_size=8).hexdigest()
    with pytest.raises(FileNotFoundError):
        file_digest(tmp_path / "absent")


def test_versions_name_what_numbers_depend_on():
    found = versions()
    assert found["locgraph"] == locgraph.__version__
    assert found["python"] == platform.python_version()
    assert found["numpy"] == np.__version__
    assert {"torch", "torch-geometric", "lightning", "polars", "scipy", "scikit-learn", "numba"} <= found.keys()
    assert json.loads(json.dumps(found)) == found


def test_versions_leave_out_what_is_not_installed(monkeypatch):
    monkeypatch.setattr("locgraph.provenance._PACKAGES", ("no-such-package-here",))
    assert set(versions()) == {"locgraph", "python"}


def test_a_whole_file_appears_at_the_end(tmp_path):
    path = tmp_path / "new" / "folder" / "a.json"
    with whole_file(path) as temporary:
        assert temporary.parent == path.parent  # one file system: the renaming is one step
        assert temporary.name.startswith(".")  # and a scan of the folder passes over it
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_nothing(tmp_path):
    def fail():
        with whole_file(tmp_path / "a.json") as temporary:
            temporary.write_text("half")
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")

    def fail():
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_old_file_is_replaced(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old and longer")
    with whole_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_killed_process_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    code = """
    import os, signal, sys
    from pathlib import Path
    from locgraph.provenance import whole_file
    with whole_file(Path(sys.argv[1])) as temporary:
        temporary.write_text("half")
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code), str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert [other for other in tmp_path.iterdir() if not other.name.startswith(".")] == [path]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "a") as temporary:
            temporary.touch()
        now = os.umask(umask)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode
    assert now == umask


def test_json_is_indented_and_keeps_letters(tmp_path):
    write_json(tmp_path / "a.json", {"µ": [1, None], "b": {"c": 0.5}})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"µ": [1, None], "b": {"c": 0.5}}
    assert text.startswith('{\n  "µ"')
    assert text.endswith("}\n")


def test_json_that_cannot_be_written_keeps_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", {"a": 1})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "a.json", {"a": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert len(list(tmp_path.iterdir())) == 1
