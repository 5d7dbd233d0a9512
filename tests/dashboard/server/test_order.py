"""Whose chunk is next on a hub that has more to do than workers: runs, those that classes follow, and sweeps beside them."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from dashboard.server import hub as hub_module
from dashboard.server import order as order_module
from dashboard.server.hub import Hub
from dashboard.server.turns import MAX_CHUNK_S, MAX_HELD_S, SWEEPS_SHARE
from dashboard.sweeps.quotas import JobKey
from maml_core.chunks import run_chunk
from maml_core.config import replace
from maml_core.sweeps.chunks import run_lanes
from tests.dashboard.server.clients import TINY, Client, Clock, Held, on_loop, priced_result, turns

PRICE_S = 0.01
"""Processor seconds of a chunk."""


class Queue(Held):
    """Computes chunks in the order in which they came, one when the test says so. Each takes the same processor time; of live runs it is known whose it was."""

    def __init__(self) -> None:
        super().__init__()
        self.done: Counter[str] = Counter()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        assert fn in (run_chunk, run_lanes)
        self.waiting.append((Future(), args[0]))
        return self.waiting[-1][0]

    def finish(self) -> Any:
        future, request = self.waiting.pop(0)
        if isinstance(request, SimpleNamespace):
            self.done["sweep"] += 1
            future.set_result(SimpleNamespace(cpu_s=PRICE_S))
        else:
            self.done[f"run {request.config.weights_seed}"] += 1
            future.set_result(priced_result(request, PRICE_S))
        return request

    async def work(self, count: int) -> Counter[str]:
        """Compute so many chunks; gives how many of each were computed meanwhile."""
        before = self.done.copy()
        for _ in range(count):
            await turns(8)
            self.finish()
        return self.done - before


class Endless:
    """A sweep that always has something to compute."""

    executor, wants_thread, status, last_seen = None, False, "running", math.inf

    def take_piece(self) -> Any:
        return SimpleNamespace(request=SimpleNamespace())

    async def finished(self, _piece: Any, _result: Any) -> None:
        pass

    async def leave(self) -> None:
        pass


def playing(hub: Hub, count: int) -> list[Client]:
    """So many pages, each with a run that trains."""
    clients = [Client(hub, hub.open_page(replace(TINY, {"weights_seed": seed}))) for seed in range(count)]
    for client in clients:
        client.say("play")
    return clients


@pytest.mark.parametrize(("num_live", "share"), [(3, 1 / 4), (15, SWEEPS_SHARE)])
@pytest.mark.parametrize("num_sweeps", [1, 15])
def test_beside_many_live_runs_sweeps_have_a_share_and_the_runs_share_the_rest_alike(
    num_live: int, share: float, num_sweeps: int
) -> None:
    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        playing(hub, num_live)
        for number in range(num_sweeps):
            hub.sweeps.add(JobKey("here", str(number)), Endless())  # type: ignore[arg-type]
        await executor.work(10 * num_live)
        found = await executor.work(20 * num_live)
        assert found["sweep"] / found.total() == pytest.approx(share, abs=0.03)
        of_runs = [count for name, count in found.items() if name != "sweep"]
        assert len(of_runs) == num_live
        assert max(of_runs) <= min(of_runs) + 2

    on_loop(scene, Queue(), num_workers=2, num_sweep_workers=1)


def test_what_sweeps_had_while_nobody_trained_is_not_held_against_them() -> None:
    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        hub.sweeps.add(JobKey("here", "sweep"), Endless())  # type: ignore[arg-type]
        hub.wake()
        await executor.work(100)
        playing(hub, 4)
        found = await executor.work(100)
        assert found["sweep"] >= 10

    on_loop(scene, Queue(), num_workers=2, num_sweep_workers=1)


def test_who_waits_for_an_answer_does_not_wait_for_a_sweep() -> None:
    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        clients = playing(hub, 4)
        hub.sweeps.add(JobKey("here", "sweep"), Endless())  # type: ignore[arg-type]
        await executor.work(40)
        for _ in range(20):
            given = {getattr(request, "config", TINY).weights_seed for _, request in executor.waiting}
            idle = next(client for client in clients if client.page.run.config.weights_seed not in given)
            before = list(executor.waiting)
            idle.say("task", redraw=True)
            executor.finish()
            await turns(8)
            first = next(request for future, request in executor.waiting if (future, request) not in before)
            assert first.config.weights_seed == idle.page.run.config.weights_seed

    on_loop(scene, Queue(), num_workers=2, num_sweep_workers=1)


def test_while_somebody_waits_no_chunk_of_a_sweep_is_begun_beside_the_answer() -> None:
    def num_sweeping(executor: Queue) -> int:
        return sum(isinstance(request, SimpleNamespace) for _, request in executor.waiting)

    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        (client,) = playing(hub, 1)
        hub.sweeps.add(JobKey("here", "sweep"), Endless())  # type: ignore[arg-type]
        await executor.work(20)
        await turns(8)
        assert num_sweeping(executor) > 0
        for word in ("play", "pause"):
            client.say(word)
            await executor.work(4)
            await turns(8)
            client.say("task", redraw=True)
            under_way = len(executor.waiting)
            for _ in range(under_way):
                executor.finish()
                await turns(8)
            ((_, answer),) = executor.waiting  # and nothing beside it
            assert answer.view is not None
            executor.finish()
            await turns(8)
            assert num_sweeping(executor) > 0
        client.say("play")
        await executor.work(4)
        begun = []
        for _ in range(20):  # who never ends asking does not end it
            client.say("task", redraw=True)
            clock.now += MAX_HELD_S / 10
            await executor.work(1)
            client.say("task", redraw=True)
            await turns(8)
            begun.append(num_sweeping(executor))
        assert begun[2:8] == [0] * 6
        assert max(begun[11:]) > 0

    on_loop(scene, Queue(), num_workers=2, num_sweep_workers=1)


def test_a_run_beside_a_sweep_is_not_alone_where_the_sweep_has_just_waited_for_it() -> None:
    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        (client,) = playing(hub, 1)
        hub.sweeps.add(JobKey("here", "sweep"), Endless())  # type: ignore[arg-type]
        client.say("pause")
        await executor.work(40)  # the sweep alone: it has had more than its share, and the run's chunk is given first
        client.say("play")
        budgets = []
        for _ in range(4):
            client.say("task", redraw=True)
            for _ in range(3):
                await turns(8)
                budgets.append(getattr(executor.finish(), "budget_s", None))
        assert max(budget for budget in budgets if budget is not None) <= MAX_CHUNK_S

    on_loop(scene, Queue(), num_workers=2, num_sweep_workers=1)


def follow(hub: Hub, teacher: Client) -> None:
    """Have somebody follow a page's run."""
    teacher.say("class_start", address="http://127.0.0.1:8501/")
    room = hub.classes.of(teacher.page)
    assert room is not None
    Client(hub, hub.classes.join(room.code, home=hub.open_page(TINY), client="here", now=hub._clock()))


def test_many_classes_leave_a_worker_to_those_who_train_alone_and_share_the_other_alike() -> None:
    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        clients = playing(hub, 7)
        for teacher in clients[:4]:
            follow(hub, teacher)
        await executor.work(100)
        found = await executor.work(350)
        classes, alone = ([found[f"run {seed}"] for seed in seeds] for seeds in (range(4), range(4, 7)))
        assert min(alone) > 0.5 * 350 / 7 / 2
        assert min(classes) > 1.5 * max(alone)
        for group in (classes, alone):
            assert max(group) <= 1.1 * min(group)

    on_loop(scene, Queue(), num_workers=2)


def test_a_teacher_whose_class_has_ended_has_no_debt() -> None:
    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        clients = playing(hub, 3)
        follow(hub, clients[0])
        await executor.work(300)
        clients[0].say("class_end")
        found = await executor.work(90)
        assert found["run 0"] >= 25

    on_loop(scene, Queue(), num_workers=2)


def test_a_chunk_that_takes_long_holds_nobody_back_and_is_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the largest set-up looked at keeps one worker; the others train on, instead of waiting until it is known what that has used."""
    for module in (hub_module, order_module):
        monkeypatch.setattr(module, "is_long", lambda config: config.weights_seed == 0)

    async def scene(hub: Hub, executor: Queue, clock: Clock) -> None:
        clients = playing(hub, 3)
        await turns(8)
        long = next(given for given in executor.waiting if given[1].config.weights_seed == 0)
        executor.waiting.remove(long)  # a worker is at it
        clients[0].say("set", changes={"beta": 0.5})
        found = await executor.work(100)
        assert found["run 1"] >= 45
        assert found["run 2"] >= 45
        before = clients[0].page.run.turn
        long[0].set_result(dataclasses.replace(priced_result(long[1], 0.001), cpu_s=10.0))
        await turns(8)
        assert clients[0].page.run.turn >= before + 10.0

    on_loop(scene, Queue(), num_workers=2)
