"""Two runs on common held-out tasks: whether they have these, and the losses task by task. Imports without torch until they are computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.errors import ConfigError
from maml_core.families.own import OwnCode
from maml_core.records import Numbers

if TYPE_CHECKING:
    from maml_core.problem import Problem
    from maml_core.run_state import RunState


COMMON = ("tasks", "evaluation_seed", "evaluation_tasks", "num_query", "dtype")
"""What runs have in common that are judged on common tasks."""


def check_common_tasks(configs: tuple[RunConfig, ...]) -> None:
    """Refuse runs that are not judged on common tasks.

    Raises:
        ConfigError: Their held-out tasks differ; says in what.
    """
    for config in configs[1:]:
        for name in COMMON:
            if getattr(config, name) != getattr(configs[0], name):
                accepted = "the same for all that are compared: only then are they judged on common tasks"
                raise ConfigError(name, getattr(config, name), accepted)


def task_losses(
    config: RunConfig,
    state: bytes | RunState,
    images: TrainedImages | None = None,
    code: OwnCode | None = None,
    *,
    problem: Problem | None = None,
) -> Numbers:
    """Held-out query loss after N inner steps on each of the config's held-out tasks, [T].

    Args:
        config: The run's.
        state: Where it stands, as it is or as bytes.
        images: That the run was trained on, where it is of images in files: they must be there, and are split as they were.
        code: Of the problem, where it is one of one's own that has been named.
        problem: In place of the one that the config names.

    Raises:
        StateError: The state is damaged, or not of this config.

    >>> from maml_core import init_run
    >>> config = RunConfig(evaluation_tasks=4)
    >>> task_losses(config, init_run(config)).shape
    (4,)
    """
    from maml_core.evaluation import evaluate
    from maml_core.own_code import problem_for
    from maml_core.problem import held_out_tasks
    from maml_core.run_state import RunState, rule
    from maml_core.state_bytes import RecentStates, check_state

    run = RecentStates.shared().state(state, "cpu") if isinstance(state, bytes) else state
    if not isinstance(run, RunState):
        raise TypeError(f"state is a {type(state).__name__}: a RunState is expected, or its bytes")
    problem = problem or problem_for(config, code, images=images)
    check_state(run, config, problem)
    how = rule(config, problem, run.meta)
    steps = config.num_inner_steps
    found = evaluate(run.meta.theta, held_out_tasks(config, problem), problem=problem, num_steps=steps, how=how)
    return found.query_loss[steps, 0].double().numpy()
