"""What the hub sends, on a real event loop: frames, and what somebody draws."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from typing import Any

import pytest

from dashboard.live.pacing import Pace
from dashboard.live.page import MAX_UNACKNOWLEDGED
from dashboard.live.training import status_kind
from dashboard.server.hub import Hub
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import GlyphsConfig, SinusoidConfig, replace
from maml_core.records import ImageFit, Status
from tests.dashboard.server.clients import (
    IMAGES,
    TINY,
    Client,
    Clock,
    Inline,
    kinds,
    on_loop,
    states,
    turns,
    until,
)


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
            await until(lambda: client.page.viewer.own.generated is not None)
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
            hand = client.page.viewer.own.hand
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
            assert client.page.viewer.own.task is not None

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
            assert client.page.viewer.own.task is None

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
            assert client.page.viewer.own.task is None
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
            task = client.page.viewer.own.task
            client.take()
            client.say("own_task", **drawn(0, 1, 2, 3))
            (error,) = [message for message in client.take() if message["type"] == "error"]
            assert error["message"] == "4 classes are drawn and this network tells 3 apart; remove some."
            assert client.page.viewer.own.task is task

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
            assert status_kind(client.page.run) == "diverged"
            client.say("ack", frame=10_000)
            assert (await self.drawn(client, 0, 1))["own"] is not None
            assert status_kind(client.page.run) == "diverged"

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
            generated = client.page.viewer.fit
            assert isinstance(generated, ImageFit)
            await self.drawn(client, 0, 1)
            client.say("example_task")
            (example,) = [message for message in client.take() if message["type"] == "example_task"]
            assert [label for label, _ in example["support"]] == [0, 1, 2]
            assert base64.b64decode(example["support"][2][1]) == generated.support_images[2].tobytes()
            assert len(example["query"]) == 3

        self.play(scene)


def test_frames_come_often_enough():
    assert 1.0 / Pace().frame_s >= 4.0
    assert 1.0 / Pace().trajectories_s >= 4.0
