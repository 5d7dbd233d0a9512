"""Reference levels of task families: moments of a uniform range, of which closed forms are made, and levels that are measured. Nothing here
imports torch.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from maml_core.errors import ConfigError
from maml_core.settings import Interval

Numbers = npt.NDArray[np.float64]

NUM_TASKS, NUM_POINTS = 10_000, 100
"""What levels are measured on."""


def mean_square(interval: Interval) -> float:
    """E[u^2] for u uniform on `interval`.

    >>> mean_square((-1.0, 1.0)) == 1.0 / 3.0
    True
    """
    low, high = interval
    return (low * low + low * high + high * high) / 3.0


def mean_phasor(interval: Interval, frequency: float) -> complex:
    """E[e^{i frequency u}] for u uniform on `interval`.

    >>> abs(mean_phasor((0.0, math.pi), 1.0) - 2j / math.pi) < 1e-15
    True
    """
    low, high = interval
    half_width = frequency * (high - low) / 2.0
    damping = math.sin(half_width) / half_width if half_width != 0.0 else 1.0
    return damping * cmath.exp(1j * frequency * (low + high) / 2.0)


class Measured(NamedTuple):
    """Levels of a family that has no closed form for them."""

    zero: float
    """Loss of the predictor that always says 0."""
    non_adapting: float
    """Loss of the best predictor that is the same for every task."""
    reach: float
    """What 99 of 100 targets stay below, in size."""


def measured(
    draw_parameters: Callable[[np.random.Generator, int], Numbers],
    target: Callable[[Numbers, Numbers], Numbers],
    x: Interval,
    noise_std: float,
    *,
    num_inputs: int = 1,
) -> Measured:
    """The levels of a regression family, from tasks that are always the same, at points that all of them share.

    Args:
        draw_parameters: Gives what defines each of so many tasks, [T, ...].
        target: The function without noise at x [T, points, inputs], given the parameters: [T, points, outputs].
        x: Range of every input.
        noise_std: Of the noise on every target.
        num_inputs: Width of one x.

    Raises:
        ConfigError: The function is not finite somewhere in the range.
    """
    rng = np.random.Generator(np.random.Philox(0))
    places = (np.arange(NUM_POINTS)[:, None] + 0.5) / NUM_POINTS
    if num_inputs > 1:
        places = rng.random((NUM_POINTS, num_inputs))
    points = np.broadcast_to(x[0] + (x[1] - x[0]) * places, (NUM_TASKS, NUM_POINTS, num_inputs))
    values = target(draw_parameters(rng, NUM_TASKS), points)
    if not np.isfinite(values).all():
        raise ConfigError("x", x, "the tasks' function is not finite everywhere in this range; choose another one")
    noise = noise_std**2
    return Measured(
        zero=float(np.square(values).mean()) + noise,
        non_adapting=float(values.var(axis=0, ddof=1).mean()) + noise,
        reach=float(np.quantile(np.abs(values), 0.99)),
    )
