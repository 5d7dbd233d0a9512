"""What a sweep will take, from steps that are measured before it starts. Nothing here imports torch."""

from __future__ import annotations

import math
import time
from collections.abc import Collection
from concurrent.futures import Executor
from typing import NamedTuple

from maml_core.config import RunConfig
from maml_core.execution import resubmitted
from maml_core.sweeps.axes import Axis, whole_numbers
from maml_core.sweeps.chunks import LanesRequest, max_lanes, run_lanes
from maml_core.sweeps.sampling import cost, groups_of, settings_of
from maml_core.sweeps.space import SweepConfig, lane_configs

PROBE_S = 0.25
"""Processor seconds that a batch is measured for."""

MAX_PROBES = 3
"""Groups that are measured; the others are taken to cost what their sizes say next to the nearest one."""


class Budget(NamedTuple):
    """What is left to do of a sweep."""

    num_settings: int
    num_lanes: int
    num_groups: int
    """Of settings that share a graph; of TPE's nobody knows, and it counts as one."""
    lanes_at_once: int
    """Of the batch that was measured first, the costliest."""
    step_s: float
    """Processor seconds that such a batch takes for an outer step."""
    cpu_s: float
    """Of the whole sweep; less where lanes diverge or are pruned."""
    seconds: float
    """Of waiting, with all places at work."""


def budget(
    sweep: SweepConfig, executor: Executor, *, at_once: int, finished: Collection[int] = (), lanes: int | None = None
) -> Budget:
    """Measure some outer steps on the executor, and reckon.

    Args:
        sweep: What is to be computed.
        executor: Where; its workers should be warm.
        at_once: Batches in flight.
        finished: Numbers of the settings that need no more work.
        lanes: See `Sweeping`.

    Raises:
        DataError: There are no images to draw tasks from.
        BrokenExecutor: A worker ended each time that it measured.
    """
    groups = _groups(sweep, set(finished))
    if not groups:
        return Budget(0, 0, 0, 0, 0.0, 0.0, 0.0)
    chosen = {round(index) for index in _spread(len(groups), MAX_PROBES)}
    probes = {
        index: _Probe.of(sweep, groups[index], executor, at_once=at_once, lanes=lanes) for index in sorted(chosen)
    }
    cpu_s = 0.0
    for index, (config, count) in enumerate(groups):
        near = probes[min(probes, key=lambda probe: abs(probe - index))]
        per_lane = near.lane_s * cost(config) / cost(near.config)
        cpu_s += count * sweep.num_seeds * per_lane
    first = probes[0]
    num_settings = sum(count for _, count in groups)
    return Budget(
        num_settings=num_settings,
        num_lanes=num_settings * sweep.num_seeds,
        num_groups=len(groups),
        lanes_at_once=first.num_lanes,
        step_s=first.step_s,
        cpu_s=cpu_s,
        seconds=cpu_s * first.slowdown / min(at_once, num_settings),
    )


class _Probe(NamedTuple):
    config: RunConfig
    num_lanes: int
    step_s: float
    lane_s: float
    """Processor seconds of one lane's whole training in such a batch, its rungs included."""
    slowdown: float
    """Seconds of waiting for a processor second: others may be at work on this machine, and chunks have a way to go."""

    @staticmethod
    def of(
        sweep: SweepConfig, group: tuple[RunConfig, int], executor: Executor, *, at_once: int, lanes: int | None
    ) -> _Probe:
        config, count = group
        fitting = lanes or max_lanes(config)
        num_lanes = max(1, min(fitting, math.ceil(count / at_once) * sweep.num_seeds))
        configs = (config,) * num_lanes
        first = resubmitted(executor, run_lanes, LanesRequest(configs=configs, until=1))
        slowdown = 1.0
        step_s, judge_s = first.advance_s, first.cpu_s - first.advance_s
        if first.lanes:
            far = LanesRequest(configs=configs, state=first.state, until=10**9, budget_s=PROBE_S, evaluate=False)
            began = time.monotonic()
            then = resubmitted(executor, run_lanes, far)
            slowdown = max(1.0, (time.monotonic() - began) / max(then.cpu_s, 1e-3))
            step_s = then.advance_s / max(1, len(then.steps))
        whole = sweep.num_steps * step_s + len(sweep.rungs) * judge_s
        return _Probe(config, num_lanes, step_s, whole / num_lanes, slowdown)


def _groups(sweep: SweepConfig, finished: set[int]) -> list[tuple[RunConfig, int]]:
    """A config of each group and how many settings are left of it."""
    settings = settings_of(sweep)
    if settings is None:
        values = {axis.name: axis.values[0] if axis.values else _low(axis, sweep.base) for axis in sweep.axes}
        count = sweep.size - len(finished)
        return [(lane_configs(sweep, values)[0], count)] if count > 0 else []
    found = []
    for group in groups_of(sweep):
        left = [number for number in group if number not in finished]
        if left:
            found.append((lane_configs(sweep, settings[left[0]].values)[0], len(left)))
    return found


def _low(axis: Axis, base: RunConfig) -> float:
    low, _ = axis.ends
    return int(low) if whole_numbers(base, axis) else low


def _spread(count: int, most: int) -> list[float]:
    """Up to `most` places from first to last."""
    return [0.0] if count == 1 else [index * (count - 1) / (min(count, most) - 1) for index in range(min(count, most))]
