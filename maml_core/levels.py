"""Moments of a uniform range, of which the levels of task families are made. Nothing here imports torch."""

from __future__ import annotations

import cmath
import math

from maml_core.settings import Interval


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
