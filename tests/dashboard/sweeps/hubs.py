"""A hub with sweeps, workers that compute when a test says so, and a page that keeps all it is sent."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from dashboard.server.hub import Hub
from dashboard.sweeps.job import SweepJob
from dashboard.sweeps.quotas import JobKey
from maml_core.chunks import run_chunk
from maml_core.sweeps.budget import Cost
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import open_study
from tests.dashboard.server.clients import TINY, Clock, Inline, on_loop, priced_result, strict
from tests.dashboard.server.clients import wake as wake_hub
from tests.dashboard.sweeps.results import sweep

WAIT_S = 30.0
COST = Cost(step_s=0.01, evaluation_s=0.02)
MANY_TASKS = dataclasses.replace(TINY, evaluation_tasks=500)


class Mixed(Inline):
    """Computes sweeps' chunks for real and at once; live chunks take a step and no time."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []
        self.lose = 0
        """Sweeps' chunks to lose with their worker."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.order.append("live" if fn is run_chunk else "sweep")
        if fn is run_chunk:
            future.set_result(priced_result(args[0]))
        elif fn is run_lanes and self.lose:
            self.lose -= 1
            future.set_exception(BrokenProcessPool("gone"))
        else:
            future.set_result(fn(*args))
        return future


class Held(Mixed):
    """Computes a chunk when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.order.append("live" if fn is run_chunk else "sweep")
        self.waiting.append((Future(), fn, args))
        return self.waiting[-1][0]

    def finish(self) -> str:
        future, fn, args = self.waiting.pop(0)
        future.set_result(priced_result(args[0]) if fn is run_chunk else fn(*args))
        return "live" if fn is run_chunk else "sweep"


class Viewer:
    """The sensitivity screen's socket, which keeps all it was sent."""

    def __init__(self, hub: Hub, token: str) -> None:
        self.hub, self.token = hub, token
        self.page, self.outbox = hub.connect_sweeps(token, resume="")

    def take(self) -> list[dict[str, Any]]:
        found = []
        while not self.outbox.empty():
            message = self.outbox.get_nowait()
            if isinstance(message, bytes):
                length = int.from_bytes(message[:4], "little")
                found.append({"type": "frame", **json.loads(message[4 : 4 + length].decode())})
                self.say("ack", frame=found[-1]["frame"])
            else:
                found.append(strict(message))
        return found

    def say(self, type: str, **fields: Any) -> None:
        self.hub.receive_sweeps(self.token, self.page, {"type": type, **fields})

    def close(self) -> None:
        self.hub.sweeps.disconnect(self.page, self.outbox)


def new_job(hub: Hub, root: Path, of: SweepConfig | None = None, name: str = "s") -> tuple[JobKey, SweepJob]:
    of = of or sweep()
    key = JobKey(str(root), name)
    return key, hub.sweeps.preparation.new_job(key.name, of, open_study(of, name, storage=root), {of.base: COST})


async def until(condition: Callable[[], bool]) -> None:
    """Threads have a part in it, so it takes real time."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.002)


async def wake(hub: Hub) -> None:
    """What the hub's own timer does, and the frames that come of it."""
    await wake_hub(hub)
    await hub.sweeps.frames.drawn()


Scene = Callable[[Hub, Any, Clock], Awaitable[None]]


def play(scene: Scene, executor: Any = None) -> None:
    """A scene with a hub that runs; its sweeps' threads end with it."""

    async def closed(hub: Hub, executor: Any, clock: Clock) -> None:
        try:
            await scene(hub, executor, clock)
        finally:
            await hub.sweeps.close()

    on_loop(closed, executor or Mixed())
