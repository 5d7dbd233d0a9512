"""One outer step taken apart: the next one of a run, on the very tasks that training draws for it.

Each task's query gradient begins at theta_N. Second order carries it back, theta_N to theta_0, by

    v_k = (I - alpha H_k) v_{k+1} + w_k grad L_query(theta_k),  v_N = w_N grad L_query(theta_N)

where H_k is the support Hessian at theta_k and w the weights of a multi-step loss, all 0 but w_N without one (Finn et al. 2017, equation 1,
by the chain rule). First order leaves the factors out. Under learned rates, learned matrices or a frozen body the factor is the Jacobian of that
inner step. The mean over tasks goes to the outer optimiser.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from maml_core.algorithms import outer_gradient, with_head
from maml_core.analysis.angles import cosine, length, length_ratio, unit
from maml_core.analysis_records import NOT_TAKEN_APART, OneStep
from maml_core.config import RunConfig
from maml_core.inner import Adaptation, adapt
from maml_core.landscape import flat, inner_paths
from maml_core.optim import clip_factor
from maml_core.outer import judged
from maml_core.outer_step import moved, numbers_at
from maml_core.params import flattened, leaves, merge_meta, over_tasks
from maml_core.problem import Problem, training_tasks
from maml_core.records import Floats, Numbers, Plane
from maml_core.run_state import Learner, training_rule
from maml_core.schedules import schedule
from maml_core.threads import single_threaded
from maml_core.traits import TRAITS
from maml_core.types import Examples, Params, Tasks


@single_threaded
def one_step(
    config: RunConfig,
    problem: Problem,
    learner: Learner,
    *,
    step: int = 0,
    plane: Plane | None = None,
    previous: Plane | None = None,
) -> OneStep:
    """Every stage of the next outer step, with its numbers. Changes nothing.

    Args:
        config: The set-up that holds at this step.
        problem: Of the run.
        learner: The run's, before the step.
        step: Outer steps taken: which tasks are next, and what the schedules have come to.
        plane: In which paths and arrows are seen; None fits one to the tasks' paths.
        previous: A new fit takes its signs from this plane.

    Raises:
        ValueError: The algorithm's outer step is not taken apart.

    >>> from maml_core import build_problem, init_run
    >>> config = RunConfig(num_inner_steps=2, meta_batch_size=4)
    >>> found = one_step(config, build_problem(config), init_run(config).meta)
    >>> found.way, found.query_loss.shape, found.factor_ratio.shape
    ('second', (4, 3), (4, 2))
    """
    if TRAITS[config.algorithm].is_proximal:
        raise ValueError(NOT_TAKEN_APART)
    tasks, now = training_tasks(config, problem, step), schedule(config, step)
    numbers = numbers_at(config, now)
    way = _Way(config, problem, learner, tasks)
    thetas = way.thetas()
    if not TRAITS[config.algorithm].uses_query_gradient:
        back = way.moved(thetas)
    else:
        weights = (*[0.0] * config.num_inner_steps, 1.0) if now.step_weights is None else (0.0, *now.step_weights)
        back = way.back(thetas, weights, now.order)
    found = outer_gradient(
        config,
        learner.theta,
        learner.rates,
        tasks,
        problem=problem,
        order=now.order,
        step_weights=now.step_weights,
        statistics=learner.statistics,
    )
    merged = merge_meta(found.gradient, found.rates_gradient)
    after = moved(config, learner, found, numbers)
    mean, start, end = _row(found.gradient), _row(learner.theta), _row(after.theta)
    paths = inner_paths(
        torch.stack([flat(theta) for theta in thetas], dim=1), flat(learner.theta), plane=plane, previous=previous
    )

    def arrow(directions: Numbers) -> Floats:
        return paths.plane.seen(unit(directions)).astype(np.float32)

    return OneStep(
        step=step,
        way=now.order if TRAITS[config.algorithm].uses_query_gradient else "moved",
        step_weights=now.step_weights,
        support_loss=way.losses(thetas, tasks.support),
        query_loss=way.losses(thetas, tasks.query),
        query_gradient=back.query_gradient,
        lengths=back.lengths,
        factor_ratio=back.factor_ratio,
        factor_cosine=back.factor_cosine,
        turn=cosine(back.gradients, back.begins),
        agreement=cosine(back.gradients, mean),
        mean_length=float(length(mean)),
        clip_factor=float(clip_factor(merged, config.clip_norm)) if config.clip_norm else 1.0,
        update_length=float(length(end - start)),
        update_cosine=float(cosine(end - start, -mean)),
        theta_0_after=end,
        paths=paths,
        arrows=arrow(-back.of_first),
        task_arrows=arrow(-back.gradients),
        mean_arrow=arrow(-mean),
        update_arrow=arrow(end - start),
    )


class _Back(NamedTuple):
    """The way back, in double precision. What is not described is as in `OneStep`."""

    begins: Numbers
    """The vectors that begin at theta_N, [T, D]."""
    gradients: Numbers
    """The tasks' meta-gradients, [T, D]."""
    of_first: Numbers
    """The first task's vector at theta_0..theta_N, [N + 1, D]."""
    query_gradient: Numbers
    lengths: Numbers
    factor_ratio: Numbers
    factor_cosine: Numbers


class _Way:
    """The inner loop of the step's tasks, there and back."""

    def __init__(self, config: RunConfig, problem: Problem, learner: Learner, tasks: Tasks) -> None:
        self._config, self._problem, self._learner, self._tasks = config, problem, learner, tasks
        self._num_tasks = tasks.support.x.shape[0]
        self._how: Adaptation = training_rule(config, problem, learner).for_tasks(self._num_tasks)

    def thetas(self) -> list[Params]:
        """theta_0..theta_N of all tasks, [T, ...] each."""
        with torch.no_grad():
            start = over_tasks(self._learner.theta, self._num_tasks)
            return self._walked(start, num_steps=self._config.num_inner_steps, order="first")

    def losses(self, thetas: Sequence[Params], examples: Examples) -> Numbers:
        """Loss of each task on its examples at each theta, [T, len(thetas)]."""
        at = self._tasks._replace(query=examples)
        with torch.no_grad():
            found = [self._losses(theta, step, at).double().cpu().numpy() for step, theta in enumerate(thetas)]
        return np.stack(found, axis=1)

    def moved(self, thetas: Sequence[Params]) -> _Back:
        """(theta_0 - theta_N) / (alpha N), which is no gradient and is not carried back."""
        count = len(thetas) - 1
        scale = self._config.alpha * count
        gone = {name: (value - thetas[-1][name]) / scale for name, value in thetas[0].items()}
        rows = _rows(with_head(self._config, self._problem, gone))
        unknown = np.full((self._num_tasks, count), np.nan)
        return _Back(
            begins=rows,
            gradients=rows,
            of_first=np.repeat(rows[:1], count + 1, axis=0),
            query_gradient=np.full(self._num_tasks, np.nan),
            lengths=np.repeat(length(rows)[:, None], count + 1, axis=1),
            factor_ratio=unknown,
            factor_cosine=unknown,
        )

    def back(self, thetas: Sequence[Params], weights: Sequence[float], order: Literal["second", "first"]) -> _Back:
        """The query gradients, carried from theta_N to theta_0."""
        last = len(thetas) - 1
        at_end = self._query_gradient(thetas[last], last)
        vector = {name: weights[last] * value for name, value in at_end.items()}
        vectors: list[Numbers] = [_rows(vector)]
        ratios: list[Numbers] = []
        cosines: list[Numbers] = []
        for step in reversed(range(last)):
            before = _rows(vector)
            vector = self._carried(thetas[step], step, vector) if order == "second" else vector
            behind = _rows(vector)
            ratios.insert(0, length_ratio(behind, before))
            cosines.insert(0, cosine(behind, before))
            if weights[step] != 0.0:
                added = self._query_gradient(thetas[step], step)
                vector = {name: value + weights[step] * added[name] for name, value in vector.items()}
            vectors.insert(0, _rows(vector))
        gradients = _rows(with_head(self._config, self._problem, vector))
        vectors[0] = gradients
        return _Back(
            begins=vectors[-1],
            gradients=gradients,
            of_first=np.stack([rows[0] for rows in vectors]),
            query_gradient=length(_rows(at_end)),
            lengths=np.stack([length(rows) for rows in vectors], axis=1),
            factor_ratio=np.array(ratios).reshape(last, self._num_tasks).T,
            factor_cosine=np.array(cosines).reshape(last, self._num_tasks).T,
        )

    def _carried(self, theta: Params, step: int, vector: Params) -> Params:
        """The vector behind the factor of theta_k: the transposed Jacobian of that inner step, times the vector."""
        point = leaves(theta)
        with torch.enable_grad():
            end = self._walked(point, num_steps=1, order="second", first_step=step)[-1]
        found = torch.autograd.grad(
            list(end.values()), list(point.values()), list(vector.values()), allow_unused=True, materialize_grads=True
        )
        return dict(zip(theta, found, strict=True))

    def _query_gradient(self, theta: Params, step: int) -> Params:
        point = leaves(theta)
        with torch.enable_grad():
            total = self._losses(point, step, self._tasks).sum()
        found = torch.autograd.grad(total, list(point.values()), allow_unused=True, materialize_grads=True)
        return dict(zip(theta, found, strict=True))

    def _walked(
        self, theta: Params, *, num_steps: int, order: Literal["second", "first"], first_step: int = 0
    ) -> list[Params]:
        return adapt(
            theta,
            self._tasks.support,
            model=self._problem.model,
            loss=self._problem.loss,
            how=self._how,
            num_steps=num_steps,
            order=order,
            record=lambda _, theta: theta,
            first_step=first_step,
        ).records

    def _losses(self, theta: Params, step: int, tasks: Tasks) -> Tensor:
        return judged(self._problem, theta, tasks, 1, step=step, normalization=self._how.normalization).losses[0]


def _rows(theta: Params) -> Numbers:
    rows: Numbers = flattened({name: value.detach() for name, value in theta.items()}).double().cpu().numpy()
    return rows


def _row(theta: Params) -> Numbers:
    (row,) = _rows(theta)
    return np.asarray(row)
