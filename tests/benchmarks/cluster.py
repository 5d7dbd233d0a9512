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
from concurrent.futures import Executor, ProcessPoolExecutor
from typing import Any

import numpy as np

from maml_core.cluster import ClusterExecutor, chunk_s
from maml_core.config import ConvConfig, GlyphsConfig, OmniglotConfig, RunConfig
from maml_core.datasets.omniglot import find_omniglot
from maml_core.execution import ChunkPool
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.footprint import MOST_LANES, max_lanes
from maml_core.sweeps.results import LaneResult, judged
from maml_core.sweeps.space import SweepConfig
from maml_core.sweeps.study import open_study
from tests.maml_core.clusters import Cluster
from tests.maml_core.postgres import postgres, programs

NUM_WORKERS = 2


def sinusoid() -> RunConfig:
    """The paper's setting."""
    return RunConfig(joint_baseline=False)


def images() -> RunConfig:
    """5-way 1-shot with 32 filters and 8 tasks a step, as `maml reproduce omniglot` has it; glyphs where Omniglot is not there."""
    return RunConfig(
        tasks=OmniglotConfig(split="background") if find_omniglot() else GlyphsConfig(),
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
"""Of a machine, a worker on each."""


def lanes(base: RunConfig, count: int) -> tuple[RunConfig, ...]:
    """Lanes of one graph, with alphas of their own."""
    return tuple(dataclasses.replace(base, alpha=base.alpha * (0.5 + k / max(1, count))) for k in range(count))


def crossing(executors: dict[str, Executor], *, rounds: int) -> list[dict[str, Any]]:
    """A batch's state there and back without a step, what a step of a lane takes, and what judging it does; for one lane and for a full batch."""
    rows = []
    for name, base in CASES.items():
        for count in sorted({1, max_lanes(base())}):
            rows.append(row := {"case": name, "lanes": count} | _crossing(lanes(base(), count), executors, rounds))
            print(
                f"  {name}, {count} lane{'s' * (count > 1)}: state {row['state_bytes'] / 2**20:.2f} MiB; there and back {row['pool_ms']:.1f} ms "
                f"in a pool, {row['cluster_ms']:.1f} ms on the cluster; of a lane a step {row['lane_step_ms']:.2f} ms, a judgement "
                f"{row['lane_judgement_ms']:.0f} ms",
                flush=True,
            )
    return rows


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
        "state_bytes": len(held.state),
        "lane_step_ms": 1e3 * stepped.advance_s / len(stepped.steps) / len(configs),
        "lane_judgement_ms": 1e3 * judged_there.cpu_s / len(configs),
        **{f"{kind}_ms": statistics.median(found[1:]) for kind, found in times.items()},
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
            lane = LaneResult(0, "ok", sweep.num_steps, 1.0, 0.1, 3.0, math.nan, math.nan, 0.0, 20.0)
            study.put(
                *(
                    judged(sweep, setting, (lane,), done=True, rungs=[(int(rung), 1.0) for rung in rungs])
                    for setting in settings
                )
            )
            done += len(settings)
    return done


def studies(*, num_settings: int) -> list[dict[str, Any]]:
    """The study in a folder, and in PostgreSQL where that is installed."""
    rows: list[dict[str, Any]] = []

    def measure(kind: str, storage: str | None, num_clients: int) -> None:
        rate = study_rate(storage, f"clients-{num_clients}", num_clients=num_clients, num_settings=num_settings)
        rows.append({"study": kind, "num_clients": num_clients, "settings_per_s": rate})
        print(
            f"  study in {kind}, {num_clients} client{'s' * (num_clients > 1)}: {rate:.0f} settings a second",
            flush=True,
        )

    measure("a folder", None, 1)
    where = programs()
    if where is None:
        print("  study in PostgreSQL: not measured, it is not installed")
        return rows
    with postgres(where) as url:
        for num_clients in (1, 2, 4):
            measure("PostgreSQL", url, num_clients)
    return rows


def costs(batch: dict[str, Any], *, settings_per_s: float) -> list[dict[str, float]]:
    """What the sweep costs on 10 and on 100 machines, and what that asks of scheduler, network and study.

    Args:
        batch: A row of `crossing`: full batches of images.
        settings_per_s: What the study takes.
    """
    of_a_setting_s = (NUM_STEPS * batch["lane_step_ms"] + NUM_RUNGS * batch["lane_judgement_ms"]) / 1e3
    rows = []
    for machines in (10, 100):
        workers = machines * PROCESSORS
        seconds = NUM_SETTINGS * of_a_setting_s / workers
        chunks_per_s = workers / chunk_s(workers)
        rows.append(
            row := {
                "machines": machines,
                "hours": seconds / 3600,
                "chunk_s": chunk_s(workers),
                "chunks_per_s": chunks_per_s,
                "MiB_per_s": chunks_per_s * batch["state_bytes"] / 2**20,
                "settings_per_s": NUM_SETTINGS / seconds,
                "study_hours": NUM_SETTINGS / settings_per_s / 3600,
            }
        )
        print(
            f"  {NUM_SETTINGS:,} settings of images, {NUM_STEPS:,} steps, on {machines} machines of {PROCESSORS} processors: {row['hours']:.1f} "
            f"hours; {row['chunks_per_s']:.0f} chunks of {row['chunk_s']:.0f} s and {row['MiB_per_s']:.0f} MiB each way a second; "
            f"{row['settings_per_s']:.1f} settings a second to the study, which takes {row['study_hours']:.1f} hours for all",
            flush=True,
        )
    return rows


def main(*, rounds: int = 15, num_settings: int = 512) -> list[dict[str, Any]]:
    """Print and return what was measured."""
    print(f"cluster: a scheduler and {NUM_WORKERS} workers on this machine, over TCP")
    with Cluster(NUM_WORKERS) as machines:
        machines.wait_for_workers(NUM_WORKERS)
        cluster, pool = ClusterExecutor(machines.address), ChunkPool(NUM_WORKERS)
        try:
            for future in cluster.warm_up() + pool.warm_up():
                future.result()
            rows = crossing({"pool": pool, "cluster": cluster}, rounds=rounds)
            batch = rows[-1]
            for num_bytes, count in ((0, 500), (2**20, 100), (2**22, 50)):
                rate = chunk_rate(cluster, num_bytes, count=count)
                rows.append({"bytes": num_bytes, "chunks_per_s": rate})
                print(f"  empty chunks with {num_bytes / 2**20:.0f} MiB each way: {rate:.0f} a second", flush=True)
        finally:
            pool.shutdown()
            cluster.shutdown()
    rows += (found := studies(num_settings=num_settings))
    one_client = found[1] if len(found) > 1 else found[0]  # in PostgreSQL where that is installed
    return rows + costs(batch, settings_per_s=one_client["settings_per_s"])


if __name__ == "__main__":
    main()
