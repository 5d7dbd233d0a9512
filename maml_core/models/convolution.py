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
        found = torch.bmm(patches(maps), _as_columns(kernel))
        return found.view(batch, points, _half(height), _half(width), -1)
    side_by_side = maps.permute(1, 0, 4, 2, 3).flatten(1, 2)
    beside = functional.conv2d(side_by_side, kernel.flatten(0, 1), padding=1, groups=batch)
    return beside.view(points, batch, -1, height, width).permute(1, 0, 3, 4, 2)


def moments(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and (biased) variance of each task's channels over points and space, [B, channels]."""
    values = maps.flatten(1, 3)
    mean = values.mean(1)
    return mean, (values - mean.unsqueeze(1)).square().mean(1)


def rectified(maps: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Batch norm over points and space of each task (Ioffe & Szegedy 2015, algorithm 1), then ReLU; scale and shift are [B, channels].

    It can be differentiated twice, not three times.
    """
    values = maps.flatten(1, 3)
    found: Tensor = _Rectified.apply(values, scale.unsqueeze(1), shift.unsqueeze(1))  # type: ignore[no-untyped-call]
    return found.view(maps.shape)


def folded(kernel: Tensor, scale: Tensor, covariance: Tensor) -> Tensor:
    """A layer's kernel with its batch norm in it: (kernel x - mean) scale / deviation is this kernel times x less its mean.

    The variance of what a linear layer gives is kernel' covariance kernel, so that where the inputs are few, as the 3 x 3 patches of an
    image are, nothing has to pass over the many maps that come out.

    Args:
        kernel: [B, inputs, filters]
        scale: Batch norm's, [B, filters].
        covariance: Mean over a task's patches of the products of each two inputs, less their means: [B, inputs, inputs].
    """
    var = (kernel * torch.bmm(covariance, kernel)).sum(1).clamp_min(0.0)
    return kernel * (scale * (var + NORM_EPS).rsqrt()).unsqueeze(1)


def first_rectified(maps: Tensor, kernel: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """`rectified` of `convolved` with a stride of 2, for maps of few channels: the images."""
    batch, points, height, width, _ = maps.shape
    columns = patches(maps)
    columns = columns - columns.mean(1, keepdim=True)
    covariance = torch.bmm(columns.transpose(1, 2), columns) / columns.shape[1]
    found = torch.baddbmm(shift.unsqueeze(1), columns, folded(_as_columns(kernel), scale, covariance)).relu_()
    return found.view(batch, points, _half(height), _half(width), -1)


def patches(maps: Tensor) -> Tensor:
    """The 3 x 3 patches around every second place, one a row: [B, points * height' * width', 9 * channels]."""
    found: Tensor = _Patches.apply(maps)  # type: ignore[no-untyped-call]
    return found


def _as_columns(kernel: Tensor) -> Tensor:
    """[B, filters, channels, 3, 3] as what `patches` are multiplied with, [B, 9 * channels, filters]."""
    return kernel.permute(0, 3, 4, 2, 1).flatten(1, 3)


def _half(size: int) -> int:
    return (size + 1) // 2


class _Patches(Function):
    """See `patches`."""

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


class _Rectified(Function):
    """ReLU of values x [B, K, channels] that are brought to mean 0 and variance 1 over K, scaled and shifted.

    With standard values h = (x - mean) / deviation, y = relu(scale h + shift). Both derivatives are written out, in fewer passes over the
    values than torch makes of the formulas by itself.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        standard = values - values.mean(1, keepdim=True)
        inverse = (standard.square().mean(1, keepdim=True) + NORM_EPS).rsqrt()  # one over the standard deviation
        standard *= inverse
        found = torch.addcmul(shift, standard, scale).relu_()
        ctx.save_for_backward(values, scale, standard, inverse, found)
        return found

    @staticmethod
    def backward(ctx: Any, pull: Tensor) -> Any:
        return _RectifiedBackward.apply(pull, *ctx.saved_tensors)  # type: ignore[no-untyped-call]


class _RectifiedBackward(Function):
    """Gradients of `_Rectified` with respect to values, scale and shift.

    For the pull p where y > 0 and 0 elsewhere, and rate = scale / deviation:
    of_values = rate (p - mean p - h mean(p h)), of_scale = sum(p h), of_shift = sum p.
    """

    @staticmethod
    def forward(
        ctx: Any, pull: Tensor, values: Tensor, scale: Tensor, standard: Tensor, inverse: Tensor, found: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:  # `values` is here to get a gradient
        count = values.shape[1]
        pull = _where_on(pull, found)
        of_scale, of_shift = (pull * standard).sum(1, keepdim=True), pull.sum(1, keepdim=True)
        rate = scale * inverse
        of_values = torch.addcmul(rate * of_shift / -count, pull, rate).addcmul_(standard, rate * of_scale / -count)
        ctx.save_for_backward(pull, scale, standard, inverse, found, of_scale, of_shift)
        return of_values, of_scale, of_shift

    @staticmethod
    def backward(ctx: Any, by_values: Tensor, by_scale: Tensor, by_shift: Tensor) -> Any:
        if torch.is_grad_enabled():  # torch would leave it out without a word
            raise RuntimeError("batch norm with ReLU can be differentiated twice, not three times")
        pull, scale, standard, inverse, found, of_scale, of_shift = ctx.saved_tensors
        count, rate = standard.shape[1], scale * inverse
        mean, along = of_shift / count, of_scale / count  # of p and of p h
        by_mean = by_values.mean(1, keepdim=True)
        by_along = (by_values * standard).mean(1, keepdim=True)
        spread = (by_values * pull).mean(1, keepdim=True) - mean * by_mean - along * by_along
        share = by_scale - rate * by_along
        of_pull = torch.addcmul(by_shift - rate * by_mean, by_values, rate).addcmul_(standard, share)
        # h gets share * p - rate * along * by_values; x gets it through h, and through the deviation in rate.
        of_values = torch.addcmul(inverse * (rate * along * by_mean - share * mean), pull, inverse * share)
        of_values.addcmul_(by_values, -inverse * rate * along)
        of_values.addcmul_(standard, inverse * (rate * (along * by_along - spread) - share * along))
        return _where_on(of_pull, found), of_values, count * inverse * spread, None, None, None


def _where_on(pull: Tensor, found: Tensor) -> Tensor:
    """What comes back through a ReLU that has given `found`."""
    through: Tensor = torch.ops.aten.threshold_backward(pull, found, 0.0)
    return through
