"""One held-out task with a one-dimensional input: what theta_0 and theta_N say of it, and every inner step between."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import line, points
from dashboard.charts.chart import Chart
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.names import AFTER, AT_K, BEFORE, QUERY, SUPPORT
from dashboard.charts.phrases import dead, number, steps
from dashboard.charts.results import Array, Results
from dashboard.charts.scales import Line, Previous, Range, joined, over
from dashboard.charts.style import MOSTLY_THERE, Looks
from dashboard.theme import Palette, with_opacity
from dashboard.wire.packing import Floats
from maml_core.config import LinearConfig, PythonConfig, RunConfig, at_test
from maml_core.families.curves import CurveFamily
from maml_core.points import outside
from maml_core.records import TaskFit
from maml_core.settings import Interval
from maml_core.wording import counted

_MAX_BETWEEN = 8
"""Faint curves between theta_0 and theta_N."""

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FitInfo:
    """theta_0 against theta_N on one held-out task with a one-dimensional input. K is the number of inner steps computed, K >= N."""

    grid: Array
    """Inputs of the curves, shape [G]."""
    truth: Array
    """The task's function without noise, shape [G]; empty where nobody knows it."""
    curves: Array
    """Predictions of theta_0..theta_K, shape [K + 1, G]."""
    support_x: Array
    support_y: Array
    """Support points, shape [shots]."""
    query_x: Array
    query_y: Array
    """Query points, shape [num_query]; of points of somebody's own perhaps none."""
    support_loss: Array
    query_loss: Array
    """Losses of theta_0..theta_K on the task, shape [K + 1]."""
    num_inner_steps: int
    """N: theta_N is ``curves[N]``."""
    dead: bool = False
    """Whether theta_N says the same everywhere, because a whole hidden layer is off."""
    now: Array | None = None
    """The prediction of the theta_N of now, shape [G], beside an earlier one."""
    beside: Array | None = None
    """The prediction of a second run's theta_N on this task, shape [G]."""
    own_axis: bool = False
    """Whether y is drawn as far as this task goes: of a family without a largest task most would be flat on a common axis."""
    family_axes: tuple[Interval, Interval] = ((-5.0, 5.0), (-5.5, 5.5))
    """Where x and y end for the tasks of the family."""
    is_own: bool = False
    """Whether the points are somebody's own."""
    outside: str = ""
    """What of them lies outside that which the run trains on, in a sentence."""


def fit_info(of: Results) -> FitInfo | None:
    """The record of a run; None where x is an image, or has more than one number."""
    fit, tasks = of.fit, of.computed.tasks
    if not isinstance(fit, TaskFit) or not isinstance(tasks, CurveFamily | PythonConfig):
        return None
    x, y = (np.concatenate(pair) for pair in ((fit.support_x, fit.query_x), (fit.support_y, fit.query_y)))
    return FitInfo(
        grid=fit.grid,
        truth=fit.truth,
        curves=fit.curves,
        support_x=fit.support_x,
        support_y=fit.support_y,
        query_x=fit.query_x,
        query_y=fit.query_y,
        support_loss=fit.support_loss,
        query_loss=fit.query_loss,
        num_inner_steps=min(of.computed.num_inner_steps, len(fit.curves) - 1),
        dead=fit.dead,
        now=_theta_n_of_now(of, fit),
        beside=_of_second(of, fit),
        own_axis=isinstance(tasks, LinearConfig),
        family_axes=_around(tasks.x, x, y, fit.truth)
        if isinstance(tasks, PythonConfig)
        else family_axes(at_test(tasks)),
        is_own=fit.is_own,
        outside=outside(x, y, tasks) if fit.is_own and isinstance(tasks, CurveFamily) else "",
    )


def family_axes(tasks: CurveFamily) -> tuple[Interval, Interval]:
    """Where x and y end in a chart of a family's tasks."""
    height = 1.15 * max(tasks.reach(), 0.1)
    return tasks.x, (-height, height)


def _around(ends: Interval, x: Array, y: Array, truth: Array) -> tuple[Interval, Interval]:
    """Where x and y end for a task of one's own code: at its points and its function, with room for a marker."""
    low, high = _holding(list(ends), x)
    known = np.concatenate([y, truth]).astype(np.float64)
    known = known[np.isfinite(known)]
    middle, reach = (float(known.max() + known.min()) / 2.0, float(np.ptp(known)) / 2.0) if len(known) else (0.0, 1.0)
    reach = 1.15 * reach if reach > 0.0 else 1.0
    return (low, high), (middle - reach, middle + reach)


def _theta_n_of_now(of: Results, fit: TaskFit) -> Array | None:
    """Where it is a look at the same task."""
    now = of.now.fit if of.now is not None else None
    if of.now is None or not isinstance(now, TaskFit) or not np.array_equal(now.support_x, fit.support_x):
        return None
    theta_n: Array = now.curves[min(of.now.num_inner_steps, len(now.curves) - 1)]
    return theta_n


def _of_second(of: Results, fit: TaskFit) -> Array | None:
    """Where it is a look at the same task, and of now."""
    found = of.beside.fit if of.beside is not None and of.then is None else None
    if of.beside is None or not isinstance(found, TaskFit) or not np.array_equal(found.support_x, fit.support_x):
        return None
    theta_n: Array = found.curves[min(of.beside.num_inner_steps, len(found.curves) - 1)]
    return theta_n


def _why_empty(config: RunConfig) -> str:
    others = "The other charts show how it adapts."
    if config.num_inputs > 1:
        return f"A task of this family has {config.num_inputs} inputs: there is no curve over one x to draw. {others}"
    if config.num_outputs > 1:
        return f"A task of this family has {config.num_outputs} outputs: there is no one curve over x to draw. {others}"
    return ""


# --- The figure -------------------------------------------------------------------------------------------------------


def _traces(palette: Palette, looks: Looks) -> dict[str, go.Scatter]:
    """One task's points, its truth, and the curves of theta_0, theta_N and those between."""
    at = "(%{x:.3g}, %{y:.3g})"
    return {
        # Points of somebody's own have no truth that is known, and test points only where some are held back.
        "query": points(
            QUERY, palette.query, 7, palette.page, "diamond", opacity=0.55, hovertemplate=at, meta=MOSTLY_THERE
        ),
        "truth": line("truth", palette.truth, 2, "dash", hoverinfo="skip", meta=MOSTLY_THERE),
        "between": line("between", with_opacity(palette.theta_N, 0.35), 1, hoverinfo="skip", showlegend=False),
        "now": line(f"{AFTER}, now", palette.ghost, 2.5, "longdashdot", hovertemplate=at, showlegend=False),
        "theta_0": line(BEFORE, palette.theta_0, 2.5, "dot", hovertemplate=at),
        "theta_N": line(AFTER, palette.theta_N, 2.5, hovertemplate=at),
        "beside": looks.second(palette).update(hovertemplate=at),
        # The page fills it, and gives it the colour of theta_0 or theta_N where it is one of them.
        "theta_k": line(AT_K, palette.text, 4.5, hoverinfo="skip", showlegend=False),
        "support": points(SUPPORT, palette.support, 10, palette.text, hovertemplate=at),
    }


def _axes(_palette: Palette, looks: Looks) -> dict[str, Any]:
    """Inputs and outputs of the task family."""
    return {
        "xaxis": {"title": {"text": "input x"}, "range": list(looks.x_range), "nticks": 11},
        "yaxis": {"title": {"text": "output y"}, "range": list(looks.y_range), "nticks": 7},
        "margin": {"l": 44, "r": 10, "t": 6, "b": 40},
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: FitInfo) -> dict[str, Line]:
    """All but theta_k: only the page knows which k is looked at."""
    last = info.num_inner_steps
    picked = np.unique(np.linspace(1, last - 1, max(0, min(last - 1, _MAX_BETWEEN))).round().astype(int))
    between = info.curves[picked]
    return {
        "query": (info.query_x, info.query_y),
        "truth": (info.grid[: len(info.truth)], info.truth),
        "between": joined([info.grid] * len(between), list(between)),
        "now": over(info.grid, info.now),
        "theta_0": (info.grid, info.curves[0]),
        "theta_N": (info.grid, info.curves[last]),
        "beside": over(info.grid, info.beside),
        "support": (info.support_x, info.support_y),
    }


def _ranges(info: FitInfo, _previous: Previous) -> Range:
    """The axes belong to the task family, but where y follows the task, and where points of somebody's own lie beyond them."""
    x, y = (list(ends) for ends in info.family_axes)
    y = _as_far_as_the_task(info) if info.own_axis else y
    if info.is_own:
        x, y = _holding(x, info.support_x, info.query_x), _holding(y, info.support_y, info.query_y)
    return {"xaxis": x, "yaxis": y}


def _holding(ends: list[float], *values: Array) -> list[float]:
    """The ends of an axis, moved away where points lie beyond them, with room for a marker."""
    points = np.concatenate(values).astype(np.float64)
    low, high = float(points.min()), float(points.max())
    margin = 0.04 * (max(high, ends[1]) - min(low, ends[0]))
    return [ends[0] if low >= ends[0] else low - margin, ends[1] if high <= ends[1] else high + margin]


def _as_far_as_the_task(info: FitInfo) -> list[float]:
    """Both sides of 0, to the least of 1, 2, 5, 10, ... that holds the task's function and points."""
    reach = max(float(np.max(np.abs(values), initial=0.0)) for values in (info.truth, info.support_y, info.query_y))
    if not 0.0 < reach < math.inf:
        return [-1.0, 1.0]
    decade = 10.0 ** math.floor(math.log10(reach))
    top = next((factor * decade for factor in (1.0, 2.0, 5.0) if factor * decade >= reach), 10.0 * decade)
    return [-1.1 * top, 1.1 * top]


def task_steps(support_loss: Array, query_loss: Array, num_inner_steps: int) -> dict[str, Any]:
    """The losses of theta_0..theta_K on the demonstration task, for the table below its chart."""
    return {
        "count": len(query_loss),
        "num_inner_steps": num_inner_steps,
        "support_loss": _told(support_loss),
        "query_loss": _told(query_loss),
    }


def _told(losses: Array) -> list[float | str | None]:
    """Losses for a narrow cell: of one that is not finite what it is; null where none was measured.

    >>> _told(np.array([1.5, np.inf, np.nan])), _told(np.array([np.nan, np.nan]))
    ([1.5, '∞', 'NaN'], [None, None])
    """
    if np.isnan(losses).all():
        return [None] * len(losses)
    return [float(loss) if math.isfinite(loss) else "NaN" if math.isnan(loss) else "∞" for loss in losses]


def _more(info: FitInfo, body: Floats, _pixels: bytes | None) -> dict[str, Any]:
    """The curves of theta_0..theta_K, of which the page draws one as theta_k."""
    curves = {
        "offset": body.add(info.curves.ravel()),
        "width": info.curves.shape[1],
        "grid_offset": body.add(info.grid),
    }
    return {"steps": task_steps(info.support_loss, info.query_loss, info.num_inner_steps) | curves}


# --- Words ------------------------------------------------------------------------------------------------------------

_CARD = Card(
    "One task that was never trained on. Blue is what the network says before it has seen this task, orange what it says after N gradient "
    "steps on the few examples, with the steps between in pale orange, and the thick curve what the slider below chooses. Look how far few points bend the "
    "curve towards the truth, also where no point lies.",
    {
        "query": TERMS["query"],
        "truth": "The curve that this task's points come from, without noise. Of points of your own, and of most problems of your own, nobody knows it.",
        "theta_0": "What the network says with the shared start, θ_0, before it has seen this task.",
        "theta_N": "What it says with θ_N, after N inner steps on the examples.",
        "beside": TERMS["second run"],
        "support": TERMS["support"],
    },
    ("θ_k", "task", "held-out", "inner step"),
)


def _summary(info: FitInfo) -> str:
    n = info.num_inner_steps
    task = "points of your own" if info.is_own else "one held-out task"
    name, loss = ("query", info.query_loss) if len(info.query_x) else ("support", info.support_loss)
    return (
        f"Before (θ_0) against after adapting (θ_N) on {task}: {name} loss {number(loss[0])} before "
        f"adaptation, {number(loss[n])} after {steps(n)} on {counted(len(info.support_x), 'example')} (support)."
    )


def _subtitle(info: FitInfo) -> str:
    if info.num_inner_steps == 0:
        return "With N = 0 there is no adaptation: one curve has to serve every task."
    count, n = len(info.support_x), info.num_inner_steps
    if info.dead:
        return dead(n)
    if info.is_own:
        them = "it" if count == 1 else "them"
        yours = "your point" if count == 1 else f"your {count:,} points"
        return f"{steps(n).capitalize()} on {yours} {_come_to(info.support_loss, n)} {them}. {info.outside}".rstrip()
    return f"{steps(n).capitalize()} on {counted(count, 'example')} {_come_to(info.query_loss, n)} it."


ONTO_SHARE = 0.25
"""What is left of a task's loss at most where the inner steps are said to bend the start onto it: half of the distance. A random start comes a third
nearer to a sinusoid, which is seen not to be on it.
"""


def _come_to(loss: Array, n: int) -> str:
    """What N inner steps do to the start, as far as a loss tells: in so few letters that presenter mode's, which are large, have room."""
    if loss[n] <= ONTO_SHARE * loss[0]:
        return f"{'bends' if n == 1 else 'bend'} the start (θ_0) onto"
    return f"{'brings' if n == 1 else 'bring'} the start {'nearer' if loss[n] < loss[0] else 'no nearer'} to"


FIT = Chart(
    id="fit",
    title="One new task",
    hint="The start (θ_0) fits no task; N gradient steps on the examples bend it onto this one.",
    card=_CARD,
    info=FitInfo,
    make=fit_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    is_of_the_task=True,
    shows_now=True,
    belongs=lambda config, _: not config.classifies,
    why_empty=_why_empty,
    more=_more,
)
