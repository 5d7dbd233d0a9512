"""One outer step, slowly: its stages in order, what the charts show of them, the step that is then taken, and what ends it."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.charts.path import path_info
from dashboard.live.chart_data import results
from dashboard.live.stages import stages
from dashboard.live.viewer import Viewer
from maml_core.analysis.one_step import one_step
from maml_core.chunks import run_chunk
from maml_core.config import RunConfig, replace
from maml_core.divergence import fault
from maml_core.problem import build_problem
from maml_core.records import TaskFit
from maml_core.runs import replay
from maml_core.state_bytes import state_from_bytes
from tests.dashboard.live.driver import IMAGES, TINY, Driver
from tests.dashboard.live.test_frames import first_frame
from tests.maml_core.helpers import flat, same

CURVES = replace(TINY, {"num_inner_steps": 2})


def opened(config: RunConfig = CURVES, steps: int = 3) -> Driver:
    driver = Driver(config).opened().played(steps)
    driver.run.pause()
    driver.chunk()
    driver.viewer.apart.open(driver.run)
    look(driver)
    return driver


def look(driver: Driver) -> int:
    apart, count = driver.viewer.apart, 0
    while apart.is_due(driver.run):
        assert apart.take(run_chunk(apart.request(driver.run)), driver.run)
        count += 1
    return count


def kinds(driver: Driver) -> list[tuple[str, int]]:
    """Every place to stop at, by walking to the end."""
    found = []
    while True:
        shown = driver.viewer.apart.shown
        assert shown is not None
        found.append((shown.kind, shown.k))
        if driver.viewer.apart.is_last:
            return found
        driver.viewer.apart.by(1)


@pytest.mark.parametrize("config", [CURVES, IMAGES], ids=["curves", "images"])
def test_there_and_back_through_all_stages(config: RunConfig) -> None:
    driver = opened(config)
    places = [
        ("tasks", 0),
        ("inner", 1),
        ("inner", 2),
        ("query", 2),
        ("back", 1),
        ("back", 0),
        ("mean", 0),
        ("update", 0),
    ]
    assert kinds(driver) == places
    apart = driver.viewer.apart
    assert apart.told is not None
    assert (apart.told["stage"], apart.told["stages"], apart.told["is_last"]) == (6, 6, True)
    apart.by(1)
    assert apart.is_last
    for _ in range(20):
        apart.by(-1)
    assert apart.told is not None
    assert (apart.told["kind"], apart.told["is_first"]) == ("tasks", True)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"order": "first"}, "tasks inner query mean update"),
        ({"algorithm": "reptile"}, "tasks inner query mean update"),
        ({"num_inner_steps": 0}, "tasks query mean update"),
    ],
)
def test_what_a_rule_does_not_do_is_no_stage(changes: dict[str, object], expected: str) -> None:
    driver = opened(replace(replace(TINY, {"num_inner_steps": 1}), changes))
    assert list(dict.fromkeys(kind for kind, _ in kinds(driver))) == expected.split()


def test_the_charts_show_its_first_task_and_its_paths() -> None:
    driver = opened()
    run, viewer = driver.run, driver.viewer
    state = replay(CURVES, [], num_steps=3)[1]
    found = one_step(CURVES, build_problem(CURVES), state.meta, step=3, previous=run.audience.seen.plane)
    shown = results(run, viewer)
    assert shown.apart is not None
    assert same(shown.apart.step, found)
    assert isinstance(shown.fit, TaskFit)
    np.testing.assert_allclose(shown.fit.query_loss[:3], found.query_loss[0], rtol=1e-4)
    walked = []
    while True:
        info = path_info(results(run, viewer))
        assert info is not None
        assert info.arrows is not None
        walked.append((info.walked, len(info.arrows)))
        if viewer.apart.is_last:
            break
        viewer.apart.by(1)
    assert walked == [(0, 0), (1, 0), (2, 0), (None, 1), (None, 1), (None, 1), (None, 4), (None, 2)]
    at = info.arrows[:, 1] - info.arrows[:, 0]
    assert np.allclose(at[0] / np.linalg.norm(at[0]), found.mean_arrow / np.linalg.norm(found.mean_arrow), atol=1e-4)
    viewer.apart.close()
    assert results(run, viewer).fit is viewer.fit
    assert results(run, viewer).paths is run.audience.seen.paths


def test_the_step_that_is_taken_is_the_one_that_was_shown_and_ends_it() -> None:
    driver = opened()
    shown = driver.viewer.apart.shown
    assert shown is not None
    driver.run.take_one_step()
    driver.chunk()
    assert driver.run.step == 4
    assert driver.run.state is not None
    np.testing.assert_array_equal(shown.step.theta_0_after, flat(state_from_bytes(driver.run.state).meta.theta))
    driver.viewer.apart.follow(driver.run)
    assert not driver.viewer.apart.is_open
    driver.viewer.apart.open(driver.run)  # the second time
    look(driver)
    again = driver.viewer.apart.shown
    assert again is not None
    assert (again.step.step, again.kind) == (4, "tasks")


def test_it_pauses_the_run_and_another_viewer_sees_the_run_as_it_is() -> None:
    driver, other = Driver(CURVES).opened().played(3), Viewer()
    driver.run.audience.join(other)
    driver.viewer.apart.open(driver.run)
    driver.chunk()
    look(driver)
    assert not driver.run.playback.playing
    assert results(driver.run, other).apart is None
    assert results(driver.run, driver.viewer).apart is not None


def test_a_dial_that_is_moved_is_looked_at_again_at_the_same_place() -> None:
    driver = opened()
    apart = driver.viewer.apart
    apart.by(1)
    before = apart.shown
    driver.run.change({"alpha": 0.05}, now=driver.now)
    driver.chunk()
    assert look(driver) == 1
    after = apart.shown
    assert before is not None
    assert after is not None
    assert (after.kind, after.k) == ("inner", 1)
    assert not np.array_equal(after.step.query_loss[:, 1], before.step.query_loss[:, 1])


def test_a_look_that_comes_late_and_another_run_end_it() -> None:
    driver = Driver(CURVES).opened()
    apart = driver.viewer.apart
    apart.open(driver.run)
    assert apart.told is not None
    assert apart.told["stages"] == 0
    result = run_chunk(apart.request(driver.run))
    apart.close()
    assert not apart.take(result, driver.run)
    apart.open(driver.run)
    driver.run.restart()
    apart.follow(driver.run)
    assert not apart.is_open


def test_the_chunk_in_flight_when_it_begins_counts_as_before_it() -> None:
    driver = Driver(CURVES).opened().played(3)
    request = driver.request(steps=2)
    apart = driver.viewer.apart
    apart.open(driver.run)
    assert not apart.is_due(driver.run)
    driver.run.finished(run_chunk(request), driver.now)
    assert look(driver) == 1
    assert apart.shown is not None
    assert apart.shown.step.step == driver.run.step == 5


def test_an_implicit_gradient_is_refused_with_the_reason() -> None:
    driver = Driver(replace(TINY, {"algorithm": "imaml"})).opened()
    with pytest.raises(ValueError, match="an implicit gradient is solved for"):
        driver.viewer.apart.open(driver.run)
    with pytest.raises(ValueError, match="give 1 or -1"):
        driver.viewer.apart.by(2)


# --- Words ---


def words(**changes: object) -> dict[str, str]:
    """What is said at the last place of each stage, with numbers of our own."""
    config = replace(CURVES, {"outer_optimizer": "sgd", "beta": 0.5} | changes)
    found = one_step(config, build_problem(config), replay(config, [], num_steps=1)[1].meta, step=1)
    found = found._replace(
        support_loss=np.array([[4.0, 3.0, 2.0]] * 3),
        query_loss=np.array([[6.0, 5.0, 4.0], [3.0, 2.0, 1.0], [0.0, 0.0, 0.0]]),
        query_gradient=np.array([2.0, 1.0, 4.0]),
        lengths=np.array([[1.0, 3.0, 2.0]] * 3),
        factor_ratio=np.array([[0.5, 1.5], [0.25, 1.0], [0.75, 1.0]]),
        factor_cosine=np.array([[0.5, 1.0], [0.0, 1.0], [1.0, 1.0]]),
        turn=np.array([0.0, 0.0, 0.0]),
        agreement=np.array([-0.5, 0.5, 1.0]),
        mean_length=2.0,
        update_length=1.0,
        update_cosine=0.5,
    )
    return {stage.kind: stage.words for stage in stages(found, config)}


def test_a_step_has_the_number_of_its_training_loss_in_the_curves_and_in_what_says_that_it_went_wrong() -> None:
    _, state, records = replay(CURVES, [], num_steps=8)
    found = one_step(CURVES, build_problem(CURVES), replay(CURVES, [], num_steps=7)[1].meta, step=7)
    assert records.steps[-1] == 7 == state.step - 1
    assert found.query_loss[:, -1].mean() == pytest.approx(records.query_loss[-1], rel=1e-5)
    assert stages(found, CURVES)[0].words.startswith("Outer step 7 has ")
    assert "at outer step 7 is" in fault(7, 1e9, scale=1.0, high_steps=0)


def test_the_chart_of_the_task_names_the_step_as_the_strip_does() -> None:
    driver = opened(steps=3)
    step, subtitle = driver.run.step, first_frame(driver).header["subtitles"]["fit"]
    assert subtitle.startswith(f"First training task of outer step {step}. ")
    assert driver.viewer.apart.told is not None
    assert driver.viewer.apart.told["words"].startswith(f"Outer step {step} has ")


def test_every_number_is_said_of_what_it_is() -> None:
    said = words()
    assert (
        "Outer step 1 has 3 tasks of its own, with 3 examples (support) and 4 test points (query) each" in said["tasks"]
    )
    assert "the query loss is 6 on the first, whose fit is shown, and 3 over all" in said["tasks"]
    assert said["inner"] == (
        "First task, θ_1 to θ_2: support loss 3 → 2, query loss 5 → 4. Query loss over all tasks: 2.33 → 1.67."
    )
    assert "length is 2 on the first task, 1 to 4 over all" in said["query"]
    assert (
        "H the support Hessian at θ_0, makes the first task's gradient 0.5 times as long and turns it by 60°"
        in said["back"]
    )
    assert "(median of all: 0.5 times, 60°)" in said["back"]
    assert said["back"].endswith("All the way: 0.5 times, 90°.")
    assert (
        "has length 2. Cosines of single tasks with it: −0.5 to 1, median 0.5; 1 of 3 point against it." in said["mean"]
    )
    assert said["update"] == "The start (θ_0) moves by 1, 0.5 times the mean's length, straight downhill."


def test_what_differs_by_rule_is_said_only_there() -> None:
    assert "60° off straight downhill" in words(outer_optimizer="adam")["update"]
    assert "is taken for the gradient at the start (θ_0)" in words(order="first")["query"]
    assert "taken for the gradient" not in words()["query"]
    weighted = words(multi_step_loss=True)
    assert "with weights 0.5, 0.5" in weighted["query"]
    assert "Hessian" not in words(per_step_rates=True)["back"]
    assert "learned of the inner loop moves too" in words(per_step_rates=True)["update"]
