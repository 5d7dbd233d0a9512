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
from maml_core.intervals import differs_among
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
    num_compared: int
    """Settings of their sweep that are compared, among which these were chosen."""


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


def pins_info(of: Compared, num_compared: int) -> PinsInfo:
    """A comparison as the page shows it.

    Args:
        of: The comparison.
        num_compared: See `PinsInfo`.
    """
    curves = of.curves()
    return PinsInfo(
        numbers=of.numbers,
        steps=tuple(np.array(steps, dtype=float) for steps, _ in curves),
        losses=tuple(np.where(np.isfinite(losses), losses, np.nan) for _, losses in curves),
        stopped=tuple(of.stopped()),
        differences=tuple(of.differences()),
        num_steps=of.num_steps,
        num_compared=num_compared,
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
    "the first, task by task, with its 95% interval; whether the two are told apart is corrected for all settings of the sweep, among which "
    "these were chosen. It is of these trainings: what several seeds say of the settings stands there before they train, where the sweep has them.",
    {letter: f"The pinned setting {letter} of the list below." for letter in LETTERS},
    ("held-out", "seed", "outer step"),
)


def _subtitle(info: PinsInfo) -> str:
    """Under the title of the pinned settings."""
    known = [found for found in info.differences if found is not None]
    tasks = f" on {known[0].num_tasks} common tasks" if known else ""
    return f"One training each: another seed may say otherwise. Differences are paired{tasks}, ± 95%."


def _summary(info: PinsInfo) -> str:
    """Where each setting stands, and by how much it differs from the first."""
    said = []
    for letter, steps, losses, stopped, words in zip(
        LETTERS, info.steps, info.losses, info.stopped, differences(info), strict=False
    ):
        at = f"{number(float(losses[-1]))} at outer step {steps[-1]:,.0f}" if len(steps) else "not measured yet"
        beside = f" (from A: {words})" if words not in (None, "…") else ""
        said.append(f"{letter} {'diverged' if stopped else at}{beside}")
    return f"Held-out loss of {len(info.numbers)} pinned settings side by side: {'; '.join(said)}."


def difference(found: PairedDifference | None, num_comparisons: int) -> str:
    """A paired difference in words. It is of losses, whatever the rest of the page shows.

    >>> difference(PairedDifference(-0.123, 0.04, 100), 1), difference(PairedDifference(-0.123, 0.1, 100), 8)
    ('loss −0.123 ± 0.04, better', 'loss −0.123 ± 0.1, not told apart')
    >>> difference(None, 1)
    '…'

    Args:
        found: The difference from the first setting.
        num_comparisons: How many settings of the sweep might have been pinned instead; see `differs_among`.
    """
    if found is None:
        return "…"
    if not math.isfinite(found.mean):
        return "not finite: a task diverged"
    sign = "−" if found.mean < 0 else "+"
    verdict = "not told apart" if not differs_among(found, num_comparisons) else "better" if found.mean < 0 else "worse"
    return f"loss {sign}{abs(found.mean):.3g} ± {found.ci95:.2g}, {verdict}"


def differences(info: PinsInfo) -> list[str | None]:
    """What is said of each pinned setting beside the first one; nothing of the first."""
    return [None, *(difference(found, info.num_compared - 1) for found in info.differences)]


PINS: SweepChart[PinsInfo, PinsLooks] = SweepChart(
    id="pins", looks=_looks, figure=_figure, ranges=_ranges, update=_update, subtitle=_subtitle, summary=_summary
)
