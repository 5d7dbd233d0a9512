"""Closer look: whether the gradients of one task's halves agree, and those of two tasks, while the run trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import area, line
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, cosine, is_chosen, looked
from dashboard.charts.glossary import Card
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, kept, linear_span
from dashboard.charts.style import Looks
from dashboard.theme import Palette
from maml_core.analysis_records import Coherence

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class CoherenceInfo:
    """Cosines of gradients at theta_0 at M outer steps: mean, 10% and 90% quantile, [M, 3] each."""

    steps: Array
    same_task: Array
    two_tasks: Array
    num_tasks: int
    shown: int
    """Which of the outer steps is looked at now."""


def coherence_info(of: Results) -> CoherenceInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    looked_at = looked(of, "coherence", "coherence")
    if looked_at is None:
        return None
    newest: Coherence = looked_at.found
    found: dict[int, Coherence] = dict(sorted({**dict(looked_at.past), looked_at.step: newest}.items()))
    return CoherenceInfo(
        steps=np.array(list(found), dtype=np.float64),
        same_task=np.array([one.same_task for one in found.values()]),
        two_tasks=np.array([one.two_tasks for one in found.values()]),
        num_tasks=newest.num_tasks,
        shown=list(found).index(looked_at.step),
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """Means with the bands over tasks, and where they are looked at now."""
    looks = {
        "same_task": ("halves of one task", palette.theta_N, "circle", "solid"),
        "two_tasks": ("two tasks", palette.theta_0, "square", "dot"),
    }
    found: dict[str, go.Scatter] = {}
    for name, (label, color, _, _) in looks.items():
        found[f"{name}_spread"] = area(f"{label}, 10–90%", color, 0.18, legendgroup=label, showlegend=False)
    for name, (label, color, symbol, dash) in looks.items():
        marks = line(label, color, 2.5, dash, hovertemplate="%{y:.2f}")
        found[name] = marks.update(mode="lines+markers", marker={"symbol": symbol, "size": 5, "color": color})
    return found


def _axes(palette: Palette, _looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "outer step"}, "range": [0, 100], "nticks": 7},
        "yaxis": {
            "title": {"text": "cosine of gradients"},
            "range": [-1.05, 1.05],
            "zeroline": True,
            "zerolinecolor": palette.muted,
        },
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: CoherenceInfo) -> dict[str, Line]:
    # A single look is a bar of some width, or its band could not be seen.
    width = 0.004 * max(float(info.steps[-1]), 50.0) if len(info.steps) == 1 else 0.0
    steps = np.array([info.steps[0] - width, info.steps[0] + width]) if width else info.steps
    found: dict[str, Line] = {}
    for name, values in (("same_task", info.same_task), ("two_tasks", info.two_tasks)):
        low, high = (np.repeat(values[:, at], 2) if width else values[:, at] for at in (1, 2))
        outline = np.concatenate([low, high[::-1]])
        found[f"{name}_spread"] = ([], [])
        if np.isfinite(outline).all():
            found[f"{name}_spread"] = (np.concatenate([steps, steps[::-1]]), outline)
        found[name] = (info.steps, values[:, 0])
    return found


def _ranges(info: CoherenceInfo, previous: Previous) -> Range:
    last = max(float(info.steps[-1]), 50.0)
    return {"xaxis": linear_span(0.0, last, kept(previous, "xaxis")), "yaxis": [-1.05, 1.05]}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "Whether gradients at θ_0 agree: of the support and the query loss of one held-out task, and of two tasks; 1 is the same direction, 0 a right "
    "angle. A step that helps both halves of a task is what meta-training is after, while tasks need not agree with each other. The bands hold "
    "80% of the tasks, or of their pairs; it is measured only while this chart is open, so that the curves begin when it was opened.",
    {
        "same_task": "Cosine of the gradients on a task's support and on its query points, mean over tasks.",
        "two_tasks": "Cosine of the gradients on one task's support and on another's query points, mean over pairs.",
    },
    ("support", "query", "held-out"),
)


def _summary(info: CoherenceInfo) -> str:
    (same, low, high), (two, two_low, two_high) = (
        info.same_task[info.shown].tolist(),
        info.two_tasks[info.shown].tolist(),
    )
    return (
        f"Cosine of gradients at outer step {info.steps[info.shown]:,.0f}, over {info.num_tasks} held-out tasks: halves of one task {cosine(same)} "
        f"(10–90% {cosine(low)} to {cosine(high)}), two tasks {cosine(two)} ({cosine(two_low)} to {cosine(two_high)})."
    )


def _subtitle(info: CoherenceInfo) -> str:
    (same, low, high), (two, *_) = info.same_task[info.shown].tolist(), info.two_tasks[info.shown].tolist()
    if np.isnan(same):
        return "The gradients at θ_0 have no direction."
    return f"Halves of one task agree by {cosine(same)}, two tasks by {cosine(two)}. Halves differ by task: {cosine(low)} to {cosine(high)}."


COHERENCE = Chart(
    id="coherence",
    title="Do gradients agree?",
    hint=MEASURING,
    card=_CARD,
    info=CoherenceInfo,
    make=coherence_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Coherence",
    look="coherence",
    remembers=True,
    belongs=is_chosen("coherence"),
)
