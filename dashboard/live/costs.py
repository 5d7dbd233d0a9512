"""What a sweep will take, from a step that was measured: shown before it starts, and what its chunks are cut by."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from maml_core.config import RunConfig
from maml_core.sweeps.chunks import LanesRequest, LanesResult
from maml_core.sweeps.sampling import settings_of
from maml_core.sweeps.space import SweepConfig, Value, group_key, lane_configs

MEASURED_LANES = 8
MEASURED_STEPS = 3
MAX_GROUPS = 6
"""Groups that are measured; what the others take is their mean."""
MAX_SAMPLE = 256
"""Settings that are looked at to find the groups."""


class Cost(NamedTuple):
    """Processor seconds of one lane."""

    step_s: float
    """An outer step, among `MEASURED_LANES` others."""
    evaluation_s: float
    """To be judged once."""


class Budget(NamedTuple):
    """What a sweep will take."""

    num_settings: int
    num_lanes: int
    num_groups: int
    seconds: float
    """On all workers, if nothing else is computed and nothing is pruned; NaN while nothing was measured."""

    def __str__(self) -> str:
        """In words.

        >>> str(Budget(64, 128, 1, 75.0))
        '64 settings · 128 lanes · about 75 s'
        """
        lanes = f" · {self.num_lanes:,} lanes" if self.num_lanes != self.num_settings else ""
        groups = f" in {self.num_groups} groups" if self.num_groups > 1 else ""
        settings = "1 setting" if self.num_settings == 1 else f"{self.num_settings:,} settings"
        return f"{settings}{lanes}{groups} · {duration(self.seconds)}"


def duration(seconds: float) -> str:
    """A time that was estimated, no more exactly than that.

    >>> [duration(s) for s in (0.4, 42.0, 600.0, 9000.0, 400000.0, float("nan"))]
    ['about 1 s', 'about 42 s', 'about 10 min', 'about 2.5 h', 'about 4.6 days', 'time not measured yet']
    """
    if math.isnan(seconds):
        return "time not measured yet"
    if seconds < 120.0:
        return f"about {max(1, round(seconds))} s"
    if seconds < 7200.0:
        return f"about {round(seconds / 60.0)} min"
    if seconds < 48 * 3600.0:
        return f"about {seconds / 3600.0:.2g} h"
    return f"about {seconds / 86400.0:.2g} days"


class Group(NamedTuple):
    """Settings that share a graph."""

    configs: tuple[RunConfig, ...]
    """Some lanes of it."""
    share: float
    """Of all settings, 0..1."""


def groups(sweep: SweepConfig) -> dict[RunConfig, Group]:
    """The groups of a sweep by their `group_key`, from a sample of its settings where there are many."""
    sample = sample_settings(sweep)
    found: dict[RunConfig, list[RunConfig]] = {}
    count: Counter[RunConfig] = Counter()
    for values in sample:
        lanes = lane_configs(sweep, values)
        key = group_key(lanes[0])
        count[key] += 1
        found.setdefault(key, []).extend(lanes)
    return {key: Group(tuple(lanes[:MEASURED_LANES]), count[key] / len(sample)) for key, lanes in found.items()}


def sample_settings(sweep: SweepConfig) -> list[Mapping[str, Value]]:
    """Some settings that are like those of the sweep; all of them where they are few."""
    settings = settings_of(sweep)
    if settings is None:  # nobody knows before what TPE will draw
        count = min(sweep.num_settings, sweep.num_combinations or MAX_SAMPLE, MAX_SAMPLE)
        settings = settings_of(dataclasses.replace(sweep, sampler="random", num_settings=count))
        assert settings is not None
    picked = np.unique(np.linspace(0, len(settings) - 1, min(len(settings), MAX_SAMPLE)).astype(int))
    return [settings[place].values for place in picked]


def request_for(group: Group) -> LanesRequest:
    """A few steps of a few lanes, judged once."""
    return LanesRequest(configs=group.configs, until=MEASURED_STEPS)


def cost_of(group: Group, result: LanesResult) -> Cost:
    """What was measured. Lanes that left early make it a little too small."""
    count = len(group.configs)
    evaluation_s = max(0.0, result.cpu_s - result.advance_s) / count
    return Cost(result.advance_s / (MEASURED_STEPS * count), evaluation_s)


def budget(
    sweep: SweepConfig, found: Mapping[RunConfig, Group], costs: Mapping[RunConfig, Cost], num_workers: int
) -> Budget:
    """What a sweep will take, from the groups that were measured."""
    known = [costs[key] for key in found if key in costs]
    seconds = math.nan
    if known:
        usual = Cost(*(sum(column) / len(known) for column in zip(*known, strict=True)))
        rungs = len(sweep.rungs)
        seconds = 0.0
        for key, group in found.items():
            cost = costs.get(key, usual)
            seconds += group.share * sweep.num_lanes * (sweep.num_steps * cost.step_s + rungs * cost.evaluation_s)
        seconds /= num_workers
    return Budget(sweep.size, sweep.num_lanes, len(found), seconds)


def lanes_of_a_batch(costs: Sequence[Cost], step_s: float) -> int:
    """Lanes of a batch of which a step takes no longer than that.

    >>> lanes_of_a_batch([Cost(0.001, 0.02), Cost(0.002, 0.02)], 0.03)
    15
    """
    return max(1, min(256, *(int(step_s / max(cost.step_s, 1e-6)) for cost in costs or [Cost(step_s / 16, 0.0)])))


def judged_at_once(costs: Sequence[Cost], look_s: float) -> int:
    """Lanes that are judged within that time.

    >>> judged_at_once([Cost(0.001, 0.02), Cost(0.002, 0.3)], 0.06)
    1
    """
    return max(1, min(64, *(int(look_s / max(cost.evaluation_s, 1e-6)) for cost in costs or [Cost(0.0, look_s / 2)])))
