"""Workers that hang or swell are ended, and what they computed is computed by others; those that only take long are left alone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from maml_core.execution import ChunkPool, resubmitted
from maml_core.worker_health import Health, Tasks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what another process takes is known in /proc"),
]
HANGS_S = 2.0


@pytest.fixture
def pool() -> Iterator[ChunkPool]:
    pool = ChunkPool(1, hangs_s=HANGS_S, max_bytes=1200 * 2**20)
    yield pool
    pool.shutdown(cancel_futures=True)


def _stops_once(mark: Path) -> int:
    """Hangs the first time."""
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGSTOP)
    return os.getpid()


def _swells_once(mark: Path) -> int:
    if not mark.exists():
        mark.touch()
        swollen = bytearray(1500 * 2**20)
        for page in range(0, len(swollen), 4096):
            swollen[page] = 1
        time.sleep(60.0)
    return os.getpid()


def _computes(seconds: float) -> float:
    begin = time.thread_time()
    while time.thread_time() - begin < seconds:
        pass
    return seconds


@pytest.mark.parametrize(("act", "said"), [(_stops_once, "hung"), (_swells_once, "grew beyond 1.2 GiB")])
def test_a_worker_that_hangs_or_swells_is_replaced_and_says_why(pool: ChunkPool, tmp_path: Path, act, said) -> None:
    assert pool.lost_because == "ended"
    first = pool.submit(os.getpid).result()
    with pytest.raises(BrokenProcessPool):
        pool.submit(act, tmp_path / "mark").result(30.0)
    assert said in pool.lost_because
    assert resubmitted(pool, act, tmp_path / "mark") != first
    assert pool.num_rebuilt == 1


def test_one_that_computes_for_long_or_has_nothing_to_do_is_left_alone(pool: ChunkPool) -> None:
    first = pool.submit(os.getpid).result()
    time.sleep(2 * HANGS_S)
    assert pool.submit(_computes, 2 * HANGS_S).result() == 2 * HANGS_S
    assert pool.submit(os.getpid).result() == first
    assert pool.num_rebuilt == 0


class _Context:
    """What `Tasks` needs of `multiprocessing`, in this process."""

    class _Value:
        value = 0

        def get_lock(self):
            import contextlib

            return contextlib.nullcontext()

    def Value(self, *_):
        return self._Value()

    def RawArray(self, kind, count):
        return [0] * count


def test_time_in_which_nobody_could_look_does_not_count() -> None:
    """A laptop that slept: its workers used no processor time meanwhile."""
    tasks = Tasks(_Context(), 1)
    health = Health(tasks, hangs_s=10.0)
    stopped = os.fork()
    if stopped == 0:
        signal.pause()
        os._exit(0)
    try:
        tasks._pids[tasks.join()] = stopped
        tasks.begin(0)
        assert [health.unwell(passed_s) for passed_s in (1.0, 4.0, 4.0)] == [[], [], []]
        assert health.unwell(4.0) == [(stopped, "hung and was ended")]
        tasks.end(0)
        assert health.unwell(100.0) == []
        tasks.begin(0)
        assert health.unwell(100.0) == []  # it has only just begun
    finally:
        os.kill(stopped, signal.SIGKILL)
        os.waitpid(stopped, 0)
