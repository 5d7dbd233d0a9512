"""What a figure depends on: the charts and their titles, the task family, and the metric that the curves show."""

from __future__ import annotations

import dataclasses
from typing import Literal

from dashboard.charts.basics import UIREVISION
from dashboard.info import Learner, Level, Metric

ChartId = Literal["loss", "fit", "images", "adaptation", "path", "layers", "gauge", "rates"]
CHARTS: tuple[ChartId, ...] = ("loss", "fit", "images", "adaptation", "path", "layers", "gauge", "rates")
LEARNERS: tuple[Learner, ...] = ("random", "joint", "scratch", "oracle", "maml")
"""In drawing order: the run lies on top."""

THETA_0, THETA_N = "θ<sub>0</sub>", "θ<sub>N</sub>"
NOT_DATA = "not data"
"""The `meta` of a trace that only guides the eye; the page leaves it out of tables and files."""
ONCE_THERE = "once there"
"""The `meta` of a trace that the legend names only while it has points."""
SHARES = [-0.03, 1.03]
"""The range of every accuracy axis, with room for a marker on its edge."""

TITLES: dict[ChartId, str] = {
    "loss": "Loss while meta-training",
    "fit": f"One new task: {THETA_0} against {THETA_N}",
    "images": "One new task",
    "adaptation": "Adapting to held-out tasks",
    "path": "Paths in weight space",
    "layers": "Does the body change?",
    "gauge": "Is α too large?",
    "rates": "Learned rates α",
}
HINTS: dict[ChartId, str] = {
    "loss": "The gap between before and after is what the inner steps gain from a start that adapts well.",
    "fit": "θ_0 fits no task; N gradient steps on the support points bend it onto this one.",
    "images": "θ_0 knows no class of this task; N gradient steps on the support images teach it these.",
    "adaptation": "After each inner step, from different starts.",
    "path": "Each thin line is one task's inner steps, all from the same θ_0.",
    "layers": "How far the inner steps move each layer, from the input to the head.",
    "gauge": "Above the line a quadratic overshoots.",
    "rates": "One column a parameter tensor, in it the inner steps from left to right.",
}


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
    own_rule: str = ""
    """How the run adapts where that is not by plain steps of alpha, as the baselines do."""

    @property
    def axis_title(self) -> str:
        """What the curves measure."""
        return "query accuracy" if self.metric == "accuracy" else f"query loss ({self.loss_name})"

    @property
    def uirevision(self) -> str:
        """Of charts that show the metric: a zoom into losses says nothing of accuracies."""
        return UIREVISION if self.metric == "loss" else f"{UIREVISION} {self.metric}"
