"""Pinned settings of a sweep, trained side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line
from dashboard.charts.chart import assembled
from dashboard.charts.glossary import Card
from dashboard.charts.phrases import number
from dashboard.charts.results import Array
from dashboard.charts.scales import Previous, Range, Update, decades, filled, kept, tamed
from dashboard.charts.sweep_basics import DASHES, held_out, result_axis
from dashboard.charts.sweep_chart import SweepChart
from dashboard.theme import Palette
from maml_core.records import Numbers, PairedDifference

LETTERS = "ABCDEF"
"""Letters of the pinned settings, and names of their traces."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class PinsInfo:
    """Pinned settings side by side."""

    numbers: tuple[int, ...]
    steps: tuple[Array, ...]
    """Outer steps at which each was judged."""
    losses: tuple[Array, ...]
    """Held-out loss there, mean over the common tasks; NaN where a task's is not finite."""
    stopped: tuple[bool, ...]
    """Whether it diverged."""
    differences: tuple[PairedDifference | None, ...]
    """Each setting but the first, compared with the first."""
    num_steps: int


class Compared(Protocol):
    """Settings that train side by side, and what came of it so far."""

    numbers: tuple[int, ...]
    num_steps: int

    def curves(self) -> list[tuple[tuple[int, ...], Numbers]]:
        """The outer steps at which each was judged, and its losses there."""

    def stopped(self) -> list[bool]:
        """Which of them diverged."""

    def differences(self) -> list[PairedDifference | None]:
        """Each but the first, compared with the first."""


def pins_info(of: Compared) -> PinsInfo:
    """A comparison as the page shows it."""
    curves = of.curves()
    return PinsInfo(
        numbers=of.numbers,
        steps=tuple(np.array(steps, dtype=float) for steps, _ in curves),
        losses=tuple(np.where(np.isfinite(losses), losses, np.nan) for _, losses in curves),
        stopped=tuple(of.stopped()),
        differences=tuple(of.differences()),
        num_steps=of.num_steps,
    )


# --- The figure -------------------------------------------------------------------------------------------------------


class PinsLooks(NamedTuple):
    """What the looks of the lines depend on."""

    loss_name: str
    num_pins: int


def _looks(info: PinsInfo, loss_name: str) -> PinsLooks:
    """The looks that fit a comparison."""
    return PinsLooks(loss_name, len(info.numbers))


def _figure(palette: Palette, looks: PinsLooks) -> go.Figure:
    """Pinned settings side by side, empty: a line for each."""
    traces = {
        letter: line(letter, color, 2.5, dash, hovertemplate=f"{letter}: %{{y:.4g}}<extra></extra>")
        for letter, color, dash in zip(LETTERS[: looks.num_pins], palette.classes, DASHES, strict=False)
    }
    axes = {
        "xaxis": {"title": {"text": "outer step"}, "range": [0, 100], "tickformat": "~s", "nticks": 7},
        "yaxis": result_axis("loss", held_out("loss", looks.loss_name)),
        "margin": {"l": 58, "r": 12, "t": 6, "b": 42},
        "hovermode": "x unified",
        "dragmode": False,
    }
    return assembled(traces, axes, palette, CARD, title="Side by side")


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _update(info: PinsInfo, _: Range) -> list[Update]:
    """The numbers of the pinned settings."""
    return filled(dict(zip(LETTERS, zip(info.steps, info.losses, strict=True), strict=False)))


def _ranges(info: PinsInfo, previous: Previous) -> Range:
    """What their chart spans."""
    began = [float(line[0]) for line in info.losses if len(line)]
    return {
        "xaxis": [0.0, 1.03 * info.num_steps],
        "yaxis": decades(tamed(info.losses, began), kept(previous, "yaxis")),
    }


# --- Words ------------------------------------------------------------------------------------------------------------

CARD = Card(
    "The pinned settings, trained again side by side from the same seeds on the same tasks. The list below gives the difference of each from "
    "the first, task by task, with its 95% interval: where the interval holds 0, the two are not told apart. It is of these trainings: what "
    "several seeds say of the settings stands there before they train, where the sweep has them.",
    {letter: f"The pinned setting {letter} of the list below." for letter in LETTERS},
    ("held-out", "seed", "outer step"),
)


def _subtitle(info: PinsInfo) -> str:
    """Under the title of the pinned settings."""
    known = [found for found in info.differences if found is not None]
    tasks = f" on {known[0].num_tasks} common tasks" if known else ""
    return f"The same seeds and tasks, one training each. Differences are paired, task by task{tasks}, with their 95% interval; another seed may say otherwise."


def _summary(info: PinsInfo) -> str:
    """Where each setting stands, and by how much it differs from the first."""
    said = []
    for letter, steps, losses, stopped, found in zip(
        LETTERS, info.steps, info.losses, info.stopped, (None, *info.differences), strict=False
    ):
        at = f"{number(float(losses[-1]))} at outer step {steps[-1]:,.0f}" if len(steps) else "not measured yet"
        beside = f" (from A: {difference(found)})" if found is not None else ""
        said.append(f"{letter} {'diverged' if stopped else at}{beside}")
    return f"Held-out loss of {len(info.numbers)} pinned settings side by side: {'; '.join(said)}."


def difference(found: PairedDifference | None) -> str:
    """A paired difference in words. It is of losses, whatever the rest of the page shows.

    >>> difference(PairedDifference(-0.123, 0.04, 100)), difference(PairedDifference(0.01, 0.04, 100)), difference(None)
    ('loss −0.123 ± 0.04, better', 'loss +0.01 ± 0.04, not told apart', '…')
    """
    if found is None:
        return "…"
    if not math.isfinite(found.mean):
        return "not finite: a task diverged"
    sign = "−" if found.mean < 0 else "+"
    verdict = "not told apart" if not found.differs else "better" if found.mean < 0 else "worse"
    return f"loss {sign}{abs(found.mean):.3g} ± {found.ci95:.2g}, {verdict}"


PINS: SweepChart[PinsInfo, PinsLooks] = SweepChart(
    id="pins", looks=_looks, figure=_figure, ranges=_ranges, update=_update, subtitle=_subtitle, summary=_summary
)
