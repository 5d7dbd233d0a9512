"""The stages of one outer step that is taken apart, in words and numbers: pure functions of what the engine found."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from dashboard.charts.phrases import number, steps
from dashboard.charts.results import ApartKind, Array
from maml_core.analysis_records import OneStep
from maml_core.config import RunConfig, learns_rates
from maml_core.traits import TRAITS
from maml_core.wording import counted


class Stage(NamedTuple):
    """One place to stop at. A kind may have several: an inner step each, a factor each."""

    kind: ApartKind
    """It also says which part of the formulas is lit."""
    k: int
    """Inner step that the charts show."""
    title: str
    words: str


def stages(found: OneStep, config: RunConfig) -> tuple[Stage, ...]:
    """All places to stop at, in order.

    Args:
        found: What the engine found.
        config: The set-up of the step.
    """
    count = found.query_loss.shape[1] - 1
    inner = (Stage("inner", k, f"Inner step {k} of {count}", _inner(found, k)) for k in range(1, count + 1))
    factors = reversed(range(count)) if found.way == "second" else ()
    back = (Stage("back", k, f"Back through inner step {k + 1}", _back(found, config, k)) for k in factors)
    return (
        Stage("tasks", 0, "The tasks are drawn", _tasks(found, config)),
        *inner,
        Stage(
            "query",
            count,
            "Where the steps went" if found.way == "moved" else f"The query gradients at θ_{count}",
            _query(found),
        ),
        *back,
        Stage("mean", 0, "The mean over the tasks", _mean(found)),
        Stage("update", 0, "The outer optimiser", _update(found, config)),
    )


def _tasks(found: OneStep, config: RunConfig) -> str:
    losses = found.query_loss[:, 0]
    return (
        f"Outer step {found.step:,} has {_tasks_of(found)} of its own, with {_points(config)} each. "
        f"Before adapting (θ_0) the query loss is {number(losses[0])} on the first, whose fit is shown, and {number(losses.mean())} over all."
    )


def _points(config: RunConfig) -> str:
    each = " a class" if config.classifies else ""
    test = counted(config.num_query, "test image" if config.classifies else "test point")
    return f"{counted(config.shots, 'example')} (support) and {test} (query){each}"


def _inner(found: OneStep, k: int) -> str:
    support, query = found.support_loss, found.query_loss
    return (
        f"First task, θ_{k - 1} to θ_{k}: support loss {_from_to(support[0], k)}, query loss {_from_to(query[0], k)}. "
        f"Query loss over all tasks: {_from_to(query.mean(0), k)}."
    )


def _query(found: OneStep) -> str:
    last = found.query_loss.shape[1] - 1
    if found.way == "moved":
        return f"No query gradient is taken: the way from θ_{last} back to θ_0, divided by α N, stands for one. Its length is {_spread(found.lengths[:, 0])}."
    words = f"The query loss is differentiated where the steps ended. The gradient's length is {_spread(found.query_gradient)}."
    if found.step_weights is not None:
        weights = ", ".join(number(weight) for weight in found.step_weights)
        words += f" The losses after all steps count, with weights {weights}."
    if found.way == "first" and last > 0:
        words += " First order: it is taken for the gradient at the start (θ_0)."
    return words


def _back(found: OneStep, config: RunConfig, k: int) -> str:
    ratios, angles = found.factor_ratio[:, k], _degrees(found.factor_cosine[:, k])
    words = (
        f"{_factor(config, k)} makes the first task's gradient {number(ratios[0])} times as long and turns it by {_angle(angles[0])} "
        f"(median of all: {number(_median(ratios))} times, {_angle(_median(angles))})."
    )
    weight = found.step_weights[k - 1] if found.step_weights is not None and k > 0 else 0.0
    if weight != 0.0:
        words += f" The query gradient at θ_{k} joins it, with weight {number(weight)}."
    if k == 0 and found.factor_ratio.shape[1] > 1:
        whole = found.lengths[0, 0] / found.lengths[0, -1] if found.lengths[0, -1] > 0.0 else math.nan
        words += f" All the way: {number(whole)} times, {_angle(_degrees(found.turn)[0])}."
    return words


def _factor(config: RunConfig, k: int) -> str:
    traits = TRAITS[config.algorithm]
    if learns_rates(config) or traits.learns != "nothing" or traits.adapts_head_alone:
        return "The derivative of that step"
    return f"I − α H, H the support Hessian at θ_{k},"


def _mean(found: OneStep) -> str:
    known = found.agreement[np.isfinite(found.agreement)]
    words = f"The mean of the tasks' gradients has length {number(found.mean_length)}."
    if len(known) > 1:
        low, middle, high = np.quantile(known, [0.0, 0.5, 1.0])
        words += f" Cosines of single tasks with it: {number(low)} to {number(high)}, median {number(middle)}; {int((known < 0.0).sum())} of {len(known)} point against it."
    if found.clip_factor < 1.0:
        words += f" Clipping leaves {number(found.clip_factor)} of it."
    return words


def _update(found: OneStep, config: RunConfig) -> str:
    moved = f"the start (θ_0) moves by {number(found.update_length)}"
    share = found.update_length / found.mean_length if found.mean_length > 0.0 else math.nan
    if config.outer_optimizer == "adam":
        angle = _angle(float(_degrees(np.array(found.update_cosine))))
        words = f"Adam rescales each weight's gradient by its past: {moved}, {number(share)} times the mean's length, {angle} off straight downhill."
    else:
        words = f"{moved[0].upper()}{moved[1:]}, {number(share)} times the mean's length, straight downhill."
    return words + (" What is learned of the inner loop moves too." if learns_rates(config) else "")


# --- Phrases ----------------------------------------------------------------------------------------------------------


def _tasks_of(found: OneStep) -> str:
    count = len(found.query_loss)
    return "1 task" if count == 1 else f"{count} tasks"


def _from_to(losses: Array, k: int) -> str:
    return f"{number(losses[k - 1])} → {number(losses[k])}"


def _spread(lengths: Array) -> str:
    first = f"{number(lengths[0])} on the first task"
    return first if len(lengths) == 1 else f"{first}, {number(lengths.min())} to {number(lengths.max())} over all"


def _median(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else math.nan


def _degrees(cosines: Array) -> Array:
    return np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))


def _angle(degrees: float) -> str:
    """An angle between two directions.

    >>> _angle(12.34), _angle(0.04), _angle(math.nan)
    ('12.3°', '0.04°', 'no angle')
    """
    return "no angle" if math.isnan(degrees) else f"{degrees:.3g}°"


def places(found: tuple[Stage, ...], at: int) -> tuple[int, int, str]:
    """Number of the stage that a place belongs to, how many there are, and where it stands within it, in words that may be empty.

    >>> one = [Stage(kind, 0, "", "") for kind in ("tasks", "inner", "inner", "query")]
    >>> places(tuple(one), 2)
    (2, 3, '2 of 2 inner steps')
    """
    kinds = list(dict.fromkeys(stage.kind for stage in found))
    kind = found[at].kind
    same = [place for place, stage in enumerate(found) if stage.kind == kind]
    within = f"{same.index(at) + 1} of {steps(len(same))}" if len(same) > 1 else ""
    return kinds.index(kind) + 1, len(kinds), within
