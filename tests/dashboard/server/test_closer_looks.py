"""Closer looks at the hub: who has one open pays for it, and nobody else waits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.charts.all import CLOSER
from dashboard.charts.closer import MEASURING, WAITING
from dashboard.live.closer import AWAITED_S, LEAST_S
from dashboard.server.hub import Hub
from maml_core.analysis import looks
from maml_core.analysis.looks import CURVES, LOOKS
from maml_core.analysis_records import Coherence, TaskVectors
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.errors import DataError
from maml_core.problem import build_problem
from maml_core.state_bytes import state_from_bytes
from tests.dashboard.server.clients import TINY, Client, Clock, Held, Inline, on_loop, states, turns, until, wake


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looks, "CURVES", CURVES._replace(vector_tasks=6, batch_tasks=1))


class Failing(Inline):
    """A worker that cannot look."""

    def compute(self, request: ChunkRequest) -> ChunkResult:
        if looked(request):
            raise MemoryError
        return super().compute(request)


class Refusing(Inline):
    """A worker to which the images of a run are lost."""

    def compute(self, request: ChunkRequest) -> ChunkResult:
        if looked(request):
            raise DataError("missing", "there are no images in /data/birds")
        return super().compute(request)


class Slow(Held):
    """Workers that look when the test says so."""

    async def end(self, look: str) -> None:
        """End all that is under way of this look; of none, what the run has under way."""
        while ends := [pair for pair in self.waiting if (pair[1].view.look if looked(pair[1]) else "") == look]:
            for future, request in ends:
                self.waiting.remove((future, request))
                future.set_result(run_chunk(request))
            await turns()


def looked(request: ChunkRequest) -> bool:
    return request.view is not None and bool(request.view.look)


def under_way(executor: Held) -> list[str]:
    """The looks that workers have begun."""
    return [request.view.look for _, request in executor.waiting if request.view is not None and request.view.look]


def is_training(executor: Held) -> bool:
    """Whether something other than a look is under way."""
    return not all(looked(request) for _, request in executor.waiting)


async def trained(executor: Held) -> None:
    """End the oldest that is under way and no look."""
    future, request = next(pair for pair in executor.waiting if not looked(pair[1]))
    executor.waiting.remove((future, request))
    future.set_result(executor.compute(request))
    await turns()


def num_looks(executor: Any) -> int:
    return sum(map(looked, executor.requests))


def shown_of(client: Client) -> Any:
    """What the chart that is open shows, by the engine's own record."""
    found = client.page.viewer.closer.looked
    return None if found is None else found.found


async def drawn(client: Client) -> list[dict[str, Any]]:
    """The frames since the last look, and those that come as soon as these are on the screen."""
    frames: list[dict[str, Any]] = []
    for _ in range(3):
        await turns()
        frames += [message for message in client.take() if message["type"] == "frame"]
        client.page.acknowledge(frames[-1]["frame"])
    return frames


def named(client: Client, chart: str) -> list[str]:
    """The columns that the newest layout of a chart names, since the last look."""
    layouts = [message["layout"] for message in client.take() if "layout" in message]
    marks = layouts[-1].get(chart, {"light": {"annotations": []}})["light"]["annotations"] if layouts else []
    return [mark.get("hovertext", mark["text"]) for mark in marks if mark.get("name") == "column"]


def figures(client: Client) -> list[set[str]]:
    """The charts of each message of figures since the last look."""
    return [set(message["light"]) for message in client.take() if message["type"] == "figures"]


async def opened(hub: Hub, chart: str = "task_disk") -> Client:
    client = Client(hub, hub.open_page(TINY))
    await turns()
    client.say("weights_chart", chart=chart)
    await turns()
    return client


def test_it_is_computed_once_for_whoever_has_it_open_at_the_theta_0_that_is_shown():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub)
        other = Client(hub, hub.open_beside(client.page.token))
        await turns()
        run = client.page.run
        assert num_looks(executor) == 1
        told = client.take()
        assert [state["empty"] for state in states(told)][-2:] == [{"task_disk": MEASURING}, {}]
        filled = {tuple(place[:3]) for message in told if message["type"] == "frame" for place in message["arrays"]}
        assert {("task_disk", "tasks", what) for what in ("x", "y", "marker.color", "marker.size")} <= filled
        assert not any("task_disk" in state["charts"] for state in states(other.take()))
        config, state = run.state_config, run.state
        expected = LOOKS["task_vectors"](config, build_problem(config), state_from_bytes(state).meta)
        np.testing.assert_array_equal(shown_of(client).coordinates, expected.coordinates)

        client.say("weights_chart", chart="path")
        await wake(hub)
        assert num_looks(executor) == 1
        assert shown_of(client) is None

    on_loop(scene)


def test_a_run_that_trains_is_looked_at_now_and_then_and_one_that_stands_exactly():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub)
        client.say("play")
        await until(lambda: client.page.run.step >= 20)
        assert num_looks(executor) == 1
        clock.now += 100 * LEAST_S
        step = client.page.run.step
        await until(lambda: num_looks(executor) == 2)
        await until(lambda: client.page.run.step >= step + 20)
        assert num_looks(executor) == 2
        client.say("pause")
        await turns()
        assert client.page.viewer.closer.looked.step == client.page.run.step
        count = num_looks(executor)
        clock.now += 100 * LEAST_S
        await wake(hub)
        assert num_looks(executor) == count  # nothing has changed
        client.say("set", changes={"alpha": 0.03})
        await turns()
        assert num_looks(executor) == count + 1
        assert client.page.viewer.closer.looked.config.alpha == 0.03

    on_loop(scene)


def test_it_follows_time_travel_and_says_of_which_step_it_is():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub)
        client.say("play")
        await until(lambda: client.page.run.step >= 10)
        client.say("pause")
        await turns()
        now = shown_of(client)
        await drawn(client)
        client.say("travel", step=0)
        frames = await drawn(client)
        assert [frame["subtitles"]["task_disk"] for frame in frames if "task_disk" in frame["subtitles"]][
            -1
        ].startswith("Step 0: ")
        assert isinstance(then := shown_of(client), TaskVectors)
        assert not np.array_equal(then.coordinates, now.coordinates)
        client.say("travel", step=None)
        await turns()
        np.testing.assert_array_equal(shown_of(client).coordinates, now.coordinates)

    on_loop(scene)


def test_one_that_fails_says_so_and_is_tried_again_when_the_run_has_moved_on():
    async def scene(hub: Hub, executor: Failing, clock: Clock) -> None:
        client = await opened(hub)
        sentence = "This could not be measured (MemoryError; the server's log says more)."
        assert states(client.take())[-1]["empty"] == {"task_disk": sentence}
        await wake(hub)
        assert num_looks(executor) == 1
        clock.now += 2 * LEAST_S
        client.say("outer_step")
        await turns()
        assert num_looks(executor) == 2

    on_loop(scene, Failing())


def test_a_refusal_is_told_in_its_own_words():
    async def scene(hub: Hub, executor: Refusing, clock: Clock) -> None:
        client = await opened(hub)
        said = states(client.take())[-1]["empty"]["task_disk"].replace("\u2060", "")
        assert said == "This could not be measured: there are no images in /data/birds."

    on_loop(scene, Refusing())


def test_one_worker_is_left_to_the_runs():
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        clients = [Client(hub, hub.open_page(TINY)) for _ in range(3)]
        await turns()
        while executor.waiting:
            executor.finish()
            await turns()
        for client in clients:
            client.say("weights_chart", chart="task_disk")
        await turns()
        assert num_looks(executor) == 1
        clients[0].say("outer_step")
        await turns()
        assert [looked(request) for _, request in executor.waiting] == [True, False]

    on_loop(scene, Held(), num_workers=2)


def test_who_looks_closer_leaves_the_other_worker_to_the_others_but_for_changes():
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        clients = [Client(hub, hub.open_page(TINY)) for _ in range(2)]
        await turns()
        for client in clients:
            client.say("play")
        while not all(client.page.run.step > 0 for client in clients):
            executor.finish()
            await turns()
        clients[0].say("weights_chart", chart="task_disk")
        await turns()
        while not looked(executor.waiting[0][1]):
            executor.finish()
            await turns()
        look = executor.waiting.pop(0)
        own, other = (client.page.run.step for client in clients)
        for _ in range(6):
            executor.finish()
            await turns()
        assert clients[0].page.run.step <= own + 1  # what was under way
        assert clients[1].page.run.step >= other + 4
        own = clients[0].page.run.step
        clients[0].say("set", changes={"alpha": 0.03})
        await turns()
        executor.finish()
        executor.finish()
        await turns()
        assert clients[0].page.run.config.alpha == 0.03
        assert clients[0].page.run.step > own
        own = clients[0].page.run.step
        clients[0].say("weights_chart", chart="path")
        executor.waiting.insert(0, look)
        for _ in range(7):
            executor.finish()
            await turns()
        assert clients[0].page.run.step >= own + 2  # its run goes on as before

    on_loop(scene, Held(), num_workers=2)


def test_a_page_gets_the_figure_of_a_closer_look_when_it_is_opened_and_once():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(TINY))
        await turns()
        first, *_ = figures(client)
        assert "path" in first
        assert not {chart.id for chart in CLOSER} & first
        for chart in ("task_disk", "path", "task_disk"):
            client.say("weights_chart", chart=chart)
            await turns()
        assert figures(client) == [{"task_disk"}]

    on_loop(scene)


def test_another_run_takes_its_place():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub)
        client.say("play")
        await until(lambda: client.page.run.step >= 10)
        client.say("reset")
        await turns()
        assert client.page.viewer.closer.looked.step == client.page.run.step == 0

    on_loop(scene)


def test_the_address_holds_it_and_an_unknown_one_is_told():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub, "directions")
        assert "look=directions" in states(client.take())[-1]["share"]
        again = Client(hub, hub.open_page(TINY, look="directions"))
        await turns()
        told = states(again.take())
        assert "directions" in told[-1]["charts"]
        odd = Client(hub, hub.open_page(TINY, look="<b>"))
        await turns()
        told = states(odd.take())
        assert "path" in told[-1]["charts"]
        assert any("'<b>'" in state["notice"] for state in told)

    on_loop(scene)


def test_a_second_one_stands_in_the_place_of_the_held_out_tasks():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub, "coherence")
        client.say("tasks_chart", chart="task_disk")
        await turns()
        told = client.take()
        shown = states(told)[-1]
        assert {"coherence", "task_disk"} <= set(shown["charts"])
        assert "adaptation" not in shown["charts"]
        assert (shown["tasks_chart"], shown["empty"]) == ("task_disk", {})
        assert "look=coherence,task_disk" in shown["share"]
        client.page.acknowledge([message for message in told if message["type"] == "frame"][-1]["frame"])
        filled = {tuple(place[:3]) for frame in await drawn(client) for place in frame["arrays"]}
        assert ("task_disk", "tasks", "x") in filled
        # Each is the engine's own, at the same theta_0.
        config, learner = client.page.run.state_config, state_from_bytes(client.page.run.state).meta
        viewer = client.page.viewer
        expected = LOOKS["task_vectors"](config, build_problem(config), learner)
        np.testing.assert_array_equal(viewer.second_closer.looked.found.coordinates, expected.coordinates)
        assert shown_of(client) == LOOKS["coherence"](config, build_problem(config), learner)

        # An address opens both; the one that is asked for in the other's place changes places.
        again = Client(hub, hub.open_page(TINY, look="coherence,task_disk"))
        await turns()
        assert {"coherence", "task_disk"} <= set(states(again.take())[-1]["charts"])
        again.say("weights_chart", chart="task_disk")
        await turns()
        shown = states(again.take())[-1]
        assert ("adaptation" in shown["charts"], "task_disk" in shown["charts"]) == (True, True)
        again.say("tasks_chart", chart="task_disk")
        await turns()
        assert (again.page.viewer.weights_chart, again.page.viewer.tasks_chart) == ("path", "task_disk")
        odd = Client(hub, hub.open_page(TINY, look="coherence,path"))
        await turns()
        told = states(odd.take())
        assert {"coherence", "adaptation"} <= set(told[-1]["charts"])
        assert any("'path' in the place of the held-out tasks" in state["notice"] for state in told)

        client.say("tasks_chart", chart="adaptation")
        await turns()
        assert "adaptation" in states(client.take())[-1]["charts"]

    on_loop(scene)


def test_two_that_are_open_take_turns_and_follow_a_run_no_more_often_than_one():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub, "coherence")
        client.say("tasks_chart", chart="task_disk")
        await turns()
        client.say("play")
        for count in (2, 3, 4, 5):
            step = client.page.run.step
            await until(lambda: client.page.run.step >= step + 20)  # noqa: B023  (awaited here)
            assert num_looks(executor) == count  # both rest since the last one
            clock.now += 100 * LEAST_S
            await until(lambda: num_looks(executor) > count)  # noqa: B023
        names = [request.view.look for request in executor.requests if looked(request)]
        assert names == ["coherence", "task_vectors"] * 3

    on_loop(scene)


def test_the_landscape_and_its_surface_are_two_pictures_of_one_measurement():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub, "landscape")
        client.say("tasks_chart", chart="surface")
        await turns()
        viewer = client.page.viewer
        assert num_looks(executor) == 1
        assert viewer.second_closer.looked is viewer.closer.looked is not None
        step = client.page.run.step
        client.say("play")
        await until(lambda: client.page.run.step >= step + 20)
        clock.now += 100 * LEAST_S
        await until(lambda: num_looks(executor) > 1)
        await turns()
        assert viewer.second_closer.looked is viewer.closer.looked
        assert viewer.closer.looked.step > step
        clock.now += 0.5 * LEAST_S
        await turns()
        assert num_looks(executor) == 2  # none for the other one

    on_loop(scene)


def test_a_run_that_one_alone_sees_stands_still_until_a_look_that_was_opened_shows_something_but_not_for_long():
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        client = Client(hub, hub.open_page(TINY))
        await turns()
        client.say("play")
        while client.page.run.step == 0:
            await trained(executor)
        client.say("weights_chart", chart="task_disk")
        await turns()
        await trained(executor)  # what was under way
        step = client.page.run.step
        assert not is_training(executor)
        assert under_way(executor) == ["task_vectors"]
        client.say("set", changes={"alpha": 0.03})  # who changes something does not wait for it
        await turns()
        await trained(executor)
        assert client.page.run.config.alpha == 0.03
        assert not is_training(executor)
        clock.now += AWAITED_S
        await wake(hub)
        await trained(executor)
        await trained(executor)
        assert client.page.run.step > step
        look = next(pair for pair in executor.waiting if looked(pair[1]))
        executor.waiting.remove(look)
        look[0].set_result(run_chunk(look[1]))
        await turns()
        assert isinstance(shown_of(client), TaskVectors)
        # The next look at the same run shows something already: the run goes on beside it.
        clock.now += 10 * LEAST_S
        await wake(hub)
        await trained(executor)
        assert under_way(executor) == ["task_vectors"]
        assert is_training(executor)

    on_loop(scene, Held(), num_workers=2)


def test_the_next_one_does_not_wait_for_one_that_was_closed_and_what_that_finds_is_thrown_away():
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = Client(hub, hub.open_page(TINY))
        await turns()
        await executor.end("")
        for chart in ("directions", "task_disk", "coherence"):
            client.say("weights_chart", chart=chart)
            await turns()
        # Two workers have begun the first two; the third one says that it waits.
        assert under_way(executor) == ["directions", "task_vectors"]
        assert not client.page.viewer.looks_elsewhere  # frames of now delay nothing that has begun
        assert states(client.take())[-1]["empty"] == {"coherence": WAITING}
        await executor.end("directions")
        assert under_way(executor) == ["task_vectors", "coherence"]
        assert states(client.take())[-1]["empty"] == {"coherence": MEASURING}
        assert client.page.viewer.looks_elsewhere
        # The one that was closed ends last, and changes nothing.
        await executor.end("coherence")
        assert isinstance(shown_of(client), Coherence)
        assert not client.page.viewer.looks_elsewhere
        await executor.end("task_vectors")
        assert isinstance(shown_of(client), Coherence)
        assert states(client.take())[-1]["empty"] == {}

    on_loop(scene, Slow(), num_workers=2)


def test_nobody_elses_run_gives_its_worker_for_it():
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        client, _ = Client(hub, hub.open_page(TINY)), Client(hub, hub.open_page(TINY))
        await turns()
        while executor.waiting:
            executor.finish()
            await turns()
        for chart in ("directions", "task_disk"):
            client.say("weights_chart", chart=chart)
            await turns()
        assert num_looks(executor) == 1
        assert states(client.take())[-1]["empty"] == {"task_disk": WAITING}

    on_loop(scene, Held(), num_workers=2)


def test_the_names_of_layers_come_with_the_chart_that_is_open_also_after_another_had_the_same():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = await opened(hub, "layers")
        await until(lambda: client.page.run.audience.seen.moves is not None)
        for chart in ("directions", "features"):
            client.take()
            client.say("weights_chart", chart=chart)
            await until(lambda: client.page.viewer.closer.looked is not None)
            await turns()
            assert named(client, chart) == ["hidden 1", "head"]

    on_loop(scene, Inline())
