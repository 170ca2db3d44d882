"""Parts of names: what a regular expression captures, folders."""

import pytest

from locgraph.errors import ConfigError
from locgraph.io.lookup import FolderLevel, NamePattern


@pytest.mark.parametrize(
    ("pattern", "fov_id", "expected"),
    [
        (r"(p\d+)/", "a/p01/x", "p01"),
        (r"^(p\d+)/", "a/p01/x", None),
        (r"_(wt|ko)_", "x_ko_wt_1", "ko"),  # the first match
        (r"(a)|(b)", "b", None),  # the first group alone counts
        (r"(?:a|b)(c?)", "a", None),
    ],
)
def test_pattern(pattern, fov_id, expected):
    assert NamePattern(pattern).find(fov_id) == expected


@pytest.mark.parametrize(("pattern", "message"), [("(", "a regular expression"), ("(?:p)01", "a capture group")])
def test_pattern_that_cannot_work(pattern, message):
    with pytest.raises(ConfigError, match=rf"pattern: expected {message}"):
        NamePattern(pattern)


@pytest.mark.parametrize(("level", "expected"), [(1, "c"), (2, "b"), (3, "a"), (4, None)])
def test_folder(level, expected):
    assert FolderLevel(level).find("a/b/c/file") == expected


def test_no_folder():
    assert FolderLevel(1).find("file") is None


@pytest.mark.parametrize("level", [0, -1, 1.0, "1", None, True])
def test_level_that_cannot_work(level):
    with pytest.raises(ConfigError, match=rf"level: expected 1 .* or more; found {level!r}"):
        FolderLevel(level)
