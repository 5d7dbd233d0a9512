"""Closer look: how much the accuracy of the task that is shown depends on how its classes are numbered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line
from dashboard.charts.chart import Chart
from dashboard.charts.closer import MEASURING, is_chosen, looked
from dashboard.charts.glossary import Card
from dashboard.charts.phrases import percent, steps, tasks
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range
from dashboard.charts.style import SHARES, Looks
from dashboard.theme import Palette
from maml_core.analysis_records import LabelOrders
from maml_core.config import RunConfig

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOrdersInfo:
    """Accuracy of the held-out task that is shown after N inner steps under O numberings of its classes, 0..1."""

    accuracy: Array
    """In rising order, [O]."""
    zeroed: float
    """With the head set to zero before adaptation, when no numbering is unlike another."""
    together: float
    """Under the numbering as drawn, mean over this task and some more."""
    alone: float | None
    """The same, each query image asked by itself; None where it is not to be said."""
    asked_tasks: int
    """How many tasks these two are means over."""
    num_inner_steps: int


def label_orders_info(of: Results) -> LabelOrdersInfo | None:
    """The record of a run; None while it is not open, or not measured."""
    found = looked(of, "label_orders", "label_orders")
    if found is None:
        return None
    orders: LabelOrders = found.found
    return LabelOrdersInfo(
        accuracy=np.sort(orders.accuracy[-1, 0]),
        zeroed=float(orders.zeroed_accuracy[-1, 0]),
        together=float(orders.together_accuracy[-1].mean()),
        alone=None if "label_orders.alone" in of.withheld else float(orders.alone_accuracy[-1].mean()),
        num_inner_steps=len(orders.accuracy) - 1,
        asked_tasks=orders.alone_accuracy.shape[1],
    )


def _why_empty(config: RunConfig) -> str:
    return "" if config.classifies else "Curves have no classes to number: choose tasks of images."


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A point a numbering, and what the zeroed head reaches."""
    marks = line("a numbering", palette.theta_N, 1.5, hovertemplate="%{y:.1%}")
    return {
        "zeroed": line("head zeroed", palette.theta_0, 2.5, "dash", hovertemplate="%{y:.1%}"),
        "orders": marks.update(mode="lines+markers", marker={"size": 7, "color": palette.theta_N}),
    }


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": "numbering, the worst first"}, "range": [0, 25], "nticks": 6},
        "yaxis": {"title": {"text": "query accuracy"}, "range": SHARES, "tick0": 0, "dtick": 0.2, "tickformat": ".0%"},
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: LabelOrdersInfo) -> dict[str, Line]:
    count = len(info.accuracy)
    return {
        "zeroed": ([0, count + 1], [info.zeroed, info.zeroed]),
        "orders": (np.arange(1.0, count + 1.0), info.accuracy),
    }


def _ranges(info: LabelOrdersInfo, _previous: Previous) -> Range:
    return {"xaxis": [0.0, len(info.accuracy) + 1.0], "yaxis": list(SHARES)}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "The held-out task that New task drew last, with the same images, its classes numbered in different orders: how many query images are named rightly after the inner steps, "
    "the worst numbering first. The head's outputs begin unlike each other, so that luck in the numbering counts. With the head set to "
    "zero before adaptation all numberings are one; what it costs to ask each image by itself, as batch norm notices, is said over some more tasks.",
    {
        "zeroed": "The same task with the head set to zero at the start of adaptation.",
        "orders": "The task under one numbering of its classes.",
    },
    ("query", "held-out"),
)


def _summary(info: LabelOrdersInfo) -> str:
    return (
        f"Query accuracy of the task shown after {steps(info.num_inner_steps)} under {len(info.accuracy)} numberings of its classes: "
        f"{percent(float(info.accuracy[0]))} to {percent(float(info.accuracy[-1]))}, median {percent(float(np.median(info.accuracy)))}; "
        f"with the head zeroed {percent(info.zeroed)}.{_asked_alone(info)}"
    )


def _subtitle(info: LabelOrdersInfo) -> str:
    low, high = percent(float(info.accuracy[0])), percent(float(info.accuracy[-1]))
    return f"The numbering alone: {low} to {high} right; head zeroed: {percent(info.zeroed)}.{_asked_alone(info)}"


def _asked_alone(info: LabelOrdersInfo) -> str:
    """What batch norm's look at the other query images is worth, over some tasks; without what is not to be said yet."""
    over, together = f" Over {tasks(info.asked_tasks)}", percent(info.together)
    if info.alone is None:
        return f"{over} {together} asked together."
    if info.alone == info.together:
        return f"{over} {together}, asked one by one or together."
    return f"{over} {percent(info.alone)} asked one by one, {together} together."


LABEL_ORDERS = Chart(
    id="label_orders",
    title="Does the numbering count?",
    hint=MEASURING,
    card=_CARD,
    info=LabelOrdersInfo,
    make=label_orders_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    tab="Label orders",
    look="label_orders",
    withholds=frozenset({"label_orders.alone"}),
    belongs=is_chosen("label_orders"),
    why_empty=_why_empty,
)
