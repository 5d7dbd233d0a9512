"""Several pages that watch one run: each has a task, a metric and a chart of its own, and what is the same for all is computed once."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from dashboard.live.page import HIDDEN_MOMENT_S, MAX_UNACKNOWLEDGED
from dashboard.server.hub import HIDDEN_PAUSE_S, KEEP_S, Hub
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import RunConfig, SinusoidConfig, replace
from maml_core.records import Entry, ImageFit, TaskFit
from tests.dashboard.live.test_frames import decoded
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
    wake,
)


class Pairs(Inline):
    """Two outer steps a chunk, however long they take."""

    def compute(self, request: ChunkRequest) -> ChunkResult:
        if request.budget_s is not None:
            num_steps = 2 if request.num_steps is None else min(2, request.num_steps)
            request = dataclasses.replace(request, num_steps=num_steps, budget_s=None)
        return super().compute(request)


class Watcher(Client):
    """A page that draws what it is sent: its charts, and the newest state that it was told."""

    def __init__(self, hub: Hub, token: str, **options: Any) -> None:
        super().__init__(hub, token, **options)
        self.charts: dict[str, dict[tuple[Any, str], np.ndarray]] = {}
        self.header: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.num_frames = 0

    def draw(self) -> Watcher:
        while not self.outbox.empty():
            message = self.outbox.get_nowait()
            if isinstance(message, str):
                said = json.loads(message)
                self.state = said if said["type"] == "state" else self.state
                self.charts = {} if said["type"] == "figures" else self.charts
                continue
            frame = decoded(message)
            self.header = frame.header
            self.num_frames += 1
            for chart, trace, axis, start, length in frame.header["arrays"]:
                self.charts.setdefault(chart, {})[trace, axis] = frame.floats[start:][:length]
            self.say("ack", frame=frame.header["frame"])
        return self


def pair(hub: Hub, config: RunConfig = TINY) -> tuple[Watcher, Watcher]:
    """Two pages of one run."""
    first = Watcher(hub, hub.open_page(config))
    return first, Watcher(hub, hub.open_beside(first.page.token))


async def trained(hub: Hub, watcher: Watcher, steps: int) -> None:
    """To this outer step, where the run pauses, and until all is drawn."""
    watcher.say("run_until", step=steps)
    await until(lambda: watcher.page.run.step == steps and not watcher.page.run.playback.playing)
    await at_rest(hub, watcher)


async def at_rest(hub: Hub, *watchers: Watcher) -> None:
    run = watchers[0].page.run
    for _ in range(10):
        await until(lambda: not hub.in_flight and not run.is_due(0.0))
        for watcher in watchers:
            watcher.draw()
        await turns(5)


def moving(requests: list[ChunkRequest]) -> list[ChunkRequest]:
    """Chunks that train."""
    return [request for request in requests if request.num_steps != 0]


class TestCommon:
    """What both see is computed once."""

    def test_both_see_the_same_curve(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await trained(hub, first, 20)
            second.draw()
            assert first.header["step"] == second.header["step"] == 20
            assert first.header["run"] == second.header["run"]
            for chart in ("loss", "adaptation", "path", "gauge"):
                assert first.charts[chart].keys() == second.charts[chart].keys()
                for part, values in first.charts[chart].items():
                    np.testing.assert_array_equal(values, second.charts[chart][part])
            assert max(len(values) for values in first.charts["loss"].values()) >= 20

        on_loop(scene)

    def test_chunks_do_not_double_and_training_is_the_same_to_the_bit(self):
        found = {}

        def play(num_pages: int) -> None:
            async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
                first = Watcher(hub, hub.open_page(TINY))
                others = [Watcher(hub, hub.open_beside(first.page.token)) for _ in range(num_pages - 1)]
                for place, other in enumerate(others):
                    other.say("task", amplitude=1.0 + place, phase_rad=0.5)
                await at_rest(hub, first)
                first.say("set", changes={"alpha": 0.02})
                await trained(hub, first, 30)
                chunks = [request.num_steps for request in moving(executor.requests)]
                found[num_pages] = (chunks, first.page.run.state, first.page.run.changes.done)

            on_loop(scene, Pairs())

        play(1)
        play(3)
        assert found[1][0] == list(range(30, 0, -2))
        assert found[3] == found[1]

    def test_one_chunk_of_the_run_is_in_flight_at_most(self):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            first, second = pair(hub)
            for watcher in (first, second):
                watcher.say("play")
            for _ in range(8):
                await until(lambda: bool(executor.waiting))
                await wake(hub)
                assert len(executor.waiting) == 1
                executor.finish()

        on_loop(scene, Held(), num_workers=3)

    def test_a_run_with_more_pages_trains_no_more_than_another(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            first, _ = pair(hub, replace(TINY, {"weights_seed": 1}))
            alone = Watcher(hub, hub.open_page(replace(TINY, {"weights_seed": 2})))
            for watcher in (first, alone):
                watcher.say("play")
            await until(lambda: sum(executor.used.values()) > 10.0)
            assert executor.used[1] == pytest.approx(executor.used[2], rel=0.1)

        on_loop(scene, Priced())

    def test_a_task_that_both_show_is_looked_at_once(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await at_rest(hub, first, second)
            view = executor.requests[-1].view
            assert view is not None
            assert len(view.tasks) == 1
            assert first.page.viewer.fit is second.page.viewer.fit

        on_loop(scene)


async def with_ghosts(hub: Hub) -> tuple[Watcher, Watcher]:
    """Two pages of a run that has two ghosts, at rest."""
    first, second = pair(hub)
    for alpha in (0.02, 0.03):
        await trained(hub, first, 6)
        first.say("reset")
        first.say("set", changes={"alpha": alpha})
        await at_rest(hub, first, second)
    return first, second


def ghosts_of(watcher: Watcher) -> list[tuple[int, str, bool]]:
    return [(ghost["number"], ghost["name"], ghost["shown"]) for ghost in watcher.state["ghosts"]]


def lines_of(watcher: Watcher) -> list[bool]:
    """Whether each place for a ghost has a line."""
    return [watcher.charts["loss"][f"ghost_{place}", "x"].size > 0 for place in range(4)]


class TestGhosts:
    """The runs before this one: the same for all that watch, but each hides what it does not want to see."""

    def test_both_pages_have_them_and_hiding_is_for_one(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = await with_ghosts(hub)
            both = [(1, "α 0.01", True), (2, "α 0.02", True)]
            assert ghosts_of(first) == ghosts_of(second) == both
            assert lines_of(first) == lines_of(second) == [True, True, False, False]
            computed = len(executor.requests)
            first.say("ghost", number=2, shown=False)
            assert (lines_of(first.draw()), lines_of(second.draw())) == (
                [True, False] + 2 * [False],
                [True, True] + 2 * [False],
            )
            assert (ghosts_of(first)[1], ghosts_of(second)) == ((2, "α 0.02", False), both)
            first.say("ghost", number=2, shown=True)
            assert lines_of(first.draw()) == lines_of(second)
            assert len(executor.requests) == computed  # nothing is computed for it

        on_loop(scene)

    def test_a_removal_is_for_all_and_whoever_watches_may_undo_it(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = await with_ghosts(hub)
            first.say("remove_ghosts", number=1)
            for watcher in (first.draw(), second.draw()):
                assert lines_of(watcher) == [False, True, False, False]
                assert (watcher.state["notice"], watcher.state["removed"]) == (
                    "Ghost 1 removed; Undo brings it back.",
                    "Ghost 1",
                )
            second.say("restore_ghosts")
            assert lines_of(first.draw()) == lines_of(second.draw()) == [True, True, False, False]
            second.say("restore_ghosts")
            assert [m["message"] for m in second.take() if m["type"] == "error"] == [
                "there is no removed ghost to bring back."
            ]

        on_loop(scene)

    def test_a_page_that_is_loaded_again_has_them_as_it_left_them(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, _ = await with_ghosts(hub)
            first.say("ghost", number=1, shown=False)
            key, tab = first.page.run.key, first.page.tab or ""
            first.close()
            again = Watcher(hub, hub.open_page(replace(TINY, {"alpha": 0.03})), resume=key, tab=tab)
            await at_rest(hub, again)
            assert ghosts_of(again) == [(1, "α 0.01", False), (2, "α 0.02", True)]
            assert lines_of(again) == [False, True, False, False]

        on_loop(scene)


class TestOwn:
    """What each looks at."""

    def test_each_has_its_own_task(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            first.say("task", amplitude=2.0, phase_rad=0.5)
            second.say("task", amplitude=4.0, phase_rad=1.0)
            await trained(hub, first, 10)
            second.draw()
            for watcher, amplitude, phase in ((first, 2.0, 0.5), (second, 4.0, 1.0)):
                fit = watcher.page.viewer.fit
                assert isinstance(fit, TaskFit)
                assert fit.parameters.tolist() == [amplitude, phase]
                task = watcher.state["task"]
                assert (task["amplitude"], task["phase_rad"]) == (amplitude, phase)
            assert any(
                not np.array_equal(values, second.charts["fit"][part]) for part, values in first.charts["fit"].items()
            )

        on_loop(scene)

    def test_a_task_with_a_frequency_has_it_as_a_third_slider(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub, replace(TINY, {"tasks": SinusoidConfig(frequency=(0.5, 2.0))}))
            await at_rest(hub, first, second)
            assert first.state["task"]["frequency_range"] == [0.5, 2.0]
            first.say("task", amplitude=2.0, phase_rad=0.5, frequency=1.5)
            await at_rest(hub, first, second)
            fit = first.page.viewer.fit
            assert isinstance(fit, TaskFit)
            assert fit.parameters.tolist() == [2.0, 0.5, 1.5]
            np.testing.assert_allclose(fit.truth, 2.0 * np.sin(1.5 * fit.grid - 0.5), atol=1e-5)

        on_loop(scene)

    def test_points_of_ones_own_are_of_the_one_who_pasted_them_and_are_seen_at_any_step(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await trained(hub, first, 10)
            generated = second.page.viewer.fit
            first.say("own_points", text="x y\n-1 2\n0 1\n9 -3\n2 2", hold_back=True, id=4)
            await at_rest(hub, first, second)
            fit, other = first.page.viewer.fit, second.page.viewer.fit
            assert isinstance(fit, TaskFit)
            assert isinstance(other, TaskFit)
            assert (fit.support_x.tolist(), fit.query_y.tolist()) == ([-1.0, 0.0, 2.0], [-3.0])
            assert isinstance(generated, TaskFit)
            np.testing.assert_array_equal(other.support_x, generated.support_x)
            assert [watcher.state["points"]["active"] for watcher in (first, second)] == [True, False]
            assert first.header["change"] == 4
            assert "9" not in first.state["share"]
            # In all three charts: the losses with theta_0..theta_K, and the way of the weights in the plane of the others.
            np.testing.assert_allclose(first.charts["adaptation"]["own", "y"], fit.query_loss, rtol=1e-6)
            plane = first.page.run.audience.seen.plane
            assert plane is not None
            way = (fit.path.astype(float) - plane.origin) @ plane.basis.T.astype(float)
            np.testing.assert_allclose(first.charts["path"]["own", "x"], way[:, 0], atol=1e-4)
            assert len(second.charts["adaptation"]["own", "y"]) == len(second.charts["path"]["own", "y"]) == 0
            # theta_0 of outer step 0 adapts to them as well, and the run goes on.
            first.say("travel", step=0)
            await until(lambda: first.page.viewer.travel.fit is not None)
            then = first.page.viewer.travel.fit
            assert isinstance(then, TaskFit)
            np.testing.assert_array_equal(then.support_x, fit.support_x)
            assert not np.allclose(then.curves[0], fit.curves[0])
            first.say("travel", step=None)
            await trained(hub, first, 20)
            now = first.page.viewer.fit
            assert isinstance(now, TaskFit)
            assert now.is_own
            assert not np.allclose(now.curves[0], fit.curves[0])
            # A line that is refused leaves them as they are; a new draw takes them away.
            first.say("own_points", text="1 2\n3 abc", hold_back=False)
            assert first.page.viewer.points is not None
            first.say("task", redraw=True)
            await at_rest(hub, first, second)
            assert first.state["points"] == {"active": False, "words": "", "back": "Back to sinusoids"}
            assert len(first.charts["adaptation"]["own", "y"]) == 0

        on_loop(scene)

    def test_a_new_draw_is_of_the_one_who_asked(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await at_rest(hub, first, second)
            before = second.page.viewer.fit
            first.say("task", redraw=True)
            await at_rest(hub, first, second)
            fits = [watcher.page.viewer.fit for watcher in (first, second)]
            assert isinstance(before, TaskFit)
            assert all(isinstance(fit, TaskFit) for fit in fits)
            xs = [fit.support_x for fit in fits if isinstance(fit, TaskFit)]
            np.testing.assert_array_equal(xs[1], before.support_x)
            assert not np.array_equal(xs[0], xs[1])

        on_loop(scene)

    def test_each_has_its_own_metric_and_drawing(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub, IMAGES)
            await at_rest(hub, first, second)
            second.say("metric", metric="loss")
            fit = first.page.viewer.fit
            assert isinstance(fit, ImageFit)
            copied = first.page.viewer.own.example()
            first.say("own_task", support=copied["support"][:2], query=copied["query"][:1], id=1)
            await trained(hub, first, 10)
            second.draw()
            assert [watcher.header["metric"] for watcher in (first, second)] == ["accuracy", "loss"]
            assert [watcher.state["metric"] for watcher in (first, second)] == ["accuracy", "loss"]
            assert first.header["own"] is not None
            assert second.header["own"] is None
            assert [watcher.header["change"] for watcher in (first, second)] == [1, None]
            assert isinstance(second.page.viewer.fit, ImageFit)
            assert len(second.page.viewer.fit.class_names) == 3

        on_loop(scene)

    def test_each_has_its_own_chart_of_the_weights(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            second.say("weights_chart", chart="layers")
            await trained(hub, first, 10)
            second.draw()
            assert ("path" in first.charts, "layers" in first.charts) == (True, False)
            assert ("path" in second.charts, "layers" in second.charts) == (False, True)
            view = executor.requests[-1].view
            assert view is not None
            assert (view.paths, view.moves) == (True, True)

        on_loop(scene)

    def test_of_what_one_asks_only_that_one_is_refused(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await at_rest(hub, first, second)
            first.say("set", changes={"alpha": -101.0})
            assert "error" in kinds(first.take())
            assert second.take() == []

        on_loop(scene)


class TestSteering:
    """Whoever watches a run may steer it, and all are told."""

    def test_a_change_of_one_is_told_to_the_other(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await trained(hub, first, 10)
            hub.drawn(second.page.token, second.page.run.shown)
            await turns()
            second.take()
            first.say("set", changes={"alpha": 0.03, "shots": 5})
            (told,) = states(second.take())
            assert (told["config"]["alpha"], told["config"]["shots"]) == (0.03, 5)
            assert told["controls_changed"] is True  # its sidebar shows the shots
            await trained(hub, second, 12)
            assert first.page.run.changes.done == [Entry(step=10, kind="change", changes={"alpha": 0.03, "shots": 5})]
            assert [mark["text"] for mark in first.draw().state["marks"]] == ["alpha 0.01 -> 0.03, shots 2 -> 5"]

        on_loop(scene)

    def test_a_notice_reaches_both(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            change = Entry(step=4, kind="change", changes={"alpha": 0.05})
            first = Watcher(hub, hub.open_page(TINY, [change], at=8))
            second = Watcher(hub, hub.open_beside(first.page.token))
            await at_rest(hub, first, second)
            second.say("set", changes={"beta": 0.5})
            for watcher in (first, second):
                said = [state["notice"] for state in states(watcher.take()) if state["notice"]]
                assert len(said) == 1
                assert "1 change of the shared run will not be made" in said[0]

        on_loop(scene)

    def test_a_change_that_is_replayed_is_told_to_both_sidebars(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            change = Entry(step=4, kind="change", changes={"alpha": 0.05})
            first = Watcher(hub, hub.open_page(TINY, [change]))
            watchers = first, Watcher(hub, hub.open_beside(first.page.token))
            await at_rest(hub, *watchers)
            first.say("run_until", step=6)
            await until(lambda: first.page.run.step == 6)
            await turns()
            for watcher in watchers:
                assert any(state["controls_changed"] for state in states(watcher.take()))

        on_loop(scene)

    def test_drags_of_two_pages_are_two_marks(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await trained(hub, first, 10)
            first.say("set", changes={"alpha": 0.02}, drag=1)
            await trained(hub, first, 12)
            clock.now += 60.0
            second.say("set", changes={"alpha": 0.03}, drag=1)
            await trained(hub, first, 14)
            assert [mark.text for mark in first.page.run.changes.marks.all] == [
                "alpha 0.01 -> 0.02",
                "alpha 0.02 -> 0.03",
            ]

        on_loop(scene)

    def test_a_new_run_takes_the_place_of_the_old_one_for_both(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            await trained(hub, first, 10)
            second.say("reset")
            await at_rest(hub, first, second)
            assert first.header["run"] == second.header["run"] == first.page.run.name
            assert first.header["step"] == second.header["step"] == 0

        on_loop(scene)


class TestLeaving:
    @pytest.mark.parametrize("leaver", [0, 1], ids=["the first", "the second"])
    def test_either_may_leave_while_it_trains(self, leaver: int):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            watchers = pair(hub)
            going, staying = watchers[leaver], watchers[1 - leaver]
            going.say("task", amplitude=2.0, phase_rad=0.5)
            going.say("play")
            run = staying.page.run
            await until(lambda: run.step > 5)
            going.close()
            step, frames = run.step, staying.draw().num_frames
            for _ in range(10):
                clock.now += 1.0
                await until(lambda step=run.step: run.step > step)
                staying.draw()
            assert run.playback.playing
            assert run.step > step
            assert staying.num_frames > frames
            view = next(request.view for request in reversed(executor.requests) if request.view is not None)
            assert view.tasks == (staying.page.viewer.task,)
            clock.now += KEEP_S + 1.0
            await wake(hub)
            assert hub.pages.of(run) == [staying.page]
            assert run.audience.viewers == [staying.page.viewer]

        on_loop(scene)

    def test_when_both_have_left_nothing_is_computed(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            first, second = pair(hub)
            first.say("play")
            await until(lambda: first.page.run.step > 5)
            for watcher in (first, second):
                watcher.close()
            await turns()
            count = len(executor.requests)
            await wake(hub)
            assert len(executor.requests) == count

        on_loop(scene, Priced())

    @pytest.mark.parametrize("who", [0, 1], ids=["the first", "the second"])
    @pytest.mark.parametrize("closes_before", [False, True], ids=["the new page is quicker", "the old page is quicker"])
    def test_a_reload_of_one_takes_its_own_place(self, who: int, closes_before: bool):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            watchers = pair(hub)
            old, other = watchers[who], watchers[1 - who]
            old.say("task", amplitude=2.0, phase_rad=0.5)
            other.say("task", amplitude=4.0, phase_rad=0.5)
            await trained(hub, other, 10)
            run = other.page.run
            if closes_before:
                old.close()
            again = Watcher(hub, hub.open_page(TINY), resume=run.key, released=True, tab=old.page.tab or "")
            await at_rest(hub, again, other)
            assert again.page.run is other.page.run is run
            assert other.page.connected
            assert hub.pages.of(run) == [other.page, again.page]
            tasks = [watcher.state["task"]["amplitude"] for watcher in (again, other.draw())]
            assert tasks == [2.0, 4.0]
            assert len(run.audience.viewers) == 2
            again.say("outer_step")
            await at_rest(hub, again, other)
            assert again.header["step"] == other.header["step"] == 11

        on_loop(scene)

    def test_another_tab_takes_the_place_of_neither(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            run = first.page.run
            other = Watcher(hub, hub.open_page(TINY), resume=run.key, released=True, tab="x" * 22)
            assert other.page.run is not run
            assert first.page.connected
            assert second.page.connected

        on_loop(scene)

    def test_a_page_that_nobody_knows_cannot_be_joined(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            with pytest.raises(KeyError):
                hub.open_beside("nobody")

        on_loop(scene)


class TestPace:
    def test_a_slow_one_does_not_hold_up_the_other(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            quick, slow = pair(hub)
            quick.say("play")
            run = quick.page.run
            for _ in range(40):
                clock.now += 0.2
                await until(lambda step=run.step: run.step > step)
                quick.draw()
            assert kinds(slow.take()).count("frame") == MAX_UNACKNOWLEDGED
            assert quick.num_frames >= 20

        on_loop(scene)

    def test_what_nobody_sees_of_a_hidden_page_is_not_looked_at(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            first, second = pair(hub)
            second.say("task", amplitude=2.0, phase_rad=0.5)
            await at_rest(hub, first, second)
            second.say("visible", visible=False)
            await trained(hub, first, 10)
            view = executor.requests[-1].view
            assert view is not None
            assert view.tasks == (first.page.viewer.task,)
            second.say("visible", visible=True)
            await at_rest(hub, first, second)
            assert second.header["step"] == 10
            assert second.state["task"]["amplitude"] == 2.0

        on_loop(scene)

    def test_it_pauses_where_nobody_sees_any_of_its_pages(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            watchers = pair(hub)
            run = watchers[0].page.run
            for watcher in watchers:
                watcher.say("pause_hidden", on=True)
            watchers[0].say("play")
            watchers[0].say("visible", visible=False)
            clock.now += HIDDEN_MOMENT_S
            await wake(hub)
            assert run.playback.playing
            watchers[1].say("visible", visible=False)
            clock.now += HIDDEN_MOMENT_S
            await wake(hub)
            assert not run.playback.playing
            watchers[0].say("visible", visible=True)
            assert run.playback.playing

        on_loop(scene, Priced())

    def test_one_that_wants_it_to_train_while_hidden_has_its_way(self):
        async def scene(hub: Hub, executor: Priced, clock: Clock) -> None:
            watchers = pair(hub)
            watchers[0].say("pause_hidden", on=True)
            watchers[0].say("play")
            for watcher in watchers:
                watcher.say("visible", visible=False)
            clock.now += HIDDEN_MOMENT_S
            await wake(hub)
            assert watchers[0].page.run.playback.playing
            clock.now += HIDDEN_PAUSE_S
            await wake(hub)
            assert not watchers[0].page.run.playback.playing

        on_loop(scene, Priced())
