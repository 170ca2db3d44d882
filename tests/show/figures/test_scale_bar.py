import pytest

from locgraph.show.figures.scale_bar import draw_scale_bar, length_text, round_length
from locgraph.show.figures.style import new_figure


@pytest.mark.parametrize(
    ("span", "length"), [(100, 20), (170, 50), (1000 / 3, 100), (10, 2), (3, 0.5), (40_000, 10_000)]
)
def test_the_length_is_round_and_at_most_a_third(span, length):
    assert round_length(span) == pytest.approx(length)


@pytest.mark.parametrize("power", range(-3, 10))
def test_lengths_keep_their_digits_in_every_decade(power):
    assert [round_length(factor * 10.0**power / 0.3) for factor in (1, 1.9, 2, 4.9, 5, 9.9)] == pytest.approx(
        [factor * 10.0**power for factor in (1, 1, 2, 2, 5, 5)]
    )


@pytest.mark.parametrize(("length", "text"), [(0.5, "0.5 nm"), (500, "500 nm"), (2000, "2 µm"), (5e6, "5 mm")])
def test_lengths_are_written_in_the_unit_that_reads_best(length, text):
    assert length_text(length) == text


def test_a_bar_ends_at_the_right_and_has_its_true_length():
    axes = new_figure(50, 50).add_subplot()
    draw_scale_bar(axes, right_nm=70.0, y_nm=-3.0, span_nm=100.0)
    assert axes.lines[0].get_xydata().tolist() == [[50, -3], [70, -3]]
    assert axes.texts[0].get_text() == "20 nm"
