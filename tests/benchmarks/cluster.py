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

from maml_core.cluster import ClusterExecutor
from maml_core.config import ConvConfig, GlyphsConfig, OmniglotConfig, RunConfig
from maml_core.datasets.omniglot import find_omniglot
from maml_core.execution import ChunkPool
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.footprint import MOST_LANES
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


CASES = {
    "sinusoid, 1 lane": (sinusoid, 1),
    "sinusoid, 64 lanes": (sinusoid, 64),
    "images, 1 lane": (images, 1),
    "images, 4 lanes": (images, 4),
    "images, 16 lanes": (images, 16),
}


def lanes(base: RunConfig, count: int) -> tuple[RunConfig, ...]:
    """Lanes of one graph, with alphas of their own."""
    return tuple(dataclasses.replace(base, alpha=base.alpha * (0.5 + k / max(1, count))) for k in range(count))


def crossing(executors: dict[str, Executor], *, rounds: int) -> list[dict[str, Any]]:
    """A chunk's state there and back without a step, and what a step of its lanes takes."""
    rows = []
    for name, (base, count) in CASES.items():
        configs = lanes(base(), count)
        cluster = executors["cluster"]
        run = LanesRequest(configs=configs, until=1_000_000, budget_s=2.0, evaluate=False)
        held = cluster.submit(run_lanes, run).result()
        again = cluster.submit(run_lanes, LanesRequest(**{**_plain(run), "state": held.state})).result()
        there = LanesRequest(configs=configs, state=held.state, until=held.step, evaluate=False)
        row: dict[str, Any] = {
            "case": name,
            "state_bytes": len(held.state),
            "lane_step_ms": 1e3 * again.advance_s / len(again.steps) / count,
        }
        for kind, executor in executors.items():
            executor.submit(run_lanes, there).result()
            times = []
            for _ in range(rounds):
                start = time.perf_counter()
                executor.submit(run_lanes, there).result()
                times.append(time.perf_counter() - start)
            row[f"{kind}_ms"] = 1e3 * statistics.median(times)
        rows.append(row)
        print(
            f"  {name}: state {row['state_bytes'] / 2**20:.2f} MiB; there and back {row['pool_ms']:.1f} ms in a pool, {row['cluster_ms']:.1f} ms "
            f"on the cluster; a step of a lane {row['lane_step_ms']:.2f} ms",
            flush=True,
        )
    return rows


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


def _plain(request: LanesRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in request.__dataclass_fields__}


def main(*, rounds: int = 9) -> list[dict[str, Any]]:
    """Print and return what was measured."""
    print(f"cluster: a scheduler and {NUM_WORKERS} workers on this machine, over TCP")
    with Cluster(NUM_WORKERS) as machines:
        machines.wait_for_workers(NUM_WORKERS)
        cluster, pool = ClusterExecutor(machines.address), ChunkPool(NUM_WORKERS)
        try:
            for future in cluster.warm_up() + pool.warm_up():
                future.result()
            rows = crossing({"pool": pool, "cluster": cluster}, rounds=rounds)
            for num_bytes in (0, 2**16, 2**20, 2**22):
                rate = chunk_rate(cluster, num_bytes, count=500 if num_bytes < 2**20 else 60)
                rows.append({"state_bytes": num_bytes, "chunks_per_s": rate})
                print(
                    f"  empty chunks with {num_bytes / 2**20:.2f} MiB of state each way: {rate:.0f} a second",
                    flush=True,
                )
        finally:
            pool.shutdown()
            cluster.shutdown()
    return rows + studies(num_settings=1024)


if __name__ == "__main__":
    main()
