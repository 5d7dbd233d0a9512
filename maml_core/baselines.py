"""What a run is compared with: joint pretraining and an oracle, trained beside it, and training from scratch on each task.

- Random start: the initial weights, adapted by plain gradient steps. Nothing to train.
- Joint pretraining: the same network, trained on the query points of all tasks without inner steps; adapted by plain gradient steps.
- Oracle: the same network, which is given the task's parameters with every x (amplitude and phase, or w). It does not adapt.
- From scratch: for each task the initial weights, trained on its support points alone until that stops helping (`scratch`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from maml_core.algorithms import initial_statistics
from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.evaluation import Evaluation, Form, evaluate, summarize
from maml_core.inner import Adaptation
from maml_core.models import MLP
from maml_core.normalization import BY_BATCH, Normalization, Treatment
from maml_core.outer import MetaGradient, meta_gradient
from maml_core.problem import Problem, held_out_tasks, torch_dtype
from maml_core.records import Summary
from maml_core.rng import Stream
from maml_core.scratch import scratch_evaluation
from maml_core.types import Examples, Params, Tasks

# Trained beside a run


class Trained(Protocol):
    """What evaluating a learner needs; `run_state.Learner` is one."""

    @property
    def theta(self) -> Params:
        """Parameters, one lane."""
        ...

    @property
    def statistics(self) -> Params:
        """Batch norm's running averages, where the treatment keeps any."""
        ...


class Start(NamedTuple):
    """A learner at outer step 0."""

    theta: Params
    statistics: Params


def initial(config: RunConfig, problem: Problem, inputs: Tensor | None = None) -> Start:
    """The initial weights as baselines have them: nothing of theirs belongs to a single inner step."""
    theta = problem.initial_theta(config.weights_seed, torch_dtype(config))
    return Start(theta, initial_statistics(config, problem, theta, 0, inputs=inputs))


class Baseline(NamedTuple):
    """A learner without inner steps, trained beside a run on the run's tasks."""

    problem: Problem
    seen: Callable[[Tasks], Tasks]
    """The run's tasks as this learner sees them."""
    treatment: Treatment

    def start(self, config: RunConfig) -> Start:
        """At outer step 0."""
        some = self.seen(held_out_tasks(config, self.problem, 2))
        return initial(config, self.problem, some.query.x[:1])

    def gradient(self, learner: Trained, tasks: Tasks) -> MetaGradient:
        """Gradient of the query loss, mean over the run's tasks."""
        how = Normalization(self.treatment, learner.statistics)
        return meta_gradient(
            learner.theta,
            self.seen(tasks),
            problem=self.problem,
            how=Adaptation(0.0, normalization=how),
            num_inner_steps=0,
        )


def baselines_of(config: RunConfig, problem: Problem) -> dict[str, Baseline]:
    """The baselines that a config asks for, by name: "joint", "oracle".

    Raises:
        ConfigError: An oracle is asked for where none can be built; see `oracle_problem`.
    """
    found = {}
    if config.joint_baseline:
        found["joint"] = Baseline(problem, _unchanged, config.batch_norm_treatment)
    if config.oracle_baseline:
        found["oracle"] = Baseline(oracle_problem(problem), with_parameters_in_x, config.batch_norm_treatment)
    return found


@lru_cache(maxsize=16)
def oracle_problem(problem: Problem) -> Problem:
    """This problem with the network's first layer widened by the parameters of a task.

    Raises:
        ConfigError: The tasks have no parameters, or the model is not the engine's own network and cannot be widened.
    """
    drawn = problem.family.draw_tasks(seed=0, stream=Stream.PROBE, num_tasks=1, shots=1, num_query=1).parameters
    num_parameters = drawn.numel() if drawn.is_floating_point() else 0  # whole numbers only name classes
    if num_parameters == 0:
        raise ConfigError("oracle_baseline", True, "these tasks have no parameters to tell an oracle; switch it off")
    if type(problem.model) is not MLP:
        raise ConfigError(
            "oracle_baseline",
            True,
            f"a {type(problem.model).__name__} cannot be widened by the task's parameters; use an MLP, or switch it off",
        )
    model = problem.model.with_inputs(problem.family.num_inputs + num_parameters)
    return Problem(
        family=problem.family, model=model, loss=problem.loss, held_out=problem.held_out, device=problem.device
    )


def with_parameters_in_x(tasks: Tasks) -> Tasks:
    """These tasks with each task's parameters appended to every x."""

    def appended(examples: Examples) -> Examples:
        parameters = tasks.parameters.flatten(1).unsqueeze(1).expand(-1, examples.x.shape[1], -1)
        return Examples(torch.cat([examples.x, parameters], dim=2), examples.y)

    return tasks._replace(support=appended(tasks.support), query=appended(tasks.query))


def _unchanged(tasks: Tasks) -> Tasks:
    return tasks


# Evaluated


def evaluate_baseline(
    config: RunConfig,
    name: str,
    learner: Trained,
    tasks: Tasks,
    *,
    problem: Problem,
    num_steps: int,
    form: Form | None = None,
) -> Evaluation:
    """Held-out losses of a baseline after 0..`num_steps` plain gradient steps of alpha at test; the oracle takes none of them.

    Args:
        config: Gives alpha at test and the treatment of batch norm.
        name: "oracle", or "joint" or "random", whose network is the run's.
        learner: Its parameters and running averages.
        tasks: Held-out tasks, as the run sees them.
        problem: The run's.
        num_steps: N_eval >= 0.
        form: What computes the run's own evaluations; see `evaluate`.
    """
    how = Normalization(config.batch_norm_treatment, learner.statistics)
    if name == "oracle":
        return evaluate_oracle(learner.theta, tasks, problem=problem, num_steps=num_steps, normalization=how)
    return evaluate(
        learner.theta,
        tasks,
        problem=problem,
        how=Adaptation(config.alpha_at_test, normalization=how),
        num_steps=num_steps,
        form=form,
    )


def evaluate_oracle(
    theta: Params, tasks: Tasks, *, problem: Problem, num_steps: int = 0, normalization: Normalization = BY_BATCH
) -> Evaluation:
    """Query losses of an oracle with parameters `theta`, the same after each of 0..`num_steps` steps: it does not adapt.

    Args:
        theta: Parameters of the model of `oracle_problem`, L lanes.
        tasks: Held-out tasks, as the run sees them.
        problem: The run's.
        num_steps: How often the losses are repeated beyond the first.
        normalization: Whose statistics batch norm uses.
    """
    once = evaluate(
        theta,
        with_parameters_in_x(tasks),
        problem=oracle_problem(problem),
        how=Adaptation(0.0, normalization=normalization),
        num_steps=0,
    )
    return repeated(once, num_steps)


def repeated(evaluation: Evaluation, num_steps: int) -> Evaluation:
    """The last losses and accuracies after each of 0..`num_steps` steps: of a learner that takes no steps."""

    def flat(values: Tensor) -> Tensor:
        return values[-1:].expand(num_steps + 1, -1, -1)

    accuracy = evaluation.accuracy
    return evaluation._replace(
        query_loss=flat(evaluation.query_loss), accuracy=None if accuracy is None else flat(accuracy)
    )


def evaluate_baselines(
    config: RunConfig, trained: Mapping[str, Trained], tasks: Tasks, *, problem: Problem, num_steps: int
) -> dict[str, Summary]:
    """Every baseline on the same tasks, by name: "random", those of `trained`, and "scratch", which takes seconds.

    Args:
        config: Gives alpha at test, the initial weights and the treatment of batch norm.
        trained: Learners by name ("joint", "oracle"): `RunState.baselines`.
        tasks: Held-out tasks.
        problem: The run's.
        num_steps: N_eval; what does not adapt has the same level at each step.
    """
    start = initial(config, problem)
    found = {
        name: evaluate_baseline(config, name, learner, tasks, problem=problem, num_steps=num_steps)
        for name, learner in {"random": start, **trained}.items()
    }
    found["scratch"] = repeated(scratch_evaluation(config, start.theta, tasks, problem=problem), num_steps)
    return {name: summarize(evaluation) for name, evaluation in found.items()}
