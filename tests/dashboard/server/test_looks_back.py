"""Looks at earlier outer steps on the hub: which of their parts are under way together, and what a page is sent meanwhile."""

from __future__ import annotations

from dashboard.live.keeping import Keeping
from dashboard.live.travel import PARTS, Part
from dashboard.server.hub import Hub
from maml_core.chunks import ChunkRequest
from tests.dashboard.server.clients import TINY, Client, Clock, Held, on_loop, turns, until


class Slow(Held):
    """Workers that compute when the test says so."""

    def end(self) -> None:
        """End what was begun first."""
        future, request = self.waiting.pop(0)
        future.set_result(self.compute(request))

    def end_part(self, part: str) -> None:
        """End this part of a look at an earlier outer step."""
        [pair] = [pair for pair in self.waiting if parts(pair[1]) == [part]]
        self.waiting.remove(pair)
        pair[0].set_result(self.compute(pair[1]))

    @property
    def under_way(self) -> list[Part]:
        return [part for _, request in self.waiting for part in parts(request)]


def parts(request: ChunkRequest) -> list[Part]:
    """The part of a look at an earlier outer step that a request asks for; none where it is for something else, or for more than one."""
    view = request.view
    if view is None or request.num_steps is not None or request.budget_s is not None:
        return []
    asked = (bool(view.tasks), view.paths and not view.tasks, view.trajectories, view.curvature)
    return [part for part, wanted in zip(PARTS, asked, strict=True) if wanted] if sum(asked) == 1 else []


async def trained(hub: Hub, executor: Slow) -> Client:
    """A page whose run has taken a few outer steps and stands."""
    client = Client(hub, hub.open_page(TINY))
    await turns()
    client.say("play")
    while client.page.run.step < 6:
        executor.end()
        await turns()
    client.say("pause")
    await all_done(executor)
    client.say("ack", frame=10_000)
    client.take()
    run = client.page.run
    run.kept = Keeping(
        run.config, run.kept.moments
    )  # as of a run that was opened: nobody knows what was measured there
    return client


async def all_done(executor: Slow) -> None:
    while executor.waiting:
        executor.end()
        await turns()


def test_a_page_alone_has_all_parts_under_way_and_is_shown_each_as_it_comes():
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await trained(hub, executor)
        client.say("travel", step=0)
        await turns()
        assert executor.under_way == ["task", "weights", "trajectories"]  # one more than there are workers
        executor.end_part("weights")
        await turns()
        assert executor.under_way == ["task", "trajectories", "curvature"]
        assert not [message for message in client.take() if message["type"] == "frame"]  # the paths wait for the task
        shown = []
        for part in ("task", "curvature", "trajectories"):
            executor.end_part(part)
            await turns()
            frames = [message for message in client.take() if message["type"] == "frame"]
            client.say("ack", frame=10_000)
            shown.append(
                [
                    {chart for chart, words in frame["subtitles"].items() if words.startswith("Step 0")}
                    for frame in frames
                ]
            )
            assert [frame["then"] for frame in frames] == [0]
        # The gauge has the limit of a step near by at first.
        assert shown == [[{"fit", "path", "gauge"}], [{"gauge"}], [{"adaptation"}]]

    on_loop(scene, Slow(), num_workers=2)


def test_what_the_run_has_measured_there_is_shown_with_the_task_and_not_computed():
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await trained(hub, executor)
        client.say("travel", step=0)
        await turns()
        for part in PARTS:
            executor.end_part(part)
            await turns()
        client.say("travel", step=None)
        client.say("ack", frame=10_000)
        client.take()
        client.say("travel", step=0)
        await turns()
        assert executor.under_way == ["task", "weights"]
        executor.end_part("weights")
        executor.end_part("task")
        await turns()
        [frame] = [message for message in client.take() if message["type"] == "frame"]
        shown = {chart for chart, words in frame["subtitles"].items() if words.startswith("Step 0")}
        assert shown == {"fit", "path", "gauge", "adaptation"}
        assert executor.under_way == []

    on_loop(scene, Slow(), num_workers=2)


def test_beside_other_runs_it_has_one_part_under_way():
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await trained(hub, executor)
        Client(hub, hub.open_page(TINY))
        await turns()
        await all_done(executor)
        client.say("travel", step=0)
        for part in ("task", "trajectories", "curvature"):  # the paths come with the task
            await turns()
            assert executor.under_way == [part]
            executor.end_part(part)

    on_loop(scene, Slow(), num_workers=2)


def test_what_the_slider_has_left_behind_is_not_begun():
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await trained(hub, executor)
        Client(hub, hub.open_page(TINY))
        await turns()
        await all_done(executor)
        client.say("travel", step=0)
        await turns()
        client.say("travel", step=None)
        executor.end_part("task")
        await turns()
        assert executor.under_way == []
        assert client.page.viewer.travel.shown is None

    on_loop(scene, Slow(), num_workers=2)


def test_while_a_step_of_the_slider_waits_no_frame_of_now_is_drawn_before_it():
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await trained(hub, executor)
        client.say("play")
        await until(lambda: len(executor.waiting) > 0)
        client.say("travel", step=0)
        await turns()
        step = client.page.run.step
        while client.page.run.step == step:  # the run trains on
            clock.now += 2.0
            first = next(pair for pair in executor.waiting if not parts(pair[1]))
            executor.waiting.remove(first)
            first[0].set_result(executor.compute(first[1]))
            await turns()
        assert client.page.viewer.travel.waits
        assert not [message for message in client.take() if message["type"] == "frame"]
        executor.end_part("task")
        await turns()
        frames = [message for message in client.take() if message["type"] == "frame"]
        assert [(frame["then"], frame["step"]) for frame in frames] == [(0, client.page.run.step)]

    on_loop(scene, Slow(), num_workers=2)


def test_each_travel_is_answered_with_the_outer_step_it_came_to_also_where_that_is_the_one_of_before():
    async def scene(hub: Hub, executor: Slow, clock: Clock) -> None:
        client = await trained(hub, executor)
        for step in (1, 0, 0):
            client.say("travel", step=step)
            assert [message["then"] for message in client.take() if message["type"] == "state"] == [0]

    on_loop(scene, Slow())
