"""Closer look: the shape of the loss around theta_0, in the plane of one task's inner path; for that task and for several, before and after adaptation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line, points
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, is_chosen, looked
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.names import START
from dashboard.charts.phrases import measured, number, percent, tasks
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, Update, float32
from dashboard.charts.style import Looks
from dashboard.theme import Palette
from maml_core.analysis_records import LossPlane

PANELS = {"support": "1 task, examples", "before": "all, before", "after": "all, after"}
"""The pictures side by side, and what is said over each."""
_APART = 2.2
"""Between the middles of two of them; each is 2 wide and high."""
STEEP = 30.0
"""What costs more than so many times the loss at theta_0 has one colour."""
_SMALL_SHARE = 0.5
"""Share of the path: a plane that holds less shows little of it."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LandscapeInfo:
    """Losses over a square around theta_0, whose sides are from -1 to 1."""

    axis: Array
    """Coordinates of the columns, and of the rows, [G]."""
    losses: Mapping[str, Array]
    """By panel, [G, G]; inf or NaN where a loss is not finite."""
    path: Array
    """Shadow of the task's theta_0..theta_N, [N + 1, 2]."""
    explained: float
    """Share of the path's squared length that lies in the plane, 0..1."""
    at_theta_0: Mapping[str, float]
    """The losses at theta_0."""
    num_tasks: int
    """Tasks of the means."""


def landscape_info(of: Results) -> LandscapeInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "landscape", "loss_plane")
    return None if found is None else landscape_of(found.found)


def landscape_of(plane: LossPlane) -> LandscapeInfo:
    """The record of what a look has found."""
    reach = float(plane.axis[-1]) or 1.0
    middle = len(plane.axis) // 2
    losses = {"support": plane.support_loss, "before": plane.mean_query_loss, "after": plane.mean_query_loss_after}
    return LandscapeInfo(
        axis=plane.axis / reach,
        losses=losses,
        path=plane.path / reach,
        explained=plane.explained,
        at_theta_0={name: float(loss[middle, middle]) for name, loss in losses.items()},
        num_tasks=plane.num_tasks,
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, looks: Looks) -> dict[str, Any]:
    return pictures(palette, f"log<sub>10</sub> {looks.loss_name}")


def pictures(palette: Palette, shade: str) -> dict[str, Any]:
    """A picture a panel, theta_0 in each, and the path in the first. Shades are explained by a word."""
    surfaces = {
        name: go.Heatmap(
            x=[],
            y=[],
            z=[],
            coloraxis="coloraxis",
            zsmooth="best",
            name=label,
            showlegend=False,
            hovertemplate=f"{shade} %{{z:.2f}}<extra>{label}</extra>",
        )
        for name, label in PANELS.items()
    }
    return {
        **surfaces,
        "path": line("inner steps", palette.theta_N, 2.5, hoverinfo="skip"),
        "theta_0": points(START, palette.theta_0, 9, palette.page, "square", hoverinfo="skip"),
    }


def panel_axes(palette: Palette, _looks: Looks) -> dict[str, Any]:
    """Three squares in a row. The better, the darker, in steps: their edges are lines of equal loss."""
    bare = {"visible": False, "fixedrange": True}
    count = len(palette.best_to_worst)
    scale = [[end / count, color] for at, color in enumerate(palette.best_to_worst) for end in (at, at + 1)]
    names = [
        {
            "text": label,
            "x": place,
            "y": 1.04,
            "yanchor": "bottom",
            "showarrow": False,
            "font": {"color": palette.muted},
        }
        for label, place in zip(PANELS.values(), middles(_APART), strict=True)
    ]
    return {
        "xaxis": {**bare, "range": [-3.25, 3.25]},
        "yaxis": {**bare, "range": [-1.05, 1.4], "scaleanchor": "x"},
        "coloraxis": {"colorscale": scale, "showscale": False},
        "annotations": names,
        "margin": {"l": 4, "r": 4, "t": 2, "b": 2},
    }


def middles(apart: float) -> tuple[float, ...]:
    """Where the panels' middles lie along x, so far apart."""
    return tuple(apart * (at - (len(PANELS) - 1) / 2) for at in range(len(PANELS)))


# --- Numbers ----------------------------------------------------------------------------------------------------------


def panel_lines(info: LandscapeInfo) -> dict[str, Line]:
    """Where the panels, the path and theta_0 lie: the cells of a panel end at 1, and touch neither the next panel nor its own name."""
    places = middles(_APART)
    smaller = 1.0 / (1.0 + 1.0 / max(len(info.axis) - 1, 1))  # by half a cell on each side
    axis = smaller * info.axis
    found: dict[str, Line] = {name: (axis + middle, axis) for name, middle in zip(PANELS, places, strict=True)}
    inside = smaller * np.where(np.abs(info.path).max(axis=1, keepdims=True) <= 1.0, info.path, np.nan)
    found["path"] = (inside[:, 0] + places[0], inside[:, 1])
    found["theta_0"] = (places, [0.0] * len(places))
    return found


def log_losses(info: LandscapeInfo) -> dict[str, Array]:
    """log10 of the losses by panel, [G, G]; what is much worse than theta_0 is all alike."""
    known = [value for value in info.at_theta_0.values() if np.isfinite(value) and value > 0.0]
    most = STEEP * max(known, default=1.0)
    return {name: np.log10(np.clip(loss, 1e-9, most)) for name, loss in info.losses.items()}


def _shades(info: LandscapeInfo) -> Sequence[Update]:
    return [(name, "z", float32(found.ravel())) for name, found in log_losses(info).items()]


def panel_ranges(_info: LandscapeInfo, _previous: Previous) -> Range:
    """What the figure has."""
    return {"xaxis": [-3.25, 3.25], "yaxis": [-1.05, 1.4]}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The loss around θ_0 in the plane of one held-out task's inner steps, the darker the lower: of that task's support, which the steps go down, and the "
    "query loss of several tasks before and after adaptation from every point, which is what meta-training lowers. The edges of the shades are lines of "
    "equal loss, the same in all three. The line above says what share of the path lies in the plane: where it is small, the picture says little.",
    {"path": "The inner steps of the first task, seen in the plane.", "theta_0": TERMS["θ_0"]},
    ("support", "query", "adaptation"),
)


def _summary(info: LandscapeInfo) -> str:
    at = info.at_theta_0
    return (
        f"Losses in a plane that holds {percent(info.explained)} of one task's inner path. At the start (θ_0): its support loss {number(at['support'])}, the mean query loss "
        f"of {tasks(info.num_tasks)} {measured(at['before'], 'loss')} before and {measured(at['after'], 'loss')} after adaptation."
    )


def landscape_subtitle(info: LandscapeInfo) -> str:
    """What share of the path the plane holds, and the mean losses at theta_0."""
    at = info.at_theta_0
    if len(info.path) == 1:
        holds = "With N = 0 there is no path."
    else:
        only = "only " if info.explained < _SMALL_SHARE else ""
        holds = f"The plane holds {only}{percent(info.explained)} of the path."
    return f"{holds} At the start (θ_0) {tasks(info.num_tasks)}: {measured(at['before'], 'loss')} before, {measured(at['after'], 'loss')} after."


LANDSCAPE = Chart(
    id="landscape",
    title="The shape of the loss",
    hint=MEASURING,
    card=_CARD,
    info=LandscapeInfo,
    make=landscape_info,
    traces=_traces,
    axes=panel_axes,
    lines=panel_lines,
    others=_shades,
    ranges=panel_ranges,
    summary=_summary,
    subtitle=landscape_subtitle,
    tab="Landscape",
    look="loss_plane",
    belongs=is_chosen("landscape"),
)
