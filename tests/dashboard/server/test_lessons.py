"""A lesson at the hub: a page beside the live one, whose run stays what it was however long the lesson takes."""

from __future__ import annotations

import asyncio
import json

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dashboard.server.hub import KEEP_S, Hub
from dashboard.server.keeper import Keeper
from dashboard.server.routes import routes
from maml_core.lessons.reading import shipped
from tests.dashboard.live.lessons import SMALL
from tests.dashboard.server.clients import TINY, Client, Clock, Inline, on_loop, states, turns, until, wake


async def pass_time(hub: Hub, clock: Clock, seconds: float) -> None:
    for _ in range(10):
        clock.now += seconds / 10
        await wake(hub)


def attended(hub: Hub, home: str, live: Client, **options: str) -> Client:
    """A lesson, opened in the tab that was on its live page."""
    token = hub.open_lesson(SMALL, home=home)
    client = object.__new__(Client)
    client.hub = hub
    client.page, client.outbox = hub.connect(
        token, resume=options.get("resume", ""), released=True, tab=str(live.page.tab), home=live.page.run.key
    )
    return client


def test_the_live_run_is_as_it_was_after_a_long_lesson():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        home = hub.open_page(TINY)
        live = Client(hub, home)
        live.say("run_until", step=4)
        await until(lambda: live.page.run.step == 4 and not live.page.run.playback.playing)
        told = states(live.take())
        assert {state["invitation"] for state in told if state["playing"]} == {"Drag α, β and N and see what changes."}
        assert told[-1]["invitation"] == "Press Play, then drag α, β and N while it trains."
        run = live.page.run
        live.close()
        pupil = attended(hub, home, live)
        assert pupil.page.run is not run
        assert states(pupil.take())[-1]["invitation"] == ""  # the step says what to do
        pupil.say("lesson_answer", answer=1)
        pupil.say("lesson_act")
        await until(lambda: pupil.page.run.step == 6)
        await pass_time(hub, clock, 5 * KEEP_S)
        assert hub.is_present(home)
        assert states(pupil.take())[-1]["lesson"]["done"]
        pupil.close()
        back = Client(hub, home, resume=run.key, tab=str(live.page.tab))
        assert back.page.run is run
        assert (run.step, run.ghosts.all, run.num_left, back.page.viewer.guide) == (4, (), 0, None)
        assert states(back.take())[-1]["lesson"] is None

    on_loop(scene)


def test_a_reload_in_the_middle_finds_the_lesson_and_the_live_run():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        home = hub.open_page(TINY)
        live = Client(hub, home)
        live.say("run_until", step=4)
        await until(lambda: live.page.run.step == 4)
        live.close()
        before = attended(hub, home, live)
        before.say("lesson_answer", answer=1)
        before.say("lesson_act")
        await until(lambda: before.page.run.step == 6)
        await pass_time(hub, clock, 2 * KEEP_S)
        before.close()
        new_home = hub.open_page(TINY)  # a reload is a new session
        token = hub.open_lesson(SMALL, home=new_home)
        page, _ = hub.connect(
            token, resume=before.page.run.key, released=True, tab=str(live.page.tab), home=live.page.run.key
        )
        assert page.run is before.page.run
        assert page.viewer.guide is not None
        assert page.viewer.guide.pupil.answers == {0: 1}
        found = hub.pages.get(new_home)
        assert found is not None
        assert found.run is live.page.run
        await pass_time(hub, clock, 2 * KEEP_S)
        assert hub.knows(new_home)

    on_loop(scene)


def test_a_lesson_that_is_over_begins_anew_and_one_under_way_waits():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        home = hub.open_page(TINY)
        live = Client(hub, home)
        live.close()
        first = attended(hub, home, live)
        key = first.page.run.key
        assert first.page.viewer.guide is not None
        pupil = first.page.viewer.guide.pupil
        assert not hub.leave_lesson_that_is_over(first.page.token)
        pupil.at = pupil.reached = len(SMALL.steps) - 1  # where nothing is asked for
        first.close()
        again = attended(hub, home, live, resume=key)  # in a session of its own, after a reload of the list
        assert again.page.viewer.guide is not None
        assert (again.page.viewer.guide.pupil.at, again.page.run.step) == (0, 0)
        assert again.page.run is not first.page.run
        assert hub.leave_lesson_that_is_over(first.page.token)
        await until(lambda: not hub.knows(first.page.token))
        assert not hub.leave_lesson_that_is_over(again.page.token)

    on_loop(scene)


def test_another_lesson_does_not_get_the_run_of_the_one_before():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        home = hub.open_page(TINY)
        first = Client(hub, hub.open_lesson(SMALL, home=home))
        first.close()
        again = hub.open_lesson(SMALL, home=home, seed=1)
        other = Client(hub, again, resume=first.page.run.key, tab=str(first.page.tab))
        assert other.page.run is not first.page.run
        plain = Client(hub, hub.open_page(TINY), resume=first.page.run.key, tab=str(first.page.tab))
        assert plain.page.viewer.guide is None

    on_loop(scene)


def test_whoever_reads_the_list_is_there_and_finds_the_run_again():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        home = hub.open_page(TINY)
        live = Client(hub, home)
        live.say("run_until", step=4)
        await until(lambda: live.page.run.step == 4)
        live.close()
        reloaded = hub.open_page(TINY)
        page, outbox = hub.connect_lessons(reloaded, resume=live.page.run.key, tab=str(live.page.tab))
        assert page.run is live.page.run
        await pass_time(hub, clock, 3 * KEEP_S)
        assert hub.knows(reloaded)
        hub.disconnect(page, outbox)
        await pass_time(hub, clock, 2 * KEEP_S)
        assert not hub.knows(reloaded)

    on_loop(scene)


def test_a_lesson_is_kept_as_long_as_its_tab_is_there_and_no_longer():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        home = hub.open_page(TINY)
        pupil = Client(hub, hub.open_lesson(SMALL, home=home))
        pupil.close()
        live = Client(hub, home)
        await pass_time(hub, clock, 2 * KEEP_S)
        assert hub.knows(pupil.page.token)
        live.close()
        await pass_time(hub, clock, 3 * KEEP_S)
        assert not hub.knows(pupil.page.token)

    on_loop(scene)


def test_a_lesson_leaves_no_copy_and_nothing_among_the_runs():
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        keeper = Keeper(clock=clock)
        hub.keep(keeper)
        pupil = Client(hub, hub.open_lesson(SMALL, home=hub.open_page(TINY)))
        pupil.say("lesson_answer", answer=1)
        pupil.say("lesson_act")
        await until(lambda: pupil.page.run.step == 6)
        await pass_time(hub, clock, 60.0)
        await turns()
        place = keeper.place(str(pupil.page.tab), pupil.page.run.key)
        keeper.close(hub.pages.owners())
        assert not place.exists()

    on_loop(scene)


def asked_for(file: str) -> Response:
    (route,) = [each for each in routes(Hub(Inline())) if isinstance(each, Route) and "lessons" in each.path]
    request = Request({"type": "http", "headers": [], "path_params": {"file": file}})
    answer: Response = asyncio.run(route.endpoint(request))
    return answer


def test_a_lesson_can_be_taken_along_as_a_script_and_a_notebook():
    name = next(iter(shipped()))
    script = asked_for(f"{name}.py")
    assert compile(script.body, name, "exec")
    assert script.headers["content-disposition"] == f'attachment; filename="{name}.py"'
    assert json.loads(asked_for(f"{name}.ipynb").body)["nbformat"] == 4
    for file in (f"{name}.txt", "nowhere.py", name):
        assert asked_for(file).status_code == 404
