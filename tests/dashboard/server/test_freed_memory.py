"""What pages leave behind is given back once they are forgotten, and not looked for otherwise."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from dashboard.server import freed_memory
from dashboard.server.freed_memory import give_back_what_pages_leave
from dashboard.server.hub import Hub
from tests.dashboard.server.clients import TINY, Inline


class Circle:
    """Something that refers to itself, as what a session leaves."""

    def __init__(self) -> None:
        self.itself = self


@pytest.mark.parametrize("forgets", [False, True])
def test_what_lies_in_circles_goes_when_a_page_was_forgotten(monkeypatch: pytest.MonkeyPatch, forgets: bool) -> None:
    monkeypatch.setattr(freed_memory, "LOOK_S", 0.0)
    hub = Hub(Inline())
    page = hub.pages.get(hub.open_page(TINY))
    assert page is not None

    async def scene() -> bool:
        giving = asyncio.create_task(give_back_what_pages_leave(lambda: hub.pages.num_forgotten))
        left = weakref.ref(Circle())
        if forgets:
            hub.pages.forget(page)
        for _ in range(200):
            await asyncio.sleep(0.001)
            if left() is None:
                break
        giving.cancel()
        await asyncio.gather(giving, return_exceptions=True)
        return left() is None

    gc.collect()
    gc.disable()
    try:
        assert asyncio.run(scene()) == forgets
    finally:
        gc.enable()


def test_what_is_free_goes_now_and_then_while_nobody_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    given: list[int] = []

    async def slept(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) > 3 * freed_memory.LOOKS:
            raise asyncio.CancelledError

    monkeypatch.setattr("dashboard.server.freed_memory.asyncio.sleep", slept)
    monkeypatch.setattr(freed_memory, "_give_back", lambda: given.append(len(looks)))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_back_what_pages_leave(lambda: 0))
    assert given == [freed_memory.LOOKS, 2 * freed_memory.LOOKS, 3 * freed_memory.LOOKS]
