"""A live run of other algorithms, of somebody else's address, and what a restart leaves to be brought back."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from dashboard.charts.all import charts_of, why_empty
from dashboard.live.history import History
from dashboard.live.origin import OFFERED_STEPS
from dashboard.live.run import LiveRun
from dashboard.live.training import status_kind
from maml_core.config import LinearConfig, replace
from maml_core.errors import ConfigError
from maml_core.records import Entry
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes
from tests.dashboard.live.driver import (
    TINY,
    Driver,
    adaptation_info,
    computed,
    fit_info,
    gauge_info,
    rates_info,
    replayed_state,
)

LEARNED = {"meta_sgd": {"algorithm": "meta_sgd"}, "per step": {"per_step_rates": True, "num_inner_steps": 2}}


@pytest.mark.parametrize("changes", LEARNED.values(), ids=LEARNED)
class TestLearnedRates:
    def test_before_the_first_step_alpha_is_where_they_start(self, changes: dict[str, Any]):
        driver = Driver(replace(TINY, changes)).opened()
        assert driver.run.locked == {}
        driver.run.change({"alpha": 0.05}, now=driver.now)
        driver.chunk()
        assert driver.run.changes.start.alpha == 0.05
        assert driver.run.audience.seen.rates is not None
        assert driver.run.audience.seen.rates.overall == pytest.approx(0.05)

    def test_while_it_trains_a_change_of_alpha_is_refused_before_a_chunk_could_fail(self, changes: dict[str, Any]):
        driver = Driver(replace(TINY, changes)).opened().played(3)
        with pytest.raises(ConfigError, match="learned"):
            driver.run.change({"alpha": 0.05}, now=driver.now)
        driver.chunk(steps=2)
        assert (driver.run.step, driver.run.config.alpha, driver.run.changes.marks.all) == (5, TINY.alpha, ())
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
        assert adaptation_info(driver.run, driver.viewer).algorithm == {
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
        driver = Driver(config).opened()
        assert fit_info(driver.run, driver.viewer) is None
        assert "3 inputs" in why_empty(config)["fit"]
        assert why_empty(TINY) == {}


class TestUndo:
    def test_a_restart_is_undone_with_its_state_and_curves(self):
        driver = Driver(TINY).opened().played(25)
        run = driver.run
        state, history, step = run.state, run.history, run.step
        run.restart(replace(TINY, {"weights_seed": 5}))
        assert (run.step, run.num_left) == (0, 1)
        run.undo()
        assert (run.step, run.state, run.config, run.history) == (step, state, TINY, history)
        assert status_kind(run) == "paused"

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


SHARED = [Entry(step=4, kind="change", changes={"alpha": 0.05}), Entry(step=9, kind="change", changes={"beta": 0.01})]


def shared(at: int = 12, timeline: Sequence[Entry] = SHARED) -> Driver:
    """The page of an address with a step."""
    return Driver(TINY, timeline, at=at).opened()


class TestSharedRun:
    def test_a_jump_replays_to_exactly_that_step_without_a_look_and_pauses(self):
        driver = shared()
        driver.run.playback.set_speed(1.0)
        driver.run.jump()
        requests = []
        while driver.run.playback.playing:
            driver.now += 10.0
            requests.append(driver.request())
            request = dataclasses.replace(requests[-1], num_steps=min(5, requests[-1].num_steps or 5), budget_s=None)
            driver.run.finished(computed(request), driver.now)
        assert [request.view for request in requests] == [None] * 3
        assert (driver.run.step, status_kind(driver.run)) == (12, "paused")
        assert driver.run.state == state_to_bytes(replay(TINY, SHARED, num_steps=12)[1])
        assert (driver.run.config.alpha, driver.run.config.beta) == (0.05, 0.01)
        driver.chunk()
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) is None

    def test_it_is_offered_until_the_run_is_there(self):
        driver = shared()
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) == {
            "kind": "jump",
            "step": 12,
        }
        driver.played(5)
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) == {
            "kind": "jump",
            "step": 12,
        }
        driver.played(7)
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) is None
        with pytest.raises(ValueError, match="no step of a shared run ahead"):
            driver.run.jump()

    def test_a_pause_ends_the_jump_and_it_can_be_taken_up_again(self):
        driver = shared()
        driver.run.jump()
        driver.chunk(steps=5)
        driver.run.pause()
        assert (driver.run.step, driver.run.playback.jumping) == (5, False)
        driver.run.jump()
        driver.chunk(steps=12 - driver.run.step)
        assert driver.run.step == 12

    @pytest.mark.parametrize("steps", [0, 5])
    @pytest.mark.parametrize("changes", [{"alpha": 0.3}, {"weights_seed": 4}], ids=["live", "restart"])
    def test_a_change_on_the_way_says_what_it_leaves_out_and_there_is_a_way_back(
        self, steps: int, changes: dict[str, Any]
    ):
        driver = shared()
        if steps:
            driver.played(steps)
        ahead = sum(entry.step > driver.run.step for entry in SHARED)
        driver.run.change(changes, now=driver.now)
        assert driver.run.origin.has_left_shared
        assert driver.run.notice.startswith(f"From here on this is a run of your own: {ahead} change")
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) == {
            "kind": "shared",
            "step": 12,
        }
        driver.run.open_shared()
        assert (driver.run.step, driver.run.changes.start, driver.run.changes.scheduled) == (0, TINY, SHARED)
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) == {
            "kind": "jump",
            "step": 12,
        }
        driver.opened()
        driver.run.jump()
        driver.chunk(steps=12 - driver.run.step)
        assert driver.run.state == state_to_bytes(replay(TINY, SHARED, num_steps=12)[1])

    def test_a_change_after_it_leaves_nothing_out(self):
        driver = shared()
        driver.played(12)
        driver.run.change({"alpha": 0.3}, now=driver.now)
        assert (
            driver.run.origin.has_left_shared,
            driver.run.notice,
            driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping),
        ) == (False, "", None)

    def test_a_reset_on_the_way_keeps_the_changes(self):
        driver = shared()
        driver.played(5)
        driver.run.restart()
        assert (driver.run.step, driver.run.config, driver.run.changes.scheduled) == (0, TINY, SHARED)
        assert not driver.run.origin.has_left_shared

    def test_the_way_back_is_offered_for_the_first_steps_of_ones_own_run(self):
        driver = shared()
        driver.run.change({"alpha": 0.01 * 3}, now=driver.now)
        driver.played(OFFERED_STEPS)
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) is None
        driver.run.open_shared()

    def test_a_step_alone_is_offered_too(self):
        driver = shared(timeline=())
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) == {
            "kind": "jump",
            "step": 12,
        }
        driver.run.jump()
        driver.chunk(steps=12 - driver.run.step)
        assert driver.run.step == 12

    def test_a_run_without_one_offers_nothing(self):
        driver = Driver().opened()
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) is None
        with pytest.raises(ValueError, match="held no run"):
            driver.run.open_shared()

    def test_opening_a_saved_run_ends_it(self):
        saved = Driver().opened().played(3).run.saved("x")
        assert saved is not None
        driver = shared()
        driver.run.open(saved, History.from_records(saved.records))
        assert driver.run.origin.offer(driver.run.step, jumping=driver.run.playback.jumping) is None
