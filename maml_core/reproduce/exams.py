"""What has come out of a training: evaluated in a worker, on test tasks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from maml_core.config import RunConfig, replace
from maml_core.records import Numbers, Summary
from maml_core.reproduce.cases import Exam

if TYPE_CHECKING:
    from maml_core.evaluation import Evaluation

TEST_SEED = 90_210
"""Seed of the test tasks. No setting was ever chosen by them: choices were made on tasks of other seeds."""


class Judged(NamedTuple):
    """What one training reaches on test tasks."""

    summary: Summary
    """After 0.. inner steps of the exam."""
    by_task: Numbers
    """Losses, or accuracies, of the T tasks after each of the R reported numbers of inner steps, [R, T], in float32."""


def judged(
    learner: str, config: RunConfig, state: bytes | None, exam: Exam, shots: int, num_tasks: int, device: str = "cpu"
) -> Judged:
    """What is reached after each inner step of the exam, on tasks that no training and no choice has seen; see `Setup.learner`."""
    from maml_core.evaluation import summarize

    found = _evaluation(learner, config, state, exam, shots, num_tasks, device)
    values = found.query_loss if found.accuracy is None else found.accuracy
    kept = values[list(exam.reported), 0].float().nan_to_num(nan=math.inf, posinf=math.inf).cpu().numpy()
    return Judged(summarize(found), kept)


def _evaluation(
    learner: str, config: RunConfig, state: bytes | None, exam: Exam, shots: int, num_tasks: int, device: str
) -> Evaluation:
    from maml_core.baselines import evaluate_baseline, initial, repeated
    from maml_core.evaluation import concatenated, evaluate, in_groups
    from maml_core.problem import build_problem, held_out_tasks
    from maml_core.run_state import rule
    from maml_core.scratch import scratch_evaluation
    from maml_core.state_bytes import state_from_bytes

    problem = build_problem(config, device)
    at_test = replace(config, {"shots": shots, "evaluation_seed": TEST_SEED, "evaluation_tasks": num_tasks})
    steps = exam.num_steps
    if learner == "meta":
        assert state is not None  # trained before
        meta = state_from_bytes(state, device).meta
        how = rule(config, problem, meta)
        groups = in_groups(at_test, problem, stream=exam.stream)
        return concatenated(
            [evaluate(meta.theta, group, problem=problem, num_steps=steps, how=how) for group in groups]
        )
    tasks = held_out_tasks(at_test, problem, stream=exam.stream)
    if learner == "scratch":
        theta = initial(config, problem).theta
        return repeated(scratch_evaluation(config, theta, tasks, problem=problem), steps)
    if learner == "random":
        start = initial(config, problem)
        return evaluate_baseline(config, learner, start, tasks, problem=problem, num_steps=steps)
    assert state is not None  # trained before
    told = state_from_bytes(state, device).baselines["oracle"]
    return evaluate_baseline(config, learner, told, tasks, problem=problem, num_steps=steps)
