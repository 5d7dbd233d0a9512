"""The driver: what it deals, keeps and gives back, on lanes that are made up; and once for all on real ones."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.config import RunConfig
from maml_core.execution import MAX_LOST, ChunkPool
from maml_core.records import Status, Summary
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import LanesRequest, LanesResult
from maml_core.sweeps.definition import SweepConfig, group_key, lane_configs
from maml_core.sweeps.driver import Sweeping, Ticket, run_sweep, worst
from maml_core.sweeps.results import LaneStop, SettingResult, cap_of
from maml_core.sweeps.sampling import settings_of
from maml_core.sweeps.study import SweepStudy, open_study
from tests.maml_core.helpers import tiny
from tests.maml_core.sweeps.helpers import single_run

ALPHAS = (0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
SWEEP = SweepConfig(axes=(Axis(name="alpha", values=ALPHAS, log=True),), num_steps=40, num_rungs=4)
GONE = 2.0
"""Made-up lanes of a larger alpha diverge at step 15."""


def made_up_loss(config: RunConfig, step: int) -> float:
    """Best at alpha 0.1, falling with the steps; every seed 0.01 more."""
    return abs(math.log10(config.alpha) + 1.0) + 1.0 / (1 + step) + 0.01 * config.tasks_seed


def made_up_lanes(request: LanesRequest) -> LanesResult:
    """What `run_lanes` promises, from formulas; with a budget, seven steps a chunk."""
    assert len({group_key(config) for config in request.configs}) == 1
    held = json.loads(request.state) if request.state else {"step": 0, "lanes": list(range(len(request.configs)))}
    lanes = [lane for lane in held["lanes"] if lane not in request.drop]
    began = list(lanes)
    steps, rows, stopped, step = [], [], [], held["step"]
    while step < request.until and (request.budget_s is None or len(steps) < 7):
        steps.append(step)
        rows.append([made_up_loss(request.configs[lane], step) if lane in lanes else math.nan for lane in began])
        step += 1
        if step == 15:
            wild = [lane for lane in lanes if request.configs[lane].alpha > GONE]
            stopped += [LaneStop(lane, step, Status("diverged", "Too far.")) for lane in wild]
            lanes = [lane for lane in lanes if lane not in wild]
    summaries = None
    if request.evaluate and step >= request.until:
        summaries = tuple(made_up_summary(request.configs[lane], step) for lane in lanes)
    return LanesResult(
        state=json.dumps({"step": step, "lanes": lanes}).encode(),
        step=step,
        lanes=tuple(lanes),
        steps=np.array(steps, dtype=np.int64),
        query_loss=np.array(rows, dtype=np.float64).reshape(-1, len(began)),
        accuracy=None,
        query_lanes=tuple(began),
        stopped=tuple(stopped),
        summaries=summaries,
        by_task=() if summaries is None else (b"",) * len(lanes),
        curvatures=None if summaries is None else np.full(len(lanes), 20.0),
        cpu_s=0.0,
        advance_s=0.0,
    )


def made_up_summary(config: RunConfig, step: int) -> Summary:
    means = np.full(config.evaluation_steps + 1, 3.0)
    means[config.num_inner_steps] = made_up_loss(config, step)
    return Summary(means, np.full(len(means), 0.1), means, np.zeros(len(means)), np.zeros(len(means)))


class Here(Executor):
    """Runs made-up chunks at once, and may lose some."""

    def __init__(self, lose: Sequence[int] = ()) -> None:
        self.requests: list[LanesRequest] = []
        self.lose = set(lose)

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.requests.append(arguments[0])
        if len(self.requests) in self.lose:
            future.set_exception(BrokenProcessPool("killed"))
        else:
            future.set_result(made_up_lanes(arguments[0]))
        return future


@pytest.fixture
def study(tmp_path: Path) -> Any:
    opened: list[SweepStudy] = []

    def open_one(sweep: SweepConfig = SWEEP) -> SweepStudy:
        opened.append(open_study(sweep, "one", storage=tmp_path))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


def by_alpha(results: Sequence[SettingResult]) -> dict[Any, SettingResult]:
    return {result.values["alpha"]: result for result in results}


def lanes_of(tickets: Sequence[Ticket]) -> list[float]:
    return sorted(config.alpha for ticket in tickets for config in ticket.request.configs)


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_every_setting_is_computed_once_and_judged_at_its_last_step(study: Any, at_once: int) -> None:
    executor = Here()
    results = by_alpha(run_sweep(SWEEP, study(), executor, at_once=at_once))
    for alpha in ALPHAS:
        result = results[alpha]
        if alpha > GONE:
            assert (result.status, result.value) == ("diverged", cap_of(SWEEP))
            assert result.lanes[0].step == 15
        else:
            assert result.status == "ok"
            assert result.value == pytest.approx(abs(math.log10(alpha) + 1.0) + 1 / 41)
            assert result.ci95 == 0.1
            assert result.lanes[0].before == 3.0
            assert result.steps is not None
            assert result.steps.tolist() == [10, 20, 30, 40]
    starts = [config.alpha for request in executor.requests if request.state is None for config in request.configs]
    assert sorted(starts) == list(ALPHAS)


def test_all_places_have_work_from_the_start(study: Any) -> None:
    sweeping = Sweeping(SWEEP, study(), at_once=2)
    tickets = [sweeping.next_request(), sweeping.next_request()]
    assert sweeping.next_request() is None
    assert [len(ticket.request.configs) for ticket in tickets if ticket] == [4, 4]
    assert lanes_of([ticket for ticket in tickets if ticket]) == list(ALPHAS)


def test_a_batch_has_no_more_lanes_than_fit(study: Any) -> None:
    sweep = SweepConfig(axes=SWEEP.axes, num_steps=40, num_seeds=2)
    executor = Here()
    run_sweep(sweep, study(sweep), executor, at_once=1, max_lanes=5)
    assert {len(request.configs) for request in executor.requests} == {4}


def test_many_groups_are_dealt_whole_the_costliest_first(study: Any) -> None:
    steps = Axis(name="num_inner_steps", values=(1, 2, 3, 4, 5, 6, 7, 8))
    axes = (steps, Axis(name="alpha", values=(0.01, 0.1)))
    sweep = SweepConfig(axes=axes, num_steps=40, grid_order="plain")  # groups as fine as each other
    executor = Here()
    run_sweep(sweep, study(sweep), executor, at_once=2)
    starts = [request.configs for request in executor.requests if request.state is None]
    assert [configs[0].num_inner_steps for configs in starts] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert {len(configs) for configs in starts} == {2}


def test_what_is_complete_is_in_the_study_at_once(study: Any) -> None:
    kept = study()
    sweeping = Sweeping(SWEEP, kept, at_once=1)
    for _ in range(3):  # 7, 10, 17 steps
        ticket = sweeping.next_request(budget_s=0.1)
        assert ticket is not None
        sweeping.finished(ticket, made_up_lanes(ticket.request))
    statuses = [result.status for result in kept.results()]
    assert statuses == ["running"] * 6 + ["diverged"] * 2
    assert [result.status for result in sweeping.results()] == statuses
    assert kept.results()[3].value == pytest.approx(1 / 11)  # of the first rung
    assert sweeping.progress.num_diverged == 2
    assert sweeping.progress.lane_steps == 8 * 15 + 6 * 2
    assert sweeping.progress.lane_steps_left == 6 * (40 - 17)


def test_a_lost_chunk_is_asked_for_again_from_the_held_state(study: Any) -> None:
    executor = Here(lose=(2, 3))
    results = by_alpha(run_sweep(SWEEP, study(), executor, at_once=1))
    assert results[0.1].value == pytest.approx(1 / 41)
    assert executor.requests[1] == executor.requests[2] == executor.requests[3]


def test_chunks_that_are_lost_now_and_then_stop_no_sweep(study: Any) -> None:
    executor = Here(lose=range(2, 60, 2))
    results = run_sweep(SWEEP, study(), executor, at_once=1, max_lanes=2)
    assert [result.status for result in results] == ["ok"] * 6 + ["diverged"] * 2
    assert len(executor.lose & set(range(len(executor.requests)))) > 2 * MAX_LOST


def test_where_others_help_a_batch_is_half_of_a_places_share(study: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SweepStudy, "is_shared", True)
    monkeypatch.setattr(SweepStudy, "num_clients", 2)
    executor = Here()
    run_sweep(SWEEP, study(), executor, at_once=1)
    sizes = [len(request.configs) for request in executor.requests if request.state is None]
    assert sizes == [2, 2, 1, 1, 1, 1]  # of 8, 6, 4, 3, 2 and 1 that are left, for two clients


def test_a_sweep_whose_workers_all_die_stops(study: Any) -> None:
    kept = study()
    with pytest.raises(BrokenProcessPool):
        run_sweep(SWEEP, kept, Here(lose=range(1, 100)), at_once=1)
    assert len(kept.take(99)) == 8  # all given back


def test_interrupted_it_keeps_what_is_finished_and_the_next_one_does_the_rest(study: Any) -> None:
    def interrupt(sweeping: Sweeping) -> None:
        if sweeping.progress.num_done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sweep(SWEEP, study(), Here(), at_once=1, max_lanes=3, on_change=interrupt)
    left = [one.values["alpha"] for one in study().results() if not one.is_done]
    assert len(left) == 5
    executor = Here()
    results = run_sweep(SWEEP, study(), executor, at_once=1)
    assert [result.status for result in results] == ["ok"] * 6 + ["diverged"] * 2
    assert sorted(config.alpha for config in executor.requests[0].configs) == sorted(left)


def test_two_clients_share_a_sweep(study: Any) -> None:
    one, two = (Sweeping(SWEEP, study(), at_once=1, max_lanes=2) for _ in range(2))
    done: list[float] = []
    while not (one.is_done and two.is_done):
        for sweeping in (one, two):
            ticket = sweeping.next_request()
            if ticket is None:
                sweeping.refresh()
                continue
            if ticket.request.state is None:
                done += [config.alpha for config in ticket.request.configs]
            sweeping.finished(ticket, made_up_lanes(ticket.request))
    assert sorted(done) == list(ALPHAS)
    assert [result.status for result in two.results()] == ["ok"] * 6 + ["diverged"] * 2


def test_the_worst_leave_at_each_rung(study: Any) -> None:
    alphas = tuple(10.0 ** (-1 - index / 10) for index in range(16))
    sweep = SweepConfig(axes=(Axis(name="alpha", values=alphas),), num_steps=40, num_rungs=3, prune=0.5)
    kept = study(sweep)
    results = run_sweep(sweep, kept, Here(), at_once=1)
    # Half of 16 leave the first rung; at the second one half of the 8 that got there.
    assert [result.status for result in results] == ["ok"] * 4 + ["pruned"] * 12
    assert [len(result.steps) for result in results] == [3] * 4 + [2] * 4 + [1] * 8  # type: ignore[arg-type]
    assert results[15].value == pytest.approx(1.5 + 1 / 14)
    assert [result.status for result in kept.results()] == [result.status for result in results]


def test_pruned_lanes_are_told_to_leave_once(study: Any) -> None:
    alphas = tuple(10.0 ** (-1 - index / 10) for index in range(4))
    sweep = SweepConfig(
        axes=(Axis(name="alpha", values=alphas),), num_steps=40, num_rungs=2, prune=0.5, grid_order="plain"
    )
    executor = Here()
    run_sweep(sweep, study(sweep), executor, at_once=1)
    drops = [request.drop for request in executor.requests]
    assert [drop for drop in drops if drop] == [(2, 3)]


def test_an_early_setting_is_compared_with_those_that_came_before_it() -> None:
    sweep = SweepConfig(prune=0.5)
    assert worst({7: 9.0}, sweep) == set()
    assert worst({7: 9.0, 1: 1.0}, sweep) == {7}
    assert worst({1: 1.0, 2: 1.0}, sweep) == {2}


def test_every_seed_is_a_lane_and_a_setting_is_their_mean(study: Any) -> None:
    sweep = SweepConfig(axes=SWEEP.axes, num_steps=40, num_seeds=3)
    result = by_alpha(run_sweep(sweep, study(sweep), Here(), at_once=2))[0.1]
    assert [lane.seed for lane in result.lanes] == [0, 1, 2]
    assert result.value == pytest.approx(1 / 41 + 0.01)
    assert result.ci95 == pytest.approx(4.302653 * 0.01 / math.sqrt(3))


def test_training_curves_are_kept_stretch_by_stretch(study: Any) -> None:
    sweep = SweepConfig(axes=SWEEP.axes, num_steps=400)  # two steps a stretch
    kept = study(sweep)
    results = by_alpha(run_sweep(sweep, kept, Here(), at_once=2))
    curve = results[0.1]
    assert curve.training is not None
    assert curve.training_steps is not None
    assert curve.training_steps.tolist()[:2] == [1, 3]
    assert curve.training.shape == (1, 200)
    assert curve.training[0, 0] == pytest.approx((1.0 + 1 / 2) / 2)
    gone = results[10.0].training
    assert gone is not None
    assert np.isfinite(gone[0, :7]).all()
    assert np.isnan(gone[0, 8:]).all()
    read = kept.curves()
    np.testing.assert_allclose(read[read.setting == 3].training_loss, curve.training[0])


def test_tpe_looks_where_it_is_good(study: Any) -> None:
    axis = Axis(name="alpha", low=0.001, high=1.0, log=True)
    sweep = SweepConfig(axes=(axis,), sampler="tpe", num_settings=48, num_steps=40)
    results = run_sweep(sweep, study(sweep), Here(), at_once=1)
    assert len(results) == 48
    assert {result.status for result in results} == {"ok"}
    first, last = results[:12], results[-12:]
    assert np.mean([result.value for result in last]) < 0.7 * np.mean([result.value for result in first])


def test_progress_has_a_revision(study: Any) -> None:
    sweeping = Sweeping(SWEEP, study(), at_once=1)
    seen = {sweeping.revision}
    ticket = sweeping.next_request()
    seen.add(sweeping.revision)
    assert ticket is not None
    sweeping.finished(ticket, made_up_lanes(ticket.request))
    seen.add(sweeping.revision)
    assert len(seen) == 3


REAL = SweepConfig(
    base=tiny(dtype="float64"),
    axes=(Axis(name="num_inner_steps", values=(1, 2)), Axis(name="alpha", values=(0.01, 0.05))),
    num_steps=30,
    num_rungs=2,
)


def test_real_lanes_on_a_pool_agree_with_single_runs_though_a_worker_is_killed(study: Any) -> None:
    killed: list[int] = []

    def kill(sweeping: Sweeping) -> None:
        if not killed and sweeping.progress.lane_steps > 0:
            killed.append(pool.submit(os.getpid).result())
            os.kill(killed[0], signal.SIGKILL)

    pool = ChunkPool(1)
    try:
        results = run_sweep(REAL, study(REAL), pool, at_once=2, chunk_s=0.01, on_change=kill)
    finally:
        pool.shutdown()
    assert killed
    for result, setting in zip(results, settings_of(REAL) or (), strict=True):
        (config,) = lane_configs(REAL, setting.values)
        single = single_run(config, 30)
        assert result.value == pytest.approx(float(single.summary.mean[config.num_inner_steps]), rel=1e-9)
        assert result.ci95 == pytest.approx(float(single.summary.ci95[config.num_inner_steps]), rel=1e-9)
        assert result.lambda_max == pytest.approx(single.lambda_max, rel=1e-6)
        assert result.curvatures == pytest.approx([single_run(config, 15).lambda_max, single.lambda_max], rel=1e-6)
