"""The outer steps of a sweep's groups compiled beside its training: which one is next, and what has been learned of them. Imports without torch.

A group begins eagerly. Where what is left of it is worth that, as its own chunks say, its outer step is compiled by one process, and its
batches change form between two chunks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from maml_core.compiling import LaneCompiler
from maml_core.config import RunConfig
from maml_core.sweeps.chunks import LanesResult
from maml_core.sweeps.compiling_pays import can_be_compiled, pays, places_meanwhile
from maml_core.sweeps.definition import group_key
from maml_core.sweeps.sampling import cost

MEASURED_S = 1.0
"""Processor seconds of eager training that say what a step of a group takes."""

LOOK_S = 1.0
"""Seconds between two looks at what is left of the groups, at least."""

LOOK_SHARE = 0.05
"""Share of the time, at most, that goes into such looks."""


class Left(NamedTuple):
    """What is left of a group whose outer steps are taken eagerly."""

    configs: tuple[RunConfig, ...]
    """The lanes of one of its batches."""
    eager_s: float
    """Processor seconds; NaN while nothing says what a step takes."""


class StepTimes:
    """What outer steps of lanes take eagerly, group by group, as chunks that were computed say."""

    def __init__(self) -> None:
        self.compiled: set[RunConfig] = set()
        """The groups, by key, of which steps were taken in their compiled form."""
        self._measured: dict[RunConfig, tuple[float, int]] = {}
        """Processor seconds and lane steps of each group's eager chunks."""

    def note(self, key: RunConfig, result: LanesResult, lane_steps: int) -> None:
        """Take in a chunk of a group, with the outer steps that it took over all its lanes."""
        if result.num_compiled:
            self.compiled.add(key)
        else:
            spent_s, taken = self._measured.get(key, (0.0, 0))
            self._measured[key] = spent_s + result.advance_s, taken + lane_steps

    def eager_step_s(self, key: RunConfig) -> float:
        """Processor seconds of an eager outer step of a lane: as measured, or as the sizes say next to a group that was; NaN where none was."""
        known = {
            one: spent_s / taken for one, (spent_s, taken) in self._measured.items() if taken and spent_s >= MEASURED_S
        }
        if key in known:
            return known[key]
        return next((step_s * cost(key) / cost(one) for one, step_s in known.items()), math.nan)


class CompilingBeside:
    """See the module. It is asked to `look` whenever a chunk has been taken in.

    Args:
        left: Says what is left of the groups that train eagerly.
        at_once: Batches in flight.
        steps_back: The compiler takes only the processor time that nobody else wants, instead of the place of a batch.
        on_made: Called with the lanes of a group whose compiled form is there.
    """

    def __init__(
        self,
        left: Callable[[], Sequence[Left]],
        *,
        at_once: int,
        steps_back: bool,
        on_made: Callable[[tuple[RunConfig, ...]], None] = lambda _: None,
    ) -> None:
        self._left, self._at_once, self._steps_back, self._on_made = left, at_once, steps_back, on_made
        self._compiler: LaneCompiler | None = None
        self._configs: tuple[RunConfig, ...] = ()
        self._tried: set[RunConfig] = set()
        self._look_at = -math.inf

    @property
    def places(self) -> int:
        """Batches to have in flight now."""
        takes_a_place = self._compiler is not None and not self._steps_back
        return places_meanwhile(self._at_once) if takes_a_place else self._at_once

    def look(self) -> None:
        """See whether what is compiled is there, and begin with the next one where that pays."""
        if self._compiler is not None and not self._compiler.is_busy:
            if self._compiler.succeeded:
                self._on_made(self._configs)
            self._compiler = None
        if self._compiler is None and (began := time.monotonic()) >= self._look_at:
            longest = max(self._wanted(), key=lambda group: group.eager_s, default=None)
            if longest is not None:
                self._configs = longest.configs
                self._tried.add(group_key(longest.configs[0]))
                self._compiler = LaneCompiler(longest.configs, steps_back=self._steps_back)
            now = time.monotonic()
            self._look_at = now + max(LOOK_S, (now - began) / LOOK_SHARE)

    def close(self) -> None:
        """End what is under way, with the compiler."""
        compiler, self._compiler = self._compiler, None
        if compiler is not None:
            compiler.close()

    def _wanted(self) -> list[Left]:
        return [
            group
            for group in self._left()
            if pays(group.eager_s, self._at_once)
            and can_be_compiled(group.configs[0])
            and group_key(group.configs[0]) not in self._tried
        ]
