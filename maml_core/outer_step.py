"""One outer step of a run and of its baselines: what is learned moves along its meta-gradient, everybody on the same tasks.

Whatever a dial, a schedule or the run itself moves goes in as a value, a number or a tensor, so that a trace of this function serves at every
step (`compiled`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol

from torch import Tensor

from maml_core.algorithms import InnerNumbers, moved_statistics, numbers_of, outer_gradient
from maml_core.baselines import baselines_of
from maml_core.config import RunConfig
from maml_core.optim import updated
from maml_core.outer import MetaGradient
from maml_core.params import all_finite, merge_meta, split_meta
from maml_core.problem import Problem
from maml_core.run_state import Learner
from maml_core.schedules import Schedule
from maml_core.types import Tasks

META = "meta"
"""The run's own learner, among its baselines."""


class Numbers(NamedTuple):
    """What dials and schedules move while a run trains."""

    inner: InnerNumbers
    step_weights: tuple[float | Tensor, ...] | None
    """Weights of the query losses after 1..N steps; None where only the last counts."""
    beta: float | Tensor
    clip_norm: float | Tensor | None
    adam_eps: float | Tensor


class Measured(NamedTuple):
    """What one outer step says of itself, in plain numbers."""

    query_loss: dict[str, float]
    """Training loss of each learner before the step."""
    residual: float | None
    """See `Outcome.residual`."""
    accuracy: float | None
    not_finite: tuple[str, ...]
    """Learners whose parameters or moments are not finite after it."""


class Walk(Protocol):
    """Outer steps one after the other, all of the same order and with the same numbers."""

    def step(self, tasks: Tasks) -> Measured:
        """Take the next one, on these tasks."""
        ...

    @property
    def learners(self) -> dict[str, Learner]:
        """What is learned, after the steps that were taken."""
        ...


class Outcome(NamedTuple):
    """What one outer step finds."""

    learners: dict[str, Learner]
    """After the step, by name."""
    query_loss: dict[str, Tensor]
    """Training loss of each learner, [1], before the step."""
    residual: Tensor | None
    """iMAML only: relative residual of the linear solve, the worst task's, [1]."""
    accuracy: Tensor | None
    """Share of the query examples that theta_N names right, [1]; None in regression."""


def numbers_at(config: RunConfig, now: Schedule) -> Numbers:
    """A config's numbers at an outer step."""
    return Numbers(numbers_of(config), now.step_weights, now.beta, config.clip_norm, config.adam_eps)


def outer_step(
    config: RunConfig,
    problem: Problem,
    learners: Mapping[str, Learner],
    tasks: Tasks,
    order: Literal["second", "first"],
    numbers: Numbers,
) -> Outcome:
    """One outer step.

    Args:
        config: What is computed. Of its numbers those of `numbers` count.
        problem: Of the run.
        learners: The run's, `META`, and its baselines'.
        tasks: The step's.
        order: Of the meta-gradient, at this step.
        numbers: Those of this step.
    """
    meta = learners[META]
    found = outer_gradient(
        config,
        meta.theta,
        meta.rates,
        tasks,
        problem=problem,
        order=order,
        step_weights=numbers.step_weights,
        statistics=meta.statistics,
        numbers=numbers.inner,
    )
    gradients = {META: found} | {
        name: baseline.gradient(learners[name], tasks) for name, baseline in baselines_of(config, problem).items()
    }
    return Outcome(
        learners={name: moved(config, learners[name], by, numbers) for name, by in gradients.items()},
        query_loss={name: by.query_loss for name, by in gradients.items()},
        residual=found.residual,
        accuracy=found.accuracy,
    )


class EagerWalk:
    """A `Walk` whose steps PyTorch computes one operation after the other.

    Args:
        config, problem, learners, order, numbers: As of `outer_step`.
    """

    def __init__(
        self,
        config: RunConfig,
        problem: Problem,
        learners: Mapping[str, Learner],
        order: Literal["second", "first"],
        numbers: Numbers,
    ) -> None:
        self._config, self._problem, self._order, self._numbers = config, problem, order, numbers
        self.learners = dict(learners)

    def step(self, tasks: Tasks) -> Measured:
        """Take the next step, on these tasks."""
        found = outer_step(self._config, self._problem, self.learners, tasks, self._order, self._numbers)
        self.learners = found.learners
        return Measured(
            {name: float(loss) for name, loss in found.query_loss.items()},
            None if found.residual is None else float(found.residual),
            None if found.accuracy is None else float(found.accuracy),
            tuple(name for name, learner in found.learners.items() if not _is_finite(learner)),
        )


def _is_finite(learner: Learner) -> bool:
    """Parameters, and squared gradients too: one that overflowed would stop Adam for ever with finite parameters."""
    return all_finite(learner.meta_parameters) and (
        not learner.optimizer.second or all_finite(learner.optimizer.second)
    )


def moved(config: RunConfig, learner: Learner, by: MetaGradient, numbers: Numbers) -> Learner:
    """What is learned, after the outer optimiser has moved it along a meta-gradient."""
    after, optimizer = updated(
        learner.meta_parameters,
        merge_meta(by.gradient, by.rates_gradient),
        learner.optimizer,
        kind=config.outer_optimizer,
        beta=numbers.beta,
        clip_norm=numbers.clip_norm,
        adam_betas=config.adam_betas,
        adam_eps=numbers.adam_eps,
    )
    theta, rates = split_meta(after)
    return Learner(theta, optimizer, rates, moved_statistics(config, learner.statistics, by))
