"""One held-out task of classes of one's own: how probable each test point's class is by theta_0 and by theta_N, and which are named wrongly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import column_names, columns, line, points
from dashboard.charts.chart import Chart
from dashboard.charts.fit import task_steps
from dashboard.charts.glossary import Card
from dashboard.charts.names import AFTER, AT_K, BEFORE
from dashboard.charts.phrases import dead, number, right, second_run, steps
from dashboard.charts.results import Array, Ints, Results
from dashboard.charts.scales import Line, Previous, Range, Update, float32, joined, plain
from dashboard.charts.style import Looks
from dashboard.theme import Palette, with_opacity
from dashboard.wire.packing import Floats
from maml_core.class_fit import ClassFit
from maml_core.config import PythonConfig, RunConfig
from maml_core.wording import counted

_MOST_NAMES = 12
"""Columns up to which each has its name."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassesInfo:
    """theta_0 against theta_N on one held-out task of W classes, test points sorted by their class. K >= N inner steps are computed."""

    num_classes: int
    num_support: int
    labels: Ints
    """Class of each test point, ascending, [Q]."""
    own: Array
    """Probability that theta_0..theta_K give a test point's own class, [K + 1, Q]; NaN where the network's output is not finite."""
    predicted: Ints
    """The most probable class of each test point, [K + 1, Q]; -1 where it is not a number."""
    accuracy: Array
    """What the problem's own measure says, [K + 1]."""
    support_loss: Array
    query_loss: Array
    """Losses of theta_0..theta_K on the task, [K + 1]."""
    num_inner_steps: int
    """N: theta_N is the one at index N."""
    dead: bool = False
    """Whether theta_N says the same of every point, because a whole hidden layer is off."""
    beside: float | None = None
    """Accuracy of a second run after its inner steps on this task; None where there is none."""

    @property
    def places(self) -> Array:
        """Where each test point stands, [Q]: class c reaches from c to c + 1, its points spread evenly in it."""
        found = np.empty(len(self.labels))
        for label in np.unique(self.labels):
            of_it = self.labels == label
            count = int(of_it.sum())
            found[of_it] = label + (np.arange(count) + 1.0) / (count + 1.0)
        return found


def classes_info(of: Results) -> ClassesInfo | None:
    """The record of a run; None where tasks are no classes of one's own."""
    fit = of.fit
    if not isinstance(fit, ClassFit):
        return None
    order = np.argsort(fit.query_labels, kind="stable")
    labels, said = fit.query_labels[order], fit.query_probabilities[:, order]
    finite = np.isfinite(said).all(axis=2)
    return ClassesInfo(
        num_classes=said.shape[2],
        num_support=fit.num_support,
        labels=labels,
        own=np.where(finite, said[:, np.arange(len(labels)), labels], np.nan),
        predicted=np.where(finite, np.nan_to_num(said).argmax(axis=2), -1),
        accuracy=fit.query_accuracy,
        support_loss=fit.support_loss,
        query_loss=fit.query_loss,
        num_inner_steps=min(of.computed.num_inner_steps, len(said) - 1),
        dead=fit.dead,
        beside=_of_second(of, fit),
    )


def _of_second(of: Results, fit: ClassFit) -> float | None:
    """Where it is a look at the same task, and of now."""
    found = of.beside.fit if of.beside is not None and of.then is None else None
    if of.beside is None or not isinstance(found, ClassFit) or not np.array_equal(found.query_x, fit.query_x):
        return None
    return float(found.query_accuracy[min(of.beside.num_inner_steps, len(found.query_accuracy) - 1)])


def is_of_own_classes(config: RunConfig) -> bool:
    """Whether a run's tasks are classes of one's own."""
    return isinstance(config.tasks, PythonConfig) and config.tasks.classifies


def _why_empty(config: RunConfig) -> str:
    if config.num_outputs > 1:
        return ""
    return (
        "Your network has one output for all classes, and what that says of a class only your own accuracy knows. "
        "With an output for each class this card shows how probable each is. The other charts show how it adapts."
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, _looks: Looks) -> dict[str, go.Scatter]:
    """A column a class, in it its test points: before, after, and the way between."""
    said = "%{y:.0%} for its class; most probable: %{customdata}"
    return {
        "guessing": line("guessing", palette.muted, 1, "dot", hoverinfo="skip"),
        "between": line("between", with_opacity(palette.theta_N, 0.35), 1.5, hoverinfo="skip", showlegend=False),
        "theta_0": points(BEFORE, palette.theta_0, 7, palette.page, "square", hovertemplate=said),
        "theta_N": points(AFTER, palette.theta_N, 9, palette.page, hovertemplate=said),
        "wrong": points("still wrong", palette.text, 8, palette.text, "x-thin", hoverinfo="skip"),
        # The page fills it.
        "theta_k": points(AT_K, palette.text, 13, palette.text, "circle-open", hoverinfo="skip", showlegend=False),
    }


def _axes(_palette: Palette, _looks: Looks) -> dict[str, Any]:
    """Classes against the probability that a test point's own class is given."""
    return {
        "xaxis": columns("test points, by their true class"),
        "yaxis": {
            "title": {"text": "probability of it"},
            "range": [-0.04, 1.04],
            "tickformat": ".0%",
            "nticks": 6,
        },
        "margin": {"l": 58, "r": 8, "t": 8, "b": 44},
    }


def classes_layout(num_classes: int, palette: Palette) -> dict[str, Any]:
    """The numbers of the classes, each under its column, as a layout patch; of many, some."""
    every = -(-num_classes // _MOST_NAMES)
    return column_names({label: str(label) for label in range(0, num_classes, every)}, palette)


def _patch(of: Results, palette: Palette) -> dict[str, Any] | None:
    # By the set-up: a page has the layouts of its run before the first task was looked at.
    return classes_layout(of.config.num_outputs, palette) if is_of_own_classes(of.config) else None


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _wrong(info: ClassesInfo) -> Any:
    return info.predicted[info.num_inner_steps] != info.labels


def _lines(info: ClassesInfo) -> dict[str, Line]:
    """All but theta_k: only the page knows which k is looked at."""
    x, before, after, wrong = info.places, info.own[0], info.own[info.num_inner_steps], _wrong(info)
    guess = 1.0 / info.num_classes
    return {
        "guessing": (np.array([0.0, info.num_classes]), np.array([guess, guess])),
        "between": joined(
            [np.array([at, at]) for at in x], [np.array(pair) for pair in zip(before, after, strict=True)]
        ),
        "theta_0": (x, before),
        "theta_N": (x, after),
        "wrong": (x[wrong], after[wrong]),
    }


def _others(info: ClassesInfo) -> Sequence[Update]:
    return [
        (trace, "customdata", float32(info.predicted[at]))
        for trace, at in (("theta_0", 0), ("theta_N", info.num_inner_steps))
    ]


def _ranges(info: ClassesInfo, _previous: Previous) -> Range:
    return {"xaxis": [0.0, float(info.num_classes)], "yaxis": [-0.04, 1.04]}


def _more(info: ClassesInfo, body: Floats, _pixels: bytes | None) -> dict[str, Any]:
    """What theta_0..theta_K say, of which the page draws one as theta_k."""
    rows = {
        "offset": body.add(float32(info.own).ravel()),
        "width": info.own.shape[1],
        "grid_offset": body.add(float32(info.places)),
    }
    of_task = task_steps(info.support_loss, info.query_loss, info.num_inner_steps)
    return {"steps": of_task | {"accuracy": plain(info.accuracy)} | rows}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "One task that was never trained on, of your own classes: its test points (query), a column for each class, in the order of their class. Height "
    "says how probable the network finds a point's own class, by the softmax of its outputs: before adapting and after the inner steps on the examples "
    "(support). Look which classes rise, and which points stay wrong.",
    {
        "guessing": "The probability of each class for who guesses among them.",
        "theta_0": "What the network says with the shared start, θ_0, before it has seen this task.",
        "theta_N": "What it says with θ_N, after N inner steps on the examples.",
        "wrong": "Test points for which θ_N finds another class more probable than their own.",
    },
    ("θ_k", "task", "held-out", "inner step"),
)


def _right(info: ClassesInfo) -> str:
    """How many test points of each class are named rightly, before and after."""
    n = info.num_inner_steps
    parts = []
    for label in np.unique(info.labels):
        of_it = info.labels == label
        before, after = (int((info.predicted[at] == label)[of_it].sum()) for at in (0, n))
        parts.append(f"class {label} {before} and {after} of {int(of_it.sum())}")
    return ", ".join(parts)


def _summary(info: ClassesInfo) -> str:
    n = info.num_inner_steps
    before, after = info.accuracy[[0, n]]
    return (
        f"Before (θ_0) against after adapting (θ_N) on one held-out task of {info.num_classes} classes with {counted(info.num_support, 'example')} (support): "
        f"{before:.0%} of {counted(len(info.labels), 'test point')} right before, {after:.0%} after {steps(n)}{second_run(info.beside)}; "
        f"query loss {number(info.query_loss[0])} and {number(info.query_loss[n])}. Named rightly before and after: {_right(info)}."
    )


def _subtitle(info: ClassesInfo) -> str:
    n = info.num_inner_steps
    if n == 0:
        return "With N = 0 nothing adapts: the start (θ_0) has to serve every task."
    if info.dead:
        return dead(n)
    return right(info.accuracy.tolist(), info.query_loss.tolist(), n, info.beside)


CLASSES = Chart(
    id="classes",
    title="One new task",
    hint="The start (θ_0) knows no task; N gradient steps on the examples teach it this one.",
    card=_CARD,
    info=ClassesInfo,
    make=classes_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    is_of_the_task=True,
    belongs=lambda config, _: is_of_own_classes(config),
    why_empty=_why_empty,
    patch=_patch,
    more=_more,
    others=_others,
)
