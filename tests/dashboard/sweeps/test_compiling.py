"""A page's sweeps and the compiled forms of their outer steps: made beside the training where that pays, and ended with the sweep."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from dashboard.server.hub import Hub
from dashboard.sweeps.job import SweepJob
from maml_core.sweeps import compiling_beside, compiling_pays
from maml_core.sweeps.budget import Cost
from maml_core.sweeps.definition import group_key
from maml_core.sweeps.study import load_sweep, open_study
from tests.dashboard.server.clients import TINY, Clock
from tests.dashboard.sweeps.hubs import COST, Held, Mixed, Viewer, new_job, play, until
from tests.dashboard.sweeps.results import sweep
from tests.maml_core.sweeps.compilers import Compilers

ENDLESS = sweep(num_steps=10_000)


@pytest.fixture(autouse=True)
def _long(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "compiled"))
    monkeypatch.setattr(compiling_pays, "COMPILING_S", 0.0)
    monkeypatch.setattr(compiling_beside, "MEASURED_S", 0.0)
    monkeypatch.setattr(compiling_beside, "LOOK_S", 0.0)
    monkeypatch.setattr(compiling_beside, "LOOK_SHARE", math.inf)


@pytest.fixture
def compilers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compilers]:
    found = Compilers()
    monkeypatch.setattr(compiling_beside, "LaneCompiler", found)
    yield found
    assert found.num_busy == 0


def started(hub: Hub, root: Path, of: Any = None) -> tuple[Viewer, SweepJob]:
    hub.sweeps.preparation.compiles = True
    token = hub.open_page(TINY)
    viewer = Viewer(hub, token)
    key, job = new_job(hub, root, of)
    hub.start_sweep(token, key, job)
    return viewer, job


def test_a_long_one_trains_at_once_and_what_is_made_beside_it_makes_its_steps_cheaper(
    tmp_path: Path, compilers: Compilers
) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        _, job = started(hub, tmp_path, ENDLESS)
        hub.sweeps.preparation._costs = {group_key(sweep().base): COST}
        await until(lambda: compilers.num_busy == 1)
        before = job.revision
        await until(lambda: job.revision > before + 5)  # it goes on meanwhile
        assert compilers.num_busy == 1
        assert hub.sweeps.preparation._costs
        compilers.finish()
        await until(lambda: hub.sweeps.preparation._costs == {})
        assert [(len(configs), steps_back) for configs, steps_back in compilers.asked] == [(2, True)]

    play(scene)


def test_its_chunks_take_over_whatever_form_is_there(tmp_path: Path) -> None:
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        started(hub, tmp_path, ENDLESS)
        await until(lambda: bool(executor.waiting))
        assert executor.waiting[0][2][0].compiled

    play(scene, Held())


def test_cancelling_ends_the_compiler_and_resuming_begins_again(tmp_path: Path, compilers: Compilers) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        viewer, job = started(hub, tmp_path, ENDLESS)
        await until(lambda: compilers.num_busy == 1)
        viewer.say("cancel")
        await until(lambda: job.status == "stopped")
        assert compilers.num_busy == 0
        viewer.say("resume")
        await until(lambda: compilers.num_busy == 1)
        assert len(compilers.asked) == 2

    play(scene)  # which closes the server, and the second compiler with it


def test_one_that_cannot_be_compiled_goes_on_eagerly_and_is_not_tried_again(
    tmp_path: Path, compilers: Compilers
) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        _, job = started(hub, tmp_path)
        await until(lambda: job.status == "done")
        assert {one.status for one in job.results} == {"ok"}
        assert len(compilers.asked) == 1

    compilers.fails = True
    play(scene)
    with load_sweep("s", storage=tmp_path) as study:
        assert [one.form_changes for one in study.results()] == [()] * study.sweep.size


def test_a_sweep_that_is_done_before_ends_its_compiler(tmp_path: Path, compilers: Compilers) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        _, job = started(hub, tmp_path)
        await until(lambda: job.status == "done")
        assert len(compilers.asked) == 1
        assert compilers.num_busy == 0

    play(scene)


def test_the_real_compiler_has_the_lowest_priority_and_is_ended_with_the_sweep(tmp_path: Path) -> None:
    def processes() -> list[psutil.Process]:
        children = psutil.Process().children(recursive=True)
        return [one for one in children if "maml_core.compiler_process" in " ".join(one.cmdline())]

    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        viewer, job = started(hub, tmp_path, ENDLESS)
        await until(lambda: len(processes()) == 1)
        (process,) = processes()
        await until(lambda: process.nice() == 19)
        viewer.say("cancel")
        await until(lambda: job.status == "stopped")
        assert not process.is_running()
        assert processes() == []

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
