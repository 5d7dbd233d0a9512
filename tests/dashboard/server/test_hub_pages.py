"""Pages of the hub on a real event loop: who connects, shares, hides, and takes up what run."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dashboard.live.page import HIDDEN_MOMENT_S, Page
from dashboard.live.run import LiveRun
from dashboard.server import hub as hub_module
from dashboard.server import loop as loop_module
from dashboard.server.hub import HIDDEN_PAUSE_S, KEEP_S, Hub
from maml_core.chunks import run_chunk
from maml_core.config import replace
from maml_core.execution import call_last
from maml_core.records import Entry
from tests.dashboard.server.clients import (
    TINY,
    Client,
    Clock,
    Held,
    Inline,
    Priced,
    kinds,
    on_loop,
    states,
    strict,
    turns,
    until,
    wake,
)


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
            run.audience.show_scratch(True, run.config)
            new = Client(hub, hub.open_page(TINY), resume=run.key, released=released)
            messages = new.take()
            assert new.page.run is run
            assert messages[0] == {"type": "welcome", "run_key": run.key, "tab": new.page.tab}
            assert states(messages)[0]["controls_changed"] is True
            assert run.audience.scratch  # and the new page's switch shows it
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
                return page.connection.is_open

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
            idle.page.run.turn += 100.0
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
            assert client.page.run.playback.playing
            client.take()
            clock.now += 2.0
            await wake(hub)
            assert not client.page.run.playback.playing
            assert any("ten minutes" in state["notice"] for state in states(client.take()))

        on_loop(scene, Priced())


class TestHiddenPause:
    """A run that pauses while its page is hidden, where that is wanted."""

    @staticmethod
    async def hidden(hub: Hub, clock: Clock, *, on: bool = True, seconds: float = HIDDEN_MOMENT_S) -> Client:
        client = Client(hub, hub.open_page(TINY))
        client.say("pause_hidden", on=on)
        client.say("play")
        await until(lambda: client.page.run.step > 3)
        client.say("visible", visible=False)
        clock.now += seconds
        await wake(hub)
        return client

    def test_it_pauses_after_a_moment_and_goes_on_when_it_is_shown_again(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = await self.hidden(hub, clock)
            assert not client.page.run.playback.playing
            step = client.page.run.step
            client.take()
            client.say("visible", visible=True)
            assert client.page.run.playback.playing
            said = [state["notice"] for state in states(client.take()) if state["notice"]]
            assert said == [f"The run paused at outer step {step:,} while this page was hidden, and goes on."]
            await until(lambda: client.page.run.step > step)

        on_loop(scene, Priced())

    def test_where_it_was_to_stop_is_remembered(self):
        page = Page(LiveRun(TINY, at=50), 0.0)
        page.pauses_hidden = True
        page.run.jump()
        page.set_visible(False, 10.0)
        assert page.wants_pause(10.0 + HIDDEN_MOMENT_S)
        page.run.hold()
        assert not page.run.playback.playing
        page.set_visible(True, 20.0)
        assert (page.run.playback.stop_at, page.run.playback.jumping) == (50, True)

    @pytest.mark.parametrize("options", [{"on": False}, {"seconds": HIDDEN_MOMENT_S - 0.5}], ids=["off", "a glance"])
    def test_it_trains_on(self, options: dict[str, Any]):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = await self.hidden(hub, clock, **options)
            assert client.page.run.playback.playing
            client.take()
            client.say("visible", visible=True)
            assert not any(state["notice"] for state in states(client.take()))

        on_loop(scene, Priced())

    @pytest.mark.parametrize("message", ["pause", "reset", "outer_step"])
    def test_what_somebody_asked_for_since_stays(self, message: str):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = await self.hidden(hub, clock)
            client.say(message)
            client.say("visible", visible=True)
            assert not client.page.run.playback.playing

        on_loop(scene, Priced())

    def test_what_the_sidebar_asked_for_since_stays(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = await self.hidden(hub, clock)
            await asyncio.to_thread(hub.restart, client.page.token, lambda config: config)
            client.say("visible", visible=True)
            assert not client.page.run.playback.playing

        on_loop(scene, Priced())

    def test_a_run_that_somebody_paused_stays_paused(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("pause_hidden", on=True)
            client.say("visible", visible=False)
            clock.now += 10.0
            await wake(hub)
            client.say("visible", visible=True)
            assert not client.page.run.playback.playing

        on_loop(scene, Priced())


class TestSharedRun:
    def test_a_jump_says_how_far_it_is(self):
        page = Page(LiveRun(TINY, at=50), 0.0)
        outbox = page.connect(0.0)
        page.run.jump()
        page.run.step = 20
        for now in (0.1, 0.3, 0.4):
            page.tell_progress(now)
        sent = [strict(str(outbox.get_nowait())) for _ in range(outbox.qsize())]
        assert [message for message in sent if message["type"] == "progress"] == [{"type": "progress", "step": 20}]

    def test_a_jump_draws_when_it_is_there(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            change = Entry(step=4, kind="change", changes={"alpha": 0.05})
            client = Client(hub, hub.open_page(TINY, [change], at=8))
            await until(lambda: client.page.viewer.is_seen)
            (first,) = [state for state in states(client.take()) if state["offer"]][-1:]
            assert first["offer"] == {"kind": "jump", "step": 8}
            assert first["idea"].startswith("This run has 1 change and was at outer step 8: Jump goes there")
            client.say("speed", steps_per_s=1)
            client.say("jump")
            await until(lambda: not client.page.run.playback.playing)
            await turns()
            found = client.take()
            assert {message["step"] for message in found if message["type"] == "frame"} == {8}
            assert client.page.run.config.alpha == 0.05

        on_loop(scene)

    def test_a_change_says_what_it_leaves_out_and_the_way_back_is_open(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            change = Entry(step=4, kind="change", changes={"alpha": 0.05})
            client = Client(hub, hub.open_page(TINY, [change], at=8))
            client.say("set", changes={"beta": 0.5})
            said = [state["notice"] for state in states(client.take()) if state["notice"]]
            assert len(said) == 1
            assert "1 change of the shared run will not be made" in said[0]
            client.say("shared")
            assert (client.page.run.config, client.page.run.changes.scheduled) == (TINY, [change])

        on_loop(scene)


class TestEnding:
    @pytest.mark.parametrize("ticks", range(6))
    def test_it_ends_when_it_is_cancelled_though_something_has_just_happened(self, ticks: int):
        async def scene() -> None:
            hub = Hub(Inline())
            running = asyncio.create_task(hub.run())
            await turns(10)
            hub.wake()
            await turns(ticks)
            running.cancel()
            await turns(20)
            ended = running.cancelled()
            while not running.done():
                running.cancel()
                await asyncio.sleep(0)
            assert ended

        asyncio.run(scene())


class TestLongChunks:
    """Somebody's large set-up keeps a worker for seconds: another one is left to those whose chunks are short."""

    @staticmethod
    def _alphas(executor: Held) -> list[float]:
        return sorted(request.config.alpha for _, request in executor.waiting)

    def test_two_of_them_are_not_computed_at_a_time(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(hub_module, "is_long", lambda config: config.alpha > 0.1)

        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            configs = [replace(TINY, {"alpha": alpha}) for alpha in (0.5, 0.6, 0.01)]
            for config in configs:
                Client(hub, hub.open_page(config)).say("play")
            await wake(hub)
            assert self._alphas(executor) == [0.01, 0.5]
            executor.finish()
            await wake(hub)
            assert len([alpha for alpha in self._alphas(executor) if alpha > 0.1]) == 1

        on_loop(scene, Held(), num_workers=2)

    @pytest.mark.parametrize("is_long", [False, True])
    def test_they_are_computed_last(self, monkeypatch: pytest.MonkeyPatch, is_long: bool):
        monkeypatch.setattr(loop_module, "is_long", lambda config: is_long)
        called: list[Any] = []

        class Noting(Inline):
            def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
                called.append(fn)
                return super().submit(*args) if fn is call_last else super().submit(fn, *args)

        async def scene(hub: Hub, executor: Noting, clock: Clock) -> None:
            Client(hub, hub.open_page(TINY))
            await wake(hub)
            assert set(called) == {call_last if is_long else run_chunk}

        on_loop(scene, Noting(), num_workers=2)

    def test_alone_on_the_server_nobody_waits_for_that(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(hub_module, "is_long", lambda config: True)

        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            Client(hub, hub.open_page(TINY)).say("play")
            await wake(hub)
            assert len(executor.waiting) == 1

        on_loop(scene, Held(), num_workers=2)


def test_who_asks_and_asks_pays_for_the_answers():
    """Or whoever only looks, again and again, would always come before those who train."""

    async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
        asking, training = (Client(hub, hub.open_page(replace(TINY, {"weights_seed": seed}))) for seed in (1, 2))
        await turns()
        before = asking.page.run.turn
        asked = len(executor.requests)
        asking.say("task", redraw=True)
        await until(lambda: any(request.config.weights_seed == 1 for request in executor.requests[asked:]))
        await turns()
        assert asking.page.run.turn >= before + TINY.alpha
        assert training.page.run.turn <= asking.page.run.turn

    on_loop(scene, Priced())
