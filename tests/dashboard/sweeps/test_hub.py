"""Sweeps on the hub: their costs, and their chunks between those of live runs, to the end."""

from __future__ import annotations

import asyncio
import dataclasses
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import pytest

from dashboard.server.hub import Hub
from dashboard.sweeps.job import MAX_LOST
from maml_core.sweeps.budget import MEASURED_TASKS, PIECE_S, groups, measuring
from maml_core.sweeps.chunks import LanesRequest, run_lanes
from maml_core.sweeps.study import load_sweep, open_study
from tests.dashboard.server.clients import TINY, Clock
from tests.dashboard.sweeps.hubs import MANY_TASKS, Held, Mixed, Viewer, new_job, play, until, wake
from tests.dashboard.sweeps.results import sweep


class TestSweep:
    def test_it_is_computed_to_its_end_and_kept(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "done")
            assert {r.status for r in job.results} == {"ok"}
            assert viewer.page.job is job

        play(scene)
        with load_sweep("s", storage=root) as study:
            assert [r.status for r in study.results()] == ["ok"] * 6

    def test_it_equals_the_sweep_that_nothing_was_cut_of(self, root: Path):
        from maml_core.sweeps.driver import run_sweep

        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "done")
            with open_study(sweep(), "whole", storage=root) as study:
                whole = run_sweep(sweep(), study, executor, at_once=1)
            for ours, other in zip(job.results, whole, strict=True):
                assert ours.value == pytest.approx(other.value, rel=1e-5)
                assert ours.lambda_max == pytest.approx(other.lambda_max, rel=1e-3)

        play(scene)

    def test_lanes_are_judged_a_few_at_a_time(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            judged: list[int] = []
            while job.status != "done":
                await until(lambda: bool(executor.waiting) or job.status == "done")
                if executor.waiting:
                    request: LanesRequest = executor.waiting[0][2][0]
                    if request.evaluate:
                        judged.append(len(request.configs) - len(request.drop))
                    executor.finish()
            assert set(judged) == {2}  # 0.02 s each, within LOOK_S
            assert len(judged) == 2 * 6 / 2  # at each of two rungs

        play(scene, Held())

    def test_a_lost_worker_costs_no_setting(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            executor.lose = 2
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "done")
            assert {r.status for r in job.results} == {"ok"}

        play(scene)

    @pytest.mark.parametrize(("lost", "status"), [(MAX_LOST, "done"), (MAX_LOST + 1, "failed")])
    def test_it_stops_once_a_piece_is_lost_more_often_than_may_be(self, lost: int, status: str, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            executor.lose = lost
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status in ("done", "failed"))
            assert job.status == status

        play(scene)

    def test_one_workers_end_is_one_loss_however_many_pieces_were_computed(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            _, job = new_job(hub, root, sweep(num_rungs=1))
            job.resume()
            await job.turn()
            training = [piece for piece in iter(job.take_piece, None) if piece is not None]
            for piece in training:
                await job.finished(piece, run_lanes(piece.request))
            for time_lost in range(MAX_LOST + 1):
                assert job.status == "running"
                under_way = [piece for piece in iter(job.take_piece, None) if piece is not None]
                assert len(under_way) > 1
                for piece in under_way[: None if time_lost < MAX_LOST else 1]:
                    await job.lost(piece, BrokenProcessPool("gone"), is_worker=True)
            assert job.status == "failed"
            job.resume()
            await job.lost(under_way[1], BrokenProcessPool("gone"), is_worker=False)
            assert job.status == "running"  # that one was of the tickets that were given up
            await job.leave()

        play(scene)

    def test_one_that_takes_every_worker_with_it_stops_with_a_sentence(self, root: Path):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            executor.lose = 100
            token = hub.open_page(TINY)
            viewer = Viewer(hub, token)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: job.status == "failed")
            await wake(hub)
            told = [m for m in viewer.take() if m["type"] == "sweep"][-1]
            assert (told["status"], told["problem"]) == ("failed", "gone")
            executor.lose = 0
            viewer.say("resume")
            await until(lambda: job.status == "done")

        play(scene)

    def test_the_first_reason_is_told_not_what_fails_of_it(self, root: Path, monkeypatch: pytest.MonkeyPatch):
        async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
            _, job = new_job(hub, root, sweep(num_rungs=1))
            job.resume()
            await job.turn()
            pieces = [piece for piece in iter(job.take_piece, None) if piece is not None]
            assert len(pieces) > 1
            monkeypatch.setattr(job.study, "put", _full)
            monkeypatch.setattr(job.study, "report", _full)
            while job.status == "running":
                results = [(piece, run_lanes(piece.request)) for piece in pieces]
                await asyncio.gather(*(job.finished(piece, result) for piece, result in results))
                pieces = [piece for piece in iter(job.take_piece, None) if piece is not None]
            assert (job.status, job.sentence) == ("failed", "the disk is full")
            monkeypatch.undo()
            await job.turn()
            assert not job.wants_thread
            await job.leave()

        play(scene)


def _full(*_: Any) -> None:
    raise OSError("the disk is full")


class TestBesideLiveRuns:
    def test_one_live_run_beside_it_takes_turns_with_it(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root, sweep(num_steps=200, num_rungs=1))
            hub.start_sweep(token, key, job)
            page, _ = hub.connect(hub.open_page(TINY), resume="", released=False)
            hub.receive(page, {"type": "play"})
            await until(lambda: bool(executor.waiting))
            assert executor.finish() == "live"  # nothing of the sweep is begun beside what the new page waits for
            for _ in range(12):
                await until(lambda: len(executor.waiting) == 2)
                executor.finish()
            assert executor.order.count("live") >= 5
            assert executor.order.count("sweep") >= 5
            hub.receive(page, {"type": "pause"})

        play(scene, Held())

    def test_a_sweep_has_one_chunk_in_the_queue_for_each_worker(self, root: Path):
        async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
            token = hub.open_page(TINY)
            key, job = new_job(hub, root)
            hub.start_sweep(token, key, job)
            await until(lambda: len(executor.waiting) == 1)
            await wake(hub)
            assert len(executor.waiting) == 1

        play(scene, Held())


class TestCosts:
    """What a sweep will take is measured in short pieces, one at a time, so that no live run waits behind a measurement."""

    def test_pieces_are_short_and_only_one_is_with_the_executor(self):
        held, of = Held(), sweep(base=MANY_TASKS)
        found = groups(of)
        sweeps = Hub(held).sweeps
        assert sweeps.preparation.costs(found, 0.0) == {}
        assert sweeps.preparation.costs(found, 0.0) == {}  # another rerun, or another page
        assert len(held.waiting) == 1
        pieces = []
        while held.waiting:
            ((future, function, arguments),) = held.waiting
            held.waiting.clear()
            pieces.append(arguments[0])
            future.set_result(function(*arguments))
            costs = sweeps.preparation.costs(found, 0.0)
        assert costs.keys() == found.keys()
        assert all(cost.step_s > 0.0 and cost.evaluation_s > 0.0 for cost in costs.values())
        assert all(piece.budget_s == PIECE_S or piece.until == 0 for piece in pieces)
        assert next(piece for piece in pieces if piece.evaluate).configs[0].evaluation_tasks == MEASURED_TASKS

    def test_what_takes_long_is_judged_on_a_few_tasks_alone(self):
        """Images: 500 tasks of eight lanes would hold a worker for seconds."""
        (group,) = groups(sweep(base=MANY_TASKS)).values()
        pieces = measuring(group.configs)
        trained = run_lanes(next(pieces))
        first = pieces.send(dataclasses.replace(trained, advance_s=3 * 0.4, steps=trained.steps[:3]))
        judged = run_lanes(first)
        assert pieces.send(dataclasses.replace(judged, cpu_s=2.5, advance_s=0.1)) == first  # the worker's first one
        with pytest.raises(StopIteration) as end:
            pieces.send(dataclasses.replace(judged, cpu_s=0.5, advance_s=0.1))
        assert len(first.configs) == 1
        assert end.value.value.step_s == pytest.approx(3 * 0.4 / len(trained.steps[:3]) / len(group.configs))
        assert end.value.value.evaluation_s == pytest.approx(0.4 * 500 / MEASURED_TASKS)

    def test_a_measurement_that_fails_begins_again(self):
        executor, of = Mixed(), sweep()
        executor.lose = 1
        sweeps = Hub(executor).sweeps
        assert len(sweeps.preparation.costs(groups(of), 5.0)) < len(groups(of))
        assert sweeps.preparation.costs(groups(of), 5.0).keys() == groups(of).keys()
