"""What a template needs to know of a part."""

from typing import get_args

import numpy as np

from locgraph.show.report import parts


def test_rows_of_a_confusion_matrix():
    matrix = parts.Matrix(("T", "L"), np.array([[3, 1], [0, 0]]), "")

    assert matrix.rows == [("T", 4, [(3, 0.75), (1, 0.25)]), ("L", 0, [(0, 0.0), (0, 0.0)])]


def test_a_card_knows_whether_it_is_right():
    card = parts.Card("a", "T", "T", 0.9, "", (), ())

    assert card.right
    assert not parts.Card("a", "T", "L", 0.9, "", (), ()).right


def test_kinds_differ():
    kinds = [part.kind for part in get_args(parts.Part)]

    assert len(set(kinds)) == len(kinds)
