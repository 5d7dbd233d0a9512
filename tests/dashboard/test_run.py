"""The state machine of one live run, driven by hand: ask for a chunk, compute it here, give the result back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dashboard import address
from dashboard.live.infos import (
    adaptation_info,
    charts_of,
    fit_info,
    gauge_info,
    layers_info,
    loss_info,
    path_info,
    rates_info,
    why_empty,
)
from dashboard.live.marks import DRAG_S, LABELS
from dashboard.live.pacing import PATIENCE, PROMPT_S, SHARES, SHARES_OF_IMAGES, Pace, Pacing
from dashboard.live.run import LONG_STEP_S, LiveRun
from dashboard.live.seen import MAX_TRAIL
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.records import Entry, Records, Status
from maml_core.runs import replay
from maml_core.storage import state_to_bytes

TINY = RunConfig(
    model=MLPConfig(hidden_widths=(6,)),
    shots=3,
    num_query=4,
    meta_batch_size=3,
    evaluation_tasks=4,
    evaluation_steps=2,
    evaluate_every=5,
)
IMAGES = RunConfig(
    tasks=GlyphsConfig(ways=4),
    model=MLPConfig(hidden_widths=(6,)),
    alpha=0.1,
    num_inner_steps=2,
    shots=1,
    num_query=2,
    meta_batch_size=2,
    evaluation_tasks=4,
    evaluation_steps=3,
    evaluate_every=5,
    joint_baseline=False,
)
EXPLOSIVE = replace(TINY, {"alpha": 0.3})
"""Diverges after a dozen outer steps."""

NO_RECORDS = Records(*(np.zeros(0) for _ in range(len(Records._fields) - 1)), events=())


class Driver:
    """Plays the hub's part. A chunk asked for with `steps` stops there instead of at a time limit, so that nothing depends on speed."""

    def __init__(self, config: RunConfig = TINY, timeline: Sequence[Entry] = ()) -> None:
        self.run = LiveRun(config, timeline)
        self.now = 1000.0

    def request(self, *, steps: int | None = None, frame_s: float = 0.1) -> ChunkRequest:
        request = self.run.next_request(self.now, budget_s=0.03, pace=Pace(frame_s=frame_s))
        if (request.num_steps is None and steps is not None) or (
            request.num_steps is not None and steps is not None and request.num_steps >= steps
        ):
            request = dataclasses.replace(request, num_steps=steps, budget_s=None)
        return request

    def chunk(self, *, steps: int | None = None, frame_s: float = 0.1) -> ChunkResult:
        result = run_chunk(self.request(steps=steps, frame_s=frame_s))
        self.run.finished(result, self.now)
        return result

    def trained(self, seconds: float) -> None:
        """So long on a machine that has nothing else to do."""
        self.now += seconds
        self.run._pacing.trained_s += seconds

    def opened(self) -> Driver:
        """With the first look at outer step 0."""
        self.chunk()
        return self

    def played(self, steps: int) -> Driver:
        """Play `steps` outer steps in one chunk and stand there, still playing."""
        self.run.play()
        self.chunk(steps=steps)
        return self


def texts(run: LiveRun) -> list[str]:
    return [mark.text for mark in run.marks]


def replayed_state(run: LiveRun) -> bytes:
    """What the engine makes of the run's start and timeline."""
    _, state, _ = replay(run.start, run.timeline, num_steps=run.step)
    return state_to_bytes(state)


@pytest.fixture(scope="module")
def diverged_at() -> int:
    """The outer step at which EXPLOSIVE is rolled back."""
    _, state, _ = replay(EXPLOSIVE, (), num_steps=200)
    assert state.status.kind == "diverged"
    return state.step


class TestOpening:
    def test_a_new_run_asks_for_a_look_at_outer_step_0(self):
        driver = Driver()
        assert driver.run.is_due(driver.now)
        request = driver.request()
        assert (request.num_steps, request.state, request.view is not None) == (0, None, True)

    def test_it_stands_still_and_is_ready_after_the_first_look(self):
        run = Driver().opened().run
        assert (run.step, run.status_kind, run.is_due(2000.0)) == (0, "ready", False)

    def test_every_chart_has_something_to_show_after_the_first_look(self):
        run = Driver().opened().run
        infos = [fit_info(run), path_info(run), gauge_info(run)]
        assert None not in infos
        assert set(adaptation_info(run).trajectories) == {"maml", "random", "joint"}
        assert loss_info(run).levels[0].value == pytest.approx(4.2517, abs=1e-4)

    def test_the_keys_of_runs_differ(self):
        assert LiveRun(TINY).key != LiveRun(TINY).key


class TestMetric:
    def test_a_run_that_classifies_shows_accuracies_until_losses_are_asked_for(self):
        driver = Driver(IMAGES).opened().opened().played(6)  # a first look puts off what takes long
        run, shown = driver.run, {}
        for metric in ("accuracy", "loss"):
            run.choose_metric(metric)
            shown[metric] = loss_info(run), adaptation_info(run)
        (shares, adapting), (losses, _) = shown["accuracy"], shown["loss"]
        summary = run.seen.trajectories["maml"]
        assert summary.accuracy is not None
        assert (shares.metric, adapting.metric, losses.metric) == ("accuracy", "accuracy", "loss")
        assert [level.value for level in shares.levels] == [0.25]
        assert [level.value for level in losses.levels] == pytest.approx([np.log(4)])
        assert shares.curves.held_out_steps.tolist() == losses.curves.held_out_steps.tolist() == [0, 5]
        assert len(shares.curves.smoothed) == len(losses.curves.smoothed) == 6
        assert ((shares.curves.raw >= 0) & (shares.curves.raw <= 1)).all()
        np.testing.assert_array_equal(adapting.trajectories["maml"].mean, summary.accuracy)

    def test_accuracies_are_the_default(self):
        assert LiveRun(IMAGES).metric == "accuracy"

    def test_the_interval_of_an_accuracy_stays_within_0_and_1(self):
        run = Driver(IMAGES).opened().opened().run
        far = np.full(4, 0.9)
        run.seen.trajectories["maml"] = run.seen.trajectories["maml"]._replace(accuracy=far, accuracy_ci95=far / 3)
        line = adaptation_info(run).trajectories["maml"]
        np.testing.assert_allclose([line.low, line.high], [far * 2 / 3, np.ones(4)])

    def test_regression_has_a_loss_only(self):
        run = LiveRun(TINY)
        run.choose_metric("accuracy")
        assert run.metric == loss_info(run).metric == "loss"

    def test_the_choice_and_the_ghost_in_both_metrics_survive_a_reset(self):
        run = Driver(IMAGES).opened().played(6).run
        shares, losses = (run.history.curves(metric) for metric in ("accuracy", "loss"))
        run.choose_metric("loss")
        run.restart()
        assert run.metric == "loss"
        np.testing.assert_array_equal(loss_info(run).ghost.raw, losses.raw)
        run.choose_metric("accuracy")
        np.testing.assert_array_equal(loss_info(run).ghost.raw, shares.raw)

    def test_another_metric_is_refused(self):
        run = LiveRun(IMAGES)
        with pytest.raises(ValueError, match="metric 'F1': choose one of accuracy, loss"):
            run.choose_metric("F1")
        assert run.metric == "accuracy"


class TestPutOff:
    def test_what_was_put_off_is_looked_at_even_where_everything_is_due_again(self):
        driver = Driver(IMAGES)
        parts: list[str] = []
        for _ in range(3):
            assert driver.run.is_due(driver.now)
            driver.run._pacing.cost |= {"trajectories": 1.0, "slow": 1.0}
            snapshot = driver.chunk().snapshot
            assert snapshot is not None
            parts += [part for part in snapshot.seconds if part in ("trajectories", "curvature")]
            driver.now += 1000.0
        assert parts == ["trajectories", "curvature"]
        assert not driver.run.is_due(driver.now)

    def test_a_joint_baseline_comes_with_the_trajectories_that_were_put_off(self):
        driver = Driver(replace(IMAGES, {"joint_baseline": True}))
        for _ in range(3):
            driver.run._pacing.cost |= {"trajectories": 1.0, "slow": 1.0}
            driver.chunk()
        assert set(driver.run.seen.trajectories) == {"maml", "random", "joint"}
        assert driver.run.seen.curvature is not None
        assert not driver.run.is_due(driver.now)


def looked(driver: Driver, **chunk: Any) -> set[str]:
    """The heavy looks of the next chunk, which here cost nothing that was not said before."""
    cost, request = dict(driver.run._pacing.cost), driver.request(**chunk)
    driver.run.finished(run_chunk(request), driver.now)
    driver.run._pacing.cost |= cost
    return {name for name in ("trajectories", "curvature") if request.view is not None and getattr(request.view, name)}


class TestPace:
    def test_what_is_cheap_is_looked_at_at_once(self):
        driver = Driver()
        assert looked(driver) == {"trajectories", "curvature"}
        assert not driver.run.is_due(driver.now)

    def test_of_images_the_first_frame_comes_first(self):
        driver = Driver(IMAGES)
        assert looked(driver) == set()
        assert driver.run.seen.fit is not None
        assert driver.run.is_due(driver.now)

    def test_whoever_waits_for_an_answer_waits_for_nothing_that_takes_long(self):
        driver = Driver().opened()
        driver.run._pacing.cost |= {"trajectories": 2 * PROMPT_S, "slow": 2 * PROMPT_S}
        driver.now += 100.0
        driver.run.change({"alpha": 0.02}, now=driver.now)
        assert looked(driver) == set()
        assert looked(driver) == {"trajectories"}  # then one at a time, though the run stands still
        assert looked(driver) == {"curvature"}
        assert not driver.run.is_due(driver.now)

    def test_what_takes_less_is_part_of_the_answer(self):
        driver = Driver().opened()
        driver.run._pacing.cost |= {"trajectories": PROMPT_S / 2, "slow": 2 * PROMPT_S}
        driver.now += 100.0
        driver.run.change({"alpha": 0.02}, now=driver.now)
        assert looked(driver) == {"trajectories"}
        assert looked(driver) == {"curvature"}

    def test_while_somebody_drags_nothing_that_takes_long_is_looked_at(self):
        driver = Driver(IMAGES)
        for alpha in (0.1, 0.2, 0.3):
            driver.now += 100.0
            driver.run.change({"alpha": alpha}, now=driver.now)
            assert looked(driver) == set()
        assert looked(driver) == {"trajectories"}

    def test_what_was_put_off_comes_while_it_trains(self):
        driver = Driver(IMAGES)
        driver.run.play()
        found = []
        for _ in range(3):
            found.append(looked(driver, steps=1))
            driver.trained(1.0)
        assert found == [set(), {"trajectories"}, {"curvature"}]

    @pytest.mark.parametrize(("kind", "look"), [("trajectories", "trajectories"), ("slow", "curvature")])
    def test_a_look_comes_so_seldom_that_it_takes_its_share_of_the_time(self, kind: str, look: str):
        driver = Driver(replace(TINY, {"joint_baseline": False})).opened()
        driver.run._pacing.cost[kind] = 1.0
        driver.run.play()
        driver.trained(1.0 / SHARES[kind] - 0.1)
        assert look not in looked(driver, steps=1)
        driver.trained(0.2)
        assert look in looked(driver, steps=1)

    @pytest.mark.parametrize("kind", ["fit", "trajectories", "slow"])
    def test_looks_at_images_leave_more_to_training(self, kind: str):
        pacing = Pacing(of_images=True)
        pacing.cost = dict.fromkeys(pacing.cost, 1.0)
        pacing.owed = frozenset()
        for _ in range(3):  # the heavy ones, one at a time
            pacing.take(0.0, Pace(), playing=True, urgent=False, joint=False)
        due_s = 1.0 / SHARES_OF_IMAGES[kind]
        assert due_s > 1.0 / SHARES[kind]
        pacing.trained_s = due_s
        assert not pacing.is_due(kind, due_s - 0.1, 0.0, playing=True)
        assert pacing.is_due(kind, due_s + 0.1, 0.0, playing=True)

    def test_an_answer_does_not_wait_for_a_long_step_and_training_goes_on_all_the_same(self):
        driver = Driver().opened()
        driver.run.play()
        driver.chunk(steps=1)
        driver.run.seconds_per_step = 2 * LONG_STEP_S
        asked = []
        for alpha in (0.02, 0.03, 0.04):
            driver.run.change({"alpha": alpha}, now=driver.now)
            request = driver.run.next_request(driver.now, budget_s=0.03, pace=Pace())
            asked.append(request.num_steps)
            assert request.view is not None
            result = run_chunk(dataclasses.replace(request, num_steps=0 if request.num_steps == 0 else 1))
            driver.run.finished(result, driver.now)
            assert driver.run.state_config.alpha == alpha
            driver.run.seconds_per_step = 2 * LONG_STEP_S
        assert asked == [0, None, 0]
        driver.run.seconds_per_step = LONG_STEP_S / 2
        driver.run.change({"alpha": 0.05}, now=driver.now)
        assert driver.run.next_request(driver.now, budget_s=0.03, pace=Pace()).num_steps is None

    def test_frames_take_their_share_too(self):
        driver = Driver().opened()
        driver.run._pacing.cost["fit"] = 1.0
        driver.run.play()
        driver.trained(1.0 / SHARES["fit"] - 0.1)
        assert driver.request(steps=1).view is None
        driver.trained(0.2)
        assert driver.request(steps=1).view is not None

    def test_where_little_is_trained_a_look_waits_longer_but_not_for_ever(self):
        driver = Driver().opened()
        driver.run._pacing.cost["fit"] = 1.0
        driver.run.play()
        driver.now += PATIENCE / SHARES["fit"] - 0.1
        assert driver.request(steps=1).view is None
        driver.now += 0.2
        assert driver.request(steps=1).view is not None

    def test_what_a_look_costs_is_measured(self):
        driver = Driver(IMAGES).opened()
        result = driver.chunk()
        assert result.snapshot is not None
        seconds = dict(result.snapshot.seconds)
        assert driver.run._pacing.cost["trajectories"] == seconds.pop("trajectories") > 0.0
        assert driver.run._pacing.cost["fit"] == pytest.approx(sum(seconds.values()))

    def test_a_chunk_that_fails_leaves_nothing_to_look_at(self):
        driver = Driver(IMAGES)
        driver.request()
        driver.run.failed("It failed.")
        assert not driver.run.is_due(driver.now + 1000.0)

    def test_a_look_that_was_lost_is_made_up_for(self):
        driver = Driver(IMAGES)
        found = [looked(driver), looked(driver)]
        driver.request()  # the curvature
        driver.run.lost()
        found += [looked(driver), looked(driver), looked(driver)]
        assert found == [set(), {"trajectories"}, set(), {"trajectories"}, {"curvature"}]


class TestWeightsChart:
    def test_only_the_one_that_is_shown_is_computed(self):
        driver = Driver()
        for chart, expected in (("path", (True, False)), ("layers", (False, True)), ("path", (True, False))):
            driver.run.choose_weights_chart(chart)
            view = driver.request().view
            assert view is not None
            assert (view.paths, view.moves) == expected

    def test_the_layers_take_the_place_of_the_paths(self):
        driver = Driver(replace(TINY, {"num_inner_steps": 2})).opened()
        assert layers_info(driver.run) is None
        driver.run.choose_weights_chart("layers")
        assert driver.run.is_due(driver.now)  # shown at once, though the run stands still
        driver.chunk()
        info = layers_info(driver.run)
        assert info is not None
        assert path_info(driver.run) is None
        assert info.names == ("hidden 1", "head")
        assert info.median.shape == (3, 2)
        assert (info.median[0] == 0).all()
        assert (info.median[2] > 0).all()

    def test_anils_body_stands_still(self):
        driver = Driver(replace(IMAGES, {"algorithm": "anil"}))
        driver.run.choose_weights_chart("layers")
        info = layers_info(driver.opened().run)
        assert info is not None
        assert info.high[:, 0].tolist() == [0.0, 0.0, 0.0]
        assert info.median[-1, 1] > 0

    def test_a_run_has_one_of_the_two(self):
        assert [chart for chart in charts_of(TINY) if chart in ("path", "layers")] == ["path"]
        assert [chart for chart in charts_of(TINY, "layers") if chart in ("path", "layers")] == ["layers"]

    def test_the_choice_survives_a_reset(self):
        driver = Driver().opened()
        driver.run.choose_weights_chart("layers")
        driver.run.restart()
        assert driver.run.weights_chart == "layers"
        assert layers_info(driver.run) is None  # of the run before

    def test_another_chart_is_refused(self):
        with pytest.raises(ValueError, match="chart 'loss': choose one of path, layers"):
            LiveRun(TINY).choose_weights_chart("loss")


class TestBaselines:
    def test_an_oracle_is_on_the_chart_when_the_run_has_one(self):
        driver = Driver(replace(TINY, {"oracle_baseline": True})).opened()
        first = adaptation_info(driver.run).trajectories["oracle"].mean
        driver.now += 10.0
        second = adaptation_info(driver.played(5).run).trajectories["oracle"].mean
        assert len(set(first)) == len(set(second)) == 1  # it does not adapt
        assert first[0] != second[0]

    def test_scratch_is_computed_once_and_stays_on_the_chart(self):
        driver = Driver().opened()
        driver.run.show_scratch(True)
        assert driver.run.is_due(driver.now)
        driver.chunk()
        shown = driver.run.seen.trajectories["scratch"]
        driver.now += 10.0
        view = driver.request().view
        assert view is not None
        assert (view.trajectories, view.scratch) == (True, False)
        driver.played(5)
        assert driver.run.seen.trajectories["scratch"] is shown

    def test_scratch_is_computed_again_when_the_points_change(self):
        driver = Driver().opened()
        driver.run.show_scratch(True)
        driver.chunk()
        before = driver.run.seen.trajectories["scratch"].mean
        driver.played(1)
        driver.run.change({"shots": 5}, now=driver.now)
        driver.chunk()
        assert driver.run.seen.trajectories["scratch"].mean[0] != before[0]

    def test_switched_off_it_leaves_the_chart_also_when_a_chunk_was_under_way(self):
        driver = Driver().opened()
        driver.run.show_scratch(True)
        request = driver.request()
        driver.run.show_scratch(False)
        driver.run.finished(run_chunk(request), driver.now)
        assert "scratch" not in driver.run.seen.trajectories
        driver.run.show_scratch(True)
        driver.chunk()
        assert "scratch" in driver.run.seen.trajectories
        driver.run.show_scratch(False)
        assert "scratch" not in driver.run.seen.trajectories

    def test_a_restart_computes_it_anew(self):
        driver = Driver().opened()
        driver.run.show_scratch(True)
        driver.chunk()
        before = driver.run.seen.trajectories["scratch"].mean
        driver.run.restart(replace(TINY, {"weights_seed": 1}))
        driver.chunk()
        assert driver.run.seen.trajectories["scratch"].mean[0] != before[0]

    def test_what_would_take_too_long_is_refused_and_left_out_when_it_becomes_so(self):
        large = replace(TINY, {"evaluation_tasks": 1000, "model": MLPConfig(hidden_widths=(40, 40))})
        driver = Driver(large)
        with pytest.raises(ConfigError, match="too much work to train from scratch"):
            driver.run.show_scratch(True)
        assert not driver.run.scratch
        driver.run.restart(TINY)
        driver.run.show_scratch(True)
        driver.run.restart(large)
        view = driver.request().view
        assert view is not None
        assert not view.scratch


class TestPlaying:
    def test_play_asks_for_as_many_steps_as_fit_into_the_budget(self):
        driver = Driver().opened()
        driver.run.play()
        request = driver.request()
        assert (request.num_steps, request.budget_s) == (None, 0.03)

    def test_pause_stops_after_the_chunk_in_flight(self):
        driver = Driver().opened()
        driver.run.play()
        request = driver.request(steps=7)
        driver.run.pause()
        driver.run.finished(run_chunk(request), driver.now)
        assert (driver.run.step, driver.run.status_kind) == (7, "paused")
        assert driver.chunk().step == 7  # a last look
        assert not driver.run.is_due(driver.now + 10.0)

    def test_single_steps_add_up(self):
        driver = Driver().opened()
        for _ in range(3):
            driver.run.take_one_step()
        while driver.run.is_due(driver.now):
            driver.chunk()
        assert (driver.run.step, driver.run.status_kind) == (3, "paused")

    def test_a_single_step_ends_playing(self):
        driver = Driver().opened().played(4)
        driver.run.take_one_step()
        while driver.run.is_due(driver.now):
            driver.chunk()
        assert (driver.run.step, driver.run.playing) == (5, False)

    def test_pause_forgets_single_steps_that_were_not_taken_yet(self):
        driver = Driver().opened()
        for _ in range(20):
            driver.run.take_one_step()
        driver.chunk()
        driver.run.pause()
        while driver.run.is_due(driver.now):
            driver.chunk()
        assert driver.run.step == 1

    def test_run_until_stops_exactly_there(self):
        driver = Driver().opened()
        driver.run.run_until(23)
        while driver.run.is_due(driver.now):
            driver.chunk(steps=10)
        assert (driver.run.step, driver.run.status_kind) == (23, "paused")

    def test_run_until_at_a_slow_speed_stops_exactly_there(self):
        driver = Driver().opened()
        driver.run.set_speed(1000.0)
        driver.run.run_until(3)
        while driver.run.playing:
            driver.now += 1.0
            driver.chunk()
        assert driver.run.step == 3

    def test_the_page_sees_the_step_at_which_run_until_stopped(self):
        driver = Driver().opened()
        driver.run.run_until(4)
        driver.chunk(steps=2)  # a look at step 2 a moment ago, so that step 4 need not be looked at by the clock
        while driver.run.is_due(driver.now):
            last = driver.chunk(frame_s=100.0)
        assert last.snapshot is not None
        assert last.snapshot.step == 4

    @pytest.mark.parametrize("step", [0, -1, 5, 10_000_001, 7.5, True, "9", None, float("nan"), float("inf")])
    def test_run_until_refuses_what_is_no_later_step(self, step: Any):
        driver = Driver().opened().played(5)
        driver.run.pause()
        with pytest.raises((ValueError, TypeError)):
            driver.run.run_until(step)
        assert (driver.run.playing, driver.run.stop_at) == (False, None)

    def test_play_forgets_the_step_to_stop_at(self):
        driver = Driver().opened()
        driver.run.run_until(10)
        driver.run.play()
        assert driver.request().num_steps is None


class TestSpeed:
    def test_a_slow_run_takes_one_step_a_chunk(self):
        driver = Driver().opened()
        driver.run.set_speed(10.0)
        driver.run.play()
        driver.now += 5.0
        assert driver.request().num_steps == 1

    def test_a_slow_run_waits_between_its_steps(self):
        driver = Driver().opened()
        driver.run.set_speed(10.0)
        driver.run.play()
        due = 0
        for _ in range(200):  # 2 seconds in steps of 10 ms
            if driver.run.is_due(driver.now):
                driver.chunk()
                due += 1
            driver.now += 0.01
        assert driver.run.step == due
        assert 19 <= due <= 21

    def test_a_slow_run_waits_after_its_first_step(self):
        driver = Driver().opened()
        driver.run.set_speed(1.0)
        driver.run.play()
        driver.chunk()
        assert driver.run.step == 1
        assert not driver.run.is_due(driver.now + 0.5)

    def test_what_people_do_in_slow_motion_takes_no_extra_steps(self):
        driver = Driver().opened()
        driver.run.set_speed(1.0)
        driver.run.play()
        driver.chunk()
        for i in range(20):  # a drag of 0.4 s
            driver.now += 0.02
            driver.run.change({"alpha": 0.02 + 0.001 * i}, now=driver.now)
            while driver.run.is_due(driver.now):
                driver.chunk()
        assert driver.run.step <= 2

    def test_what_people_do_in_slow_motion_does_not_delay_the_next_step(self):
        driver = Driver().opened()
        driver.run.set_speed(1.0)
        driver.run.play()
        driver.chunk()
        for _ in range(20):
            driver.now += 0.02
            driver.run.choose_task(None)
            driver.chunk()
        assert driver.run.seconds_until_due(driver.now) <= 1.0

    @pytest.mark.parametrize("speed", [0, -1.0, 0.05, 1001.0, "10", float("nan"), float("inf"), [1]])
    def test_a_speed_that_is_none_is_refused(self, speed: Any):
        run = LiveRun(TINY)
        run.set_speed(3.0)
        with pytest.raises(ValueError, match="speed"):
            run.set_speed(speed)
        assert run.steps_per_s == 3.0

    def test_as_fast_as_possible_is_no_speed(self):
        driver = Driver().opened()
        driver.run.set_speed(1.0)
        driver.run.set_speed(None)
        driver.run.play()
        assert driver.request().num_steps is None


class TestChanging:
    def test_a_change_before_the_first_step_acts_and_leaves_no_mark(self):
        driver = Driver().opened()
        driver.run.change({"alpha": 0.1}, now=driver.now)
        result = driver.chunk()
        assert result.config.alpha == 0.1
        assert driver.run.marks == ()

    def test_a_change_while_it_plays_is_in_the_next_chunk(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        request = driver.request()
        assert [(entry.step, dict(entry.changes)) for entry in request.timeline] == [(5, {"alpha": 0.1})]

    def test_a_change_while_it_plays_is_marked_where_it_acts(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        driver.chunk(steps=4)
        assert [(mark.step, mark.text) for mark in driver.run.marks] == [(5, "alpha 0.01 -> 0.1")]
        assert [entry.step for entry in driver.run.timeline] == [5]

    def test_a_change_after_playing_acts_while_it_stands(self):
        driver = Driver().opened().played(5)
        driver.run.pause()
        driver.run.change({"num_inner_steps": 3}, now=driver.now)
        assert driver.run.is_due(driver.now)
        result = driver.chunk()
        assert (result.step, result.config.num_inner_steps) == (5, 3)
        assert texts(driver.run) == ["N 1 -> 3"]

    def test_a_change_during_a_chunk_is_marked_where_it_acts(self):
        driver = Driver().opened().played(5)
        request = driver.request(steps=6)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        driver.run.finished(run_chunk(request), driver.now)
        driver.chunk(steps=2)
        assert [(entry.step, entry.kind) for entry in driver.run.timeline] == [(11, "change")]
        assert [mark.step for mark in driver.run.marks] == [11]

    def test_a_change_during_the_first_chunk_is_marked(self):
        driver = Driver().opened()
        driver.run.play()
        request = driver.request(steps=6)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        driver.run.finished(run_chunk(request), driver.now)
        driver.chunk(steps=2)
        assert [(mark.step, mark.text) for mark in driver.run.marks] == [(6, "alpha 0.01 -> 0.1")]

    def test_several_fields_share_a_mark(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.1, "shots": 5}, now=driver.now)
        driver.chunk(steps=1)
        assert texts(driver.run) == ["alpha 0.01 -> 0.1, shots 3 -> 5"]

    def test_a_drag_leaves_one_mark_from_its_start_to_its_end(self):
        driver = Driver().opened().played(5)
        for alpha in (0.02, 0.03, 0.05):
            driver.run.change({"alpha": alpha}, now=driver.now)
            driver.chunk(steps=1)
            driver.now += 0.9 * DRAG_S
        assert [(mark.step, mark.text) for mark in driver.run.marks] == [(5, "alpha 0.01 -> 0.05")]

    def test_a_later_change_is_another_mark(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        driver.chunk(steps=1)
        driver.run.change({"alpha": 0.03}, now=driver.now + 1.1 * DRAG_S)
        driver.chunk(steps=1)
        assert texts(driver.run) == ["alpha 0.01 -> 0.02", "alpha 0.02 -> 0.03"]

    def test_a_drag_of_another_setting_is_another_mark(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        driver.chunk(steps=1)
        driver.run.change({"beta": 0.01}, now=driver.now)
        driver.chunk(steps=1)
        assert texts(driver.run) == ["alpha 0.01 -> 0.02", "beta 0.001 -> 0.01"]

    def test_a_drag_back_to_its_start_leaves_no_mark(self):
        driver = Driver().opened().played(5)
        for alpha in (0.02, 0.05, 0.01):
            driver.run.change({"alpha": alpha}, now=driver.now)
            driver.chunk(steps=1)
        assert driver.run.marks == ()

    def test_the_same_value_again_is_no_change(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk(steps=1)
        assert (driver.run.timeline, driver.run.marks) == ([], ())

    def test_changes_of_one_chunk_are_one_entry(self):
        driver = Driver().opened().played(5)
        for alpha in (0.02, 0.03, 0.05):
            driver.run.change({"alpha": alpha}, now=driver.now)
        driver.run.change({"shots": 7}, now=driver.now)
        driver.chunk(steps=1)
        assert [(entry.step, dict(entry.changes)) for entry in driver.run.timeline] == [
            (5, {"alpha": 0.05, "shots": 7})
        ]

    def test_the_page_learns_which_change_a_chunk_has_seen(self):
        driver = Driver().opened().played(2)
        driver.run.change({"alpha": 0.02}, now=driver.now, change_id=7)
        request = driver.request(steps=1)
        driver.run.change({"alpha": 0.03}, now=driver.now, change_id=8)
        driver.run.finished(run_chunk(request), driver.now)
        assert driver.run.change_id == 7
        driver.chunk(steps=1)
        assert driver.run.change_id == 8

    def test_a_change_is_looked_at_at_once(self):
        driver = Driver().opened().played(2)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        assert driver.request(frame_s=1000.0).view is not None

    @pytest.mark.parametrize(
        "changes",
        [
            {"alpha": -1.0},
            {"alpha": float("nan")},
            {"alpha": float("inf")},
            {"alpha": "0.1"},
            {"alpha": True},
            {"alpha": None},
            {"alpha": 10**400},
            {"beta": 0.0},
            {"num_inner_steps": 51},
            {"num_inner_steps": 1.5},
            {"order": "third"},
            {"shots": [3]},
            {"no_such_field": 1},
            {"alpha": 0.2, "beta": -1.0},
            {"tasks": {"kind": "linear"}},
        ],
        ids=lambda changes: str(changes)[:40],
    )
    def test_a_value_that_is_not_accepted_leaves_the_run_as_it_was(self, changes: dict[str, Any]):
        driver = Driver().opened().played(3)
        before = driver.run.config
        with pytest.raises(ConfigError):
            driver.run.change(changes, now=driver.now)
        assert (driver.run.config, driver.run.step, driver.run.playing) == (before, 3, True)
        assert driver.request().timeline == ()

    def test_what_cannot_change_while_it_trains_starts_again(self):
        driver = Driver().opened().played(3)
        driver.run.change({"weights_seed": 5}, now=driver.now)
        assert (driver.run.step, driver.run.start.weights_seed, driver.run.status_kind) == (0, 5, "ready")


class TestReplay:
    def test_the_timeline_gives_back_the_state_to_the_bit(self):
        driver = Driver().opened().played(7)
        driver.run.change({"alpha": 0.005}, now=driver.now)
        driver.chunk(steps=5)
        driver.run.pause()
        driver.run.change({"num_inner_steps": 2, "order": "first"}, now=driver.now)
        driver.chunk()
        driver.run.take_one_step()
        driver.chunk()
        driver.run.change({"outer_optimizer": "sgd"}, now=driver.now)
        driver.run.play()
        request = driver.request(steps=4)
        driver.run.change({"beta": 0.004}, now=driver.now)
        driver.run.finished(run_chunk(request), driver.now)
        driver.run.run_until(60)
        while driver.run.is_due(driver.now):
            driver.chunk(steps=17)
        assert driver.run.step == 60
        assert len(driver.run.timeline) == 4
        assert replayed_state(driver.run) == driver.run.state

    def test_changes_before_the_first_step_belong_to_the_timeline(self):
        driver = Driver().opened()
        driver.run.change({"outer_optimizer": "sgd", "shots": 5}, now=driver.now)
        driver.played(6)
        assert replayed_state(driver.run) == driver.run.state

    def test_through_divergence_and_resume(self, diverged_at: int):
        driver = Driver(EXPLOSIVE).opened().played(diverged_at + 20)
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk(steps=12)
        assert driver.run.step == diverged_at + 12
        assert replayed_state(driver.run) == driver.run.state

    def test_through_a_dead_network_and_resume(self, monkeypatch: pytest.MonkeyPatch):
        # Dies at the checkpoint of step 50 and only there: the roll-back happens before a step, not within one.
        from maml_core.models.mlp import MLP

        driver = Driver().opened().played(49)
        alive = MLP.is_dead
        doomed: list[bytes] = []

        def is_dead(self: MLP, theta: Any, grid: Any) -> Any:
            verdict = alive(self, theta, grid)
            key = b"".join(value.numpy().tobytes() for value in theta.values())
            return verdict | (key in doomed)

        def theta_at_50(config: RunConfig) -> bytes:
            _, state, _ = replay(config, (), num_steps=50)
            return b"".join(value.numpy().tobytes() for value in state.meta.theta.values())

        doomed.append(theta_at_50(driver.run.start))
        monkeypatch.setattr(MLP, "is_dead", is_dead)
        driver.chunk(steps=3)
        assert (driver.run.status_kind, driver.run.step) == ("dead", 50)
        driver.run.play()
        driver.chunk(steps=5)
        assert driver.run.step == 55
        assert replayed_state(driver.run) == driver.run.state

    def test_a_shared_address_gives_the_same_run(self):
        driver = Driver().opened()
        driver.run.change({"alpha": 0.02, "num_query": 6}, now=driver.now)
        driver.played(6)
        driver.run.change({"shots": 5, "clip_norm": 2.0}, now=driver.now)
        driver.chunk(steps=9)
        query = dict(pair.split("=") for pair in address.write(driver.run.start, driver.run.timeline).split("&"))
        shared = address.read(query)
        _, state, _ = replay(shared.config, shared.timeline, num_steps=15)
        assert shared.notes == ()
        assert state_to_bytes(state) == driver.run.state

    def test_a_shared_address_keeps_the_order_of_optimisers_at_one_step(self):
        driver = Driver().opened().played(6)
        driver.run.pause()
        for optimizer in ("sgd", "adam"):
            driver.run.change({"outer_optimizer": optimizer}, now=driver.now)
            driver.chunk()
        driver.run.play()
        driver.chunk(steps=3)
        query = dict(pair.split("=") for pair in address.write(driver.run.start, driver.run.timeline).split("&"))
        shared = address.read(query)
        _, state, _ = replay(shared.config, shared.timeline, num_steps=9)
        assert state_to_bytes(state) == driver.run.state


class TestScheduled:
    """A timeline that comes with the run (a shared address)."""

    TIMELINE = (
        Entry(step=3, kind="change", changes={"alpha": 0.05}),
        Entry(step=8, kind="change", changes={"shots": 6}),
    )

    def test_it_is_replayed_to_the_bit(self):
        driver = Driver(TINY, self.TIMELINE).opened()
        driver.run.run_until(12)
        while driver.run.is_due(driver.now):
            driver.chunk(steps=5)
        _, state, _ = replay(TINY, self.TIMELINE, num_steps=12)
        assert driver.run.state == state_to_bytes(state)
        assert tuple(driver.run.timeline) == self.TIMELINE

    def test_it_is_replayed_in_slow_motion(self):
        driver = Driver(TINY, self.TIMELINE).opened()
        driver.run.set_speed(1000.0)
        driver.run.run_until(10)
        while driver.run.playing:
            driver.now += 1.0
            driver.chunk()
        assert tuple(driver.run.timeline) == self.TIMELINE
        assert driver.run.config == replace(TINY, {"alpha": 0.05, "shots": 6})

    def test_the_status_says_so_until_its_end(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(5)
        assert driver.run.status_kind == "replaying"
        driver.chunk(steps=5)
        assert driver.run.status_kind == "running"

    def test_its_changes_are_marked(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(10)
        assert [(mark.step, mark.text) for mark in driver.run.marks] == [(3, "alpha 0.01 -> 0.05"), (8, "shots 3 -> 6")]

    def test_its_changes_are_marked_when_play_is_pressed_before_the_first_look(self):
        driver = Driver(TINY, self.TIMELINE).played(10)
        assert [mark.step for mark in driver.run.marks] == [3, 8]

    def test_a_change_by_hand_ends_it(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(5)
        driver.run.change({"beta": 0.01}, now=driver.now)
        driver.chunk(steps=10)
        assert driver.run.config.shots == 3
        assert [dict(entry.changes) for entry in driver.run.timeline] == [{"alpha": 0.05}, {"beta": 0.01}]

    def test_a_change_by_hand_during_a_chunk_keeps_what_that_chunk_replayed(self):
        driver = Driver(TINY, self.TIMELINE).opened()
        driver.run.play()
        request = driver.request(steps=5)
        driver.run.change({"beta": 0.01}, now=driver.now)
        driver.run.finished(run_chunk(request), driver.now)
        driver.chunk(steps=5)
        assert [(entry.step, dict(entry.changes)) for entry in driver.run.timeline] == [
            (3, {"alpha": 0.05}),
            (5, {"beta": 0.01}),
        ]
        assert replayed_state(driver.run) == driver.run.state

    def test_a_change_by_hand_during_a_chunk_shows_the_settings_that_act(self):
        driver = Driver(TINY, self.TIMELINE).opened()
        driver.run.play()
        request = driver.request(steps=5)
        driver.run.change({"beta": 0.01}, now=driver.now)
        driver.run.finished(run_chunk(request), driver.now)
        result = driver.chunk(steps=1)
        assert driver.run.config == result.config == replace(TINY, {"alpha": 0.05, "beta": 0.01})

    def test_a_reset_drops_it(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(5)
        driver.run.restart()
        assert driver.request().timeline == ()

    def test_it_goes_through_a_divergence_of_the_shared_run(self, diverged_at: int):
        timeline = (
            Entry(step=diverged_at, kind="change", changes={"alpha": 0.01}),
            Entry(step=diverged_at, kind="resume"),
        )
        driver = Driver(EXPLOSIVE, timeline).opened()
        driver.run.run_until(diverged_at + 10)
        while driver.run.is_due(driver.now):
            driver.chunk(steps=4)
        _, state, _ = replay(EXPLOSIVE, timeline, num_steps=diverged_at + 10)
        assert driver.run.state == state_to_bytes(state)


class TestRestart:
    def test_it_returns_to_the_same_initial_weights(self):
        driver = Driver().opened()
        first = driver.run.state
        driver.played(8)
        driver.run.restart()
        driver.chunk()
        assert (driver.run.step, driver.run.state) == (0, first)

    def test_it_keeps_the_current_settings(self):
        driver = Driver().opened().played(4)
        driver.run.change({"alpha": 0.2}, now=driver.now)
        driver.run.restart()
        assert driver.run.start.alpha == driver.run.config.alpha == 0.2
        assert (driver.run.timeline, driver.run.marks, driver.run.playing) == ([], (), False)

    def test_the_curves_stay_as_a_ghost(self):
        driver = Driver().opened().played(8)
        curves = driver.run.history.curves()
        driver.run.restart()
        np.testing.assert_array_equal(loss_info(driver.run).ghost.raw, curves.raw)
        assert len(loss_info(driver.run).curves.raw) == 0

    def test_a_second_reset_at_once_keeps_the_ghost(self):
        driver = Driver().opened().played(8)
        driver.run.restart()
        driver.run.restart()
        assert len(driver.run.ghost.curves().raw) == 8

    def test_another_task_family_has_no_ghost(self):
        driver = Driver().opened().played(8)
        driver.run.restart(replace(TINY, {"tasks": LinearConfig()}))
        assert len(driver.run.ghost.curves().raw) == 0

    def test_another_task_family_does_not_show_the_levels_of_the_one_before(self):
        driver = Driver().opened()
        driver.run.restart(replace(TINY, {"tasks": LinearConfig()}))
        assert loss_info(driver.run).levels == ()

    def test_inner_paths_that_overflow_are_looked_at_without_a_warning(self):
        driver = Driver(replace(TINY, {"alpha": 5.0, "num_inner_steps": 5})).opened()
        assert path_info(driver.run) is not None

    def test_a_chunk_of_the_run_before_is_recognised(self):
        run = Driver().opened().run
        generation = run.generation
        run.restart()
        assert run.generation != generation


class TestDivergence:
    @pytest.fixture
    def driver(self, diverged_at: int) -> Driver:
        return Driver(EXPLOSIVE).opened().played(diverged_at + 20)

    def test_a_diverged_run_pauses_with_a_sentence(self, driver: Driver, diverged_at: int):
        run = driver.run
        assert (run.playing, run.status_kind, run.step) == (False, "diverged", diverged_at)
        assert "alpha" in run.status.sentence

    def test_it_is_marked_once(self, driver: Driver):
        assert texts(driver.run) == ["diverged"]

    def test_looking_at_it_again_marks_it_no_second_time(self, driver: Driver):
        driver.run.choose_task(None)
        driver.chunk()
        assert texts(driver.run) == ["diverged"]

    def test_its_last_good_state_is_looked_at(self, driver: Driver, diverged_at: int):
        while driver.run.is_due(driver.now):
            last = driver.chunk(frame_s=100.0)
            assert last.snapshot is not None
        assert driver.run.status_kind == "diverged"

    def test_the_next_change_trains_again(self, driver: Driver, diverged_at: int):
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk(steps=5)
        assert (driver.run.status_kind, driver.run.step) == ("running", diverged_at + 5)

    def test_a_change_does_not_resume_a_run_that_was_paused_since(self, driver: Driver, diverged_at: int):
        driver.run.pause()
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk()
        assert (driver.run.playing, driver.run.step) == (False, diverged_at)

    def test_play_goes_on_from_the_last_good_state(self, driver: Driver):
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.run.pause()
        driver.run.play()
        driver.chunk(steps=3)
        assert driver.run.status == Status()

    def test_a_single_step_goes_on_from_the_last_good_state(self, driver: Driver, diverged_at: int):
        driver.run.pause()
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.run.take_one_step()
        while driver.run.is_due(driver.now):
            driver.chunk()
        assert (driver.run.step, driver.run.playing) == (diverged_at + 1, False)

    def test_the_timeline_notes_the_roll_back_and_the_resume(self, driver: Driver, diverged_at: int):
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk(steps=2)
        assert [(entry.step, entry.kind) for entry in driver.run.timeline] == [
            (diverged_at, "rollback"),
            (diverged_at, "change"),
            (diverged_at, "resume"),
        ]

    def test_run_until_still_stops_there_after_a_resume(self, diverged_at: int):
        driver = Driver(EXPLOSIVE).opened()
        driver.run.run_until(diverged_at + 7)
        driver.chunk(steps=diverged_at + 7)
        assert driver.run.status_kind == "diverged"
        driver.run.change({"alpha": 0.01}, now=driver.now)
        for _ in range(5):
            if driver.run.is_due(driver.now):
                driver.chunk(steps=4)
        assert driver.run.step == diverged_at + 7


class TestLostChunk:
    def test_it_is_asked_for_again_and_gives_the_same(self):
        driver, undisturbed = Driver().opened().played(5), Driver().opened().played(5)
        for each in (driver, undisturbed):
            each.run.change({"alpha": 0.05}, now=each.now, change_id=3)
        driver.request(steps=6)
        driver.run.lost()
        assert driver.run.is_due(driver.now)
        driver.chunk(steps=6)
        undisturbed.chunk(steps=6)
        assert driver.run.state == undisturbed.run.state
        assert driver.run.timeline == undisturbed.run.timeline
        assert driver.run.change_id == 3

    def test_changes_made_meanwhile_come_after_the_lost_ones(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.05}, now=driver.now)
        driver.request()
        driver.run.change({"alpha": 0.07}, now=driver.now)
        driver.run.lost()
        assert driver.chunk(steps=1).config.alpha == 0.07

    def test_a_single_step_is_not_forgotten(self):
        driver = Driver().opened()
        driver.run.take_one_step()
        driver.request()
        driver.run.lost()
        driver.chunk()
        assert driver.run.step == 1

    def test_scheduled_changes_are_not_forgotten(self):
        driver = Driver(TINY, TestScheduled.TIMELINE).opened()
        driver.run.play()
        driver.request(steps=5)
        driver.run.lost()
        assert driver.chunk(steps=5).config.alpha == 0.05


class TestTask:
    def test_a_chosen_task_is_shown(self):
        driver = Driver().opened()
        driver.run.choose_task((2.0, 0.5))
        driver.chunk()
        assert driver.run.seen.fit is not None
        np.testing.assert_allclose(driver.run.seen.fit.parameters, [2.0, 0.5])

    def test_a_new_draw_has_other_points(self):
        driver = Driver().opened()
        before = fit_info(driver.run)
        driver.run.choose_task(None)
        driver.chunk()
        after = fit_info(driver.run)
        assert before is not None
        assert after is not None
        assert not np.array_equal(before.support_x, after.support_x)

    @pytest.mark.parametrize(
        "parameters",
        [(), (1.0,), (1.0, 2.0, 3.0), (float("nan"), 0.0), (1.0, float("inf")), (1e39, 0.5), (-1e300, 0.0)],
        ids=str,
    )
    def test_what_is_no_task_is_refused(self, parameters: tuple[float, ...]):
        driver = Driver().opened()
        with pytest.raises(ValueError, match="task"):
            driver.run.choose_task(parameters)
        assert driver.run.task_parameters is None
        assert not driver.run.is_due(driver.now)

    def test_looking_at_another_task_does_not_touch_the_run(self):
        driver = Driver().opened().played(4)
        driver.run.pause()
        state = driver.run.state
        driver.run.choose_task(None)
        driver.chunk()
        assert driver.run.state == state


class TestMemory:
    def test_the_trail_is_bounded_and_keeps_its_ends(self):
        driver = Driver().opened()
        first = driver.run.seen.thetas[0]
        driver.run.choose_task(None)
        result = driver.chunk()
        for i in range(3 * MAX_TRAIL):
            assert result.snapshot is not None
            assert result.snapshot.paths is not None
            paths = result.snapshot.paths._replace(theta_0=np.full_like(first, i))
            snapshot = dataclasses.replace(result.snapshot, paths=paths)
            driver.run.finished(dataclasses.replace(result, snapshot=snapshot), driver.now)
        assert len(driver.run.seen.thetas) <= MAX_TRAIL
        np.testing.assert_array_equal(driver.run.seen.thetas[0], first)
        np.testing.assert_array_equal(driver.run.seen.thetas[-1], np.full_like(first, 3 * MAX_TRAIL - 1))

    def test_the_trail_of_a_wide_network_is_bounded_in_bytes(self):
        driver = Driver().opened()
        driver.run.choose_task(None)
        result = driver.chunk()
        assert result.snapshot is not None
        assert result.snapshot.paths is not None
        assert driver.run.seen.plane is not None
        wide = 200_000
        plane = driver.run.seen.plane._replace(origin=np.zeros(wide, np.float32), basis=np.zeros((2, wide), np.float32))
        paths = result.snapshot.paths._replace(theta_0=np.zeros(wide, np.float32), plane=plane)
        driver.run.seen.thetas.clear()
        for _ in range(MAX_TRAIL):
            driver.run.finished(
                dataclasses.replace(result, snapshot=dataclasses.replace(result.snapshot, paths=paths)), driver.now
            )
        assert sum(theta.nbytes for theta in driver.run.seen.thetas) <= 64 * 2**20


LEARNED = {"meta_sgd": {"algorithm": "meta_sgd"}, "per step": {"per_step_rates": True, "num_inner_steps": 2}}


@pytest.mark.parametrize("changes", LEARNED.values(), ids=LEARNED)
class TestLearnedRates:
    def test_before_the_first_step_alpha_is_where_they_start(self, changes: dict[str, Any]):
        driver = Driver(replace(TINY, changes)).opened()
        assert driver.run.locked == {}
        driver.run.change({"alpha": 0.05}, now=driver.now)
        driver.chunk()
        assert driver.run.start.alpha == 0.05
        assert driver.run.seen.rates is not None
        assert driver.run.seen.rates.overall == pytest.approx(0.05)

    def test_while_it_trains_a_change_of_alpha_is_refused_before_a_chunk_could_fail(self, changes: dict[str, Any]):
        driver = Driver(replace(TINY, changes)).opened().played(3)
        with pytest.raises(ConfigError, match="learned"):
            driver.run.change({"alpha": 0.05}, now=driver.now)
        driver.chunk(steps=2)
        assert (driver.run.step, driver.run.config.alpha, driver.run.marks) == (5, TINY.alpha, ())
        assert driver.run.locked.keys() == {"alpha"}

    def test_a_chunk_in_flight_counts_as_training(self, changes: dict[str, Any]):
        driver = Driver(replace(TINY, changes)).opened()
        driver.run.play()
        driver.request(steps=2)
        with pytest.raises(ConfigError, match="learned"):
            driver.run.change({"alpha": 0.05}, now=driver.now)

    def test_other_settings_still_change(self, changes: dict[str, Any]):
        driver = Driver(replace(TINY, changes)).opened().played(3)
        driver.run.change({"beta": 0.01, "alpha": TINY.alpha}, now=driver.now)
        driver.chunk(steps=1)
        assert driver.run.config.beta == 0.01

    def test_after_a_reset_alpha_may_change_again(self, changes: dict[str, Any]):
        driver = Driver(replace(TINY, changes)).opened().played(3)
        driver.run.restart()
        assert driver.run.locked == {}

    def test_they_take_the_place_of_the_gauge(self, changes: dict[str, Any]):
        run = Driver(replace(TINY, changes)).opened().played(3).run
        assert gauge_info(run) is None
        info = rates_info(run)
        assert info is not None
        assert info.names == ("w0", "b0", "w1", "b1")
        assert info.median.shape == (len(info.median), 4)
        assert info.start == TINY.alpha
        assert "rates" in charts_of(run.config)
        assert "gauge" not in charts_of(run.config)


class TestOtherAlgorithms:
    @pytest.mark.parametrize("algorithm", ["anil", "meta_sgd", "meta_curvature", "reptile", "imaml"])
    def test_each_trains_and_replays(self, algorithm: str):
        driver = Driver(replace(TINY, {"algorithm": algorithm, "num_inner_steps": 2})).opened().played(7)
        assert driver.run.step == 7
        assert driver.run.state == replayed_state(driver.run)
        assert adaptation_info(driver.run).algorithm == {
            "anil": "ANIL",
            "meta_sgd": "Meta-SGD",
            "meta_curvature": "Meta-Curvature",
            "reptile": "Reptile",
            "imaml": "iMAML",
        }.get(algorithm)

    def test_without_learned_rates_the_gauge_stays(self):
        run = Driver().opened().run
        assert rates_info(run) is None
        assert gauge_info(run) is not None
        assert charts_of(TINY) == ("loss", "fit", "adaptation", "path", "gauge")

    def test_the_gauge_says_that_its_limit_is_of_the_head(self):
        info = gauge_info(Driver(replace(TINY, {"algorithm": "anil"})).opened().run)
        assert info is not None
        assert info.of == "of the head"

    def test_several_inputs_have_no_fit_and_say_why(self):
        config = replace(TINY, {"tasks": LinearConfig(num_features=3)})
        assert fit_info(Driver(config).opened().run) is None
        assert "3 inputs" in why_empty(config)["fit"]
        assert why_empty(TINY) == {}


def test_every_changeable_label_is_a_setting():
    assert LABELS.keys() <= set(RunConfig.__dataclass_fields__)


class TestUndo:
    def test_a_restart_is_undone_with_its_state_and_curves(self):
        driver = Driver(TINY).opened().played(25)
        run = driver.run
        state, history, step = run.state, run.history, run.step
        run.restart(replace(TINY, {"weights_seed": 5}))
        assert (run.step, run.num_left) == (0, 1)
        run.undo()
        assert (run.step, run.state, run.config, run.history) == (step, state, TINY, history)
        assert run.status_kind == "paused"

    def test_the_ghost_is_the_one_before(self):
        run = Driver(TINY).opened().played(25).run
        ghost = run.ghost
        run.restart()
        run.undo()
        assert run.ghost is ghost

    def test_what_it_replaces_can_be_brought_back_in_its_turn(self):
        driver = Driver(TINY).opened().played(25)
        first = driver.run.step
        driver.run.restart(replace(TINY, {"weights_seed": 5}))
        driver.played(30)
        second = driver.run.step
        driver.run.undo()
        assert driver.run.step == first
        driver.run.undo()
        assert (driver.run.step, driver.run.config.weights_seed) == (second, 5)

    def test_a_few_steps_are_not_kept_and_do_not_cost_what_was(self):
        driver = Driver(TINY).opened().played(25)
        step = driver.run.step
        driver.run.restart()
        driver.played(2).run.restart()
        assert driver.run.num_left == 1
        assert driver.run.before is not None
        assert driver.run.before.step == step

    def test_without_one_it_says_so(self):
        with pytest.raises(ValueError, match="no run before a restart"):
            LiveRun(TINY).undo()
