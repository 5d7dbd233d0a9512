"""Past one machine, with real processes that are killed in the middle: a sweep on a scheduler with two workers, and two clients with one
study in PostgreSQL. Both end complete, each setting once, and agree with the sweep that one process computed.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from maml_core.cluster import ClusterExecutor
from maml_core.errors import StoreError
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.catalog import delete_sweep, list_sweeps
from maml_core.sweeps.curve_files import read_curves
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Sweeping, run_sweep
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import SweepStudy, load_sweep, open_study
from tests.maml_core.clusters import Cluster
from tests.maml_core.helpers import tiny
from tests.maml_core.postgres import postgres, programs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
SOON_S = 240
"""Much longer than anything here takes, for busy machines."""

SWEEP = SweepConfig(
    base=tiny(joint_baseline=False),
    axes=(
        Axis(name="alpha", values=tuple(0.01 * 1.5**k for k in range(16)), log=True),
        Axis(name="beta", values=tuple(0.001 * 2.25**k for k in range(8)), log=True),
    ),
    num_steps=40,
    num_rungs=4,
)
LANES = 8
"""Lanes of a batch: few enough that most batches are still to come when somebody is killed."""


class OneProcess(Executor):
    """Computes where it is asked."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[SettingResult, ...]:
    """The sweep, computed by one process."""
    with open_study(SWEEP, "one", storage=tmp_path_factory.mktemp("one")) as study:
        return run_sweep(SWEEP, study, OneProcess(), at_once=1)


def agrees(found: Sequence[SettingResult], expected: Sequence[SettingResult]) -> None:
    """The same settings with the same results, to the rounding between a lane and a single run."""
    assert len(expected) == SWEEP.size == 128
    assert [(one.number, one.values, one.status) for one in found] == [
        (one.number, one.values, one.status) for one in expected
    ]
    assert {one.status for one in expected} == {"ok", "diverged"}
    np.testing.assert_allclose([one.value for one in found], [one.value for one in expected], rtol=1e-9)
    for one, other in zip(found, expected, strict=True):
        assert [(lane.status, lane.step) for lane in one.lanes] == [(lane.status, lane.step) for lane in other.lanes]
        np.testing.assert_allclose(
            [lane.lambda_max for lane in one.lanes], [lane.lambda_max for lane in other.lanes], rtol=1e-6
        )
        assert other.curvatures is not None
        np.testing.assert_allclose(one.curvatures, other.curvatures, rtol=1e-6)
    assert all(np.isfinite(one.curvatures).all() for one in expected if one.status == "ok")


def each_once(storage: optuna.storages.BaseStorage, name: str) -> None:
    """A complete trial for every setting, and no other."""
    trials = optuna.load_study(study_name=name, storage=storage).trials
    assert Counter(trial.state.name for trial in trials) == {"COMPLETE": SWEEP.size}
    assert sorted(trial.user_attrs["setting"] for trial in trials) == list(range(SWEEP.size))


def journal(study: SweepStudy) -> optuna.storages.BaseStorage:
    backend = optuna.storages.journal.JournalFileBackend(str(study.folder / "study.log"))
    return optuna.storages.JournalStorage(backend)


def test_a_sweep_on_a_scheduler_survives_a_killed_worker(expected: tuple[SettingResult, ...], tmp_path: Path) -> None:
    killed_at: list[int] = []

    def kill_a_worker(sweeping: Sweeping) -> None:
        if not killed_at and sweeping.progress.num_done >= 32:
            machines.workers[0].kill()
            killed_at.append(sweeping.progress.num_done)

    with Cluster(2) as machines, open_study(SWEEP, "cluster", storage=tmp_path) as study:
        machines.wait_for_workers(2)
        executor = ClusterExecutor(machines.address)
        try:
            # Twice as many chunks as workers: some are with the one that is killed.
            found = run_sweep(SWEEP, study, executor, at_once=4, max_lanes=LANES, chunk_s=0.01, on_change=kill_a_worker)
            assert [worker.poll() is None for worker in machines.workers] == [False, True]
        finally:
            executor.shutdown(cancel_futures=True)
        assert 32 <= killed_at[0] < 96
        agrees(found, expected)
        agrees(study.results(), expected)
        each_once(journal(study), "cluster")


# Several clients, one study in PostgreSQL


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    where = programs()
    if where is None:
        reason = (
            "the tests of several clients need an installed PostgreSQL, for example from apt-get install postgresql"
        )
        if os.environ.get("MAML_REQUIRE_POSTGRES") == "1":
            pytest.fail(f"{reason}, and MAML_REQUIRE_POSTGRES is 1", pytrace=False)
        pytest.skip(reason)
    with postgres(where) as url:
        yield url


CLIENT = """
import sys
from maml_core.execution import ChunkPool
from maml_core.sweeps.curve_files import read_curves
from maml_core.sweeps.driver import run_sweep
from maml_core.sweeps.study import load_sweep
if __name__ == "__main__":
    with load_sweep(sys.argv[1], storage=sys.argv[2], lease_s=3.0) as study:
        pool = ChunkPool(1)
        run_sweep(study.sweep, study, pool, at_once=1, max_lanes=int(sys.argv[3]), chunk_s=0.05)
        pool.shutdown()
"""


def client(name: str, database: str, folder: Path) -> subprocess.Popen[str]:
    """A process that works at a study until it is complete; its curves go into a folder of its own."""
    command = [sys.executable, "-c", CLIENT, name, database, str(LANES)]
    environment = {**os.environ, "MAML_SWEEPS": str(folder)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def finished_by(folder: Path, name: str) -> set[int]:
    """The settings whose training curves a client has kept."""
    found = [read_curves(place) for place in folder.glob(f".databases/*/{name}")]
    return {setting for curves in found if len(curves) for setting in curves["setting"]}


def test_two_clients_of_one_database_survive_a_kill(
    expected: tuple[SettingResult, ...], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path / "watching"))
    folders = [tmp_path / "first", tmp_path / "second"]
    with open_study(SWEEP, "two", storage=database) as study:
        clients = [client("two", database, folder) for folder in folders]
        try:
            done = 0
            deadline = time.monotonic() + SOON_S
            while time.monotonic() < deadline and not (done >= 16 and finished_by(folders[0], "two")):
                time.sleep(0.1)
                done = sum(one.is_done for one in study.results())
            clients[0].kill()
            assert 16 <= done < 112
            _, said = clients[1].communicate(timeout=SOON_S)
            assert clients[1].returncode == 0, said
        finally:
            for process in clients:
                process.kill()
                process.communicate()
        by_first, by_second = (finished_by(folder, "two") for folder in folders)
        assert by_first
        assert by_first | by_second == set(range(SWEEP.size))
        agrees(study.results(), expected)
    storage = optuna.storages.RDBStorage(database)
    each_once(storage, "two")
    storage.engine.dispose()


def test_a_finished_study_in_a_database_needs_no_work(
    expected: tuple[SettingResult, ...], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    with load_sweep("two", storage=database) as study:
        agrees(run_sweep(SWEEP, study, NoneAtAll(), at_once=2), expected)


class NoneAtAll(Executor):
    """Nothing may be computed."""


def test_a_database_keeps_sweeps_apart_by_their_names(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no connection stays behind, however it ends: an open one would be a warning."""
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    other = dataclasses.replace(SWEEP, num_steps=7)
    open_study(other, "other", storage=database).close()
    with pytest.raises(StoreError, match="is another sweep"):
        open_study(SWEEP, "other", storage=database)
    with pytest.raises(StoreError, match="there is no sweep third"):
        load_sweep("third", storage=database)
    assert "other" in [info.name for info in list_sweeps(database)]
    delete_sweep("other", storage=database)
    assert "other" not in [info.name for info in list_sweeps(database)]
    gc.collect()


def test_a_database_that_is_not_there_is_said_at_once(database: str) -> None:
    port = database.rpartition(":")[2].partition("/")[0]
    with pytest.raises(StoreError, match="cannot be reached"):
        open_study(SWEEP, "two", storage=database.replace(port, "1"))
