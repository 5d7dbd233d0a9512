"""What lies between the lanes of a sweep and the machines that compute them: the way of a chunk, the scheduler, the study.

Everything runs on this machine: scheduler, workers and database are processes of their own that speak TCP over the loopback.
"""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import Executor, ProcessPoolExecutor

import numpy as np

from maml_core.cluster import ClusterExecutor, chunk_s
from maml_core.config import ConvConfig, GlyphsConfig, OmniglotConfig, RunConfig
from maml_core.datasets.omniglot import find_omniglot
from maml_core.execution import ChunkPool
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.footprint import MOST_LANES, max_lanes
from maml_core.sweeps.results import LaneResult, result_of
from maml_core.sweeps.study import open_study
from tests.benchmarks.rows import Figure, Row, figures, many, printed
from tests.maml_core.clusters import Cluster
from tests.maml_core.postgres import postgres, programs

NUM_WORKERS = 2


def sinusoid() -> RunConfig:
    """The paper's setting."""
    return RunConfig(joint_baseline=False)


def images() -> RunConfig:
    """5-way 1-shot with 32 filters and 8 tasks a step, as `maml reproduce omniglot` has it; glyphs where Omniglot is not there."""
    return RunConfig(
        tasks=OmniglotConfig(split="background") if find_omniglot().available else GlyphsConfig(),
        model=ConvConfig(num_filters=32),
        alpha=0.4,
        beta=2e-3,
        shots=1,
        num_query=5,
        meta_batch_size=8,
        joint_baseline=False,
    )


CASES = {"sinusoid": sinusoid, "images": images}

NUM_SETTINGS, NUM_STEPS, NUM_RUNGS = 100_000, 1_000, 4
"""The sweep whose cost is told: of images, each setting from one seed."""

PROCESSORS = 16
"""Processors of a machine, with a worker on each."""

EMPTY_CHUNKS = {0: 500, 1: 100, 4: 50}
"""How many chunks that compute nothing, by the MiB that each takes there and back."""

CLIENTS, MACHINES = (1, 2, 4), (10, 100)


def counts(base: RunConfig) -> tuple[int, ...]:
    """One lane, and a full batch."""
    return tuple(sorted({1, max_lanes(base)}))


def _about(case: str) -> tuple[Figure, ...]:
    return (
        Figure(f"{case}: state", "MiB"),
        Figure(f"{case}: there and back in a pool", "ms"),
        Figure(f"{case}: there and back on the cluster", "ms"),
        Figure(f"{case}: a lane's step", "ms"),
        Figure(f"{case}: a lane's judgement", "ms"),
    )


def _about_costs(machines: int) -> tuple[Figure, ...]:
    case = f"{NUM_SETTINGS:,} settings on {machines} machines"
    return (
        Figure(f"{case}: time", "h"),
        Figure(f"{case}: chunks", "/s"),
        Figure(f"{case}: each way", "MiB/s"),
        Figure(f"{case}: to the study", "settings/s"),
        Figure(f"{case}: the study's own time", "h"),
    )


def lanes(base: RunConfig, count: int) -> tuple[RunConfig, ...]:
    """Lanes of one graph, with alphas of their own."""
    return tuple(dataclasses.replace(base, alpha=base.alpha * (0.5 + k / max(1, count))) for k in range(count))


FIGURES = figures(
    *(
        figure
        for case, base in CASES.items()
        for count in counts(base())
        for figure in _about(f"over TCP, {case}, {many(count, 'lane')}")
    ),
    *(Figure(f"empty chunks with {size} MiB each way", "/s") for size in EMPTY_CHUNKS),
    Figure("study in a folder, 1 client", "settings/s"),
    *(Figure(f"study in PostgreSQL, {many(count, 'client')}", "settings/s") for count in CLIENTS),
    *(figure for count in MACHINES for figure in _about_costs(count)),
)


def crossing(executors: dict[str, Executor], *, rounds: int) -> dict[str, dict[str, float]]:
    """A batch's state there and back without a step, what a step of a lane takes, and what judging it does; for one lane and for a full batch."""
    return {
        f"over TCP, {name}, {many(count, 'lane')}": _crossing(lanes(base(), count), executors, rounds)
        for name, base in CASES.items()
        for count in counts(base())
    }


def _crossing(configs: tuple[RunConfig, ...], executors: dict[str, Executor], rounds: int) -> dict[str, float]:
    begin = LanesRequest(configs=configs, until=1_000_000, budget_s=1.0, evaluate=False)
    held = executors["pool"].submit(run_lanes, begin).result()
    stepped = executors["pool"].submit(run_lanes, dataclasses.replace(begin, state=held.state, budget_s=3.0)).result()
    stay = dataclasses.replace(begin, state=held.state, until=held.step)
    judged_there = executors["pool"].submit(run_lanes, dataclasses.replace(stay, evaluate=True)).result()
    times: dict[str, list[float]] = {kind: [] for kind in executors}
    for _ in range(rounds + 1):  # in turn, so that a machine that slows down slows both; the first time warms up
        for kind, executor in executors.items():
            start = time.perf_counter()
            executor.submit(run_lanes, stay).result()
            times[kind].append(1e3 * (time.perf_counter() - start))
    return {
        "state": len(held.state) / 2**20,
        "there and back in a pool": statistics.median(times["pool"][1:]),
        "there and back on the cluster": statistics.median(times["cluster"][1:]),
        "a lane's step": 1e3 * stepped.advance_s / len(stepped.steps) / len(configs),
        "a lane's judgement": 1e3 * judged_there.cpu_s / len(configs),
    }


def chunk_rate(executor: Executor, num_bytes: int, *, count: int) -> float:
    """Chunks a second that scheduler, workers and client get through when nothing is computed in them, many in flight."""
    state = os.urandom(num_bytes)
    start = time.perf_counter()
    futures = [executor.submit(echo, state) for _ in range(count)]
    for future in futures:
        future.result()
    return count / (time.perf_counter() - start)


def echo(state: bytes) -> bytes:
    """A chunk that computes nothing."""
    return state


def study_rate(storage: str | None, name: str, *, num_clients: int, num_settings: int) -> float:
    """Settings a second that clients claim, report at their rungs and finish, when nothing is computed in between."""
    sweep = SweepConfig(
        axes=(Axis(name="alpha", low=1e-3, high=0.1, log=True),), sampler="random", num_settings=num_settings
    )
    with tempfile.TemporaryDirectory() as folder:
        where = storage or folder
        open_study(sweep, name, storage=where).close()
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(num_clients, mp_context=context) as clients:
            for _ in range(2):  # the first time loads what they need
                ready = [clients.submit(time.sleep, 0.5) for _ in range(num_clients)]
                for future in ready:
                    future.result()
            start = time.perf_counter()
            work = [clients.submit(work_through, sweep, name, where) for _ in range(num_clients)]
            done = sum(future.result() for future in work)
            seconds = time.perf_counter() - start
    assert done == num_settings, f"{done} of {num_settings} settings were finished"
    return num_settings / seconds


def work_through(sweep: SweepConfig, name: str, storage: str) -> int:
    """A client that finishes one batch of settings after the other; gives how many."""
    done = 0
    rungs = np.linspace(0, sweep.num_steps, sweep.num_rungs + 1)[1:]
    with open_study(sweep, name, storage=storage) as study:
        while settings := study.take(MOST_LANES):
            for rung in rungs[:-1]:
                study.report(int(rung), {setting.number: 1.0 for setting in settings})
            lane = LaneResult(
                seed=0,
                status="ok",
                step=sweep.num_steps,
                loss=1.0,
                ci95=0.1,
                before=3.0,
                accuracy=math.nan,
                accuracy_ci95=math.nan,
                diverged_share=0.0,
                worse_share=0.0,
                lambda_max=20.0,
            )
            study.put(
                *(
                    result_of(sweep, setting, (lane,), done=True, rungs=[(int(rung), 1.0) for rung in rungs])
                    for setting in settings
                )
            )
            done += len(settings)
    return done


def studies(*, num_settings: int) -> dict[str, float]:
    """The study in a folder, and in PostgreSQL where that is installed."""
    found = {"study in a folder, 1 client": study_rate(None, "clients-1", num_clients=1, num_settings=num_settings)}
    where = programs()
    if where is None:
        print("  study in PostgreSQL: not measured, it is not installed")
        return found
    with postgres(where) as url:
        for count in CLIENTS:
            found[f"study in PostgreSQL, {many(count, 'client')}"] = study_rate(
                url, f"clients-{count}", num_clients=count, num_settings=num_settings
            )
    return found


def costs(batch: Mapping[str, float], machines: int, *, settings_per_s: float) -> dict[str, float]:
    """What the sweep costs on so many machines, and what that asks of scheduler, network and study.

    Args:
        batch: What `crossing` found of full batches of images.
        machines: How many.
        settings_per_s: What the study takes.
    """
    of_a_setting_s = (NUM_STEPS * batch["a lane's step"] + NUM_RUNGS * batch["a lane's judgement"]) / 1e3
    workers = machines * PROCESSORS
    seconds = NUM_SETTINGS * of_a_setting_s / workers
    chunks_per_s = workers / chunk_s(workers)
    return dict(
        zip(
            (figure.name for figure in _about_costs(machines)),
            (
                *(seconds / 3600, chunks_per_s, chunks_per_s * batch["state"]),
                *(NUM_SETTINGS / seconds, NUM_SETTINGS / settings_per_s / 3600),
            ),
            strict=True,
        )
    )


def main(*, rounds: int = 15, num_settings: int = 512) -> list[Row]:
    """Print and return what was measured."""
    print(f"cluster: a scheduler and {NUM_WORKERS} workers on this machine, over TCP")
    with Cluster(NUM_WORKERS) as machines:
        machines.wait_for_workers(NUM_WORKERS)
        cluster, pool = ClusterExecutor(machines.address), ChunkPool(NUM_WORKERS)
        try:
            for future in cluster.warm_up() + pool.warm_up():
                future.result()
            batches = crossing({"pool": pool, "cluster": cluster}, rounds=rounds)
            rows = printed(
                FIGURES, {f"{case}: {what}": value for case, of in batches.items() for what, value in of.items()}
            )
            rows += printed(
                FIGURES,
                {
                    f"empty chunks with {size} MiB each way": chunk_rate(cluster, size * 2**20, count=count)
                    for size, count in EMPTY_CHUNKS.items()
                },
            )
        finally:
            pool.shutdown()
            cluster.shutdown()
    rows += printed(FIGURES, found := studies(num_settings=num_settings))
    # In PostgreSQL, where that is installed.
    settings_per_s = found.get("study in PostgreSQL, 1 client", found["study in a folder, 1 client"])
    images_batch = list(batches.values())[-1]
    for count in MACHINES:
        rows += printed(FIGURES, costs(images_batch, count, settings_per_s=settings_per_s))
    return rows


if __name__ == "__main__":
    main()
