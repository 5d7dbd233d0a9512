"""What every family of curves says of itself, and the base of those that say no more than their ranges and their function."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from maml_core.levels import Measured, Numbers, measured
from maml_core.settings import Interval, check_fields, hints_of, setting

TEST_RANGE = (
    "Range of {} in held-out tasks, for example outside that of training; none: that of {}. Adaptation is worse there, the more so the further away "
    "(Finn & Levine 2018)."
)
"""Help of a setting ``test_...``: held-out tasks have its range in place of the one that it is called after (`config.at_test`)."""


class CurveFamily(ABC):
    """What the engine, the sweeps and the page ask of a family's config beside its settings."""

    __slots__ = ()

    called = ""
    """What people call its tasks, in the plural."""
    classifies = False
    """Whether tasks are of classes."""
    num_outputs = 1
    """Width of one y."""
    x: Interval
    """Range of every input."""
    noise_std: float
    """Standard deviation of the noise on every observed y."""

    @property
    def num_inputs(self) -> int:
        """Width of one x."""
        return 1

    @property
    @abstractmethod
    def parameter_ranges(self) -> tuple[Interval, ...]:
        """What the numbers that define a task may be, one after the other."""

    @abstractmethod
    def zero_level(self) -> float:
        """Expected loss of the predictor that always says 0."""

    @abstractmethod
    def non_adapting_level(self) -> float:
        """Expected loss of the best predictor that is the same for every task."""

    @abstractmethod
    def reach(self) -> float:
        """How far from 0 its curves usually come: where a chart of them ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves(CurveFamily):
    """A family y = curve(x, parameters) of one x: every range among its settings but that of x is of a parameter, drawn uniformly.

    Its levels are measured on 10,000 tasks that are always the same, to about one per cent.
    """

    x: Interval = setting((-5.0, 5.0), "Range of the inputs, drawn uniformly.", low=-100.0, high=100.0)
    test_x: Interval | None = setting(None, TEST_RANGE.format("x", "x"), low=-100.0, high=100.0)
    noise_std: float = setting(0.0, "Standard deviation of Gaussian noise on every observed y.", low=0.0, high=100.0)

    def __init_subclass__(cls) -> None:
        taken = sorted(
            inspect.get_annotations(cls).keys() & (set(dir(Curves)) - {"x", "test_x", "noise_std", "called"})
        )
        if taken:
            raise TypeError(
                f"{cls.__name__}: a setting cannot be called {taken[0]}, which the base has; choose another name"
            )

    def __post_init__(self) -> None:
        check_fields(self)

    @abstractmethod
    def curve(self, *args: Any, **kwargs: Any) -> Numbers:
        """The function without noise: a family's own takes x and its parameters by their names.

        Args:
            args: x, the points of T tasks, [T, points]; then the parameters in the order of the settings, one of each task, [T, 1].
            kwargs: None.

        Returns:
            y, [T, points].
        """

    @property
    def parameter_ranges(self) -> tuple[Interval, ...]:
        """The ranges that parameters are drawn from."""
        hints = hints_of(type(self))
        names = [f.name for f in dataclasses.fields(self) if hints[f.name] == Interval and f.name != "x"]
        return tuple(getattr(self, name) for name in names)

    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """The parameters of each task, [T, P]."""
        ranges = np.array(self.parameter_ranges).reshape(-1, 2)
        parameters: Numbers = ranges[:, 0] + (ranges[:, 1] - ranges[:, 0]) * rng.random((num_tasks, len(ranges)))
        return parameters

    def values(self, parameters: Numbers, x: Numbers) -> Numbers:
        """The function at x [T, points, 1] of tasks given by their parameters [T, P]: [T, points, 1]."""
        return np.broadcast_to(self.curve(x[..., 0], *np.split(parameters, parameters.shape[1], axis=1)), x.shape[:2])[
            ..., None
        ]

    def zero_level(self) -> float:
        """Measured mean of y^2, with the noise's variance."""
        return _levels(self).zero

    def non_adapting_level(self) -> float:
        """Measured variance of y over tasks, mean over x, with the noise's variance: what the best common curve leaves."""
        return _levels(self).non_adapting

    def reach(self) -> float:
        """What 99 of 100 values of y stay below."""
        return _levels(self).reach


@lru_cache(maxsize=64)
def _levels(family: Curves) -> Measured:
    target: Callable[[Numbers, Numbers], Numbers] = family.values
    return measured(family.draw_parameters, target, family.x, family.noise_std)
