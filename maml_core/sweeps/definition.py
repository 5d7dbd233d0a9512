"""What a sweep is: a base set-up, axes along which it varies, seeds; and the settings that come of them. Nothing here imports torch.

A *setting* is one combination of the axes' values. It is trained once for each seed; every such training is a *lane*. Settings that share
a graph are lanes of one batched computation (`group_key`), whatever their alpha, beta, seeds and clip norm.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from maml_core.config import RunConfig, from_dict, to_dict
from maml_core.errors import ConfigError
from maml_core.settings import check_fields, setting
from maml_core.sweeps.axes import (
    WIDTHS,
    Axis,
    Value,
    checked_axis,
    is_number,
    setting_words,
    spaced,
    whole_numbers,
    with_values,
)
from maml_core.values import shown
from maml_core.wording import one_of

MAX_SETTINGS = 100_000
"""Settings that a sweep may have: their results are read whole, in seconds still."""

_MAX_TRIED = 20_000
"""Kinds of set-ups that are built to see whether they go together, before a sweep begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """A whole sweep. Equal sweeps give equal results, and a study belongs to one of them (`fingerprint`).

    Without an axis it is one setting, which its seeds repeat. A range on a grid is all its whole numbers.
    """

    base: RunConfig = field(default_factory=RunConfig)
    axes: tuple[Axis, ...] = ()
    sampler: Literal["grid", "random", "sobol", "tpe"] = setting(
        "grid", "grid: all combinations. random, sobol (even coverage) and tpe (looks where it is good) draw settings."
    )
    num_settings: int = setting(
        64,
        "Settings that a sampler draws; of a grid there are as many as combinations.",
        low=1,
        high=MAX_SETTINGS,
    )
    sampler_seed: int = setting(0, "Seed of the sampler.", low=0, high=2**31 - 1)
    grid_order: Literal["coarse", "plain"] = setting(
        "coarse",
        "Which settings of a grid are computed first. coarse: the ends and the middle of each axis, then what lies between, at random among those of "
        "one fineness, so that an unfinished map can be read. plain: row by row. Results do not depend on it.",
    )
    num_seeds: int = setting(
        1,
        "Each setting is trained from so many seeds (weights and training tasks): base seeds + 0, 1, ...",
        low=1,
        high=100,
    )
    num_steps: int = setting(1000, "Outer steps of every lane.", low=1, high=10_000_000)
    num_rungs: int = setting(
        4,
        "How often the curves are measured on the way, evenly spaced; at the last rung the result.",
        low=1,
        high=50,
    )
    prune: float = setting(
        0.0,
        "Share of the settings that stops at each rung but the last: the worst of those that got there.",
        low=0.0,
        high=0.9,
    )

    def __post_init__(self) -> None:
        check_fields(self)
        names = [axis.name for axis in self.axes]
        for name in names:
            if names.count(name) > 1:
                raise ConfigError(name, name, "one axis a field; it is there twice")
        axes = tuple(self._on_a_grid(checked_axis(axis, self.base)) for axis in self.axes)
        object.__setattr__(self, "axes", axes)
        self._check_conditions()
        self._check_number()
        self._check_combinations()

    @property
    def num_combinations(self) -> int | None:
        """Number of combinations of the axes' values; None where an axis is a range without values of its own."""
        counts = [_num_values(axis, self.base) for axis in self.axes]
        if not any(axis.only_with for axis in self.axes):
            known = [count for count in counts if count is not None]
            return math.prod(known) if len(known) == len(counts) else None
        asked = {axis.only_with for axis in self.axes}
        if any(count is None for count in counts):
            return None
        found = 0
        for values in itertools.product(*(axis.values for axis in self.axes if axis.name in asked)):
            at = dict(zip([axis.name for axis in self.axes if axis.name in asked], values))
            others = [axis for axis in self.axes if axis.name not in asked]
            found += math.prod(len(axis.values) if axis.counts(at) else 1 for axis in others)
        return found

    @property
    def size(self) -> int:
        """Settings of the whole sweep."""
        return self.num_combinations or 0 if self.sampler == "grid" else self.num_settings

    @property
    def num_lanes(self) -> int:
        """Trainings of the whole sweep."""
        return self.size * self.num_seeds

    @property
    def rungs(self) -> tuple[int, ...]:
        """The outer steps of the rungs; the last one is `num_steps`.

        >>> SweepConfig(num_steps=10, num_rungs=4).rungs
        (2, 5, 8, 10)
        """
        steps = (round(self.num_steps * rung / self.num_rungs) for rung in range(1, self.num_rungs + 1))
        return tuple(dict.fromkeys(step for step in steps if step > 0))

    @property
    def maximises(self) -> bool:
        """Whether more is better: the accuracy of classes; in regression the loss is optimised, and less is."""
        return self.base.classifies

    def _on_a_grid(self, axis: Axis) -> Axis:
        if self.sampler != "grid" or axis.values:
            return axis
        low, high = axis.ends
        if not whole_numbers(self.base, axis):
            accepted = "a grid needs values, or how many: for example 0.001..1:log:8; or another sampler"
            raise ConfigError(axis.name, f"{low:g}..{high:g}", accepted)
        count = int(high - low) + 1
        values = spaced(low, high, count, log=False, whole=True) if count <= 1000 else ()
        if not values:
            raise ConfigError(axis.name, f"{count:,} values", "at most 1,000 whole numbers in a range; say how many")
        return Axis(name=axis.name, values=values, log=axis.log)

    def _check_conditions(self) -> None:
        """An axis that counts for some values of another names one that always counts, and values that it has."""
        known = {axis.name: axis for axis in self.axes}
        for axis in self.axes:
            if not axis.only_with:
                continue
            other = known.get(axis.only_with)
            if other is None or other.only_with or not other.values or other is axis:
                accepted = "another axis of the sweep, with values, that counts by itself"
                raise ConfigError(axis.name, f"if {axis.only_with}", accepted)
            if strange := [value for value in axis.only_at if value not in other.values]:
                accepted = f"values that the axis {other.name} has: {', '.join(map(shown, other.values))}"
                raise ConfigError(axis.name, f"if {axis.only_with} = {shown(strange[0])}", accepted)
            if self.sampler == "tpe":
                raise ConfigError(
                    axis.name,
                    f"if {axis.only_with}",
                    "an axis that always counts: tpe draws each by itself; take another sampler",
                )

    def _check_number(self) -> None:
        combinations = self.num_combinations
        if self.sampler == "grid" and combinations is not None and combinations > MAX_SETTINGS:
            times = " x ".join(str(len(axis.values)) for axis in self.axes)
            accepted = f"at most {MAX_SETTINGS:,} settings; take fewer values, or a sampler that draws some of them"
            raise ConfigError("axes", f"{times} = {combinations:,} settings", accepted)
        if self.sampler == "tpe" and not self.axes:
            raise ConfigError("sampler", self.sampler, "there is no axis to draw along; add one, or take grid")
        if self.sampler in ("random", "sobol") and combinations is not None and self.num_settings > combinations:
            accepted = f"at most {combinations:,}, the number of combinations; ask for fewer, or take grid"
            raise ConfigError("num_settings", self.num_settings, accepted)

    def _check_combinations(self) -> None:
        """Some setting must go together; those that do not are left out."""
        count = math.prod(len(_ends(axis, self.base)) for axis in self.axes)
        if count > _MAX_TRIED:
            accepted = f"at most {_MAX_TRIED:,} kinds of set-ups; take fewer axes of words and switches"
            raise ConfigError("axes", f"{count:,} kinds of set-ups", accepted)
        refused = refused_ends(self)
        if len(refused) == len(_combined_ends(self)):
            shown = "; ".join(refused[:3]) + (f"; and {len(refused) - 3:,} more" if len(refused) > 3 else "")
            raise ConfigError("axes", shown, f"no setting of these goes together: {refusal_of(self, _first(self))}")


def _num_values(axis: Axis, base: RunConfig) -> int | None:
    if axis.values:
        return len(axis.values)
    low, high = axis.ends
    return int(high - low) + 1 if whole_numbers(base, axis) else None


def _ends(axis: Axis, base: RunConfig) -> tuple[Value, ...]:
    """All its words and switches, and the least and the largest of its numbers."""
    if not axis.values:
        return tuple(int(end) if whole_numbers(base, axis) else end for end in axis.ends)
    numbers = [value for value in axis.values if is_number(value)]
    others = [value for value in axis.values if not is_number(value)]
    return tuple(dict.fromkeys((*others, *((min(numbers), max(numbers)) if numbers else ()))))  # type: ignore[type-var]


class Setting(NamedTuple):
    """One combination of the axes' values."""

    number: int
    """Its place in the sweep, 0..; the trial's number in the study may differ."""
    values: Mapping[str, Value]
    """By the axes' names, in their order."""


def lane_configs(sweep: SweepConfig, values: Mapping[str, Value]) -> tuple[RunConfig, ...]:
    """The single runs that a setting stands for, one a seed. Baselines are off: they do not touch the run.

    >>> [config.tasks_seed for config in lane_configs(SweepConfig(num_seeds=2), {"alpha": 0.1})]
    [0, 1]

    Raises:
        ConfigError: The set-up refuses the values.
    """
    config = with_values(sweep.base, values)
    return tuple(
        dataclasses.replace(
            config,
            weights_seed=config.weights_seed + seed,
            tasks_seed=config.tasks_seed + seed,
            evaluation_steps=max(config.evaluation_steps, config.num_inner_steps),
            joint_baseline=False,
            oracle_baseline=False,
        )
        for seed in range(sweep.num_seeds)
    )


def refusal_of(sweep: SweepConfig, values: Mapping[str, Value]) -> str:
    """Why the set-up refuses the values of a setting; empty where they go together."""
    try:
        lane_configs(sweep, values)
    except ConfigError as error:
        return str(error)
    return ""


@lru_cache(maxsize=8)
def refused_ends(sweep: SweepConfig) -> tuple[str, ...]:
    """The combinations that do not go together, in words, of all words and switches and of numbers with both ends: a set-up refuses beyond a
    bound, never in between.
    """
    return tuple(setting_words(values) for values in _combined_ends(sweep) if refusal_of(sweep, values))


def _combined_ends(sweep: SweepConfig) -> list[dict[str, Value]]:
    names = [axis.name for axis in sweep.axes]
    every = itertools.product(*(_ends(axis, sweep.base) for axis in sweep.axes))
    return [dict(zip(names, ends)) for ends in dict.fromkeys(as_counted(sweep, ends) for ends in every)]


def as_counted(sweep: SweepConfig, values: Sequence[Value]) -> tuple[Value, ...]:
    """The values of all axes, None for those that do not count beside the others."""
    if not any(axis.only_with for axis in sweep.axes):
        return tuple(values)
    at = dict(zip([axis.name for axis in sweep.axes], values))
    return tuple(value if axis.counts(at) else None for axis, value in zip(sweep.axes, values))


def _first(sweep: SweepConfig) -> dict[str, Value]:
    return _combined_ends(sweep)[0]


def sweep_to_dict(sweep: SweepConfig) -> dict[str, Any]:
    """A sweep as plain JSON values. What is left out of an axis is what it does not have, so that TOML can say it too."""
    data = {f.name: getattr(sweep, f.name) for f in dataclasses.fields(sweep)}
    return data | {"base": to_dict(sweep.base), "axes": [axis_to_dict(axis) for axis in sweep.axes]}


def axis_to_dict(axis: Axis) -> dict[str, Any]:
    """An axis as plain JSON values."""
    plain: dict[str, Any] = {"name": axis.name}
    plain |= {"values": list(axis.values)} if axis.values else {"low": axis.low, "high": axis.high}
    plain |= {"log": True} if axis.log else {}
    return plain | ({"only_with": axis.only_with, "only_at": list(axis.only_at)} if axis.only_with else {})


def sweep_from_dict(data: Mapping[str, Any]) -> SweepConfig:
    """The sweep of `sweep_to_dict`'s output; missing fields take their defaults.

    Raises:
        ConfigError: Unknown key, wrong type, or a sweep that is not accepted.
    """
    if not isinstance(data, Mapping):
        raise ConfigError("sweep", data, "a table of settings is expected")
    _check_keys(SweepConfig, data, "")
    axes = data.get("axes", [])
    if not isinstance(axes, list | tuple):
        raise ConfigError("axes", axes, "a list of axes, each with a name and values")
    return SweepConfig(
        **{name: value for name, value in data.items() if name not in ("base", "axes")},
        base=from_dict(data.get("base", {})),
        axes=tuple(_axis(item, f"axes[{place}]") for place, item in enumerate(axes)),
    )


def _axis(data: Any, path: str) -> Axis:
    if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
        raise ConfigError(path, data, "a table with a name and values, or low and high")
    _check_keys(Axis, data, f"{path}.")
    given = dict(data)
    for listed in ("values", "only_at"):
        if isinstance(given.get(listed), list):
            given[listed] = tuple(_as_text(value, data["name"]) for value in given[listed])
    if not isinstance(given.get("log", False), bool):
        raise ConfigError(f"{path}.log", given["log"], "true or false")
    return Axis(**given)


def _as_text(value: Any, name: str) -> Any:
    """A list of numbers, the value of a field that holds several, as an axis writes it: 0.1..5 for a range, 40x20 for widths."""
    if isinstance(value, list) and value and all(is_number(item) for item in value):
        return ("x" if name == WIDTHS else "..").join(map(repr, value))
    return value


def _check_keys(cls: type[Any], data: Mapping[str, Any], path: str) -> None:
    fields = [f.name for f in dataclasses.fields(cls)]
    for key in data:
        if key not in fields:
            raise ConfigError(f"{path}{key}", data[key], f"no such field; {one_of(fields, key, most=99)}")


def fingerprint(sweep: SweepConfig) -> str:
    """Names a sweep: equal for sweeps of equal results."""
    data = sweep_to_dict(sweep)
    del data["grid_order"]
    if sweep.sampler == "grid":  # what it does not look at
        del data["num_settings"], data["sampler_seed"]
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


LANE_FIELDS = (
    "alpha",
    "test_alpha",
    "beta",
    "final_beta",
    "clip_norm",
    "adam_eps",
    "proximal",
    "weights_seed",
    "tasks_seed",
    "num_training_tasks",
)
"""Fields of `RunConfig` in which the lanes of one batch may differ: numbers that the graph takes as values, the seeds, and what else says
which tasks are drawn.

Whatever else differs (shapes, switches, schedules' horizons) makes groups.
"""


def group_key(config: RunConfig) -> RunConfig:
    """Configs with equal keys share a graph and may be lanes of one batch: the config without what a lane may have of its own.

    >>> group_key(RunConfig(alpha=0.1)) == group_key(RunConfig(beta=0.1)) != group_key(RunConfig(num_inner_steps=2))
    True
    """
    return dataclasses.replace(config, **{name: getattr(_DEFAULTS, name) for name in LANE_FIELDS})


_DEFAULTS = RunConfig()
