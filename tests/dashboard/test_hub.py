"""The hub on a real event loop, with executors that compute when the test says so and a clock that the test moves."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import json
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live import hub as hub_module
from dashboard.live.hub import HIDDEN_PAUSE_S, KEEP_S, Hub
from dashboard.live.pacing import Pace
from dashboard.live.page import MAX_UNACKNOWLEDGED, Page
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import GlyphsConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.errors import DataError
from maml_core.records import Entry, ImageFit, Levels, Status

TINY = RunConfig(
    model=MLPConfig(hidden_widths=(4,)),
    shots=2,
    num_query=2,
    meta_batch_size=2,
    evaluation_tasks=2,
    evaluation_steps=1,
    evaluate_every=5,
)


IMAGES = replace(TINY, {"tasks": GlyphsConfig(ways=2), "joint_baseline": False})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Inline(Executor):
    """Computes at once, a few outer steps where a chunk would take its time."""

    def __init__(self) -> None:
        self.requests: list[ChunkRequest] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.requests.append(args[0])
        try:
            future.set_result(self.compute(args[0]))
        except Exception as error:
            future.set_exception(error)
        return future

    def compute(self, request: ChunkRequest) -> ChunkResult:
        if request.num_steps is None and request.budget_s is not None:
            request = dataclasses.replace(request, num_steps=2, budget_s=None)
        return run_chunk(request)


class Priced(Inline):
    """Computes nothing: a chunk takes the processor time that its run's alpha names, and a playing one takes a step."""

    def __init__(self) -> None:
        super().__init__()
        self.used: dict[int, float] = {}
        """Processor seconds by weights_seed, which names the run."""

    def compute(self, request: ChunkRequest) -> ChunkResult:
        cpu_s = request.config.alpha
        seed = request.config.weights_seed
        self.used[seed] = self.used.get(seed, 0.0) + cpu_s
        return priced_result(request, cpu_s)


def priced_result(request: ChunkRequest, cpu_s: float = 0.01) -> ChunkResult:
    step = int(request.state or b"0") + (1 if request.num_steps is None else request.num_steps)
    config = request.config
    for entry in request.timeline:
        if entry.step <= step:
            config = replace(config, entry.changes)
    return ChunkResult(
        config=config,
        state=str(step).encode(),
        step=step,
        status=Status(),
        records=None,
        snapshot=None,
        levels=Levels(4.25, 3.0),
        cpu_s=cpu_s,
        advance_s=cpu_s,
    )


class Held(Inline):
    """Computes a chunk when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Future[Any], ChunkRequest]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.requests.append(args[0])
        self.waiting.append((Future(), args[0]))
        return self.waiting[-1][0]

    def finish(self) -> ChunkRequest:
        future, request = self.waiting.pop(0)
        future.set_result(priced_result(request))
        return request

    def fail(self, error: BaseException) -> None:
        self.waiting.pop(0)[0].set_exception(error)


class Client:
    """A page's socket that keeps all it was sent."""

    def __init__(self, hub: Hub, token: str, *, resume: str = "", released: bool = False, tab: str = "") -> None:
        self.hub = hub
        self.page, self.outbox = hub.connect(token, resume=resume, released=released, tab=tab)

    def take(self) -> list[dict[str, Any]]:
        """The messages since the last look; a frame is its header."""
        found = []
        while not self.outbox.empty():
            message = self.outbox.get_nowait()
            if isinstance(message, bytes):
                length = int.from_bytes(message[:4], "little")
                found.append({"type": "frame", **strict(message[4 : 4 + length].decode())})
            else:
                found.append(strict(message))
        return found

    def say(self, type: str, **fields: Any) -> None:
        self.hub.receive(self.page, {"type": type, **fields})

    def close(self) -> None:
        self.hub.disconnect(self.page, self.outbox)


def strict(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    message: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return message


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def states(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == "state"]


async def turns(count: int = 60) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], limit: int = 3_000) -> None:
    for _ in range(limit):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


def on_loop(
    scene: Callable[[Hub, Any, Clock], Awaitable[None]], executor: Executor | None = None, **options: Any
) -> None:
    """Play a scene with a hub that runs."""

    async def play() -> None:
        clock = Clock()
        used = executor or Inline()
        hub = Hub(used, clock=clock, **options)
        running = asyncio.create_task(hub.run())
        await turns(5)
        try:
            await scene(hub, used, clock)
            assert not running.done(), "the hub ended"
        finally:
            for page in hub._pages.values():
                page.outbox = None
            await turns(50)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    coroutine: Coroutine[Any, Any, None] = play()
    asyncio.run(coroutine)


async def wake(hub: Hub) -> None:
    """What the hub's own timer does after a second at the latest."""
    hub._wake.set()
    await turns()


class TestConnecting:
    def test_a_page_is_welcomed_and_shown_outer_step_0(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await until(lambda: len(executor.requests) == 1)
            await turns()
            messages = client.take()
            assert kinds(messages)[0] == "welcome"
            assert messages[0]["run_key"] == client.page.run.key
            assert {"figures", "state", "frame"} <= set(kinds(messages))
            assert kinds(messages)[-1] == "frame"
            assert messages[-1]["step"] == 0

        on_loop(scene)

    def test_nothing_is_computed_for_a_page_that_never_connected(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            hub.open_page(TINY)
            await wake(hub)
            assert executor.requests == []

        on_loop(scene)

    def test_a_page_that_was_closed_gets_no_more_chunks(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await until(lambda: client.page.run.step > 5)
            client.close()
            await turns()
            count = len(executor.requests)
            await wake(hub)
            assert len(executor.requests) == count

        on_loop(scene, Priced())

    def test_a_socket_that_was_replaced_does_not_close_the_page(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            token = hub.open_page(TINY)
            old = Client(hub, token)
            new = Client(hub, token)
            old.close()
            assert new.page.connected

        on_loop(scene)

    def test_a_reconnect_goes_on_where_it_was(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            token = hub.open_page(TINY)
            client = Client(hub, token)
            client.say("play")
            await until(lambda: client.page.run.step > 5)
            client.close()
            await turns()
            step = client.page.run.step
            again = Client(hub, token, resume=client.page.run.key)
            await until(lambda: again.page.run.step > step)

        on_loop(scene, Priced())

    @pytest.mark.parametrize("released", [True, False], ids=["before the old socket ends", "after it"])
    def test_a_reload_takes_its_run_over(self, released: bool):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            old = Client(hub, hub.open_page(TINY))
            old.say("play")
            await until(lambda: old.page.run.step > 5)
            run = old.page.run
            if not released:
                old.close()
            run.show_scratch(True)
            new = Client(hub, hub.open_page(TINY), resume=run.key, released=released)
            messages = new.take()
            assert new.page.run is run
            assert messages[0] == {"type": "welcome", "run_key": run.key, "tab": new.page.tab}
            assert states(messages)[0]["controls_changed"] is True
            assert run.scratch  # and the new page's switch shows it
            assert not hub.knows(old.page.token)

        on_loop(scene, Priced())

    def test_a_duplicated_tab_gets_a_run_of_its_own(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            old = Client(hub, hub.open_page(TINY))
            new = Client(hub, hub.open_page(TINY), resume=old.page.run.key, released=False)
            assert new.page.run is not old.page.run
            assert old.page.connected

        on_loop(scene, Priced())

    def test_another_address_opened_in_the_same_tab_gets_its_own_run(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            old = Client(hub, hub.open_page(TINY))
            shared = replace(TINY, {"alpha": 0.3})
            new = Client(hub, hub.open_page(shared), resume=old.page.run.key, released=True)
            assert new.page.run.config == shared

        on_loop(scene, Priced())

    def test_a_reload_that_finds_a_run_far_on_measures_its_speed_from_there(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            old = Client(hub, hub.open_page(TINY))
            old.page.run.step = 5000
            old.say("play")
            new = Client(hub, hub.open_page(TINY), resume=old.page.run.key, released=True)
            clock.now += 1.0
            new.page.measure_rate(clock.now)
            assert not new.page.steps_per_s > 100.0

        on_loop(scene, Held())

    def test_a_page_is_forgotten_after_a_while_without_a_socket(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            token = hub.open_page(TINY)
            client = Client(hub, token)
            client.close()
            clock.now += KEEP_S - 1.0
            await wake(hub)
            assert hub.knows(token)
            clock.now += 2.0
            await wake(hub)
            assert not hub.knows(token)
            assert hub.config(token) is None

        on_loop(scene, Priced())

    def test_opening_a_page_while_the_hub_looks_through_its_pages_harms_nobody(self, monkeypatch: pytest.MonkeyPatch):
        # Scripts open pages from threads of their own, between any two instructions of the loop.
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            hub.open_page(TINY)
            await turns()
            opened: list[str] = []

            def connected(page: Page) -> bool:
                if not opened:
                    opened.append(hub.open_page(TINY))
                return page.outbox is not None

            monkeypatch.setattr(Page, "connected", property(connected))
            client.say("play")
            await until(lambda: client.page.run.step > 3)
            assert opened

        on_loop(scene, Priced())


class TestFairness:
    def test_two_runs_share_compute_whatever_their_chunks_cost(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            for seed, cpu_s in ((1, 0.013), (2, 0.041)):
                Client(hub, hub.open_page(replace(TINY, {"weights_seed": seed, "alpha": cpu_s}))).say("play")
            await until(lambda: sum(executor.used.values()) > 10.0)
            assert max(executor.used.values()) / min(executor.used.values()) < 1.1

        on_loop(scene, Priced())

    def test_ten_runs_share_compute(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            for seed in range(10):
                Client(hub, hub.open_page(replace(TINY, {"weights_seed": seed, "alpha": 0.01 + 0.003 * seed}))).say(
                    "play"
                )
            await until(lambda: sum(executor.used.values()) > 20.0, limit=20_000)
            assert max(executor.used.values()) / min(executor.used.values()) < 1.1

        on_loop(scene, Priced())

    def test_a_changed_run_goes_first(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            clients = [Client(hub, hub.open_page(replace(TINY, {"weights_seed": seed}))) for seed in range(5)]
            for client in clients:
                client.say("play")
            for _ in range(40):
                await until(lambda: bool(executor.waiting))
                executor.finish()
                await turns(20)
            idle = next(
                c
                for c in clients
                if c.page.run.config.weights_seed not in {r.config.weights_seed for _, r in executor.waiting}
            )
            idle.page.turn += 100.0
            idle.say("set", changes={"beta": 0.5})
            before = len(executor.requests)
            executor.finish()
            await until(lambda: len(executor.requests) > before)
            assert executor.requests[before].config.weights_seed == idle.page.run.config.weights_seed

        on_loop(scene, Held())

    def test_a_run_that_paused_long_does_not_catch_up(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            busy, lazy = (Client(hub, hub.open_page(replace(TINY, {"weights_seed": seed}))) for seed in (1, 2))
            busy.say("play")
            await until(lambda: executor.used.get(1, 0.0) > 5.0)
            lazy.say("play")
            used = {1: executor.used[1], 2: executor.used.get(2, 0.0)}
            await until(lambda: sum(executor.used.values()) > sum(used.values()) + 4.0)
            gained = [executor.used[seed] - used[seed] for seed in (1, 2)]
            assert max(gained) - min(gained) < 0.3

        on_loop(scene, Priced())

    def test_one_chunk_a_run_is_in_flight_at_most(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            for _ in range(5):
                client.say("set", changes={"alpha": 0.1})
                client.say("reset")
                client.say("play")
                await turns()
                assert len(executor.waiting) == 1

        on_loop(scene, Held(), num_workers=4)

    def test_the_executor_gets_one_chunk_more_than_it_runs_at_a_time(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            for _ in range(6):
                Client(hub, hub.open_page(TINY))
            await turns()
            assert len(executor.waiting) == 3

        on_loop(scene, Held(), num_workers=2)


class TestVisibility:
    def test_a_hidden_page_gets_no_frames(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("visible", visible=False)
            client.say("play")
            await until(lambda: client.page.run.step > 3)
            client.take()
            clock.now += 5.0
            step = client.page.run.step
            await until(lambda: client.page.run.step > step + 3)
            assert "frame" not in kinds(client.take())

        on_loop(scene)

    def test_a_page_that_comes_back_into_sight_gets_a_frame_though_it_stands_still(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await until(lambda: bool(executor.requests))
            client.say("visible", visible=False)
            await turns()
            client.take()
            client.say("visible", visible=True)
            await turns()
            assert "frame" in kinds(client.take())

        on_loop(scene)

    def test_a_run_out_of_sight_pauses_after_a_while_and_the_page_says_so(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            client.say("visible", visible=False)
            clock.now += HIDDEN_PAUSE_S - 1.0
            await wake(hub)
            assert client.page.run.playing
            client.take()
            clock.now += 2.0
            await wake(hub)
            assert not client.page.run.playing
            assert any("ten minutes" in state["notice"] for state in states(client.take()))

        on_loop(scene, Priced())


class TestFrames:
    def test_no_more_frames_than_are_drawn(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            for _ in range(12):
                step = client.page.run.step
                await until(lambda step=step: client.page.run.step > step)
                clock.now += 2.0
            assert kinds(client.take()).count("frame") == MAX_UNACKNOWLEDGED

        on_loop(scene)

    def test_an_acknowledgement_brings_the_frame_that_was_held_back(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            for _ in range(6):
                step = client.page.run.step
                await until(lambda step=step: client.page.run.step > step)
                clock.now += 2.0
            client.say("pause")
            await turns()
            client.take()
            client.say("ack", frame=1)
            frames = [message for message in client.take() if message["type"] == "frame"]
            assert [frame["step"] for frame in frames] == [client.page.run.step]

        on_loop(scene)

    def test_a_new_socket_owes_nothing_for_the_frames_of_the_old_one(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            token = hub.open_page(TINY)
            client = Client(hub, token)
            for _ in range(4):
                client.say("task", redraw=True)
                await turns()
            again = Client(hub, token)
            await turns()
            assert "frame" in kinds(again.take())

        on_loop(scene)


IMAGES = replace(
    TINY, {"tasks": GlyphsConfig(ways=3), "shots": 1, "num_query": 1, "joint_baseline": False, "num_inner_steps": 1}
)


def drawn(*labels: int, query: int = 200) -> dict[str, Any]:
    """Fields of a drawn task: an example of each label, and one query image."""
    images = {ink: base64.b64encode(bytes([ink, 0]) * 392).decode() for ink in (*labels, query)}
    return {"support": [[label, images[label]] for label in labels], "query": [images[query]]}


def frames(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == "frame"]


class TestDrawing:
    def play(self, scene: Callable[[Client], Awaitable[None]], executor: Executor | None = None) -> None:
        """A scene with a page of images that has had its first look."""

        async def opened(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(IMAGES))
            await until(lambda: client.page.run.own.generated is not None)
            await turns()
            await scene(client)

        on_loop(opened, executor)

    @staticmethod
    async def drawn(client: Client, *labels: int, id: int = 7, query: int = 200) -> dict[str, Any]:
        """Send a drawn task; gives the first frame that has seen it."""
        client.take()
        client.say("ack", frame=10_000)
        client.say("own_task", id=id, **drawn(*labels, query=query))
        await turns()
        seen = [frame for frame in frames(client.take()) if frame["change"] == id]
        client.say("ack", frame=10_000)
        return seen[0]

    def test_a_page_of_images_is_told_what_its_drawings_must_be_like(self):
        async def scene(client: Client) -> None:
            own = states(client.take())[-1]["own"]
            hand = client.page.run.own.hand
            assert hand is not None
            assert own == {
                "active": False,
                "shape": [1, 28, 28],
                "max_classes": 3,
                "max_examples": 5,
                "share": round(hand.share, 2),
                "width": round(hand.width, 2),
                "dark": False,
                "ink": True,
                "called": "glyphs",
                "note": "",
            }

        self.play(scene)

    def test_other_pages_are_told_that_there_is_nothing_to_draw(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await turns()
            assert {state["own"] for state in states(client.take())} == {None}

        on_loop(scene)

    def test_a_drawn_task_is_answered_at_once_though_the_run_stands_still(self):
        async def scene(client: Client) -> None:
            frame = await self.drawn(client, 0, 1, 0)
            assert frame["step"] == 0
            assert frame["own"]["num_inner_steps"] == 1
            (query,) = frame["own"]["probabilities"]
            assert [len(step) for step in query] == [2, 2]
            assert sum(query[1]) == pytest.approx(1.0, abs=2e-4)
            assert frame["images"]["support_labels"] == [0, 1, 0]
            assert client.page.run.own.task is not None

        self.play(scene)

    def test_the_page_is_told_whether_its_drawings_are_shown(self):
        async def scene(client: Client) -> None:
            client.take()
            client.say("ack", frame=10_000)
            client.say("own_task", **drawn(0, 1))
            assert [state["own"]["active"] for state in states(client.take())] == [True]
            client.say("own_task", clear=True)
            assert [state["own"]["active"] for state in states(client.take())] == [False]
            await turns()
            assert frames(client.take())[-1]["own"] is None
            assert client.page.run.own.task is None

        self.play(scene)

    def test_more_drawings_give_another_answer(self):
        async def scene(client: Client) -> None:
            first = await self.drawn(client, 0, 1)
            again = await self.drawn(client, 0, 1, id=8)
            other = await self.drawn(client, 0, 1, id=9, query=20)
            assert first["own"] == again["own"]
            assert first["own"] != other["own"]

        self.play(scene)

    def test_training_changes_the_answer(self):
        async def scene(client: Client) -> None:
            before = await self.drawn(client, 0, 1)
            client.say("outer_step")
            await turns()
            frame = frames(client.take())[-1]
            assert frame["step"] == 1
            assert frame["own"]["probabilities"] != before["own"]["probabilities"]

        self.play(scene)

    def test_a_new_task_goes_back_to_generated_ones(self):
        async def scene(client: Client) -> None:
            await self.drawn(client, 0, 1)
            client.say("task", redraw=True)
            await turns()
            messages = client.take()
            assert states(messages)[-1]["own"]["active"] is False
            assert frames(messages)[-1]["own"] is None
            assert len(frames(messages)[-1]["images"]["names"]) == 3

        self.play(scene)

    def test_a_reset_keeps_the_drawings(self):
        async def scene(client: Client) -> None:
            await self.drawn(client, 0, 1)
            client.say("reset")
            await turns()
            assert frames(client.take())[-1]["own"] is not None

        self.play(scene)

    @pytest.mark.parametrize(
        "changes", [{"tasks": GlyphsConfig(ways=2)}, {"tasks": SinusoidConfig()}], ids=["other ways", "no images"]
    )
    def test_a_run_of_another_network_forgets_them(self, changes: dict[str, Any]):
        async def scene(client: Client) -> None:
            await self.drawn(client, 0, 1, 2)
            client.say("set", changes=changes)
            await asyncio.to_thread(client.hub.restart, client.page.token, lambda config: replace(config, changes))
            await turns()
            run = client.page.run
            assert run.config.tasks == changes["tasks"]
            assert run.own.task is None
            assert frames(client.take())[-1]["own"] is None

        self.play(scene)

    def test_a_reload_finds_its_drawings(self):
        async def scene(client: Client) -> None:
            await self.drawn(client, 0, 1)
            again = Client(client.hub, client.hub.open_page(IMAGES), resume=client.page.run.key, released=True)
            await turns()
            messages = again.take()
            assert states(messages)[0]["own"]["active"] is True
            assert frames(messages)[-1]["own"] is not None

        self.play(scene)

    def test_refused_drawings_leave_the_ones_before(self):
        async def scene(client: Client) -> None:
            await self.drawn(client, 0, 1)
            task = client.page.run.own.task
            client.take()
            client.say("own_task", **drawn(0, 1, 2, 3))
            (error,) = [message for message in client.take() if message["type"] == "error"]
            assert error["message"] == "4 classes are drawn and this network tells 3 apart; remove some."
            assert client.page.run.own.task is task

        self.play(scene)

    def test_a_drawn_task_is_answered_after_a_roll_back(self):
        class Diverging(Inline):
            def compute(self, request: ChunkRequest) -> ChunkResult:
                result = super().compute(request)
                diverged = Status("diverged", "It diverged.") if request.num_steps != 0 else result.status
                return dataclasses.replace(result, status=diverged)

        async def scene(client: Client) -> None:
            client.say("outer_step")
            await turns()
            assert client.page.run.status_kind == "diverged"
            client.say("ack", frame=10_000)
            assert (await self.drawn(client, 0, 1))["own"] is not None
            assert client.page.run.status_kind == "diverged"

        self.play(scene, Diverging())

    def test_drawings_stay_when_a_run_of_the_same_images_is_opened(self):
        async def scene(client: Client) -> None:
            await self.drawn(client, 0, 1)
            saved = client.page.run.saved("one")
            assert saved is not None
            opening = asyncio.to_thread(client.hub.open_run, client.page.token, saved)
            await opening
            await turns()
            assert frames(client.take())[-1]["own"] is not None

        self.play(scene)

    def test_the_images_of_the_generated_task_can_be_had_to_start_from(self):
        async def scene(client: Client) -> None:
            generated = client.page.run.seen.fit
            assert isinstance(generated, ImageFit)
            await self.drawn(client, 0, 1)
            client.say("example_task")
            (example,) = [message for message in client.take() if message["type"] == "example_task"]
            assert [label for label, _ in example["support"]] == [0, 1, 2]
            assert base64.b64decode(example["support"][2][1]) == generated.support_images[2].tobytes()
            assert len(example["query"]) == 3

        self.play(scene)


class TestTrouble:
    def test_a_lost_chunk_is_computed_again_and_the_page_says_so(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await until(lambda: len(executor.waiting) == 1)
            executor.finish()
            await until(lambda: len(executor.waiting) == 1)
            lost = executor.waiting[0][1]
            executor.fail(BrokenProcessPool("a worker died"))
            await until(lambda: len(executor.waiting) == 1)
            again = executor.waiting[0][1]
            assert (again.state, again.config, again.timeline) == (lost.state, lost.config, lost.timeline)
            assert any("worker" in state["notice"] for state in states(client.take()))
            assert client.page.run.playing

        on_loop(scene, Held())

    def test_a_notice_is_given_once(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await until(lambda: len(executor.waiting) == 1)
            executor.fail(BrokenProcessPool("a worker died"))
            await until(lambda: len(executor.waiting) == 1)
            executor.finish()
            client.say("play")
            await turns()
            notices = [state["notice"] for state in states(client.take())]
            assert sum(bool(notice) for notice in notices) == 1

        on_loop(scene, Held())

    def test_a_pool_that_is_broken_when_a_chunk_is_given_to_it_is_asked_again(self):
        class Broken(Priced):
            def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
                if not self.requests:
                    self.requests.append(args[0])
                    raise BrokenProcessPool("a worker died")
                return super().submit(fn, *args, **kwargs)

        async def scene(hub: Hub, executor: Broken, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await until(lambda: client.page.run.step > 2)

        on_loop(scene, Broken())

    def test_an_executor_that_takes_nothing_does_not_end_the_hub(self):
        class Full(Priced):
            def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
                if len(self.requests) < 1:
                    self.requests.append(args[0])
                    raise OSError("no more processes")
                return super().submit(fn, *args, **kwargs)

        async def scene(hub: Hub, executor: Full, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await turns()
            other = Client(hub, hub.open_page(TINY))
            other.say("play")
            await until(lambda: other.page.run.step > 2)

        on_loop(scene, Full())

    @pytest.mark.parametrize(
        "error", [RuntimeError("no memory"), BrokenProcessPool("killed")], ids=["fails", "kills its worker"]
    )
    def test_a_set_up_that_can_never_be_computed_does_not_keep_the_workers_busy(self, error: Exception):
        class Failing(Priced):
            def compute(self, request: ChunkRequest) -> ChunkResult:
                raise error

        async def scene(hub: Hub, executor: Failing, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await turns(400)
            assert len(executor.requests) <= 8

        on_loop(scene, Failing())

    def test_images_that_are_missing_are_said_once_and_asked_for_no_more(self):
        class Missing(Priced):
            def compute(self, request: ChunkRequest) -> ChunkResult:
                raise DataError("missing", "there is no /birds; name a folder that is there")

        async def scene(hub: Hub, executor: Missing, clock: Clock) -> None:
            client = Client(hub, hub.open_page(IMAGES))
            await turns(400)
            last = states(client.take())[-1]
            assert last["status"]["sentence"] == (
                "there is no /birds; name a folder that is there. "
                "The run stands at its last good step: choose other settings, or reset."
            )
            assert len(executor.requests) == 1

        on_loop(scene, Missing())

    def test_a_chunk_that_fails_costs_no_trained_step(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            for _ in range(5):
                await until(lambda: len(executor.waiting) == 1)
                executor.finish()
                await turns()
            step = client.page.run.step
            assert step > 0
            await until(lambda: len(executor.waiting) == 1)
            executor.fail(MemoryError())
            await turns()
            assert client.page.run.step == step

        on_loop(scene, Held())

    def test_a_chunk_of_the_run_before_a_reset_changes_nothing(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            for _ in range(4):
                await until(lambda: len(executor.waiting) == 1)
                executor.finish()
                await turns()
            await until(lambda: len(executor.waiting) == 1)
            client.say("reset")
            executor.finish()
            await until(lambda: len(executor.waiting) == 1)
            assert (client.page.run.step, client.page.run.state) == (0, None)
            assert executor.waiting[0][1].state is None

        on_loop(scene, Held())

    def test_the_work_thrown_away_by_resets_counts_for_whose_turn_it_is(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await until(lambda: len(executor.waiting) == 1)
            client.say("reset")
            executor.finish()
            await turns()
            assert client.page.turn > 0.0

        on_loop(scene, Held())


class TestMessages:
    def test_a_change_is_answered_with_a_state(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.take()
            client.say("set", changes={"alpha": 0.5}, id=1)
            assert [state["config"]["alpha"] for state in states(client.take())] == [0.5]

        on_loop(scene)

    def test_what_changes_nothing_is_not_told_again(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await turns()
            client.take()
            client.say("pause")
            client.say("set", changes={"alpha": TINY.alpha})
            client.say("ack", frame=1)
            await turns()
            assert states(client.take()) == []

        on_loop(scene)

    def test_the_step_alone_is_left_to_the_frames(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await until(lambda: client.page.run.step > 4)
            client.take()
            step = client.page.run.step
            await until(lambda: client.page.run.step > step + 8)
            assert states(client.take()) == []

        on_loop(scene)

    def test_another_metric_comes_as_figures_with_their_numbers(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(IMAGES))
            await turns()
            assert [state["metric"] for state in states(client.take())] == ["accuracy"] * 2
            computed = len(executor.requests)
            client.say("metric", metric="loss")
            told = client.take()
            assert [message["type"] for message in told] == ["figures", "state", "frame"]
            figures, state, frame = told
            assert figures["light"]["loss"]["layout"]["yaxis"]["type"] == "log"
            assert state["metric"] == frame["metric"] == "loss"
            assert "loss" in state["layout"]
            assert {"loss", "adaptation"} <= {chart for chart, *_ in frame["arrays"]}
            assert frame["numbers"]["before"] == pytest.approx(client.page.run.history.newest("loss").before)
            assert len(executor.requests) == computed  # both are known
            client.say("metric", metric="loss")
            assert states(client.take()) == []

        on_loop(scene)

    def test_a_page_that_is_behind_gets_the_numbers_of_its_new_figures(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(IMAGES))
            for chart in ("layers", "path"):
                client.say("weights_chart", chart=chart)
                await turns()
            assert client.page.is_behind
            client.take()
            client.say("metric", metric="loss")
            assert [message["type"] for message in client.take()][:3] == ["figures", "state", "frame"]

        on_loop(scene)

    def test_regression_has_no_metric_to_choose(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await turns()
            assert {state["metric"] for state in states(client.take())} == {None}

        on_loop(scene)

    def test_the_layers_come_in_place_of_the_paths(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await turns()
            client.take()
            client.say("weights_chart", chart="layers")
            await turns()
            told = client.take()
            last = states(told)[-1]
            assert "layers" in last["charts"]
            assert "path" not in last["charts"]
            assert last["layers"] == ["hidden 1", "head"]
            assert "layers" in last["layout"]
            assert "layers" in {
                chart for message in told if message["type"] == "frame" for chart, *_ in message["arrays"]
            }

        on_loop(scene)

    @pytest.mark.parametrize("last", [True, False], ids=["last of them", "more to come"])
    def test_the_sidebar_follows_a_replayed_change(self, last: bool):
        timeline = [Entry(step=4, kind="change", changes={"shots": 5})]
        if not last:
            timeline.append(Entry(step=500_000, kind="change", changes={"shots": 6}))

        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY, timeline))
            await turns()
            client.take()
            client.say("play")
            await until(lambda: client.page.run.config.shots == 5)
            await turns()
            told = [state for state in states(client.take()) if state["config"]["shots"] == 5]
            assert told[0]["controls_changed"] is True

        on_loop(scene)

    @pytest.mark.parametrize(
        "message",
        [
            {},
            {"type": None},
            {"type": ["set"]},
            {"type": "no such"},
            {"type": "set"},
            {"type": "set", "changes": None},
            {"type": "set", "changes": [1, 2]},
            {"type": "set", "changes": "alpha"},
            {"type": "set", "changes": {"alpha": float("nan")}},
            {"type": "set", "changes": {"alpha": float("inf")}},
            {"type": "set", "changes": {"alpha": "0.1"}},
            {"type": "set", "changes": {"alpha": True}},
            {"type": "set", "changes": {"alpha": None}},
            {"type": "set", "changes": {"alpha": 10**400}},
            {"type": "set", "changes": {"shots": 10**400}},
            {"type": "set", "changes": {"no_such": 1}},
            {"type": "run_until"},
            {"type": "run_until", "step": 10**400},
            {"type": "run_until", "step": "9"},
            {"type": "speed"},
            {"type": "speed", "steps_per_s": float("nan")},
            {"type": "metric"},
            {"type": "metric", "metric": ["accuracy"]},
            {"type": "weights_chart", "chart": "loss"},
            {"type": "speed", "steps_per_s": True},
            {"type": "task"},
            {"type": "task", "amplitude": None, "phase_rad": 1},
            {"type": "task", "amplitude": 10**400, "phase_rad": 1},
            {"type": "task", "amplitude": 1e39, "phase_rad": 1},
            {"type": "task", "amplitude": float("inf"), "phase_rad": 1},
            {"type": "own_task", "support": [], "query": []},
            {"type": "own_task", "clear": 1, "support": [], "query": []},
            {"type": "example_task"},
            {"type": "ack"},
            {"type": "ack", "frame": "x"},
            {"type": "visible"},
        ],
        ids=lambda message: str(message)[:60],
    )
    def test_what_is_not_understood_is_answered_and_the_run_stays_as_it_was(self, message: dict[str, Any]):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await turns()
            before = (client.page.run.config, client.page.run.status_kind, client.page.run.steps_per_s)
            client.take()
            hub.receive(client.page, message)
            await turns()
            messages = client.take()
            assert kinds(messages)[0] == "error"
            assert len(messages[0]["message"]) > 10
            assert (client.page.run.config, client.page.run.status_kind, client.page.run.steps_per_s) == before

        on_loop(scene)

    VALUES = st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.sampled_from([10**400, -(10**400)])
        | st.floats()
        | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    )
    TYPES = st.sampled_from(
        [
            "set",
            "play",
            "pause",
            "outer_step",
            "reset",
            "run_until",
            "speed",
            "task",
            "ack",
            "visible",
            "hello",
            "own_task",
            "example_task",
            "nonsense",
        ]
    )
    CHANGES = st.dictionaries(st.sampled_from([*RunConfig.__dataclass_fields__, "x"]), VALUES, max_size=3)
    FIELDS = st.fixed_dictionaries(
        {},
        optional={
            "changes": CHANGES | VALUES,
            "step": VALUES,
            "steps_per_s": VALUES,
            "amplitude": VALUES,
            "phase_rad": VALUES,
            "redraw": VALUES,
            "frame": VALUES,
            "visible": VALUES,
            "id": VALUES,
            "support": VALUES,
            "query": VALUES,
            "clear": VALUES,
        },
    )

    @given(messages=st.lists(st.tuples(TYPES | VALUES, FIELDS), min_size=1, max_size=8))
    def test_no_message_breaks_the_page(self, messages: list[tuple[Any, dict[str, Any]]]):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            for kind, fields in messages:
                hub.receive(client.page, {"type": kind, **fields})
                await turns(8)
            client.take()
            client.say("set", changes={"alpha": 0.125})
            client.say("play")
            step = client.page.run.step
            await until(lambda: client.page.run.step > step or client.page.run.steps_per_s is not None)
            assert states(client.take())[-1]["config"]["alpha"] == 0.125

        on_loop(scene, Priced())

    def test_all_that_is_said_of_a_diverged_run_is_strict_json(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(replace(TINY, {"alpha": 50.0, "num_inner_steps": 20})))
            client.say("play")
            await until(lambda: client.page.run.status_kind == "diverged", limit=300)
            client.say("set", changes={"alpha": 0.0})
            client.say("set", changes={"num_inner_steps": 0})
            client.say("ack", frame=100)
            await turns()
            messages = client.take()
            assert {"frame", "state", "figures"} <= set(kinds(messages))
            sentences = [state["status"]["sentence"] for state in states(messages)]
            assert any("α = 50" in sentence for sentence in sentences)

        on_loop(scene)


class TestEnding:
    @pytest.mark.parametrize("ticks", range(6))
    def test_it_ends_when_it_is_cancelled_though_something_has_just_happened(self, ticks: int):
        async def scene() -> None:
            hub = Hub(Inline())
            running = asyncio.create_task(hub.run())
            await turns(10)
            hub._wake.set()
            await turns(ticks)
            running.cancel()
            await turns(20)
            ended = running.cancelled()
            while not running.done():
                running.cancel()
                await asyncio.sleep(0)
            assert ended

        asyncio.run(scene())


class TestScripts:
    """What the threads of Streamlit's scripts call."""

    def test_a_change_from_the_sidebar_reaches_the_run(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await asyncio.to_thread(hub.change, client.page.token, {"shots": 7})
            await until(lambda: hub.config(client.page.token) == replace(TINY, {"shots": 7}))
            assert states(client.take())[-1]["config"]["shots"] == 7

        on_loop(scene)

    def test_a_restart_from_the_sidebar_reaches_the_run(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await until(lambda: client.page.run.step > 3)
            await asyncio.to_thread(hub.restart, client.page.token, lambda config: replace(config, {"weights_seed": 9}))
            await until(lambda: client.page.run.start.weights_seed == 9)
            assert client.page.run.step == 0

        on_loop(scene, Priced())

    def test_a_page_that_is_gone_is_no_error(self):
        hub = Hub(Inline())
        hub.change("unknown", {"shots": 3})
        hub.restart("unknown", lambda config: config)
        assert (hub.config("unknown"), hub.knows("unknown")) == (None, False)


def test_frames_come_often_enough():
    assert 1.0 / Pace().frame_s >= 4.0
    assert 1.0 / Pace().trajectories_s >= 4.0


def test_ten_pages_get_two_frames_a_second():
    assert 1.0 / (10 * hub_module.CROWDED_PACE.frame_s) >= 2.0
