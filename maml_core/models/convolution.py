"""Convolution and batch norm for many tasks at once, each with its own weights, and cheap to differentiate twice.

Maps are [B, points, height, width, channels]. A convolution that halves is one matrix product of all 3 x 3 patches with the kernel of
their task: its derivatives of any order are such products again, where those of torch's grouped convolution fall back to slow paths. With
a stride of 1 there are four times the patches, and the grouped convolution is faster (`maml bench images`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from maml_core.models.mlp import NORM_EPS


def convolved(maps: Tensor, kernel: Tensor, *, stride: int) -> Tensor:
    """Every task's maps convolved with its own 3 x 3 kernel, one row and column of zeros around them.

    Args:
        maps: [B, points, height, width, channels]
        kernel: [B, filters, channels, 3, 3]
        stride: 1, or 2 to halve height and width (rounded up).

    Returns:
        [B, points, height', width', filters]
    """
    batch, points, height, width, _ = maps.shape
    if stride == 2:
        columns: Tensor = _Patches.apply(maps)  # type: ignore[no-untyped-call]
        found = torch.bmm(columns, kernel.permute(0, 3, 4, 2, 1).flatten(1, 3))
        return found.view(batch, points, _half(height), _half(width), -1)
    side_by_side = maps.permute(1, 0, 4, 2, 3).flatten(1, 2)
    beside = functional.conv2d(side_by_side, kernel.flatten(0, 1), padding=1, groups=batch)
    return beside.view(points, batch, -1, height, width).permute(1, 0, 3, 4, 2)


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of each task's channels over points and space, [B, channels]."""
    values = maps.flatten(1, 3)
    mean = values.mean(1)
    return mean, (values - mean.unsqueeze(1)).square().mean(1)


def normalized(maps: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Batch norm over points and space of each task (Ioffe & Szegedy 2015, algorithm 1); scale and shift are [B, channels]."""
    found: Tensor = _Normalized.apply(maps.flatten(1, 3), scale.unsqueeze(1), shift.unsqueeze(1))[0]  # type: ignore[no-untyped-call]
    return found.view(maps.shape)


def _half(size: int) -> int:
    return (size + 1) // 2


class _Patches(Function):
    """The 3 x 3 patches around every second place, one a row: [B, points * height' * width', 9 * channels]."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor) -> Tensor:
        ctx.shape = maps.shape
        batch, points, height, width, channels = maps.shape
        padded = functional.pad(maps, (0, 0, 1, 1, 1, 1))
        per_task, per_point, row, column, one = padded.stride()
        patches = padded.as_strided(
            (batch, points, _half(height), _half(width), 3, 3 * channels),
            (per_task, per_point, 2 * row, 2 * column, row, one),
        )
        return patches.reshape(batch, -1, 9 * channels)

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> Any:
        return _Summed.apply(pull, ctx.shape)  # type: ignore[no-untyped-call]


class _Summed(Function):
    """The transpose of `_Patches`: every place gets the sum of what the patches hold of it."""

    @staticmethod
    def forward(ctx: Any, columns: Tensor, shape: torch.Size) -> Tensor:  # noqa: ARG004
        batch, points, height, width, channels = shape
        rows, row_length = _half(height), _half(width)
        patches = columns.view(batch, points, rows, row_length, 3, 3 * channels).transpose(3, 4)
        top, bottom = patches[:, :, :, :2], patches[:, :, :, 2]
        left, right = slice(0, 2 * channels), slice(2 * channels, None)
        # Places by twos: a patch covers one pair of rows and of columns whole, and the first of the next pair.
        pairs = columns.new_empty(batch, points, rows + 1, 2, row_length + 1, 2 * channels)
        pairs[:, :, -1], pairs[:, :, :-1, :, -1] = 0.0, 0.0
        pairs[:, :, :-1, :, :-1] = top[..., left]
        pairs[:, :, :-1, :, 1:, :channels] += top[..., right]
        pairs[:, :, 1:, 0, :-1] += bottom[..., left]
        pairs[:, :, 1:, 0, 1:, :channels] += bottom[..., right]
        places = pairs.view(batch, points, 2 * rows + 2, 2 * row_length + 2, channels)
        return places[:, :, 1 : height + 1, 1 : width + 1]

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> Any:  # noqa: ARG004
        return _Patches.apply(pull), None  # type: ignore[no-untyped-call]


class _Normalized(Function):
    """Values [B, K, channels] at mean 0 and variance 1 over K, scaled and shifted, in as few passes over them as there can be.

    Besides the result it gives what its gradient is made of, so that the gradient can be differentiated again.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        standard = values - values.mean(1, keepdim=True)
        inverse = (standard.square().mean(1, keepdim=True) + NORM_EPS).rsqrt()  # one over the standard deviation
        standard *= inverse
        ctx.save_for_backward(standard, inverse, scale)
        ctx.set_materialize_grads(False)
        return torch.addcmul(shift, standard, scale), standard, inverse

    @staticmethod
    def backward(ctx: Any, pull: Tensor | None, of_standard: Tensor | None, of_inverse: Tensor | None) -> Any:
        standard, inverse, scale = ctx.saved_tensors
        count = standard.shape[1]
        pull = torch.zeros_like(standard) if pull is None else pull
        of_scale, of_shift = (pull * standard).sum(1, keepdim=True), pull.sum(1, keepdim=True)
        along, mean, rate = scale * of_scale / count, scale * of_shift / count, inverse * scale
        if of_standard is not None:  # these two come with second derivatives only
            pull, rate = pull * scale + of_standard, inverse
            along = along + (of_standard * standard).mean(1, keepdim=True)
            mean = mean + of_standard.mean(1, keepdim=True)
        if of_inverse is not None:
            along = along + inverse * of_inverse / count
        of_values = torch.addcmul(torch.addcmul(-inverse * mean, pull, rate), standard, -inverse * along)
        return of_values, of_scale, of_shift
