"""Closer look: where adaptation takes each task. The two main directions of theta_N - theta_0, in which the tasks lie as they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import points, weight_plane
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, around, cosine, is_chosen, looked
from dashboard.charts.glossary import Card
from dashboard.charts.phrases import percent
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, Update, float32
from dashboard.charts.style import Looks
from dashboard.theme import Palette
from maml_core.analysis_records import TaskVectors
from maml_core.config import RunConfig, SinusoidConfig

_SMALL_SHARE = 0.5
"""Share of the tasks' differences: a plane that holds less shows little of them."""

_SIZE, _SIZES = 6.0, (4.0, 10.0)
"""Diameter of a point in pixels, and of those of the smallest and the largest amplitude."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDiskInfo:
    """theta_N of T tasks in the plane in which they differ most."""

    coordinates: Array
    """[T, 2]; NaN for a task whose theta_N is not finite."""
    color: Array
    """What tells the tasks apart, [T]: the phase of a sinusoid, else the first number that defines the task."""
    amplitude: Array
    """Amplitudes of sinusoids, [T]; otherwise empty."""
    explained: float | None
    """Share of the tasks' differences that lies in the plane, 0..1; NaN where nothing moves apart, None where it is not to be said."""
    r2: float
    """How well the place in the plane tells the task, 1 at best."""
    tells: str
    """What it tells: ``amplitude and phase``."""
    shown: Array
    """Place of the task that is shown, [2]; NaN where it has none."""


def task_disk_info(of: Results) -> TaskDiskInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "task_disk", "task_vectors")
    if found is None:
        return None
    vectors: TaskVectors = found.found
    tells, column = _told(found.config)
    is_sinusoid = isinstance(found.config.tasks, SinusoidConfig)
    return TaskDiskInfo(
        coordinates=vectors.coordinates,
        color=vectors.parameters[:, min(column, vectors.parameters.shape[1] - 1)],
        amplitude=vectors.parameters[:, 0] if is_sinusoid else np.empty(0),
        explained=None if "task_disk.explained" in of.withheld else float(vectors.explained.sum()),
        r2=vectors.r2,
        tells=tells,
        shown=_place(of, vectors),
    )


def _place(of: Results, vectors: TaskVectors) -> Array:
    """Where the demonstration task lies by its own task vector, which follows the run and the dials at once."""
    if of.fit is None or of.apart is not None:
        return np.full(2, np.nan)
    return vectors.plane.seen(of.fit.vector - vectors.mean)


def _told(config: RunConfig) -> tuple[str, int]:
    """What tells the tasks of a family apart, and which of their numbers is coloured."""
    if config.classifies:
        return "the first class", 0
    if isinstance(config.tasks, SinusoidConfig):
        return "amplitude and phase", 1
    return "the task", 0


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A point a task, and a large one for the task that is shown."""
    last = len(palette.along) - 1
    marker = {
        "color": [],
        "colorscale": [[at / last, color] for at, color in enumerate(palette.along)],
        "showscale": False,
        "size": _SIZE,
        "line": {"color": palette.page, "width": 0.5},
    }
    return {
        "tasks": go.Scatter(
            x=[],
            y=[],
            name="held-out task",
            mode="markers",
            marker=marker,
            hovertemplate="%{marker.color:.3g}<extra></extra>",
        ),
        "shown": points("the task shown", palette.theta_N, 13, palette.page, "diamond", hoverinfo="name"),
    }


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    return weight_plane()


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: TaskDiskInfo) -> dict[str, Line]:
    places = np.where(np.isfinite(info.coordinates), info.coordinates, np.nan)
    return {"tasks": (places[:, 0], places[:, 1]), "shown": (info.shown[:1], info.shown[1:])}


def _marks(info: TaskDiskInfo) -> Sequence[Update]:
    """Each point's colour, and its size."""
    sizes = np.full(len(info.color), _SIZE)
    if len(info.amplitude) and np.ptp(info.amplitude) > 0.0:
        sizes = np.interp(info.amplitude, [info.amplitude.min(), info.amplitude.max()], _SIZES)
    return [("tasks", "marker.color", float32(info.color)), ("tasks", "marker.size", float32(sizes))]


def _ranges(info: TaskDiskInfo, previous: Previous) -> Range:
    return around(info.coordinates, previous)


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "Where adaptation takes each held-out task: its θ_N, seen in the two directions of weight space in which the tasks differ most. "
    "The colour is the phase of a sinusoid and the size its amplitude; else the colour is the first number that defines the task (of images the "
    "first class); look whether it goes round in order. R² says how well the place tells the task (1 at best), and the share how much of the tasks' differences the plane holds.",
    {
        "tasks": "The θ_N of one task, in the colour of what defines it; of sinusoids the larger, the larger its amplitude.",
        "shown": "The task that is shown: it moves as its amplitude and phase are dragged, and with another task.",
    },
    ("θ_N", "held-out"),
)


def _summary(info: TaskDiskInfo) -> str:
    if info.explained is not None and np.isnan(info.explained):
        return "Adaptation does not take the held-out tasks apart: there is no plane to show."
    tells = "" if np.isnan(info.r2) else f", and tells {info.tells} with R² {cosine(info.r2)}"
    holds = "" if info.explained is None else f" that holds {percent(info.explained)} of their differences"
    return f"θ_N of {len(info.color)} held-out tasks in a plane{holds}{tells}."


def _subtitle(info: TaskDiskInfo) -> str:
    if info.explained is not None and np.isnan(info.explained):
        return "The tasks do not move apart."
    tells = "" if np.isnan(info.r2) else f"The place tells {info.tells}: R² {cosine(info.r2)}."
    if info.explained is None:
        return tells
    if info.explained < _SMALL_SHARE:
        return f"Only {percent(info.explained)} of the differences lies in this plane. {tells}".rstrip()
    return f"{tells} The plane holds {percent(info.explained)}.".lstrip()


TASK_DISK = Chart(
    id="task_disk",
    title="Where tasks go",
    hint=MEASURING,
    card=_CARD,
    info=TaskDiskInfo,
    make=task_disk_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    others=_marks,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Task disk",
    look="task_vectors",
    withholds=frozenset({"task_disk.explained"}),
    belongs=is_chosen("task_disk"),
)
