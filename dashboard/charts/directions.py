"""Closer look: the meta-gradient beside what simpler rules would take for it, at the same theta_0 and on the same tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import column_names, line, points
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, cosine, is_chosen, looked
from dashboard.charts.glossary import Card, plain
from dashboard.charts.names import MOVED
from dashboard.charts.phrases import number, tasks
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, joined
from dashboard.charts.style import NOT_DATA, Looks
from dashboard.theme import Palette, with_opacity
from maml_core.analysis_records import DIRECTION_STEPS, Directions

RULES = {"fomaml": "first order", "joint": "joint", "reptile": MOVED}
"""What the legend calls each rule."""
_FIRST_LAYER = DIRECTION_STEPS[-1] + 1
"""Where the columns of the layers begin, each one wide."""
_BARS = {"fomaml": 0.3, "joint": 0.5, "reptile": 0.7}
"""Where the bars stand in a column."""
_TOP = 1.1
_WIDE = 0.5
"""A cosine that differs by more from batch to batch says little."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionsInfo:
    """Cosines of R rules' directions with the meta-gradient, after each of S numbers of inner steps."""

    rules: tuple[str, ...]
    steps: Array
    """N of each, [S]."""
    cosine: Array
    """Cosine of the mean over all batches, [R, S]; NaN where one of the directions is zero."""
    by_batch: Array
    """On every batch alone, [R, S, B]."""
    length_ratio: Array
    """Length over that of the meta-gradient, [R, S]."""
    agreement: Array
    """Cosine of the meta-gradients of two batches, mean over pairs, [S]."""
    layers: tuple[str, ...]
    """Names of the P layers."""
    by_layer: Array
    """Cosine by layer, at the N that the run has, [R, P]."""
    num_inner_steps: int
    batch_tasks: int
    """Tasks of each batch."""


def directions_info(of: Results) -> DirectionsInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    looked_at = looked(of, "directions", "directions")
    if looked_at is None:
        return None
    found: Directions = looked_at.found
    count = looked_at.config.num_inner_steps
    at = _place(count, found.num_inner_steps)
    return DirectionsInfo(
        rules=found.rules,
        steps=np.array(found.num_inner_steps, dtype=np.float64),
        cosine=found.cosine[:, :, 0],
        by_batch=found.batch_cosine[:, :, 0],
        length_ratio=found.length_ratio[:, :, 0],
        agreement=found.agreement,
        layers=found.layers[1:],
        by_layer=found.cosine[:, at, 1:],
        num_inner_steps=found.num_inner_steps[at],
        batch_tasks=found.batch_tasks,
    )


def _place(count: int, measured: tuple[int, ...]) -> int:
    """Where the N that is nearest to the run's stands among those that were measured."""
    return min(range(len(measured)), key=lambda at: abs(measured[at] - count))


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A line a rule with its batches as dots, and how far two batches agree."""
    looks = {
        "fomaml": (palette.theta_N, "circle", "solid"),
        "joint": (palette.joint, "square", "dash"),
        "reptile": (palette.query, "diamond", "dashdot"),
    }
    found: dict[str, go.Scatter] = {"agreement": line("two batches", palette.muted, 2, "dot")}
    for rule, (color, symbol, dash) in looks.items():
        group = {"legendgroup": rule}
        dots = points(f"{RULES[rule]}, a batch", color, 4, palette.page, symbol, opacity=0.5, showlegend=False)
        found[f"{rule}_batches"] = dots.update(hoverinfo="skip", **group)
        marks = line(RULES[rule], color, 2.5, dash, hovertemplate="%{y:.2f}", **group)
        found[rule] = marks.update(mode="lines+markers", marker={"symbol": symbol, "size": 8, "color": color})
        stems = line(f"{RULES[rule]}, from 0", with_opacity(color, 0.45), 5, showlegend=False, meta=NOT_DATA)
        found[f"{rule}_stems"] = stems.update(hoverinfo="skip", **group)
        heads = points(f"{RULES[rule]}, by layer", color, 7, palette.page, symbol, showlegend=False)
        found[f"{rule}_layers"] = heads.update(hovertemplate="%{y:.2f}", **group)
    return found


def _axes(palette: Palette, _looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {
            "title": {"text": "inner steps N, then layer by layer"},
            "range": [0.6, 5.4],
            "tickvals": list(DIRECTION_STEPS),
        },
        "yaxis": {
            "title": {"text": "cosine with the meta-gradient"},
            "range": [-0.2, _TOP],
            "zeroline": True,
            "zerolinecolor": palette.muted,
        },
    }


def _patch(of: Results, palette: Palette) -> dict[str, Any] | None:
    """The layers' names under the bars of each."""
    info = directions_info(of)
    if info is None:
        return None
    return column_names({_FIRST_LAYER + at: name for at, name in enumerate(info.layers)}, palette)


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: DirectionsInfo) -> dict[str, Line]:
    found: dict[str, Line] = {"agreement": (info.steps, info.agreement)}
    for rule in RULES:
        # Step sizes that are learned leave one of the rules out.
        found[rule] = found[f"{rule}_batches"] = found[f"{rule}_stems"] = found[f"{rule}_layers"] = ([], [])
    for at, rule in enumerate(info.rules):
        found[rule] = (info.steps, info.cosine[at])
        found[f"{rule}_batches"] = (np.repeat(info.steps, info.by_batch.shape[2]), info.by_batch[at].ravel())
        x = _FIRST_LAYER + np.arange(len(info.layers)) + _BARS[rule]
        found[f"{rule}_layers"] = (x, info.by_layer[at])
        found[f"{rule}_stems"] = joined([*np.stack([x, x], 1)], [*np.stack([0.0 * x, info.by_layer[at]], 1)])
    return found


def _ranges(info: DirectionsInfo, _previous: Previous) -> Range:
    values = np.concatenate([info.cosine.ravel(), info.by_batch.ravel(), info.agreement, info.by_layer.ravel()])
    lowest = float(values[np.isfinite(values)].min(initial=0.0))
    return {
        "xaxis": [float(info.steps[0]) - 0.4, float(_FIRST_LAYER + len(info.layers))],
        "yaxis": [-0.2 if lowest >= -0.15 else -1.05, _TOP],
    }


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The directions that simpler rules would move θ_0 in, beside the whole meta-gradient, all at the same θ_0 and on the same held-out tasks: "
    "1 is the same direction, 0 a right angle. Look how first order loses its way as N grows. Small dots are single batches: where they lie far apart, "
    "a cosine says little; the dotted line says how far the meta-gradients of two batches agree, and bars on the right are single layers.",
    {
        "agreement": "Cosine of the whole meta-gradients of two batches of tasks, mean over all pairs.",
        "fomaml": "The query gradient at θ_N, without the way back through the inner steps (FOMAML).",
        "joint": "The query gradient at θ_0, as if nothing adapted.",
        "reptile": "How far the inner steps have moved, θ_0 − θ_N, which is what Reptile takes.",
    },
    ("outer step", "inner step", "held-out"),
)


def _summary(info: DirectionsInfo) -> str:
    at = info.steps.tolist().index(info.num_inner_steps)
    rules = ", ".join(
        f"{plain(RULES[rule])} {cosine(float(info.cosine[place, at]))} (length {number(float(info.length_ratio[place, at]))} times)"
        for place, rule in enumerate(info.rules)
    )
    layers = ", ".join(
        f"{layer} {cosine(float(value))}" for layer, value in zip(info.layers, info.by_layer[0], strict=True)
    )
    return (
        f"Cosine with the meta-gradient at N = {info.num_inner_steps}: {rules}; of first order by layer: {layers}. "
        f"The meta-gradients of two batches agree by {cosine(float(info.agreement[at]))}. "
        f"Measured on {info.by_batch.shape[2]} batches of {tasks(info.batch_tasks)} each."
    )


def _subtitle(info: DirectionsInfo) -> str:
    at = info.steps.tolist().index(info.num_inner_steps)
    says = f"At N = {info.num_inner_steps} the cosine of first order is {cosine(float(info.cosine[0, at]))}"
    batches = info.by_batch[0, at]
    if len(batches) < 2 or np.isnan(batches).any():
        return f"{says}."
    low, high = float(batches.min()), float(batches.max())
    wide = ": it says little" if high - low > _WIDE else ""
    return f"{says}, {cosine(low)} to {cosine(high)} from batch to batch{wide}."


DIRECTIONS = Chart(
    id="directions",
    title="Which way is down?",
    hint=MEASURING,
    card=_CARD,
    info=DirectionsInfo,
    make=directions_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Directions",
    look="directions",
    belongs=is_chosen("directions"),
    patch=_patch,
)
