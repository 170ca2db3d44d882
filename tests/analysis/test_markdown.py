from locgraph.analysis import markdown


def test_a_table_has_a_header_a_rule_and_escaped_cells():
    assert markdown.table(["", "a"], [["x|y", "1"], ["two\nlines", "2"]]).splitlines() == [
        "|  | a |",
        "| :-- | --: |",
        "| x\\|y | 1 |",
        "| two lines | 2 |",
    ]


def test_numbers_and_intervals():
    assert markdown.number(0.12345) == "0.123"
    assert markdown.number(2.0, digits=1) == "2.0"
    assert markdown.number(None) == "–"
    assert markdown.spread(0.5, 1) == "0.500 to 1.000"
    assert markdown.spread(None, 1) == markdown.spread(0, None) == "–"
