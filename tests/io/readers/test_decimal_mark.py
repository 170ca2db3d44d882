"""What a comma within a number means."""

import pytest

from locgraph.io.readers.decimal_mark import has_decimal_comma, may_be_grouped


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        (["1", "2.5", "abc"], False),
        (["1,5"], True),
        (["0,500"], True),
        (["1234,567"], True),
        (["1,5e3"], True),
        (["-,5"], True),
        (["1,500", "1500"], True),  # thousands are written without a mark elsewhere
        (["1,500", "0,25"], True),
        (["1,500", "2.5"], False),
        (["1,5", "2.5"], False),
        (["1,500", "1,234,567"], False),
        (["1,500", "1,234.5"], False),
        (["1,500"], None),
        (["1,500", "12,345", "-999,000", "7", "text"], None),
    ],
)
def test_decimal_comma(values, expected):
    assert has_decimal_comma(values) is expected
    assert has_decimal_comma(reversed(values)) is expected


@pytest.mark.parametrize("value", ["1,500", "-12,345", "1,234,567", "1,500.25", "+999,000."])
def test_grouped(value):
    assert may_be_grouped(value)


@pytest.mark.parametrize("value", ["1,5", "0,500", "1500", "1234,567", "1,50,000", "1.500", "a,bcd", ""])
def test_not_grouped(value):
    assert not may_be_grouped(value)
