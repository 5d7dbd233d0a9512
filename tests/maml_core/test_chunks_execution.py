"""Chunks, the pool they run on, and what survives when a process is killed."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
import torch

from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import MLPConfig
from maml_core.errors import StateError
from maml_core.execution import (
    LAST_NICENESS,
    NICENESS,
    ChunkPool,
    call_last,
    default_workers,
    load_engine,
    most_workers,
)
from maml_core.records import Entry, View
from maml_core.runs import init_run, replay
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from tests.maml_core.helpers import flat, same, tiny

ROOT = Path(__file__).resolve().parents[2]
TIMELINE = (Entry(step=3, kind="change", changes={"alpha": 0.05}),)


def outcome(result: ChunkResult) -> tuple[object, ...]:
    """What must not depend on where a chunk ran; all but its times."""
    return result.config, result.state, result.step, result.status, result.records


def test_a_chunk_without_a_state_starts_at_outer_step_0() -> None:
    result = run_chunk(ChunkRequest(config=tiny()))
    assert (result.step, result.records, result.snapshot) == (0, None, None)
    assert result.state == state_to_bytes(init_run(tiny()))


def test_a_chunk_follows_the_timeline_and_returns_the_new_config() -> None:
    result = run_chunk(ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=6))
    config, state, records = replay(tiny(), TIMELINE, num_steps=6)
    assert same(outcome(result), (config, state_to_bytes(state), 6, state.status, records))
    assert result.config.alpha == 0.05


def test_chunks_one_after_the_other_equal_one_chunk() -> None:
    whole = run_chunk(ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=9))
    config, state = tiny(), None
    for _ in range(3):
        part = run_chunk(ChunkRequest(config=config, state=state, timeline=TIMELINE, num_steps=3))
        config, state = part.config, part.state
    assert same(outcome(part)[:4], outcome(whole)[:4])


def test_a_chunk_that_does_not_advance_hands_the_state_back() -> None:
    start = run_chunk(ChunkRequest(config=tiny(), num_steps=2))
    looked = run_chunk(ChunkRequest(config=tiny(), state=start.state, view=View()))
    assert (looked.state, looked.step, looked.records) == (start.state, 2, None)
    assert looked.snapshot is not None
    assert looked.snapshot.step == 2


def test_a_chunk_takes_the_next_outer_step_apart_in_the_views_plane() -> None:
    start = run_chunk(ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=4, view=View()))
    assert start.apart is None
    assert start.snapshot is not None
    assert start.snapshot.paths is not None
    view = View(trajectories=False, curvature=False, plane=start.snapshot.paths.plane)
    looked = run_chunk(ChunkRequest(config=start.config, state=start.state, view=view, apart=True))
    assert looked.apart is not None
    assert looked.apart.step == 4
    assert same(looked.apart.paths.plane, view.plane)
    after = run_chunk(ChunkRequest(config=start.config, state=start.state, num_steps=1))
    theta = state_from_bytes(after.state).meta.theta
    np.testing.assert_array_equal(looked.apart.theta_0_after, flat(theta))
    assert b"torch" not in pickle.dumps(looked)


def test_a_chunk_tells_the_reference_levels() -> None:
    levels = run_chunk(ChunkRequest(config=tiny())).levels
    assert (levels.zero, levels.non_adapting) == pytest.approx((4.2517, 3.0057), abs=5e-5)


def test_damaged_state_is_a_state_error() -> None:
    with pytest.raises(StateError):
        run_chunk(ChunkRequest(config=tiny(), state=b"nonsense", num_steps=1))


@pytest.mark.parametrize("widths", [(3,), (7, 5)], ids=str)
def test_the_state_of_another_model_is_a_state_error(widths: tuple[int, ...]) -> None:
    other = run_chunk(ChunkRequest(config=tiny(model=MLPConfig(hidden_widths=widths, activation="tanh"))))
    with pytest.raises(StateError):
        run_chunk(ChunkRequest(config=tiny(), state=other.state, num_steps=1))


def test_requests_and_results_are_plain_data() -> None:
    """They cross the seam without torch: neither a request nor a result may need it to be read."""
    request = ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=2, view=View())
    for thing in (request, run_chunk(request)):
        data = pickle.dumps(thing)
        assert b"torch" not in data
        assert type(pickle.loads(data)) is type(thing)


@pytest.fixture(scope="module")
def pool() -> Iterator[ChunkPool]:
    pool = ChunkPool(1)
    yield pool
    pool.shutdown()


def test_a_pool_runs_chunks_with_the_same_bits(pool: ChunkPool) -> None:
    request = ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=6)
    assert same(outcome(pool.submit(run_chunk, request).result()), outcome(run_chunk(request)))


def test_workers_use_one_thread(pool: ChunkPool) -> None:
    assert pool.submit(torch.get_num_threads).result() == 1


def test_workers_run_at_lower_priority(pool: ChunkPool) -> None:
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert pool.submit(os.getpriority, os.PRIO_PROCESS, 0).result() == min(19, ours + NICENESS)


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_a_look_for_garbage_in_a_worker_leaves_what_was_loaded_before_it_shared(pool: ChunkPool) -> None:
    assert pool.submit(own_mb_of_a_look_for_garbage).result() < 10.0


def own_mb_of_a_look_for_garbage() -> float:
    """How much memory a process no longer shares with the one that it was forked from, once it has looked for garbage."""
    before = _own_mb()
    gc.collect()
    return _own_mb() - before


def _own_mb() -> float:
    rows = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith("Private_Dirty:")) / 1024


def test_warming_up_loads_the_engine_in_another_process(pool: ChunkPool) -> None:
    (worker,) = (future.result() for future in pool.warm_up())
    assert worker != os.getpid()


def loaded_by_a_chunk() -> set[str]:
    """The modules that a first chunk finds missing."""
    before = set(sys.modules)
    load_engine()
    return set(sys.modules) - before


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
def test_a_new_worker_has_all_that_a_chunk_needs() -> None:
    with ChunkPool(1) as pool:
        assert pool.submit(loaded_by_a_chunk).result() == set()


def test_an_error_in_a_chunk_reaches_the_caller_and_keeps_the_pool(pool: ChunkPool) -> None:
    rebuilt = pool.num_rebuilt
    with pytest.raises(StateError):
        pool.submit(run_chunk, ChunkRequest(config=tiny(), state=b"nonsense", num_steps=1)).result()
    assert pool.submit(os.getpid).result() > 0
    assert pool.num_rebuilt == rebuilt


def test_a_killed_worker_loses_only_its_chunk(pool: ChunkPool) -> None:
    request = ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=5)
    held = pool.submit(run_chunk, request).result()
    rebuilt = pool.num_rebuilt
    worker = pool.submit(os.getpid).result()
    lost = pool.submit(run_chunk, ChunkRequest(config=held.config, state=held.state, num_steps=1_000_000))
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(BrokenProcessPool):
        lost.result(timeout=60)
    again = ChunkRequest(config=held.config, state=held.state, timeline=TIMELINE, num_steps=7)
    resumed = pool.submit(run_chunk, again).result(timeout=60)
    assert pool.num_rebuilt == rebuilt + 1
    assert pool.submit(os.getpid).result() != worker
    assert resumed.state == run_chunk(ChunkRequest(config=tiny(), timeline=TIMELINE, num_steps=12)).state


def half_an_answer() -> None:
    """As a worker that is killed while it answers: a long answer is announced, a little of it comes, and no more."""
    frame = sys._getframe()
    while "result_queue" not in frame.f_locals:
        assert frame.f_back is not None
        frame = frame.f_back
    queue = frame.f_locals["result_queue"]
    queue._wlock.acquire()
    os.write(queue._writer.fileno(), struct.pack("!i", 1_000_000) + b"a little")
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_while_it_answers_is_replaced() -> None:
    with ChunkPool(2) as pool:
        workers = {future.result() for future in pool.warm_up()}
        with pytest.raises(BrokenProcessPool):
            pool.submit(half_an_answer).result(timeout=30)
        assert pool.submit(os.getpid).result(timeout=30) not in workers


def test_nothing_can_be_submitted_after_shutdown() -> None:
    pool = ChunkPool(1)
    pool.shutdown()
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(os.getpid)


def test_there_is_at_least_one_worker() -> None:
    assert default_workers() >= 1
    assert most_workers() in (1, default_workers() + 1)


def worker_of(pool: ChunkPool) -> int:
    """The worker that computes what is submitted now, which the pool takes for idle a moment after its answer."""
    found = pool.submit(os.getpid).result()
    time.sleep(0.05)
    return found


def test_a_worker_that_is_not_needed_does_not_start() -> None:
    with ChunkPool(2) as pool:
        (worker,) = [future.result() for future in pool.warm_up(1)]
        time.sleep(0.05)
        assert {worker_of(pool) for _ in range(5)} == {worker}
        pool.submit(time.sleep, 3.0)
        assert pool.submit(os.getpid).result() != worker


def alive(process: int) -> bool:
    """Whether a process still runs; one that ended and waits to be collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


OWNER = """
import os, time
from maml_core.execution import ChunkPool
if __name__ == "__main__":
    pool = ChunkPool(2)
    pids = set()
    while len(pids) < 2:
        futures = [pool.submit(time.sleep, 0.2) for _ in range(2)] + [pool.submit(os.getpid) for _ in range(8)]
        pids |= {future.result() for future in futures[2:]}
    print(*pids, flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_workers_end_when_their_parent_is_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert owner.stdout is not None
        workers = [int(process) for process in owner.stdout.readline().split()]
        owner.stdout.close()
        assert len(workers) == 2
        assert all(alive(worker) for worker in workers)
    finally:
        owner.kill()
        owner.wait()
    for _ in range(300):
        if not any(alive(worker) for worker in workers):
            break
        time.sleep(0.1)
    assert not any(alive(worker) for worker in workers)


def test_a_worker_does_not_run_the_parents_main_script(tmp_path: Path) -> None:
    """A page's script has no `__main__` guard: run again in a worker, it would start pools without end."""
    script = tmp_path / "page.py"
    script.write_text(
        "import os, pathlib\n"
        "from maml_core.execution import ChunkPool\n"
        "with open(pathlib.Path(__file__).with_name('runs'), 'a') as file: file.write('x')\n"
        "pool = ChunkPool(1)\n"
        "assert pool.submit(os.getpid).result() != os.getpid()\n"
        "pool.shutdown()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, str(script)], check=True, timeout=120, env=environment)
    assert (tmp_path / "runs").read_text() == "x"


def test_records_of_a_chunk_are_numpy() -> None:
    records = run_chunk(ChunkRequest(config=tiny(), num_steps=2)).records
    assert records is not None
    assert all(isinstance(column, np.ndarray) for column in records[:-1])


def own_priority() -> int:
    """Niceness of the thread that asks; a process's is its first thread's."""
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


@pytest.mark.skipif(sys.platform != "linux", reason="threads have priorities of their own on Linux alone")
def test_what_is_called_last_is_computed_at_the_lowest_priority_and_what_follows_is_not(pool: ChunkPool) -> None:
    usual = pool.submit(own_priority).result()
    assert usual < LAST_NICENESS
    assert pool.submit(call_last, own_priority).result() == LAST_NICENESS
    assert {pool.submit(own_priority).result() for _ in range(4)} == {usual}


def test_a_chunk_that_is_called_last_is_the_same_to_the_bit(pool: ChunkPool) -> None:
    request = ChunkRequest(config=tiny(), num_steps=4, view=View())
    first, last = run_chunk(request), pool.submit(call_last, run_chunk, request).result()
    assert same(outcome(first), outcome(last))
