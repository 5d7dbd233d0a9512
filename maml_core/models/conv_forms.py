"""Two ways to compute the same convolutional network for many tasks at once, each task with its own weights.

- `Patches` lays every task's maps out by themselves and makes a convolution one matrix product: what is differentiated twice, as the
  support points of second-order MAML are, stays fast.
- `SideBySide` puts the tasks' channels beside each other, so that torch's grouped convolution and batch norm take all tasks in one call
  each: twice as fast where a pass is differentiated once or not at all (`maml bench images`), half as fast where it is differentiated
  twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from maml_core.models.convolution import convolved, first_rectified, folded, moments, rectified
from maml_core.models.mlp import NORM_EPS


class Form(Protocol):
    """The steps of a convolutional network, on maps that only the form itself understands."""

    def maps(self, x: Tensor, image_shape: tuple[int, int, int]) -> Tensor:
        """Flat images [B, points, channels * height * width] as maps."""
        ...

    def convolved(self, maps: Tensor, kernel: Tensor, bias: Tensor | None, *, stride: int) -> Tensor:
        """Convolved with each task's 3 x 3 kernel [B, filters, channels, 3, 3], and its bias [B, filters] added."""
        ...

    def rectified(self, maps: Tensor, scale: Tensor, shift: Tensor, mean: Tensor | None, var: Tensor | None) -> Tensor:
        """ReLU of batch norm over each task's points and space, by its own statistics or by those given; all [B, channels]."""
        ...

    def first_rectified(self, maps: Tensor, kernel: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """`rectified` by its own statistics of `convolved` with a stride of 2, for the few channels of images."""
        ...

    def group_normalized(self, maps: Tensor, scale: Tensor, shift: Tensor, *, num_groups: int) -> Tensor:
        """Group norm of every image by itself (Wu & He 2018)."""
        ...

    def pooled(self, maps: Tensor) -> Tensor:
        """The 2 x 2 max-pool."""
        ...

    def moments(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and (biased) variance over each task's points and space, [B, channels]."""
        ...

    def means(self, maps: Tensor) -> Tensor:
        """Mean over space, [B, points, channels]."""
        ...

    def is_off(self, maps: Tensor) -> Tensor:
        """Whether a task's maps are 0 everywhere, [B]."""
        ...


class Patches:
    """Maps are [B, points, height, width, channels]; see `convolution`."""

    def maps(self, x: Tensor, image_shape: tuple[int, int, int]) -> Tensor:
        """See `Form`."""
        return x.view(*x.shape[:2], *image_shape).permute(0, 1, 3, 4, 2)

    def convolved(self, maps: Tensor, kernel: Tensor, bias: Tensor | None, *, stride: int) -> Tensor:
        """See `Form`."""
        found = convolved(maps, kernel, stride=stride)
        return found if bias is None else found + _over_places(bias)

    def rectified(self, maps: Tensor, scale: Tensor, shift: Tensor, mean: Tensor | None, var: Tensor | None) -> Tensor:
        """See `Form`."""
        if mean is None or var is None:
            return rectified(maps, scale, shift)
        scale = scale * (var + NORM_EPS).rsqrt()
        return torch.addcmul(_over_places(shift - mean * scale), maps, _over_places(scale)).relu_()

    def first_rectified(self, maps: Tensor, kernel: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """See `Form`."""
        return first_rectified(maps, kernel, scale, shift)

    def group_normalized(self, maps: Tensor, scale: Tensor, shift: Tensor, *, num_groups: int) -> Tensor:
        """See `Form`."""
        images = maps.flatten(0, 1).permute(0, 3, 1, 2)
        images = functional.group_norm(images, num_groups, eps=NORM_EPS)
        return torch.addcmul(_over_places(shift), images.permute(0, 2, 3, 1).reshape(maps.shape), _over_places(scale))

    def pooled(self, maps: Tensor) -> Tensor:
        """See `Form`."""
        found = functional.max_pool2d(maps.flatten(0, 1).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        return found.view(*maps.shape[:2], *found.shape[1:])

    def moments(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """See `Form`."""
        return moments(maps)

    def means(self, maps: Tensor) -> Tensor:
        """See `Form`."""
        return maps.mean((2, 3))

    def is_off(self, maps: Tensor) -> Tensor:
        """See `Form`."""
        return (maps == 0.0).flatten(1).all(1)


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Maps are [points, B * channels, height, width], channels last in memory.

    Args:
        num_tasks: B.
    """

    num_tasks: int

    def maps(self, x: Tensor, image_shape: tuple[int, int, int]) -> Tensor:
        """See `Form`."""
        images = x.view(*x.shape[:2], *image_shape).transpose(0, 1).flatten(1, 2)
        return images.contiguous(memory_format=torch.channels_last)

    def convolved(self, maps: Tensor, kernel: Tensor, bias: Tensor | None, *, stride: int) -> Tensor:
        """See `Form`."""
        return functional.conv2d(
            maps,
            kernel.flatten(0, 1),
            None if bias is None else bias.flatten(),
            stride=stride,
            padding=1,
            groups=self.num_tasks,
        )

    def rectified(self, maps: Tensor, scale: Tensor, shift: Tensor, mean: Tensor | None, var: Tensor | None) -> Tensor:
        """See `Form`."""
        if mean is None or var is None:
            return functional.batch_norm(
                maps, None, None, scale.flatten(), shift.flatten(), training=True, eps=NORM_EPS
            ).relu_()
        scale = scale * (var + NORM_EPS).rsqrt()
        # Not torch's batch norm by given statistics, which takes them for constants: under ``support`` they depend on theta.
        return torch.addcmul((shift - mean * scale).view(1, -1, 1, 1), maps, scale.view(1, -1, 1, 1)).relu_()

    def first_rectified(self, maps: Tensor, kernel: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """See `Form`."""
        _, channels, height, width = maps.shape
        images = maps.reshape(-1, channels // self.num_tasks, height, width)
        # A convolution takes the patches apart faster than torch's `unfold`.
        places = torch.eye(9 * images.shape[1], dtype=maps.dtype, device=maps.device).view(-1, images.shape[1], 3, 3)
        columns = functional.conv2d(images, places, stride=2, padding=1).view(
            len(maps), self.num_tasks, len(places), -1
        )
        mean = columns.mean((0, 3))
        columns = columns - mean.unsqueeze(2)
        covariance = torch.matmul(columns, columns.transpose(2, 3)).sum(0) / (len(maps) * columns.shape[3])
        weights = folded(kernel.flatten(2).transpose(1, 2), scale, covariance)
        bias = shift - torch.bmm(mean.unsqueeze(1), weights).squeeze(1)
        return self.convolved(maps, weights.transpose(1, 2).reshape(kernel.shape), bias, stride=2).relu_()

    def group_normalized(self, maps: Tensor, scale: Tensor, shift: Tensor, *, num_groups: int) -> Tensor:
        """See `Form`."""
        return functional.group_norm(maps, num_groups * self.num_tasks, scale.flatten(), shift.flatten(), eps=NORM_EPS)

    def pooled(self, maps: Tensor) -> Tensor:
        """See `Form`."""
        return functional.max_pool2d(maps, 2)

    def moments(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """See `Form`."""
        var, mean = torch.var_mean(maps, (0, 2, 3), correction=0)
        return mean.view(self.num_tasks, -1), var.view(self.num_tasks, -1)

    def means(self, maps: Tensor) -> Tensor:
        """See `Form`."""
        return maps.mean((2, 3)).view(len(maps), self.num_tasks, -1).transpose(0, 1)

    def is_off(self, maps: Tensor) -> Tensor:
        """See `Form`."""
        return (maps == 0.0).all(0).view(self.num_tasks, -1).all(1)


def form(value: Tensor, *, first_order_only: bool) -> Form:
    """The faster form for parameters [B, ...]: `first_order_only` says that what is computed is differentiated at most once.

    The grouped convolution is fast in float32 on a processor; elsewhere patches are.
    """
    fits = first_order_only and value.dtype == torch.float32 and value.device.type == "cpu"
    return SideBySide(value.shape[0]) if fits else Patches()


def _over_places(value: Tensor) -> Tensor:
    """[B, channels] shaped so that it meets maps [B, points, height, width, channels]."""
    return value[:, None, None, None]
