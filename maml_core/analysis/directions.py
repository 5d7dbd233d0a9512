"""The meta-gradient taken apart: where first order, Reptile and joint training would go from the same theta_0, on the same tasks.

In general MAML's direction is (I - alpha H_0)...(I - alpha H_{N-1}) grad L_query(theta_N); FOMAML leaves the factors out (Finn et al. 2017,
section 5.2), Reptile takes (theta_0 - theta_N) / (alpha N) (Nichol et al. 2018, algorithm 1), joint training grad L_query(theta_0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from torch import Tensor

from maml_core.analysis.angles import columns_of_layers, cosine, length_ratio, unit
from maml_core.analysis_records import DIRECTION_STEPS, Directions
from maml_core.inner import Adaptation, as_adaptation
from maml_core.landscape import flat
from maml_core.normalization import PER_STEP
from maml_core.outer import meta_gradient, meta_gradients
from maml_core.params import flattened, over_tasks
from maml_core.problem import Problem
from maml_core.records import Floats, Numbers, Plane
from maml_core.threads import single_threaded
from maml_core.types import Params, Tasks

NUM_BATCHES = 4
"""Batches of tasks on which the directions are compared."""


@single_threaded
def directions(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_inner_steps: Sequence[int] = DIRECTION_STEPS,
    num_batches: int = NUM_BATCHES,
    plane: Plane | None = None,
) -> Directions:
    """Cosine and length ratio of FOMAML's, Reptile's and joint training's directions against MAML's. Changes nothing.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: Those of all batches, batch by batch, [B * T, ...].
        problem: Model and loss.
        how: How theta_0 adapts.
        num_inner_steps: The N at which they are compared, 1 or more each.
        num_batches: B.
        plane: What the arrows are drawn in.

    Raises:
        ValueError: An N below 1, at which MAML, FOMAML and joint training are one and Reptile is none; tasks that do not make B equal
            batches; or a proximal term.

    >>> from maml_core import RunConfig, build_problem, held_out_tasks
    >>> problem = build_problem(RunConfig())
    >>> tasks = held_out_tasks(RunConfig(), problem, num_tasks=20)
    >>> found = directions(problem.model.init(0), tasks, problem=problem, how=Adaptation(0.01), num_inner_steps=[1])
    >>> found.rules, found.layers, found.cosine.shape
    (('fomaml', 'joint', 'reptile'), ('all', 'hidden 1', 'hidden 2', 'head'), (3, 1, 4))
    """
    how, steps = as_adaptation(how), tuple(num_inner_steps)
    if not steps or min(steps) < 1:
        raise ValueError(f"num_inner_steps = {list(steps)}: give one N or more, each at least 1")
    lanes, by_lane = over_tasks(theta_0, num_batches), how.for_tasks(num_batches)

    def first_order(count: int) -> Numbers:
        found = meta_gradient(
            lanes, tasks, problem=problem, how=by_lane, num_inner_steps=count, order="first", own_tasks=True
        )
        return _rows(found.gradient)

    along = meta_gradients(lanes, tasks, problem=problem, how=by_lane, num_inner_steps=steps, own_tasks=True)
    joint = first_order(0)
    # What a step owns of theta_0 moves with no theta_k; without that first order is the query gradient where the path has come to.
    has_own_steps = any(name.startswith(PER_STEP) for name in theta_0) or how.normalization.treatment == "running"
    fomaml = map(first_order, steps) if has_own_steps else (_summed(at.query_gradient, num_batches) for at in along)
    found: dict[str, Sequence[Numbers]] = {"fomaml": tuple(fomaml), "joint": (joint,) * len(steps)}
    if isinstance(how.alpha, float | int | Tensor):
        alpha, start = float(how.alpha), flat(over_tasks(theta_0, len(tasks.parameters)))
        found["reptile"] = [
            _moved(start, at.theta, count, alpha=alpha, num_batches=num_batches)
            for at, count in zip(along, steps, strict=True)
        ]
    maml = np.stack([_rows(at.gradient) for at in along])  # [S, B, D]
    others = np.stack([np.stack(rows) for rows in found.values()])  # [R, S, B, D]
    layers = {"all": np.arange(maml.shape[-1]), **columns_of_layers(problem.model, theta_0)}

    def by_layer(measure: Callable[[Numbers, Numbers], Numbers], one: Numbers, other: Numbers) -> Numbers:
        return np.stack([measure(one[..., columns], other[..., columns]) for columns in layers.values()], axis=2)

    means = np.concatenate([maml[None], others]).mean(2)  # [1 + R, S, D]
    return Directions(
        rules=tuple(found),
        num_inner_steps=steps,
        layers=tuple(layers),
        cosine=by_layer(cosine, means[1:], means[:1]),
        length_ratio=by_layer(length_ratio, means[1:], means[:1]),
        batch_cosine=by_layer(cosine, others, maml[None]),
        batch_length_ratio=by_layer(length_ratio, others, maml[None]),
        agreement=_agreement(maml),
        arrows=_arrows(means, plane),
        batch_tasks=len(tasks.parameters) // num_batches,
    )


def _rows(gradient: Params) -> Numbers:
    rows: Numbers = flattened(gradient).double().cpu().numpy()
    return rows


def _summed(gradient: Params, num_batches: int) -> Numbers:
    """The rows of each batch's tasks, [B * T, ...], as their sum, [B, D]."""
    rows = _rows(gradient)
    found: Numbers = rows.reshape(num_batches, -1, rows.shape[1]).sum(1)
    return found


def _moved(start: Tensor, end: Params, count: int, *, alpha: float, num_batches: int) -> Numbers:
    """(theta_0 - theta_N) / (alpha N), mean over the tasks of each batch, [B, D]."""
    moved = (start - flat(end)).double().cpu().numpy()  # [B * T, D]
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Numbers = moved.reshape(num_batches, -1, moved.shape[1]).mean(1) / (alpha * count)
    return found


def _agreement(batches: Numbers) -> Numbers:
    """Mean cosine over all pairs of batches, [S, B, D] -> [S]."""
    count = batches.shape[1]
    if count < 2:
        return np.full(len(batches), np.nan)
    directions = unit(batches)
    pairs = directions @ directions.transpose(0, 2, 1)
    found: Numbers = (pairs.sum((1, 2)) - np.trace(pairs, axis1=1, axis2=2)) / (count * (count - 1))
    return found


def _arrows(means: Numbers, plane: Plane | None) -> Floats:
    arrows = np.full((*means.shape[:2], 2), np.nan) if plane is None else -unit(means) @ plane.basis.T
    return arrows.astype(np.float32)
