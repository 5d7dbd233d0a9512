"""The axes that the page offers, and where their values lie on a chart. Nothing here imports streamlit or plotly."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from dashboard.setups.setting_names import symbol, title
from maml_core.config import ALIASES, ConvConfig, GlyphsConfig, RunConfig
from maml_core.records import Numbers
from maml_core.sweeps.axes import Axis, Value, axis_names
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.tables import axis_values
from maml_core.traits import TRAITS

Scale = Literal["log", "linear", "names"]

_WIDEN = 0.5
"""What stands at the edge of a chart, in steps of its axis."""


_REACH = 10.0
"""How far a range reaches beyond a base's own value, as a factor, where the usual range does not have it."""

_ROOM = 0.05
"""Beside the outermost points of a chart, as a share of its length."""


class Offer(NamedTuple):
    """A field of the set-up that the page can sweep."""

    name: str
    start: str
    """What its form begins with: ``low, high, points`` of a range, or a list of values."""
    is_range: bool = False
    """A range on a logarithmic scale; otherwise values are listed."""
    choices: tuple[str, ...] = ()
    """All values that there are, where these are words."""

    @property
    def label(self) -> str:
        """What it is called in the form."""
        return title(self.name)

    @property
    def symbol(self) -> str:
        """What it is called where there is little room."""
        return symbol(self.name)


_SHARED = (
    Offer("alpha", "0.003, 0.3, 8", is_range=True),
    Offer("beta", "0.0003, 0.03, 8", is_range=True),
    Offer("num_inner_steps", "1, 3, 5"),
    Offer("shots", "5, 10, 20"),
    Offer("meta_batch_size", "5, 10, 25"),
    Offer("num_training_tasks", "3, 10, 30, 100"),
    Offer("clip_norm", "1, 10, 100"),
    Offer(
        "algorithm",
        "maml, fomaml, anil",
        choices=(*TRAITS, *ALIASES),
    ),
    Offer("order", "second, first", choices=("second", "first")),
    Offer("outer_optimizer", "adam, sgd", choices=("adam", "sgd")),
)
_FILTERS = Offer("model.num_filters", "8, 16, 32")
_WIDTH = Offer("model.hidden_widths", "20, 40, 80")
_DIFFICULTY = Offer("tasks.difficulty", "0.25, 0.5, 0.75")
_HEAD = Offer("head", "learned, shared, zeroed", choices=("learned", "shared", "zeroed"))
_LABELS = Offer("tasks.labels", "shuffled, fixed", choices=("shuffled", "fixed"))
_NOISE = Offer("tasks.noise_std", "0, 0.5, 1")


def offers(base: RunConfig) -> tuple[Offer, ...]:
    """The axes that a base set-up has."""
    width = _FILTERS if isinstance(base.model, ConvConfig) else _WIDTH
    tasks = (
        *((_DIFFICULTY,) if isinstance(base.tasks, GlyphsConfig) else ()),
        *((_LABELS, _HEAD) if base.classifies else (_NOISE,)),
    )
    there = axis_names(base)
    return tuple(_around(offer, base) for offer in (*_SHARED[:6], width, *_SHARED[6:], *tasks) if offer.name in there)


def _around(offer: Offer, base: RunConfig) -> Offer:
    """A range that has the base's own value in it: images learn with alpha 0.8, where sinusoids have long diverged."""
    if not offer.is_range:
        return offer
    low, high, points = offer.start.split(", ")
    own = getattr(base, offer.name)
    if 0.0 < own < float(low):
        low = f"{own / _REACH:.2g}"
    elif own > float(high):
        high = f"{own * _REACH:.2g}"
    return offer._replace(start=f"{low}, {high}, {points}")


_ALL = {offer.name: offer for offer in (*_SHARED, _FILTERS, _WIDTH, _DIFFICULTY, _LABELS, _HEAD, _NOISE)}


def is_offer(name: str) -> bool:
    """Whether some base has an axis of this name."""
    return name in _ALL


def offer_of(name: str) -> Offer:
    """The axis of this name, of whatever base has it."""
    return _ALL[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisInfo:
    """An axis of a chart: the values that occur on it, and where they lie."""

    name: str
    scale: Scale
    values: tuple[Value, ...]
    """Each once: numbers by size, words in the order in which the sweep names them."""
    places: Numbers
    """Where they lie, [V]: logarithms to base 10 of a log axis, numbers of a linear one, else 0, 1, 2, ..."""
    _at: Mapping[Value, float] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_at", dict(zip(self.values, self.places.tolist(), strict=True)))

    @property
    def title(self) -> str:
        """Under the chart."""
        return title(self.name)

    @property
    def edges(self) -> Numbers:
        """Where a cell ends and the next begins, [V + 1]; around 0 before a sampler has drawn a value."""
        if len(self.places) < 2:
            only = self.places[0] if len(self.places) else 0.0
            return np.array([only - _WIDEN, only + _WIDEN])
        between = (self.places[1:] + self.places[:-1]) / 2.0
        first = 2.0 * self.places[0] - between[0]
        last = 2.0 * self.places[-1] - between[-1]
        return np.concatenate([[first], between, [last]])

    def span(self, *, is_grid: bool) -> tuple[float, float]:
        """What a chart of this axis shows: from edge to edge of a grid's cells; around points, with room for a marker on the outermost."""
        if is_grid or not len(self.places):
            return float(self.edges[0]), float(self.edges[-1])
        room = _ROOM * (float(self.places[-1] - self.places[0]) or 1.0)
        return float(self.places[0]) - room, float(self.places[-1]) + room

    def place(self, value: Value) -> float:
        """Where one of the values lies.

        Raises:
            ValueError: It is none of them.
        """
        if value not in self._at:
            raise ValueError(f"{value!r} is no value of {self.name}")
        return self._at[value]

    def place_of(self, number: float) -> float:
        """Where a number lies that need not be one of the values; NaN where it has no place."""
        if not math.isfinite(number) or (self.scale == "names" and not all(_is_number(v) for v in self.values)):
            return math.nan
        if self.scale == "log":
            return math.log10(number) if number > 0.0 else math.nan
        if self.scale == "linear":
            return number
        numbers = np.array([float(v) for v in self.values if isinstance(v, int | float) and _is_number(v)])
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
    values = axis_values(axis, results)
    numbers = all(_is_number(value) for value in values)
    places = np.arange(len(values), dtype=float)
    scale: Scale = "names"
    if numbers and axis.log and all(float(v) > 0.0 for v in values):  # type: ignore[arg-type]
        scale, places = "log", np.log10(np.array(values, dtype=float))
    elif numbers and not axis.values:
        scale, places = "linear", np.array(values, dtype=float)
    return AxisInfo(name=axis.name, scale=scale, values=values, places=places)
