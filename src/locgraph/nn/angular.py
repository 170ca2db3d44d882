"""Angular harmonics of point clouds, and products of them that no rotation changes."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from locgraph.nn.clouds import Clouds


def harmonics(points: Tensor, degree: int) -> list[Tensor]:
    """Return the orthonormal real angular harmonics of directions, by degree.

    Args:
        points: (..., D) of any length; at the origin all harmonics but the first are 0.
        degree: The highest, L.

    Returns:
        L + 1 tensors (..., K): in 2D cosine and sine of the multiples of the angle, K = 2 (1 of degree 0); in 3D
        spherical harmonics, K = 2 l + 1.
    """
    length = points.square().sum(dim=-1, keepdim=True).sqrt()
    unit = torch.where(length > 0, points / length.clamp(min=torch.finfo(points.dtype).tiny), 0.0)
    powers = _powers(unit[..., 0], unit[..., 1], degree)
    inside = (length > 0).to(points.dtype)
    if points.shape[-1] == 2:
        bases = [torch.stack(pair, dim=-1) / math.sqrt(math.pi) for pair in powers[1:]]
        return [torch.full_like(length, 1 / math.sqrt(2 * math.pi)), *bases]
    legendre = _legendre(unit[..., 2], degree)
    out = []
    for level in range(degree + 1):
        terms = []
        for order in range(level + 1):
            size = math.sqrt(
                (2 * level + 1) / (4 * math.pi) * math.factorial(level - order) / math.factorial(level + order)
            )
            radial = size * (math.sqrt(2) if order else 1.0) * legendre[level, order]
            terms += [radial * part for part in powers[order][: 2 if order else 1]]
        out.append(torch.stack(terms, dim=-1) * (inside if level else 1.0))
    return out


def _powers(x: Tensor, y: Tensor, degree: int) -> list[tuple[Tensor, Tensor]]:
    """Return real and imaginary part of the powers 0 to ``degree`` of x + iy."""
    powers = [(torch.ones_like(x), torch.zeros_like(x))]
    for _ in range(degree):
        real, imaginary = powers[-1]
        powers.append((real * x - imaginary * y, real * y + imaginary * x))
    return powers


def _legendre(z: Tensor, degree: int) -> dict[tuple[int, int], Tensor]:
    """Return the associated Legendre functions of z without their factor (1 - z^2)^(m/2), by degree l and order m."""
    values = {(0, 0): torch.ones_like(z)}
    for order in range(degree + 1):
        if order:
            values[order, order] = (2 * order - 1) * values[order - 1, order - 1]
        for level in range(order + 1, degree + 1):
            below = values.get((level - 2, order))
            value = (2 * level - 1) * z * values[level - 1, order]
            if below is not None:
                value = value - (level + order - 1) * below
            values[level, order] = value / (level - order)
    return values


def couplings(degree: int, dimensions: int) -> dict[tuple[int, int, int], Tensor]:
    """Return the tensors that make invariants of three harmonics.

    In 2D they are real and imaginary part of c_a c_b conj(c_(a+b)) for degrees a <= b >= 1, where c = cosine + i sine
    terms; the imaginary part changes its sign under reflection. In 3D they are the integrals of three spherical
    harmonics (Gaunt coefficients), which reflections do not change, and for degrees (1, 1, 1) the signed volume, which
    changes its sign.

    Args:
        degree: The highest, L.
        dimensions: 2 or 3.

    Returns:
        Degrees -> (T, K_a, K_b, K_c) float32 with T invariants each: 2 in 2D, 1 in 3D.
    """
    return _plane_couplings(degree) if dimensions == 2 else _gaunt(degree)


def _plane_couplings(degree: int) -> dict[tuple[int, int, int], Tensor]:
    # rows: real, imaginary; entries: of (c1 + i s1)(c2 + i s2)(c3 - i s3)
    tensor = torch.zeros(2, 2, 2, 2)
    unit = (1.0, 1j)
    for first in (0, 1):
        for second in (0, 1):
            for third in (0, 1):
                value = complex(unit[first] * unit[second] * np.conj(unit[third]))
                tensor[0, first, second, third], tensor[1, first, second, third] = value.real, value.imag
    return {(a, b, a + b): tensor for a in range(1, degree + 1) for b in range(a, degree + 1 - a)}


def _signed_volume() -> Tensor:
    axes = torch.eye(3)  # harmonics of degree 1 are z, x, y: a cyclic order, which keeps the sign
    return torch.stack([torch.linalg.cross(axes[i].expand(3, 3), axes) for i in range(3)])[None]


def _gaunt(degree: int) -> dict[tuple[int, int, int], Tensor]:
    z, weights = np.polynomial.legendre.leggauss(2 * degree + 2)
    angles = np.arange(4 * degree + 2) * 2 * math.pi / (4 * degree + 2)
    flat = np.sqrt(1 - z**2)[:, None]
    grid = np.stack(np.broadcast_arrays(flat * np.cos(angles), flat * np.sin(angles), z[:, None]), axis=-1)
    values = harmonics(torch.from_numpy(grid), degree)
    area = torch.from_numpy(weights)[:, None].expand(-1, len(angles)) * (2 * math.pi / len(angles))
    tensors = {(1, 1, 1): _signed_volume()}
    for a in range(1, degree + 1):
        for b in range(a, degree + 1):
            for c in range(b, min(a + b, degree) + 1):
                if (a + b + c) % 2 == 0:
                    tensor = torch.einsum("zp,zpi,zpj,zpk->ijk", area, values[a], values[b], values[c])
                    tensors[a, b, c] = tensor.float()[None]
    return tensors


class ShellHarmonics(nn.Module):
    """Mean over the points of each cloud of Gaussian shells about its centre, times angular harmonics.

    A harmonic of degree l counts less near the centre, where its lobes are narrower than a shell: by
    ``exp(-l^2 w^2 / (2 (r^2 + w^2)))`` at radius r with w the width of a shell.

    Args:
        shells: Number of shells, evenly spaced from the centre to ``longest``.
        longest: Radius of the last shell, in units of position.
        degree: The highest degree of harmonics.
    """

    centres: Tensor

    def __init__(self, shells: int, longest: float, degree: int) -> None:
        super().__init__()
        self.degree, self.width = degree, longest / shells
        self.register_buffer("centres", torch.linspace(0, longest, shells), persistent=False)

    def forward(self, clouds: Clouds) -> list[Tensor]:
        """Return the coefficients of the clouds of U units, by degree: (U, shells, K) float32; 0 for empty clouds."""
        points = clouds.points.float()
        bases = harmonics(points, self.degree)
        radius = points.square().sum(dim=1, keepdim=True)
        shells = torch.exp(-0.5 * ((radius.sqrt() - self.centres) / self.width).square())
        bases = [
            base * torch.exp(-0.5 * (level * self.width) ** 2 / (radius + self.width**2))
            for level, base in enumerate(bases)
        ]
        sizes = [base.shape[1] for base in bases]
        values = torch.cat(bases, dim=1)
        out = points.new_zeros(clouds.size, len(self.centres), values.shape[1])
        for units in clouds.chunks(len(self.centres) + values.shape[1]):
            rows, mask = clouds.rows(units)
            weights = mask.float() / mask.sum(dim=1, keepdim=True)
            out[units] = torch.einsum("um,umr,umk->urk", weights, shells[rows], values[rows])
        return list(out.split(sizes, dim=2))
