"""Parts of a report: plain values that the templates draw.

Each kind of part has a macro of the same name in ``templates/parts.html.j2``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

INFO: Final = "info"
WARNING: Final = "warning"
MISSING: Final = "missing"


@dataclass(frozen=True)
class Note:
    """A sentence that stands apart.

    Attributes:
        text: The words.
        level: `INFO`, `WARNING`, or `MISSING` for a part that cannot be shown.
    """

    kind: ClassVar[str] = "note"
    text: str
    level: str = INFO


@dataclass(frozen=True)
class Facts:
    """Terms with what they are.

    Attributes:
        rows: Term and text.
    """

    kind: ClassVar[str] = "facts"
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        header: Names of the columns.
        rows: Cells as they are shown.
        caption: Stands below.
        words: How many columns, from the left, hold words; the others are numbers, aligned right.
        marked: Rows that stand out.
        folded: Title under which the table is folded away; shown openly where empty.
        searchable: Whether rows can be searched.
    """

    kind: ClassVar[str] = "table"
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    words: int = 1
    marked: frozenset[int] = frozenset()
    folded: str = ""
    searchable: bool = False


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix.

    Attributes:
        names: The K classes.
        counts: (K, K) int64, rows are true classes, columns predicted ones.
        caption: Names the cases that are counted.
    """

    kind: ClassVar[str] = "matrix"
    names: tuple[str, ...]
    counts: np.ndarray
    caption: str

    @property
    def rows(self) -> list[tuple[str, int, list[tuple[int, float]]]]:
        """Of each true class its name, number, and for each prediction the count and the part of the class."""
        totals = self.counts.sum(axis=1)
        return [
            (name, int(total), [(int(value), float(value) / max(int(total), 1)) for value in row])
            for name, total, row in zip(self.names, totals, self.counts, strict=True)
        ]


@dataclass(frozen=True)
class Plot:
    """A plot that one can hover.

    Attributes:
        name: Unlike that of any other plot of the page.
        data: Traces of plotly.
        layout: Layout of plotly; colours of paper, text and grid come from the page.
        alt: Description for readers who do not see it.
        caption: Stands below.
        height: In pixels.
        narrow: Whether it should not be wider than it is readable.
    """

    kind: ClassVar[str] = "plot"
    name: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    alt: str
    caption: str = ""
    height: int = 320
    narrow: bool = False


@dataclass(frozen=True)
class Picture:
    """A picture within the page.

    Attributes:
        uri: ``data:`` URI.
        alt: Description for readers who do not see it.
        caption: Stands below.
    """

    uri: str
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side.

    Attributes:
        pictures: The pictures.
        caption: Stands below all of them.
    """

    kind: ClassVar[str] = "pictures"
    pictures: tuple[Picture, ...]
    caption: str = ""


@dataclass(frozen=True)
class Card:
    """One FOV of the gallery.

    Attributes:
        name: The FOV.
        truth: Its class.
        prediction: Class that the model predicts.
        probability: Of the prediction.
        details: Further words, such as the fold.
        pictures: Of its localisations, and why it was called so.
        bars: Class and probability, the most probable first.
    """

    name: str
    truth: str
    prediction: str
    probability: float
    details: str
    pictures: tuple[Picture, ...]
    bars: tuple[tuple[str, float], ...]

    @property
    def right(self) -> bool:
        """Whether the prediction is the truth."""
        return self.truth == self.prediction


@dataclass(frozen=True)
class Cards:
    """FOVs side by side.

    Attributes:
        title: Stands above.
        cards: The FOVs.
        caption: How they were chosen.
    """

    kind: ClassVar[str] = "cards"
    title: str
    cards: tuple[Card, ...]
    caption: str = ""


@dataclass(frozen=True)
class View:
    """One map of the FOVs.

    Attributes:
        label: Its name in the list of maps.
        note: Explains how to read it.
        data: Traces of plotly; ``customdata`` are rows of the explorer's records.
        axes: Words of both axes.
    """

    label: str
    note: str
    data: list[dict[str, Any]]
    axes: tuple[str, str]


@dataclass(frozen=True)
class Explorer:
    """Maps of the FOVs, with a panel that shows the one under the pointer.

    Attributes:
        views: The maps, of which one is shown.
        records: One for each prediction: ``name``, ``truth``, ``prediction``, ``probability``, ``fold``, ``split``.
        pictures: FOV -> ``data:`` URI; FOVs without one are shown in words.
        note: Words on all maps.
    """

    kind: ClassVar[str] = "explorer"
    views: tuple[View, ...]
    records: list[dict[str, Any]]
    pictures: dict[str, str]
    note: str = ""


@dataclass(frozen=True)
class Settings:
    """The configuration, in groups that fold, with a field to search them.

    Attributes:
        groups: Name of the group, and its settings as lines of ``key: value``.
    """

    kind: ClassVar[str] = "settings"
    groups: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


Part = Note | Facts | Table | Matrix | Plot | Pictures | Cards | Explorer | Settings


@dataclass(frozen=True)
class Section:
    """A chapter of the report.

    Attributes:
        name: For links; lower case, without spaces.
        title: Its heading.
        lead: Its subject, in a sentence or two.
        parts: Its content.
    """

    name: str
    title: str
    lead: str
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Headline:
    """A number at the top of the page.

    Attributes:
        value: The number.
        label: Name of the number.
        detail: Its uncertainty, or further words.
    """

    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True)
class Page:
    """The whole report.

    Attributes:
        title: Name of the experiment.
        subtitle: Run or sweep, with its folds.
        headlines: The numbers to remember.
        notices: Limits of the numbers.
        sections: The chapters.
        footer: How the page was made.
    """

    title: str
    subtitle: str
    headlines: tuple[Headline, ...]
    notices: tuple[Note, ...]
    sections: tuple[Section, ...]
    footer: str
