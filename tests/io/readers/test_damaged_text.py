"""Real text files, damaged in many ways: read in full, or refused with an error that names the file."""

import random

import pytest

from locgraph.errors import DataError
from locgraph.io.columns import FileColumns
from locgraph.io.read import read_localisations

CASES = 200
FOUND, REPLACED_BY = (b",", b".", b"\n", b" ", b"0", b'"'), (b";", b",", b"\t", b"\r", b"'", b'"', b"\xb5", b"")


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with one fault."""
    place = rng.randrange(len(content))
    before, behind = content[:place], content[place:]
    match rng.choice(["cut", "flip", "byte", "insert", "repeat", "zeros", "replace one", "replace all"]):
        case "cut":
            return before
        case "flip":
            return before + bytes([behind[0] ^ (1 << rng.randrange(8))]) + behind[1:]
        case "byte":
            return before + rng.randbytes(1) + behind[1:]
        case "insert":
            return before + rng.randbytes(rng.randrange(1, 9)) + behind
        case "repeat":
            return before + behind[: rng.randrange(200)] + behind
        case "zeros":
            return before + bytes(20) + behind[20:]
        case how:
            return content.replace(rng.choice(FOUND), rng.choice(REPLACED_BY), 1 if how == "replace one" else -1)


def lines(content: bytes) -> int:
    """Lines below the first that hold something."""
    end = b"\n" if b"\n" in content else b"\r"
    return sum(bool(line.strip(b" \t\r,;")) for line in content.split(end)) - 1


@pytest.mark.parametrize(
    ("name", "read", "refused"),
    [
        ("thunderstorm_dstorm.csv", 124, 76),
        ("oni_nanoimager_dstorm.csv", 132, 68),
        ("rapidstorm_dstorm.txt", 81, 119),
    ],
)
def test_no_row_is_lost_and_nothing_else_than_an_error_is_raised(test_data, tmp_path, name, read, refused):
    whole = (test_data / "formats" / name).read_bytes()
    rng, rows, messages = random.Random(0), [], []

    for _ in range(CASES):
        content = damaged(whole, rng)
        (tmp_path / name).write_bytes(content)
        try:
            locs = read_localisations(tmp_path / name, FileColumns(), 1.0)
        except DataError as error:
            messages.append(str(error))
        else:
            rows.append((locs.table.height + sum(locs.refused.values()), lines(content)))

    assert all(name in message and len(message) < 3000 for message in messages)
    assert [locs for locs, _ in rows] == [expected for _, expected in rows]
    assert (len(rows), len(messages)) == (read, refused)
