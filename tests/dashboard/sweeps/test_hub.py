"""Sweeps on the hub: their chunks between those of live runs, what a page is told, what a closed tab leaves."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from dashboard.server.hub import Hub
from dashboard.sidebar import sweep_actions
from dashboard.sweeps import frozen as frozen_module
from dashboard.sweeps.hub import FRAME_S, KEEP_S
from dashboard.sweeps.job import MAX_LOST, SweepJob
from dashboard.sweeps.quotas import JobKey
from maml_core.chunks import run_chunk
from maml_core.errors import ConfigError
from maml_core.sweeps.budget import MEASURED_TASKS, PIECE_S, Cost, groups, measuring
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import load_sweep, open_study
from tests.dashboard.server.clients import TINY, Clock, Inline, on_loop, priced_result, strict, turns
from tests.dashboard.server.clients import wake as wake_hub
from tests.dashboard.sweeps.results import sweep

WAIT_S = 30.0
COST = Cost(step_s=0.01, evaluation_s=0.02)
MANY_TASKS = dataclasses.replace(TINY, evaluation_tasks=500)


class Mixed(Inline):
    """Computes sweeps' chunks for real and at once; live chunks take a step and no time."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.lose = 0
        """Sweeps' chunks to lose with their worker."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.order.append("live" if fn is run_chunk else "sweep")
        if fn is run_chunk:
            future.set_result(priced_result(args[0]))
        elif fn is run_lanes and self.lose:
            self.lose -= 1
            future.set_exception(BrokenProcessPool("gone"))
        else:
            future.set_result(fn(*args))
        return future


class Held(Mixed):
    """Computes a chunk when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.order.append("live" if fn is run_chunk else "sweep")
        self.waiting.append((Future(), fn, args))
        return self.waiting[-1][0]

    def finish(self) -> str:
        future, fn, args = self.waiting.pop(0)
        future.set_result(priced_result(args[0]) if fn is run_chunk else fn(*args))
        return "live" if fn is run_chunk else "sweep"


class Viewer:
    """The sensitivity screen's socket, which keeps all it was sent."""

    def __init__(self, hub: Hub, token: str) -> None:
        self.hub, self.token = hub, token
        self.page, self.outbox = hub.connect_sweeps(token, resume="")

    def take(self) -> list[dict[str, Any]]:
        found = []
        while not self.outbox.empty():
            message = self.outbox.get_nowait()
            if isinstance(message, bytes):
                length = int.from_bytes(message[:4], "little")
                found.append({"type": "frame", **json.loads(message[4 : 4 + length].decode())})
                self.say("ack", frame=found[-1]["frame"])
            else:
                found.append(strict(message))
        return found

    def say(self, type: str, **fields: Any) -> None:
        self.hub.receive_sweeps(self.token, self.page, {"type": type, **fields})

    def close(self) -> None:
        self.hub.sweeps.disconnect(self.page, self.outbox)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def new_job(hub: Hub, root: Path, of: SweepConfig | None = None, name: str = "s") -> tuple[JobKey, SweepJob]:
    of = of or sweep()
    key = JobKey(str(root), name)
    return key, hub.sweeps.preparation.new_job(key.name, of, open_study(of, name, storage=root), {of.base: COST})


async def until(condition: Callable[[], bool]) -> None:
    """Threads have a part in it, so it takes real time."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.002)


async def wake(hub: Hub) -> None:
    """What the hub's own timer does, and the frames that come of it."""
    await wake_hub(hub)
    await hub.sweeps.frames.drawn()


Scene = Callable[[Hub, Any, Clock], Awaitable[None]]


def play(scene: Scene, executor: Any = None) -> None:
    """A scene with a hub that runs; its sweeps' threads end with it."""

    async def closed(hub: Hub, executor: Any, clock: Clock) -> None:
        try:
            await scene(hub, executor, clock)
        finally:
            await hub.sweeps.close()

    on_loop(closed, executor or Mixed())


class TestSweep:
    def test_it_is_computed_to_its_end_and_kept(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "done")
            assert {r.status for r in job.results} == {"ok"}
            assert viewer.page.job is job

        play(scene)
        with load_sweep("s", storage=root) as study:
            assert [r.status for r in study.results()] == ["ok"] * 6

    def test_it_equals_the_sweep_that_nothing_was_cut_of(self, root: Path):
        from maml_core.sweeps.driver import run_sweep

        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "done")
            with open_study(sweep(), "whole", storage=root) as study:
                whole = run_sweep(sweep(), study, executor, at_once=1)
            for ours, other in zip(job.results, whole, strict=True):
                assert ours.value == pytest.approx(other.value, rel=1e-5)
                assert ours.lambda_max == pytest.approx(other.lambda_max, rel=1e-3)

        play(scene)

    def test_lanes_are_judged_a_few_at_a_time(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            judged: list[int] = []
            while job.status != "done":
                await until(lambda: bool(executor.waiting) or job.status == "done")
                if executor.waiting:
                    request: LanesRequest = executor.waiting[0][2][0]
                    if request.evaluate:
                        judged.append(len(request.configs) - len(request.drop))
                    executor.finish()
            assert set(judged) == {2}  # 0.02 s each, within LOOK_S
            assert len(judged) == 2 * 6 / 2  # at each of two rungs

        play(scene, Held())

    def test_a_lost_worker_costs_no_setting(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            executor.lose = 2
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "done")
            assert {r.status for r in job.results} == {"ok"}

        play(scene)

    @pytest.mark.parametrize(("lost", "status"), [(MAX_LOST, "done"), (MAX_LOST + 1, "failed")])
    def test_it_stops_once_a_piece_is_lost_more_often_than_may_be(self, lost: int, status: str, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            executor.lose = lost
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status in ("done", "failed"))
            assert job.status == status

        play(scene)

    def test_one_workers_end_is_one_loss_however_many_pieces_were_computed(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            _, job = new_job(hub, root, sweep(num_rungs=1))
            job.resume()
            await job.turn()
            training = [piece for piece in iter(job.take_piece, None) if piece is not None]
            for piece in training:
                await job.finished(piece, run_lanes(piece.request))
            for time_lost in range(MAX_LOST + 1):
                assert job.status == "running"
                under_way = [piece for piece in iter(job.take_piece, None) if piece is not None]
                assert len(under_way) > 1
                for piece in under_way[: None if time_lost < MAX_LOST else 1]:
                    await job.lost(piece, BrokenProcessPool("gone"), is_worker=True)
            assert job.status == "failed"
            job.resume()
            await job.lost(under_way[1], BrokenProcessPool("gone"), is_worker=False)
            assert job.status == "running"  # that one was of the tickets that were given up
            await job.leave()

        play(scene)

    def test_one_that_takes_every_worker_with_it_stops_with_a_sentence(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            executor.lose = 100
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "failed")
            await wake(hub)
            told = [m for m in viewer.take() if m["type"] == "sweep"][-1]
            assert (told["status"], told["problem"]) == ("failed", "gone")
            executor.lose = 0
            viewer.say("resume")
            await until(lambda: job.status == "done")

        play(scene)

    def test_the_first_reason_is_told_not_what_fails_of_it(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            _, job = new_job(hub, root, sweep(num_rungs=1))
            job.resume()
            await job.turn()
            pieces = [piece for piece in iter(job.take_piece, None) if piece is not None]
            assert len(pieces) > 1
            monkeypatch.setattr(job.study, "put", _full)
            monkeypatch.setattr(job.study, "report", _full)
            while job.status == "running":
                results = [(piece, run_lanes(piece.request)) for piece in pieces]
                await asyncio.gather(*(job.finished(piece, result) for piece, result in results))
                pieces = [piece for piece in iter(job.take_piece, None) if piece is not None]
            assert (job.status, job.sentence) == ("failed", "the disk is full")
            monkeypatch.undo()
            await job.turn()
            assert not job.wants_thread
            await job.leave()

        play(scene)


def _full(*_: Any) -> None:
    raise OSError("the disk is full")


class TestBesideLiveRuns:
    def test_one_live_run_beside_it_takes_turns_with_it(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root, sweep(num_steps=200, num_rungs=1))
            hub.start_sweep(token, key, job)
            page, _ = hub.connect(hub.open_page(TINY), resume="", released=False)
            hub.receive(page, {"type": "play"})
            await until(lambda: bool(executor.waiting))
            assert executor.finish() == "live"  # nothing of the sweep is begun beside what the new page waits for
            for _ in range(12):
                await until(lambda: len(executor.waiting) == 2)
                executor.finish()
            assert executor.order.count("live") >= 5
            assert executor.order.count("sweep") >= 5
            hub.receive(page, {"type": "pause"})

        play(scene, Held())

    def test_a_sweep_has_one_chunk_in_the_queue_for_each_worker(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: len(executor.waiting) == 1)
            await wake(hub)
            assert len(executor.waiting) == 1

        play(scene, Held())


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


def test_sweeps_take_turns() -> None:
    class Endless:
        executor = None

        def __init__(self, name: str) -> None:
            self.name = name

        def take_piece(self) -> str:
            return self.name

    hub = Hub(Mixed()).sweeps
    for name in "abc":
        hub.add(JobKey("here", name), Endless(name))  # type: ignore[arg-type]
    assert "".join(found[0].name for found in (hub.next_piece() for _ in range(7)) if found) == "abcabca"


def test_a_shared_server_has_room_for_so_many_sweeps_and_one_that_is_there_goes_on(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dashboard.sidebar import sweep_actions
    from maml_core.errors import StoreError

    monkeypatch.setattr(sweep_actions, "MAX_SWEEPS", 2)
    hub = Hub(Mixed())
    for name in ("one", "two"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), name, root, is_limited=True)
    with pytest.raises(StoreError, match="there are 2 sweeps here, which is all there is room for; delete one first"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "three", root, is_limited=True)
    again = Hub(Mixed())
    sweep_actions.start(again, again.open_page(TINY), sweep(), "two", root, is_limited=True)
    sweep_actions.start(hub, hub.open_page(TINY), sweep(), "three", root, is_limited=False)
    assert sorted(sweep_actions.names(root)) == ["one", "three", "two"]


def test_a_shared_server_computes_two_sweeps_of_a_visitor_at_a_time(root: Path) -> None:
    from dashboard.sidebar import sweep_actions
    from maml_core.errors import StoreError

    hub = Hub(Mixed())
    tokens = [hub.open_page(TINY) for _ in range(3)]
    for token, tab in zip(tokens, ("a" * 22, "a" * 22, "b" * 22), strict=True):
        hub.pages.meet(token, tab)
        hub.came(token, {"host": "class.example.edu"})
    for name in ("one", "two"):
        sweep_actions.start(hub, tokens[0], sweep(), name, root, is_limited=True)
    says = "computes 2 sweeps of a visitor at a time, and now one and two; cancel one, or wait until it is done"
    with pytest.raises(StoreError, match=says):
        sweep_actions.start(hub, tokens[1], sweep(), "three", root, is_limited=True)
    sweep_actions.start(hub, tokens[0], sweep(), "two", root, is_limited=True)  # which is on already
    sweep_actions.start(hub, tokens[2], sweep(), "of another", root, is_limited=True)
    job = hub.sweeps.job(sweep_actions.key_of(root, "one"))
    assert job is not None
    job.cancel()
    sweep_actions.start(hub, tokens[1], sweep(), "three", root, is_limited=True)
    page, _ = hub.sweeps.connect(tokens[0])
    page.show(job)
    job.status = "stopped"
    hub.receive_sweeps(tokens[0], page, {"type": "resume"})
    assert job.status == "stopped"


@pytest.mark.parametrize(
    ("limit", "says"),
    [("MAX_BYTES", "the sweeps here take"), ("MIN_FREE_BYTES", "the server's disk is almost full")],
)
def test_a_sweep_that_has_no_room_on_a_shared_disk_is_refused(
    root: Path, monkeypatch: pytest.MonkeyPatch, limit: str, says: str
) -> None:
    from dashboard.setups import workspaces
    from dashboard.sidebar import sweep_actions
    from maml_core.errors import StoreError

    open_study(sweep(), "kept", storage=root).close()
    of, most = (sweep_actions, 0) if limit == "MAX_BYTES" else (workspaces, 10**18)
    monkeypatch.setattr(of, limit, most)
    hub = Hub(Mixed())
    with pytest.raises(StoreError, match=says):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "more", root, is_limited=True)
    assert sweep_actions.names(root) == ["kept"]


def test_a_study_of_another_sweep_is_refused(root: Path) -> None:
    from dashboard.sidebar import sweep_actions
    from maml_core.errors import StoreError

    hub = Hub(Mixed())
    open_study(sweep(), "s", storage=root).close()
    with pytest.raises(StoreError, match="another sweep"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(num_steps=9), "s", root, is_limited=False)
    with pytest.raises(ConfigError, match="name"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "a/b", root, is_limited=False)


def test_a_scheduler_that_is_none_is_refused_before_anything_is_made(root: Path) -> None:
    from dashboard.sidebar import sweep_actions

    hub = Hub(Mixed())
    with pytest.raises(ConfigError, match="tcp://HOST:PORT"):
        sweep_actions.start(hub, hub.open_page(TINY), sweep(), "s", root, is_limited=False, scheduler="somewhere")
    assert list(root.iterdir()) == []


def test_a_sweep_on_machines_of_its_own_leaves_the_live_runs_workers_alone(root: Path) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        elsewhere = Mixed()
        elsewhere.num_workers = 2  # type: ignore[attr-defined]
        token = hub.open_page(TINY)
        key = JobKey(str(root), "s")
        study = open_study(sweep(), "s", storage=root)
        job = hub.sweeps.preparation.new_job(key.name, sweep(), study, {}, elsewhere)  # type: ignore[arg-type]
        hub.start_sweep(token, key, job)
        await until(lambda: job.status == "done")
        assert executor.order == []
        assert set(elsewhere.order) == {"sweep"}

    play(scene)


class TestCosts:
    """What a sweep will take is measured in short pieces, one at a time, so that no live run waits behind a measurement."""

    def test_pieces_are_short_and_only_one_is_with_the_executor(self):
        held, of = Held(), sweep(base=MANY_TASKS)
        found = groups(of)
        sweeps = Hub(held).sweeps
        assert sweeps.preparation.costs(found, 0.0) == {}
        assert sweeps.preparation.costs(found, 0.0) == {}  # another rerun, or another page
        assert len(held.waiting) == 1
        pieces = []
        while held.waiting:
            ((future, function, arguments),) = held.waiting
            held.waiting.clear()
            pieces.append(arguments[0])
            future.set_result(function(*arguments))
            costs = sweeps.preparation.costs(found, 0.0)
        assert costs.keys() == found.keys()
        assert all(cost.step_s > 0.0 and cost.evaluation_s > 0.0 for cost in costs.values())
        assert all(piece.budget_s == PIECE_S or piece.until == 0 for piece in pieces)
        assert next(piece for piece in pieces if piece.evaluate).configs[0].evaluation_tasks == MEASURED_TASKS

    def test_what_takes_long_is_judged_on_a_few_tasks_alone(self):
        """Images: 500 tasks of eight lanes would hold a worker for seconds."""
        (group,) = groups(sweep(base=MANY_TASKS)).values()
        pieces = measuring(group.configs)
        trained = run_lanes(next(pieces))
        first = pieces.send(dataclasses.replace(trained, advance_s=3 * 0.4, steps=trained.steps[:3]))
        judged = run_lanes(first)
        assert pieces.send(dataclasses.replace(judged, cpu_s=2.5, advance_s=0.1)) == first  # the worker's first one
        with pytest.raises(StopIteration) as end:
            pieces.send(dataclasses.replace(judged, cpu_s=0.5, advance_s=0.1))
        assert len(first.configs) == 1
        assert end.value.value.step_s == pytest.approx(3 * 0.4 / len(trained.steps[:3]) / len(group.configs))
        assert end.value.value.evaluation_s == pytest.approx(0.4 * 500 / MEASURED_TASKS)

    def test_a_measurement_that_fails_begins_again(self):
        executor, of = Mixed(), sweep()
        executor.lose = 1
        sweeps = Hub(executor).sweeps
        assert len(sweeps.preparation.costs(groups(of), 5.0)) < len(groups(of))
        assert sweeps.preparation.costs(groups(of), 5.0).keys() == groups(of).keys()
