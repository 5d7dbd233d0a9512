"""Looks at a run that trains on meanwhile: when another worker takes them, what the page is shown, and what is thrown away."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest

from dashboard.server.hub import Hub
from dashboard.setups import limits
from maml_core.chunks import ChunkRequest
from maml_core.config import replace
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes
from tests.dashboard.server.clients import TINY, Client, Clock, Held, on_loop, turns


class Slow(Held):
    """Workers that compute when the test says so."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return super().submit(fn, args[-1], **kwargs)  # long ones come with what runs them at the lowest priority

    def end(self, wanted: Callable[[ChunkRequest], bool] = lambda _: True) -> ChunkRequest:
        """End the first chunk of a kind that was begun."""
        pair = next(pair for pair in self.waiting if wanted(pair[1]))
        self.waiting.remove(pair)
        pair[0].set_result(self.compute(pair[1]))
        return pair[1]

    @property
    def under_way(self) -> list[str]:
        return ["look" if is_look(request) else "training" for _, request in self.waiting]


def is_look(request: ChunkRequest) -> bool:
    return request.budget_s is None and request.num_steps is None and request.view is not None


def is_training(request: ChunkRequest) -> bool:
    return not is_look(request)


async def training(hub: Hub, executor: Slow, clock: Clock) -> Client:
    """A page whose run trains, and a look at it under way."""
    client = Client(hub, hub.open_page(TINY))
    await turns()
    client.say("play")
    await looked_at(client, executor, clock)
    client.take()
    return client


async def looked_at(client: Client, executor: Slow, clock: Clock) -> None:
    """Train until another worker looks."""
    for _ in range(20):
        await turns()
        executor.end(is_training)
        clock.now += 0.2
        await turns()
        client.say("ack", frame=10_000)
        await turns()
        if "look" in executor.under_way:
            return
    raise AssertionError("nobody looked")


def frames(client: Client) -> list[dict[str, object]]:
    return [message for message in client.take() if message["type"] == "frame"]


def test_a_run_trains_on_while_another_worker_looks_and_its_page_is_shown_what_was_found() -> None:
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await training(hub, executor, clock)
        run = client.page.run
        assert sorted(executor.under_way) == ["look", "training"]
        before = run.step
        for _ in range(3):
            request = executor.end(is_training)
            assert request.view is None
            await turns()
        assert run.step > before  # three chunks later nobody has waited for the look
        assert not frames(client)
        executor.end(is_look)
        await turns()
        assert len(frames(client)) == 1
        client.say("ack", frame=10_000)
        await looked_at(client, executor, clock)  # and the next one

    on_loop(scene, Slow(), num_workers=2)


def test_looking_meanwhile_changes_nothing_of_what_is_trained() -> None:
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await training(hub, executor, clock)
        executor.end(is_training)
        await turns()
        executor.end(is_look)
        await turns()
        run = client.page.run
        assert run.state == state_to_bytes(replay(TINY, (), num_steps=run.step)[1])

    on_loop(scene, Slow(), num_workers=2)


def test_a_changed_setting_is_answered_by_the_next_chunk_and_an_older_look_is_thrown_away() -> None:
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await training(hub, executor, clock)
        run = client.page.run
        client.say("set", id=7, changes={"alpha": 0.02})
        await turns()
        executor.end(is_training)  # the chunk that was under way
        await turns()
        answer = executor.end(is_training)
        assert answer.view is not None
        assert answer.view.trajectories
        await turns()
        [shown] = frames(client)
        assert shown["change"] == 7
        seen, fit = run.audience.seen.trajectories, client.page.viewer.fit
        client.say("ack", frame=10_000)
        executor.end(is_look)
        await turns()
        assert not frames(client)
        assert run.audience.seen.trajectories is seen
        assert client.page.viewer.fit is fit

    on_loop(scene, Slow(), num_workers=2)


def test_a_pause_is_answered_with_the_run_as_it_stands() -> None:
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await training(hub, executor, clock)
        run = client.page.run
        client.say("pause")
        await turns()
        while "training" in executor.under_way:
            last = executor.end(is_training)
            await turns()
        assert last.view is not None
        assert last.state == run.state
        shown = run.audience.seen.trajectories
        executor.end(is_look)
        await turns()
        assert run.audience.seen.trajectories is shown
        assert run.meanwhile.waiting is None
        client.say("play")
        await looked_at(client, executor, clock)

    on_loop(scene, Slow(), num_workers=2)


@pytest.mark.parametrize("ask", ["reset", "lost"])
def test_after_a_reset_or_a_lost_worker_looks_go_on(ask: str) -> None:
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await training(hub, executor, clock)
        run = client.page.run
        if ask == "reset":
            client.say("reset")
            await turns()
            executor.end(is_look)
        else:
            pair = next(pair for pair in executor.waiting if is_look(pair[1]))
            executor.waiting.remove(pair)
            pair[0].set_exception(BrokenProcessPool("ended"))
        await turns()
        executor.end(is_training)
        await turns()
        assert executor.end(is_training).view is not None  # the next chunk looks itself
        await turns()
        assert frames(client)
        client.say("ack", frame=10_000)
        client.say("play")
        await looked_at(client, executor, clock)
        assert run.audience.seen.trajectories

    on_loop(scene, Slow(), num_workers=2)


def test_what_is_measured_at_a_kept_state_is_kept_with_it() -> None:
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await training(hub, executor, clock)
        run = client.page.run
        for _ in range(12):
            known = len(run.kept.all_measured)
            executor.end(is_look)
            await turns()
            if len(run.kept.all_measured) > known:
                return
            await looked_at(client, executor, clock)
        raise AssertionError("nothing was kept of what was measured")

    on_loop(scene, Slow(), num_workers=2)


@pytest.mark.parametrize("why", ["one worker", "another page", "a second run", "a long set-up"])
def test_where_no_worker_is_left_or_a_second_run_waits_for_the_look_the_chunk_takes_it(
    why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if why == "a long set-up":
        monkeypatch.setattr(limits, "LONG_OPERATIONS", 0.0)

    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = Client(hub, hub.open_page(TINY))
        if why == "another page":
            Client(hub, hub.open_page(replace(TINY, {"weights_seed": 1}))).say("play")
        if why == "a second run":
            client.page.viewer.compare("joint")
        await turns()
        client.say("play")
        for _ in range(12):
            executor.end()
            clock.now += 0.2
            await turns()
            client.say("ack", frame=10_000)
            await turns()
            assert not client.page.run.meanwhile.is_wanted
        assert client.page.run.step > 0

    on_loop(scene, Slow(), num_workers=1 if why == "one worker" else 2)
