"""The settings of a sweep, in their order: all combinations of a grid, or what a sampler draws. Nothing here imports torch."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.records import Numbers
from maml_core.sweeps.axes import Axis, Value, is_number, whole_numbers
from maml_core.sweeps.definition import (
    LANE_FIELDS,
    Setting,
    SweepConfig,
    as_counted,
    lane_configs,
    refusal_of,
    refused_ends,
)

_MAX_DRAWS = 2**20
"""Points after which no further setting is looked for, however many were asked for: axes of few values have few settings."""


@lru_cache(maxsize=8)
def settings_of(sweep: SweepConfig) -> tuple[Setting, ...] | None:
    """All settings of a sweep, each once; None for TPE, whose settings depend on the results of others.

    >>> [dict(one.values) for one in settings_of(SweepConfig(axes=(Axis(name="alpha", values=(0.1, 0.2)),)))]
    [{'alpha': 0.1}, {'alpha': 0.2}]
    """
    names = [axis.name for axis in sweep.axes]
    match sweep.sampler:
        case "grid":
            every = itertools.product(*(axis.values for axis in sweep.axes))
            found: Iterator[tuple[Value, ...]] = iter(every)
            if any(axis.only_with for axis in sweep.axes):
                found = iter(dict.fromkeys(as_counted(sweep, values) for values in every))
        case "random" | "sobol":
            found = itertools.islice(_each_once(sweep), sweep.num_settings)
        case _:
            return None
    return tuple(Setting(number, dict(zip(names, values))) for number, values in enumerate(found))


def _each_once(sweep: SweepConfig) -> Iterator[tuple[Value, ...]]:
    seen: set[tuple[Value, ...]] = set()
    for point in _points(sweep):
        values = as_counted(sweep, [_at(axis, share, sweep.base) for axis, share in zip(sweep.axes, point)])
        if values not in seen:
            seen.add(values)
            yield values
    raise ConfigError(
        "num_settings", sweep.num_settings, f"only {len(seen):,} different settings came up; ask for fewer"
    )


def _points(sweep: SweepConfig) -> Iterator[Numbers]:
    """Points of the unit cube, [axes]."""
    if not sweep.axes:
        yield np.empty(0)
        return
    if sweep.sampler == "random":
        random = np.random.default_rng(sweep.sampler_seed)
        for _ in range(_MAX_DRAWS):
            yield random.random(len(sweep.axes))
        return
    from scipy.stats import qmc

    engine = qmc.Sobol(len(sweep.axes), scramble=True, rng=np.random.default_rng(sweep.sampler_seed))
    size = 1
    while size <= _MAX_DRAWS:  # powers of two keep the balance
        yield from engine.random(size)
        size = max(2, 2 * size) if engine.num_generated > 1 else 1


def _at(axis: Axis, share: float, base: RunConfig) -> Value:
    """The axis' value at a share of its length, 0 <= share < 1."""
    if axis.values:
        return axis.values[int(share * len(axis.values))]
    low, high = axis.ends
    if whole_numbers(base, axis):
        low, high = int(low), int(high)
        if axis.log:  # every whole number has its stretch of the scale
            return min(high, int(low * ((high + 1) / low) ** share))
        return low + int(share * (high - low + 1))
    if axis.log:
        return min(high, math.exp(math.log(low) + share * math.log(high / low)))
    return low + share * (high - low)


@lru_cache(maxsize=8)
def refused_of(sweep: SweepConfig) -> dict[int, str]:
    """The numbers of the settings whose values do not go together, and why; TPE's are known when they are drawn.

    >>> axes = (Axis(name="algorithm", values=("maml", "reptile")), Axis(name="order", values=("second", "first")))
    >>> sorted(refused_of(SweepConfig(axes=axes)))
    [3]
    """
    if not refused_ends(sweep):
        return {}
    found = {one.number: refusal_of(sweep, one.values) for one in settings_of(sweep) or ()}
    return {number: refusal for number, refusal in found.items() if refusal}


@lru_cache(maxsize=8)
def fineness_of(sweep: SweepConfig) -> tuple[int, ...]:
    """How fine the coarsest grid is that has a setting, by the settings' numbers: 0 at the ends of all axes, and half as far apart with each
    number more. All 0 where the settings are no grid, or are computed row by row; of an axis of words or switches every value is 0.

    >>> fineness_of(SweepConfig(axes=(Axis(name="alpha", values=(0.1, 0.2, 0.3, 0.4, 0.5)),)))
    (0, 2, 1, 2, 0)
    """
    if sweep.sampler != "grid" or sweep.grid_order == "plain":
        return (0,) * len(settings_of(sweep) or ())
    along = {axis.name: _fineness_along(axis) for axis in sweep.axes}
    return tuple(
        max((along[name].get(value, 0) for name, value in one.values.items()), default=0)
        for one in settings_of(sweep) or ()
    )


def _fineness_along(axis: Axis) -> dict[Value, int]:
    if not all(is_number(value) for value in axis.values):
        return {}
    rank = {value: place for place, value in enumerate(sorted(axis.values))}  # type: ignore[type-var]
    last = len(axis.values) - 1
    finest = math.ceil(math.log2(last)) if last > 0 else 0
    found: dict[Value, int] = {}
    for value in axis.values:
        place = rank[value]
        halvings = (place & -place).bit_length() - 1 if 0 < place < last else finest
        found[value] = finest - halvings
    return found


def _in_order(sweep: SweepConfig, numbers: Sequence[int]) -> list[int]:
    """The numbers as they are computed: by their fineness, at random among those of one."""
    if sweep.sampler != "grid" or sweep.grid_order == "plain":
        return list(numbers)
    fineness = fineness_of(sweep)
    dealt = np.random.default_rng(0).permutation(len(numbers))
    return [numbers[place] for place in sorted(dealt.tolist(), key=lambda place: fineness[numbers[place]])]


@lru_cache(maxsize=8)
def groups_of(sweep: SweepConfig) -> tuple[tuple[int, ...], ...]:
    """The numbers of the settings that go together and share a graph, group by group, each in the order in which they are computed
    (`SweepConfig.grid_order`); the costliest first, so that none is left for the end.

    >>> groups_of(SweepConfig(axes=(Axis(name="num_inner_steps", values=(1, 5)), Axis(name="alpha", values=(0.1, 0.2)))))
    ((2, 3), (0, 1))
    """
    found: dict[tuple[Value, ...], list[Setting]] = {}
    left_out = refused_of(sweep)
    for one in settings_of(sweep) or ():
        if one.number in left_out:
            continue
        shape = tuple(value for name, value in one.values.items() if name not in LANE_FIELDS)
        found.setdefault(shape, []).append(one)
    costs = {shape: cost(lane_configs(sweep, group[0].values)[0]) for shape, group in found.items()}
    ordered = sorted(found, key=lambda shape: -costs[shape])
    return tuple(tuple(_in_order(sweep, [one.number for one in found[shape]])) for shape in ordered)


def coarsest_first(
    sweep: SweepConfig, groups: Sequence[tuple[int, ...]], left: Sequence[list[int]]
) -> list[tuple[tuple[int, ...], list[int]]]:
    """The groups of which something is left, each with that, by how fine the next one of it is; of equally fine ones in their order."""
    fineness = fineness_of(sweep)
    found = [(group, numbers) for group, numbers in zip(groups, left) if numbers]
    return sorted(found, key=lambda one: fineness[one[1][0]])


def cost(config: RunConfig) -> float:
    """About how dear an outer step is, next to others of the same network."""
    per_task = config.shots * config.num_inner_steps + config.num_query
    return float(config.meta_batch_size * per_task * (1 if config.order == "first" else 2))
