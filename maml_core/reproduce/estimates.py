"""About how long the trainings of a reproduction will take: as their steps took so far, or as some steps take that are measured for it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import NamedTuple

from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import RunConfig
from maml_core.execution import resubmitted
from maml_core.reproduce.cases import Case

PROBE_S, PROBE_STEPS = 0.2, 100
"""Processor seconds, or outer steps, of what is measured of a set-up."""

WORTH_STEPS = 2_000
"""Fewest outer steps in all of which somebody needs to be told how long they take."""


class Left(NamedTuple):
    """What is left of one training."""

    case: Case
    num_steps: int
    step_s: float
    """Processor seconds that its outer steps took so far; NaN where it has not begun."""


def step_seconds(config: RunConfig, device: str = "cpu") -> float:
    """Seconds of an outer step: of some, after two that warm up. Work for an executor.

    They are the processor's own; on another device, which the processor waits for, those of the clock.
    """
    first = run_chunk(ChunkRequest(config=config, num_steps=2, device=device))
    request = ChunkRequest(
        config=first.config, state=first.state, num_steps=PROBE_STEPS, budget_s=PROBE_S, device=device
    )
    start = time.monotonic()
    found = run_chunk(request)
    elapsed_s = found.cpu_s if device == "cpu" else time.monotonic() - start
    return elapsed_s / max(1, found.step - first.step)


def seconds_left(left: Sequence[Left], executor: Executor, *, at_once: int, device: str = "cpu") -> float:
    """About how long it takes, if the processors are free; trainings of one set-up, with other seeds, take as long as each other.

    On another device than the processor the steps that were taken say nothing, since only processor time is kept of them: some are measured.

    Args:
        left: Of each training.
        executor: Where they are computed, and measured.
        at_once: Trainings in flight.
        device: Where they are computed, by PyTorch's name of it.

    Raises:
        BrokenExecutor: A worker ended each time that it measured.
    """
    known: dict[tuple[str, int], float] = {}
    for one in left:
        if math.isfinite(one.step_s) and device == "cpu":
            known[_kind(one.case)] = one.step_s
    unknown = {_kind(one.case): one.case.config for one in left if one.num_steps and _kind(one.case) not in known}
    for kind, config in unknown.items():
        known[kind] = resubmitted(executor, step_seconds, config, device)
    each = [one.num_steps * known[_kind(one.case)] for one in left if one.num_steps]
    return max([sum(each) / at_once, *each], default=0.0)


def _kind(case: Case) -> tuple[str, int]:
    return case.setup.name, case.config.shots
