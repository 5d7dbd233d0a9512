"""The curves of all settings of a sweep at the rungs, by the axis that colours them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import UIREVISION, line, verbatim
from dashboard.charts.chart import assembled
from dashboard.charts.glossary import Card
from dashboard.charts.phrases import measured
from dashboard.charts.results import Array, Ints, Metric
from dashboard.charts.scales import Previous, Range, Update, decades, float32, kept
from dashboard.charts.style import SHARES
from dashboard.charts.sweep_basics import DASHES, held_out, result_axis
from dashboard.charts.sweep_chart import SweepChart
from dashboard.charts.sweep_settings import View
from dashboard.setups.setting_names import symbol
from dashboard.setups.sweep_axes import AxisInfo, axis_info
from dashboard.theme import Palette
from maml_core.sweeps.axes import Value
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from maml_core.values import shown
from maml_core.wording import with_minus

MOST_NUMBERS = 12
"""Numbers of an axis that have curves of their own; where there are more of them, `BINS` ranges have."""
BINS = 7
MOST_MARKED = 150
"""Settings whose curves have a mark at each rung."""
MOST_CURVES = 400
"""Settings whose curves are drawn; of more some are, evenly picked: a browser draws thousands of them for seconds, and none is told apart."""
MOST_WORDS = 42
"""Words and switches of an axis that have curves of their own, since there is no range of words; beyond that neighbours share one."""
_SYMBOLS = ("circle", "square", "diamond", "cross", "x", "triangle-up", "triangle-down")

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """A number of all settings at the rungs, one setting behind the other with a NaN between them, by colour."""

    color: AxisInfo
    names: tuple[str, ...]
    """Names of the B colours: a value of the axis, or a range of values."""
    steps: tuple[Array, ...]
    values: tuple[Array, ...]
    numbers: tuple[Ints, ...]
    """The setting that a point is of, by colour."""
    num_of: int = 0
    """Settings that have curves; where these are too many, some are here."""

    @property
    def is_dense(self) -> bool:
        """Whether there are too many to mark every point of each."""
        return self.num_of > MOST_MARKED

    @property
    def picked(self) -> str:
        """How many of them are here, in words, with a space before; empty where all are."""
        return f" {MOST_CURVES:,} of {self.num_of:,} settings, evenly picked." if self.num_of > MOST_CURVES else ""

    def updates(self) -> list[Update]:
        """What the traces of the colours are filled with."""
        found: list[Update] = []
        for color, (steps, values, numbers) in enumerate(zip(self.steps, self.values, self.numbers, strict=True)):
            trace = color_trace(color)
            found += [(trace, "x", float32(steps)), (trace, "y", float32(values))]
            found.append((trace, "customdata", float32(numbers)))
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesInfo:
    """The held-out results of all settings at the rungs."""

    curves: Curves
    metric: Metric
    num_steps: int
    """Outer steps of a whole training."""


def lanes_info(results: Sequence[SettingResult], sweep: SweepConfig, view: View) -> LanesInfo:
    """The curves of a view. They are of what the sweep optimises: the study keeps no other."""

    def curve(result: SettingResult) -> Array | None:
        return None if result.curve is None else np.where(np.isfinite(result.curve), result.curve, np.nan)

    return LanesInfo(
        curves=curves_of(results, sweep, view, curve),
        metric="accuracy" if sweep.base.classifies else "loss",
        num_steps=sweep.num_steps,
    )


def curves_of(
    results: Sequence[SettingResult], sweep: SweepConfig, view: View, curve: Callable[[SettingResult], Array | None]
) -> Curves:
    """The curves of all settings that have been measured, by the axis that colours them.

    Args:
        results: Of the sweep's settings.
        sweep: That they are of.
        view: Names the axis.
        curve: A setting's numbers at its rungs, [R]; None where it has none.
    """
    axes = {axis.name: axis for axis in sweep.axes}
    color = axis_info(axes[view.color or view.x], results)
    groups = groups_of(color)
    bin_of = {value: index for index, group in enumerate(groups) for value in group}
    parts: list[list[tuple[Array, Array, int]]] = [[] for _ in groups]
    known = [result for result in results if result.steps is not None and len(result.steps)]
    picked = known
    if len(known) > MOST_CURVES:
        picked = [known[place] for place in np.linspace(0, len(known) - 1, MOST_CURVES).astype(int)]
    for result in picked:
        if (values := curve(result)) is None:
            continue
        parts[bin_of[result.values[color.name]]].append((np.asarray(result.steps, float), values, result.number))
    gap = np.array([np.nan])
    return Curves(
        color=color,
        names=tuple(_group_name(group) for group in groups),
        steps=tuple(
            np.concatenate([a for s, _, _ in part for a in (s, gap)]) if part else np.empty(0) for part in parts
        ),
        values=tuple(
            np.concatenate([a for _, v, _ in part for a in (v, gap)]) if part else np.empty(0) for part in parts
        ),
        numbers=tuple(
            np.concatenate([np.full(len(s) + 1, n) for s, _, n in part]) if part else np.empty(0, dtype=np.int64)
            for part in parts
        ),
        num_of=len(known),
    )


def groups_of(axis: AxisInfo) -> list[tuple[Value, ...]]:
    """A group for each of the axis's values; groups of neighbours where these are too many to be told apart."""
    words = not all(isinstance(value, int | float) and not isinstance(value, bool) for value in axis.values)
    most, groups = (MOST_WORDS, MOST_WORDS) if words else (MOST_NUMBERS, BINS)
    count = max(1, len(axis.values)) if len(axis.values) <= most else groups
    return [
        tuple(part)
        for part in (
            axis.values[i * len(axis.values) // count : (i + 1) * len(axis.values) // count] for i in range(count)
        )
    ]


def _group_name(group: Sequence[Value]) -> str:
    if not group:
        return ""
    first, last = with_minus(shown(group[0])), with_minus(shown(group[-1]))
    return first if len(group) == 1 else f"{first} – {last}"


# --- The figure -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesLooks:
    """What the looks of the curves depend on."""

    color: str
    """Title of the axis that colours them."""
    color_names: tuple[str, ...]
    metric: Metric
    loss_name: str
    is_dense: bool = False


def _looks(info: LanesInfo, loss_name: str) -> LanesLooks:
    """The looks that fit curves."""
    of = info.curves
    return LanesLooks(
        color=of.color.title, color_names=of.names, metric=info.metric, loss_name=loss_name, is_dense=of.is_dense
    )


SELECTED = "selected"
"""The trace of what is selected, filled by the page."""


def _figure(palette: Palette, looks: LanesLooks) -> go.Figure:
    """The curves of all settings."""
    axes = curve_axes(result_axis(looks.metric, held_out(looks.metric, looks.loss_name)), looks.metric)
    traces = curve_traces(palette, looks.color_names, is_dense=looks.is_dense)
    return assembled(traces, axes, palette, CARD, title=f"Curves, by {looks.color}")


def curve_traces(palette: Palette, names: Sequence[str], *, is_dense: bool = False) -> dict[str, go.Scatter]:
    """A trace for each colour, empty; the last one is of what is selected."""
    traces = {
        color_trace(number): go.Scatter(
            x=[],
            y=[],
            name=verbatim(name),
            mode="lines" if is_dense else "lines+markers",
            line={"color": color, "width": 1.3, "dash": dash},
            marker={"color": color, "size": 5, "symbol": symbol},
            hoverinfo="text",
            legendgroup=name,
        )
        for number, (name, color, (dash, symbol)) in enumerate(
            zip(names, along(palette, len(names)), itertools.product(DASHES, _SYMBOLS), strict=False)
        )
    }
    return traces | {SELECTED: line("selected", palette.selected, 2.5, hoverinfo="skip", showlegend=False)}


def curve_axes(yaxis: dict[str, Any], what: str) -> dict[str, Any]:
    """The axes of curves over outer steps.

    Args:
        yaxis: Of what is shown.
        what: Names it: where somebody has zoomed is kept for this alone.
    """
    return {
        "xaxis": {"title": {"text": "outer step"}, "range": [0, 100], "tickformat": "~s", "nticks": 7},
        "yaxis": yaxis,
        "margin": {"l": 58, "r": 12, "t": 6, "b": 42},
        "dragmode": "select",
        "selectdirection": "any",
        "uirevision": f"{UIREVISION} {what}",
    }


def color_trace(color: int) -> str:
    """The name of a colour's trace: values of an axis may look alike in words."""
    return f"color_{color}"


def along(palette: Palette, count: int) -> list[str]:
    """Colours for the values of an axis, from one end of the scale to the other."""
    scale = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in palette.along], dtype=float)
    at = np.linspace(0.0, len(scale) - 1, count)
    channels = [np.interp(at, np.arange(len(scale)), scale[:, channel]).round().astype(int) for channel in range(3)]
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in zip(*channels, strict=True)]


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _update(info: LanesInfo, _: Range) -> list[Update]:
    """The numbers of the curves."""
    return info.curves.updates()


def _ranges(info: LanesInfo, previous: Previous) -> Range:
    """What the curves span. A few that ran away do not squeeze all the others."""
    outer = [0.0, 1.03 * info.num_steps]
    if info.metric == "accuracy":
        return {"xaxis": outer, "yaxis": list(SHARES)}
    values = np.concatenate(info.curves.values) if info.curves.values else np.empty(0)
    values = values[np.isfinite(values) & (values > 0)]
    if len(values):
        values = np.minimum(values, max(10.0 * float(np.median(values)), float(np.quantile(values, 0.9))))
    return {"xaxis": outer, "yaxis": decades([values], kept(previous, "yaxis"))}


# --- Words ------------------------------------------------------------------------------------------------------------

CARD = Card(
    "The held-out result of every setting at each rung, a line for each, coloured and marked by one axis. Look which values learn fast, "
    "which end low, and which blow up on the way.",
    terms=("rung", "pruning", "outer step", "seed"),
    each="Settings with this value; the others of the same mark differ in the other axes.",
)


def _subtitle(info: LanesInfo) -> str:
    """Under the curves' title."""
    what = "accuracy" if info.metric == "accuracy" else "loss"
    return f"Held-out {what} at the rungs, one line a setting, coloured by {symbol(info.curves.color.name)}.{info.curves.picked}"


def _summary(info: LanesInfo) -> str:
    """How many settings are measured, and what the best and the worst of them have come to."""
    name = symbol(info.curves.color.name)
    newest = {
        setting: (value, step, group)
        for group, steps, values, numbers in zip(
            info.curves.names, info.curves.steps, info.curves.values, info.curves.numbers, strict=True
        )
        for step, value, setting in zip(steps.tolist(), values.tolist(), numbers.tolist(), strict=True)
        if np.isfinite(value)
    }
    what = f"Held-out {info.metric} of every setting at the rungs, by {name}"
    if not newest:
        return f"{what}: none is measured yet."
    low, high = min(newest.values()), max(newest.values())
    ends = [
        f"{measured(value, info.metric)} ({name} {group}, outer step {step:,.0f})" for value, step, group in (low, high)
    ]
    if len(newest) == 1:
        return f"{what}: one setting, {ends[0]}."
    return f"{what}: {len(newest)} settings, at their newest rungs from {ends[0]} to {ends[1]}."


LANES: SweepChart[LanesInfo, LanesLooks] = SweepChart(
    id="lanes", looks=_looks, figure=_figure, ranges=_ranges, update=_update, subtitle=_subtitle, summary=_summary
)
