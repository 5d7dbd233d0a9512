"""How much memory a lane's outer step takes, from its config alone, and with that how many lanes make a batch. Imports without torch.

The factors were measured (torch's own account of live tensors); estimates lie between 0.7 and 1.3 times the measured peaks.
"""

from __future__ import annotations

import math
from itertools import pairwise

from maml_core.config import ConvConfig, MLPConfig, RunConfig

MOST_LANES = 32
"""Lanes beyond which nothing is gained: a step's fixed cost is shared by enough of them. Fewer lanes make shorter steps, and a sweep's
chunk, of which a step is the smallest, delays whoever else waits for a worker."""

BATCH_NUMBERS = 20_000_000
"""Numbers that a batch's step may hold at once: 80 MB in float32. More does not make a lane faster, images it makes slower."""


MAPS_ONCE, MAPS_TWICE = 3, 6
"""Maps of a convolutional layer's size that a point leaves where it is differentiated once, and twice."""


def max_lanes(config: RunConfig) -> int:
    """How many lanes of such a config make a batch, at least one.

    >>> max_lanes(RunConfig())
    32
    """
    return max(1, min(MOST_LANES, BATCH_NUMBERS // lane_numbers(config)))


def lane_numbers(config: RunConfig) -> int:
    """The most numbers that an outer step of one lane holds at once, about: T tasks, each with some copies of its parameters, and what its
    points leave in the network.
    """
    match config.model:
        case MLPConfig() as mlp:
            parameters, once = _of_mlp(mlp, config.num_inputs, config.num_outputs)
            twice = once
        case ConvConfig() as conv:
            parameters, once, twice = _of_conv(conv, config.image_shape or (1, 1, 1), config.num_outputs)
    learned = {"meta_sgd": 2, "meta_curvature": 4}.get(config.algorithm, 1)
    ways = config.num_outputs if config.classifies else 1
    unrolled = config.order == "second" and config.algorithm != "reptile"
    graphs = max(1, config.num_inner_steps if unrolled else 1)
    if config.algorithm == "imaml":
        graphs = 5  # one graph, and the vectors of conjugate gradients
    per_support = twice if unrolled or config.algorithm == "imaml" else once
    points = config.shots * ways * graphs * per_support + config.num_query * ways * once
    return config.meta_batch_size * (parameters * learned * (3 + graphs) + points)


def _of_mlp(model: MLPConfig, num_inputs: int, num_outputs: int) -> tuple[int, int]:
    widths = (num_inputs, *model.hidden_widths, num_outputs)
    parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths))
    return parameters, num_inputs + (4 if model.batch_norm else 2) * sum(widths[1:])


def _of_conv(model: ConvConfig, image_shape: tuple[int, int, int], num_outputs: int) -> tuple[int, int, int]:
    """Parameters, and what a point leaves that is differentiated once; and twice, where a layer that halves by its stride keeps the 3 x 3
    patches of its inputs as well (`models.forms`).
    """
    channels, height, width = image_shape
    filters, strided = model.num_filters, model.downsample == "stride"
    parameters, once, twice = (filters + 1) * num_outputs, math.prod(image_shape), math.prod(image_shape)
    for _ in range(model.num_layers):
        parameters += 9 * channels * filters + 2 * filters
        if strided:
            height, width = (height + 1) // 2, (width + 1) // 2
            twice += 9 * channels * height * width
        once += MAPS_ONCE * filters * height * width
        twice += MAPS_TWICE * filters * height * width
        if not strided:
            height, width = height // 2, width // 2
        channels = filters
    return parameters, once, twice
