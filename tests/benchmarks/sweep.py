"""A sweep's lanes against the same settings trained one after another, and what a sweep of a thousand settings needs of memory.

64 settings (8 alpha x 8 beta), sinusoid, 25 tasks, 10 + 10 points, 40-40, N = 1, second order, float32, no baselines, no evaluation: two
worker processes with one thread each take batches, as a sweep's driver deals them, in chunks across the executor's seam.
"""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import numpy as np
import torch

from maml_core.config import RunConfig, replace
from maml_core.execution import ChunkPool
from maml_core.memory import keep_freed_memory
from maml_core.presets import PRESETS
from maml_core.problem import build_problem, training_tasks
from maml_core.runs import advance, init_run
from maml_core.sweeps.chunks import LanesRequest, LanesResult, max_lanes, run_lanes
from maml_core.sweeps.lanes import Batch, Lanes, init_lanes, outer_step
from tests.benchmarks.reference import SequentialRun

NUM_WORKERS = 2
CHUNK_S = 0.25
TO_REACH_LOOP, TO_REACH_OURS, TO_REACH_MB = 25.0, 2.5, 2000.0

BASE = RunConfig(joint_baseline=False, evaluate_every=1_000_000)


def main(*, rounds: int = 5) -> list[dict[str, Any]]:
    """Print and return a row for the speed, the memory, and the time of a lane's step by the number of lanes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_freed_memory()  # as in the workers
    try:
        return [compare(rounds=rounds), memory(), *by_number_of_lanes(rounds=rounds)]
    finally:
        torch.set_num_threads(before)


def settings(per_axis: int) -> tuple[RunConfig, ...]:
    """A grid of alpha and beta on which no setting diverges soon, so that all of them do all of the work."""
    alphas, betas = np.geomspace(1e-3, 0.03, per_axis), np.geomspace(1e-4, 3e-3, per_axis)
    return tuple(replace(BASE, {"alpha": float(alpha), "beta": float(beta)}) for alpha in alphas for beta in betas)


def dealt(configs: Sequence[RunConfig]) -> list[tuple[RunConfig, ...]]:
    """Batches for every worker, none larger than a batch may be."""
    most = max_lanes(configs[0])
    count = max(NUM_WORKERS, -(-len(configs) // most))
    return [tuple(configs[start::count]) for start in range(count)]


def compare(*, rounds: int) -> dict[str, Any]:
    """The three ways in turn, so that a machine that slows down slows all; ratios are medians of the rounds' ratios.

    The sweep runs all 64 settings. The other two run one setting for some steps in this process, and their time is 64 times that: no
    setting costs more than another.
    """
    configs = settings(8)
    config, problem = configs[0], build_problem(configs[0])
    state = init_run(config, problem=problem)
    loop_run = SequentialRun(state.meta.theta, alpha=config.alpha, num_inner_steps=1, beta=config.beta)

    def ours_steps(count: int) -> None:
        nonlocal state
        state, _ = advance(config, state, num_steps=count, problem=problem)

    def loop_steps(count: int) -> None:
        for index in range(count):
            loop_run.step(training_tasks(config, problem, index))

    ours_steps(20), loop_steps(3)
    rows = []
    with ChunkPool(NUM_WORKERS) as pool:
        for future in pool.warm_up():
            future.result()
        sweep = SweepOnPool(pool, configs)
        sweep.advance(20)
        for _ in range(rounds):
            loop = _timed(lambda: loop_steps(20), 20).times(len(configs))
            ours = _timed(lambda: ours_steps(200), 200).times(len(configs))
            before = sweep.cpu_s
            lanes = _timed(lambda: sweep.advance(50), 50)._replace(processor_ms=(sweep.cpu_s - before) / 50 * 1e3)
            rows.append((loop, ours, lanes))
    found: dict[str, Any] = {
        "what": "64 settings, ms for one outer step of all; loop and ours are 64 times one setting's"
    }
    for index, name in enumerate(("loop", "ours", "sweep")):
        found[f"{name}_ms"] = statistics.median(row[index].wall_ms for row in rows)
        found[f"{name}_processor_ms"] = statistics.median(row[index].processor_ms for row in rows)
    for index, name in enumerate(("loop", "ours")):
        found[f"ratio_{name}"] = statistics.median(row[index].wall_ms / row[2].wall_ms for row in rows)
        # What two processors that have nothing else to do would give.
        found[f"processor_ratio_{name}"] = statistics.median(
            row[index].processor_ms / (row[2].processor_ms / NUM_WORKERS) for row in rows
        )
    print(
        "sweep: 64 settings, ms for one outer step of all: time (processor time); loop and single runs are 64 times one setting's"
    )
    print(
        f"  loop over tasks {found['loop_ms']:.0f} ({found['loop_processor_ms']:.0f}), our single runs {found['ours_ms']:.0f} "
        f"({found['ours_processor_ms']:.0f}), lanes on two workers {found['sweep_ms']:.1f} ({found['sweep_processor_ms']:.1f} of both)"
    )
    for name, to_reach in (("loop", TO_REACH_LOOP), ("ours", TO_REACH_OURS)):
        print(
            f"  {name} / sweep: {found[f'ratio_{name}']:.1f} (to reach {to_reach:g}); by processor time of two free processors "
            f"{found[f'processor_ratio_{name}']:.1f}",
            flush=True,
        )
    return found


class SweepOnPool:
    """All batches of some settings, moved forward on an executor a chunk at a time."""

    def __init__(self, pool: Executor, configs: Sequence[RunConfig]) -> None:
        self.pool = pool
        self.batches = dealt(configs)
        self.states: list[bytes | None] = [None] * len(self.batches)
        self.cpu_s = 0.0
        self.step = 0
        self.last: list[LanesResult] = []

    def advance(self, num_steps: int, *, evaluate: bool = False) -> None:
        """Every batch so many steps further; a batch has one chunk in flight."""
        self.step += num_steps

        def submit(index: int) -> Future[LanesResult]:
            request = LanesRequest(
                configs=self.batches[index],
                state=self.states[index],
                until=self.step,
                budget_s=CHUNK_S,
                evaluate=evaluate,
            )
            return self.pool.submit(run_lanes, request)

        self.last = []
        going = {index: submit(index) for index in range(len(self.batches))}
        while going:
            for index, future in list(going.items()):
                result = future.result()
                self.states[index], self.cpu_s = result.state, self.cpu_s + result.cpu_s
                del going[index]
                if result.step < self.step and result.lanes:
                    going[index] = submit(index)
                else:
                    self.last.append(result)


def memory() -> dict[str, Any]:
    """The most that a worker, and this process with all states, ever had in memory: 1,024 settings, evaluated and their curvature measured."""
    with ChunkPool(NUM_WORKERS) as pool:
        for future in pool.warm_up():
            future.result()
        sweep = SweepOnPool(pool, settings(32))
        sweep.advance(5, evaluate=True)
        peaks = {}
        while len(peaks) < NUM_WORKERS:
            for future in [pool.submit(worker_peak) for _ in range(4 * NUM_WORKERS)]:
                process, peak = future.result()
                peaks[process] = peak
    held = sum(len(state) for state in sweep.states if state is not None) / 2**20
    found = {
        "what": "1,024 settings in batches, the largest peak of a worker's memory",
        "batches": len(sweep.batches),
        "lanes": sum(len(result.lanes) for result in sweep.last),
        "worker_mb": max(peaks.values()),
        "states_mb": held,
    }
    print(
        f"  1,024 settings in {found['batches']} batches: a worker's memory at most {found['worker_mb']:.0f} MB, all states {held:.0f} MB "
        f"(to reach: {TO_REACH_MB:g} MB in all)",
        flush=True,
    )
    return found


def worker_peak() -> tuple[int, float]:
    """Process and its largest resident memory so far, MB."""
    time.sleep(0.05)  # so that the other worker takes the next one
    return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def by_number_of_lanes(*, rounds: int) -> list[dict[str, Any]]:
    """Processor time of an outer step, a lane, in this process: more lanes share its fixed cost, and the drawing of tasks."""
    glyphs = next(preset.config for preset in PRESETS if preset.name == "Glyphs, fast demo")
    cases = {
        "sinusoid": (BASE, (1, 4, 8, 16, 32, 64, 128)),
        "glyphs, conv net": (glyphs, (1, 2, 4, 8, 16)),
    }
    rows = []
    for name, (base, counts) in cases.items():
        at: dict[int, tuple[Batch, Lanes]] = {}
        times: dict[int, list[float]] = {count: [] for count in counts}
        for count in counts:
            batch = Batch.of(
                tuple(replace(base, {"alpha": base.alpha * (0.5 + lane / 2 / count)}) for lane in range(count))
            )
            at[count] = batch, init_lanes(batch)[0]
        for index in range(rounds + 1):
            for count, (batch, lanes) in at.items():
                start = time.process_time()
                for _ in range(num_steps := max(1, 32 // count)):
                    lanes = outer_step(batch, lanes).lanes
                elapsed = time.process_time() - start
                at[count] = batch, lanes
                if index > 0:  # the first is for whatever is made on first use
                    times[count].append(elapsed / num_steps / count * 1e3)
        row = {str(count): statistics.median(found) for count, found in times.items()}
        rows.append({"what": f"{name}: ms for a lane's step, by the number of lanes", **row})
        print(
            f"  {name}, ms of processor time for a lane's step, by lanes: "
            + ", ".join(f"{count}: {value:.2f}" for count, value in row.items())
            + f" (a batch has at most {max_lanes(base)})",
            flush=True,
        )
    return rows


class Timed(NamedTuple):
    """Time for one outer step."""

    wall_ms: float
    processor_ms: float

    def times(self, factor: int) -> Timed:
        """Of so many settings one after another."""
        return Timed(self.wall_ms * factor, self.processor_ms * factor)


def _timed(run: Callable[[], None], num_steps: int) -> Timed:
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return Timed((time.perf_counter() - wall) / num_steps * 1e3, (time.process_time() - processor) / num_steps * 1e3)


if __name__ == "__main__":
    from tests.benchmarks import sweep  # by its name, under which the workers find it too

    sweep.main()
