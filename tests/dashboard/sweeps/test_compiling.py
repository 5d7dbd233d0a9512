"""A page's sweeps and the compiled forms of their outer steps: waited for where that pays, never in the way, and ended with the sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dashboard.server.hub import Hub
from dashboard.sweeps import compiling
from dashboard.sweeps.job import SweepJob
from maml_core.config import RunConfig
from maml_core.sweeps import compiling_first
from maml_core.sweeps.budget import Cost
from maml_core.sweeps.definition import group_key
from maml_core.sweeps.study import load_sweep, open_study
from tests.dashboard.server.clients import TINY, Clock, wake
from tests.dashboard.sweeps.results import sweep
from tests.dashboard.sweeps.test_hub import COST, Held, Mixed, Viewer, new_job, play, until

ENDLESS = sweep(num_steps=10_000)


class Compiler:
    """Takes the place of `compile_lanes`: it is done when the test says so, or when nobody wants it any more."""

    def __init__(self) -> None:
        self.asked: list[tuple[RunConfig, ...]] = []
        self.num_running = 0
        self.is_done, self.succeeds = False, True

    def __call__(self, configs: tuple[RunConfig, ...], *, is_stopped: Callable[[], bool], steps_back: bool) -> bool:
        assert steps_back
        self.asked.append(configs)
        self.num_running += 1
        try:
            while not self.is_done and not is_stopped():
                time.sleep(0.002)
            return self.is_done and self.succeeds
        finally:
            self.num_running -= 1


@pytest.fixture(autouse=True)
def _long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "compiled"))
    monkeypatch.setattr(compiling_first, "LONG_S", 0.0)


@pytest.fixture
def compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compiler]:
    found = Compiler()
    monkeypatch.setattr(compiling, "compile_lanes", found)
    yield found
    assert found.num_running == 0


def started(hub: Hub, root: Path, of: Any = None) -> tuple[Viewer, SweepJob]:
    hub.sweeps.preparation.compiles = True
    token = hub.open_page(TINY)
    viewer = Viewer(hub, token)
    key, job = new_job(hub, root, of)
    hub.start_sweep(token, key, job)
    return viewer, job


def said(viewer: Viewer) -> list[tuple[str, bool]]:
    """What the page was told of the sweep, in turn."""
    told = [(one["status"], one["compiling"]) for one in viewer.take() if one["type"] == "sweep" and one["name"]]
    return [one for one, before in zip(told, [None, *told], strict=False) if one != before]


def test_a_long_one_waits_for_its_steps_and_says_so(tmp_path: Path, compiler: Compiler) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        viewer, job = started(hub, tmp_path)
        hub.sweeps.preparation._costs = {group_key(sweep().base): COST}
        await until(lambda: job.driver.is_compiling)
        clock.now += 1.0
        await wake(hub)
        assert said(viewer)[-1] == ("running", True)
        assert "sweep" not in executor.order
        compiler.is_done = True
        await until(lambda: job.status == "done")
        clock.now += 1.0
        await wake(hub)
        assert said(viewer)[-1] == ("done", False)
        assert [len(group) for group in compiler.asked] == [2]  # the lanes of a batch, which may take 0.02 s
        assert hub.sweeps.preparation._costs == {}  # an outer step costs less now

    play(scene)


def test_its_chunks_take_over_whatever_form_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        _, job = started(hub, tmp_path, ENDLESS)
        await until(lambda: bool(executor.waiting))
        assert executor.waiting[0][2][0].compiled
        assert not job.driver.is_compiling

    monkeypatch.setattr(compiling_first, "LONG_S", float("inf"))  # a short one, which waits for nothing
    play(scene, Held())


def test_cancelling_ends_the_compiler_and_resuming_begins_again(tmp_path: Path, compiler: Compiler) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        viewer, job = started(hub, tmp_path)
        await until(lambda: compiler.num_running == 1)
        viewer.say("cancel")
        await until(lambda: job.status == "stopped")
        assert compiler.num_running == 0
        assert "sweep" not in executor.order
        viewer.say("resume")
        await until(lambda: compiler.num_running == 1)
        compiler.is_done = True
        await until(lambda: job.status == "done")

    play(scene)


def test_one_that_cannot_be_compiled_goes_on_eagerly(tmp_path: Path, compiler: Compiler) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        _, job = started(hub, tmp_path)
        await until(lambda: job.status == "done")
        assert {one.status for one in job.results} == {"ok"}

    compiler.is_done, compiler.succeeds = True, False
    play(scene)
    with load_sweep("s", storage=tmp_path) as study:
        assert {one.status for one in study.results()} == {"ok"}


def test_where_it_takes_too_long_the_sweep_goes_on_beside_it_and_ends_it(
    tmp_path: Path, compiler: Compiler, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        _, job = started(hub, tmp_path)
        await until(lambda: job.status == "done")
        assert len(compiler.asked) == 1
        await until(lambda: compiler.num_running == 0)

    monkeypatch.setattr(compiling, "WAIT_S", 0.0)
    play(scene)


def test_live_runs_go_on_meanwhile(tmp_path: Path, compiler: Compiler) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        _, job = started(hub, tmp_path)
        await until(lambda: job.driver.is_compiling)
        page, _ = hub.connect(hub.open_page(TINY), resume="", released=False)
        hub.receive(page, {"type": "play"})
        before = len(executor.order)
        await until(lambda: len(executor.order) > before + 20)
        assert job.driver.is_compiling
        assert set(executor.order) == {"live"}

    play(scene)


def test_a_server_that_ends_leaves_no_compiler(tmp_path: Path, compiler: Compiler) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        started(hub, tmp_path)
        await until(lambda: compiler.num_running == 1)

    play(scene)  # which closes it


def test_the_real_compiler_has_the_lowest_priority_and_is_ended_with_the_sweep(tmp_path: Path) -> None:
    def compilers() -> list[psutil.Process]:
        children = psutil.Process().children(recursive=True)
        return [one for one in children if "maml_core.compiler_process" in " ".join(one.cmdline())]

    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        viewer, job = started(hub, tmp_path)
        await until(lambda: len(compilers()) == 1)
        (process,) = compilers()
        await until(lambda: process.nice() == 19)
        viewer.say("cancel")
        await until(lambda: job.status == "stopped")
        assert not process.is_running()
        assert compilers() == []

    play(scene)


def test_a_batch_is_no_longer_than_its_eager_steps_allow(tmp_path: Path) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        of = sweep()
        study = open_study(of, "s", storage=tmp_path)
        cost = Cost(step_s=0.005, evaluation_s=0.02, is_compiled=True)  # 0.015 where its form goes away
        job = hub.sweeps.preparation.new_job("s", of, study, {of.base: cost})
        hub.start_sweep(hub.open_page(TINY), ("place", "s"), job)
        await until(lambda: bool(executor.waiting))
        assert len(executor.waiting[0][2][0].configs) == 1

    play(scene, Held())
