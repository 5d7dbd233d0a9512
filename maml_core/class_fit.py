"""The record of one task of classes of a problem of one's own; those of curves and images stand in `records`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class ClassFit(NamedTuple):
    """One task of W classes of a problem of one's own, with Q query points, and what theta_0..theta_K say about it."""

    num_support: int
    query_x: Floats
    """[Q, inputs]"""
    query_labels: Ints
    """[Q]"""
    query_probabilities: Floats
    """Softmax of the outputs, [K + 1, Q, W]; NaN where the network's output is not finite."""
    query_accuracy: Floats
    """By the problem's own measure, [K + 1]."""
    support_loss: Floats
    """[K + 1]"""
    query_loss: Floats
    """[K + 1]"""
    dead: bool
    """Whether theta_N has a whole hidden layer off on the task's support points."""
    vector: Floats
    """theta_N - theta_0, [D]: where the task stands among the task vectors of others."""
