"""Time travel: what a viewer sees of an earlier outer step, and the run that goes on from there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dashboard.charts.gauge import gauge_info
from dashboard.live.chart_data import results
from dashboard.live.history import History
from dashboard.live.keeping import KEEP_S
from dashboard.live.travel import PARTS, LookPart, cut
from dashboard.live.viewer import Viewer
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import RunConfig
from maml_core.moments import MAX_BYTES, MAX_IMAGE_BYTES
from maml_core.records import Entry, Snapshot, View
from maml_core.runs import replay
from maml_core.snapshots import snapshot
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from maml_core.store import load_run, save_run
from tests.dashboard.charts.infos import subtitle
from tests.dashboard.live.driver import EXPLOSIVE, IMAGES, TINY, Driver
from tests.maml_core.helpers import same


def trained(config: RunConfig = TINY, chunks: int = 4, steps: int = 5) -> Driver:
    driver = Driver(config).opened()
    driver.run.play()
    for _ in range(chunks):
        driver.trained(KEEP_S)
        driver.chunk(steps=steps)
    driver.run.pause()
    driver.chunk()
    return driver


def go(driver: Driver, step: int | None, viewer: Viewer | None = None) -> None:
    (viewer or driver.viewer).travel.to(step, driver.run.kept.moments, driver.run.step)


def request(driver: Driver, due: LookPart, viewer: Viewer) -> ChunkRequest:
    return viewer.travel.request(due, plane=driver.run.audience.seen.plane, images=driver.run.images, code=None)


def look(driver: Driver, viewer: Viewer | None = None, *, is_parted: bool = False) -> int:
    """Take the parts of looks that a viewer waits for; gives how many."""
    viewer, count = viewer or driver.viewer, 0
    while (due := viewer.look_back(driver.run.config, driver.run.kept, is_parted=is_parted)) is not None:
        result = run_chunk(request(driver, due, viewer))
        assert result.snapshot is not None
        assert viewer.travel.take(due, result.snapshot)
        count += 1
    return count


def test_a_run_keeps_its_start_and_what_its_chunks_brought() -> None:
    driver = trained()
    assert [moment.step for moment in driver.run.kept.moments] == [0, 5, 10, 15, 20]


def test_nothing_is_kept_twice_within_a_moment() -> None:
    driver = Driver().opened()
    driver.run.play()
    for _ in range(6):
        driver.trained(0.4 * KEEP_S)
        driver.chunk(steps=5)
    kept = driver.run.kept
    assert [moment.step for moment in kept.moments] == [0, 20]  # not 15, where nobody looked at held-out tasks
    assert [found is not None and "maml" in found.trajectories for found in map(kept.measured, kept.moments)] == [
        True,
        True,
    ]


@pytest.mark.parametrize("config", [TINY, IMAGES], ids=["curves", "images"])
def test_everything_but_the_curves_is_that_of_the_earlier_outer_step(config: RunConfig) -> None:
    driver = trained(config)
    before = results(driver.run, driver.viewer)
    go(driver, 16)
    assert driver.viewer.travel.target is not None
    assert driver.viewer.travel.target.step == 15
    look(driver)
    then = results(driver.run, driver.viewer)
    assert then.then == 15
    state = replay(config, [], num_steps=15)[1]
    view = View(tasks=(driver.viewer.task,), plane=before.plane, previous_plane=before.plane)
    expected = snapshot(config, state, view)
    assert same(dict(then.trajectories), dict(expected.trajectories))
    assert same(then.paths, expected.paths)
    assert same((then.curvature, then.descent), (expected.curvature, expected.descent))
    assert same(then.fit, expected.fits[0])
    assert then.now is not None
    assert then.now.fit is before.fit
    assert then.now.trajectories is before.trajectories
    assert then.curves.steps.tolist() == before.curves.steps.tolist()
    assert not np.array_equal(then.trajectories["maml"].mean, before.trajectories["maml"].mean)


def test_what_was_measured_there_is_not_computed_again_and_the_limit_is_of_a_step_near_by_until_its_own_is() -> None:
    driver = trained()
    go(driver, 15)
    first = driver.viewer.look_back(driver.run.config, driver.run.kept)
    assert first is not None
    found = run_chunk(request(driver, first, driver.viewer)).snapshot
    assert found is not None
    assert driver.viewer.travel.take(first, found)
    then = results(driver.run, driver.viewer)
    state = replay(TINY, [], num_steps=15)[1]
    view = View(tasks=(driver.viewer.task,), joint_trajectory="joint" in then.trajectories)
    assert same(dict(then.trajectories), dict(snapshot(TINY, state, view).trajectories))
    edge = {point.step: point.curvature for point in driver.run.audience.seen.edge}
    assert then.curvature_at in edge
    assert then.curvature is edge[then.curvature_at]
    assert subtitle(gauge_info(then)).endswith(f"of step {then.curvature_at}; computing…")
    look(driver)
    exact = results(driver.run, driver.viewer)
    assert exact.curvature_at is None
    assert exact.curvature == snapshot(TINY, state, view).curvature
    moment, result = first.look.moment, exact.curvature
    driver.run.kept.learn(moment, snapshot(TINY, state, View(tasks=(), trajectories=False, paths=False)))
    go(driver, None)
    go(driver, 15)
    known = driver.run.kept.measured(moment)
    assert known is not None
    assert (known.curvature, set(known.trajectories)) == (result, set(then.trajectories))


def test_now_comes_back() -> None:
    driver = trained()
    before = results(driver.run, driver.viewer)
    go(driver, 5)
    look(driver)
    go(driver, None)
    after = results(driver.run, driver.viewer)
    assert after.then is None
    assert after.now is None
    assert after.trajectories["maml"] is before.trajectories["maml"]
    assert after.fit is before.fit


def test_one_by_one_and_past_the_newest_to_now() -> None:
    driver = trained()
    places = []
    for by in (-1, -1, -1, -1, -1, -1, 1, 1, 1, 1, 1, 1):
        driver.viewer.travel.by(by, driver.run.kept.moments, driver.run.step)
        target = driver.viewer.travel.target
        places.append(target.step if target is not None else None)
    assert places == [15, 10, 5, 0, 0, 0, 5, 10, 15, 20, None, None]


def test_viewers_travel_apart_and_the_run_trains_on() -> None:
    driver, other = trained(), Viewer()
    driver.run.audience.join(other)
    go(driver, 5, other)
    look(driver, other)
    driver.run.play()
    driver.chunk(steps=5)
    assert results(driver.run, driver.viewer).then is None
    assert results(driver.run, other).then == 5
    assert driver.run.step == 25


def test_another_task_is_looked_at_there_too() -> None:
    driver = trained()
    go(driver, 5)
    look(driver)
    assert look(driver) == 0
    first = driver.viewer.travel.fit
    driver.viewer.draw_task()
    assert look(driver) == 1
    assert driver.viewer.travel.fit is not first


def parted(driver: Driver) -> dict[str, tuple[LookPart, Snapshot]]:
    """The parts of a look, all of them under way at once as where two workers are free, with what each finds."""
    found = {}
    while (due := driver.viewer.look_back(driver.run.config, driver.run.kept, is_parted=True)) is not None:
        snapshot = run_chunk(request(driver, due, driver.viewer)).snapshot
        assert snapshot is not None
        found[due.part] = due, snapshot
    return found


@pytest.mark.parametrize("order", [("task", "weights"), ("weights", "task")])
def test_paths_that_come_before_the_task_are_shown_with_it_and_are_those_of_a_look_in_one(
    order: tuple[str, str],
) -> None:
    one = trained()
    go(one, 5)
    look(one)
    whole = results(one.run, one.viewer)
    driver = trained()
    go(driver, 5)
    parts, shown = parted(driver), []
    for part in order:
        shown.append(driver.viewer.travel.take(*parts[part]))
        assert driver.viewer.look_back(driver.run.config, driver.run.kept, is_parted=True) is None
    assert shown == [order[0] == "task", True]
    then = results(driver.run, driver.viewer)
    assert whole.paths is not None
    assert then.paths is not None
    assert np.array_equal(then.paths.paths, whole.paths.paths)
    assert then.fit is not None


def test_whose_paths_were_computed_apart_another_task_and_another_chart_ask_for_what_is_theirs() -> None:
    driver = trained()
    go(driver, 5)
    look(driver, is_parted=True)
    driver.viewer.draw_task()
    assert list(parted(driver)) == ["task"]
    driver.viewer.choose_weights_chart("layers")
    assert list(parted(driver)) == ["weights"]


def test_a_look_that_comes_late_is_not_shown() -> None:
    driver = trained()
    go(driver, 5)
    due = driver.viewer.look_back(driver.run.config, driver.run.kept)
    assert due is not None
    result = run_chunk(request(driver, due, driver.viewer))
    go(driver, None)
    assert result.snapshot is not None
    assert not driver.viewer.travel.take(due, result.snapshot)
    assert results(driver.run, driver.viewer).then is None


def test_a_slider_that_is_dragged_shows_the_task_where_it_comes_past_and_all_where_it_stops() -> None:
    driver = trained()
    travel = driver.viewer.travel
    under_way = []
    for step in (0, 5, 10):
        go(driver, step)
        due = driver.viewer.look_back(driver.run.config, driver.run.kept)
        assert due is not None
        assert due.part == "task"
        under_way.append((due, run_chunk(request(driver, due, driver.viewer)).snapshot))
    shown = []
    for place in (1, 0, 2):  # the first one comes too late
        due, found = under_way[place]
        assert found is not None
        assert travel.take(due, found) == (place > 0)
        shown.append(results(driver.run, driver.viewer).then)
    assert shown == [5, 5, 10]
    assert look(driver) == len(PARTS) - 2  # the weights came with the task
    assert results(driver.run, driver.viewer).curvature is not None


def test_one_that_fails_goes_back_to_now_and_one_that_was_left_behind_changes_nothing() -> None:
    driver = trained()
    travel = driver.viewer.travel
    go(driver, 5)
    due = driver.viewer.look_back(driver.run.config, driver.run.kept)
    assert due is not None
    request(driver, due, driver.viewer)
    go(driver, 10)
    assert not travel.fail(due)
    assert travel.target is not None
    go(driver, 5)
    again = driver.viewer.look_back(driver.run.config, driver.run.kept)
    assert again is not None
    assert again.part == due.part
    assert travel.fail(again)
    assert travel.target is None


def test_the_axes_stay_when_the_inner_steps_at_evaluation_have_changed() -> None:
    driver = trained()
    driver.run.change({"evaluation_steps": 4}, now=driver.now)
    driver.chunk()
    go(driver, 5)
    look(driver)
    assert len(results(driver.run, driver.viewer).trajectories["maml"].mean) == 5


def test_the_gauge_tells_of_the_alpha_that_held_there() -> None:
    driver = trained()
    driver.run.change({"alpha": 0.05}, now=driver.now)
    driver.run.play()
    driver.chunk(steps=5)
    go(driver, 10)
    look(driver)
    then = gauge_info(results(driver.run, driver.viewer))
    assert then is not None
    assert (then.alpha, then.descent and then.descent.alpha) == (TINY.alpha, TINY.alpha)
    go(driver, None)
    driver.run.change({"alpha": 0.07}, now=driver.now)
    now = gauge_info(results(driver.run, driver.viewer))
    assert now is not None
    assert now.alpha == 0.07  # it follows the slider before the run does


def test_another_run_shows_now() -> None:
    driver = trained()
    go(driver, 5)
    look(driver)
    driver.run.restart()
    assert driver.viewer.travel.target is None
    assert len(driver.run.kept.moments) == 0


# --- Going on from there ---


def test_a_branch_is_the_run_cut_there_and_trained_on() -> None:
    driver = trained()
    driver.run.change({"alpha": 0.05}, now=driver.now)
    driver.run.play()
    driver.chunk(steps=5)
    go(driver, 10)
    look(driver)
    driver.run.branch(driver.viewer.travel.here)
    run = driver.run
    assert (run.step, run.config.alpha, run.playback.playing) == (10, TINY.alpha, False)
    assert [moment.step for moment in run.kept.moments] == [0, 5, 10]
    assert run.history.curves().steps.tolist() == list(range(10))
    assert [(ghost.step, ghost.branched_at) for ghost in run.ghosts.all] == [(25, 10)]
    assert driver.viewer.travel.target is None
    assert "another run" in run.notice
    run.change({"alpha": 0.02}, now=driver.now)
    run.play()
    driver.chunk(steps=10)
    saved = run.saved("branch")
    assert saved is not None
    timeline = [Entry(step=10, kind="branch"), Entry(step=10, kind="change", changes={"alpha": 0.02})]
    assert list(saved.timeline) == timeline
    assert same(state_from_bytes(saved.state), replay(TINY, timeline, num_steps=20)[1])
    assert saved.records.steps.tolist() == list(range(20))


def test_undo_brings_the_run_before_the_branch_back() -> None:
    driver = trained(chunks=6)
    whole = driver.run.state
    go(driver, 5)
    driver.run.branch(driver.viewer.travel.here)
    driver.run.undo()
    assert (driver.run.step, driver.run.state) == (30, whole)


def test_a_saved_run_can_be_travelled_when_it_is_opened_again(tmp_path: Path) -> None:
    driver = trained()
    saved = driver.run.saved("travelled")
    assert saved is not None
    save_run(tmp_path / "travelled", saved)
    loaded = load_run(tmp_path / "travelled")
    other = Driver().opened()
    other.run.open(loaded, History.from_records(loaded.records))
    go(other, 10)
    look(other)
    go(driver, 10)
    look(driver)
    assert same(other.viewer.travel.fit, driver.viewer.travel.fit)


def test_what_was_measured_is_saved_with_a_run_and_not_measured_again_when_it_is_opened(tmp_path: Path) -> None:
    driver = trained()
    go(driver, 10)
    assert look(driver) > 0
    [moment] = [moment for moment in driver.run.kept.moments if moment.step == 10]
    state = replay(TINY, [], num_steps=10)[1]
    driver.run.kept.learn(moment, snapshot(TINY, state, View(tasks=(), paths=False)))
    saved = driver.run.saved("travelled")
    assert saved is not None
    save_run(tmp_path / "travelled", saved)
    loaded = load_run(tmp_path / "travelled")
    other = Driver().opened()
    other.run.open(loaded, History.from_records(loaded.records))
    limits = {point.step: point.curvature for point in other.run.audience.seen.edge}
    assert limits[10] == snapshot(TINY, state, View(tasks=())).curvature  # the gauge's history goes on
    go(other, 10)
    assert look(other) == 1  # the task alone
    then = results(other.run, other.viewer)
    assert (then.curvature, then.curvature_at) == (limits[10], None)
    assert same(then.trajectories["maml"], snapshot(TINY, state, View(tasks=())).trajectories["maml"])
    branch = cut(saved, moment)
    assert max(branch.measured) == 10


def test_changes_before_the_branch_stay_and_later_ones_do_not() -> None:
    driver = Driver().opened()
    driver.run.play()
    for alpha in (0.02, 0.03, 0.04):
        driver.trained(KEEP_S)
        driver.chunk(steps=5)
        driver.run.change({"alpha": alpha}, now=driver.now)
    driver.trained(KEEP_S)
    driver.chunk(steps=5)
    go(driver, 10)
    driver.run.branch(driver.viewer.travel.here)
    assert driver.run.config.alpha == 0.02
    assert [(entry.step, entry.kind) for entry in driver.run.changes.done] == [(5, "change"), (10, "branch")]
    assert [mark.text for mark in driver.run.changes.marks.all][-1] == "branch"


def test_from_the_start_a_branch_is_the_run_anew() -> None:
    driver = trained()
    go(driver, 0)
    driver.run.branch(driver.viewer.travel.here)
    assert (driver.run.step, driver.run.changes.done) == (0, [])
    driver.run.play()
    driver.chunk(steps=20)
    assert driver.run.state == state_to_bytes(replay(TINY, [], num_steps=20)[1])


def test_there_is_no_branch_of_now() -> None:
    driver = trained()
    with pytest.raises(ValueError, match="choose an earlier outer step"):
        driver.run.branch(driver.viewer.travel.here)


def test_a_run_that_diverged_can_be_gone_on_with_from_before() -> None:
    driver = trained(EXPLOSIVE, chunks=6)
    assert driver.run.status.kind == "diverged"
    go(driver, 5)
    look(driver)
    driver.run.branch(driver.viewer.travel.here)
    assert driver.run.status.kind == "ok"
    driver.run.change({"alpha": 0.01}, now=driver.now)
    driver.run.play()
    driver.chunk(steps=30)
    assert (driver.run.status.kind, driver.run.step) == ("ok", 35)


def test_memory_is_bounded() -> None:
    driver = trained(chunks=3)
    size = len(driver.run.kept.moments.newest.state)  # type: ignore[union-attr]
    driver.run.kept.limit(2 * size)
    assert [moment.step for moment in driver.run.kept.moments] == [0, 15]
    assert MAX_BYTES == 4 * 2**20
    assert MAX_IMAGE_BYTES == 32 * 2**20
