"""Runs before the one that is there, as pale lines of the loss chart: each with dashes of its own, and its number where it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line
from dashboard.charts.phrases import measured
from dashboard.charts.results import GHOST_PLACES, Array, Curves, Ghost, Metric
from dashboard.charts.scales import Line, Update, float32
from dashboard.charts.style import NOT_DATA
from dashboard.theme import Palette

DASHES = ("solid", "longdash", "dashdot", "3px,3px,3px,3px,3px,11px")
"""Dashes of the lines after adaptation, by their places: none, long dashes, a dash and a dot, three dots in a row. They are told apart without a
colour. Lines of training and before adaptation have the run's own: dots and dashes.
"""

APART = 0.07
"""Least distance of two numbers, as a share of the outer steps that are shown."""

IN_A_ROW = "in a row of its own"
"""The `meta` of a trace that the card's legend leaves to the row of ghosts."""

_LOOK = {"hoverinfo": "skip", "meta": IN_A_ROW}
_WIDTH = 2.0
_NUMBERS = "ghost_numbers"


def trace_of(place: int) -> str:
    """Name of the trace that shows the ghost of a place after adaptation."""
    return f"ghost_{place}"


AFTER = tuple(trace_of(place) for place in range(GHOST_PLACES))
"""Traces of the lines after adaptation, by their places."""

LASTING = frozenset({*AFTER, "ghost_training", "ghost_before"})
"""Traces whose numbers stay, since a ghost does."""


def ghost_traces(palette: Palette, *, training: str, before: str) -> dict[str, go.Scatter]:
    """The line after adaptation of each ghost, and two more of the newest one.

    Args:
        palette: `theme.LIGHT` or `theme.DARK`.
        training: Dashes of a run's training line.
        before: Dashes of its line before adaptation.
    """
    return {
        "ghost_training": line("newest ghost, training", palette.ghost, 1.5, training, **_LOOK),
        "ghost_before": line("newest ghost, before", palette.ghost, 1.5, before, **_LOOK),
        **after_traces(palette),
    }


def after_traces(palette: Palette) -> dict[str, go.Scatter]:
    """One line of each ghost. The page gives each the name and the number of the ghost that is in its place."""
    return {
        trace: line(f"ghost {place + 1}", palette.ghost, _WIDTH, DASHES[place], **_LOOK)
        for place, trace in enumerate(AFTER)
    }


def number_trace(palette: Palette) -> dict[str, go.Scatter]:
    """The numbers of the ghosts, on their lines."""
    marker = {"color": palette.page, "size": 16, "symbol": "circle", "line": {"color": palette.muted, "width": 1}}
    return {
        _NUMBERS: go.Scatter(
            x=[],
            y=[],
            text=[],
            name="number of a ghost",
            mode="markers+text",
            marker=marker,
            textposition="middle center",
            textfont={"color": palette.text},
            cliponaxis=False,
            hoverinfo="skip",
            showlegend=False,
            meta=NOT_DATA,
        )
    }


def ghost_lines(ghosts: Sequence[Ghost], metric: Metric, end: float) -> dict[str, Line]:
    """Numbers of the traces above, also of places where there is no ghost.

    Args:
        ghosts: The newest last.
        metric: What their curves are measured in.
        end: The last outer step that the chart shows.
    """
    newest = ghosts[-1].curves if ghosts else Curves()
    places = {ghost.place: ghost.curves for ghost in ghosts}
    after = [places.get(place, Curves()) for place in range(GHOST_PLACES)]
    return {
        "ghost_training": (newest.smoothed_steps, newest.smoothed),
        "ghost_before": (newest.held_out_steps, newest.before),
        **{trace_of(place): (curves.held_out_steps, curves.after) for place, curves in enumerate(after)},
        _NUMBERS: _marked(ghosts, metric, end),
    }


def ghost_numbers(ghosts: Sequence[Ghost], metric: Metric) -> list[Update]:
    """What stands where `ghost_lines` puts the numbers."""
    drawn = [ghost.number for ghost in ghosts if _drawable(ghost.curves, metric) is not None]
    return [(_NUMBERS, "text", float32(np.array(drawn, dtype=np.float64)))]


def in_words(ghosts: Sequence[Ghost], metric: Metric) -> str:
    """Where their lines after adaptation end, in a sentence with a blank before it; empty where none does."""
    ends = []
    for ghost in ghosts:
        after = ghost.curves.after[np.isfinite(ghost.curves.after)]
        ends += [f"ghost {ghost.number} at {measured(float(after[-1]), metric)}"] if len(after) else []
    return f" Runs before it ended after adaptation: {', '.join(ends)}." if ends else ""


def adapted_lines(ghost: Ghost | None) -> dict[str, Line]:
    """The inner steps of one ghost, and where its number stands; nothing in all other places.

    Args:
        ghost: None for none.
    """
    found: dict[str, Line] = {trace: ([], []) for trace in (*AFTER, _NUMBERS)}
    if ghost is not None and len(ghost.adapted):
        steps = np.arange(len(ghost.adapted))
        found |= {trace_of(ghost.place): (steps, ghost.adapted), _NUMBERS: (steps[-1:], ghost.adapted[-1:])}
    return found


def adapted_number(ghost: Ghost | None) -> list[Update]:
    """What stands where `adapted_lines` puts the number."""
    return [(_NUMBERS, "text", float32([ghost.number] if ghost is not None and len(ghost.adapted) else []))]


def _drawable(curves: Curves, metric: Metric) -> tuple[Array, Array] | None:
    """The points of the line after adaptation that can be drawn, or of the training line; None where there are none."""
    for steps, values in ((curves.held_out_steps, curves.after), (curves.smoothed_steps, curves.smoothed)):
        drawn = np.isfinite(values) & ((values > 0) | (metric == "accuracy"))
        if drawn.any():
            return steps[drawn], values[drawn]
    return None


def _marked(ghosts: Sequence[Ghost], metric: Metric, end: float) -> Line:
    """Where the numbers stand: at the ends of the lines, or of the chart. Of lines that end together each stands further back on its own."""
    xs: list[float] = []
    ys: list[float] = []
    for ghost in ghosts:
        points = _drawable(ghost.curves, metric)
        if points is None:
            continue
        steps, values = points
        x = min(float(steps[-1]), end)
        while any(abs(x - other) < 0.99 * APART * end for other in xs) and x - APART * end > steps[0]:
            x -= APART * end
        xs.append(x)
        ys.append(_at(x, steps, values, metric))
    return xs, ys


def _at(x: float, steps: Array, values: Array, metric: Metric) -> float:
    """The height of a drawn line: between two points of a log axis it is straight in the logarithm."""
    if metric == "accuracy":
        return float(np.interp(x, steps, values))
    return math.exp(float(np.interp(x, steps, np.log(values))))
