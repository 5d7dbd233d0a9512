"""Speed of the engine's own `advance` against a sequential loop over tasks doing the same work in the same process.

Sinusoid, 25 tasks, 10 + 10 points, 40-40, second order, float32, one thread, eager, baseline lanes off.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch

from maml_core.config import RunConfig
from maml_core.outer import meta_gradient
from maml_core.problem import build_problem, training_tasks
from maml_core.runs import advance, init_run
from tests.benchmarks.reference import SequentialRun, meta_loss

TO_REACH = {1: 8.0, 5: 10.0}


def main(*, rounds: int = 9) -> list[dict[str, float]]:
    """Print and return both times and their ratio for N = 1 and N = 5."""
    torch.set_num_threads(1)
    rows = []
    print(
        "engine: advance (eager) against a sequential loop over tasks, ms per outer step, medians; ratio = loop / ours"
    )
    for num_inner_steps, to_reach in TO_REACH.items():
        row = compare(num_inner_steps, rounds=rounds)
        rows.append(row)
        print(
            f"  N = {num_inner_steps}: loop {row['loop_ms']:.2f}  ours {row['ours_ms']:.2f}  ratio {row['ratio']:.1f}"
            f" (to reach {to_reach:g})  difference in loss {row['loss_difference']:.1e}, in gradient {row['gradient_difference']:.1e} of its largest entry"
        )
    return rows


def compare(num_inner_steps: int, *, rounds: int) -> dict[str, float]:
    """Both ways in turn, so that a machine that slows down slows both; the ratio is the median of the rounds' ratios."""
    config = RunConfig(num_inner_steps=num_inner_steps, joint_baseline=False, evaluate_every=1_000_000)
    problem = build_problem(config)
    state = init_run(config, problem=problem)
    loop = SequentialRun(state.meta.theta, alpha=config.alpha, num_inner_steps=num_inner_steps, beta=config.beta)

    tasks = training_tasks(config, problem, 0)
    ours = meta_gradient(state.meta.theta, tasks, problem=problem, alpha=config.alpha, num_inner_steps=num_inner_steps)
    loss = meta_loss(loop.theta_0, tasks, alpha=config.alpha, num_inner_steps=num_inner_steps)
    gradient = torch.autograd.grad(loss, list(loop.theta_0.values()))
    largest = max(float(b.abs().max()) for b in gradient)
    difference = (
        max(float((a[0] - b).abs().max()) for a, b in zip(ours.gradient.values(), gradient, strict=True)) / largest
    )

    def ours_steps(count: int) -> None:
        nonlocal state
        state, _ = advance(config, state, num_steps=count, problem=problem)

    def loop_steps(count: int) -> None:
        for index in range(count):
            loop.step(training_tasks(config, problem, index))

    ours_steps(20), loop_steps(3)
    ours_times, loop_times = [], []
    for _ in range(rounds):
        ours_times.append(_ms_per_step(ours_steps, 40))
        loop_times.append(_ms_per_step(loop_steps, 8))
    return {
        "num_inner_steps": num_inner_steps,
        "ours_ms": statistics.median(ours_times),
        "loop_ms": statistics.median(loop_times),
        "ratio": statistics.median(b / a for a, b in zip(ours_times, loop_times, strict=True)),
        "loss_difference": abs(float(ours.query_loss) - float(loss.detach())),
        "gradient_difference": difference,
    }


def _ms_per_step(run: Callable[[int], None], count: int) -> float:
    start = time.perf_counter()
    run(count)
    return (time.perf_counter() - start) / count * 1e3


if __name__ == "__main__":
    main()
