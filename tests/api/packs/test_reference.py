"""Names of packed models."""

import pytest

from locgraph.api.packs.reference import Reference, is_reference, version_key
from locgraph.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "name", "version"),
    [
        ("rings:1.0", "rings", "1.0"),
        ("npc-rings_2:2026.11.29", "npc-rings_2", "2026.11.29"),
        ("rings:latest", "rings", None),
        ("rings", "rings", None),
    ],
)
def test_names_and_versions(text, name, version):
    assert Reference.parse(text) == Reference(name, version)
    assert is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "C:1",
        "rings:",
        "rings:1.",
        "rings:one",
        "rings:1:2",
        "../x:1",
        "a/b:1",
        "rings:1/..",
        "best.ckpt",
        "-a:1",
    ],
)
def test_all_else_is_no_name(text):
    assert not is_reference(text)
    with pytest.raises(ConfigError, match=r"target: expected NAME:VERSION.*found"):
        Reference.parse(text, "target")


def test_a_version_may_be_required():
    with pytest.raises(ConfigError, match=r"target: expected NAME:VERSION.*'rings:latest', without a version"):
        Reference.parse_exact("rings:latest", "target")


def test_versions_are_ordered_as_numbers():
    assert sorted(["1.10", "1.9", "10", "2", "1.9.1"], key=version_key) == ["1.9", "1.9.1", "1.10", "2", "10"]
