"""What comes into the charts of a live run: everything that was seen of it, as plain frozen numpy records of the engine and of the run.

Nothing here draws and nothing here knows streamlit, plotly or torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from maml_core.analysis_records import OneStep
from maml_core.config import RunConfig
from maml_core.planes import Trail
from maml_core.records import (
    Curvature,
    Fit,
    InnerDescent,
    InnerPaths,
    LayerMoves,
    LearnedRates,
    Levels,
    Plane,
    Summary,
)

Array = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]
Learner = Literal["maml", "random", "joint", "oracle", "scratch"]
Metric = Literal["accuracy", "loss"]
"""What the curves show: the share of right predictions, 0..1, which only tasks of classes have, or the query loss."""


def _empty() -> Array:
    return np.empty(0, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A change of the set-up while training, drawn as a thin line on the loss curves."""

    step: int
    """Outer step from which the change acts."""
    text: str
    """For example ``alpha 0.01 -> 0.1``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """What a predictor that learns nothing reaches, drawn as a thin line across the curves."""

    name: str
    value: float
    meaning: str
    """In a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """The curves of one run in one metric. Every loss is positive, every accuracy 0..1, or NaN (which leaves a gap)."""

    steps: Array = field(default_factory=_empty)
    """Outer steps of `raw`, shape [n] (decimated: a bucket gives its smallest and its largest value)."""
    raw: Array = field(default_factory=_empty)
    """Training query points after adaptation, shape [n]."""
    smoothed_steps: Array = field(default_factory=_empty)
    smoothed: Array = field(default_factory=_empty)
    """Exponential moving average of `raw` before it was decimated, shape [m]."""
    held_out_steps: Array = field(default_factory=_empty)
    before: Array = field(default_factory=_empty)
    """Held-out query points before adaptation (inner step 0), mean over tasks, shape [h]."""
    after: Array = field(default_factory=_empty)
    """Held-out query points after N inner steps, mean over tasks, shape [h]."""


GHOST_PLACES = 4
"""Runs before the one that is there which are drawn beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghost:
    """A run before the one that is there."""

    number: int
    """What the page calls it by, from 1."""
    place: int
    """Its line among those that a chart has for ghosts, 0 to `GHOST_PLACES` - 1."""
    curves: Curves
    """Without the raw line."""
    adapted: Array = field(default_factory=_empty)
    """Held-out query loss, or accuracy, after each inner step, mean over tasks, shape [E + 1]; empty where it was never looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A second run beside this one, with one thing changed."""

    curves: Curves
    adapted: Summary | None
    """Its held-out tasks against the inner step; None before it was judged."""
    fit: Fit | None
    """What it makes of the task that is shown."""
    num_inner_steps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What the newest outer step shows, beside an earlier one."""

    num_inner_steps: int
    fit: Fit | None = None
    trajectories: Mapping[str, Summary] = field(default_factory=dict)


ApartKind = Literal["tasks", "inner", "query", "back", "mean", "update"]
"""A stage of an outer step that is taken apart; also what the page's formulas light for it."""


class TakenApart(NamedTuple):
    """The next outer step of the run, taken apart, and where somebody stands in it."""

    step: OneStep
    kind: ApartKind
    k: int
    """Inner step that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgePoint:
    """What the gauge showed at one outer step."""

    step: int
    alpha: float
    curvature: Curvature


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look of the engine's has found that one viewer alone has open."""

    name: str
    """One of `maml_core.analysis.looks.LOOKS`."""
    found: Any
    """Its record."""
    step: int
    """Outer step of the theta_0 that was looked at."""
    config: RunConfig
    """Set-up that held there."""
    is_earlier: bool = False
    """Whether somebody travelled there."""
    draw: int = 0
    """Number of the draw of the demonstration task, of a look at one task."""
    past: tuple[tuple[int, Any], ...] = ()
    """What earlier looks have found, each with its outer step, for a chart that shows them."""


class SecondLook(NamedTuple):
    """A closer look that stands in the place of the held-out tasks."""

    chart: str
    """By its id."""
    looked: Looked | None
    """What was found for it; None before there is anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What was last seen of a run, in the metric shown; what was not looked at is None or empty."""

    config: RunConfig
    """Set-up that is asked for by now."""
    computed: RunConfig
    """Set-up that the newest results were computed with."""
    metric: Metric = "loss"
    weights_chart: str = "path"
    """Which of the charts that share one place is shown there, by its id: ``path``, ``layers`` or a closer look."""
    withheld: frozenset[str] = frozenset()
    """Measures of a lesson that its charts leave out until what is asked was answered."""
    levels: Levels | None = None
    curves: Curves = field(default_factory=Curves)
    ghosts: tuple[Ghost, ...] = ()
    """The runs before this one that its viewer sees, the newest last."""
    beside: Beside | None = None
    """A run that it is compared with."""
    marks: tuple[Mark, ...] = ()
    then: int | None = None
    """The earlier outer step that everything below was seen at; None for now."""
    now: Now | None = None
    """What to compare it with; None where it is now."""
    apart: TakenApart | None = None
    """Where somebody goes through the next outer step: then the fit and the paths are of its tasks."""
    fit: Fit | None = None
    trajectories: Mapping[str, Summary] = field(default_factory=dict)
    """Held-out tasks against the inner step, by learner."""
    paths: InnerPaths | None = None
    plane: Plane | None = None
    """In which the paths are drawn."""
    trail: Trail = field(default_factory=Trail)
    """Where theta_0 has been, oldest first."""
    moves: LayerMoves | None = None
    curvature: Curvature | None = None
    curvature_at: int | None = None
    """Outer step that this is of, where it stands in for that of `then`, which is being computed; None otherwise."""
    descent: InnerDescent | None = None
    rates: LearnedRates | None = None
    edge: Sequence[EdgePoint] = ()
    """The gauge's history, oldest first."""
    looked: Looked | None = None
    """What was found for the closer look in that place; None before there is anything."""
    second: SecondLook | None = None
    """A closer look beside that; None where the held-out tasks are shown."""

    def for_chart(self, chart: str) -> Results:
        """The same for one of the charts: the second closer look is made as the first one is."""
        if self.second is None or self.second.chart != chart:
            return self
        return replace(self, weights_chart=chart, looked=self.second.looked, second=None)

    @property
    def shown(self) -> RunConfig:
        """Set-up of the outer step that is shown: of an earlier one that which held there, of now that which is asked for."""
        return self.config if self.then is None else self.computed
