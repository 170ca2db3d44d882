"""Localisations rendered on a grid, and the decoder of such images."""

import itertools

import numpy as np
import pytest
import torch

from locgraph.errors import ConfigError
from locgraph.nn.clouds import Clouds
from locgraph.nn.decoders import VoxelDecoder
from locgraph.nn.grids import Grid

both_dimensions = pytest.mark.parametrize("dimensions", [2, 3])


def rendered_by_loops(grid, positions):
    image = np.zeros((grid.cells,) * grid.dimensions)
    for position in positions.double().numpy():
        place = np.clip((position / grid.reach + 1) * grid.cells / 2 - 0.5, 0, grid.cells - 1)
        for cell in itertools.product(range(grid.cells), repeat=grid.dimensions):
            image[cell] += np.prod(np.clip(1 - np.abs(place - cell), 0, None))
    return image / len(positions)


@both_dimensions
def test_localisations_are_shared_between_the_nearest_cells(dimensions):
    torch.manual_seed(0)
    grid = Grid(dimensions, 4, 1.5)
    positions, owner = torch.randn(12, dimensions), torch.tensor([0] * 7 + [2] * 5)

    image = grid.render(positions, owner, 3)

    for unit in (0, 2):
        expected = rendered_by_loops(grid, positions[owner == unit]).ravel()
        np.testing.assert_allclose(image[unit].numpy(), expected, atol=1e-5)
        assert image[unit].sum().item() == pytest.approx(1.0, abs=1e-5)
    assert not image[1].any()


@both_dimensions
def test_a_localisation_at_the_centre_of_a_cell_is_in_it_alone(dimensions):
    grid = Grid(dimensions, 4, 1.0)
    cells = torch.arange(grid.size)

    image = grid.render(grid.centres(cells), cells, grid.size)

    torch.testing.assert_close(image, torch.eye(grid.size), atol=1e-5, rtol=0)


@both_dimensions
def test_an_image_has_errors_that_are_0_where_it_is_the_clouds(dimensions):
    torch.manual_seed(0)
    clouds = Clouds.of(torch.randn(30, dimensions), torch.tensor([0] * 10 + [2] * 20), 3)
    for loss in ("divergence", "squared"):
        decoder = VoxelDecoder(5, dimensions, cells=8, channels=(4, 3), loss=loss)
        image = decoder.grid.render(clouds.points, clouds.owner, clouds.size)

        exact = decoder.errors((image + 1e-9).log(), clouds)
        decoded = decoder(torch.randn(3, 5))

        assert decoded.shape == (3, 8**dimensions)
        torch.testing.assert_close(decoded.exp().sum(dim=1), torch.ones(3))
        torch.testing.assert_close(exact, torch.zeros(3), atol=1e-4, rtol=0)
        assert (decoder.errors(decoded, clouds)[[0, 2]] > 0.1).all()
        assert decoder.errors(decoded, clouds)[1] == 0


@both_dimensions
def test_an_image_stands_for_points_as_often_as_its_cells_are_bright(dimensions):
    decoder = VoxelDecoder(5, dimensions, cells=4, channels=(4, 3), points=40)
    image = torch.full((1, decoder.grid.size), 1e-9)
    image[0, 1], image[0, 7] = 0.75, 0.25

    points = decoder.points(image.log())

    first, second = decoder.grid.centres(torch.tensor([1, 7]))
    assert points.shape == (1, 40, dimensions)
    assert (points[0] == first).all(dim=1).sum() == 30
    assert (points[0] == second).all(dim=1).sum() == 10


def test_an_image_is_learned():
    torch.manual_seed(0)
    angles = torch.arange(60) * 2 * torch.pi / 60
    clouds = Clouds.of(torch.stack([angles.cos(), angles.sin()], dim=1), torch.zeros(60, dtype=torch.int64), 1)
    decoder = VoxelDecoder(2, 2, cells=8, channels=(8, 8))
    optimiser = torch.optim.Adam(decoder.parameters(), lr=0.01)
    for _ in range(80):
        error = decoder.errors(decoder(torch.ones(1, 2)), clouds).sum()
        optimiser.zero_grad()
        error.backward()
        optimiser.step()

    assert error < 0.05
    assert decoder.points(decoder(torch.ones(1, 2))).norm(dim=2).mean().item() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cells": 6}, "cells: expected a multiple of 4, found 6"),
        ({"cells": 0}, "cells: expected a whole number of at least 4"),
        ({"reach": 0.0}, "reach: expected a number above 0"),
        ({"loss": "mse"}, "loss: expected one of divergence, squared, found 'mse'"),
        ({"points": 1}, "points: expected a whole number of at least 2"),
        ({"channels": ()}, "channels: expected one or more numbers"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ConfigError, match=f"^{message}"):
        VoxelDecoder(4, 2, **settings)
