"""Everything reset, and brought back."""

from __future__ import annotations

import pytest

from dashboard.live import afresh
from dashboard.live.viewer import Choices
from maml_core.config import replace
from maml_core.presets import DEFAULT_PRESET
from tests.dashboard.live.driver import TINY, Driver

CHOSEN = Choices("layers", "loss", (2.0, 1.0), 3)


def chosen(steps: int) -> Driver:
    """A run with a ghost that its viewer hides, and other choices than a new page has."""
    driver = Driver(replace(TINY, {"alpha": 0.03})).opened().played(21)
    driver.run.restart()
    driver.played(steps) if steps else driver.opened()
    driver.viewer.choose(CHOSEN)
    driver.viewer.show_ghost(driver.run.ghosts.all[0], False)
    driver.run.playback.set_speed(3.0)
    driver.run.audience.show_scratch(True, driver.run.config)
    return driver


@pytest.mark.parametrize("steps", [30, 5, 0])
def test_all_of_it_goes_and_one_undo_brings_all_of_it_back(steps: int):
    driver = chosen(steps)
    run, viewer = driver.run, driver.viewer
    state, ghosts = run.state, run.ghosts.all
    afresh.reset(run, viewer)
    assert (run.config, run.step, run.ghosts.all) == (DEFAULT_PRESET.config, 0, ())
    assert (viewer.choices, run.audience.scratch, run.playback.steps_per_s) == (Choices(), False, None)
    afresh.undo(run, viewer)
    assert (run.config.alpha, run.step, run.state, run.ghosts.all) == (0.03, steps, state, ghosts)
    assert list(viewer.hidden) == [ghosts[0]]
    assert (viewer.choices, run.audience.scratch, run.playback.steps_per_s) == (CHOSEN, True, 3.0)


def test_what_was_chosen_comes_back_with_its_own_run_only():
    driver = chosen(30)
    run, viewer = driver.run, driver.viewer
    afresh.reset(run, viewer)
    driver.chunk()
    run.play()
    driver.chunk(steps=25)
    run.restart()
    viewer.choose_metric("loss")
    afresh.undo(run, viewer)  # the restart
    assert run.step == 25
    assert viewer.choices == Choices(metric="loss")


def test_a_second_time_too():
    driver = chosen(30)
    run, viewer = driver.run, driver.viewer
    for _ in range(2):
        afresh.reset(run, viewer)
        afresh.undo(run, viewer)
        assert (run.step, viewer.choices) == (30, CHOSEN)
