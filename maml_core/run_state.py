"""The state of a run, a value: what the next outer step depends on besides the config, and how its theta_0 adapts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from maml_core.algorithms import adaptation, initial_rates, initial_statistics, initial_theta, numbers_of
from maml_core.baselines import baselines_of
from maml_core.config import RunConfig
from maml_core.inner import Adaptation
from maml_core.optim import OptimizerState, init_optimizer
from maml_core.params import merge_meta
from maml_core.problem import Problem
from maml_core.records import Status
from maml_core.types import Params


class Learner(NamedTuple):
    """Parameters and the state of their outer optimiser."""

    theta: Params
    optimizer: OptimizerState
    rates: tuple[Params, ...]
    """What is learned of the inner loop, where the algorithm learns any; updated by the same optimiser."""
    statistics: Params
    """Batch norm's running averages, where the treatment keeps any."""

    @property
    def meta_parameters(self) -> Params:
        """All that the outer loop learns, as the optimiser sees it."""
        return merge_meta(self.theta, self.rates)

    def __repr__(self) -> str:
        beside = [
            f"{len(self.rates)} x learned rates or matrices" if self.rates else "",
            "running averages" if self.statistics else "",
        ]
        return f"Learner({'; '.join([_sizes(self.theta), *filter(None, beside)])})"


class Checkpoint(NamedTuple):
    """A state worth going back to."""

    step: int
    meta: Learner
    baselines: dict[str, Learner]

    def __repr__(self) -> str:
        return f"Checkpoint(step={self.step}, theta_0: {_sizes(self.meta.theta)})"


class RunState(NamedTuple):
    """Everything that the next step depends on, besides the config."""

    step: int
    """Outer steps taken."""
    meta: Learner
    baselines: dict[str, Learner]
    """Trained on the same tasks, by name: "joint" and "oracle", where they are on."""
    good: Checkpoint
    """Where a roll-back goes."""
    candidate: Checkpoint
    """Becomes `good` when it has survived until the next checkpoint."""
    loss_scale: float
    """What losses are compared with: the zero predictor's level, or the initial held-out loss where that is larger."""
    high_loss_steps: int = 0
    status: Status = Status()
    own_problem: bool = False
    """Whether it was trained with a problem that the settings do not name: it goes on with that problem only."""
    compiled: str = ""
    """Key of the compiled form in which outer steps are computed that have it; see `compiled.step`. Empty where all are computed eagerly."""

    @property
    def joint(self) -> Learner | None:
        """The joint-pretraining baseline; None where it is off."""
        return self.baselines.get("joint")

    @property
    def oracle(self) -> Learner | None:
        """The oracle; None where it is off."""
        return self.baselines.get("oracle")

    def __repr__(self) -> str:
        beside = f"; beside it: {', '.join(self.baselines)}" if self.baselines else ""
        return f"RunState(step={self.step}, status={self.status.kind!r}, theta_0: {_sizes(self.meta.theta)}{beside})"


def _sizes(theta: Params) -> str:
    """How much there is of parameters, in place of their numbers."""
    count = sum(value.numel() for value in theta.values())
    dtypes = sorted({str(value.dtype).removeprefix("torch.") for value in theta.values()})
    return f"{len(theta)} tensors, {count:,} numbers, {', '.join(dtypes)}"


_NO_MOMENTS = OptimizerState(0, {}, {})


def first_learner(config: RunConfig, problem: Problem) -> Learner:
    """What a run learns, as it begins."""
    theta = initial_theta(config, problem)
    statistics = initial_statistics(config, problem, theta, config.num_inner_steps)
    return fresh(config, Learner(theta, _NO_MOMENTS, initial_rates(config, theta), statistics))


def baseline_learners(config: RunConfig, problem: Problem, trained: Mapping[str, Learner]) -> dict[str, Learner]:
    """The baselines that a config asks for: those that are trained already, and the others as they begin."""
    found = {}
    for name, baseline in baselines_of(config, problem).items():
        if name in trained:
            found[name] = trained[name]
        else:
            begin = baseline.start(config)
            found[name] = fresh(config, Learner(begin.theta, _NO_MOMENTS, (), begin.statistics))
    return found


def fresh(config: RunConfig, learner: Learner) -> Learner:
    """This learner with an optimiser that has seen nothing yet."""
    return learner._replace(optimizer=init_optimizer(config.outer_optimizer, learner.meta_parameters))


def rule(config: RunConfig, problem: Problem, learner: Learner) -> Adaptation:
    """How a run's theta_0 adapts to held-out tasks: by its step size at test, and whatever else its algorithm has.

    >>> from maml_core import build_problem, init_run
    >>> config = RunConfig(alpha=0.02)
    >>> rule(config, build_problem(config), init_run(config).meta).alpha
    0.02
    """
    numbers = numbers_of(config)._replace(alpha=config.alpha_at_test)
    return adaptation(config, problem, learner.rates, learner.statistics, numbers=numbers)


def training_rule(config: RunConfig, problem: Problem, learner: Learner) -> Adaptation:
    """How a run's theta_0 adapts in training: by alpha."""
    return adaptation(config, problem, learner.rates, learner.statistics)
