"""Objects of label volumes against scipy, and the canvases on which they are processed."""

import numpy as np
import pytest
from scipy import ndimage

from locgraph.io.volumes import canvases, objects
from locgraph.io.volumes.canvases import cut_objects
from locgraph.io.volumes.objects import find_objects
from locgraph.schema import INTENSITIES


@pytest.fixture(params=[(9, 31, 28), (40, 33)], ids=["3D", "2D"])
def labelled(request):
    """Blobs with labels that are neither dense nor in order, some at the border."""
    noise = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=request.param), 1.5)
    values = ndimage.label(noise > 0.05)[0]
    return np.array([0, *np.random.default_rng(1).permutation(500)[: values.max()] + 1])[values]


def test_sizes_boxes_and_intensities_are_those_of_scipy(labelled, monkeypatch):
    monkeypatch.setattr(objects, "_SLAB", 300)  # several slabs
    intensity = np.random.default_rng(2).normal(1000, 30, labelled.shape)
    known = find_objects(labelled, np.ones(labelled.ndim), intensity)

    labels = np.unique(labelled)[1:]
    np.testing.assert_array_equal(known.labels, labels)
    np.testing.assert_array_equal(known.voxels, ndimage.sum_labels(labelled > 0, labelled, labels))
    boxes = [ndimage.find_objects(labelled)[label - 1] for label in labels]
    np.testing.assert_array_equal(known.low, [[each.start for each in box] for box in boxes])
    np.testing.assert_array_equal(known.high + 1, [[each.stop for each in box] for box in boxes])
    for name, measure in zip(INTENSITIES, (np.mean, np.std, np.max), strict=True):
        expected = [measure(intensity[labelled == label]) for label in labels]
        np.testing.assert_allclose(known.intensities[name], expected, atol=1e-6)


def test_principal_lengths_of_an_ellipsoid_and_of_one_voxel():
    grid = np.meshgrid(*[np.arange(-32, 33) * size for size in (30, 10, 15)], indexing="ij")
    values = (sum((axis / half) ** 2 for axis, half in zip(grid, (450, 200, 100), strict=True)) <= 1).astype(np.uint8)
    lengths = find_objects(values, np.array([30.0, 10.0, 15.0])).lengths

    np.testing.assert_allclose(lengths, [[900, 400, 200]], rtol=0.03)
    one = find_objects(np.ones((1, 1, 1), np.uint8), np.array([30.0, 10.0, 10.0])).lengths
    np.testing.assert_allclose(one, [np.array([30, 10, 10]) * 2 * np.sqrt(5 / 12)])


def test_lengths_do_not_depend_on_the_place():
    small = np.zeros((6, 4000), np.int32)
    small[2:5, 3:9] = 7
    moved = np.roll(small, 3900, axis=1)

    np.testing.assert_allclose(*(find_objects(each, np.full(2, 10.0)).lengths for each in (small, moved)), rtol=1e-6)


def test_canvases_hold_each_object_once_with_a_margin(labelled, monkeypatch):
    monkeypatch.setattr(canvases, "_VOXELS", 2000)
    known = find_objects(labelled, np.ones(labelled.ndim))
    seen = []
    for canvas in cut_objects(labelled, known):
        places = np.argwhere(canvas.mask)
        own = np.searchsorted(canvas.first, places[:, 0], side="right") - 1
        rebuilt = labelled[tuple((places + canvas.shifts[own]).T)]
        np.testing.assert_array_equal(rebuilt, known.labels[canvas.objects[own]])
        np.testing.assert_array_equal(np.bincount(own), known.voxels[canvas.objects])
        borders = [np.take(canvas.mask, [0, -1], axis=axis) for axis in range(labelled.ndim)]
        assert not any(border.any() for border in borders)
        seen += canvas.objects.tolist()

    assert sorted(seen) == list(range(len(known)))
