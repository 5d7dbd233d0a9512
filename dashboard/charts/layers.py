"""How far the inner steps move each layer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import column_names, columns, line, points
from dashboard.charts.chart import Chart
from dashboard.charts.glossary import Card
from dashboard.charts.names import ADAPTED, START, THETA_K, THETA_N
from dashboard.charts.phrases import number, steps
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, bands, joined, kept, linear_span, within_columns
from dashboard.charts.style import Looks
from dashboard.theme import Palette, with_opacity
from maml_core import wording

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersInfo:
    """The layers chart: how far each layer moves in the inner loop, a column for each, in it the inner steps."""

    names: tuple[str, ...]
    """Names of the P layers, from the input to the head."""
    low: Array
    median: Array
    high: Array
    """10%, 50% and 90% quantiles over tasks of ||theta_k - theta_0|| / ||theta_0|| of a layer, shape [N + 1, P]; inf where it diverges."""


def layers_info(of: Results) -> LayersInfo | None:
    """The record of a run; None where the chart of the inner paths stands in its place."""
    moves = of.moves
    if moves is None or of.weights_chart != "layers":
        return None
    return LayersInfo(names=moves.layers, low=moves.low, median=moves.median, high=moves.high)


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A column a layer: theta_0, the inner steps, theta_N and its band over tasks."""
    hover = "%{y:.3g}<extra></extra>"
    band = with_opacity(palette.theta_N, 0.3)
    path = with_opacity(palette.theta_N, 0.6)
    return {
        "spread": line("10–90% of tasks", band, 5, hoverinfo="skip"),
        "inner_steps": line("inner steps", path, 1.5, hovertemplate=f"{THETA_K}: {hover}"),
        "theta_N": points(ADAPTED, palette.theta_N, 9, palette.page, hovertemplate=f"{THETA_N}: {hover}"),
        "theta_0": points(START, palette.theta_0, 9, palette.page, "square", hoverinfo="skip"),
    }


def _axes(palette: Palette, _looks: Looks) -> dict[str, Any]:
    """Layers against the share of their length by which they move."""
    # Not a log axis: that a layer does not move at all is an answer too.
    return {
        "xaxis": columns("layer"),
        "yaxis": {
            "title": {"text": "distance from the start / its length"},
            "range": [-0.004, 0.1],
            "nticks": 6,
            "tickformat": "~g",
            "zeroline": True,
            "zerolinecolor": palette.muted,
            "zerolinewidth": 1,
        },
        "margin": {"l": 62, "r": 8, "t": 8, "b": 44},
    }


def layers_layout(names: Sequence[str], palette: Palette) -> dict[str, Any]:
    """The layers' names, each under its column, as a layout patch; of many, every second one and the last."""
    last = len(names) - 1
    return column_names({at: name for at, name in enumerate(names) if last < 6 or (last - at) % 2 == 0}, palette)


def _patch(of: Results, palette: Palette) -> dict[str, Any] | None:
    return layers_layout(of.moves.layers, palette) if of.moves is not None else None


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: LayersInfo) -> dict[str, Line]:
    """theta_0..theta_N stand in each column from left to right."""
    x = within_columns(*info.median.shape)
    return {
        "spread": bands(x, info.low, info.high),
        "inner_steps": joined(list(x.T), list(info.median.T)),
        "theta_N": (x[-1], info.median[-1]),
        "theta_0": (x[0], info.median[0]),
    }


def _ranges(info: LayersInfo, previous: Previous) -> Range:
    return {"xaxis": [0.0, float(len(info.names))], "yaxis": _moved(info, kept(previous, "yaxis"))}


def _moved(info: LayersInfo, previous: Sequence[float] | None) -> list[float]:
    """From zero to the furthest layer. Where a few tasks diverge, their quantile does not squeeze all the others."""
    medians, highs = info.median[np.isfinite(info.median)], info.high[np.isfinite(info.high)]
    furthest = float(medians.max(initial=0.0))
    return linear_span(0.0, min(float(highs.max(initial=furthest)), 4.0 * furthest) or 0.1, previous)


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "How far the inner steps move each layer away from θ_0, as a share of that layer's length; a column for each layer, in it the steps "
    "from left to right. Where only the head moves, the body's features are reused; where the body moves too, they are learned anew. "
    "As a whole the body moves as far as its median layer.",
    {
        "spread": "A tenth of the tasks lie below the bar and a tenth above it.",
        "inner_steps": "From θ_0 at the left of a column to θ_N at its right, the median over tasks.",
        "theta_N": "How far the layer of θ_N has moved, after N inner steps, the median over tasks.",
        "theta_0": "Where every task starts, θ_0: no layer has moved yet.",
    },
    ("inner step",),
)


def _summary(info: LayersInfo) -> str:
    moved = ", ".join(f"{name} {number(far)}" for name, far in zip(info.names, info.median[-1], strict=True))
    count = len(info.median) - 1
    return f"How far {steps(count)} {'moves' if count == 1 else 'move'} each layer, as a share of its length, median over tasks: {moved}."


def _subtitle(info: LayersInfo) -> str:
    """What the chart answers to its title."""
    *body, head = (float(far) for far in info.median[-1])
    if len(info.median) == 1:
        return "With N = 0 no layer moves."
    if not all(math.isfinite(far) for far in (*body, head)):
        return "The inner steps diverge."
    if not body:
        return f"There is only a head; it moves by {number(head)} of its length."
    usual = statistics.median(body)
    if not any(body):
        return "Only the head moves." if head > 0 else "No layer moves."
    if min(usual, head) == 0:
        return "Some layers do not move."
    whole = "the body" if len({far > head for far in body}) == 1 else "the body's median layer"
    far, near = ("The head moves", whole) if head >= usual else (f"{whole.capitalize()} moves", "the head")
    ratio = max(head, usual) / min(head, usual)
    times = "as far as" if ratio < 1.05 else f"{wording.ratio(ratio)} × as far as"
    return f"{far} {times} {near}."


LAYERS = Chart(
    id="layers",
    title="Does the body change?",
    hint="How far the inner steps move each layer, from the input to the head.",
    card=_CARD,
    info=LayersInfo,
    make=layers_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Layers",
    belongs=lambda _, weights_chart: weights_chart == "layers",
    patch=_patch,
)
