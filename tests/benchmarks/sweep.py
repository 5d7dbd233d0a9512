"""A sweep's lanes, eager and compiled, against the same settings trained one after another, and what a sweep of a thousand settings needs of
memory.

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
from typing import NamedTuple

import numpy as np
import torch

from maml_core.config import RunConfig, replace
from maml_core.execution import ChunkPool
from maml_core.memory import keep_freed_memory
from maml_core.presets import PRESETS
from maml_core.problem import build_problem, training_tasks
from maml_core.records import Numbers
from maml_core.runs import advance, init_run
from maml_core.sweeps.chunks import LanesRequest, LanesResult, max_lanes, run_lanes
from maml_core.sweeps.lanes import Batch, Lanes, init_lanes, outer_step
from tests.benchmarks.compiled import compile_lanes, own_folder
from tests.benchmarks.reference import SequentialRun
from tests.benchmarks.rows import Figure, Row, at_least, at_most, figures, many, printed

NUM_WORKERS = 2
CHUNK_S = 0.25

BASE = RunConfig(joint_baseline=False, evaluate_every=1_000_000)
LANES = {"sinusoid": (1, 4, 8, 16, 32, 64, 128), "glyphs, conv net": (1, 2, 4, 8, 16)}

FORMS = ("eager", "compiled")
LOOP_AIMS = {"eager": None, "compiled": 100.0}
COMPILING_AIM_S, ROUNDING = 60.0, 1e-6


def _about(form: str) -> tuple[Figure, ...]:
    return (
        Figure(f"64 settings: {form} lanes on two workers, for an outer step of all", "ms"),
        Figure(f"64 settings: {form} lanes, times as fast as the loop", "x", LOOP_AIMS[form]),
        at_least(f"64 settings: {form} lanes, times as fast as our single runs", 2.5, "x"),
        Figure(f"64 settings: {form} lanes against the loop, by processor time", "x"),
        Figure(f"64 settings: {form} lanes against our single runs, by processor time", "x"),
    )


FIGURES = figures(
    Figure("64 settings: loop over tasks, for an outer step of all", "ms"),
    Figure("64 settings: our single runs, for an outer step of all", "ms"),
    *(figure for form in FORMS for figure in _about(form)),
    at_most("64 settings: compiled lanes against eager ones, of the largest loss", ROUNDING, ""),
    at_most("64 settings: compiling, processor time", COMPILING_AIM_S, "s"),
    at_most("1,024 settings: memory of a worker, the largest peak", 2000.0, "MB"),
    Figure("1,024 settings: all states", "MB"),
    *(
        Figure(f"{case}, {many(count, 'lane')}: a lane's step", "ms")
        for case, counts in LANES.items()
        for count in counts
    ),
)


def main(*, rounds: int = 5) -> list[Row]:
    """Print and return figures of the speed, the memory, and the time of a lane's step by the number of lanes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    keep_freed_memory()  # as in the workers
    print("sweep: loop and single runs are 64 times one setting's; by processor time: of two processors that are free")
    try:
        return [
            row
            for measured in (lambda: compare(rounds=rounds), memory, lambda: by_number_of_lanes(rounds=rounds))
            for row in printed(FIGURES, measured())
        ]
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


def compare(*, rounds: int) -> dict[str, float]:
    """All ways in turn, so that a machine that slows down slows all; ratios are medians of the rounds' ratios.

    The sweeps run all 64 settings. The loop and the single runs take one setting some steps further in this process, and their time is 64
    times that: no setting costs more than another.
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
    with own_folder() as place, ChunkPool(NUM_WORKERS) as pool:
        compiling_s = compile_lanes(dealt(configs)[0])
        for future in [*pool.warm_up(), *(pool.submit(_compiled_in, str(place)) for _ in range(8 * NUM_WORKERS))]:
            future.result()
        sweeps = {form: SweepOnPool(pool, configs, compiled=form == "compiled") for form in FORMS}
        for sweep in sweeps.values():
            sweep.advance(2)
        losses = {form: np.concatenate(sweep.losses) for form, sweep in sweeps.items()}
        for sweep in sweeps.values():
            sweep.advance(20)
        for _ in range(rounds):
            row = {
                "loop": _timed(lambda: loop_steps(20), 20).times(len(configs)),
                "ours": _timed(lambda: ours_steps(200), 200).times(len(configs)),
            }
            for form, sweep in sweeps.items():
                before, count = sweep.cpu_s, 50 if form == "eager" else 150
                wall = _timed(lambda sweep=sweep, count=count: sweep.advance(count), count)
                row[form] = wall._replace(processor_ms=(sweep.cpu_s - before) / count * 1e3)
            rows.append(row)

    def median(figure: Callable[[dict[str, Timed]], float]) -> float:
        return statistics.median(figure(row) for row in rows)

    found = {
        "64 settings: loop over tasks, for an outer step of all": median(lambda row: row["loop"].wall_ms),
        "64 settings: our single runs, for an outer step of all": median(lambda row: row["ours"].wall_ms),
        "64 settings: compiled lanes against eager ones, of the largest loss": float(
            np.abs(losses["compiled"] - losses["eager"]).max() / losses["eager"].max()
        ),
        "64 settings: compiling, processor time": compiling_s,
    }
    for form in FORMS:
        ratios = [
            median(lambda row, way=way, form=form: row[way].wall_ms / row[form].wall_ms) for way in ("loop", "ours")
        ]
        # What two processors that have nothing else to do would give.
        by_processor = [
            median(lambda row, way=way, form=form: row[way].processor_ms / (row[form].processor_ms / NUM_WORKERS))
            for way in ("loop", "ours")
        ]
        each = (median(lambda row, form=form: row[form].wall_ms), *ratios, *by_processor)
        found |= {figure.name: value for figure, value in zip(_about(form), each, strict=True)}
    return found


def _compiled_in(place: str) -> None:
    """Let a worker use a folder of compiled steps: the process that it was forked from may have another one."""
    os.environ["MAML_COMPILED"] = place
    time.sleep(0.05)  # so that the other worker takes the next one


class SweepOnPool:
    """All batches of some settings, moved forward on an executor a chunk at a time.

    Args:
        pool: Where.
        configs: The settings.
        compiled: Take the steps in their compiled form, which must be there.
    """

    def __init__(self, pool: Executor, configs: Sequence[RunConfig], *, compiled: bool = False) -> None:
        self.pool, self.compiled = pool, compiled
        self.batches = dealt(configs)
        self.states: list[bytes | None] = [None] * len(self.batches)
        self.cpu_s = 0.0
        self.step = 0
        self.losses: list[Numbers] = [np.empty(0)] * len(self.batches)
        """The losses of every lane of each batch, at its newest outer step."""

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
                compiled=self.compiled,
            )
            return self.pool.submit(run_lanes, request)

        going = {index: submit(index) for index in range(len(self.batches))}
        while going:
            for index, future in list(going.items()):
                result = future.result()
                if result.num_compiled != len(result.steps) * self.compiled:
                    raise SystemExit("These figures need compiled outer steps, and a worker could not load them.")
                self.states[index], self.cpu_s = result.state, self.cpu_s + result.cpu_s
                self.losses[index] = result.query_loss[-1]
                del going[index]
                if result.step < self.step and result.lanes:
                    going[index] = submit(index)


def memory() -> dict[str, float]:
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
    return {
        "1,024 settings: memory of a worker, the largest peak": max(peaks.values()),
        "1,024 settings: all states": held,
    }


def worker_peak() -> tuple[int, float]:
    """Process and its largest resident memory so far, MB."""
    time.sleep(0.05)  # so that the other worker takes the next one
    return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def by_number_of_lanes(*, rounds: int) -> dict[str, float]:
    """Processor time of an outer step, a lane, in this process: more lanes share its fixed cost, and the drawing of tasks."""
    glyphs = next(preset.config for preset in PRESETS if preset.name == "Glyphs, fast demo")
    found = {}
    for name, base in {"sinusoid": BASE, "glyphs, conv net": glyphs}.items():
        counts = LANES[name]
        at: dict[int, tuple[Batch, Lanes]] = {}
        times: dict[int, list[float]] = {count: [] for count in counts}
        for count in counts:
            batch = Batch.from_configs(
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
        found |= {f"{name}, {many(count, 'lane')}: a lane's step": statistics.median(times[count]) for count in counts}
    return found


class Timed(NamedTuple):
    """Time for one outer step."""

    wall_ms: float
    processor_ms: float

    def times(self, factor: int) -> Timed:
        """The time of so many settings one after another."""
        return Timed(self.wall_ms * factor, self.processor_ms * factor)


def _timed(run: Callable[[], None], num_steps: int) -> Timed:
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return Timed((time.perf_counter() - wall) / num_steps * 1e3, (time.process_time() - processor) / num_steps * 1e3)


if __name__ == "__main__":
    from tests.benchmarks import sweep  # by its name, under which the workers find it too

    sweep.main()
