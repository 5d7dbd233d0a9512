"""How each chart looks: its traces, axes and reference lines, without any data.

Titles of traces use Plotly's ``<sub>``; the page reads the same text for its own legends. What stands in
``layout.meta`` is for the page: the card's title, a first subtitle and the palette.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, Literal

import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, area, layout, line, log_axis, points
from dashboard.charts.overlays import reference_levels
from dashboard.info import Learner, Level, Metric
from dashboard.theme import PALETTES, Palette, with_opacity

ChartId = Literal["loss", "fit", "images", "adaptation", "path", "layers", "gauge", "rates"]
CHARTS: tuple[ChartId, ...] = ("loss", "fit", "images", "adaptation", "path", "layers", "gauge", "rates")
LEARNERS: tuple[Learner, ...] = ("random", "joint", "scratch", "oracle", "maml")
"""In drawing order: the run lies on top."""

THETA_0, THETA_N = "θ<sub>0</sub>", "θ<sub>N</sub>"
NOT_DATA = "not data"
"""The `meta` of a trace that only guides the eye; the page leaves it out of tables and files."""
SHARES = [-0.03, 1.03]
"""The range of every accuracy axis, with room for a marker on its edge."""

TITLES: dict[ChartId, str] = {
    "loss": "Loss while meta-training",
    "fit": f"One new task: {THETA_0} against {THETA_N}",
    "images": "One new task",
    "adaptation": "Adapting to held-out tasks",
    "path": "Paths in weight space",
    "layers": "Does the body change?",
    "gauge": "Is α stable?",
    "rates": "Learned rates α",
}
HINTS: dict[ChartId, str] = {
    "loss": "The gap between before and after is what the inner steps gain from a start that adapts well.",
    "fit": "θ_0 fits no task; N gradient steps on the support points bend it onto this one.",
    "images": "θ_0 knows no class of this task; N gradient steps on the support images teach it these.",
    "adaptation": "After each inner step, from different starts.",
    "path": "Each thin line is one task's inner steps, all from the same θ_0.",
    "layers": "How far the inner steps move each layer, from the input to the head.",
    "gauge": "Above the line, inner steps overshoot.",
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


def figure(chart_id: ChartId, palette: Palette, looks: Looks) -> go.Figure:
    """The chart with all its traces, empty.

    Args:
        chart_id: One of `CHARTS`.
        palette: `theme.LIGHT` or `theme.DARK`.
        looks: Reference levels and axes of the task family in the metric shown.
    """
    match chart_id:
        case "loss":
            traces, axes = _loss_traces(palette, looks), _loss_axes(palette, looks)
        case "fit":
            traces, axes = _fit_traces(palette), _fit_axes(looks)
        case "images":  # the page draws it itself, on a canvas
            traces, axes = [], {}
        case "adaptation":
            traces, axes = _adaptation_traces(palette, looks), _adaptation_axes(looks)
        case "path":
            traces, axes = _path_traces(palette), _path_axes()
        case "layers":
            traces, axes = _layers_traces(palette), _layers_axes(palette)
        case "gauge":
            traces, axes = _gauge_traces(palette), _gauge_axes(palette)
        case "rates":
            traces, axes = _rates_traces(palette), _rates_axes(palette)
        case _:
            raise ValueError(f"chart_id is {chart_id!r}; expected one of {', '.join(CHARTS)}")
    drawn = go.Figure(data=traces, layout=layout(palette))
    title = TITLES[chart_id]
    if chart_id == "loss" and looks.metric == "accuracy":
        title = "Accuracy while meta-training"
    drawn.update_layout(meta={"title": title, "hint": HINTS[chart_id], "palette": dataclasses.asdict(palette)})
    return drawn.update_layout(**axes)


def figures_json(looks: Looks) -> dict[str, dict[str, Any]]:
    """Every figure as plain JSON values: ``{"light": {chart_id: figure}, "dark": {...}}``."""
    return {
        name: {chart_id: json.loads(figure(chart_id, palette, looks).to_json()) for chart_id in CHARTS}
        for name, palette in PALETTES.items()
    }


def _metric_axis(looks: Looks, title: str) -> dict[str, Any]:
    """The axis of losses or of accuracies."""
    if looks.metric == "loss":
        return log_axis(title, [-1.0, 1.0])
    return {
        "title": {"text": title},
        "range": SHARES,
        "tick0": 0,
        "dtick": 0.2,
        "tickformat": ".0%",
    }


def _hover(looks: Looks) -> str:
    return "%{y:.1%}" if looks.metric == "accuracy" else "%{y:.4g}"


# --- Loss -------------------------------------------------------------------------------------------------------------


def _loss_traces(palette: Palette, looks: Looks) -> list[go.Scatter]:
    number = _hover(looks)
    return [
        line("previous run", palette.ghost, 2, "dash", hoverinfo="skip"),
        *(
            line(
                f"previous run, {when}",
                palette.ghost,
                2,
                "dash",
                hoverinfo="skip",
                showlegend=False,
                legendgroup="previous run",
            )
            for when in ("before", "after")
        ),
        line("training, raw", palette.query_pale, 1, hoverinfo="skip"),
        line("training, smoothed", palette.query, 2.5, hovertemplate=number),
        line("held-out before", palette.theta_0, 2.5, hovertemplate=number),
        line("held-out after", palette.theta_N, 2.5, hovertemplate=number),
        # The newest point of the three curves above: where they are now, and all there is before the first outer step.
        go.Scatter(
            x=[],
            y=[],
            name="now",
            mode="markers",
            marker={
                "color": [palette.query, palette.theta_0, palette.theta_N],
                "size": 8,
                "line": {"color": palette.page, "width": 1},
            },
            hoverinfo="skip",
            showlegend=False,
            meta=NOT_DATA,
        ),
    ]


def _loss_axes(palette: Palette, looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {
            "title": {"text": "outer step"},
            "range": [0, 100],
            "tickformat": "~s",
            "hoverformat": ",d",
            "nticks": 7,
        },
        "yaxis": _metric_axis(looks, looks.axis_title),
        "hovermode": "x unified",
        "uirevision": looks.uirevision,
        # Room on the right for the reference levels' names, on top for the marks'.
        "margin": {"l": 58, "r": 104, "t": 20, "b": 40},
        **reference_levels(palette, looks.levels, looks.metric),
    }


# --- Fit --------------------------------------------------------------------------------------------------------------


def _fit_traces(palette: Palette) -> list[go.Scatter]:
    at = "(%{x:.3g}, %{y:.3g})"
    return [
        points("query", palette.query, 6, palette.page, opacity=0.55, hovertemplate=at),
        line("truth", palette.truth, 2, "dash", hoverinfo="skip"),
        line("between", with_opacity(palette.theta_N, 0.35), 1, hoverinfo="skip"),
        line(THETA_0, palette.theta_0, 2.5, hovertemplate=at),
        line(THETA_N, palette.theta_N, 2.5, hovertemplate=at),
        # The page fills it and colours it between theta_0 and theta_N.
        line("θ<sub>k</sub>", palette.theta_N, 4.5, hoverinfo="skip", showlegend=False),
        points("support", palette.support, 10, palette.text, hovertemplate=at),
    ]


def _fit_axes(looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "input x"}, "range": list(looks.x_range), "nticks": 11},
        "yaxis": {"title": {"text": "output y"}, "range": list(looks.y_range), "nticks": 7},
        "margin": {"l": 44, "r": 10, "t": 6, "b": 40},
    }


# --- Adaptation -------------------------------------------------------------------------------------------------------


def _learner_names(looks: Looks) -> dict[Learner, str]:
    """The run by its algorithm; the baselines that adapt say so where they do it by another rule."""
    plain = ", plain α" if looks.own_rule else ""
    return {
        "maml": f"{looks.algorithm}'s {THETA_0}",
        "joint": f"joint pretraining{plain}",
        "random": f"random start{plain}",
        "oracle": "oracle",
        "scratch": "from scratch",
    }


def _adaptation_traces(palette: Palette, looks: Looks) -> list[go.Scatter]:
    names = _learner_names(looks)
    colors: dict[Learner, str] = {
        "maml": palette.theta_N,
        "joint": palette.joint,
        "random": palette.random,
        "oracle": palette.oracle,
        "scratch": palette.scratch,
    }
    dashes: dict[Learner, str] = {
        "maml": "solid",
        "joint": "dash",
        "random": "dot",
        "oracle": "dashdot",
        "scratch": "longdash",
    }
    at_n = line("N", with_opacity(palette.muted, 0.6), 1, hoverinfo="skip", showlegend=False, meta=NOT_DATA)
    bands = [
        area(
            f"{names[learner]}, 95% CI",
            colors[learner],
            0.2,
            legendgroup=names[learner],
            showlegend=False,
        )
        for learner in LEARNERS
    ]
    means = [
        line(
            names[learner],
            colors[learner],
            3 if learner == "maml" else 2.5,
            dashes[learner],
            hovertemplate=_hover(looks),
            showlegend=learner in looks.learners,
        )
        for learner in LEARNERS
    ]
    return [at_n, *bands, *means]


def _adaptation_axes(looks: Looks) -> dict[str, Any]:
    title = f"inner step ({looks.own_rule})" if looks.own_rule else "inner step"
    return {
        "xaxis": {
            "title": {"text": title},
            "range": [-0.2, 10.2],
            "tick0": 0,
            "dtick": math.ceil(max(looks.evaluation_steps, 1) / 10),
            "tickformat": "d",
        },
        "yaxis": _metric_axis(looks, f"held-out {looks.axis_title}"),
        "hovermode": "x unified",
        "uirevision": looks.uirevision,
        "margin": {"l": 58, "r": 12, "t": 8, "b": 40},
    }


# --- Path -------------------------------------------------------------------------------------------------------------


def _path_traces(palette: Palette) -> list[go.Scatter]:
    return [
        line(f"trail of {THETA_0}", with_opacity(palette.theta_0, 0.55), 2, hoverinfo="skip"),
        line("inner steps", with_opacity(palette.theta_N, 0.6), 1.5, hoverinfo="skip"),
        points(THETA_N, palette.theta_N, 7, palette.page, hovertemplate="(%{x:.3g}, %{y:.3g})"),
        points(THETA_0, palette.theta_0, 12, palette.page, hovertemplate="(%{x:.3g}, %{y:.3g})"),
    ]


def _path_axes() -> dict[str, Any]:
    # Ticks without numbers: a direction of weight space has no unit worth reading. Equal scales: lengths compare.
    bare = {"showticklabels": False, "ticks": "", "nticks": 6, "range": [-1, 1]}
    return {
        "xaxis": {**bare, "title": {"text": "main direction", "standoff": 4}},
        "yaxis": {**bare, "title": {"text": "second direction", "standoff": 4}, "scaleanchor": "x"},
        "margin": {"l": 26, "r": 8, "t": 8, "b": 26},
    }


# --- Layers -----------------------------------------------------------------------------------------------------------


def _layers_traces(palette: Palette) -> list[go.Scatter]:
    hover = "%{y:.3g}<extra></extra>"
    band = with_opacity(palette.theta_N, 0.3)
    return [
        line("10–90% of tasks", band, 5, hoverinfo="skip"),
        line("inner steps", with_opacity(palette.theta_N, 0.6), 1.5, hovertemplate=f"θ<sub>k</sub>: {hover}"),
        points(THETA_N, palette.theta_N, 9, palette.page, hovertemplate=f"{THETA_N}: {hover}"),
        points(THETA_0, palette.theta_0, 9, palette.page, hoverinfo="skip"),
    ]


def _layers_axes(palette: Palette) -> dict[str, Any]:
    # Not a log axis: that a layer does not move at all is an answer too.
    return {
        "xaxis": _columns("layer"),
        "yaxis": {
            "title": {"text": "distance from θ<sub>0</sub> / its length"},
            "range": [-0.004, 0.1],
            "nticks": 6,
            "tickformat": "~g",
            "zeroline": True,
            "zerolinecolor": palette.muted,
            "zerolinewidth": 1,
        },
        "margin": {"l": 62, "r": 8, "t": 8, "b": 44},
    }


def _columns(title: str) -> dict[str, Any]:
    """Columns of one unit each; their names stand under them and come with the layout of a run."""
    ticks = {"showticklabels": False, "ticks": "", "tickmode": "linear", "tick0": 0, "dtick": 1, "range": [0, 1]}
    return {**ticks, "title": {"text": title, "standoff": 22}}


# --- Gauge ------------------------------------------------------------------------------------------------------------


def _zones(palette: Palette) -> list[go.Scatter]:
    """Step sizes that are stable, that overshoot on some tasks, and on nearly all; and the limit on the median task."""
    return [
        area("stable", palette.stable, 0.22, showlegend=False),
        area("10–90% of tasks", palette.caution, 0.38),
        area("overshoots", palette.unstable, 0.3, showlegend=False),
        line("2/λ<sub>max</sub>", palette.unstable, 3, hovertemplate="2/λ<sub>max</sub> = %{y:.3g}<extra></extra>"),
    ]


def _gauge_traces(palette: Palette) -> list[go.Scatter]:
    outline = {"color": palette.page, "width": 1.5}
    return [
        *_zones(palette),
        line("α", palette.text, 2, hoverinfo="skip", showlegend=False, meta=NOT_DATA),
        go.Scatter(
            x=[],
            y=[],
            name="α",
            mode="markers+text",
            marker={"color": palette.text, "size": 13, "symbol": "diamond", "line": outline},
            text=["<b>α</b>"],
            textposition="bottom center",
            textfont={"color": palette.text},
            hovertemplate="α = %{y:.3g}<extra></extra>",
            showlegend=False,
        ),
    ]


def _gauge_axes(palette: Palette) -> dict[str, Any]:
    zone = {"xref": "paper", "x": 0.5, "xanchor": "center", "yref": "paper", "showarrow": False}
    axis = log_axis("", [-4.0, 1.0])
    decades = slice(None, None, 2)  # no 0.3, 3, ...: the scale is long and the chart slim
    return {
        "xaxis": {"visible": False, "range": [0, 1], "fixedrange": True},
        "yaxis": {**axis, "tickvals": axis["tickvals"][decades], "ticktext": axis["ticktext"][decades]},
        "annotations": [
            {**zone, "text": "steps overshoot", "y": 0.99, "yanchor": "top", "font": {"color": palette.text}},
            {**zone, "text": "stable", "y": 0.01, "yanchor": "bottom", "font": {"color": palette.text}},
        ],
        "margin": {"l": 46, "r": 6, "t": 8, "b": 10},
    }


# --- Learned rates ----------------------------------------------------------------------------------------------------


def _rates_traces(palette: Palette) -> list[go.Scatter]:
    hover = "%{y:.3g}<extra></extra>"
    return [
        *(zone.update(showlegend=False) for zone in _zones(palette)[:3]),
        _zones(palette)[3],
        line("α at the start", palette.muted, 2, "dash", hovertemplate=f"start: {hover}"),
        line("10–90% of a tensor", with_opacity(palette.text, 0.35), 5, hoverinfo="skip", showlegend=False),
        line("step to step", palette.text, 1.5, hoverinfo="skip", showlegend=False, legendgroup="learned rate"),
        points("learned rate", palette.text, 7, palette.page, hovertemplate=f"rate: {hover}"),
    ]


def _rates_axes(palette: Palette) -> dict[str, Any]:
    return {
        "xaxis": _columns("parameter tensor"),
        "yaxis": {
            "title": {"text": "inner step size"},
            "range": [0, 0.1],
            "nticks": 6,
            "zeroline": True,
            "zerolinecolor": palette.muted,
            "zerolinewidth": 1,
        },
        "margin": {"l": 62, "r": 8, "t": 8, "b": 44},
    }
