"""What a figure of the live page depends on: the task family, and the metric that the curves show; and the names and marks that charts share."""

from __future__ import annotations

import dataclasses
from typing import Any

import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, line, log_axis
from dashboard.charts.names import SECOND
from dashboard.charts.results import Learner, Level, Metric
from dashboard.theme import Palette

LEARNERS: tuple[Learner, ...] = ("random", "joint", "scratch", "oracle", "maml")
"""In drawing order: the run lies on top."""

NOT_DATA = "not data"
"""The `meta` of a trace that only guides the eye; the page leaves it out of tables and files."""
ONCE_THERE = "once there"
"""The `meta` of a trace that the legend names only while it has points, behind all others."""
MOSTLY_THERE = "mostly there"
"""The same of one that seldom has none: its place among the others is kept."""
SHARES = [-0.03, 1.03]
"""The range of every accuracy axis, with room for a marker on its edge."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What the looks depend on: the task family, and the metric that the curves show. A new one means new figures."""

    metric: Metric = "loss"
    levels: tuple[Level, ...] = ()
    """Lines across the curves, in this metric."""
    x_range: tuple[float, float] = (-5.0, 5.0)
    """Inputs of the fit chart."""
    y_range: tuple[float, float] = (-5.5, 5.5)
    """Outputs of the fit chart."""
    loss_name: str = "MSE"
    learners: frozenset[Learner] = frozenset({"maml", "joint", "random"})
    """Whose adaptation the legend names."""
    algorithm: str = "MAML"
    """What the run's own trajectory is called."""
    evaluation_steps: int = 10
    """Inner steps of the adaptation chart."""
    since: tuple[tuple[Learner, int], ...] = ()
    """The outer steps at which baselines began that were switched on while the run trained."""
    own_rule: str = ""
    """How the run adapts where that is not by plain steps of alpha, as the baselines do."""
    beside: str = ""
    """What the run that it is compared with is called; empty where there is none."""

    def second(self, palette: Palette) -> go.Scatter:
        """The line of a run that this one is compared with, empty."""
        name = f"{SECOND}: {self.beside}" if self.beside else SECOND
        return line(name, palette.beside, 2.5, "longdashdot", hovertemplate=self.hover, showlegend=bool(self.beside))

    @property
    def axis_title(self) -> str:
        """What the curves measure."""
        return "query accuracy" if self.metric == "accuracy" else f"query loss ({self.loss_name})"

    @property
    def uirevision(self) -> str:
        """Revision of charts that show the metric: a zoom into losses says nothing of accuracies."""
        return UIREVISION if self.metric == "loss" else f"{UIREVISION} {self.metric}"

    @property
    def hover(self) -> str:
        """A value of the metric under the pointer, as Plotly's template."""
        return "%{y:.1%}" if self.metric == "accuracy" else "%{y:.4g}"

    def metric_axis(self, title: str) -> dict[str, Any]:
        """The axis of losses or of accuracies."""
        if self.metric == "loss":
            return log_axis(title, [-1.0, 1.0])
        return {
            "title": {"text": title},
            "range": SHARES,
            "tick0": 0,
            "dtick": 0.2,
            "tickformat": ".0%",
        }
