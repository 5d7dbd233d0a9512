"""Time and peak live tensor memory of a meta-gradient, with inner gradients stored and recomputed, on the MLP and on a conv net."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from maml_core.config import RunConfig
from maml_core.models import ModuleModel
from maml_core.outer import meta_gradient
from maml_core.problem import Problem, build_problem, training_tasks
from maml_core.types import Examples, Params, Tasks

STEPS = (1, 5, 20, 50)
ALPHA = 0.01


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
        theta_0, tasks, problem=problem, alpha=ALPHA, num_inner_steps=num_inner_steps, recompute=recompute
    )


def main(*, rounds: int = 5) -> list[dict[str, float]]:
    """Print and return a row for every network and N."""
    torch.set_num_threads(1)
    print("memory: one meta-gradient, second order, float32, one thread; stored against recomputed inner gradients")
    rows = []
    for name, case in (("MLP", mlp()), ("conv net", conv_net())):
        copies = sum(value.nbytes for value in case[1].values()) * len(case[2].support.x)
        print(f"  {name}: one theta of every task is {copies / 2**20:.2f} MiB")
        for steps in STEPS:
            peaks, times = [], []
            for recompute in (False, True):
                meta_step(case, steps, recompute=recompute)  # whatever is made on first use
                peaks.append(peak_bytes(lambda r=recompute, n=steps, c=case: meta_step(c, n, recompute=r)))
            for _ in range(rounds):
                for recompute in (False, True):
                    start = time.perf_counter()
                    meta_step(case, steps, recompute=recompute)
                    times.append(time.perf_counter() - start)
            stored_s, again_s = statistics.median(times[::2]), statistics.median(times[1::2])
            beyond = peaks[1] - (steps + 1) * copies
            rows.append({"steps": steps, "stored": peaks[0], "recomputed": peaks[1], "time_ratio": again_s / stored_s})
            print(
                f"    N = {steps:>2}: stored {peaks[0] / 2**20:7.1f} MiB {stored_s * 1e3:7.1f} ms; recomputed {peaks[1] / 2**20:6.1f} MiB "
                f"({beyond / 2**20:.1f} beyond theta_0..theta_N) {again_s * 1e3:7.1f} ms, {again_s / stored_s:.2f} times",
                flush=True,
            )
    return rows


if __name__ == "__main__":
    main()
