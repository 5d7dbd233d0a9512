"""Chunks on a real Dask cluster: the same bits as here, what survives a killed worker, and what is refused before anything starts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from maml_core import cluster
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.cli import app
from maml_core.cluster import ClusterExecutor, open_executor
from maml_core.errors import ClusterError, ConfigError, StateError
from maml_core.execution import ChunkPool
from maml_core.records import Entry
from maml_core.store import load_run
from maml_core.sweeps.study import load_sweep
from tests.maml_core.clusters import Cluster
from tests.maml_core.forks import Forked
from tests.maml_core.helpers import same, tiny

pytestmark = pytest.mark.slow

pytest.importorskip("distributed")

ROOT = Path(__file__).resolve().parents[2]
TIMELINE = (Entry(step=3, kind="change", changes={"alpha": 0.05}),)
SOON_S = 120
"""Much longer than anything here takes, for busy machines."""


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    with Cluster(2) as machines:
        machines.wait_for_workers(2)
        yield machines


@pytest.fixture(scope="module")
def executor(two_workers: Cluster) -> Iterator[ClusterExecutor]:
    executor = ClusterExecutor(two_workers.address)
    yield executor
    executor.shutdown(cancel_futures=True)


def linger(folder: str, seconds: float) -> int:
    """Say who computes this, then take a while."""
    Path(folder, str(os.getpid())).touch()
    time.sleep(seconds)
    return os.getpid()


def end(folder: str) -> None:
    """Take the worker along."""
    Path(folder, str(os.getpid())).touch()
    os._exit(1)


def first_in(folder: Path) -> int:
    """The process that started to compute."""
    deadline = time.monotonic() + SOON_S
    while time.monotonic() < deadline:
        for path in folder.iterdir():
            return int(path.name)
        time.sleep(0.01)
    raise AssertionError("nothing was started")


# What runs where


def test_no_scheduler_means_processes_of_this_machine() -> None:
    pool = open_executor(None, num_workers=2)
    assert isinstance(pool, ChunkPool)
    assert pool.num_workers == 2
    pool.shutdown()


def test_a_scheduler_means_its_workers(executor: ClusterExecutor, two_workers: Cluster) -> None:
    assert executor.num_workers == 2
    assert {future.result(SOON_S) for future in executor.warm_up()} == {worker.pid for worker in two_workers.workers}


def test_a_chunk_has_the_same_bits_there(executor: ClusterExecutor) -> None:
    request = ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=6)
    there, here = executor.submit(run_chunk, request).result(SOON_S), run_chunk(request)
    assert same((there.config, there.state, there.records), (here.config, here.state, here.records))


def test_equal_requests_are_computed_each_for_itself(executor: ClusterExecutor, tmp_path: Path) -> None:
    for _ in range(2):
        executor.submit(linger, str(tmp_path), 0.0).result(SOON_S)
        first_in(tmp_path)
        for path in tmp_path.iterdir():
            path.unlink()


def test_workers_use_one_thread(executor: ClusterExecutor) -> None:
    assert executor.submit(torch.get_num_threads).result(SOON_S) == 1


def test_an_error_in_a_chunk_reaches_the_caller(executor: ClusterExecutor) -> None:
    with pytest.raises(StateError):
        executor.submit(run_chunk, ChunkRequest(config=tiny(), state=b"nonsense", num_steps=1)).result(SOON_S)


def test_a_cancelled_chunk_is_not_computed(executor: ClusterExecutor, tmp_path: Path) -> None:
    busy = [executor.submit(time.sleep, 1.0) for _ in range(2 * executor.num_workers)]
    waiting = executor.submit(linger, str(tmp_path), 0.0)
    assert waiting.cancel()
    for future in busy:
        future.result(SOON_S)
    assert executor.submit(os.getpid).result(SOON_S) > 0
    assert list(tmp_path.iterdir()) == []


# What is lost, and what is not


def test_a_chunk_whose_worker_is_killed_is_computed_by_another_one(tmp_path: Path) -> None:
    with Cluster(2) as machines:
        machines.wait_for_workers(2)
        executor = ClusterExecutor(machines.address)
        lost = executor.submit(linger, str(tmp_path), 2.0)
        victim = first_in(tmp_path)
        next(worker for worker in machines.workers if worker.pid == victim).kill()
        assert lost.result(SOON_S) in {worker.pid for worker in machines.workers} - {victim}
        executor.shutdown()


def test_a_chunk_that_ends_every_worker_is_given_up(tmp_path: Path) -> None:
    """Dask hands it on four times; then it is what `ChunkPool` calls a broken pool."""
    with Cluster(5) as machines:
        machines.wait_for_workers(5)
        executor = ClusterExecutor(machines.address)
        with pytest.raises(BrokenProcessPool, match="one after the other"):
            executor.submit(end, str(tmp_path)).result(SOON_S)
        assert len(list(tmp_path.iterdir())) == 4
        assert executor.submit(os.getpid).result(SOON_S) > 0
        executor.shutdown()


def test_a_scheduler_that_goes_takes_the_chunks_along_with_a_word(tmp_path: Path) -> None:
    with Cluster(1) as machines:
        machines.wait_for_workers(1)
        executor = ClusterExecutor(machines.address)
        running = executor.submit(linger, str(tmp_path), SOON_S)
        first_in(tmp_path)
        machines.scheduler.kill()
        with pytest.raises(ClusterError, match="has gone; start it"):
            running.result(SOON_S)
        with pytest.raises(ClusterError, match="has gone; start it"):
            executor.submit(os.getpid)
        executor.shutdown(cancel_futures=True)


def test_a_worker_that_joins_with_other_code_computes_nothing(
    monkeypatch: pytest.MonkeyPatch, executor: ClusterExecutor
) -> None:
    """It was not there when the executor was opened: the chunk itself sees it."""
    monkeypatch.setattr(cluster, "fingerprint", lambda: "maml_core of yesterday")
    with pytest.raises(ClusterError, match=r"another version of this project .*here maml_core of yesterday"):
        executor.submit(os.getpid).result(SOON_S)


# What is refused before anything starts


@pytest.mark.parametrize(
    "address",
    [
        "",
        "127.0.0.1:8786",
        "tcp://",
        "tcp://127.0.0.1",
        "tcp://host:port",
        "tcp://host:99999",
        "tcp://host:8786/x",
        "http://host:8786",
        "tcp://me@host:1",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="tcp://HOST:PORT") as refused:
        open_executor(address)
    assert refused.value.field == "scheduler"


def test_without_dask_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"pip install -e '\.\[cluster\]'"):
        open_executor("tcp://127.0.0.1:8786")


def test_where_nobody_listens_it_says_how_to_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"no scheduler answers at {address}; start one with `dask scheduler`"):
            ClusterExecutor(address, connect_s=0.5)


def test_who_takes_the_call_and_says_nothing_is_no_scheduler() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ClusterError, match="no scheduler answers"):
            ClusterExecutor(address, connect_s=0.5)


def test_a_scheduler_without_workers_is_refused() -> None:
    with Cluster(0) as machines, pytest.raises(ClusterError, match="has no workers"):
        ClusterExecutor(machines.address)


def test_a_worker_of_several_threads_is_refused() -> None:
    with Cluster(0) as machines:
        machines.add_worker("--nthreads", "3")
        machines.wait_for_workers(1)
        with pytest.raises(ClusterError, match="runs 3 chunks in one process; start workers with `--nthreads 1`"):
            ClusterExecutor(machines.address)


def test_workers_of_another_version_are_refused(monkeypatch: pytest.MonkeyPatch, two_workers: Cluster) -> None:
    ours = cluster.fingerprint()
    before = threading.active_count()
    monkeypatch.setattr(cluster, "fingerprint", Yesterday())
    with pytest.raises(
        ClusterError,
        match=f"another version of this project .{ours}; here maml_core of yesterday.; install the same checkout",
    ):
        ClusterExecutor(two_workers.address)
    assert threading.active_count() == before


class Yesterday:
    """Stands for `fingerprint` here; what is sent to a worker is the real one."""

    def __call__(self) -> str:
        return "maml_core of yesterday"

    def __reduce__(self) -> str | tuple[object, ...]:
        return getattr, (cluster, "fingerprint")


def test_a_worker_that_cannot_load_the_project_is_refused(tmp_path: Path) -> None:
    (tmp_path / "maml_core.py").write_text("raise ImportError('no such project here')\n")
    with Cluster(0) as machines:
        machines.add_worker_from_nothing(PYTHONPATH=str(tmp_path), PYTHONSAFEPATH="1")
        machines.wait_for_workers(1)
        with pytest.raises(ClusterError, match=r"cannot load this project .*the same checkout is installed"):
            ClusterExecutor(machines.address)


# What is left behind


def test_closing_leaves_no_thread_and_takes_no_more(two_workers: Cluster) -> None:
    before = threading.active_count()
    executor = ClusterExecutor(two_workers.address)
    assert executor.submit(os.getpid).result(SOON_S) > 0
    executor.shutdown()
    assert threading.active_count() == before
    with pytest.raises(RuntimeError, match="shutdown"):
        executor.submit(os.getpid)


def test_closing_leaves_the_workers_to_others(two_workers: Cluster) -> None:
    ClusterExecutor(two_workers.address).shutdown()
    again = ClusterExecutor(two_workers.address)
    assert again.num_workers == 2
    again.shutdown()


def test_closing_does_not_wait_for_what_is_cancelled(two_workers: Cluster, tmp_path: Path) -> None:
    executor = ClusterExecutor(two_workers.address)
    long = executor.submit(linger, str(tmp_path), 5.0)
    first_in(tmp_path)
    executor.shutdown(wait=False, cancel_futures=True)
    with pytest.raises(CancelledError):
        long.result(SOON_S)


def test_who_submits_to_a_cluster_loads_no_torch(two_workers: Cluster) -> None:
    code = (
        "import sys\n"
        "from maml_core.chunks import ChunkRequest, run_chunk\n"
        "from maml_core.cluster import open_executor\n"
        "from maml_core.config import RunConfig\n"
        f"executor = open_executor({two_workers.address!r})\n"
        "print(executor.submit(run_chunk, ChunkRequest(config=RunConfig(), num_steps=2)).result().step)\n"
        "executor.shutdown()\n"
        "assert 'torch' not in sys.modules, 'torch was loaded'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=SOON_S)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


# From the command line


def maml(*arguments: str, code: int = 0) -> str:
    """Run a command, expecting this exit code; gives what it says on stderr."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == code, f"{result.exit_code}\n{result.output}\n{result.exception!r}"
    return " ".join(result.stderr.split())


def test_training_on_a_cluster_gives_the_same_bits(two_workers: Cluster, tmp_path: Path) -> None:
    set_up = ("train", "--hidden-widths", "6,5", "--dtype", "float64", "--steps", "30")
    maml(*set_up, "--out", str(tmp_path / "here"))
    maml(*set_up, "--out", str(tmp_path / "there"), "--scheduler", two_workers.address)
    here, there = load_run(tmp_path / "here"), load_run(tmp_path / "there")
    assert (there.step, there.state) == (30, here.state)
    assert same(there.records, here.records)


def test_a_training_that_loses_its_scheduler_is_saved(tmp_path: Path) -> None:
    with Cluster(1) as machines:
        machines.wait_for_workers(1)
        arguments = ["train", "--steps", "1000000", "--out", str(tmp_path / "run"), "--save-every", "0"]
        training = Forked([*arguments, "--scheduler", machines.address], stderr=subprocess.PIPE)
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline and (
            not (tmp_path / "run" / "run.json").exists() or load_run(tmp_path / "run").step == 0
        ):
            time.sleep(0.1)
        machines.scheduler.kill()
        _, said = training.communicate(timeout=SOON_S)
    saved = load_run(tmp_path / "run")
    assert training.returncode == 4
    assert saved.step > 0
    assert f"has gone; start it and its workers again, then go on. The run is saved at outer step {saved.step}." in said
    assert "Traceback" not in said


def test_a_reproduction_runs_on_a_cluster(two_workers: Cluster, tmp_path: Path) -> None:
    arguments = ("--only", "MAML", "--steps", "5", "--tasks", "10", "--folder", str(tmp_path))
    maml("reproduce", "sinusoid", *arguments, "--scheduler", two_workers.address)
    assert load_run(next(path.parent for path in tmp_path.glob("*/run.json"))).step == 5


def test_a_sweep_runs_on_a_cluster(two_workers: Cluster, tmp_path: Path) -> None:
    tiny_sweep = ("--hidden-widths", "6,5", "--evaluation-tasks", "4", "--axis", "alpha=0.01,0.02,0.03", "--steps", "5")
    where = ("--name", "there", "--storage", str(tmp_path), "--scheduler", two_workers.address)
    maml("sweep", *tiny_sweep, *where)
    with load_sweep("there", storage=tmp_path) as study:
        assert [one.status for one in study.results()] == ["ok"] * 3


SWEEP = ("sweep", "--axis", "alpha=0.01,0.02")


@pytest.mark.parametrize("command", [("train",), ("reproduce", "sinusoid"), SWEEP], ids=" ".join)
def test_a_command_says_that_the_scheduler_is_none(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "tcp://HOST:PORT" in maml(*command, "--scheduler", "8786", code=2)
    assert list(tmp_path.iterdir()) == []
