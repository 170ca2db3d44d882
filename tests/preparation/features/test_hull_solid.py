import numpy as np
import pytest

from locgraph.preparation.features import hull
from locgraph.preparation.features.base import Groups
from locgraph.preparation.features.hull import solid_hulls

BOX = np.stack(np.meshgrid([0.0, 1.0], [0.0, 1.0], [0.0, 1.0]), axis=-1).reshape(-1, 3)


def random_rotation(dimensions):
    """A proper rotation (D, D)."""
    rotation = np.linalg.qr(np.random.default_rng(3).normal(size=(dimensions, dimensions)))[0]
    rotation[:, 0] *= np.sign(np.linalg.det(rotation))
    return rotation


def groups_of(*clusters):
    labels = np.repeat(np.arange(len(clusters)), [len(points) for points in clusters])
    return Groups.from_labels(np.vstack(clusters), labels)


@pytest.mark.parametrize("thickness", [50.0, 1.0, 1e-3, 1e-5])
def test_boxes_from_thick_to_thin(thickness):
    sides = np.array([100.0, 70.0, thickness])
    box = BOX * sides @ random_rotation(3)
    surface, volume, length = solid_hulls(groups_of(box))
    assert surface[0] == pytest.approx(2 * (sides[0] * sides[1] + thickness * (sides[0] + sides[1])), rel=1e-9)
    assert volume[0] == pytest.approx(sides.prod(), rel=1e-6)
    assert length[0] == pytest.approx(np.linalg.norm(sides), rel=1e-12)


def test_flat_and_solid_clusters_side_by_side():
    plate = np.array([[0.0, 0, 0], [4, 0, 0], [4, 3, 0], [0, 3, 0], [1, 1, 0]]) @ random_rotation(3)
    line = np.linspace(0, 5, 7)[:, None] * [0.6, 0.0, 0.8]
    surface, volume, length = solid_hulls(groups_of(plate, BOX, line, BOX * 2, np.ones((4, 3))))
    assert surface == pytest.approx([24.0, 6.0, 0.0, 24.0, 0.0])
    assert volume == pytest.approx([0.0, 1.0, 0.0, 8.0, 0.0])
    assert length == pytest.approx([5.0, np.sqrt(3), 5.0, np.sqrt(12), 0.0])


def test_what_qhull_refuses_counts_as_flat(monkeypatch):
    def refuse(points):
        raise hull.QhullError("initial simplex is flat")

    monkeypatch.setattr(hull, "ConvexHull", refuse)
    surface, volume, length = solid_hulls(groups_of(BOX * [4.0, 3.0, 1e-6]))
    assert surface[0] == pytest.approx(24.0)
    assert volume[0] == 0.0
    assert length[0] == pytest.approx(5.0)
