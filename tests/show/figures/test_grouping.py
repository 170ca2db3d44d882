"""Pictures of groups."""

import numpy as np
import polars as pl
import pytest

from builders.grouping import planted_units
from locgraph.analysis.grouping.algorithms import KMeans
from locgraph.analysis.grouping.examples import Example, choose_examples
from locgraph.analysis.grouping.groups import Groups, GroupSettings, find_groups
from locgraph.analysis.grouping.number import NumberSettings
from locgraph.errors import DataError
from locgraph.show.figures.grouping import composition_figure, differences_figure, members_figure, numbers_figure


@pytest.fixture(scope="module")
def groups() -> Groups:
    number = NumberSettings(most=6, bootstraps=3, null_draws=0)
    return find_groups(planted_units(8), KMeans(starts=3), GroupSettings(number=number))


def test_examples_go_from_the_medoid_to_the_farthest(groups):
    chosen = choose_examples(groups.table, 3)
    assert list(chosen) == [0, 1, 2]
    for rows in chosen.values():
        assert list(rows) == [0.0, 0.25, 0.5, 0.75, 1.0]
        assert rows[0.0]["medoid"]
        distances = [row["distance"] for row in rows.values()]
        assert distances == sorted(distances)


def test_members_have_a_row_for_each_group():
    points = np.random.default_rng(0).normal(0, 20, (30, 3))
    examples = {0: [Example(0.0, "a", points), Example(1.0, "b", points + 500)], 1: [Example(0.0, "$x", points)]}
    figure = members_figure(examples, [7, 3], "clusters")
    panels = np.array(figure.axes).reshape(2, 5)
    assert panels[0, 0].get_title(loc="left") == "group 0: 7 clusters"
    assert "medoid" in " ".join(text.get_text() for text in panels[1, 0].texts)
    assert np.asarray(panels[0, 4].collections[0].get_offsets()) == pytest.approx(points[:, :2] + 500)
    assert not panels[1, 1].collections
    with pytest.raises(DataError, match="members of at least one group"):
        members_figure({}, [], "clusters")


def test_numbers_show_stability_silhouette_and_choice(groups):
    axes = numbers_figure(groups.number.table).axes[0]
    assert [line.get_xdata()[0] for line in axes.lines if line.get_label() == "used"] == [5]
    assert axes.get_xlabel() == "number of groups"
    with pytest.raises(DataError, match="stability or silhouette"):
        numbers_figure(groups.number.table.clear())


def test_differences_are_effect_sizes_by_group(groups):
    axes = differences_figure(groups.differences).axes[0]
    first = groups.differences["column"][0]
    assert axes.get_yticklabels()[0].get_text() == first
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape == (4, 5)
    own = groups.differences.filter(column=first).sort("group")["delta"].to_numpy()
    assert shown[0] == pytest.approx(own)
    with pytest.raises(DataError, match="columns that differ"):
        differences_figure(groups.differences.clear())


def test_composition_is_of_classes_or_else_of_fovs(groups):
    table = groups.composition.table
    axes = composition_figure(table).axes[0]
    assert len(axes.patches) == 25
    assert sum(bar.get_width() for bar in axes.patches) == pytest.approx(5.0)
    without = composition_figure(table.filter(pl.col("of") == "fov")).axes[0]
    assert "30 of 40" in without.get_xlabel()
    with pytest.raises(DataError, match="FOVs with groups"):
        composition_figure(table.clear())
