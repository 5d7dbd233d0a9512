"""What a sweep is: a base set-up, axes along which it varies, seeds; and the settings that come of them. Nothing here imports torch.

A *setting* is one combination of the axes' values. It is trained once for each seed; every such training is a *lane*. Settings that share
a graph are lanes of one batched computation (`group_key`), whatever their alpha, beta, seeds and clip norm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from maml_core.config import RunConfig
from maml_core.settings import check_fields, setting

Value = int | float | str | bool | None
"""What a field of a config is set to by an axis."""

MAX_SETTINGS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One field of the base set-up and the values it takes.

    Either `values` are given (any order-able or categorical field), or `low` and `high` (numbers, for samplers that draw).
    """

    kind: Literal["axis"] = "axis"
    name: str
    """The field, dotted where it is of the tasks or the model: ``alpha``, ``tasks.difficulty``, ``model.num_filters``."""
    values: tuple[Value, ...] = ()
    """The values of a grid, each once; for a sampler that draws, the choices."""
    low: float | None = None
    high: float | None = None
    log: bool = False
    """Draw on a logarithmic scale; the map shows it so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepConfig:
    """A whole sweep. Equal sweeps give equal results, and a study belongs to one of them (`fingerprint`)."""

    base: RunConfig = field(default_factory=RunConfig)
    axes: tuple[Axis, ...] = ()
    sampler: Literal["grid", "random", "sobol", "tpe"] = setting(
        "grid", "grid: all combinations. random, sobol (even coverage) and tpe (looks where it is good) draw settings."
    )
    num_settings: int = setting(64, "Settings that a sampler draws; of a grid there are as many as combinations.", low=1, high=MAX_SETTINGS)
    sampler_seed: int = setting(0, "Seed of the sampler.", low=0, high=2**31 - 1)
    num_seeds: int = setting(1, "Each setting is trained from so many seeds (weights and training tasks): base seeds + 0, 1, ...", low=1, high=100)
    num_steps: int = setting(1000, "Outer steps of every lane.", low=1, high=10_000_000)
    num_rungs: int = setting(4, "How often the curves are measured on the way, evenly spaced; at the last rung the result.", low=1, high=50)
    prune: float = setting(0.0, "Share of the settings that stops at each rung but the last: the worst of those that got there.", low=0.0, high=0.9)

    def __post_init__(self) -> None:
        check_fields(self)


class Setting(NamedTuple):
    """One combination of the axes' values."""

    number: int
    """Its place in the sweep, 0..; the trial's number in the study may differ."""
    values: Mapping[str, Value]
    """By the axes' names, in their order."""


def lane_configs(sweep: SweepConfig, values: Mapping[str, Value]) -> tuple[RunConfig, ...]:
    """The single runs that a setting stands for, one a seed. Baselines are off: they do not touch the run."""
    raise NotImplementedError


LANE_FIELDS = (
    "alpha",
    "beta",
    "final_beta",
    "clip_norm",
    "adam_eps",
    "proximal",
    "weights_seed",
    "tasks_seed",
)
"""Fields of `RunConfig` in which the lanes of one batch may differ: numbers that the graph takes as values, and the seeds.

Whatever else differs (shapes, switches, schedules' horizons) makes groups.
"""


def group_key(config: RunConfig) -> RunConfig:
    """Configs with equal keys share a graph and may be lanes of one batch: the config without what a lane may have of its own.

    >>> group_key(RunConfig(alpha=0.1)) == group_key(RunConfig(beta=0.1)) != group_key(RunConfig(num_inner_steps=2))
    True
    """
    return dataclasses.replace(config, **{name: getattr(_DEFAULTS, name) for name in LANE_FIELDS})


_DEFAULTS = RunConfig()
