"""Losses or accuracies of held-out tasks against the inner step, from different starts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.basics import area, line
from dashboard.charts.chart import Chart
from dashboard.charts.ghosts import AFTER, adapted_lines, adapted_number, after_traces, number_trace
from dashboard.charts.glossary import TERMS, Card
from dashboard.charts.names import START
from dashboard.charts.phrases import measured, number, percent, steps
from dashboard.charts.results import Array, Ghost, Learner, Metric, Results
from dashboard.charts.scales import OFF_THE_CHART, Line, Previous, Range, Update, decades, kept, tamed
from dashboard.charts.style import LEARNERS, NOT_DATA, ONCE_THERE, SHARES, Looks
from dashboard.setups.algorithms import name_of
from dashboard.theme import Palette, with_opacity
from maml_core.records import Fit, Summary, TaskFit

# --- The record -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """Held-out query loss, or accuracy, against the inner step, shape [E + 1] each."""

    mean: Array
    low: Array
    high: Array
    """95% confidence interval of the mean over tasks."""
    diverged_share: Array
    """Share of the tasks whose loss has diverged after each step, 0..1; see `maml_core.records.Summary`."""
    worse_share: Array
    """Share of the tasks whose loss is higher than before adaptation, 0..1."""
    median: Array | None = None
    """Median over tasks of a loss, whose mean a few tasks can spoil."""


class OwnTrajectory(NamedTuple):
    """The loss on points of somebody's own against the inner step."""

    loss: Array
    """[K + 1]"""
    of: Literal["support", "query"]
    """On which of them it is measured: on those that the inner steps learn from, where none was held back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationInfo:
    """The adaptation chart."""

    num_inner_steps: int
    """N, drawn as a thin line."""
    trajectories: Mapping[Learner, Trajectory]
    now: Trajectory | None = None
    """The run's own of now, beside an earlier one."""
    ghost: Ghost | None = None
    """The newest run before this one that is shown; None beside an earlier outer step."""
    beside: Trajectory | None = None
    """The run that this one is compared with; None beside an earlier outer step."""
    algorithm: str = "MAML"
    """What the run's own trajectory is called."""
    metric: Metric = "loss"
    """What all trajectories are measured in."""
    own: OwnTrajectory | None = None
    """Adaptation to points of somebody's own, where the run adapts to such."""


_IN_WORDS: tuple[Learner, ...] = ("maml", "joint", "random", "oracle", "scratch")
"""The run first, then who it is compared with."""


def adaptation_info(of: Results) -> AdaptationInfo | None:
    """The record of a run; None while that of an earlier outer step is being computed, and what was shown before stays."""
    if of.then is not None and not of.trajectories:
        return None
    found = {name: _trajectory(line, of.metric) for name, line in of.trajectories.items()}
    return AdaptationInfo(
        num_inner_steps=of.computed.num_inner_steps,
        trajectories={name: found[name] for name in _IN_WORDS if name in found},
        now=_trajectory(of.now.trajectories["maml"], of.metric) if of.now is not None and of.now.trajectories else None,
        beside=_second(of),
        ghost=of.ghosts[-1] if of.ghosts and of.then is None else None,
        algorithm=name_of(of.computed),
        metric=of.metric,
        own=_own(of.fit),
    )


def _second(of: Results) -> Trajectory | None:
    """The trajectory of the run that this one is compared with, once it was judged."""
    found = of.beside.adapted if of.beside is not None and of.then is None else None
    return None if found is None else _trajectory(found, of.metric)


def _own(fit: Fit | None) -> OwnTrajectory | None:
    if not isinstance(fit, TaskFit) or not fit.is_own:
        return None
    if len(fit.query_x):
        return OwnTrajectory(fit.query_loss, "query")
    return OwnTrajectory(fit.support_loss, "support")


def _trajectory(summary: Summary, metric: Metric) -> Trajectory:
    if metric == "accuracy":
        assert summary.accuracy is not None
        assert summary.accuracy_ci95 is not None
        mean, ci95 = summary.accuracy, summary.accuracy_ci95
        low, high = np.clip(mean - ci95, 0.0, 1.0), np.clip(mean + ci95, 0.0, 1.0)
        return Trajectory(
            mean=mean,
            low=low,
            high=high,
            diverged_share=summary.diverged_share,
            worse_share=summary.worse_share,
        )
    known = np.isfinite(summary.ci95)  # an infinite mean has no interval
    mean, ci95 = summary.mean, np.where(known, summary.ci95, 0.0)
    return Trajectory(
        mean=mean,
        low=np.where(known, np.maximum(mean - ci95, 0.1 * mean), np.nan),  # the axis is logarithmic: it has no 0
        high=np.where(known, mean + ci95, np.nan),
        median=summary.median,
        diverged_share=summary.diverged_share,
        worse_share=summary.worse_share,
    )


# --- The figure -------------------------------------------------------------------------------------------------------


def _names(looks: Looks) -> dict[Learner, str]:
    """The run by its algorithm; the baselines that adapt say so where they do it by another rule, and those that began later say when."""
    plain = ", plain α" if looks.own_rule else ""
    since = {learner: f", since step {step:,}" for learner, step in looks.since}
    names: dict[Learner, str] = {
        "maml": f"{looks.algorithm}'s {START}",
        "joint": f"joint pretraining{plain}",
        "random": f"random start{plain}",
        "oracle": "oracle",
        "scratch": "from scratch",
    }
    return {learner: name + since.get(learner, "") for learner, name in names.items()}


def _traces(palette: Palette, looks: Looks) -> dict[str, go.Scatter]:
    """A mean and its band for every learner, and the line at N."""
    names = _names(looks)
    colors: dict[Learner, str] = {
        "maml": palette.theta_N,
        "joint": palette.joint,
        "random": palette.random,
        "oracle": palette.oracle,
        "scratch": palette.scratch,
    }
    dashes: dict[Learner, str] = {
        "maml": "solid",
        "joint": "dash",
        "random": "dot",
        "oracle": "dashdot",
        "scratch": "longdash",
    }
    at_n = line("N", with_opacity(palette.muted, 0.6), 1, hoverinfo="skip", showlegend=False, meta=NOT_DATA)
    bands = {
        _band(learner): area(
            f"{names[learner]}, 95% CI",
            colors[learner],
            0.2,
            legendgroup=names[learner],
            showlegend=False,
        )
        for learner in LEARNERS
    }
    means: dict[str, go.Scatter] = {
        learner: line(
            names[learner],
            colors[learner],
            3 if learner == "maml" else 2.5,
            dashes[learner],
            hovertemplate=looks.hover,
            showlegend=learner in looks.learners,
        )
        for learner in LEARNERS
    }
    now = line(f"{names['maml']} now", palette.ghost, 2.5, "longdashdot", hovertemplate=looks.hover, showlegend=False)
    own = line("your points", palette.text, 4, "dot", hovertemplate=looks.hover, meta=ONCE_THERE)
    ghosts = {**after_traces(palette), "now": now}
    second = {"beside": looks.second(palette)}
    return {"at_N": at_n, **bands, **ghosts, "own": own, **means, **second, **number_trace(palette)}


def _band(learner: Learner) -> str:
    return f"{learner}_ci95"


def _axes(_palette: Palette, looks: Looks) -> dict[str, Any]:
    """Inner steps against the metric."""
    title = f"inner step ({looks.own_rule})" if looks.own_rule else "inner step"
    return {
        "xaxis": {
            "title": {"text": title},
            "range": [-0.2, 10.2],
            "tick0": 0,
            "dtick": math.ceil(max(looks.evaluation_steps, 1) / 10),
            "tickformat": "d",
        },
        "yaxis": looks.metric_axis(f"held-out {looks.axis_title}"),
        "hovermode": "x unified",
        "uirevision": looks.uirevision,
        "margin": {"l": 58, "r": 12, "t": 8, "b": 40},
    }


# --- Numbers ----------------------------------------------------------------------------------------------------------


def _lines(info: AdaptationInfo) -> dict[str, Line]:
    found: dict[str, Line] = {"at_N": ([info.num_inner_steps] * 2, [1 / OFF_THE_CHART, OFF_THE_CHART])}
    found |= adapted_lines(info.ghost)
    found["now"] = ([], [])
    if info.now is not None:
        found["now"] = (np.arange(len(info.now.mean)), info.now.mean)
    beside = info.beside.mean if info.beside is not None else np.empty(0)
    found["beside"] = (np.arange(len(beside)), beside)
    found["own"] = ([], [])
    if info.own is not None:
        found["own"] = (np.arange(len(info.own.loss)), info.own.loss)
    for learner in LEARNERS:
        if learner not in info.trajectories:
            found |= {_band(learner): ([], []), learner: ([], [])}
            continue
        trajectory = info.trajectories[learner]
        count = np.arange(len(trajectory.mean))
        # A filled outline has no gaps: leave the band out wherever it is not a number.
        drawn = np.isfinite(trajectory.low) & np.isfinite(trajectory.high)
        inside, low, high = count[drawn], trajectory.low[drawn], trajectory.high[drawn]
        found[_band(learner)] = (np.concatenate([inside, inside[::-1]]), np.concatenate([low, high[::-1]]))
        found[learner] = (count, trajectory.mean)
    return found


def _others(info: AdaptationInfo) -> list[Update]:
    return adapted_number(info.ghost)


def _ranges(info: AdaptationInfo, previous: Previous) -> Range:
    last = max((len(line.mean) - 1 for line in info.trajectories.values()), default=info.num_inner_steps)
    margin = 0.02 * max(last, 1)
    inner = [-margin, last + margin]
    if info.metric == "accuracy":
        return {"xaxis": inner, "yaxis": list(SHARES)}
    return {"xaxis": inner, "yaxis": decades(_values(info), kept(previous, "yaxis"))}


def _values(info: AdaptationInfo) -> list[Array]:
    """Means and bands, without what is far above the losses before adaptation: diverged tasks are said in words."""
    more = [line for line in (info.now, info.beside) if line is not None]
    trajectories = [*info.trajectories.values(), *more]
    lines = [line for trajectory in trajectories for line in (trajectory.mean, trajectory.low, trajectory.high)]
    lines += [info.ghost.adapted] if info.ghost is not None else []
    usual = [float(trajectory.mean[0]) for trajectory in trajectories]
    if info.own is None:
        return tamed(lines, usual)
    own = np.maximum(info.own.loss, _lowest_own(info))
    return tamed([*lines, own], [*usual, float(info.own.loss[0])])


def _lowest_own(info: AdaptationInfo) -> float:
    """The least loss on own points that is in the chart: few points are soon met exactly, and that must not flatten the others."""
    lines = [*info.trajectories.values(), *(line for line in (info.now, info.beside) if line is not None)]
    return 0.01 * min((float(np.nanmin(line.mean)) for line in lines), default=0.0)


# --- Words ------------------------------------------------------------------------------------------------------------

_HINT = "After each inner step, from different starts."

_BAND = " The band is the 95% confidence interval of the mean."

_CARD = Card(
    "Held-out tasks after 0, 1, 2, ... inner steps from different starts; the upright line is the N trained for. A good start falls "
    "steeply in its first steps. Look who is best at N, and whether more steps than trained for still help.",
    {
        "maml": "The start that this run has learned, θ_0, adapted step by step on held-out tasks." + _BAND,
        "random": TERMS["random start"] + _BAND,
        "joint": TERMS["joint pretraining"] + _BAND,
        "oracle": TERMS["oracle"],
        "scratch": TERMS["from scratch"],
        "own": "The loss on the points of your own that the chart of the task shows: on the test points (query) that were held back, or, where none was, on "
        "the examples that the steps learn from, which always looks better.",
        "beside": TERMS["second run"],
        **dict.fromkeys(AFTER, TERMS["ghost"]),
    },
    ("held-out", "adaptation", "inner step", "95% CI", "diverged", "got worse", "ghost"),
)

_RIVALS: tuple[tuple[Learner, str], ...] = (
    ("joint", "joint"),
    ("random", "random"),
    ("oracle", "oracle"),
    ("scratch", "from scratch"),
)


def _summary(info: AdaptationInfo) -> str:
    names: dict[Learner, str] = {"maml": info.algorithm, "joint": "joint pretraining", "random": "a random start"}
    parts = []
    for key, name in names.items():
        if key in info.trajectories:
            line = info.trajectories[key].mean
            n = min(info.num_inner_steps, len(line) - 1)
            before, after = (measured(line[k], info.metric) for k in (0, n))
            parts.append(f"{name} {before} before and {after} after {steps(n)}")
    levels: dict[Learner, str] = {"oracle": "an oracle", "scratch": "training from scratch to convergence"}
    for key, name in levels.items():  # the same at every inner step
        if key in info.trajectories:
            parts.append(f"{name} {measured(info.trajectories[key].mean[0], info.metric)}")
    if info.beside is not None:
        n = min(info.num_inner_steps, len(info.beside.mean) - 1)
        parts.append(f"the second run {measured(info.beside.mean[n], info.metric)} after {steps(n)}")
    own = f" {_of_own(info.own, info.num_inner_steps)}" if info.own is not None else ""
    return f"Held-out {info.metric}: {'; '.join(parts) or 'not measured yet'}.{own}"


def _subtitle(info: AdaptationInfo) -> str:
    maml = info.trajectories.get("maml")
    if maml is None:
        return _HINT
    n = min(info.num_inner_steps, len(maml.mean) - 1)
    when = f"After N = {n}" if n == info.num_inner_steps else f"After {steps(n)}"
    mean = measured(float(maml.mean[n]), info.metric)
    share, worse = float(maml.diverged_share[n]), float(maml.worse_share[n])
    is_loss = info.metric == "loss"
    got_worse = f"{percent(worse)} got worse" if is_loss else f"the loss rose on {percent(worse)}"
    if share > 0:
        median = f", median {measured(float(maml.median[n]), 'loss')}" if maml.median is not None else ""
        return f"{when}: {percent(share)} of tasks diverged, {got_worse}. Mean {mean}{median}."
    rivals = [
        f"{name} {measured(info.trajectories[key].mean[n], info.metric)}"
        for key, name in _RIVALS
        if key in info.trajectories
    ]
    sentences = [f"{when}: {info.algorithm} {mean}."]
    k = _runs_away(maml, n) if is_loss else None
    if k is not None:
        sentences.append(f"From step {k} on it blows up.")
    if rivals:
        sentences.append(f"{', '.join(rivals).capitalize()}.")
    if worse > 0 and k is None:
        sentences.append(f"Of the tasks, {got_worse}." if is_loss else f"{got_worse.capitalize()} of the tasks.")
    if info.own is not None:
        below = " (below this chart)" if info.own.loss[min(n, len(info.own.loss) - 1)] < _lowest_own(info) else ""
        sentences.append(_of_own(info.own, n, below))
    return " ".join(sentences)


def _of_own(own: OwnTrajectory, n: int, where: str = "") -> str:
    last = min(n, len(own.loss) - 1)
    return f"Your points: {own.of} loss {number(own.loss[0])} before, {number(own.loss[last])} after{where}."


def _runs_away(line: Trajectory, n: int) -> int | None:
    """The first inner step after those trained for at which the mean is above ten times that before adaptation; None where it never is."""
    return next((k for k in range(n + 1, len(line.mean)) if not line.mean[k] <= 10.0 * line.mean[0]), None)


ADAPTATION = Chart(
    id="adaptation",
    title="Adapting to held-out tasks",
    hint=_HINT,
    card=_CARD,
    info=AdaptationInfo,
    make=adaptation_info,
    traces=_traces,
    axes=_axes,
    lines=_lines,
    ranges=_ranges,
    summary=_summary,
    subtitle=_subtitle,
    others=_others,
    lasting=frozenset(AFTER),
    shows_now=True,
)
