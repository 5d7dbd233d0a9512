"""A few pinned settings that train side by side, from the same seeds, and are judged on common tasks at the same outer steps."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.families.own import OwnCode
from maml_core.intervals import paired_difference
from maml_core.records import Numbers, PairedDifference
from maml_core.sweeps.paired import check_common_tasks, task_losses

NUM_LOOKS = 20
"""How often they are judged on the way to the last outer step, evenly spaced."""

MAX_KEPT = 4
"""How many of a sweep are kept."""


class Job(NamedTuple):
    """Something to compute for one of them."""

    place: int
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Comparison:
    """See the module: a state machine that hands out what is to be computed.

    Args:
        numbers: The settings, the one that the others are compared with first.
        configs: Their set-ups.
        num_steps: Outer steps that each takes.
        budget_s: Processor seconds of a chunk.
        images: Of their sweep, where it is of images in files.
        code: Of their sweep, where it is of a problem of one's own and that has been named.

    Raises:
        ConfigError: They are not judged on common tasks.
    """

    def __init__(
        self,
        numbers: tuple[int, ...],
        configs: tuple[RunConfig, ...],
        num_steps: int,
        budget_s: float,
        *,
        images: TrainedImages | None = None,
        code: OwnCode | None = None,
    ) -> None:
        check_common_tasks(configs)
        self.numbers = numbers
        self.num_steps = num_steps
        self.looks = tuple(dict.fromkeys(math.ceil(num_steps * i / NUM_LOOKS) for i in range(NUM_LOOKS + 1)))
        """The outer steps at which they are judged."""
        self.revision = 0
        self._configs = configs
        self._budget_s = budget_s
        self._images, self._code = images, code
        self._states: list[bytes | None] = [None] * len(configs)
        self._steps = [0] * len(configs)
        self._stopped = [False] * len(configs)
        self._losses: list[list[Numbers]] = [[] for _ in configs]
        """Task by task, at the looks so far."""
        self._busy = [False] * len(configs)
        self._num_lost: Counter[int] = Counter()
        """How often in a row each one's work was lost."""

    @property
    def is_done(self) -> bool:
        """Whether all are where they should be, or can go no further."""
        return all(self._is_through(place) for place in range(len(self._configs)))

    def next_job(self) -> Job | None:
        """What to compute next: for the one that is behind."""
        free = [place for place in range(len(self._configs)) if not self._busy[place] and not self._is_through(place)]
        if not free:
            return None
        place = min(free, key=lambda place: (len(self._losses[place]), self._steps[place], place))
        self._busy[place] = True
        config, state, step, look = self._configs[place], self._states[place], self._steps[place], self._look(place)
        if state is not None and step >= look:
            return Job(place, task_losses, (config, state, self._images, self._code))
        request = ChunkRequest(
            config=config,
            state=state,
            num_steps=look - step,
            budget_s=self._budget_s,
            images=self._images,
            code=self._code,
        )
        return Job(place, run_chunk, (request,))

    def finished(self, job: Job, result: Any) -> None:
        """Take in what came of it."""
        self._busy[job.place] = False
        del self._num_lost[job.place]
        if isinstance(result, ChunkResult):
            self._states[job.place], self._steps[job.place] = result.state, result.step
            self._stopped[job.place] = result.status.kind != "ok"
        else:
            self._losses[job.place].append(result)
        self.revision += 1

    def lost(self, job: Job) -> int:
        """Ask again for what was lost with its worker, and say how often in a row it was by now."""
        self._busy[job.place] = False
        self._num_lost[job.place] += 1
        return self._num_lost[job.place]

    def curves(self) -> list[tuple[tuple[int, ...], Numbers]]:
        """For each setting, the outer steps at which it was judged and its held-out losses there, mean over tasks."""
        return [
            (self.looks[: len(losses)], np.array([float(np.mean(loss)) for loss in losses])) for losses in self._losses
        ]

    def differences(self) -> list[PairedDifference | None]:
        """Each setting but the first compared with the first, at the newest outer step at which both were judged; None while there is none."""
        first = self._losses[0]
        found: list[PairedDifference | None] = []
        for losses in self._losses[1:]:
            common = min(len(first), len(losses))
            found.append(paired_difference(first[common - 1], losses[common - 1]) if common else None)
        return found

    def stopped(self) -> list[bool]:
        """Which of them diverged, and stand where they were last good."""
        return list(self._stopped)

    def _look(self, place: int) -> int:
        return self.looks[len(self._losses[place])]

    def _is_through(self, place: int) -> bool:
        return self._stopped[place] or len(self._losses[place]) == len(self.looks)


class Comparisons:
    """The newest ones of a sweep: whoever loads the page again, or pins the same settings again, finds what was trained."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, ...], Comparison] = {}

    def of(self, numbers: tuple[int, ...]) -> Comparison | None:
        """The one of some settings in this order; None where there is none."""
        return self._kept.get(numbers)

    def keep(self, comparison: Comparison) -> None:
        """Keep one, in the place of the oldest where there are `MAX_KEPT`."""
        self._kept.pop(comparison.numbers, None)
        self._kept[comparison.numbers] = comparison
        if len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    def drop(self, comparison: Comparison) -> None:
        """Keep one no longer."""
        if self._kept.get(comparison.numbers) is comparison:
            del self._kept[comparison.numbers]
