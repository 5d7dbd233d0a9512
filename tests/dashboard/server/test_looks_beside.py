"""A run that a page compares its own with: the figure against an independent computation, and who pays for it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import ttest_rel

from dashboard.charts.images import IMAGES as IMAGES_CARD
from dashboard.charts.images import images_info
from dashboard.charts.results import Metric
from dashboard.live.chart_data import results
from dashboard.live.pacing import Pace
from dashboard.live.run import LiveRun
from dashboard.live.second import Pair, Second, in_words
from dashboard.server.hub import Hub
from dashboard.setups.others import Other
from maml_core import evaluate, held_out_tasks, replay, rule
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.demonstration import task_fit
from maml_core.problem import build_problem
from maml_core.records import Demonstration, Entry, ImageFit, PairedDifference, Snapshot
from tests.dashboard.server.clients import TINY, Client, Clock, Inline, on_loop, states, turns, until

CONFIG = replace(TINY, {"evaluation_tasks": 12, "num_inner_steps": 2, "evaluation_steps": 3, "alpha": 0.02})
ALONE = replace(CONFIG, {"joint_baseline": False})


async def trained(clock: Clock, client: Client, step: int) -> Second:
    """To this outer step, both runs."""
    run = client.page.run
    if run.step < step:
        client.say("run_until", step=step)

    def is_there() -> bool:
        clock.now += 0.01
        client.take()
        pair = client.page.viewer.second and client.page.viewer.second.pair
        return run.step == step and pair is not None and pair.step == step

    await until(is_there)
    assert client.page.viewer.second is not None
    return client.page.viewer.second


def beside(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.page.feed.told().state["beside"]
    return found


def losses(config: RunConfig, timeline: list[Entry], step: int) -> np.ndarray:
    """Losses of the held-out tasks after N inner steps, by the engine alone."""
    config, state, _ = replay(config, timeline, num_steps=step)
    problem = build_problem(config)
    found = evaluate(
        state.meta.theta,
        held_out_tasks(config, problem),
        problem=problem,
        num_steps=config.num_inner_steps,
        how=rule(config, problem, state.meta),
    )
    return found.query_loss[-1, 0].double().numpy()


def accuracies(config: RunConfig, step: int) -> np.ndarray:
    """What the held-out tasks give after N inner steps, by the engine alone."""
    config, state, _ = replay(config, [], num_steps=step)
    problem = build_problem(config)
    how = rule(config, problem, state.meta)
    tasks = held_out_tasks(config, problem)
    found = evaluate(state.meta.theta, tasks, problem=problem, num_steps=config.num_inner_steps, how=how)
    assert found.accuracy is not None
    return found.accuracy[-1, 0].double().numpy()


OTHERS: dict[str, tuple[RunConfig, dict[str, Any], dict[str, Any]]] = {
    "fomaml": (replace(ALONE, {"order": "first"}), {"alpha": 0.01}, {"alpha": 0.01}),
    "alpha2": (replace(ALONE, {"alpha": 0.04}), {"alpha": 0.01}, {"alpha": 0.02}),
    "alpha05": (replace(ALONE, {"alpha": 0.01}), {"num_inner_steps": 1}, {"num_inner_steps": 1}),
    "steps2": (replace(ALONE, {"num_inner_steps": 4, "evaluation_steps": 4}), {"beta": 0.01}, {"beta": 0.01}),
    "seed": (replace(ALONE, {"weights_seed": 1, "tasks_seed": 1}), {"alpha": 0.01}, {"alpha": 0.01}),
    "joint": (
        replace(ALONE, {"alpha": 0.0, "test_alpha": 0.02, "order": "first"}),
        {"alpha": 0.01},
        {"test_alpha": 0.01},
    ),
}
"""By what is changed: the second run's set-up, a change of the run, and what becomes of it there."""


def test_before_both_were_judged_at_the_beginning_it_is_not_on_its_way_to_there() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        client.say("compare", other="joint")
        second = client.page.viewer.second
        assert second is not None
        said = {second.words("loss")}

        def is_judged() -> bool:
            clock.now += 0.01
            said.add(second.words("loss"))
            return second.pair is not None

        await until(is_judged)
        assert "Joint pretraining is being judged on the held-out tasks." in said
        assert not any("on its way" in words for words in said)

    on_loop(scene)


@pytest.mark.parametrize("key", OTHERS)
def test_the_difference_is_that_of_two_runs_of_the_engine_on_the_same_tasks(key: str) -> None:
    config, change, there = OTHERS[key]

    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        client.say("run_until", step=10)
        await until(lambda: client.page.run.step == 10)
        client.say("compare", other=key)  # in the middle: it begins at outer step 0 nevertheless
        await trained(clock, client, 10)
        client.say("set", changes=change)
        second = await trained(clock, client, 18)
        own = losses(CONFIG, [Entry(step=10, kind="change", changes=change)], 18)
        other = losses(config, [Entry(step=10, kind="change", changes=there)], 18)
        drawn = second.beside("loss", client.page.viewer.task)
        assert drawn is not None
        assert (drawn.curves.held_out_steps[-1], drawn.curves.after[-1]) == (18, pytest.approx(np.mean(other)))
        assert second.pair is not None
        expected = ttest_rel(own, other)
        interval = expected.confidence_interval(0.95)
        assert second.pair.loss.mean == pytest.approx(np.mean(own - other), rel=1e-6)
        assert second.pair.loss.ci95 == pytest.approx((interval.high - interval.low) / 2, rel=1e-6)
        assert second.pair.loss.num_tasks == 12
        shown = "No difference shown" not in second.words("loss")
        assert shown == (expected.pvalue < 0.05)

    on_loop(scene)


def test_joint_pretraining_is_the_baseline_that_trains_beside_a_run() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        client.say("compare", other="joint")
        second = await trained(clock, client, 12)
        client.page.run.audience.measure()
        await until(lambda: not client.page.run.is_due(clock.now))
        await turns()
        baseline = client.page.run.audience.seen.trajectories["joint"]
        found = second.beside("loss", client.page.viewer.task)
        assert found is not None
        assert found.adapted is not None
        np.testing.assert_allclose(found.adapted.mean, baseline.mean, rtol=1e-5)

    on_loop(scene)


def test_the_charts_and_the_words_have_both_runs_at_one_outer_step() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        client.say("compare", other="seed")
        await trained(clock, client, 15)
        client.say("task", redraw=True)  # the second run's line is of the task that is shown
        await turns(200)
        results = client.page.feed.look({}).frame()
        header = results[4 : 4 + int.from_bytes(results[:4], "little")].decode()
        assert "Outer step 15, after 2 inner steps: this run minus another seed is" in header
        drawn = {chart: count for chart, trace, axis, _, count in json.loads(header)["arrays"] if trace == "beside"}
        assert drawn.keys() == {"loss", "fit", "adaptation"}
        assert min(drawn.values()) > 0
        told = beside(client)
        assert (told["other"], told["name"], told["own"]) == ("seed", "another seed", "this run")

    on_loop(scene)


class Charged(Inline):
    """Every chunk costs the same, as if it had taken a hundredth of a second of a processor."""

    def __init__(self) -> None:
        super().__init__()
        self.used: dict[int, float] = {}
        """Processor seconds by the seed of the weights."""

    def compute(self, request: ChunkRequest) -> ChunkResult:
        seed = request.config.weights_seed
        self.used[seed] = self.used.get(seed, 0.0) + 0.01
        return dataclasses.replace(super().compute(request), cpu_s=0.01, advance_s=0.01)


def test_a_page_with_two_runs_has_the_workers_for_no_longer_than_one_with_one() -> None:
    async def scene(hub: Hub, executor: Charged, clock: Clock) -> None:
        two = Client(hub, hub.open_page(CONFIG))
        one = Client(hub, hub.open_page(replace(CONFIG, {"weights_seed": 5})))
        two.say("compare", other="seed")
        for client in (two, one):
            client.say("play")

        def is_long() -> bool:
            clock.now += 0.02
            for client in (two, one):
                client.take()
            return sum(executor.used.values()) > 3.0

        await until(is_long, 30_000)
        of_two, of_one = executor.used[0] + executor.used[1], executor.used[5]
        second = two.page.viewer.second
        assert second is not None
        assert second.step > 0.5 * two.page.run.step
        assert of_two < 1.35 * of_one

    on_loop(scene, Charged())


def test_it_follows_in_step_and_the_run_waits_for_it() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        client.say("compare", other="steps2")
        client.say("play")
        apart = []
        second = client.page.viewer.second
        assert second is not None

        def is_far() -> bool:
            clock.now += 0.05
            client.take()
            apart.append(client.page.run.step - second.step)
            return client.page.run.step > 200

        await until(is_far, 20_000)
        assert max(apart[len(apart) // 2 :]) < 60

    on_loop(scene)


def test_it_is_stopped_begun_again_by_a_reset_and_brought_back_after_everything_was_reset() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        client.say("compare", other="fomaml")
        second = await trained(clock, client, 25)
        client.say("reset")
        await until(lambda: second.pair is not None and second.pair.step == 0)
        assert second.beside("loss", client.page.viewer.task) is not None
        client.say("undo")
        assert (await trained(clock, client, 25)).key == "fomaml"
        client.say("reset_all")
        assert beside(client)["other"] is None
        client.say("undo")
        assert beside(client)["other"] == "fomaml"
        client.say("compare", other=None)
        await turns(100)
        count = len(executor.requests)
        client.say("outer_step")
        await turns(100)
        assert all(request.config.order == "second" for request in executor.requests[count:])
        assert all(request.view is None or not request.view.task_losses for request in executor.requests[count:])

    on_loop(scene)


def test_the_address_opens_it_and_says_what_it_cannot_open() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG, beside="alpha2"))
        assert beside(client)["other"] == "alpha2"
        await turns(100)
        assert "&beside=alpha2" in client.page.feed.told().state["share"]
        other = Client(hub, hub.open_page(CONFIG, beside="maml"))
        assert beside(other)["other"] is None
        notice = states(other.take())[0]["notice"]
        assert notice == "The address asks for a comparison that is not made: with MAML it would be the same run."

    on_loop(scene)


def test_a_second_run_that_diverges_says_so_and_the_run_goes_on() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(replace(CONFIG, {"alpha": 0.05, "beta": 0.1})))
        client.say("compare", other="alpha2")
        second = client.page.viewer.second
        assert second is not None
        client.say("play")

        def is_over() -> bool:
            clock.now += 0.02
            client.take()
            return bool(second.why)

        await until(is_over, 20_000)
        stopped = second.step
        assert (
            second.words("loss")
            == f"2 α has diverged after {stopped} outer steps, and waits there for the next change of this run."
        )
        step = client.page.run.step
        await until(lambda: client.page.run.step > step)

        # Where the run is mended, it goes on with it: from its last good parameters, with what was changed.
        client.say("pause")
        await turns(200)
        client.say("set", changes={"beta": 0.0001, "alpha": 0.01})
        end = client.page.run.step + 20
        assert await trained(clock, client, end) is second
        assert second.why == ""
        assert second.pair is not None
        start = replace(CONFIG, {"alpha": 0.1, "beta": 0.1, "joint_baseline": False})
        mended = Entry(step=stopped, kind="change", changes={"beta": 0.0001, "alpha": 0.02})
        other = losses(start, [Entry(step=stopped, kind="resume"), mended], end)
        own = losses(replace(CONFIG, {"alpha": 0.05, "beta": 0.1}), client.page.run.changes.done, end)
        assert second.pair.loss.mean == pytest.approx(np.mean(own - other), rel=1e-6)

        # Brought back after a reset it is begun anew, diverges where it did, and goes on as it did.
        found = second.pair
        client.say("reset")
        await until(lambda: second.pair is not None and second.pair.step == 0)
        client.say("undo")
        again = await trained(clock, client, end)
        assert (again.why, again.pair) == ("", found)

    on_loop(scene)


def test_a_change_that_it_cannot_follow_stops_it_until_another_lets_it_go_on() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        client.say("compare", other="steps2")
        second = await trained(clock, client, 5)
        client.say("set", changes={"num_inner_steps": 0})  # of which there is no double
        await until(lambda: bool(second.why), 5_000)
        client.say("set", changes={"num_inner_steps": 1})
        await trained(clock, client, 12)
        assert second.why == ""
        assert second.pair is not None
        assert second.pair.num_steps == (1, 2)

    on_loop(scene)


def test_the_run_goes_back_while_the_second_is_on_its_way() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(CONFIG))
        run = client.page.run
        client.say("run_until", step=400)
        await until(lambda: run.step == 400, 20_000)
        client.say("compare", other="alpha2")
        second = client.page.viewer.second
        assert second is not None
        await until(lambda: 0 < second.step < 400, 20_000)
        client.say("travel", step=30)
        await until(lambda: client.page.viewer.travel.here is not None, 20_000)
        here = client.page.viewer.travel.here
        assert here is not None
        client.say("branch")
        client.say("set", changes={"alpha": 0.01})
        end = here.step + 15
        assert await trained(clock, client, end) is second
        assert second.pair is not None
        change = Entry(step=here.step, kind="change", changes={"alpha": 0.01})
        branch = Entry(step=here.step, kind="branch")
        own = losses(CONFIG, [branch, change], end)
        other = losses(replace(ALONE, {"alpha": 0.04}), [dataclasses.replace(change, changes={"alpha": 0.02})], end)
        assert second.pair.loss.mean == pytest.approx(np.mean(own - other), rel=1e-6)

    on_loop(scene)


IMAGES = replace(
    CONFIG,
    {"tasks": GlyphsConfig(ways=3), "model": MLPConfig(hidden_widths=(16,)), "shots": 1, "num_query": 3, "alpha": 0.1},
)


def test_of_images_accuracies_are_compared_as_long_as_the_charts_show_them() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        client = Client(hub, hub.open_page(IMAGES))
        client.say("compare", other="alpha2")
        second = await trained(clock, client, 10)
        assert second.pair is not None
        config = replace(IMAGES, {"joint_baseline": False})
        own = accuracies(config, 10)
        other = accuracies(replace(config, {"alpha": 0.2}), 10)
        found = second.pair.accuracy
        assert found is not None
        interval = ttest_rel(own, other).confidence_interval(0.95)
        assert found.mean == pytest.approx(np.mean(own - other), abs=1e-9)
        assert found.ci95 == pytest.approx((interval.high - interval.low) / 2, rel=1e-6)
        figure = (
            f"{100 * abs(found.mean):.3g} ± {100 * found.ci95:.2g} points of accuracy on the same 12 held-out tasks"
        )
        assert figure in second.words("accuracy")
        assert "points" not in second.words("loss")

        # The card of the images has the second run's share too, of the same task.
        client.page.run.audience.measure()
        await turns(300)
        info = images_info(results(client.page.run, client.page.viewer))
        assert info is not None
        config, state, _ = replay(replace(config, {"alpha": 0.2}), [], num_steps=10)
        fit = task_fit(config, state.meta, client.page.viewer.task, build_problem(config))
        assert isinstance(fit, ImageFit)
        right = np.mean(fit.query_probabilities[2].argmax(axis=1) == fit.query_labels)
        assert info.beside == pytest.approx(right)
        assert f"second run {right:.0%}" in IMAGES_CARD.subtitle(info)

    on_loop(scene)


@pytest.mark.parametrize(
    ("metric", "mean", "better"), [("accuracy", 0.05, "This run"), ("accuracy", -0.05, "Α"), ("loss", 0.05, "Α")]
)
def test_more_accuracy_is_better_and_more_loss_is_worse(metric: Metric, mean: float, better: str) -> None:
    difference = PairedDifference(mean, 0.01, 12)
    other = Other("Α", "this run", CONFIG)
    assert in_words(Pair(3, (1, 1), difference, difference), other, metric).endswith(f"(paired). {better} is better.")
    undecided = PairedDifference(mean, 0.06, 12)
    assert "No difference shown" in in_words(Pair(3, (1, 1), undecided, undecided), other, metric)


def test_a_class_sees_it_once_and_cannot_change_it() -> None:
    async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
        teacher = Client(hub, hub.open_page(CONFIG))
        teacher.say("compare", other="fomaml")
        teacher.say("class_start", address="http://192.168.1.5:8501/")
        room = hub.classes.of(teacher.page)
        assert room is not None
        student = Client(hub, hub.classes.join(room.code, home=hub.open_page(TINY), client="", now=0.0))
        await trained(clock, teacher, 10)
        assert student.page.feed is teacher.page.feed
        student.say("compare", other=None)
        assert teacher.page.viewer.second is not None
        student.say("task", redraw=True)  # looks for itself: that is no second run more
        assert student.page.viewer.second is None

    on_loop(scene)


def test_on_its_way_it_names_the_outer_step_where_the_run_was_looked_at_last() -> None:
    run, task = LiveRun(CONFIG), Demonstration()
    run.finished(run_chunk(run.next_request(0.0, budget_s=0.01, pace=Pace())), 0.0)
    second = Second("fomaml")
    seen = Snapshot(step=288, fits=(), trajectories={}, paths=None, curvature=None, task_losses=np.ones(12))
    second.see(run, seen)
    leg = second.next(run, task)
    assert leg is not None
    second.request(leg, run)
    assert second.words("loss") == "FOMAML is on its way: outer step 0 of 288."
    second.see(run, dataclasses.replace(seen, step=291))  # it was paused
    assert second.words("loss") == "FOMAML is on its way: outer step 0 of 291."


@pytest.mark.parametrize(("again", "why"), [(True, ""), (False, "It could not be computed.")])
def test_a_lost_worker_is_asked_again_and_a_fault_is_said(again: bool, why: str) -> None:
    run, task = LiveRun(CONFIG), Demonstration()
    run.finished(run_chunk(run.next_request(0.0, budget_s=0.01, pace=Pace())), 0.0)
    second = Second("fomaml")
    snapshot = Snapshot(step=0, fits=(), trajectories={}, paths=None, curvature=None, task_losses=np.ones(12))
    second.see(run, snapshot)
    leg = second.next(run, task)
    assert leg is not None
    second.request(leg, run)
    assert second.next(run, task) is None, "it is under way"
    second.fail(leg, "It could not be computed.", again=again)
    assert second.why == why
    assert (second.next(run, task) is not None) == again
