"""Tables and numbers as markdown text."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table: the first column aligned left, the others right.

    Args:
        header: Names of the columns.
        rows: Cells; a bar or line break within one is escaped.

    Returns:
        The lines of the table, without a line break at the end.
    """
    rule = [":--", *("--:" for _ in header[1:])]
    return "\n".join("| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in (header, rule, *rows))


def number(value: float | None, digits: int = 3) -> str:
    """A number with ``digits`` decimals; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def spread(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval as ``low to high``; a dash where there is none."""
    return "–" if low is None or high is None else f"{low:.{digits}f} to {high:.{digits}f}"


def _escaped(cell: str) -> str:
    return " ".join(cell.replace("|", "\\|").split())
