"""Closer look: adaptation on tasks outside the range of training, beside tasks inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line, log_axis
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, is_chosen, looked
from dashboard.charts.glossary import Card
from dashboard.charts.phrases import measured, percent, steps
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import OFF_THE_CHART, Line, Previous, Range, decades, kept, tamed
from dashboard.charts.style import ONCE_THERE, Looks
from dashboard.theme import Palette
from maml_core import wording
from maml_core.analysis_records import Shift

INSIDE = "inside"


class _Kind(NamedTuple):
    """Tasks that are shifted in one way."""

    name: str
    """The engine's, of what is shifted."""
    label: str
    """In the legend."""
    meaning: str
    width: float = 2.5


_KINDS = (
    _Kind(INSIDE, "as in training", "Held-out tasks from the ranges of training.", 3.0),
    _Kind("amplitude", "larger amplitude", "Amplitudes above those of training."),
    _Kind("phase_rad", "later phase", "Phases beyond those of training."),
    _Kind("frequency", "higher frequency", "Frequencies above those of training."),
    _Kind("x", "larger x", "Inputs to the right of those of training."),
    _Kind("difficulty", "more difficult", "Glyphs that are drawn less carefully."),
    _Kind("classes", "test classes", "Classes that are kept for the test.", 2.0),
)

_MEASURES = {"shifts.amplitude": "amplitude", "shifts.phase": "phase_rad"}
"""Kinds of tasks of which lessons measure something."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftsInfo:
    """Query loss on tasks of several kinds against the inner step."""

    median: Mapping[str, Array]
    """Over tasks, [E + 1], by what is shifted; those inside the range first."""
    tasks: Mapping[str, str]
    """What the tasks of each kind are, in words and numbers."""
    diverged: Mapping[str, float]
    """Share of tasks whose loss has diverged after the last step, 0..1."""
    is_whole: bool = True
    """Whether no kind of tasks is left out for a while."""


def shifts_info(of: Results) -> ShiftsInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "shifts", "shifts")
    if found is None:
        return None
    left_out = {kind for measure, kind in _MEASURES.items() if measure in of.withheld}
    known = {kind.name for kind in _KINDS} - left_out
    kinds: dict[str, Shift] = {shift.name: shift for shift in found.found if shift.name in known}
    return ShiftsInfo(
        median={name: shift.summary.median for name, shift in kinds.items()},
        tasks={name: shift.tasks.replace("phase_rad", "phase") for name, shift in kinds.items()},
        diverged={name: float(shift.summary.diverged_share[-1]) for name, shift in kinds.items()},
        is_whole=not left_out,
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A line a kind of tasks, named only where there are such tasks."""
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "longdash")
    colors = (
        palette.theta_N,
        palette.theta_0,
        palette.joint,
        palette.query,
        palette.oracle,
        palette.theta_0,
        palette.joint,
    )
    return {
        kind.name: line(kind.label, color, kind.width, dash, hovertemplate="%{y:.3g}", meta=ONCE_THERE)
        for kind, color, dash in zip(_KINDS, colors, dashes, strict=True)
    }


def _axes(_palette: Palette, looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "inner step"}, "range": [-0.2, 10.2], "nticks": 6, "tickformat": "d"},
        "yaxis": log_axis(f"median query loss ({looks.loss_name})", [-1.0, 1.0]),
        "hovermode": "x unified",
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: ShiftsInfo) -> dict[str, Line]:
    found: dict[str, Line] = {kind.name: ([], []) for kind in _KINDS}
    for name, median in info.median.items():
        found[name] = (np.arange(len(median)), np.where(np.isnan(median), OFF_THE_CHART, median))
    return found


def _ranges(info: ShiftsInfo, previous: Previous) -> Range:
    lines = [median for median in info.median.values() if len(median)]
    usual = [float(median[0]) for median in lines]
    count = max((len(median) for median in lines), default=1)
    return {
        "xaxis": [-0.2, max(count - 1, 1) + 0.2],
        "yaxis": decades(tamed(lines, usual), kept(previous, "yaxis")),
    }


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "Adaptation on held-out tasks that training has never been near, beside tasks like those of training: the median query loss after each inner "
    "step. Of curves each range of the tasks moves up by itself, from its upper end on and half as wide; glyphs become more difficult, and images from files are of "
    "the test classes. Look which line still falls.",
    {kind.name: kind.meaning for kind in _KINDS},
    ("query", "held-out", "inner step", "diverged"),
)


def _summary(info: ShiftsInfo) -> str:
    count = len(info.median[INSIDE]) - 1
    kinds = "; ".join(
        f"{info.tasks[name]} {measured(float(median[-1]), 'loss')}, {percent(info.diverged[name])} diverged"
        for name, median in info.median.items()
    )
    return f"Median query loss after {steps(count)} by kind of held-out tasks: {kinds}."


def _subtitle(info: ShiftsInfo) -> str:
    ends = {name: float(median[-1]) for name, median in info.median.items()}
    inside = ends.pop(INSIDE)
    says = f"After {steps(len(info.median[INSIDE]) - 1)} {measured(inside, 'loss')}"
    if not ends:
        return f"{says}; there is nothing outside the range." if info.is_whole else f"{says} inside."
    others = [f"{measured(end, 'loss')} at {info.tasks[name]}{_times(end, inside)}" for name, end in ends.items()]
    diverged = [f"{percent(info.diverged[name])} at {info.tasks[name]}" for name in ends if info.diverged[name]]
    says = f"{says} inside, {', '.join(others)}."
    return f"{says} Diverged: {', '.join(diverged)}." if diverged else says


def _times(end: float, inside: float) -> str:
    """How many times the loss inside the range another one is, as lessons say it; nothing where that is no number."""
    return f" ({wording.ratio(end / inside)} ×)" if inside > 0.0 and np.isfinite(end / inside) else ""


SHIFTS = Chart(
    id="shifts",
    title="Outside the range",
    hint=MEASURING,
    card=_CARD,
    info=ShiftsInfo,
    make=shifts_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Shift",
    look="shifts",
    withholds=frozenset(_MEASURES),
    belongs=is_chosen("shifts"),
)
