"""How often a sweep's results are read: never for more than a small share of a processor, and in any case once nothing more comes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dashboard.sweeps.reading import READING_SHARE, Findings, Reader
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.standing import Standings
from tests.dashboard.server.clients import TINY, Clock
from tests.dashboard.sweeps.hubs import Held, Mixed, new_job, play, until, wake
from tests.dashboard.sweeps.results import ALPHA, STEPS, grid, sweep

MANY = sweep(dataclasses.replace(ALPHA, values=tuple(0.001 * i for i in range(1, 101))))
RESULTS = grid(MANY)


class Readings:
    """A clock, and readings that take so many seconds of both a processor and this clock."""

    def __init__(self, each_s: float) -> None:
        self.now = 0.0
        self.spent_s = 0.0
        self.num_read: list[int] = []
        """How many settings were done, at each reading."""
        self._each_s = each_s
        self.reader = Reader(clock=lambda: self.now, processor_s=lambda: self.spent_s, find=self._find)

    def _find(self, of: SweepConfig, results: Sequence[SettingResult]) -> Findings:
        done = sum(one.is_done for one in results)
        self.num_read.append(done)
        self.now += self._each_s
        self.spent_s += self._each_s
        return Findings((f"{done} are done",), Standings(of, ()))

    def at(self, done: int, **how: Any) -> str:
        """What is said where so many settings are done."""
        waiting = tuple(dataclasses.replace(one, status="waiting", lanes=()) for one in RESULTS[done:])
        (said,) = self.reader.findings(MANY, (*RESULTS[:done], *waiting), **how).sentences
        return said


@pytest.mark.parametrize("each_s", [0.001, 0.1, 3.4])
def test_readings_take_a_small_share_of_a_processor_whatever_each_takes(each_s: float) -> None:
    readings = Readings(each_s)
    for done in range(100):
        readings.at(done)
        readings.now += 0.5
    assert readings.spent_s <= READING_SHARE * readings.now + each_s


def test_what_takes_nothing_is_read_as_each_setting_is_finished() -> None:
    readings = Readings(0.001)
    for done in range(50):
        assert readings.at(done) == f"{done} are done"
        readings.now += 0.5


def test_nothing_is_read_twice() -> None:
    readings = Readings(0.001)
    for _ in range(5):
        readings.at(7, at_once=True)
        readings.now += 100.0
    assert readings.num_read == [7]


def test_once_nothing_more_comes_the_rest_is_read_whatever_it_takes() -> None:
    readings = Readings(3.4)
    assert [readings.at(done) for done in (4, 5, 6)] == ["4 are done"] * 3
    assert readings.at(7, at_once=True) == "7 are done"


class Stingy(Reader):
    """Reads the first time, and where it must."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: -1.0)


def test_a_sweep_that_is_done_is_read_to_its_last_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.sweeps.driver_thread.Reader", Stingy)

    async def scene(hub: Any, _: Mixed, __: Clock) -> None:
        key, job = new_job(hub, tmp_path)
        hub.start_sweep(hub.open_page(TINY), key, job)
        await until(lambda: job.status == "done")
        assert job.findings.standings.num_compared == 6

    play(scene)


def test_a_sweep_that_somebody_stops_is_read_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.sweeps.driver_thread.Reader", Stingy)

    async def scene(hub: Any, executor: Held, _: Clock) -> None:
        key, job = new_job(hub, tmp_path, sweep(ALPHA, STEPS))
        hub.start_sweep(hub.open_page(TINY), key, job)
        while job.num_done < 2:
            await until(lambda: bool(executor.waiting) or job.num_done >= 2)
            if executor.waiting:
                executor.finish()
        assert job.findings.standings.num_compared == 0
        job.cancel()
        while job.status != "stopped":
            await until(lambda: bool(executor.waiting) or job.status == "stopped")
            if executor.waiting:
                executor.finish()
        await until(lambda: job.findings.standings.num_compared == job.num_done)
        assert job.num_done in (2, 3)

    play(scene, Held())


def test_what_cannot_be_read_is_not_asked_for_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Unreadable(Reader):
        def findings(self, sweep: SweepConfig, results: Sequence[SettingResult], *, at_once: bool = False) -> Findings:
            asked.append(len(results))
            raise ValueError("a sentence without a number")

    monkeypatch.setattr("dashboard.sweeps.driver_thread.Reader", Unreadable)

    async def scene(hub: Any, _: Mixed, __: Clock) -> None:
        key, job = new_job(hub, tmp_path)
        hub.start_sweep(hub.open_page(TINY), key, job)
        await until(lambda: job.status == "failed" and not job.wants_thread)
        asked.clear()
        for _ in range(5):
            await wake(hub)
        assert (job.sentence, asked) == ("a sentence without a number", [])
        job.resume()
        await until(lambda: job.status == "failed" and not job.wants_thread)
        assert asked

    play(scene)


def test_results_that_are_kept_and_cannot_be_read_say_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def unreadable(
        self: Reader, of: SweepConfig, results: Sequence[SettingResult], *, at_once: bool = False
    ) -> Findings:
        asked.append(len(results))
        raise ValueError("a sentence without a number")

    async def scene(hub: Any, _: Mixed, __: Clock) -> None:
        token = hub.open_page(TINY)
        key, job = new_job(hub, tmp_path)
        hub.start_sweep(token, key, job)
        await until(lambda: job.status == "done")
        await hub.sweeps.forget(key)
        monkeypatch.setattr(Reader, "findings", unreadable)
        key, job = new_job(hub, tmp_path)
        hub.sweeps.add(key, job)
        hub.sweeps.watch(token, key)
        await until(lambda: job.status == "failed")
        for _ in range(5):
            await wake(hub)
        assert (job.sentence, len(asked)) == ("a sentence without a number", 1)

    play(scene)
