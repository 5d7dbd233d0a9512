"""What each chart says, in a sentence: `summary` for people who do not see it, `subtitle` to teach those who do.

Subtitles write theta as ``θ_0``, ``θ_N``, ``θ_5``; the page sets the index as a subscript.
"""

from __future__ import annotations

import math
import re
import statistics

import numpy as np

from dashboard.charts.looks import HINTS
from dashboard.charts.numbers import AnyInfo
from dashboard.info import (
    AT_IDENTITY,
    AdaptationInfo,
    Array,
    FitInfo,
    GaugeInfo,
    ImagesInfo,
    LayersInfo,
    Learner,
    LossInfo,
    Metric,
    PathInfo,
    RatesInfo,
)
from maml_core.records import InnerDescent


def number(value: float) -> str:
    """Three significant digits, and words where there is no number.

    >>> [number(value) for value in (0.04321, 3.0, 70000, 1.2e-9, float("inf"))]
    ['0.0432', '3', '7e+04', '1.2e-09', 'infinite']
    """
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite"
    return f"{value:.3g}"


_NAMES = (("lambda_max", "λ_max"), ("theta_", "θ_"), ("alpha", "α"), ("beta", "β"), ("lambda", "λ"))


def in_greek(sentence: str) -> str:
    """A sentence of the engine with its symbols as the page's charts and dials have them.

    >>> in_greek("alpha = 1 is 21 times 2 / lambda_max at theta_0; alphabets stay")
    'α = 1 is 21 times 2 / λ_max at θ_0; alphabets stay'
    """
    for name, symbol in _NAMES:
        sentence = re.sub(rf"\b{name}" + ("" if name.endswith("_") else r"\b"), symbol, sentence)
    return sentence


def measured(value: float, metric: Metric) -> str:
    """A loss, or an accuracy in per cent.

    >>> measured(0.6125, "accuracy"), measured(0.6125, "loss")
    ('61.3%', '0.613')
    """
    return f"{100.0 * value:.3g}%" if metric == "accuracy" else number(value)


def summary(info: AnyInfo) -> str:
    """One plain sentence with the chart's current content, for its aria-label."""
    match info:
        case LossInfo():
            return _loss_summary(info)
        case FitInfo():
            n = info.num_inner_steps
            return (
                f"Theta 0 against theta N on one held-out task: query loss {number(info.query_loss[0])} before "
                f"adaptation, {number(info.query_loss[n])} after {_steps(n)} on {len(info.support_x)} support points."
            )
        case ImagesInfo():
            return _images_summary(info)
        case AdaptationInfo():
            return _adaptation_summary(info)
        case PathInfo():
            tasks, points = info.paths.shape[:2]
            return (
                f"Inner paths of {tasks} tasks from theta 0, {_steps(points - 1)} each, in a plane that holds "
                f"{info.explained:.0%} of their movement."
            )
        case LayersInfo():
            moved = ", ".join(f"{name} {number(far)}" for name, far in zip(info.names, info.median[-1], strict=True))
            steps = _steps(len(info.median) - 1)
            return f"How far {steps} move each layer, as a share of its length, median over tasks: {moved}."
        case GaugeInfo():
            return f"Alpha is {number(info.alpha)}; {_gauge_words(info)}"
        case RatesInfo():
            return _rates_summary(info)


def subtitle(info: AnyInfo) -> str:
    """The short line under the chart's title, with live numbers where there are any."""
    match info:
        case LossInfo():
            before, after = _newest(info.curves.before), _newest(info.curves.after)
            if before is None or after is None:
                return HINTS["loss"]
            before, after = (measured(value, info.metric) for value in (before, after))
            return (
                f"Held-out tasks now: {before} before adaptation, {after} after. That gap is what the inner steps gain."
            )
        case FitInfo():
            if info.num_inner_steps == 0:
                return "With N = 0 there is no adaptation: one curve has to serve every task."
            points, n = len(info.support_x), info.num_inner_steps
            if info.dead:
                return f"{_steps(n).capitalize()} switched a whole hidden layer off: θ_N is dead and says the same everywhere."
            return f"{_steps(n).capitalize()} on {points} support points bend θ_0 into θ_N."
        case ImagesInfo():
            return _images_subtitle(info)
        case AdaptationInfo():
            maml = info.trajectories.get("maml")
            if maml is None:
                return HINTS["adaptation"]
            n = min(info.num_inner_steps, len(maml.mean) - 1)
            after = f"After N = {n}" if n == info.num_inner_steps else f"After {_steps(n)}"
            share, mean = float(maml.diverged_share[n]), measured(maml.mean[n], info.metric)
            worse = float(maml.worse_share[n])
            if share > 0:
                median = f", median {number(maml.median[n])}" if maml.median is not None else ""
                return (
                    f"{after}: mean {mean}{median}; {_percent(share)} of tasks diverged, {_percent(worse)} got worse."
                )
            rivals = [
                f"{name} {measured(info.trajectories[key].mean[n], info.metric)}"
                for key, name in _RIVALS
                if key in info.trajectories
            ]
            losers = f"; {_percent(worse)} of tasks got worse" if worse > 0 else ""
            return f"{after}: " + ", ".join([f"{info.algorithm} {mean}", *rivals]) + f"{losers}."
        case PathInfo():
            return f"One line a task; this plane holds {_percent(info.explained)} of it."
        case LayersInfo():
            return _layers_subtitle(info)
        case GaugeInfo():
            if math.isnan(info.limit):
                return HINTS["gauge"]
            ratio = info.alpha / info.limit if info.limit > 0 else math.inf
            limit = (
                f"limit {AT_IDENTITY}" if info.of == AT_IDENTITY else "the limit" if info.descent is None else "limit"
            )
            stands = "No limit found" if math.isinf(info.limit) else f"{number(ratio)} × {limit}"
            if info.descent is not None:
                return f"{stands}; {_descent(info.descent)}"
            return stands if math.isinf(info.limit) else f"α is {stands}"
        case RatesInfo():
            negative = int((info.median < 0).sum())
            signs = f", {negative} below 0" if negative else ""
            found = f"; {_descent(info.descent)}" if info.descent is not None else ""
            return f"Median {number(info.overall)}{signs}{found}. Limit: for one common α."


_RIVALS: tuple[tuple[Learner, str], ...] = (
    ("joint", "joint"),
    ("random", "random"),
    ("oracle", "oracle"),
    ("scratch", "from scratch"),
)


def _loss_summary(info: LossInfo) -> str:
    before, after, training = (_newest(line) for line in (info.curves.before, info.curves.after, info.curves.smoothed))
    parts = [
        f"{name} {measured(value, info.metric)}"
        for name, value in (
            (f"smoothed training query {info.metric}", training),
            (f"held-out {info.metric} before adaptation", before),
            ("after adaptation", after),
        )
        if value is not None
    ]
    curves = f"{info.metric.capitalize()} curves"
    if not parts:
        return f"{curves}: no outer step yet."
    marks = f" {len(info.marks)} changes of the set-up are marked." if len(info.marks) > 1 else ""
    return f"{curves}: {', '.join(parts)}.{marks}"


def _images_summary(info: ImagesInfo) -> str:
    ways, n = info.probabilities.shape[2], info.num_inner_steps
    of = f"{_images(len(info.support_images), 'support')} of {ways} classes"
    if not info.known:
        answers = ", ".join("no number" if label < 0 else class_letter(label) for label in info.predicted[n])
        return f"A drawn task with {of}: theta N says {answers} of {_images(len(info.query_images), 'query')}."
    before, after = info.accuracy[[0, n]]
    return (
        f"Theta 0 against theta N on one held-out task with {of}: {before:.0%} of {_images(len(info.query_images), 'query')} "
        f"right before adaptation, {after:.0%} after {_steps(n)}; query loss {number(info.query_loss[0])} and {number(info.query_loss[n])}."
    )


def _images_subtitle(info: ImagesInfo) -> str:
    n = info.num_inner_steps
    if n == 0:
        return "With N = 0 there is no adaptation: θ_0 can only guess which class is which."
    if info.dead:
        return f"{_steps(n).capitalize()} switched a whole hidden layer off: θ_N is dead and says the same everywhere."
    if not info.known:
        support = _images(len(info.support_images), "support")
        return f"{_steps(n).capitalize()} on {support}; nobody but you knows what the query images are."
    before, after = info.accuracy[[0, n]]
    return f"θ_0: {before:.0%} right, loss {number(info.query_loss[0])} → θ_{n}: {after:.0%} right, loss {number(info.query_loss[n])}"


def _adaptation_summary(info: AdaptationInfo) -> str:
    names: dict[Learner, str] = {"maml": info.algorithm, "joint": "joint pretraining", "random": "a random start"}
    parts = []
    for key, name in names.items():
        if key in info.trajectories:
            line = info.trajectories[key].mean
            n = min(info.num_inner_steps, len(line) - 1)
            before, after = (measured(line[k], info.metric) for k in (0, n))
            parts.append(f"{name} {before} before and {after} after {_steps(n)}")
    levels: dict[Learner, str] = {"oracle": "an oracle", "scratch": "training from scratch to convergence"}
    for key, name in levels.items():  # the same at every inner step
        if key in info.trajectories:
            parts.append(f"{name} {measured(info.trajectories[key].mean[0], info.metric)}")
    return f"Held-out {info.metric}: {'; '.join(parts) or 'not measured yet'}."


def _layers_subtitle(info: LayersInfo) -> str:
    """What the chart answers to its title."""
    *body, head = (float(far) for far in info.median[-1])
    if len(info.median) == 1:
        return "With N = 0 no layer moves."
    if not all(math.isfinite(far) for far in (*body, head)):
        return "The inner steps diverge."
    if not body:
        return f"There is only a head; it moves by {number(head)} of its length."
    usual = statistics.median(body)
    if not any(body):
        return "Only the head moves." if head > 0 else "No layer moves."
    if min(usual, head) == 0:
        return "Some layers do not move."
    far, near = (
        ("The head moves", "the median body layer") if head >= usual else ("The median body layer moves", "the head")
    )
    ratio = max(head, usual) / min(head, usual)
    times = (
        "as far as"
        if ratio < 1.05
        else f"{ratio:,.0f} times as far as"
        if ratio >= 10
        else f"{ratio:.2g} times as far as"
    )
    return f"{far} {times} {near}."


def _gauge_words(info: GaugeInfo) -> str:
    if math.isnan(info.limit):
        return "its stability limit is being measured."
    if math.isinf(info.limit):
        return "no direction curves upwards, so there is no limit."
    verdict = "alpha is within it for nearly all tasks"
    if info.alpha >= info.limit_high:
        verdict = "alpha is beyond it on nearly all tasks"
    elif info.alpha >= info.limit:
        verdict = "alpha is beyond it on most tasks"
    elif info.alpha >= info.limit_low:
        verdict = "alpha is beyond it on some tasks"
    of = f" {info.of}" if info.of else ""
    return (
        f"the stability limit 2 over lambda max{of} is {number(info.limit)}: {verdict}.{_descent_summary(info.descent)}"
    )


def _descent(found: InnerDescent) -> str:
    """What the inner steps do to the support loss, in the few words that the gauge's card has room for."""
    if found.lower_share >= found.higher_share and found.lower_share > 0:
        return f"loss falls on {_percent(found.lower_share)}"
    return f"loss rises on {_percent(found.higher_share)}" if found.higher_share > 0 else "loss stays as it is"


def _descent_summary(found: InnerDescent | None) -> str:
    if found is None:
        return ""
    return (
        f" Measured: the support loss is lower after {_steps(found.num_steps)} on {_percent(found.lower_share)} of {found.num_tasks} "
        f"held-out tasks, and higher on {_percent(found.higher_share)}; on {_percent(found.raised_share)} some step raises it."
    )


def _rates_summary(info: RatesInfo) -> str:
    steps, count = info.median.shape
    per_step = f" at each of {_steps(steps)}" if steps > 1 else ""
    medians = ", ".join(
        f"{name} {' '.join(number(float(rate)) for rate in column)}"
        for name, column in zip(info.names, info.median.T, strict=True)
    )
    return (
        f"Learned inner step sizes of {count} parameter tensors{per_step}, all started at {number(info.start)}: {medians}. "
        f"For one common step size 2 over lambda max is {number(info.limit)}.{_descent_summary(info.descent)}"
    )


def _newest(values: Array) -> float | None:
    drawn = np.asarray(values)[np.isfinite(values)] if len(values) else values
    return float(drawn[-1]) if len(drawn) else None


def class_letter(label: int) -> str:
    """What the page calls a class of a task.

    >>> class_letter(0), class_letter(19)
    ('A', 'T')
    """
    return chr(ord("A") + label)


def _images(count: int, kind: str) -> str:
    return f"1 {kind} image" if count == 1 else f"{count} {kind} images"


def _steps(count: int) -> str:
    return "1 inner step" if count == 1 else f"{count} inner steps"


def _percent(share: float) -> str:
    return "less than 1%" if 0 < share < 0.005 else f"{share:.0%}"
