"""What the paper's setting reaches: 10-shot test loss after one inner step, on 10,000 held-out tasks, median of three seeds."""

from __future__ import annotations

import statistics
import time

import numpy as np
import torch

from maml_core.config import RunConfig
from maml_core.evaluation import evaluate, summarize
from maml_core.inner import Adaptation
from maml_core.problem import build_problem, held_out_tasks
from maml_core.runs import advance, init_run
from tests.benchmarks.rows import Figure, Row, at_least, at_most, figures, printed

AIMS = {5_000: 0.70, 20_000: 0.45}
SEEDS = (0, 1, 2)
NUM_TASKS = 10_000


def _about(step: int, aim: float) -> tuple[Figure, ...]:
    return (
        at_most(f"{step:,} steps: test loss after one inner step", aim, ""),
        at_least(f"{step:,} steps: before adaptation, above the best that cannot adapt, upper end of 95%", 0.0, ""),
    )


FIGURES = figures(*(figure for step, aim in AIMS.items() for figure in _about(step, aim)))


def main() -> list[Row]:
    """Train, evaluate and print."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    print(
        f"quality: alpha 0.01, N 1, 10 shots, Adam 0.001, 25 tasks; test MSE on {NUM_TASKS:,} held-out tasks, seeds {SEEDS}",
        flush=True,
    )
    try:
        return printed(FIGURES, reached(tuple(AIMS)))
    finally:
        torch.set_num_threads(before)


def reached(milestones: tuple[int, ...]) -> dict[str, float]:
    """Median of the seeds' losses at every milestone, and the least margin above the best predictor that cannot adapt."""
    found: dict[int, list[tuple[float, float, float]]] = {step: [] for step in milestones}
    for seed in SEEDS:
        config = RunConfig(weights_seed=seed, tasks_seed=seed, joint_baseline=False, evaluate_every=1_000_000)
        problem = build_problem(config)
        tasks = held_out_tasks(config, problem, NUM_TASKS)
        # The same tasks' loss under the best predictor that cannot adapt: nothing may be below it before adaptation.
        floor = problem.loss(problem.family.non_adapting_prediction(tasks.query.x), tasks.query.y).double().numpy()
        state, start = init_run(config, problem=problem), time.perf_counter()
        for step in milestones:
            state, _ = advance(config, state, num_steps=step - state.step, problem=problem)
            evaluation = evaluate(state.meta.theta, tasks, problem=problem, how=Adaptation(config.alpha), num_steps=1)
            summary = summarize(evaluation)
            paired = evaluation.query_loss[0, 0].double().numpy() - floor
            margin = float(paired.mean() + 1.96 * paired.std(ddof=1) / np.sqrt(len(paired)))
            found[step].append((float(summary.mean[0]), float(summary.mean[1]), margin))
            print(
                f"  seed {seed}, {step:>6} steps ({time.perf_counter() - start:.0f} s): before {summary.mean[0]:.3f}, after one step "
                f"{summary.mean[1]:.3f} ± {summary.ci95[1]:.3f} (median {summary.median[1]:.3f}, diverged {summary.diverged_share[1]:.2%}); above "
                f"the non-adapting floor by {paired.mean():.3f} ± {margin - paired.mean():.3f}",
                flush=True,
            )
    return {
        figure.name: value
        for step in milestones
        for figure, value in zip(
            _about(step, AIMS[step]),
            (statistics.median(row[1] for row in found[step]), min(row[2] for row in found[step])),
            strict=True,
        )
    }


if __name__ == "__main__":
    main()
