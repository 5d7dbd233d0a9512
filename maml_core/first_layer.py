"""The first layer's weights as pictures: a convolution's kernels, or what each unit of a fully connected layer makes of every pixel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from maml_core.records import Filters, Floats, Ints
from maml_core.types import Params

MOST_NUMBERS = 2**16
"""Weights in the pictures of all inner steps together: 256 kB, several times a second."""

Shape = tuple[int, int, int]
"""Channels, height, width."""


def first_layer(theta: Params, image_shape: Shape) -> Tensor:
    """The first layer's weights as pictures, [units, channels, height, width]; no units where it does not look at pixels.

    A kernel has its own height and width, a fully connected unit those of the images: one weight a pixel.
    """
    weights = theta.get("w0")
    if weights is not None and weights.ndim == 5:
        return weights[0]
    channels, height, width = image_shape
    if weights is not None and weights.ndim == 3 and weights.shape[1] == channels * height * width:
        return weights[0].T.reshape(-1, *image_shape)
    return torch.empty((0, *image_shape))


def most_moved(pictures: Sequence[Tensor], *, num_inner_steps: int) -> Filters:
    """As many of the first layer's units as `MOST_NUMBERS` has room for: those whose weights N inner steps move most.

    Kernels are small: there is room for all of them but after very many inner steps. Of units that move equally (under ANIL none moves)
    the first are taken, and one in any case.

    Args:
        pictures: `first_layer` of theta_0..theta_K.
        num_inner_steps: N, at most K.
    """
    start, end = pictures[0], pictures[num_inner_steps]
    room = max(1, MOST_NUMBERS // (len(pictures) * max(1, start.shape[1:].numel())))
    moved = (end - start).flatten(1).norm(dim=1)  # what is no number counts as the longest
    chosen = moved.argsort(descending=True, stable=True)[:room].sort().values
    weights: Floats = torch.stack([picture[chosen] for picture in pictures]).to(torch.float32).numpy()
    units: Ints = chosen.numpy()
    return Filters(weights, units, len(start))
