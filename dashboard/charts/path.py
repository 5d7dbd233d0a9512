"""The inner paths of a few tasks in weight space, in the plane that holds most of their movement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line, points, weight_plane
from dashboard.charts.chart import Chart
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.names import ADAPTED, START
from dashboard.charts.phrases import percent, steps
from dashboard.charts.results import ApartKind, Array, Results, TakenApart
from dashboard.charts.scales import Line, Previous, Range, arrows_joined, joined
from dashboard.charts.style import ONCE_THERE, Looks
from dashboard.theme import Palette, with_opacity
from maml_core.records import TaskFit

_SMALL_SHARE = 0.5
"""Share of the inner steps' movement: a plane that holds less shows little of it."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PathInfo:
    """The parameter-path chart: inner paths of P tasks in a plane fitted to them."""

    paths: Array
    """theta_0..theta_N of P tasks, shape [P, N + 1, 2]."""
    trail: Array
    """Where theta_0 was, oldest first, the current one last, shape [t, 2]."""
    then: Array | None = None
    """Which place the paths begin at, where that is an earlier theta_0 than the trail's last, shape [2]."""
    explained: float
    """Share of the paths' variance that lies in the plane, 0..1."""
    walked: int | None = None
    """Inner steps of the paths that are drawn; None for all. Of an outer step that is taken apart, whose first task comes first."""
    own: Array | None = None
    """theta_0..theta_N on points of somebody's own, shape [N + 1, 2]."""
    arrows: Array | None = None
    """Unit vectors of weight space as they are seen in the plane, from where to where, shape [a, 2, 2]; their length is of the paths'."""


def path_info(of: Results) -> PathInfo | None:
    """The record of a run; None where the chart of the layers stands in its place."""
    if of.paths is None or of.plane is None or of.weights_chart != "path":
        return None
    here = of.plane.place(of.paths.theta_0)
    then = None if of.now is None else here
    trail: Array = np.zeros((0, 2)) if then is not None else here[None]
    if of.trail:  # none while no look at the run of now has been at its paths, but one at an earlier step has, or one that takes a step apart
        trail = of.trail.seen_in(of.plane)
    if of.apart is None:
        own = None
        if isinstance(of.fit, TaskFit) and of.fit.is_own:
            own = of.plane.place(of.fit.path)
        return PathInfo(paths=of.paths.paths, trail=trail, then=then, explained=of.paths.explained, own=own)
    return PathInfo(
        paths=of.paths.paths,
        trail=trail,
        explained=of.paths.explained,
        walked=of.apart.k if of.apart.kind in ("tasks", "inner") else None,
        arrows=_arrows(of.apart),
    )


def _arrows(apart: TakenApart) -> Array:
    """What points downhill at a stage: the first task's gradient where it has been carried to, all tasks' and their mean, or mean and move."""
    found, paths = apart.step, apart.step.paths.paths
    theta_0 = paths[0, 0]
    unit = float(np.abs(paths - theta_0).max(initial=0.0, where=np.isfinite(paths)))
    none = np.zeros((0, 2))
    shown: Mapping[ApartKind, tuple[Array, Array]] = {
        "query": (paths[0, apart.k], found.arrows[apart.k : apart.k + 1]),
        "back": (paths[0, apart.k], found.arrows[apart.k : apart.k + 1]),
        "mean": (theta_0, np.concatenate([found.task_arrows, found.mean_arrow[None]])),
        "update": (theta_0, np.stack([found.mean_arrow, found.update_arrow])),
    }
    start, arrows = shown.get(apart.kind, (theta_0, none))
    return np.stack([np.broadcast_to(start, arrows.shape), start + unit * arrows], axis=1)


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """Inner steps of several tasks from one theta_0, and where theta_0 has been."""
    at = "(%{x:.3g}, %{y:.3g})"
    return {
        "trail": line("trail", with_opacity(palette.theta_0, 0.55), 2, "dot", hoverinfo="skip"),
        "inner_steps": line("inner steps", with_opacity(palette.theta_N, 0.6), 1.5, hoverinfo="skip"),
        "now": points(f"{START}, now", palette.ghost, 9, palette.page, "square", hovertemplate=at, showlegend=False),
        "first": line("first task", palette.text, 3, hoverinfo="skip", showlegend=False),
        "arrows": line("downhill", palette.query, 2, hoverinfo="skip", showlegend=False),
        "own": line("your points", palette.text, 3, hoverinfo="skip", meta=ONCE_THERE),
        "theta_N": points(ADAPTED, palette.theta_N, 7, palette.page, hovertemplate=at),
        "theta_0": points(START, palette.theta_0, 12, palette.page, "square", hovertemplate=at),
    }


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    return weight_plane()


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: PathInfo) -> dict[str, Line]:
    paths = np.where(np.isfinite(info.paths), info.paths, np.nan)
    ends = paths[:, -1] if info.walked is None else paths[:0, -1]
    walked = paths[:, : None if info.walked is None else info.walked + 1]
    first = np.zeros((0, 2)) if info.arrows is None else walked[0]
    own = np.zeros((0, 2)) if info.own is None else np.where(np.isfinite(info.own), info.own, np.nan)
    newest: Line = (info.trail[-1:, 0], info.trail[-1:, 1])
    return {
        "trail": (info.trail[:, 0], info.trail[:, 1]),
        "inner_steps": joined(list(walked[:, :, 0]), list(walked[:, :, 1])),
        "first": (first[:, 0], first[:, 1]),
        "arrows": arrows_joined([] if info.arrows is None else list(info.arrows)),
        "own": (own[:, 0], own[:, 1]),
        "theta_N": (ends[:, 0], ends[:, 1]),
        "now": newest if info.then is not None else ([], []),
        "theta_0": newest if info.then is None else (info.then[:1], info.then[1:]),
    }


def _ranges(info: PathInfo, previous: Previous) -> Range:
    """A square around the paths and the trail, kept while they lie in it and fill a third of it.

    A diverging path may leave it: points further from theta_0 than ten times the usual distance of an inner step do not count.
    """
    start = info.trail[-1:] if info.then is None else info.then[None]
    own = np.zeros((0, 2)) if info.own is None else info.own
    points = np.concatenate([info.paths.reshape(-1, 2), own, info.trail, start]).astype(np.float64)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return {"xaxis": [-1.0, 1.0], "yaxis": [-1.0, 1.0]}
    distance = np.abs(points - points[-1]).max(axis=1)
    # Of the inner steps alone: a short trail of many points would make them look far away.
    stepped = np.abs(info.paths[:, 1:].reshape(-1, 2).astype(np.float64) - points[-1]).max(axis=1)
    stepped = stepped[np.isfinite(stepped)] if np.isfinite(stepped).any() else distance
    points = points[distance <= 10 * max(float(np.median(stepped)), 1e-9)]
    low, high = points.min(axis=0), points.max(axis=0)
    half = max(float((high - low).max()) / 2, 1e-6)
    if previous is not None:
        kept_low = np.array([previous["xaxis"][0], previous["yaxis"][0]])
        kept_high = np.array([previous["xaxis"][1], previous["yaxis"][1]])
        span = float((kept_high - kept_low).max())
        edge = 0.04 * span  # a marker on the very edge would be cut
        if (kept_low + edge <= low).all() and (high <= kept_high - edge).all() and span <= 6 * half:
            return {axis: [float(v) for v in previous[axis]] for axis in ("xaxis", "yaxis")}
    center = (low + high) / 2
    return {
        axis: [float(middle - 1.35 * half), float(middle + 1.35 * half)]
        for axis, middle in zip(("xaxis", "yaxis"), center, strict=True)
    }


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The inner steps of a few tasks in the space of all weights, seen in the plane that holds most of their movement. All start at θ_0 and "
    "end at their own θ_N. The line under the title says what share of the movement the plane holds: where it is small, most of the "
    "movement is out of sight, and lengths and angles say little.",
    {
        "trail": "Where the start, θ_0, has been during meta-training, seen in the same plane.",
        "inner_steps": "The way of each task from θ_0 to its θ_N, one line a task.",
        "own": "The way from θ_0 to θ_N on the points of your own that the chart of the task shows, in the same plane, which was fitted to the "
        "other tasks.",
        "theta_N": TERMS["θ_N"],
        "theta_0": TERMS["θ_0"]
        + " Beside an earlier outer step a grey square is where it is now, if that lies in the picture.",
    },
    ("inner step", "outer step"),
)


def _summary(info: PathInfo) -> str:
    tasks, points = info.paths.shape[:2]
    if points == 1:
        return f"With N = 0 there is no path: {tasks} tasks stay at θ_0."
    return (
        f"Inner paths of {tasks} tasks from θ_0, {steps(points - 1)} each, in a plane that holds "
        f"{percent(info.explained)} of their movement."
    )


def _subtitle(info: PathInfo) -> str:
    if info.paths.shape[1] == 1:
        return "With N = 0 there is no path."
    if info.arrows is not None:
        return f"The first task bold; this plane holds {percent(info.explained)}."
    if info.explained < _SMALL_SHARE:
        return f"Only {percent(info.explained)} of the movement lies in this plane."
    return f"One line a task; this plane holds {percent(info.explained)} of it."


PATH = Chart(
    id="path",
    title="Paths in weight space",
    hint="Each thin line is one task's inner steps, all from the same start (θ_0).",
    card=_CARD,
    info=PathInfo,
    make=path_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Paths",
    belongs=lambda _, weights_chart: weights_chart == "path",
)
