"""A saved run as it was after any of its steps: what a replay gives, bit for bit, from wherever it is computed."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import pytest

from maml_core import state_at
from maml_core.config import FolderConfig, MLPConfig, RunConfig
from maml_core.errors import ConfigError, DataError, StateError, StoreError
from maml_core.losses import mse
from maml_core.moments import Moment, light
from maml_core.problem import Problem, build_problem
from maml_core.records import Entry
from maml_core.run_state import RunState
from maml_core.runs import advance_through, init_run, replay
from maml_core.state_bytes import state_to_bytes
from maml_core.store import SavedRun, load_run, save_run, travel
from maml_core.store.images import moved, with_images
from maml_core.tasks import images_of
from tests.maml_core.datasets.layout import drawing, png
from tests.maml_core.helpers import same, tiny
from tests.maml_core.store.saved import RUN, TIMELINE, moment_of, trained


def apart_from_checkpoints(found: tuple[RunConfig, RunState]) -> tuple[Any, ...]:
    config, state = found
    return config, state._replace(good=None, candidate=None)  # type: ignore[arg-type]


def went_through(start: RunConfig, timeline: tuple[Entry, ...], steps: int) -> list[tuple[RunConfig, RunState]]:
    """Set-up and state after each outer step, taken one by one."""
    config, state, _ = replay(start, timeline, num_steps=0)
    found = [(config, state)]
    for step in range(steps):
        ahead = [entry for entry in timeline if entry.step > step]
        config, state, _ = advance_through(config, state, ahead, num_steps=1)
        found.append((config, state))
    return found


def is_found_at(run: SavedRun, steps: range) -> bool:
    truth = went_through(run.start, run.timeline, steps[-1])
    return all(same(apart_from_checkpoints(state_at(run, step)), apart_from_checkpoints(truth[step])) for step in steps)


@pytest.mark.parametrize(
    ("start", "timeline"),
    [
        (tiny(), TIMELINE),
        (tiny(outer_optimizer="sgd", beta=0.01), (Entry(step=14, kind="branch"),)),
        (tiny(algorithm="meta_sgd"), (Entry(step=12, kind="change", changes={"outer_optimizer": "sgd"}),)),
        (
            tiny(
                model=MLPConfig(hidden_widths=(6,), batch_norm=True), batch_norm_treatment="running", per_step_norm=True
            ),
            (Entry(step=13, kind="change", changes={"joint_baseline": False}),),
        ),
        (tiny(dtype="float32", anneal_order=True, epoch_steps=7, first_order_epochs=4, anneal_beta=True), ()),
    ],
    ids=["timeline", "branch", "another optimiser", "batch norm", "annealed"],
)
def test_every_state_is_that_of_a_replay(tmp_path: Path, start: RunConfig, timeline: tuple[Entry, ...]) -> None:
    save_run(tmp_path / "run", trained(start, timeline, steps=25))
    assert is_found_at(load_run(tmp_path / "run"), range(26))


def test_the_run_as_it_stands_is_its_own_state() -> None:
    config, state = state_at(RUN, RUN.step)
    assert config == RUN.config
    assert state_to_bytes(state) == RUN.state


@pytest.mark.parametrize(("step", "taken"), [(0, 0), (11, 11), (12, 0), (13, 1), (24, 12), (25, 0)])
def test_it_is_computed_from_the_nearest_state_before(monkeypatch: pytest.MonkeyPatch, step: int, taken: int) -> None:
    steps = []

    def counted(*arguments: Any, num_steps: int, **more: Any) -> Any:
        steps.append(num_steps)
        return advance_through(*arguments, num_steps=num_steps, **more)

    monkeypatch.setattr(travel, "advance_through", counted)
    assert state_at(RUN, step)[1].step == step
    assert steps == [taken]


def test_a_run_that_keeps_none_is_computed_from_its_start() -> None:
    assert is_found_at(dataclasses.replace(RUN, moments=()), range(0, 26, 5))


def test_an_order_of_lines_that_is_not_that_of_their_steps_changes_nothing() -> None:
    late = dataclasses.replace(RUN, timeline=TIMELINE[::-1])
    assert is_found_at(late, range(7, 26, 6))


EXPLODES = Entry(step=130, kind="change", changes={"alpha": 100.0})
ROLLING_BACK = RunConfig(
    meta_batch_size=2, evaluation_tasks=2, num_inner_steps=3, evaluate_every=50, joint_baseline=False
)


def test_roll_backs_on_the_way_go_back_to_where_they_went() -> None:
    """A kept state knows no older checkpoint, so that none between the checkpoint and the roll-back will do."""
    _, stopped, records = replay(ROLLING_BACK, [EXPLODES], num_steps=200)
    last = stopped.step
    assert (stopped.status.kind, stopped.good.step) == ("diverged", 50)
    assert 131 <= last < 140
    timeline = (
        EXPLODES,
        Entry(step=last, kind="change", changes={"alpha": 0.01}),
        Entry(step=last, kind="resume"),
    )
    truth = went_through(ROLLING_BACK, timeline, 145)
    run = SavedRun(
        name="rolled back",
        start=ROLLING_BACK,
        config=truth[145][0],
        timeline=timeline,
        records=records,
        state=state_to_bytes(truth[145][1]),
        step=145,
    )
    for kept in ((0, 40, 60, 120, last), (50, 100, 140), (120,)):
        moments = tuple(
            Moment(step, truth[step][0], light(state_to_bytes(truth[step][1])), sum(e.step <= step for e in timeline))
            for step in kept
        )
        there = dataclasses.replace(run, moments=moments)
        for step in (130, last, last + 1, 145):
            found = apart_from_checkpoints(state_at(there, step))
            assert same(found, apart_from_checkpoints(truth[step])), (kept, step)
        as_it_stopped = dataclasses.replace(
            there, timeline=(EXPLODES,), moments=tuple(moment for moment in moments if moment.step < last)
        )
        assert state_at(as_it_stopped, last)[1].status == stopped.status


def test_a_compiled_form_stays_that_of_its_time() -> None:
    """Where it is not there, steps are computed eagerly."""
    timeline = (Entry(step=9, kind="compiled", changes={"key": "0" * 32}),)
    run = trained(tiny(), timeline, steps=25)
    assert [state_at(run, step)[1].compiled for step in (8, 9, 12, 20)] == ["", "0" * 32, "0" * 32, "0" * 32]
    assert is_found_at(run, range(5, 26, 5))


@pytest.mark.parametrize("step", [-1, 26, 10**9])
def test_a_step_that_the_run_never_took_is_refused(step: int) -> None:
    with pytest.raises(ConfigError, match=rf"^step = {step} is not accepted: an outer step from 0 to 25"):
        state_at(RUN, step)


def test_a_step_that_is_no_whole_number_is_refused() -> None:
    for wrong in (2.5, "3", True, None):
        with pytest.raises(TypeError, match="give a whole number from 0 on"):
            state_at(RUN, wrong)  # type: ignore[arg-type]


def test_a_run_of_its_own_problem_asks_for_it(tmp_path: Path) -> None:
    config = tiny()
    problem = build_problem(config)
    own = Problem(family=problem.family, model=problem.model, loss=lambda *points: 2.0 * mse(*points))

    def state_after(step: int) -> RunState:
        return replay(config, [], num_steps=step, problem=own)[1]

    run = SavedRun(
        name="own",
        start=config,
        config=config,
        records=replay(config, [], num_steps=8, problem=own)[2],
        state=state_to_bytes(state_after(8)),
        step=8,
        moments=tuple(
            moment._replace(state=light(state_to_bytes(state_after(moment.step))))
            for moment in (moment_of(config, (), 0), moment_of(config, (), 4))
        ),
    )
    run = save_run(tmp_path / "own", run)
    with pytest.raises(StoreError, match=r"own was trained with a Problem of its own, .* give that Problem again"):
        state_at(run, 4)
    for step in (3, 6):
        found = apart_from_checkpoints(state_at(run, step, problem=own))
        assert same(found, apart_from_checkpoints((config, state_after(step))))
    with pytest.raises(StateError, match="a problem of its own"):
        state_at(run, 6, problem=problem)


def test_images_that_were_moved_are_asked_for(tmp_path: Path) -> None:
    for kind in range(4):
        (tmp_path / "shapes" / f"class {kind}").mkdir(parents=True)
        for number in range(3):
            (tmp_path / "shapes" / f"class {kind}" / f"{number}.png").write_bytes(png(drawing(kind, number)))
    start = RunConfig(
        tasks=FolderConfig(folder=str(tmp_path / "shapes"), ways=2),
        model=MLPConfig(hidden_widths=(4,)),
        **{"shots": 1, "num_query": 1, "meta_batch_size": 2, "evaluation_tasks": 2},
    )
    run = dataclasses.replace(trained(start, steps=5), images=images_of(build_problem(start).family))
    expected = apart_from_checkpoints(replay(start, [], num_steps=4)[:2])
    assert same(apart_from_checkpoints(state_at(run, 4)), expected)
    shutil.move(tmp_path / "shapes", tmp_path / "elsewhere")
    with pytest.raises(DataError, match="gone"):
        state_at(moved(run, str(tmp_path / "gone")), 4)
    found, _ = with_images(run, folder=str(tmp_path / "elsewhere"))
    config, state = state_at(found, 4)
    assert config == found.config
    assert same(state.meta, expected[1].meta)


def test_a_state_of_another_model_is_refused() -> None:
    other = init_run(tiny(model=MLPConfig(hidden_widths=(7,))))
    damaged = RUN.moments[0]._replace(state=light(state_to_bytes(other)))
    with pytest.raises(StateError, match="another model"):
        state_at(dataclasses.replace(RUN, moments=(damaged,)), 3)


def test_a_run_that_stops_earlier_when_computed_anew_says_so() -> None:
    start, wild = tiny(num_inner_steps=5), Entry(step=12, kind="change", changes={"alpha": 100.0, "beta": 100.0})
    run = dataclasses.replace(RUN, start=start, timeline=(wild,), moments=(), step=200)
    with pytest.raises(StateError, match=r"computed anew, the run stops at outer step \d+: "):
        state_at(run, 199)
