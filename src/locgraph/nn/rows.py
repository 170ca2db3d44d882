"""Rows by their index, and what rows that share an index make together, with fast gradients in 32 bits.

Edges need these in each layer, forward and backward. The gradients that torch derives by itself are the same but for
rounding, take up to three times as long on a CPU, and sum in 16 bits where the rows are of 16 bits.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def gather(values: Tensor, index: Tensor) -> Tensor:
    """The row of each index.

    Args:
        values: (N, ...), any floating type.
        index: (E,) int64.

    Returns:
        (E, ...) of the type of ``values``. The gradient of a row that is asked for many times is summed in 32 bits.
    """
    if values.dtype in (torch.float16, torch.bfloat16):
        return _Gather16.apply(values, index)
    return values.index_select(0, index)


def largest(values: Tensor, index: Tensor, size: int) -> Tensor:
    """The largest value of each channel over the rows that share an index.

    Args:
        values: (E, F), any floating type.
        index: (E,) int64, the row that each value goes to.
        size: Number of rows of the result.

    Returns:
        (size, F), of 32 bits at least; rows that receive nothing are 0. Equal largest values share the gradient.
    """
    return _Largest.apply(values, index, size)


def softmax(values: Tensor, index: Tensor, size: int) -> Tensor:
    """Softmax of each channel over the rows that share an index.

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
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return _sum(gradient.float(), index, ctx.size).to(gradient.dtype), None


class _Largest(torch.autograd.Function):
    """Largest rows; where the gradient goes is found by comparing once more."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, index: Tensor, size: int) -> Tensor:
        found = _largest(values, index, size)
        ctx.save_for_backward(values, index, found)
        return _at_least_32_bits(found)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        values, index, found = ctx.saved_tensors
        is_largest = (values == found.index_select(0, index)).to(gradient.dtype)
        equal = _sum(is_largest, index, len(found)).clamp_(min=1)
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
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        weights, index = ctx.saved_tensors
        weighted = weights * gradient
        total = _sum(weighted, index, ctx.size).index_select(0, index)
        return weighted.addcmul_(weights, total, value=-1.0), None, None
