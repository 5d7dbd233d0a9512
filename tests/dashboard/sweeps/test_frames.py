"""Frames of a large sweep: made beside the server's loop, and seldom while nobody asks for another look; the map comes before what is read of it."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import threading
from pathlib import Path
from typing import Any

import pytest

from dashboard.charts.sweep_settings import SettingInfo, View, setting_info
from dashboard.sidebar import sweep_actions
from dashboard.sweeps import reading
from dashboard.sweeps.frames import Frames, Looked, Made
from dashboard.sweeps.hub import FRAME_S
from dashboard.sweeps.page import FRAMES_SHARE
from dashboard.sweeps.reading import findings_of
from maml_core.sweeps.driver import Progress
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import open_study
from tests.dashboard.server.clients import TINY, Clock
from tests.dashboard.sweeps.hubs import Mixed, Viewer, new_job, play, until, wake
from tests.dashboard.sweeps.results import grid, sweep

VIEW = {"x": "beta", "y": "alpha", "slices": {}, "metric": "loss", "color": "beta", "over": "best", "colors": "whole"}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """No frame is made before it is set."""
    may_go_on, make = threading.Event(), Frames.next

    def held_up(self: Frames, *looked: Any) -> Made:
        assert may_go_on.wait(20.0)
        return make(self, *looked)

    monkeypatch.setattr(Frames, "next", held_up)
    return may_go_on


def frames_in(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == "frame"]


def finished(root: Path, name: str = "s") -> None:
    """Keep a sweep that is finished."""
    of = sweep()
    with open_study(of, name, storage=root) as study:
        study.take(of.size)
        study.put(*grid(of))


def test_the_loop_answers_while_a_frame_is_made_and_makes_one_at_a_time(tmp_path: Path, held: threading.Event) -> None:
    async def scene(hub: Any, _: Mixed, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        hub.show_sweep(token, *new_job(hub, tmp_path))
        await until(lambda: any(message["type"] == "sweep" and message["name"] for message in viewer.take()))
        for _ in range(3):
            viewer.say("view", **VIEW)
            clock.now += 10.0
            hub.wake()
            await asyncio.sleep(0.01)
        found = viewer.take()
        assert not frames_in(found)
        assert found[-1]["view"]["x"] == "beta"
        held.set()
        await hub.sweeps.frames.drawn()
        assert len(frames_in(viewer.take())) == 1
        await wake(hub)
        assert len(frames_in(viewer.take())) == 1

    play(scene)


def test_a_frame_of_the_sweep_that_was_shown_before_is_not_sent(tmp_path: Path, held: threading.Event) -> None:
    async def scene(hub: Any, _: Mixed, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        for name in ("first", "second"):
            hub.show_sweep(token, *new_job(hub, tmp_path, name=name))
            await until(lambda name=name: viewer.page.job is not None and viewer.page.job.name == name)  # type: ignore[misc]
            clock.now += 10.0
            hub.wake()
            await asyncio.sleep(0.01)
        held.set()
        await hub.sweeps.frames.drawn()
        (frame,) = frames_in(viewer.take())
        assert frame["frame"] == 2  # the first one was made, of the other sweep

    play(scene)


def test_news_of_the_sweep_alone_have_a_share_of_a_processor_and_another_look_comes_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Frames.next
    monkeypatch.setattr(Frames, "next", lambda *looked: make(*looked)._replace(processor_s=1.0))

    async def scene(hub: Any, _: Mixed, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        key, job = new_job(hub, tmp_path)
        hub.show_sweep(token, key, job)
        await wake(hub)
        clock.now += 10.0
        await wake(hub)
        assert frames_in(viewer.take())

        async def num_after(seconds: float) -> int:
            clock.now += seconds
            await wake(hub)
            return len(frames_in(viewer.take()))

        job.revision += 1
        assert await num_after(0.9 / FRAMES_SHARE) == 0
        assert await num_after(0.2 / FRAMES_SHARE) == 1
        viewer.say("view", **VIEW)
        assert await num_after(1.1 * FRAME_S) == 1

    play(scene)


def test_the_map_is_there_before_what_the_settings_say_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(tmp_path)
    may_read, viewers, waited = threading.Event(), list[Viewer](), list[bool]()

    def found(*of: Any) -> reading.Findings:
        waited.append(viewers[0].page.waits_for_map)
        assert may_read.wait(20.0)
        return reading.findings_of(*of)

    monkeypatch.setattr("dashboard.sweeps.driver_thread.Reader", lambda: reading.Reader(find=found))

    async def scene(hub: Any, _: Mixed, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        viewers.append(viewer)
        key, job = new_job(hub, tmp_path)
        hub.show_sweep(token, key, job)
        await wake(hub)
        await wake(hub)
        (frame,) = frames_in(viewer.take())
        assert waited in ([], [False])  # its reading begins after the frame
        assert frame["count"]["ok"] == job.size
        assert "is being read" in frame["sentence"]
        assert "is being read" in frame["subtitles"]["rank"]
        may_read.set()
        await until(lambda: job.findings.is_read)
        clock.now += 10.0
        await wake(hub)
        (frame,) = frames_in(viewer.take())
        assert frame["sentence"].startswith("The best of 6 trainings")
        assert "6" in frame["subtitles"]["rank"]
        assert waited == [False]

    play(scene)


def test_the_page_says_that_a_sweep_is_being_opened_until_it_is_there(tmp_path: Path) -> None:
    finished(tmp_path, "alphas")

    async def scene(hub: Any, _: Mixed, __: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        await asyncio.to_thread(sweep_actions.open_sweep, hub, token, "alphas", tmp_path)
        await until(lambda: viewer.page.job is not None)
        await asyncio.sleep(0.01)
        said = [(m["name"], m.get("opening", "")) for m in viewer.take() if m["type"] == "sweep"]
        assert said[1:3] == [
            (None, "Opening alphas: its results are being read."),
            (None, "Opening alphas: the results of its 6 settings are being read."),
        ]
        assert said[-1] == ("alphas", "")
        with pytest.raises(Exception, match="no sweep"):
            await asyncio.to_thread(sweep_actions.open_sweep, hub, token, "gone", tmp_path)
        await asyncio.sleep(0.01)
        assert [m.get("opening", "") for m in viewer.take() if m["type"] == "sweep"][-1:] in ([], [""])

    play(scene)


def test_of_a_sweep_that_is_done_nobody_measures_what_it_would_take(tmp_path: Path) -> None:
    finished(tmp_path)

    async def scene(hub: Any, executor: Mixed, _: Clock) -> None:
        await asyncio.to_thread(sweep_actions.open_sweep, hub, hub.open_page(TINY), "s", tmp_path)
        assert not executor.order

    play(scene)


def test_only_settings_that_are_others_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def info(result: SettingResult, *of: Any) -> SettingInfo:
        made.append(result.number)
        return setting_info(result, *of)

    monkeypatch.setattr("dashboard.sweeps.frames.setting_info", info)
    of = sweep()
    results = grid(of, s4={"status": "running"}, s5={"status": "running"})
    findings, progress = findings_of(of, results), Progress(len(results), 4, 0, 0, 0, 0, 0)
    view, frames = View(x="alpha", y="beta"), Frames(itertools.count(1))

    def next_of(
        revision: int, newest: dict[int, float], known: tuple[SettingResult, ...], view: View = view
    ) -> list[int]:
        made.clear()
        frames.next(Looked(of, known, findings, progress, newest, revision, view, None), None, None, "loss")
        return made

    assert next_of(1, {4: 1.0}, results) == [0, 1, 2, 3, 4, 5]
    assert next_of(2, {4: 1.0}, results) == []
    assert next_of(3, {4: 0.9, 5: 2.0}, results) == [4, 5]
    done = (*results[:4], grid(of)[4], results[5])
    assert next_of(4, {5: 2.0}, done) == [4]
    assert next_of(4, {5: 2.0}, done, dataclasses.replace(view, metric="accuracy")) == [0, 1, 2, 3, 4, 5]
