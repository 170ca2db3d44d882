"""Gather of rows by index, and softmax and maximum over rows that share an index, with fast gradients in 32 bits.

Every layer needs these for its edges, forward and backward. The gradients that torch derives by itself are the same but
for rounding, take up to three times as long on a CPU, and sum in 16 bits where the rows are of 16 bits. All can be
differentiated twice.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def gather(values: Tensor, index: Tensor) -> Tensor:
    """Return the row of each index.

    Args:
        values: (N, ...), any floating type.
        index: (E,) int64.

    Returns:
        (E, ...) of the type of ``values``. The gradient of a row that is gathered many times is summed in 32 bits.
    """
    if values.dtype in (torch.float16, torch.bfloat16):
        return _Gather16.apply(values, index)
    return values.index_select(0, index)


def largest(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Return the largest value of each channel over the rows that share an index.

    Args:
        values: (E, F), any floating type.
        index: (E,) int64, the row that each value goes to.
        size: Number of rows of the result.

    Returns:
        (size, F), of 32 bits at least; rows that receive nothing are 0. Equal largest values share the gradient.
    """
    return _Largest.apply(values, index, size)


def softmax(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Return the softmax of each channel over the rows that share an index.

    Args:
        values: (E, F), of 32 bits at least.
        index: (E,) int64.
        size: Number of different indices.

    Returns:
        (E, F) of the type of ``values``.
    """
    return _Softmax.apply(values, index, size)


def _largest(values: Tensor, index: Tensor, size: int) -> Tensor:
    rows = index[:, None].expand_as(values)
    # as PyG's scatter does it, without its warning on a GPU that a package is missing
    return values.new_zeros((size, values.shape[1])).scatter_reduce(0, rows, values, "amax", include_self=False)


def _sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    return values.new_zeros((size, *values.shape[1:])).index_add_(0, index, values)


def _at_least_32_bits(values: Tensor) -> Tensor:
    return values if values.dtype == torch.float64 else values.float()


class _Gather16(torch.autograd.Function):
    """Rows of 16 bits, with gradients summed in 32."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.size = len(values)
        return values.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return _sum(gradient.float(), index, ctx.size).to(gradient.dtype), None


class _Largest(torch.autograd.Function):
    """Largest values; the gradient goes to the rows that equal them."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, size: int) -> Tensor:
        maxima = _largest(values, index, size)
        ctx.save_for_backward(values, index, maxima)
        return _at_least_32_bits(maxima)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        values, index, maxima = ctx.saved_tensors
        is_largest = (values == maxima.index_select(0, index)).to(gradient.dtype)
        equal = _sum(is_largest, index, len(maxima)).clamp_(min=1)
        return is_largest.mul_((gradient / equal).index_select(0, index)).to(values.dtype), None, None


class _Softmax(torch.autograd.Function):
    """Softmax, with the closed form of its gradient."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, size: int) -> Tensor:
        weights = (values - _largest(values, index, size).index_select(0, index)).exp_()
        weights.div_(_sum(weights, index, size).index_select(0, index))
        ctx.save_for_backward(weights, index)
        ctx.size = size
        return weights

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        weights, index = ctx.saved_tensors
        weighted = weights * gradient
        total = _sum(weighted, index, ctx.size).index_select(0, index)
        # in place, but where this is differentiated again
        subtract = torch.addcmul if torch.is_grad_enabled() else Tensor.addcmul_
        return subtract(weighted, weights, total, value=-1.0), None, None
