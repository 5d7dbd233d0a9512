"""Time and peak live tensor memory of a meta-gradient, with inner gradients stored and recomputed, on the MLP and on a conv net."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from maml_core.config import RunConfig
from maml_core.inner import Adaptation
from maml_core.models import ModuleModel
from maml_core.outer import meta_gradient
from maml_core.problem import Problem, build_problem, training_tasks
from maml_core.types import Examples, Params, Tasks
from tests.benchmarks.rows import Figure, Row, at_most, figures, printed

STEPS = (1, 5, 20, 50)
ALPHA = 0.01
TIME_AIM = 1.2
CASES = ("MLP", "conv net")


def _about(case: str) -> tuple[Figure, ...]:
    return (
        Figure(f"{case}: inner gradients stored", "MiB"),
        Figure(f"{case}: recomputed", "MiB"),
        Figure(f"{case}: recomputed, beyond theta_0..theta_N", "MiB"),
        at_most(f"{case}: recomputed, time over that of stored", TIME_AIM, "x"),
    )


FIGURES = figures(*(figure for name in CASES for steps in STEPS for figure in _about(f"{name}, N = {steps}")))


def peak_bytes(work: Callable[[], object]) -> int:
    """The most bytes of tensors that are alive at once while `work` runs, above what was alive before: torch's own account."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        kept = work()
    live = peak = 0
    results = profiler.profiler.kineto_results
    assert results is not None
    for event in sorted(results.events(), key=lambda event: event.start_ns()):
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    del kept
    return peak


def mlp() -> tuple[Problem, Params, Tasks]:
    """The paper's sinusoid: 25 tasks, 10 + 10 points, 40-40."""
    config = RunConfig()
    problem = build_problem(config)
    return problem, problem.model.init(0), training_tasks(config, problem, 0)


def conv_net() -> tuple[Problem, Params, Tasks]:
    """Four strided 3 x 3 convolutions of 32 filters on random 28 x 28 images: 8 tasks of 5 support and 5 query images."""

    def block(channels: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(channels, 32, 3, stride=2, padding=1), nn.ReLU())

    module = nn.Sequential(block(1), block(32), block(32), block(32), nn.Flatten(), nn.Linear(32 * 2 * 2, 5))
    problem = Problem(family=build_problem(RunConfig()).family, model=ModuleModel(module))
    random = torch.Generator().manual_seed(0)

    def images() -> Examples:
        return Examples(torch.randn(8, 5, 1, 28, 28, generator=random), torch.randn(8, 5, 5, generator=random))

    return problem, problem.model.init(0), Tasks(images(), images(), torch.zeros(8, 1))


def meta_step(case: tuple[Problem, Params, Tasks], num_inner_steps: int, *, recompute: bool) -> object:
    """One meta-gradient."""
    problem, theta_0, tasks = case
    return meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=num_inner_steps, recompute=recompute
    )


def main(*, rounds: int = 5) -> list[Row]:
    """Print and return what was measured for every network and N."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    print("memory: one meta-gradient, second order, float32, one thread; stored against recomputed inner gradients")
    rows = []
    try:
        for name, case in zip(CASES, (mlp(), conv_net()), strict=True):
            for steps in STEPS:
                found = compare(case, steps, rounds=rounds)
                rows += printed(FIGURES, {f"{name}, N = {steps}: {what}": value for what, value in found.items()})
    finally:
        torch.set_num_threads(before)
    return rows


def compare(case: tuple[Problem, Params, Tasks], steps: int, *, rounds: int) -> dict[str, float]:
    """Peaks of memory, and the time of both ways in turn."""
    one_theta = sum(value.nbytes for value in case[1].values()) * len(case[2].support.x)
    peaks, times = [], []
    for recompute in (False, True):
        meta_step(case, steps, recompute=recompute)  # whatever is made on first use
        peaks.append(peak_bytes(lambda again=recompute: meta_step(case, steps, recompute=again)))
    for _ in range(rounds):
        for recompute in (False, True):
            start = time.process_time()
            meta_step(case, steps, recompute=recompute)
            times.append(time.process_time() - start)
    return {
        "inner gradients stored": peaks[0] / 2**20,
        "recomputed": peaks[1] / 2**20,
        "recomputed, beyond theta_0..theta_N": (peaks[1] - (steps + 1) * one_theta) / 2**20,
        "recomputed, time over that of stored": statistics.median(times[1::2]) / statistics.median(times[::2]),
    }


if __name__ == "__main__":
    main()
