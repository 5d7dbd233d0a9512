"""What the page of a sweep is told and may ask for, and what becomes of the sweep when it is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from dashboard.server.hub import Hub
from dashboard.sidebar import sweep_actions
from dashboard.sweeps import frozen as frozen_module
from dashboard.sweeps.hub import FRAME_S, KEEP_S
from dashboard.sweeps.job import MAX_LOST
from maml_core.sweeps.study import load_sweep
from tests.dashboard.server.clients import TINY, Clock, turns
from tests.dashboard.sweeps.hubs import Held, Mixed, Viewer, new_job, play, until, wake
from tests.dashboard.sweeps.results import sweep

SOME_VIEW = {
    "type": "view",
    "x": "alpha",
    "y": "beta",
    "slices": {},
    "metric": "loss",
    "color": "alpha",
    "over": "best",
    "colors": "clipped",
}


class TestPage:
    def test_it_is_shown_at_once_and_twice_a_second_while_it_trains(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root, sweep(num_steps=300, num_rungs=1))
            hub.start_sweep(token, key, job)
            frames = 0
            for _ in range(20):
                await until(lambda: bool(executor.waiting))
                revision = job.revision
                executor.finish()
                await until(lambda before=revision: job.revision > before)
                clock.now += FRAME_S / 2
                await wake(hub)
                frames += sum(message["type"] == "frame" for message in viewer.take())
            assert frames >= 20 * FRAME_S / 2 * 2
            assert FRAME_S <= 0.5

        play(scene, Held())

    def test_it_is_told_what_there_is_to_see(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "done")
            messages = viewer.take()  # which says that they were drawn
            clock.now += 1.0
            await wake(hub)
            messages += viewer.take()
            told = [m for m in messages if m["type"] == "sweep"][-1]
            assert (told["name"], told["status"], told["size"], told["num_done"]) == ("s", "done", 6, 6)
            assert [axis["name"] for axis in told["axes"]] == ["alpha", "beta"]
            assert told["view"] == {
                "x": "alpha",
                "y": "beta",
                "slices": {},
                "metric": "loss",
                "color": "alpha",
                "over": "best",
                "colors": "clipped",
            }
            settings = [m for m in messages if m["type"] == "settings"][-1]["settings"]
            assert settings[:2] == [[0, 0.01, 0.001], [1, 0.01, 0.01]]
            frame = [m for m in messages if m["type"] == "frame"][-1]
            assert frame["count"] | {"lane_steps": 0} == {
                "size": 6,
                "ok": 6,
                "diverged": 0,
                "pruned": 0,
                "refused": 0,
                "lane_steps": 0,
                "lane_steps_left": 0,
            }
            assert frame["columns"]["count"] == 6

        play(scene)

    def test_another_view_is_shown(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.show_sweep(token, key, job)
            await wake(hub)
            viewer.take()
            viewer.say("view", x="beta", y="alpha", slices={}, metric="loss", color="beta", over="mean", colors="whole")
            clock.now += 1.0
            await wake(hub)
            figures = [m for m in viewer.take() if m["type"] == "figures" and "map" in m["light"]][-1]
            assert figures["light"]["map"]["layout"]["xaxis"]["title"]["text"] == "β (outer step size)"

        play(scene)

    @pytest.mark.parametrize(
        ("message", "refusal"),
        [
            (
                {
                    "type": "view",
                    "x": "alpha",
                    "y": "alpha",
                    "slices": {},
                    "metric": "loss",
                    "color": "alpha",
                    "over": "best",
                    "colors": "clipped",
                },
                "two different axes",
            ),
            (
                {
                    "type": "view",
                    "x": "alpha",
                    "y": "beta",
                    "slices": {},
                    "metric": "accuracy",
                    "color": "alpha",
                    "over": "best",
                    "colors": "clipped",
                },
                "metric",
            ),
            ({"type": "view", "x": "alpha"}, "lacks 'y'"),
            ({**SOME_VIEW, "over": "median"}, "no such look"),
            ({**SOME_VIEW, "colors": "loud"}, "no such look"),
            ({"type": "pin", "numbers": [99]}, "does not have"),
            ({"type": "setting", "number": "0"}, "does not have"),
            ({"type": "conquer"}, "conquer"),
        ],
    )
    def test_nonsense_is_refused_with_a_sentence(self, root: Path, message: dict[str, Any], refusal: str):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.show_sweep(token, key, job)
            await turns()
            viewer.take()
            viewer.say(**message)
            assert refusal in next(m for m in viewer.take() if m["type"] == "error")["message"]

        play(scene)

    def test_a_setting_has_an_address_that_opens_it(self, root: Path):
        from dashboard.setups import address

        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.show_sweep(token, key, job)
            await turns()
            viewer.say("setting", number=5)
            found = next(m for m in viewer.take() if m["type"] == "setting")
            query = dict(part.split("=") for part in found["address"].split("&"))
            opened = address.read(query).config
            assert (opened.alpha, opened.beta) == (0.1, 0.1)
            assert opened == viewer.page.config_of(5)

        play(scene)

    def test_a_comparison_that_takes_every_worker_with_it_is_given_up_with_a_sentence(self, root: Path):
        class Breaks(Mixed):
            def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
                future: Future[Any] = Future()
                self.order.append("compared")
                future.set_exception(BrokenProcessPool("gone"))
                return future

        async def scene(hub: Hub, executor: Breaks, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.sweeps.add(key, job)
            hub.sweeps.watch(token, key)
            job.results = job.study.results()  # all settings are known, and none is computed
            viewer.say("pin", numbers=[0, 1])
            viewer.say("compare")
            await until(lambda: viewer.page.comparison is None)
            said = [m["message"] for m in viewer.take() if m["type"] == "error"]
            assert said == ["The settings could not be compared: gone."]
            assert MAX_LOST < len(executor.order) <= 2 * MAX_LOST + 2
            viewer.say("pin", numbers=[0])
            viewer.say("pin", numbers=[0, 1])
            assert viewer.page.comparison is None

        play(scene, Breaks())

    def test_what_was_compared_is_there_again_where_it_is_pinned_or_the_page_is_loaded_again(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            key, job = new_job(hub, root)
            hub.sweeps.add(key, job)
            job.results = job.study.results()
            viewer, again = (Viewer(hub, hub.open_page(TINY)) for _ in range(2))
            for each in (viewer, again):
                hub.sweeps.watch(each.token, key)
            viewer.say("pin", numbers=[0, 1])
            viewer.say("compare")
            assert (compared := viewer.page.comparison) is not None
            for pinned, page in (([0], viewer), ([0, 1], viewer), ([0, 1], again)):
                page.say("pin", numbers=pinned)
                assert page.page.comparison is (None if pinned == [0] else compared)

        play(scene, Held())

    def test_a_frozen_map_is_there_without_a_sweep(self):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            viewer = Viewer(hub, hub.open_page(TINY))
            viewer.say("freeze")
            await until(lambda: viewer.page.frozen is not None)
            clock.now += 1.0
            await wake(hub)
            messages = viewer.take()
            frame = next(m for m in messages if m["type"] == "frame")
            assert frame["shapes"] == {"frozen": [frozen_module.CURVE_STEPS + 1, len(frozen_module.ALPHAS)]}
            assert "outer step 0" in frame["subtitles"]["frozen"]

        class Real(Mixed):
            def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
                future: Future[Any] = Future()
                future.set_result(fn(*args))
                return future

        play(scene, Real())


class TestLeaving:
    def test_cancel_keeps_what_is_done_and_resume_goes_on(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root, sweep(num_steps=40, num_rungs=1))
            hub.start_sweep(token, key, job)
            await until(lambda: job.num_done > 0)
            viewer.say("cancel")
            await until(lambda: job.status in ("stopped", "done"))
            with load_sweep("s", storage=root) as study:
                kept = sum(r.is_done for r in study.results())
            assert kept == job.num_done > 0
            viewer.say("resume")
            await until(lambda: job.status == "done")

        play(scene)

    def test_what_is_asked_of_a_sweep_that_is_about_to_stop_is_done_once_it_has(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root, sweep(num_steps=10_000))
            hub.start_sweep(token, key, job)
            for presses, status in ((["resume"], "running"), (["resume", "cancel"], "stopped")):
                await until(lambda: bool(executor.waiting))
                viewer.say("cancel")
                assert job.status == "stopping"
                for press in presses:
                    viewer.say(press)
                while executor.waiting:
                    executor.finish()
                await until(lambda: job.status != "stopping")
                assert job.status == status
            viewer.say("resume")
            await until(lambda: bool(executor.waiting))
            viewer.say("cancel")
            hub.start_sweep(token, key, job)  # Start, in the sidebar
            while executor.waiting:
                executor.finish()
            await until(lambda: job.status == "running")

        play(scene, Held())

    def test_a_closed_tab_stops_it_after_a_while_and_leaves_it_to_be_resumed(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root, sweep(num_steps=10_000))
            hub.start_sweep(token, key, job)
            await until(lambda: bool(executor.waiting))
            viewer.close()
            clock.now += KEEP_S - 1.0
            await wake(hub)
            assert job.status == "running"
            clock.now += 2.0
            await wake(hub)
            assert job.status == "stopping"
            executor.finish()
            await until(lambda: hub.sweeps.job(key) is None)
            assert job.status == "stopped"

        play(scene, Held())

    def test_a_walk_to_the_live_page_does_not_stop_it(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root, sweep(num_steps=10_000))
            hub.start_sweep(token, key, job)
            viewer.close()
            hub.connect(token, resume="", released=False)
            clock.now += 10 * KEEP_S
            await wake(hub)
            assert (hub.sweeps.job(key), job.status) == (job, "running")

        play(scene, Held())

    def test_the_live_run_is_kept_while_its_visitor_looks_at_a_sweep(self):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            Viewer(hub, token)
            clock.now += 10 * KEEP_S
            await wake(hub)
            assert hub.knows(token)

        play(scene)

    def test_one_that_is_deleted_under_way_is_left_before_its_files_go(
        self, root: Path, caplog: pytest.LogCaptureFixture
    ):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            key, job = new_job(hub, root, sweep(num_steps=10_000))
            hub.start_sweep(hub.open_page(TINY), key, job)
            await until(lambda: bool(executor.waiting))
            await asyncio.to_thread(sweep_actions.delete, hub, "page", "s", root)
            assert job.study._claims._beating is None
            executor.finish()
            await turns()

        play(scene, Held())
        assert sweep_actions.names(root) == []
        assert [record.getMessage() for record in caplog.records] == []
