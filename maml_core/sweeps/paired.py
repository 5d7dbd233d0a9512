"""Two runs on common held-out tasks: the losses task by task, and their paired difference. Imports without torch until it is computed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import ConfigError
from maml_core.intervals import half_width
from maml_core.records import Numbers

if TYPE_CHECKING:
    from maml_core.problem import Problem
    from maml_core.run_state import RunState


class PairedDifference(NamedTuple):
    """How much lower one run's held-out loss is than another's, task by task."""

    mean: float
    """Mean of the second's loss minus the first's over all tasks; below 0 the second is better. Not finite where a task's loss is not."""
    ci95: float
    """Half-width of its 95% interval (Student's t over the tasks' differences)."""
    num_tasks: int

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out zero."""
        return math.isfinite(self.mean) and abs(self.mean) > self.ci95


def paired_difference(first: Numbers, second: Numbers) -> PairedDifference:
    """The difference of two runs' losses on the same tasks.

    What tasks have in common, being easy or hard, cancels, so that the interval is narrower than those of the two means.

    >>> paired_difference(np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.5, 2.5]))
    PairedDifference(mean=-0.5, ci95=0.0, num_tasks=3)

    Args:
        first: Losses of T >= 2 tasks, [T].
        second: Of the same tasks in the same order, [T].

    Raises:
        ValueError: Not as many tasks, or fewer than two.
    """
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise ValueError(
            f"losses of the same two or more tasks are needed, not of shapes {first.shape} and {second.shape}"
        )
    with np.errstate(invalid="ignore"):  # inf - inf is a NaN that says so
        differences = second - first
        return PairedDifference(float(np.mean(differences)), float(half_width(differences)), len(differences))


def check_common_tasks(configs: tuple[RunConfig, ...]) -> None:
    """Refuse runs that are not judged on common tasks.

    Raises:
        ConfigError: Their held-out tasks differ; says in what.
    """
    for config in configs[1:]:
        for name in ("tasks", "evaluation_seed", "evaluation_tasks", "num_query", "dtype"):
            if getattr(config, name) != getattr(configs[0], name):
                accepted = "the same for all that are compared: only then are they judged on common tasks"
                raise ConfigError(name, getattr(config, name), accepted)


def task_losses(
    config: RunConfig, state: bytes | RunState, images: TrainedImages | None = None, *, problem: Problem | None = None
) -> Numbers:
    """Held-out query loss after N inner steps on each of the config's held-out tasks, [T].

    Args:
        config: The run's.
        state: Where it stands, as it is or as bytes.
        images: That the run was trained on, where it is of images in files: they must be there, and are split as they were.
        problem: In place of the one that the config names.

    Raises:
        StateError: The state is damaged, or not of this config.

    >>> from maml_core import init_run
    >>> config = RunConfig(evaluation_tasks=4)
    >>> task_losses(config, init_run(config)).shape
    (4,)
    """
    from maml_core.evaluation import evaluate
    from maml_core.problem import build_problem, held_out_tasks
    from maml_core.run_state import RunState, rule
    from maml_core.state_bytes import RecentStates, check_state

    run = RecentStates.shared().state(state, "cpu") if isinstance(state, bytes) else state
    if not isinstance(run, RunState):
        raise TypeError(f"state is a {type(state).__name__}: a RunState is expected, or its bytes")
    problem = problem or build_problem(config, trained=images)
    check_state(run, config, problem)
    how = rule(config, problem, run.meta)
    steps = config.num_inner_steps
    found = evaluate(run.meta.theta, held_out_tasks(config, problem), problem=problem, num_steps=steps, how=how)
    return found.query_loss[steps, 0].double().numpy()
