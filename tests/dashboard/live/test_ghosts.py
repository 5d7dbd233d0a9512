"""Runs before the one that is there: how many are kept, what they are called, and how they are removed and brought back."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.charts.ghosts import DASHES
from dashboard.charts.loss import LOSS
from dashboard.charts.results import GHOST_PLACES
from dashboard.charts.style import Looks
from dashboard.live.ghosts import SAME, TRAINED, name_beside, told
from dashboard.live.run import LiveRun
from dashboard.theme import LIGHT
from maml_core.config import LinearConfig, MLPConfig, RunConfig, replace
from tests.dashboard.live.driver import IMAGES, TINY, Driver, adaptation_info, loss_info
from tests.dashboard.live.test_frames import NUMBERS, Frame, Maker, decoded


def left(driver: Driver, *, steps: int = 6, **changes: object) -> Driver:
    """Trained so far, and then started again with other settings."""
    driver.played(steps).run.restart(replace(driver.run.config, changes))
    return driver


def several(count: int) -> Driver:
    """A run with so many before it, each with an alpha of its own: 0.01, 0.02, ..."""
    driver = Driver(replace(TINY, {"alpha": 0.01})).opened()
    for number in range(count):
        left(driver, alpha=0.01 * (number + 2))
    return driver


def numbers(run: LiveRun) -> list[int]:
    return [ghost.number for ghost in run.ghosts.all]


def names(run: LiveRun) -> list[str]:
    return [name_beside(ghost, start=run.changes.start, config=run.config) for ghost in run.ghosts.all]


class TestKeeping:
    def test_four_are_kept_and_the_oldest_goes(self):
        driver = several(6)
        assert numbers(driver.run) == [3, 4, 5, 6]
        assert [ghost.config.alpha for ghost in driver.run.ghosts.all] == pytest.approx([0.03, 0.04, 0.05, 0.06])

    def test_a_run_that_was_hardly_trained_takes_no_place_of_one_that_was(self):
        driver = Driver().opened()
        for steps in (TRAINED, TRAINED - 1, TRAINED, TRAINED, TRAINED):
            left(driver, steps=steps)
        assert [ghost.step for ghost in driver.run.ghosts.all] == [TRAINED] * 4  # the short one went, not the oldest
        assert numbers(left(driver, steps=TRAINED - 1).run) == [1, 3, 4, 5]
        assert numbers(left(driver, steps=TRAINED).run) == [3, 4, 5, 6]

    def test_the_lines_of_all_places_have_other_dashes_also_than_the_runs_own(self):
        others = {
            trace.line.dash
            for name, trace in LOSS.traces(LIGHT, Looks()).items()
            if name.startswith(("training", "before"))
        }
        assert len(others | {*DASHES}) == len(others) + GHOST_PLACES - ("solid" in others)
        # Of two that begin with a long dash, a short line shows the same.
        assert sum(dash.startswith("long") for dash in DASHES) == 1

    def test_each_has_a_line_of_its_own_also_where_one_between_was_removed(self):
        driver = several(4)
        driver.run.ghosts.remove(2)
        assert numbers(left(driver).run) == [1, 3, 4, 5]
        places = {ghost.place for ghost in driver.run.ghosts.all}
        assert places == set(range(GHOST_PLACES))

    def test_a_number_stays_with_its_run(self):
        driver = several(2)
        (first, _) = driver.run.ghosts.all
        left(left(driver))
        assert driver.run.ghosts.numbered(1) is first

    def test_what_is_kept_of_one_is_small(self):
        (ghost,) = several(1).run.ghosts.all
        full = max(len(values) for curves in ghost.curves.values() for values in (curves.smoothed, curves.after))
        assert full <= 401
        assert all(len(curves.raw) == len(curves.steps) == 0 for curves in ghost.curves.values())

    def test_its_curves_are_those_that_the_run_had(self):
        driver = Driver().opened().played(12)
        before = loss_info(driver.run, driver.viewer).curves
        driver.run.restart()
        (drawn,) = loss_info(driver.run, driver.viewer).ghosts
        for name in ("smoothed_steps", "smoothed", "held_out_steps", "before", "after"):
            np.testing.assert_array_equal(getattr(drawn.curves, name), getattr(before, name))

    @pytest.mark.parametrize("config", [TINY, IMAGES], ids=["curves", "images"])
    def test_it_ends_where_the_run_stood_also_between_two_measurements(self, config: RunConfig):
        driver = Driver(config).opened().opened().played(config.evaluate_every + 1)
        driver.run.pause()
        driver.run.audience.measure()
        driver.chunk()
        before = loss_info(driver.run, driver.viewer).curves
        assert before.held_out_steps[-1] == driver.run.step == config.evaluate_every + 1
        driver.run.restart()
        (drawn,) = (info := loss_info(driver.run, driver.viewer)).ghosts
        for name in ("held_out_steps", "before", "after"):
            np.testing.assert_array_equal(getattr(drawn.curves, name), getattr(before, name))
        (number,) = [values for trace, axis, values in LOSS.update(info) if (trace, axis) == ("ghost_numbers", "x")]
        assert number.tolist() == [config.evaluate_every + 1]

    @pytest.mark.parametrize("config", [TINY, IMAGES], ids=["curves", "images"])
    def test_its_inner_steps_are_those_last_looked_at_of_the_newest_that_is_shown(self, config: RunConfig):
        driver = Driver(config).opened().opened().played(6)  # a first look at images puts off what takes long
        found = driver.run.audience.seen.trajectories["maml"]
        driver.run.restart()
        drawn = adaptation_info(driver.run, driver.viewer).ghost
        assert drawn is not None
        np.testing.assert_array_equal(drawn.adapted, found.accuracy if config.classifies else found.mean)
        driver.viewer.show_ghost(driver.run.ghosts.numbered(1), False)
        assert adaptation_info(driver.run, driver.viewer).ghost is None

    def test_other_tasks_have_none(self):
        driver = several(2)
        driver.played(3).run.restart(replace(TINY, {"tasks": LinearConfig()}))
        assert driver.run.ghosts.all == ()


class TestNames:
    def test_it_is_called_by_what_it_had_otherwise(self):
        driver = left(left(Driver().opened(), alpha=0.02), alpha=0.03, num_inner_steps=3)
        assert names(driver.run) == ["alpha 0.01, N 1", "alpha 0.02, N 1"]

    def test_the_names_follow_the_run(self):
        driver = left(Driver().opened(), alpha=0.02)
        driver.run.change({"alpha": 0.01}, now=driver.now)
        assert names(driver.run) == [SAME]
        driver.run.change({"num_inner_steps": 5}, now=driver.now)
        assert names(driver.run) == ["N 1"]

    def test_the_page_writes_greek(self):
        driver = left(Driver().opened(), alpha=0.02)
        (row,) = told(driver.run.ghosts, (), start=driver.run.changes.start, config=driver.run.config)
        assert (row["name"], row["sentence"]) == ("α 0.01", "Ghost 1, a run of 6 outer steps: α 0.01.")

    def test_the_pages_one_seed_is_one_word(self):
        driver = left(Driver().opened(), weights_seed=4, tasks_seed=4)
        assert names(driver.run) == ["seed 0"]
        driver = left(Driver().opened(), weights_seed=4)
        assert names(driver.run) == ["weights seed 0"]

    def test_of_many_it_says_how_many(self):
        others = {"alpha": 0.02, "beta": 0.01, "num_inner_steps": 2, "shots": 4, "meta_batch_size": 4}
        driver = left(Driver().opened(), **others, model=MLPConfig(hidden_widths=(5, 5)))
        assert names(driver.run) == ["alpha 0.01, N 1, beta 0.001, 3 more settings"]

    def test_an_algorithm_and_an_order_are_called_as_people_call_them(self):
        assert names(left(Driver().opened(), algorithm="anil").run) == ["MAML"]
        assert names(left(Driver().opened(), order="first").run) == ["second order"]

    def test_the_network_is_a_setting_too(self):
        driver = left(Driver().opened(), model=MLPConfig(hidden_widths=(5, 5)))
        assert names(driver.run) == ["widths 6"]

    def test_what_leaves_the_curve_as_it_was_is_no_difference(self):
        assert names(left(Driver().opened(), evaluation_steps=4, joint_baseline=False).run) == [SAME]

    def test_a_run_that_was_changed_on_its_way_is_called_by_how_it_began(self):
        driver = Driver().opened().played(4)
        driver.run.change({"alpha": 0.05}, now=driver.now)
        driver.chunk(steps=4)
        driver.run.restart()
        assert names(driver.run) == ["began with alpha 0.01"]

    def test_a_change_that_never_acted_is_not_the_ghosts(self):
        driver = Driver().opened().played(4)
        driver.run.change({"alpha": 0.05}, now=driver.now)
        driver.run.restart()
        assert names(driver.run) == ["alpha 0.01"]

    def test_one_that_a_branch_left_says_where(self):
        driver = Driver().opened().played(5)
        driver.now += 1.0
        driver.chunk(steps=5)
        driver.viewer.travel.to(0, driver.run.kept.moments, driver.run.step)
        driver.run.branch(driver.viewer.travel.here)
        assert names(driver.run) == ["before step 0"]
        driver.run.change({"alpha": 0.02}, now=driver.now)
        assert names(driver.run) == ["alpha 0.01, before step 0"]


class TestRemoving:
    def test_one_goes_and_comes_back_where_it_was(self):
        run = several(3).run
        was = run.ghosts.all
        assert run.ghosts.remove(2) == "Ghost 2 removed; Undo brings it back."
        assert (numbers(run), run.ghosts.removed) == ([1, 3], "Ghost 2")
        run.ghosts.bring_back()
        assert (run.ghosts.all, run.ghosts.removed) == (was, None)

    def test_all_go_and_come_back(self):
        run = several(3).run
        assert run.ghosts.remove(None) == "3 ghosts removed; Undo brings them back."
        assert (numbers(run), run.ghosts.removed) == ([], "3 ghosts")
        run.ghosts.bring_back()
        assert numbers(run) == [1, 2, 3]

    def test_what_is_not_there_is_refused_and_changes_nothing(self):
        run = several(1).run
        with pytest.raises(ValueError, match="no ghost 7"):
            run.ghosts.remove(7)
        with pytest.raises(ValueError, match="no removed ghost"):
            run.ghosts.bring_back()
        assert (numbers(run), run.ghosts.num_removals) == ([1], 0)

    def test_after_another_restart_the_removed_ones_stay_away(self):
        driver = several(4)
        driver.run.ghosts.remove(1)
        left(driver)
        assert (numbers(driver.run), driver.run.ghosts.removed) == ([2, 3, 4, 5], None)


class TestUndoOfARestart:
    def test_a_run_that_comes_back_is_not_its_own_ghost(self):
        driver = several(2)
        was = driver.run.ghosts.all
        driver.played(25).run.restart()
        driver.run.undo()
        assert driver.run.ghosts.all == was

    def test_the_run_that_leaves_for_it_stays_beside_those_that_there_were(self):
        driver = several(4)
        driver.played(25).run.restart(replace(driver.run.config, {"alpha": 0.09}))
        driver.played(8).run.undo()
        assert [round(ghost.config.alpha, 2) for ghost in driver.run.ghosts.all] == [0.02, 0.03, 0.04, 0.09]
        assert (numbers(driver.run), names(driver.run)[-1]) == ([2, 3, 4, 5], "alpha 0.09")
        assert len({ghost.place for ghost in driver.run.ghosts.all}) == GHOST_PLACES


class TestFrames:
    def test_a_ghost_is_sent_once_and_a_frame_does_not_grow_with_ghosts(self):
        driver, maker = several(4), Maker()

        def frame() -> Frame:
            return decoded(maker.frame(driver.run, driver.viewer, NUMBERS))

        def sizes(found: Frame) -> dict[str, int]:
            return {
                f"{trace}/{axis}": size for chart, trace, axis, _, size in found.header["arrays"] if chart == "loss"
            }

        driver.chunk()
        lines = {f"ghost_{place}/{axis}" for place in range(GHOST_PLACES) for axis in "xy"}
        first = sizes(frame())
        assert all(first[line] > 0 for line in lines)
        driver.played(4)
        later = sizes(frame())
        assert not [line for line in later if line.startswith("ghost_") and "numbers" not in line]
        assert {"smoothed/x", "after/y"} <= later.keys()
        assert later["ghost_numbers/text"] == GHOST_PLACES

        driver.viewer.show_ghost(driver.run.ghosts.numbered(2), False)
        hidden = sizes(frame())
        assert {line: size for line, size in hidden.items() if line in lines} == {"ghost_1/x": 0, "ghost_1/y": 0}
        driver.viewer.show_ghost(driver.run.ghosts.numbered(2), True)
        again = sizes(frame())
        assert {line for line in again if line in lines} == {"ghost_1/x", "ghost_1/y"}

        maker.forget()  # a page that connects anew
        assert sizes(frame()).keys() >= lines
