"""How much memory a lane's outer step takes, from its config alone, and with that how many lanes make a batch. Imports without torch.

The factors were measured (torch's own account of live tensors); estimates lie between 0.7 and 1.4 times the measured peaks.
"""

from __future__ import annotations

from maml_core.config import RunConfig
from maml_core.sizes import network_size
from maml_core.traits import TRAITS

MOST_LANES = 32
"""Lanes beyond which nothing is gained: a step's fixed cost is shared by enough of them. Fewer lanes make shorter steps, and a sweep's
chunk, of which a step is the smallest, delays whoever else waits for a worker."""

BATCH_NUMBERS = 20_000_000
"""Numbers that a batch's step may hold at once: 80 MB in float32. More does not make a lane faster, images it makes slower."""


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
    size = network_size(config)
    traits = TRAITS[config.algorithm]
    ways = config.num_outputs if config.classifies else 1
    unrolled = config.order == "second" and traits.unrolls
    graphs = max(1, config.num_inner_steps if unrolled else 1)
    copies, width = 3 + graphs, 1
    if traits.is_proximal:
        copies, width = 10, 2  # the vectors of conjugate gradients, in double precision
    per_support = size.left_twice if unrolled or traits.is_proximal else size.left_once
    points = config.shots * ways * graphs * per_support + config.num_query * ways * size.left_once
    return width * config.meta_batch_size * (size.parameters * traits.learned_copies * copies + points)
