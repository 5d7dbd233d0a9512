"""Random numbers that depend on (seed, stream, index) and on nothing else.

The tasks of outer step t come from a counter-based generator (Philox; Salmon et al. 2011) whose key is (seed, stream) and whose
counter is t, so a step's tasks can be drawn in any order, in any process, without hidden state.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What the numbers are for; streams of one seed are independent."""

    WEIGHTS = 0
    TRAINING_TASKS = 1
    HELD_OUT_TASKS = 2
    DEMO_TASK = 3
    CURVATURE = 4
    PROBE = 5
    TEST_TASKS = 6
    CLASSES = 7


WHICH, NUMBERING = 8, 9
"""Parts of a stream: which of a fixed number of tasks are drawn, and how their classes are numbered."""


def generator(seed: int, stream: Stream, index: int = 0, part: int = 0) -> np.random.Generator:
    """A fresh generator for (seed, stream, index, part), at its start.

    Args:
        seed: 0 or larger.
        stream: What the numbers are for.
        index: Outer step, or the number of a redraw.
        part: Separates quantities that must not shift each other (say support inputs from query inputs).

    >>> generator(0, Stream.WEIGHTS).random() == generator(0, Stream.WEIGHTS).random()
    True
    """
    # The low counter words advance while numbers are drawn; index and part sit above them and cannot be reached.
    return np.random.Generator(np.random.Philox(key=[seed, int(stream)], counter=[0, 0, part, index]))


class Rewound:
    """One generator of a stream, put to the start of any (index, part) for an eighth of what a fresh one costs.

    >>> draws = Rewound(0, Stream.TRAINING_TASKS)
    >>> draws.at(3, 1).random() == draws.at(3, 1).random() == generator(0, Stream.TRAINING_TASKS, 3, 1).random()
    True
    """

    def __init__(self, seed: int, stream: Stream) -> None:
        self._philox = np.random.Philox(key=[seed, int(stream)])
        self._generator = np.random.Generator(self._philox)
        self._start = self._philox.state
        self._counter = self._start["state"]["counter"]

    def at(self, index: int, part: int = 0) -> np.random.Generator:
        """The generator at a start; whoever was given it before finds it there as well."""
        self._counter[:] = 0, 0, part, index
        self._philox.state = self._start
        return self._generator
