"""Adaptation outside the range of the training tasks (Finn & Levine 2018, section 6.1), beside adaptation inside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from maml_core.analysis_records import Shift
from maml_core.config import CurveConfig, GlyphsConfig, RunConfig, RunTasks
from maml_core.errors import ConfigError, DataError
from maml_core.evaluation import evaluate, summarize
from maml_core.families.curves import CurveFamily
from maml_core.inner import Adaptation
from maml_core.problem import Problem, build_problem, held_out_tasks, torch_dtype
from maml_core.rng import Stream
from maml_core.settings import Interval, hints_of
from maml_core.threads import single_threaded
from maml_core.types import Params

INSIDE = "inside"
HARDER = 0.5
"""How much more difficult glyphs of a shift are, 1 at most."""


@single_threaded
def shifts(
    config: RunConfig, theta_0: Params, *, problem: Problem, how: Adaptation, num_steps: int, num_tasks: int
) -> tuple[Shift, ...]:
    """What adaptation reaches on tasks like those of training, and on tasks of each kind that training has not seen. Changes nothing.

    Of curves each range of the tasks moves up by itself: from its upper end on, half as wide. Glyphs become more difficult; images from files
    are of the test classes, which may be of other alphabets, where there are enough of them. Tasks of somebody's own problem are those inside alone.

    Args:
        config: Of the run, which says how tasks are drawn.
        theta_0: One lane of parameters, [1, ...].
        problem: Of the run.
        how: How theta_0 adapts.
        num_steps: Inner steps.
        num_tasks: Tasks of each kind.
    """
    found = []
    for name, words, tasks, stream in _kinds(config, problem):
        of_kind = dataclasses.replace(config, tasks=tasks)
        among = problem if tasks is config.tasks else build_problem(of_kind, str(problem.device))
        drawn = held_out_tasks(of_kind, among, num_tasks=num_tasks, stream=stream)
        evaluation = evaluate(theta_0, drawn, problem=among, how=how, num_steps=num_steps)
        found.append(Shift(name, words, summarize(evaluation)))
    return tuple(found)


def _kinds(config: RunConfig, problem: Problem) -> Iterator[tuple[str, str, RunTasks, Stream]]:
    """Name, words, settings and stream of each kind of tasks."""
    tasks = _without_test_ranges(config.tasks)
    yield INSIDE, "as in training", tasks, Stream.HELD_OUT_TASKS
    if not problem.is_of(config):
        return
    if isinstance(tasks, CurveFamily):
        for name, (low, high) in _moved_up(tasks).items():
            changed: Any = {name: (low, high)}
            yield name, f"{name} {low:.3g} to {high:.3g}", dataclasses.replace(tasks, **changed), Stream.HELD_OUT_TASKS
    elif isinstance(tasks, GlyphsConfig):
        if tasks.difficulty < 1.0:
            harder = dataclasses.replace(tasks, difficulty=min(1.0, tasks.difficulty + HARDER))
            yield "difficulty", f"difficulty {harder.difficulty:.3g}", harder, Stream.HELD_OUT_TASKS
    elif _has_test_tasks(config, problem):
        yield "classes", "test classes", tasks, Stream.TEST_TASKS


def _has_test_tasks(config: RunConfig, problem: Problem) -> bool:
    """Whether there are test classes, as many and with as many images as a task takes."""
    try:
        problem.draw_tasks(
            seed=config.evaluation_seed,
            stream=Stream.TEST_TASKS,
            num_tasks=1,
            shots=config.shots,
            num_query=config.num_query,
            dtype=torch_dtype(config),
        )
    except (ConfigError, DataError):
        return False
    return True


def _without_test_ranges(tasks: RunTasks) -> RunTasks:
    """A family whose held-out tasks are like those of training."""
    names = {field.name for field in dataclasses.fields(tasks)}
    changed: Any = {
        f"test_{name}": None for name in names if f"test_{name}" in names and getattr(tasks, f"test_{name}") is not None
    }
    return dataclasses.replace(tasks, **changed) if changed else tasks


def _moved_up(tasks: CurveConfig) -> dict[str, Interval]:
    """Each range of a family from its upper end on, half as wide, as far as the setting accepts it."""
    hints, found = hints_of(type(tasks)), {}
    for field in dataclasses.fields(tasks):
        if hints[field.name] == Interval:
            low, high = getattr(tasks, field.name)
            if low < high and high + (high - low) / 2.0 <= field.metadata["high"]:
                found[field.name] = (high, high + (high - low) / 2.0)
    return found
