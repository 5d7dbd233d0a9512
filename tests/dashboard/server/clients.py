"""What tests of the hub have in common: clients, executors that compute when the test says so, a clock that the test moves."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor, Future
from typing import Any

from dashboard.server.hub import Hub
from maml_core.chunks import ChunkRequest, ChunkResult, run_chunk
from maml_core.config import GlyphsConfig, MLPConfig, RunConfig, replace
from maml_core.records import Levels, Status

TINY = RunConfig(
    model=MLPConfig(hidden_widths=(4,)),
    shots=2,
    num_query=2,
    meta_batch_size=2,
    evaluation_tasks=2,
    evaluation_steps=1,
    evaluate_every=5,
)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Inline(Executor):
    """Computes at once, a few outer steps where a chunk would take its time."""

    def __init__(self) -> None:
        self.requests: list[ChunkRequest] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.requests.append(args[0])
        try:
            future.set_result(self.compute(args[0]))
        except Exception as error:
            future.set_exception(error)
        return future

    def compute(self, request: ChunkRequest) -> ChunkResult:
        if request.num_steps is None and request.budget_s is not None:
            request = dataclasses.replace(request, num_steps=2, budget_s=None)
        return run_chunk(request)


class Priced(Inline):
    """Computes nothing: a chunk takes the processor time that its run's alpha names, and a playing one takes a step."""

    def __init__(self) -> None:
        super().__init__()
        self.used: dict[int, float] = {}
        """Processor seconds by weights_seed, which names the run."""

    def compute(self, request: ChunkRequest) -> ChunkResult:
        cpu_s = request.config.alpha
        seed = request.config.weights_seed
        self.used[seed] = self.used.get(seed, 0.0) + cpu_s
        return priced_result(request, cpu_s)


def priced_result(request: ChunkRequest, cpu_s: float = 0.01) -> ChunkResult:
    step = int(request.state or b"0") + (1 if request.num_steps is None else request.num_steps)
    config = request.config
    for entry in request.timeline:
        if entry.step <= step:
            config = replace(config, entry.changes)
    return ChunkResult(
        config=config,
        state=str(step).encode(),
        step=step,
        status=Status(),
        records=None,
        snapshot=None,
        levels=Levels(4.25, 3.0),
        cpu_s=cpu_s,
        advance_s=cpu_s,
    )


class Held(Inline):
    """Computes a chunk when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[tuple[Future[Any], ChunkRequest]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.requests.append(args[0])
        self.waiting.append((Future(), args[0]))
        return self.waiting[-1][0]

    def finish(self) -> ChunkRequest:
        future, request = self.waiting.pop(0)
        future.set_result(priced_result(request))
        return request

    def fail(self, error: BaseException) -> None:
        self.waiting.pop(0)[0].set_exception(error)


class Client:
    """A page's socket that keeps all it was sent."""

    def __init__(self, hub: Hub, token: str, *, resume: str = "", released: bool = False, tab: str = "") -> None:
        self.hub = hub
        self.page, self.outbox = hub.connect(token, resume=resume, released=released, tab=tab)

    def take(self) -> list[dict[str, Any]]:
        """The messages since the last look; a frame is its header."""
        found = []
        while not self.outbox.empty():
            message = self.outbox.get_nowait()
            if isinstance(message, bytes):
                length = int.from_bytes(message[:4], "little")
                found.append({"type": "frame", **strict(message[4 : 4 + length].decode())})
            else:
                found.append(strict(message))
        return found

    def say(self, type: str, **fields: Any) -> None:
        self.hub.receive(self.page, {"type": type, **fields})

    def close(self) -> None:
        self.hub.disconnect(self.page, self.outbox)


def strict(text: str) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    message: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return message


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def states(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [message for message in messages if message["type"] == "state"]


async def turns(count: int = 60) -> None:
    """Let the loop go round."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], limit: int = 3_000) -> None:
    for _ in range(limit):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not happen")


def on_loop(
    scene: Callable[[Hub, Any, Clock], Awaitable[None]], executor: Executor | None = None, **options: Any
) -> None:
    """Play a scene with a hub that runs."""

    async def play() -> None:
        clock = Clock()
        used = executor or Inline()
        hub = Hub(used, clock=clock, **options)
        running = asyncio.create_task(hub.run())
        await turns(5)
        try:
            await scene(hub, used, clock)
            assert not running.done(), "the hub ended"
        finally:
            for page in hub.pages.all():
                page.connection.close()
            await turns(50)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    coroutine: Coroutine[Any, Any, None] = play()
    asyncio.run(coroutine)


async def wake(hub: Hub) -> None:
    """What the hub's own timer does after a second at the latest."""
    hub.wake()
    await turns()


IMAGES = replace(
    TINY, {"tasks": GlyphsConfig(ways=3), "shots": 1, "num_query": 1, "joint_baseline": False, "num_inner_steps": 1}
)
