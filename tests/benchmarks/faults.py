"""Sweeps whose clients, workers and servers are killed at random, on each storage: whatever is finished stays, and each setting is finished once."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna
import psutil

from maml_core.cluster import ClusterExecutor
from maml_core.config import MLPConfig, RunConfig
from maml_core.execution import ChunkPool
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.curve_files import read_curves
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.places import is_url
from maml_core.sweeps.study import SweepStudy, load_sweep, open_study
from tests.benchmarks.rows import Figure, Row, at_least, at_most, figures, printed
from tests.maml_core.clusters import Cluster
from tests.maml_core.forks import MAML, Forked, Program
from tests.maml_core.postgres import Postgres, postgres_server, programs

NUM_KILLS = 1000
"""Without a number: half an hour."""

SWEEP = SweepConfig(
    base=RunConfig(
        model=MLPConfig(hidden_widths=(20, 20)),
        meta_batch_size=4,
        evaluation_tasks=10,
        evaluation_steps=3,
        joint_baseline=False,
    ),
    axes=(
        Axis(name="alpha", values=tuple(0.005 * 1.2**k for k in range(24))),
        Axis(name="num_inner_steps", values=(1, 2)),
    ),
    num_steps=24,
    num_rungs=4,
)

LANES, NUM_CLIENTS, NUM_WORKERS = 6, 2, 2
LEASE_S = 2.0
"""A client of a database that has not beaten for so long is dead; a tenth of what people have, so that its settings are soon taken by others."""

PAUSES_S = 0.02, 0.5
"""Between two looks."""

MOST_S = 3.0
"""From one kill to the next one; sooner where the sweep has come further meanwhile, so that they are spread over all of it."""

PATIENCE_S = 120.0
"""For the rest of a sweep, once nothing is killed any more."""

STORAGES = ("folder", "PostgreSQL", "Dask")

FIGURES = figures(
    *(
        figure
        for storage in STORAGES
        for figure in (
            at_least(f"kills, {storage}", 1, ""),
            Figure(f"sweeps, {storage}", ""),
            at_most(f"settings lost, {storage}", 0, ""),
            at_most(f"settings finished twice, {storage}", 0, ""),
            at_most(f"settings that were finished and are not, {storage}", 0, ""),
            at_most(f"results that differ from those of one process, {storage}", 0, ""),
            at_most(f"curves with gaps, {storage}", 0, ""),
        )
    )
)

CLIENT = Program("from tests.benchmarks.faults import client; client()", (*MAML.imported, "tests.benchmarks.faults"))


def client() -> None:
    """A process that computes a sweep to its end: name, storage and scheduler are its arguments."""
    name, storage, scheduler = sys.argv[1:]
    executor = ClusterExecutor(scheduler) if scheduler else ChunkPool(1)
    with load_sweep(name, storage=storage, lease_s=LEASE_S) as study:
        run_sweep(study.sweep, study, executor, at_once=NUM_WORKERS, max_lanes=LANES, chunk_s=0.02)
    executor.shutdown()


class Site:
    """Where a sweep is kept and computed.

    Args:
        storage: As `open_study` takes it.
        folder: For curves, and whatever the clients say.
        server: Of the database, if it is one.
        cluster: Where chunks are computed, if not by workers of each client.
        random_: Decides what is killed.
    """

    def __init__(
        self, storage: str, folder: Path, random_: random.Random, server: Postgres | None, cluster: Cluster | None
    ) -> None:
        self.storage, self.folder = storage, folder
        self.num_kills = 0
        self._random, self._server, self._cluster = random_, server, cluster
        self._clients: list[Forked] = []
        self._workers = [] if cluster is None else [*cluster.workers]

    def tend(self, name: str) -> None:
        """Start a client, or a worker of the cluster, for each that has ended."""
        self._clients = [one for one in self._clients if one.poll() is None]
        # One at a time writes to a folder without waiting for others; a cluster has one client, too, as people have it.
        while len(self._clients) < (NUM_CLIENTS if self._cluster is None else 1):
            address = "" if self._cluster is None else self._cluster.address
            environment = {**os.environ, "MAML_SWEEPS": str(self.folder / "curves")}
            said = os.open(self.folder / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            self._clients.append(Forked([name, self.storage, address], program=CLIENT, stderr=said, env=environment))
            os.close(said)
        if self._cluster is not None:
            self._workers = [worker for worker in self._workers if worker.poll() is None]
            while len(self._workers) < NUM_WORKERS:
                self._workers.append(self._cluster.add_worker())

    def kill(self) -> None:
        """End one process, whichever: a client, a worker of a client, the process that workers are forked from, or a server."""
        found = [one.pid for one in (*self._clients, *self._workers) if one.poll() is None]
        for one in self._clients:
            with contextlib.suppress(psutil.Error):
                found += [child.pid for child in psutil.Process(one.pid).children(recursive=True)]
        if self._server is not None:
            found += [self._server.pid]
        if not found:
            return
        pid = self._random.choice(sorted(found))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.num_kills += 1
        if self._server is not None and pid == self._server.pid:
            self._server.start_again()

    def end(self) -> None:
        """End the clients."""
        for one in self._clients:
            one.kill()
        for one in self._clients:
            one.wait()
        self._clients = []


class Found(NamedTuple):
    """What became of a sweep, in settings."""

    lost: int
    twice: int
    undone: int
    other: int
    gaps: int


def swept(site: Site, name: str, kills: int, random_: random.Random, expected: dict[int, float]) -> Found:
    """Compute a sweep while so many processes are killed, or fewer where it ends before.

    Raises:
        TimeoutError: It does not come to an end after that.
    """
    undone, known = 0, set[int]()
    with open_study(SWEEP, name, storage=site.storage, lease_s=LEASE_S) as study:
        study.patience.tell = lambda _: None
        last_kill = site.num_kills + kills
        deadline: float | None = None
        killed_at, num_before = time.monotonic(), 0
        while (done := _finished(study)) != set(range(SWEEP.size)):
            undone, known = undone + len(known - done), known | done
            site.tend(name)
            time.sleep(random_.uniform(*PAUSES_S))
            if site.num_kills < last_kill:
                if len(done) > num_before or time.monotonic() - killed_at > MOST_S:
                    site.kill()
                    killed_at, num_before = time.monotonic(), len(done)
            elif deadline is None:
                deadline = time.monotonic() + PATIENCE_S
            elif time.monotonic() > deadline:
                raise TimeoutError(f"{name} has not come to its end: {(site.folder / 'said').read_text()[-2000:]}")
        site.end()
        results = study.results()
        values = {one.number: one.value for one in results}
        other = sum(not np.isclose(values[number], value, rtol=1e-4) for number, value in expected.items())
    trials = _trials(site.storage, name)
    count = Counter(trial.user_attrs.get("setting") for trial in trials)
    finished = {trial.user_attrs.get("setting") for trial in trials if trial.state.name == "COMPLETE"}
    return Found(
        lost=len(set(range(SWEEP.size)) - finished),
        twice=sum(times - 1 for times in count.values()),
        undone=undone,
        other=other,
        gaps=_gaps(site, name, [one.number for one in results if one.status == "ok"]),
    )


def _finished(study: SweepStudy) -> set[int]:
    return {one.number for one in study.results() if one.is_done}


def _trials(storage: str, name: str) -> list[optuna.trial.FrozenTrial]:
    if is_url(storage):
        database = optuna.storages.RDBStorage(storage)
        try:
            return optuna.load_study(study_name=name, storage=database).trials
        finally:
            database.engine.dispose()
    journal = optuna.storages.journal.JournalFileBackend(f"{storage}/{name}/study.log")
    return optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(journal)).trials


def _gaps(site: Site, name: str, numbers: list[int]) -> int:
    """Those of some settings of which some step's training loss is nowhere."""
    folders = (
        [*(site.folder / "curves").glob(f".databases/*/{name}")]
        if is_url(site.storage)
        else [Path(site.storage) / name]
    )
    found = [curves for folder in folders if len(curves := read_curves(folder))]
    steps = Counter[int]()
    for curves in found:
        for (setting, _), part in curves.groupby(["setting", "step"]):
            steps[int(setting)] += min(1, len(part))
    return sum(steps[number] < SWEEP.num_steps for number in numbers)


@contextlib.contextmanager
def _site(storage: str, random_: random.Random) -> Iterator[Site]:
    """A site with all that it needs, for which curves are kept in a folder of their own."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        before = os.environ.get("MAML_SWEEPS")
        os.environ["MAML_SWEEPS"] = str(folder / "curves")
        stack.callback(
            lambda: os.environ.pop("MAML_SWEEPS") if before is None else os.environ.update(MAML_SWEEPS=before)
        )
        server = cluster = None
        if storage == "PostgreSQL":
            where = programs()
            assert where is not None
            server = stack.enter_context(postgres_server(where))
        elif storage == "Dask":
            cluster = stack.enter_context(Cluster(NUM_WORKERS))
            cluster.wait_for_workers(NUM_WORKERS)
        (folder / "said").touch()
        site = Site(str(folder / "sweeps") if server is None else server.url, folder, random_, server, cluster)
        stack.callback(site.end)
        yield site


def measured(storage: str, kills: int, seed: int) -> dict[str, float]:
    """The figures of a storage."""
    random_ = random.Random(f"{seed} {storage}")
    expected = _expected()
    total, sweeps = Found(0, 0, 0, 0, 0), 0
    with _site(storage, random_) as site:
        while site.num_kills < kills:
            found = swept(site, f"sweep-{sweeps}", min(kills - site.num_kills, 40), random_, expected)
            total, sweeps = Found(*map(sum, zip(total, found, strict=True))), sweeps + 1
        num_kills = site.num_kills
    return {
        f"kills, {storage}": num_kills,
        f"sweeps, {storage}": sweeps,
        f"settings lost, {storage}": total.lost,
        f"settings finished twice, {storage}": total.twice,
        f"settings that were finished and are not, {storage}": total.undone,
        f"results that differ from those of one process, {storage}": total.other,
        f"curves with gaps, {storage}": total.gaps,
    }


def _expected() -> dict[int, float]:
    """The value of each setting, of a sweep that nobody disturbs."""
    with tempfile.TemporaryDirectory() as folder, open_study(SWEEP, "undisturbed", storage=folder) as study:
        found = run_sweep(SWEEP, study, _Here(), at_once=1, max_lanes=LANES)
    return {one.number: one.value for one in found}


class _Here(Executor):
    """Computes where it is asked."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As any executor."""
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


def main(kills: int = NUM_KILLS, seed: int = 0) -> list[Row]:
    """Print and give all figures.

    Args:
        kills: Over all storages.
        seed: Of what is killed, and when.
    """
    there = [storage for storage in STORAGES if storage != "PostgreSQL" or programs() is not None]
    found: dict[str, float] = {}
    for number, storage in enumerate(there):
        print(f"{storage}:", flush=True)
        found |= (of := measured(storage, kills // len(there) + (number < kills % len(there)), seed))
        printed(FIGURES, of)
    return [FIGURES[name].row(value) for name, value in found.items()]
