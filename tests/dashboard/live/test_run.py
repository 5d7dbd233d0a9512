"""The state machine of one live run, driven by hand: play, change, replay, restart, diverge."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.live.change_marks import DRAG_S
from dashboard.live.run import LiveRun
from dashboard.live.training import status_kind
from dashboard.setups import address
from maml_core.config import LinearConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.records import Entry, Status
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes
from tests.dashboard.live.driver import EXPLOSIVE, TINY, Driver, computed, loss_info, path_info, replayed_state, texts


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
        driver.run.finished(computed(request), driver.now)
        assert (driver.run.step, status_kind(driver.run)) == (7, "paused")
        while driver.run.is_due(driver.now):
            assert driver.chunk().step == 7  # the last looks
        assert not driver.run.is_due(driver.now + 10.0)

    def test_single_steps_add_up(self):
        driver = Driver().opened()
        for _ in range(3):
            driver.run.take_one_step()
        while driver.run.is_due(driver.now):
            driver.chunk()
        assert (driver.run.step, status_kind(driver.run)) == (3, "paused")

    def test_a_single_step_ends_playing(self):
        driver = Driver().opened().played(4)
        driver.run.take_one_step()
        while driver.run.is_due(driver.now):
            driver.chunk()
        assert (driver.run.step, driver.run.playback.playing) == (5, False)

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
        assert (driver.run.step, status_kind(driver.run)) == (23, "paused")

    def test_run_until_at_a_slow_speed_stops_exactly_there(self):
        driver = Driver().opened()
        driver.run.playback.set_speed(1000.0)
        driver.run.run_until(3)
        while driver.run.playback.playing:
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
        assert (driver.run.playback.playing, driver.run.playback.stop_at) == (False, None)

    def test_play_forgets_the_step_to_stop_at(self):
        driver = Driver().opened()
        driver.run.run_until(10)
        driver.run.play()
        assert driver.request().num_steps is None


class TestSpeed:
    def test_a_slow_run_takes_one_step_a_chunk(self):
        driver = Driver().opened()
        driver.run.playback.set_speed(10.0)
        driver.run.play()
        driver.now += 5.0
        assert driver.request().num_steps == 1

    def test_a_slow_run_waits_between_its_steps(self):
        driver = Driver().opened()
        driver.run.playback.set_speed(10.0)
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
        driver.run.playback.set_speed(1.0)
        driver.run.play()
        driver.chunk()
        assert driver.run.step == 1
        assert not driver.run.is_due(driver.now + 0.5)

    def test_what_people_do_in_slow_motion_takes_no_extra_steps(self):
        driver = Driver().opened()
        driver.run.playback.set_speed(1.0)
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
        driver.run.playback.set_speed(1.0)
        driver.run.play()
        driver.chunk()
        for _ in range(20):
            driver.now += 0.02
            driver.viewer.draw_task()
            driver.chunk()
        assert driver.run.playback.seconds_until_due(driver.now) <= 1.0

    @pytest.mark.parametrize("speed", [0, -1.0, 0.05, 1001.0, "10", float("nan"), float("inf"), [1]])
    def test_a_speed_that_is_none_is_refused(self, speed: Any):
        run = LiveRun(TINY)
        run.playback.set_speed(3.0)
        with pytest.raises(ValueError, match="speed"):
            run.playback.set_speed(speed)
        assert run.playback.steps_per_s == 3.0

    def test_as_fast_as_possible_is_no_speed(self):
        driver = Driver().opened()
        driver.run.playback.set_speed(1.0)
        driver.run.playback.set_speed(None)
        driver.run.play()
        assert driver.request().num_steps is None


class TestChanging:
    def test_a_change_before_the_first_step_acts_and_leaves_no_mark(self):
        driver = Driver().opened()
        driver.run.change({"alpha": 0.1}, now=driver.now)
        result = driver.chunk()
        assert result.config.alpha == 0.1
        assert driver.run.changes.marks.all == ()

    def test_a_change_while_it_plays_is_in_the_next_chunk(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        request = driver.request()
        assert [(entry.step, dict(entry.changes)) for entry in request.timeline] == [(5, {"alpha": 0.1})]

    def test_a_change_while_it_plays_is_marked_where_it_acts(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        driver.chunk(steps=4)
        assert [(mark.step, mark.text) for mark in driver.run.changes.marks.all] == [(5, "alpha 0.01 -> 0.1")]
        assert [entry.step for entry in driver.run.changes.done] == [5]

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
        driver.run.finished(computed(request), driver.now)
        driver.chunk(steps=2)
        assert [(entry.step, entry.kind) for entry in driver.run.changes.done] == [(11, "change")]
        assert [mark.step for mark in driver.run.changes.marks.all] == [11]

    def test_a_change_during_the_first_chunk_is_marked(self):
        driver = Driver().opened()
        driver.run.play()
        request = driver.request(steps=6)
        driver.run.change({"alpha": 0.1}, now=driver.now)
        driver.run.finished(computed(request), driver.now)
        driver.chunk(steps=2)
        assert [(mark.step, mark.text) for mark in driver.run.changes.marks.all] == [(6, "alpha 0.01 -> 0.1")]

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
        assert [(mark.step, mark.text) for mark in driver.run.changes.marks.all] == [(5, "alpha 0.01 -> 0.05")]

    def test_a_slow_drag_leaves_one_mark_and_the_next_drag_another(self):
        driver = Driver().opened().played(5)
        for alpha, drag in ((0.02, 1), (0.03, 1), (0.05, 1), (0.04, 2), (0.02, 2)):
            driver.run.change({"alpha": alpha}, now=driver.now, drag=drag)
            driver.chunk(steps=1)
            driver.now += 10 * DRAG_S
        assert [(mark.step, mark.text) for mark in driver.run.changes.marks.all] == [
            (5, "alpha 0.01 -> 0.05"),
            (8, "alpha 0.05 -> 0.02"),
        ]

    def test_two_slow_typed_values_are_two_marks(self):
        driver = Driver().opened().played(5)
        for alpha in (0.02, 0.03):
            driver.run.change({"alpha": alpha}, now=driver.now)
            driver.chunk(steps=1)
            driver.now += 10 * DRAG_S
        assert len(driver.run.changes.marks.all) == 2

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
        assert driver.run.changes.marks.all == ()

    def test_the_same_value_again_is_no_change(self):
        driver = Driver().opened().played(5)
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk(steps=1)
        assert (driver.run.changes.done, driver.run.changes.marks.all) == ([], ())

    def test_changes_of_one_chunk_are_one_entry(self):
        driver = Driver().opened().played(5)
        for alpha in (0.02, 0.03, 0.05):
            driver.run.change({"alpha": alpha}, now=driver.now)
        driver.run.change({"shots": 7}, now=driver.now)
        driver.chunk(steps=1)
        assert [(entry.step, dict(entry.changes)) for entry in driver.run.changes.done] == [
            (5, {"alpha": 0.05, "shots": 7})
        ]

    def test_the_page_learns_which_change_a_chunk_has_seen(self):
        driver = Driver().opened().played(2)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        driver.viewer.expect(7)
        request = driver.request(steps=1)
        driver.run.change({"alpha": 0.03}, now=driver.now)
        driver.viewer.expect(8)
        driver.run.finished(computed(request), driver.now)
        assert driver.viewer.change_id == 7
        driver.chunk(steps=1)
        assert driver.viewer.change_id == 8

    def test_a_change_is_looked_at_at_once(self):
        driver = Driver().opened().played(2)
        driver.run.change({"alpha": 0.02}, now=driver.now)
        assert driver.request(frame_s=1000.0).view is not None

    @pytest.mark.parametrize(
        "changes",
        [
            {"alpha": -101.0},
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
        assert (driver.run.config, driver.run.step, driver.run.playback.playing) == (before, 3, True)
        assert driver.request().timeline == ()

    def test_what_cannot_change_while_it_trains_starts_again(self):
        driver = Driver().opened().played(3)
        driver.run.change({"weights_seed": 5}, now=driver.now)
        assert (driver.run.step, driver.run.changes.start.weights_seed, status_kind(driver.run)) == (0, 5, "ready")


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
        driver.run.finished(computed(request), driver.now)
        driver.run.run_until(60)
        while driver.run.is_due(driver.now):
            driver.chunk(steps=17)
        assert driver.run.step == 60
        assert len(driver.run.changes.done) == 4
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

        doomed.append(theta_at_50(driver.run.changes.start))
        monkeypatch.setattr(MLP, "is_dead", is_dead)
        driver.chunk(steps=3)
        assert (status_kind(driver.run), driver.run.step) == ("dead", 50)
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
        query = dict(
            pair.split("=") for pair in address.write(driver.run.changes.start, driver.run.changes.done).split("&")
        )
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
        query = dict(
            pair.split("=") for pair in address.write(driver.run.changes.start, driver.run.changes.done).split("&")
        )
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
        assert tuple(driver.run.changes.done) == self.TIMELINE

    def test_it_is_replayed_in_slow_motion(self):
        driver = Driver(TINY, self.TIMELINE).opened()
        driver.run.playback.set_speed(1000.0)
        driver.run.run_until(10)
        while driver.run.playback.playing:
            driver.now += 1.0
            driver.chunk()
        assert tuple(driver.run.changes.done) == self.TIMELINE
        assert driver.run.config == replace(TINY, {"alpha": 0.05, "shots": 6})

    def test_the_status_says_so_until_its_end(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(5)
        assert status_kind(driver.run) == "replaying"
        driver.chunk(steps=5)
        assert status_kind(driver.run) == "running"

    def test_its_changes_are_marked(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(10)
        assert [(mark.step, mark.text) for mark in driver.run.changes.marks.all] == [
            (3, "alpha 0.01 -> 0.05"),
            (8, "shots 3 -> 6"),
        ]

    def test_its_changes_are_marked_when_play_is_pressed_before_the_first_look(self):
        driver = Driver(TINY, self.TIMELINE).played(10)
        assert [mark.step for mark in driver.run.changes.marks.all] == [3, 8]

    def test_a_change_by_hand_ends_it(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(5)
        driver.run.change({"beta": 0.01}, now=driver.now)
        driver.chunk(steps=10)
        assert driver.run.config.shots == 3
        assert [dict(entry.changes) for entry in driver.run.changes.done] == [{"alpha": 0.05}, {"beta": 0.01}]

    def test_a_change_by_hand_during_a_chunk_keeps_what_that_chunk_replayed(self):
        driver = Driver(TINY, self.TIMELINE).opened()
        driver.run.play()
        request = driver.request(steps=5)
        driver.run.change({"beta": 0.01}, now=driver.now)
        driver.run.finished(computed(request), driver.now)
        driver.chunk(steps=5)
        assert [(entry.step, dict(entry.changes)) for entry in driver.run.changes.done] == [
            (3, {"alpha": 0.05}),
            (5, {"beta": 0.01}),
        ]
        assert replayed_state(driver.run) == driver.run.state

    def test_a_change_by_hand_during_a_chunk_shows_the_settings_that_act(self):
        driver = Driver(TINY, self.TIMELINE).opened()
        driver.run.play()
        request = driver.request(steps=5)
        driver.run.change({"beta": 0.01}, now=driver.now)
        driver.run.finished(computed(request), driver.now)
        result = driver.chunk(steps=1)
        assert driver.run.config == result.config == replace(TINY, {"alpha": 0.05, "beta": 0.01})

    def test_a_reset_begins_it_again(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(5)
        driver.run.restart()
        assert driver.request().timeline == tuple(self.TIMELINE)

    def test_a_restart_with_another_set_up_drops_it(self):
        driver = Driver(TINY, self.TIMELINE).opened().played(5)
        driver.run.restart(replace(TINY, {"weights_seed": 3}))
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
        assert driver.run.changes.start.alpha == driver.run.config.alpha == 0.2
        assert (driver.run.changes.done, driver.run.changes.marks.all, driver.run.playback.playing) == ([], (), False)

    def test_the_curves_stay_as_a_ghost(self):
        driver = Driver().opened().played(8)
        curves = driver.run.history.curves()
        driver.run.restart()
        np.testing.assert_array_equal(loss_info(driver.run, driver.viewer).ghosts[0].curves.after, curves.after)
        assert len(loss_info(driver.run, driver.viewer).curves.raw) == 0

    def test_a_second_reset_at_once_keeps_the_ghost(self):
        driver = Driver().opened().played(8)
        driver.run.restart()
        driver.run.restart()
        assert [ghost.step for ghost in driver.run.ghosts.all] == [8]

    def test_another_task_family_has_no_ghost(self):
        driver = Driver().opened().played(8)
        driver.run.restart(replace(TINY, {"tasks": LinearConfig()}))
        assert driver.run.ghosts.all == ()

    def test_another_task_family_does_not_show_the_levels_of_the_one_before(self):
        driver = Driver().opened()
        driver.run.restart(replace(TINY, {"tasks": LinearConfig()}))
        assert loss_info(driver.run, driver.viewer).levels == ()

    def test_inner_paths_that_overflow_are_looked_at_without_a_warning(self):
        driver = Driver(replace(TINY, {"alpha": 5.0, "num_inner_steps": 5})).opened()
        assert path_info(driver.run, driver.viewer) is not None

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
        assert (run.playback.playing, status_kind(run), run.step) == (False, "diverged", diverged_at)
        assert "alpha" in run.status.sentence

    def test_it_is_marked_once(self, driver: Driver):
        assert texts(driver.run) == ["diverged"]

    def test_looking_at_it_again_marks_it_no_second_time(self, driver: Driver):
        driver.viewer.draw_task()
        driver.chunk()
        assert texts(driver.run) == ["diverged"]

    def test_its_last_good_state_is_looked_at(self, driver: Driver, diverged_at: int):
        while driver.run.is_due(driver.now):
            last = driver.chunk(frame_s=100.0)
            assert last.snapshot is not None
        assert status_kind(driver.run) == "diverged"

    def test_the_next_change_trains_again(self, driver: Driver, diverged_at: int):
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk(steps=5)
        assert (status_kind(driver.run), driver.run.step) == ("running", diverged_at + 5)

    def test_a_change_does_not_resume_a_run_that_was_paused_since(self, driver: Driver, diverged_at: int):
        driver.run.pause()
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk()
        assert (driver.run.playback.playing, driver.run.step) == (False, diverged_at)

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
        assert (driver.run.step, driver.run.playback.playing) == (diverged_at + 1, False)

    def test_the_timeline_notes_the_roll_back_and_the_resume(self, driver: Driver, diverged_at: int):
        driver.run.change({"alpha": 0.01}, now=driver.now)
        driver.chunk(steps=2)
        assert [(entry.step, entry.kind) for entry in driver.run.changes.done] == [
            (diverged_at, "rollback"),
            (diverged_at, "change"),
            (diverged_at, "resume"),
        ]

    def test_run_until_still_stops_there_after_a_resume(self, diverged_at: int):
        driver = Driver(EXPLOSIVE).opened()
        driver.run.run_until(diverged_at + 7)
        driver.chunk(steps=diverged_at + 7)
        assert status_kind(driver.run) == "diverged"
        driver.run.change({"alpha": 0.01}, now=driver.now)
        for _ in range(5):
            if driver.run.is_due(driver.now):
                driver.chunk(steps=4)
        assert driver.run.step == diverged_at + 7


class TestLostChunk:
    def test_it_is_asked_for_again_and_gives_the_same(self):
        driver, undisturbed = Driver().opened().played(5), Driver().opened().played(5)
        for each in (driver, undisturbed):
            each.run.change({"alpha": 0.05}, now=each.now)
            each.viewer.expect(3)
        driver.request(steps=6)
        driver.run.lost()
        assert driver.run.is_due(driver.now)
        driver.chunk(steps=6)
        undisturbed.chunk(steps=6)
        assert driver.run.state == undisturbed.run.state
        assert driver.run.changes.done == undisturbed.run.changes.done
        assert driver.viewer.change_id == 3

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
