"""What a live run looks at, and when: driven by hand, chunk by chunk."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from dashboard.charts.all import charts_of
from dashboard.live.chart_data import results
from dashboard.live.latest import MAX_TRAIL
from dashboard.live.pacing import (
    HEAVY_PATIENCE,
    PATIENCE,
    PROMPT_S,
    SHARES,
    SHARES_OF_IMAGES,
    SHARES_OF_IMAGES_MEANWHILE,
    Pace,
    Pacing,
)
from dashboard.live.page import Page
from dashboard.live.run import LEAST_KEPT, LiveRun
from dashboard.live.training import LONG_STEP_S, status_kind
from dashboard.live.viewer import Viewer
from maml_core.config import LinearConfig, MLPConfig, replace
from maml_core.errors import ConfigError
from maml_core.planes import Trail
from tests.dashboard.live.driver import (
    IMAGES,
    TINY,
    Driver,
    adaptation_info,
    computed,
    fit_info,
    gauge_info,
    layers_info,
    loss_info,
    path_info,
    texts,
)


class TestOpening:
    def test_a_new_run_asks_for_a_look_at_outer_step_0(self):
        driver = Driver()
        assert driver.run.is_due(driver.now)
        request = driver.request()
        assert (request.num_steps, request.state, request.view is not None) == (0, None, True)

    def test_it_stands_still_and_is_ready_after_the_first_look(self):
        run = Driver().opened().run
        assert (run.step, status_kind(run), run.is_due(2000.0)) == (0, "ready", False)

    def test_every_chart_has_something_to_show_after_the_first_look(self):
        driver = Driver().opened()
        run, viewer = driver.run, driver.viewer
        infos = [fit_info(run, viewer), path_info(run, viewer), gauge_info(run)]
        assert None not in infos
        assert set(adaptation_info(run, viewer).trajectories) == {"maml", "random", "joint"}
        assert loss_info(run, viewer).levels[0].value == pytest.approx(4.2517, abs=1e-4)

    def test_the_keys_of_runs_differ(self):
        assert LiveRun(TINY).key != LiveRun(TINY).key


class TestMetric:
    def test_a_run_that_classifies_shows_accuracies_until_losses_are_asked_for(self):
        driver = Driver(IMAGES).opened().opened().played(6)  # a first look puts off what takes long
        run, viewer, shown = driver.run, driver.viewer, {}
        for metric in ("accuracy", "loss"):
            viewer.choose_metric(metric)
            shown[metric] = loss_info(run, viewer), adaptation_info(run, viewer)
        (shares, adapting), (losses, _) = shown["accuracy"], shown["loss"]
        summary = run.audience.seen.trajectories["maml"]
        assert summary.accuracy is not None
        assert (shares.metric, adapting.metric, losses.metric) == ("accuracy", "accuracy", "loss")
        assert [level.value for level in shares.levels] == [0.25]
        assert [level.value for level in losses.levels] == pytest.approx([np.log(4)])
        assert shares.curves.held_out_steps.tolist() == losses.curves.held_out_steps.tolist() == [0, 5]
        assert len(shares.curves.smoothed) == len(losses.curves.smoothed) == 6
        assert ((shares.curves.raw >= 0) & (shares.curves.raw <= 1)).all()
        np.testing.assert_array_equal(adapting.trajectories["maml"].mean, summary.accuracy)

    def test_accuracies_are_the_default(self):
        assert Viewer().metric(IMAGES) == "accuracy"

    def test_the_interval_of_an_accuracy_stays_within_0_and_1(self):
        driver = Driver(IMAGES).opened().opened()
        run = driver.run
        far = np.full(4, 0.9)
        run.audience.seen.trajectories["maml"] = run.audience.seen.trajectories["maml"]._replace(
            accuracy=far, accuracy_ci95=far / 3
        )
        line = adaptation_info(run, driver.viewer).trajectories["maml"]
        np.testing.assert_allclose([line.low, line.high], [far * 2 / 3, np.ones(4)])

    def test_regression_has_a_loss_only(self):
        driver = Driver()
        driver.viewer.choose_metric("accuracy")
        assert driver.viewer.metric(TINY) == loss_info(driver.run, driver.viewer).metric == "loss"

    def test_the_choice_and_the_ghost_in_both_metrics_survive_a_reset(self):
        driver = Driver(IMAGES).opened().played(6)
        run, viewer = driver.run, driver.viewer
        shares, losses = (run.history.curves(metric) for metric in ("accuracy", "loss"))
        viewer.choose_metric("loss")
        run.restart()
        assert viewer.metric(run.config) == "loss"
        np.testing.assert_array_equal(loss_info(run, viewer).ghosts[0].curves.smoothed, losses.smoothed)
        viewer.choose_metric("accuracy")
        np.testing.assert_array_equal(loss_info(run, viewer).ghosts[0].curves.smoothed, shares.smoothed)

    def test_another_metric_is_refused(self):
        viewer = Viewer()
        with pytest.raises(ValueError, match="metric 'F1': choose one of accuracy, loss"):
            viewer.choose_metric("F1")
        assert viewer.metric(IMAGES) == "accuracy"


class TestPutOff:
    def test_what_was_put_off_is_looked_at_even_where_everything_is_due_again(self):
        driver = Driver(IMAGES)
        parts: list[str] = []
        for _ in range(3):
            assert driver.run.is_due(driver.now)
            driver.run.audience.pacing.cost |= {"trajectories": 1.0, "slow": 1.0}
            snapshot = driver.chunk().snapshot
            assert snapshot is not None
            parts += [part for part in snapshot.seconds if part in ("trajectories", "curvature")]
            driver.now += 1000.0
        assert parts == ["trajectories", "curvature"]
        assert not driver.run.is_due(driver.now)

    def test_a_joint_baseline_comes_with_the_trajectories_that_were_put_off(self):
        driver = Driver(replace(IMAGES, {"joint_baseline": True}))
        for _ in range(3):
            driver.run.audience.pacing.cost |= {"trajectories": 1.0, "slow": 1.0}
            driver.chunk()
        assert set(driver.run.audience.seen.trajectories) == {"maml", "random", "joint"}
        assert driver.run.audience.seen.curvature is not None
        assert not driver.run.is_due(driver.now)


def looked(driver: Driver, **chunk: Any) -> set[str]:
    """The heavy looks of the next chunk, which here cost nothing that was not said before."""
    cost, request = dict(driver.run.audience.pacing.cost), driver.request(**chunk)
    driver.run.finished(computed(request), driver.now)
    driver.run.audience.pacing.cost |= cost
    return {name for name in ("trajectories", "curvature") if request.view is not None and getattr(request.view, name)}


class TestPace:
    def test_what_is_cheap_is_looked_at_at_once(self):
        driver = Driver()
        assert looked(driver) == {"trajectories", "curvature"}
        assert not driver.run.is_due(driver.now)

    def test_of_images_the_first_frame_comes_first(self):
        driver = Driver(IMAGES)
        assert looked(driver) == set()
        assert driver.viewer.fit is not None
        assert driver.run.is_due(driver.now)

    def test_whoever_waits_for_an_answer_waits_for_nothing_that_takes_long(self):
        driver = Driver().opened()
        driver.run.audience.pacing.cost |= {"trajectories": 2 * PROMPT_S, "slow": 2 * PROMPT_S}
        driver.now += 100.0
        driver.run.change({"alpha": 0.02}, now=driver.now)
        assert looked(driver) == set()
        assert looked(driver) == {"trajectories"}  # then one at a time, though the run stands still
        assert looked(driver) == {"curvature"}
        assert not driver.run.is_due(driver.now)

    def test_what_takes_less_is_part_of_the_answer(self):
        driver = Driver().opened()
        driver.run.audience.pacing.cost |= {"trajectories": PROMPT_S / 2, "slow": 2 * PROMPT_S}
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
        driver.run.audience.pacing.cost[kind] = 1.0
        driver.run.play()
        driver.trained(1.0 / SHARES[kind] - 0.1)
        assert look not in looked(driver, steps=1)
        driver.trained(0.2)
        assert look in looked(driver, steps=1)

    @pytest.mark.parametrize("meanwhile", [False, True])
    @pytest.mark.parametrize("kind", ["fit", "trajectories", "slow"])
    def test_looks_at_images_take_their_share_and_more_of_it_where_another_worker_takes_them(
        self, kind: str, meanwhile: bool
    ):
        pacing = Pacing(of_images=True)
        pacing.meanwhile = meanwhile
        pacing.cost = dict.fromkeys(pacing.cost, 1.0)
        pacing.owed = frozenset()
        for _ in range(3):  # the heavy ones, one at a time
            pacing.take(0.0, Pace(), playing=True, urgent=False, joint=False)
        assert SHARES_OF_IMAGES[kind] < min(SHARES[kind], SHARES_OF_IMAGES_MEANWHILE[kind])
        due_s = 1.0 / (SHARES_OF_IMAGES_MEANWHILE if meanwhile else SHARES_OF_IMAGES)[kind]
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
            result = computed(dataclasses.replace(request, num_steps=0 if request.num_steps == 0 else 1))
            driver.run.finished(result, driver.now)
            assert driver.run.state_config.alpha == alpha
            driver.run.seconds_per_step = 2 * LONG_STEP_S
        assert asked == [0, None, 0]
        driver.run.seconds_per_step = LONG_STEP_S / 2
        driver.run.change({"alpha": 0.05}, now=driver.now)
        assert driver.run.next_request(driver.now, budget_s=0.03, pace=Pace()).num_steps is None

    def test_frames_take_their_share_too(self):
        driver = Driver().opened()
        driver.run.audience.pacing.cost["fit"] = 1.0
        driver.run.play()
        driver.trained(1.0 / SHARES["fit"] - 0.1)
        assert driver.request(steps=1).view is None
        driver.trained(0.2)
        assert driver.request(steps=1).view is not None

    def test_where_little_is_trained_a_look_waits_longer_but_not_for_ever(self):
        driver = Driver().opened()
        driver.run.audience.pacing.cost["fit"] = 1.0
        driver.run.play()
        driver.now += PATIENCE / SHARES["fit"] - 0.1
        assert driver.request(steps=1).view is None
        driver.now += 0.2
        assert driver.request(steps=1).view is not None

    def test_in_a_crowd_that_hardly_trains_heavy_looks_wait_longer_and_frames_do_not(self):
        pacing, pace = Pacing(of_images=False), Pace(frame_s=0.25, trajectories_s=4.0, slow_s=16.0)
        pacing.cost |= {"fit": 0.007, "trajectories": 0.015, "slow": 0.045}
        assert pacing.take(0.0, pace, playing=True, urgent=False, joint=False) >= {"trajectories", "slow"}
        assert pacing.is_due("fit", 0.26, pace.frame_s, playing=True)
        for kind, least_s in (("trajectories", pace.trajectories_s), ("slow", pace.slow_s)):
            assert not pacing.is_due(kind, HEAVY_PATIENCE * least_s - 0.1, least_s, playing=True)
            assert pacing.is_due(kind, HEAVY_PATIENCE * least_s + 0.1, least_s, playing=True)
            pacing.trained_s = pacing.cost[kind] * (1.0 / SHARES[kind] - 1.0) + 0.001  # it has trained enough
            assert pacing.is_due(kind, least_s + 0.1, least_s, playing=True)
            pacing.trained_s = 0.0
        assert "trajectories" in pacing.take(1.0, pace, playing=True, urgent=True, joint=False)  # somebody waits

    def test_what_a_look_costs_is_measured(self):
        driver = Driver(IMAGES).opened()
        result = driver.chunk()
        assert result.snapshot is not None
        seconds = dict(result.snapshot.seconds)
        assert driver.run.audience.pacing.cost["trajectories"] == seconds.pop("trajectories") > 0.0
        assert driver.run.audience.pacing.cost["fit"] == pytest.approx(sum(seconds.values()))

    def test_a_chunk_that_fails_leaves_nothing_to_look_at(self):
        driver = Driver(IMAGES)
        driver.request()
        driver.run.failed("It failed.")
        assert not driver.run.is_due(driver.now + 1000.0)

    def test_a_change_that_cannot_be_computed_is_taken_back_and_the_run_trains_on(self):
        driver = Driver().opened().played(5)
        before = driver.run.config
        driver.run.change({"shots": 7}, now=driver.now)
        driver.request(steps=3)
        assert driver.run.failed("It failed.")
        assert (driver.run.config, driver.run.playback.playing, driver.run.step) == (before, True, 5)
        assert "It failed." not in driver.run.sentence
        result = driver.chunk(steps=2)
        assert (result.step, result.config) == (7, before)
        assert driver.run.changes.done == []

    @pytest.mark.parametrize("steps", [5, LEAST_KEPT + 5])
    def test_a_restart_that_cannot_be_computed_gives_the_settings_back(self, steps: int):
        driver = Driver().opened().played(steps)
        before = driver.run.config
        driver.run.change({"model": MLPConfig(hidden_widths=(9,))}, now=driver.now)
        assert driver.run.step == 0
        driver.request()
        assert not driver.run.failed("It failed.")
        assert driver.run.config == before
        assert driver.run.step == (0 if steps < LEAST_KEPT else steps)
        assert driver.run.sentence == "It failed. The settings from before are back."
        driver.chunk()
        assert driver.run.config == before

    def test_one_that_fails_twice_is_not_given_back_for_ever(self):
        driver = Driver().opened().played(5)
        driver.run.change({"model": MLPConfig(hidden_widths=(9,))}, now=driver.now)
        for _ in range(2):
            driver.request()
            driver.run.failed("It failed.")
        assert driver.run.sentence.startswith("It failed. The run stands")

    def test_one_that_fails_without_a_change_stands_still_and_says_why(self):
        driver = Driver().opened().played(5)
        driver.request(steps=3)
        assert not driver.run.failed("It failed.")
        assert not driver.run.playback.playing
        assert (
            driver.run.sentence == "It failed. The run stands at its last good step: choose other settings, or reset."
        )

    def test_a_change_while_it_stands_that_cannot_be_computed_is_said(self):
        driver = Driver().opened().played(5)
        driver.run.pause()
        driver.run.change({"shots": 7}, now=driver.now)
        driver.request()
        assert not driver.run.failed("It failed.")
        assert driver.run.sentence.startswith("It failed. The run stands")

    def test_a_look_that_was_lost_is_made_up_for(self):
        driver = Driver(IMAGES)
        found = [looked(driver), looked(driver)]
        driver.request()  # the curvature
        driver.run.lost()
        found += [looked(driver), looked(driver), looked(driver)]
        assert found == [set(), {"trajectories"}, set(), {"trajectories"}, {"curvature"}]


def pauses(driver: Driver) -> None:
    driver.run.pause()


def takes_a_step(driver: Driver) -> None:
    driver.run.take_one_step()


def is_changed_standing(driver: Driver) -> None:
    driver.run.pause()
    driver.chunk()
    driver.run.change({"alpha": 0.05}, now=driver.now)


def diverges(driver: Driver) -> None:
    driver.run.change({"alpha": 10.0}, now=driver.now)
    while driver.run.status.kind == "ok":
        driver.chunk(steps=1)


@pytest.mark.parametrize("stands", [pauses, takes_a_step, is_changed_standing, diverges])
def test_what_is_shown_of_a_run_that_stands_is_of_where_it_stands(stands: Callable[[Driver], None]) -> None:
    """Also what moves slowly: nobody looks at it again by itself. No time passes here, so that nothing is due by the clock."""
    driver = Driver().opened().played(3)
    stands(driver)
    while driver.run.is_due(driver.now):
        driver.chunk()
    point = driver.run.audience.seen.edge[-1]
    assert (point.step, point.alpha) == (driver.run.step, driver.run.config.alpha)


def test_a_run_that_stands_is_looked_at_once_more_and_not_for_ever_where_nothing_is_found() -> None:
    driver = Driver().opened().played(3)
    driver.run.pause()
    for _ in range(3):
        if driver.run.is_due(driver.now):
            result = computed(driver.request())
            driver.run.finished(dataclasses.replace(result, snapshot=None), driver.now)
    assert not driver.run.is_due(driver.now)


class TestWeightsChart:
    def test_only_the_one_that_is_shown_is_computed(self):
        driver = Driver()
        for chart, expected in (("path", (True, False)), ("layers", (False, True)), ("path", (True, False))):
            driver.viewer.choose_weights_chart(chart)
            view = driver.request().view
            assert view is not None
            assert (view.paths, view.moves) == expected

    def test_the_layers_take_the_place_of_the_paths(self):
        driver = Driver(replace(TINY, {"num_inner_steps": 2})).opened()
        assert layers_info(driver.run, driver.viewer) is None
        driver.viewer.choose_weights_chart("layers")
        assert driver.run.is_due(driver.now)  # shown at once, though the run stands still
        driver.chunk()
        info = layers_info(driver.run, driver.viewer)
        assert info is not None
        assert path_info(driver.run, driver.viewer) is None
        assert info.names == ("hidden 1", "head")
        assert info.median.shape == (3, 2)
        assert (info.median[0] == 0).all()
        assert (info.median[2] > 0).all()

    def test_the_gauges_history_has_a_point_for_each_look_at_the_curvature(self):
        driver = Driver().opened()
        driver.run.play()
        for _ in range(2):
            driver.trained(60.0)
            driver.chunk(steps=5)
        edge = results(driver.run, driver.viewer).edge
        assert [(point.step, point.alpha) for point in edge] == [(0, TINY.alpha), (5, TINY.alpha), (10, TINY.alpha)]
        assert edge[-1].curvature == driver.run.audience.seen.curvature
        driver.run.restart()
        assert not results(driver.run, driver.viewer).edge

    def test_anils_body_stands_still(self):
        driver = Driver(replace(IMAGES, {"algorithm": "anil"}))
        driver.viewer.choose_weights_chart("layers")
        info = layers_info(driver.opened().run, driver.viewer)
        assert info is not None
        assert info.high[:, 0].tolist() == [0.0, 0.0, 0.0]
        assert info.median[-1, 1] > 0

    def test_a_run_has_one_of_the_two(self):
        assert [chart for chart in charts_of(TINY) if chart in ("path", "layers")] == ["path"]
        assert [chart for chart in charts_of(TINY, "layers") if chart in ("path", "layers")] == ["layers"]

    def test_the_choice_survives_a_reset(self):
        driver = Driver().opened()
        driver.viewer.choose_weights_chart("layers")
        driver.run.restart()
        assert driver.viewer.weights_chart == "layers"
        assert layers_info(driver.run, driver.viewer) is None  # of the run before

    def test_another_chart_is_refused(self):
        with pytest.raises(ValueError, match="chart 'loss': choose one of path, layers"):
            Viewer().choose_weights_chart("loss")


class TestBaselines:
    def test_an_oracle_is_on_the_chart_when_the_run_has_one(self):
        driver = Driver(replace(TINY, {"oracle_baseline": True})).opened()
        first = adaptation_info(driver.run, driver.viewer).trajectories["oracle"].mean
        driver.now += 10.0
        second = adaptation_info(driver.played(5).run, driver.viewer).trajectories["oracle"].mean
        assert len(set(first)) == len(set(second)) == 1  # it does not adapt
        assert first[0] != second[0]

    def test_scratch_is_computed_once_and_stays_on_the_chart(self):
        driver = Driver().opened()
        driver.run.audience.show_scratch(True, driver.run.config)
        assert driver.run.is_due(driver.now)
        while driver.run.is_due(driver.now):
            driver.chunk()
        shown = driver.run.audience.seen.trajectories["scratch"]
        driver.now += 10.0
        view = driver.request().view
        assert view is not None
        assert (view.trajectories, view.scratch) == (True, False)
        driver.played(5)
        assert driver.run.audience.seen.trajectories["scratch"] is shown

    def test_scratch_is_computed_again_when_the_points_change(self):
        driver = Driver().opened()
        driver.run.audience.show_scratch(True, driver.run.config)
        driver.chunk()
        before = driver.run.audience.seen.trajectories["scratch"].mean
        driver.played(1)
        driver.run.change({"shots": 5}, now=driver.now)
        driver.chunk()
        assert driver.run.audience.seen.trajectories["scratch"].mean[0] != before[0]

    def test_switched_off_it_leaves_the_chart_also_when_a_chunk_was_under_way(self):
        driver = Driver().opened()
        driver.run.audience.show_scratch(True, driver.run.config)
        request = driver.request()
        driver.run.audience.show_scratch(False, driver.run.config)
        driver.run.finished(computed(request), driver.now)
        assert "scratch" not in driver.run.audience.seen.trajectories
        driver.run.audience.show_scratch(True, driver.run.config)
        driver.chunk()
        assert "scratch" in driver.run.audience.seen.trajectories
        driver.run.audience.show_scratch(False, driver.run.config)
        assert "scratch" not in driver.run.audience.seen.trajectories

    def test_a_restart_computes_it_anew(self):
        driver = Driver().opened()
        driver.run.audience.show_scratch(True, driver.run.config)
        driver.chunk()
        before = driver.run.audience.seen.trajectories["scratch"].mean
        driver.run.restart(replace(TINY, {"weights_seed": 1}))
        driver.chunk()
        assert driver.run.audience.seen.trajectories["scratch"].mean[0] != before[0]

    def test_what_would_take_too_long_is_refused_and_left_out_when_it_becomes_so(self):
        large = replace(TINY, {"evaluation_tasks": 1000, "model": MLPConfig(hidden_widths=(40, 40))})
        driver = Driver(large)
        with pytest.raises(ConfigError, match="too much work to train from scratch"):
            driver.run.audience.show_scratch(True, driver.run.config)
        assert not driver.run.audience.scratch
        driver.run.restart(TINY)
        driver.run.audience.show_scratch(True, driver.run.config)
        driver.run.restart(large)
        view = driver.request().view
        assert view is not None
        assert not view.scratch


class TestTask:
    def test_a_chosen_task_is_shown(self):
        driver = Driver().opened()
        driver.viewer.choose_task((2.0, 0.5), driver.run.config.tasks)
        driver.chunk()
        assert driver.viewer.fit is not None
        np.testing.assert_allclose(driver.viewer.fit.parameters, [2.0, 0.5])

    def test_a_new_draw_has_other_points(self):
        driver = Driver().opened()
        before = fit_info(driver.run, driver.viewer)
        driver.viewer.draw_task()
        driver.chunk()
        after = fit_info(driver.run, driver.viewer)
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
            driver.viewer.choose_task(parameters, driver.run.config.tasks)
        assert driver.viewer.task_parameters is None
        assert not driver.run.is_due(driver.now)

    def test_looking_at_another_task_does_not_touch_the_run(self):
        driver = Driver().opened().played(4)
        driver.run.pause()
        state = driver.run.state
        driver.viewer.draw_task()
        driver.chunk()
        assert driver.run.state == state


class TestMemory:
    def test_the_trail_is_bounded_and_keeps_its_ends(self):
        driver = Driver().opened()
        first = driver.run.audience.seen.trail.thetas[0]
        driver.viewer.draw_task()
        result = driver.chunk()
        for i in range(3 * MAX_TRAIL):
            assert result.snapshot is not None
            assert result.snapshot.paths is not None
            paths = result.snapshot.paths._replace(theta_0=np.full_like(first, i))
            snapshot = dataclasses.replace(result.snapshot, paths=paths)
            driver.run.finished(dataclasses.replace(result, snapshot=snapshot), driver.now)
        assert len(driver.run.audience.seen.trail.thetas) <= MAX_TRAIL
        np.testing.assert_array_equal(driver.run.audience.seen.trail.thetas[0], first)
        np.testing.assert_array_equal(driver.run.audience.seen.trail.thetas[-1], np.full_like(first, 3 * MAX_TRAIL - 1))

    def test_the_trail_of_a_wide_network_is_bounded_in_bytes(self):
        driver = Driver().opened()
        driver.viewer.draw_task()
        result = driver.chunk()
        assert result.snapshot is not None
        assert result.snapshot.paths is not None
        assert driver.run.audience.seen.plane is not None
        wide = 200_000
        plane = driver.run.audience.seen.plane._replace(
            origin=np.zeros(wide, np.float32), basis=np.zeros((2, wide), np.float32)
        )
        paths = result.snapshot.paths._replace(theta_0=np.zeros(wide, np.float32), plane=plane)
        driver.run.audience.seen.trail = Trail()
        for _ in range(MAX_TRAIL):
            driver.run.finished(
                dataclasses.replace(result, snapshot=dataclasses.replace(result.snapshot, paths=paths)), driver.now
            )
        assert sum(theta.nbytes for theta in driver.run.audience.seen.trail.thetas) <= 64 * 2**20


class TestBesideTraining:
    def test_a_baseline_that_is_switched_on_says_since_when(self):
        driver = Driver(replace(TINY, {"joint_baseline": False})).opened().played(6)
        driver.run.change({"joint_baseline": True}, now=driver.now)
        driver.chunk(steps=2)
        assert driver.run.changes.late_baselines == {"joint": 6}
        assert texts(driver.run) == ["joint off -> on"]
        driver.run.change({"joint_baseline": False}, now=driver.now + 10)
        driver.chunk(steps=1)
        assert driver.run.changes.late_baselines == {}

    def test_the_page_goes_on_when_a_baseline_is_switched_on(self):
        driver = Driver(replace(TINY, {"joint_baseline": False})).opened().played(6)
        page = Page(driver.run, driver.now)
        outbox = page.connect(driver.now)
        driver.run.change({"joint_baseline": True}, now=driver.now)
        driver.chunk(steps=2)
        page.tell()
        told = [json.loads(outbox.get_nowait()) for _ in range(outbox.qsize())]
        (figures,) = (message for message in told if message["type"] == "figures")
        names = [trace["name"] for trace in figures["light"]["adaptation"]["data"]]
        assert "joint pretraining, since step 6" in names

    def test_a_baseline_that_is_there_from_the_start_does_not(self):
        assert Driver().opened().played(3).run.changes.late_baselines == {}

    def test_more_inner_steps_at_evaluation_leave_no_mark_and_no_line_of_another_length(self):
        driver = Driver().opened().played(6)
        driver.run.change({"evaluation_steps": 4}, now=driver.now)
        driver.run.pause()
        driver.now += 10.0
        driver.chunk()
        assert texts(driver.run) == []
        lengths = {name: len(line.mean) for name, line in driver.run.audience.seen.trajectories.items()}
        assert lengths["maml"] == 5
        assert set(lengths.values()) == {5}

    def test_training_from_scratch_is_drawn_over_the_new_steps_without_being_trained_again(self, monkeypatch):
        driver = Driver().opened()
        driver.run.audience.show_scratch(True, driver.run.config)
        driver.chunk()
        level = driver.run.audience.seen.trajectories["scratch"].mean[0]

        def never(*_: Any, **__: Any) -> None:
            raise AssertionError("trained again")

        monkeypatch.setattr("maml_core.snapshots.scratch_evaluation", never)
        driver.run.change({"evaluation_steps": 4}, now=driver.now)
        driver.now += 10.0
        driver.chunk()
        assert driver.run.audience.seen.trajectories["scratch"].mean.tolist() == [level] * 5


def test_what_is_computed_once_does_not_put_the_next_looks_off():
    pacing = Pacing(of_images=False)
    pacing.take(0.0, Pace(), playing=True, urgent=False, joint=False)
    pacing.measured({"fit": 0.001, "trajectories": 0.01, "scratch": 3.0})
    pacing.trained_s = 0.2
    assert pacing.is_due("trajectories", 0.2, 0.14, playing=True)
    assert pacing.is_due("fit", 0.2, 0.14, playing=True)


@pytest.mark.parametrize(("tasks", "own"), [(TINY.tasks, False), (LinearConfig(), True)], ids=["sinusoid", "linear"])
def test_lines_are_drawn_as_far_as_the_task_goes(tasks: Any, own: bool):
    driver = Driver(replace(TINY, {"tasks": tasks})).opened()
    info = fit_info(driver.run, driver.viewer)
    assert info is not None
    assert info.own_axis is own
