"""How large a network is and what a point costs in it, reckoned from a config. Nothing here imports torch."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

from maml_core.config import ConvConfig, MLPConfig, PythonConfig, RunConfig

MAPS_ONCE, MAPS_TWICE = 2, 5
"""Maps of a convolutional layer's size that a point leaves where it is differentiated once, and twice."""


class NetworkSize(NamedTuple):
    """What a network holds, and what it takes."""

    parameters: int
    """All numbers of theta_0, exactly; of batch norm per step, those of every step."""
    operations: int
    """Multiplications for one point."""
    activations: int
    """Outputs of all layers for one point."""
    left_once: int
    """Numbers that one point leaves behind, about, where it is differentiated once."""
    left_twice: int
    """Numbers that one point leaves behind, about, where it is differentiated twice."""
    turning: int
    """Multiplications of one inner step of one task that turn the gradient by learned matrices."""


def network_size(config: RunConfig) -> NetworkSize:
    """The size of the network that a config asks for.

    >>> network_size(RunConfig()).parameters
    1761
    """
    if isinstance(config.tasks, PythonConfig):
        return _of_own(config.tasks)
    norm_copies = config.num_inner_steps + 1 if config.per_step_norm else 1
    match config.model:
        case MLPConfig() as model:
            return _of_mlp(model, config.num_inputs, config.num_outputs, norm_copies)
        case ConvConfig() as model:
            return _of_conv(model, config.image_shape or (1, 1, 1), config.num_outputs, norm_copies)


def _of_own(tasks: PythonConfig) -> NetworkSize:
    """A network of which nobody knows more than its parameters: as if each of them were used once for a point."""
    size = tasks.parameters
    left = size + tasks.num_inputs
    return NetworkSize(size, size, activations=size, left_once=left, left_twice=left, turning=size)


def _of_mlp(model: MLPConfig, num_inputs: int, num_outputs: int, norm_copies: int) -> NetworkSize:
    layers = list(pairwise((num_inputs, *model.hidden_widths, num_outputs)))
    weights = sum(fan_in * fan_out for fan_in, fan_out in layers)
    units, hidden = sum(fan_out for _, fan_out in layers), sum(model.hidden_widths)
    biases = (units - hidden if model.batch_norm else units) if model.use_bias else 0
    left = num_inputs + (4 if model.batch_norm else 2) * units
    return NetworkSize(
        parameters=weights + biases + (2 * hidden * norm_copies if model.batch_norm else 0),
        operations=weights,
        activations=units,
        left_once=left,
        left_twice=left,
        turning=sum(fan_in * fan_out * (fan_in + fan_out) for fan_in, fan_out in layers),
    )


def _of_conv(model: ConvConfig, image_shape: tuple[int, int, int], num_outputs: int, norm_copies: int) -> NetworkSize:
    channels, height, width = image_shape
    filters, pools = model.num_filters, model.downsample == "max_pool"
    parameters = operations = activations = turning = 0
    once = twice = math.prod(image_shape)
    for _ in range(model.num_layers):
        # A pool comes after the convolution and drops an odd last row; a stride is within it and rounds upwards.
        before = height * width
        height, width = (height // 2, width // 2) if pools else (math.ceil(height / 2), math.ceil(width / 2))
        places = before if pools else height * width
        kernel = 9 * channels * filters
        parameters += kernel + filters * (1 if model.norm == "none" else 2 * norm_copies)
        operations += kernel * places
        activations += filters * places
        once += MAPS_ONCE * filters * places
        # A layer that halves by its stride keeps the 3 x 3 patches of its inputs as well (`models.conv_forms`).
        twice += MAPS_TWICE * filters * places + (0 if pools else 9 * channels * places)
        turning += kernel * (channels + filters + 9)
        channels = filters
    head = channels * num_outputs
    return NetworkSize(
        parameters=parameters + head + num_outputs,
        operations=operations + head,
        activations=activations,
        left_once=once,
        left_twice=twice,
        turning=turning + head * (channels + num_outputs),
    )
