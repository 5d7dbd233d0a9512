"""Confidence intervals of means over few or many tasks. Nothing here imports torch."""

from __future__ import annotations

import math

import numpy as np

from maml_core.records import Numbers


def half_width(values: Numbers) -> Numbers:
    """Half-width of the 95% confidence interval of the mean over the last axis, by Student's t with n - 1 degrees of freedom.

    Of two tasks it is 12.7 standard errors, of twenty 2.09, of thousands 1.96. It is exact where values are normal; the losses of a few
    tasks are skewed, and their interval still covers somewhat less than 95% (88% of two tasks, 92% of twenty, measured on sinusoids).

    >>> half_width(np.array([1.0, 2.0, 3.0])).round(3)
    np.float64(2.484)

    Args:
        values: [..., n], n >= 2.
    """
    from scipy.special import stdtrit  # takes a third of a second, which who only opens a page need not wait for

    count = values.shape[-1]
    with np.errstate(over="ignore", invalid="ignore"):  # a finite value may have a square that is not
        spread: Numbers = np.asarray(values, dtype=np.float64).std(axis=-1, ddof=1)
    width: Numbers = float(stdtrit(count - 1, 0.975)) * spread / math.sqrt(count)
    return width
