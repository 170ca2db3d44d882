"""Colours and symbols of classes."""

from locgraph.show.figures.class_marks import class_marks


def test_seven_classes_differ_in_colour_and_in_symbol():
    marks = class_marks([f"c{index}" for index in range(7)])

    assert len({mark.colour for mark in marks.values()}) == 7
    assert len({mark.symbol for mark in marks.values()}) == 7


def test_many_classes_differ_in_one_of_both():
    names = [f"c{index}" for index in range(56)]

    assert len({(mark.colour, mark.symbol) for mark in class_marks(names).values()}) == 56


def test_marks_do_not_depend_on_later_classes():
    assert class_marks(["a", "b"])["b"] == class_marks(["a", "b", "c"])["b"]
