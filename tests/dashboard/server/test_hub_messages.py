"""What the hub answers, on a real event loop: messages, scripts, and all that goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.live.training import status_kind
from dashboard.server.hub import Hub
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import RunConfig, replace
from maml_core.errors import DataError
from maml_core.records import Entry
from tests.dashboard.server.clients import (
    IMAGES,
    TINY,
    Client,
    Clock,
    Held,
    Inline,
    Priced,
    kinds,
    on_loop,
    states,
    turns,
    until,
)


class TestTrouble:
    def test_a_lost_chunk_is_computed_again_and_the_page_says_so(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            client.say("play")
            await until(lambda: len(executor.waiting) == 1)
            executor.finish()
            await until(lambda: len(executor.waiting) == 1)
            lost = executor.waiting[0][1]
            client.page.run.step = 12_000
            executor.fail(BrokenProcessPool("a worker died"))
            await until(lambda: len(executor.waiting) == 1)
            again = executor.waiting[0][1]
            assert (again.state, again.config, again.timeline) == (lost.state, lost.config, lost.timeline)
            notices = [state["notice"] for state in states(client.take())]
            assert "A worker process ended; a new one goes on from outer step 12,000." in notices
            assert client.page.run.playback.playing

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
            assert client.page.run.turn > 0.0

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
            assert client.page.connection.is_behind
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

    @pytest.mark.parametrize(("asked", "told"), [({"id": 7}, 7), ({}, None), ({"id": True}, None), ({"id": "7"}, None)])
    def test_a_refusal_has_the_number_under_which_it_was_asked_for(self, asked: dict[str, Any], told: int | None):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(TINY))
            await turns()
            client.take()
            hub.receive(client.page, {"type": "own_points", "text": "1 2\n3 abc", "hold_back": False, **asked})
            await turns()
            (error,) = [message for message in client.take() if message["type"] == "error"]
            assert error.get("id") == told

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
            {"type": "tasks_chart", "chart": "path"},
            {"type": "tasks_chart", "chart": ["landscape"]},
            {"type": "speed", "steps_per_s": True},
            {"type": "task"},
            {"type": "task", "amplitude": None, "phase_rad": 1},
            {"type": "task", "amplitude": 10**400, "phase_rad": 1},
            {"type": "task", "amplitude": 1e39, "phase_rad": 1},
            {"type": "task", "amplitude": float("inf"), "phase_rad": 1},
            {"type": "own_task", "support": [], "query": []},
            {"type": "own_task", "clear": 1, "support": [], "query": []},
            {"type": "own_points"},
            {"type": "own_points", "text": "", "hold_back": False},
            {"type": "own_points", "text": "1 2\n3 abc", "hold_back": False},
            {"type": "own_points", "text": ["1 2"], "hold_back": False},
            {"type": "own_points", "text": "1 2", "hold_back": 1},
            {"type": "own_points", "clear": 1, "text": "1 2\n3 4", "hold_back": True},
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
            before = (client.page.run.config, status_kind(client.page.run), client.page.run.playback.steps_per_s)
            client.take()
            hub.receive(client.page, message)
            await turns()
            messages = client.take()
            assert kinds(messages)[0] == "error"
            assert len(messages[0]["message"]) > 10
            assert (
                client.page.run.config,
                status_kind(client.page.run),
                client.page.run.playback.steps_per_s,
            ) == before

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
            "own_points",
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
            "frequency": VALUES,
            "redraw": VALUES,
            "frame": VALUES,
            "visible": VALUES,
            "id": VALUES,
            "support": VALUES,
            "query": VALUES,
            "text": VALUES,
            "hold_back": VALUES,
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
            await until(lambda: client.page.run.step > step or client.page.run.playback.steps_per_s is not None)
            assert states(client.take())[-1]["config"]["alpha"] == 0.125

        on_loop(scene, Priced())

    def test_all_that_is_said_of_a_diverged_run_is_strict_json(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            client = Client(hub, hub.open_page(replace(TINY, {"alpha": 50.0, "num_inner_steps": 20})))
            client.say("play")
            await until(lambda: status_kind(client.page.run) == "diverged", limit=300)
            client.say("set", changes={"alpha": 0.0})
            client.say("set", changes={"num_inner_steps": 0})
            client.say("ack", frame=100)
            await turns()
            messages = client.take()
            assert {"frame", "state", "figures"} <= set(kinds(messages))
            sentences = [state["status"]["sentence"] for state in states(messages)]
            assert any("α = 50" in sentence for sentence in sentences)

        on_loop(scene)


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
            await until(lambda: client.page.run.changes.start.weights_seed == 9)
            assert client.page.run.step == 0

        on_loop(scene, Priced())

    def test_a_page_that_is_gone_is_no_error(self):
        hub = Hub(Inline())
        hub.change("unknown", {"shots": 3})
        hub.restart("unknown", lambda config: config)
        assert (hub.config("unknown"), hub.knows("unknown")) == (None, False)
