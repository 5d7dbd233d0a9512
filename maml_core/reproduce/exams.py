"""What has come out of a training: evaluated in a worker, on test tasks."""

from __future__ import annotations

from maml_core.config import RunConfig, replace
from maml_core.records import Summary
from maml_core.reproduce.cases import Exam

TEST_SEED = 90_210
"""Seed of the test tasks. No setting was ever chosen by them: choices were made on tasks of other seeds."""


def summary_on_test_tasks(
    learner: str, config: RunConfig, state: bytes | None, exam: Exam, shots: int, num_tasks: int, device: str = "cpu"
) -> Summary:
    """What is reached after each inner step of the exam, on tasks that no training and no choice has seen; see `Setup.learner`."""
    from maml_core.baselines import evaluate_baseline, initial, repeated
    from maml_core.evaluation import concatenated, evaluate, in_groups, summarize
    from maml_core.problem import build_problem, held_out_tasks
    from maml_core.run_state import rule
    from maml_core.scratch import scratch_evaluation
    from maml_core.state_bytes import state_from_bytes

    problem = build_problem(config, device)
    judged = replace(config, {"shots": shots, "evaluation_seed": TEST_SEED, "evaluation_tasks": num_tasks})
    steps = exam.num_steps
    if learner == "meta":
        assert state is not None  # trained before
        meta = state_from_bytes(state, device).meta
        how = rule(config, problem, meta)
        groups = in_groups(judged, problem, stream=exam.stream)
        return summarize(
            concatenated([evaluate(meta.theta, group, problem=problem, num_steps=steps, how=how) for group in groups])
        )
    tasks = held_out_tasks(judged, problem, stream=exam.stream)
    if learner == "scratch":
        theta = initial(config, problem).theta
        return summarize(repeated(scratch_evaluation(config, theta, tasks, problem=problem), steps))
    if learner == "random":
        start = initial(config, problem)
        return summarize(evaluate_baseline(config, learner, start, tasks, problem=problem, num_steps=steps))
    assert state is not None  # trained before
    told = state_from_bytes(state, device).baselines["oracle"]
    return summarize(evaluate_baseline(config, learner, told, tasks, problem=problem, num_steps=steps))
