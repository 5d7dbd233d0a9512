"""The axes that the page offers, and where their values lie on a chart. Nothing here imports streamlit or plotly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from dashboard.info import Array
from maml_core.config import ConvConfig, GlyphsConfig, RunConfig
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.space import Axis, Value

Scale = Literal["log", "linear", "names"]

_WIDEN = 0.5
"""What stands at the edge of a chart, in steps of its axis."""


class Offer(NamedTuple):
    """A field of the set-up that the page can sweep."""

    name: str
    symbol: str
    """Short, for axis titles and tables."""
    label: str
    start: str
    """What its form begins with: ``low, high, points`` of a range, or a list of values."""
    is_range: bool = False
    """A range on a logarithmic scale; otherwise values are listed."""
    choices: tuple[str, ...] = ()
    """All values that there are, where these are words."""


_SHARED = (
    Offer("alpha", "α", "α (inner step size)", "0.003, 0.3, 8", is_range=True),
    Offer("beta", "β", "β (outer step size)", "0.0003, 0.03, 8", is_range=True),
    Offer("num_inner_steps", "N", "N (inner steps)", "1, 3, 5"),
    Offer("shots", "shots", "Shots", "5, 10, 20"),
    Offer("meta_batch_size", "tasks", "Tasks / step", "5, 10, 25"),
    Offer("clip_norm", "clip norm", "Clip norm", "1, 10, 100"),
    Offer(
        "algorithm",
        "algorithm",
        "Algorithm",
        "maml, fomaml, anil",
        choices=("maml", "fomaml", "anil", "meta_sgd", "meta_curvature", "reptile", "imaml"),
    ),
    Offer("order", "order", "Order", "second, first", choices=("second", "first")),
    Offer("outer_optimizer", "optimiser", "Outer optimiser", "adam, sgd", choices=("adam", "sgd")),
)
_FILTERS = Offer("model.num_filters", "filters", "Filters", "8, 16, 32")
_WIDTH = Offer("model.hidden_widths", "widths", "Hidden widths", "20, 40, 80")
_DIFFICULTY = Offer("tasks.difficulty", "difficulty", "Difficulty", "0.25, 0.5, 0.75")
_NOISE = Offer("tasks.noise_std", "noise", "Noise", "0, 0.5, 1")


def offers(base: RunConfig) -> tuple[Offer, ...]:
    """The axes that a base set-up has."""
    width = _FILTERS if isinstance(base.model, ConvConfig) else _WIDTH
    tasks = (_DIFFICULTY,) if isinstance(base.tasks, GlyphsConfig) else () if base.classifies else (_NOISE,)
    return (*_SHARED[:5], width, *_SHARED[5:], *tasks)


_ALL = {offer.name: offer for offer in (*_SHARED, _FILTERS, _WIDTH, _DIFFICULTY, _NOISE)}


def offer_of(name: str) -> Offer:
    """The axis of this name, of whatever base has it."""
    return _ALL[name]


def symbol(name: str) -> str:
    """How an axis is called where there is little room.

    >>> symbol("alpha"), symbol("tasks.ways")
    ('α', 'ways')
    """
    return _ALL[name].symbol if name in _ALL else name.rpartition(".")[2].replace("_", " ")


def title(name: str) -> str:
    """How an axis is called under a chart.

    >>> title("num_inner_steps"), title("tasks.ways")
    ('N (inner steps)', 'ways')
    """
    return _ALL[name].label if name in _ALL else symbol(name)


def words(value: Value) -> str:
    """A value as it is read: four digits are enough to tell settings apart.

    >>> [words(value) for value in (0.00316227, 40, "anil", None, True)]
    ['0.003162', '40', 'anil', 'off', 'yes']
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "off" if value is None else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisInfo:
    """An axis of a chart: the values that occur on it, and where they lie."""

    name: str
    scale: Scale
    values: tuple[Value, ...]
    """Each once: numbers by size, words in the order in which the sweep names them."""
    places: Array
    """Where they lie, [V]: logarithms to base 10 of a log axis, numbers of a linear one, else 0, 1, 2, ..."""

    @property
    def title(self) -> str:
        """Under the chart."""
        return title(self.name)

    @property
    def edges(self) -> Array:
        """Where a cell ends and the next begins, [V + 1]; around 0 before a sampler has drawn a value."""
        if len(self.places) < 2:
            only = self.places[0] if len(self.places) else 0.0
            return np.array([only - _WIDEN, only + _WIDEN])
        between = (self.places[1:] + self.places[:-1]) / 2.0
        first = 2.0 * self.places[0] - between[0]
        last = 2.0 * self.places[-1] - between[-1]
        return np.concatenate([[first], between, [last]])

    def place(self, value: Value) -> float:
        """Where one of the values lies.

        Raises:
            ValueError: It is none of them.
        """
        return float(self.places[self.values.index(value)])

    def place_of(self, number: float) -> float:
        """Where a number lies that need not be one of the values; NaN where it has no place."""
        if not math.isfinite(number) or (self.scale == "names" and not all(_is_number(v) for v in self.values)):
            return math.nan
        if self.scale == "log":
            return math.log10(number) if number > 0.0 else math.nan
        if self.scale == "linear":
            return number
        numbers = np.array([float(v) for v in self.values if _is_number(v)])
        inside = len(numbers) > 1 and numbers[0] <= number <= numbers[-1]
        return float(np.interp(number, numbers, self.places)) if inside else math.nan


def _is_number(value: Value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def axis_info(axis: Axis, results: Iterable[SettingResult]) -> AxisInfo:
    """An axis of a sweep as a chart shows it.

    Args:
        axis: Listed values have a place of their own each; a range that is drawn from is a scale of numbers.
        results: Whose values occur, where the axis lists none.
    """
    values: Sequence[Value] = axis.values or sorted({r.values[axis.name] for r in results if axis.name in r.values})  # type: ignore[type-var]
    numbers = all(_is_number(value) for value in values)
    if numbers:
        values = sorted(values)  # type: ignore[type-var]
    places = np.arange(len(values), dtype=float)
    scale: Scale = "names"
    if numbers and axis.log and all(float(v) > 0.0 for v in values):  # type: ignore[arg-type]
        scale, places = "log", np.log10(np.array(values, dtype=float))
    elif numbers and not axis.values:
        scale, places = "linear", np.array(values, dtype=float)
    return AxisInfo(name=axis.name, scale=scale, values=tuple(values), places=places)
