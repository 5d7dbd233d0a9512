"""Frozen maps that are asked for faster than they are computed: one at a time, in order, and the newest in the end."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import numpy as np

from dashboard.server.hub import Hub
from dashboard.sweeps.frozen import ALPHAS, AskedMaps, Theta0
from maml_core.records import Curvature
from maml_core.sweeps.frozen import FrozenMap
from tests.dashboard.server.clients import TINY, Clock, turns
from tests.dashboard.sweeps.hubs import Mixed, Viewer, play


def theta_0(of: str) -> Theta0:
    return Theta0(TINY, b"", None, of)


def part(alphas: tuple[float, ...]) -> FrozenMap:
    """A piece of a map on which nothing happens."""
    one = np.ones((len(alphas), 1))
    return FrozenMap(
        alphas=np.array(alphas),
        mean=one,
        ci95=one,
        median=one,
        diverged_share=one,
        worse_share=one,
        accuracy=None,
        accuracy_ci95=None,
        curvature=Curvature(1.0, 1.0, 1.0),
        seconds=0.0,
    )


class Pieces(Mixed):
    """Pieces of maps, which the test finishes in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[Future[Any], bytes, tuple[float, ...]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        _, state, alphas, *_ = args
        self.asked.append((Future(), state, alphas))
        return self.asked[-1][0]

    async def finish(self, place: int = 0) -> bytes:
        """Finish a piece; gives the state that it is of."""
        future, state, alphas = self.asked.pop(place)
        future.set_result(part(alphas))
        await turns(20)
        return state


def test_only_the_newest_of_what_was_asked_for_meanwhile_follows() -> None:
    maps = AskedMaps()
    assert maps.ask(theta_0("first"))
    assert maps.next() == theta_0("first")
    assert not maps.ask(theta_0("second"))
    assert not maps.ask(theta_0("third"))
    assert maps.next() == theta_0("third")
    assert maps.next() is None
    assert maps.ask(theta_0("fourth"))


def test_maps_of_one_page_come_in_the_order_in_which_they_were_asked_for() -> None:
    async def scene(hub: Hub, executor: Pieces, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        run = hub.pages.get(token).run  # type: ignore[union-attr]
        for step in (3, 4, 5):
            run.state, run.step = b"state %d" % step, step
            viewer.say("freeze")
            await turns(20)
        seen, computed = [], []
        while executor.asked:
            computed.append(await executor.finish(-1))  # the last to be asked for is there first
            if viewer.page.frozen is not None and viewer.page.frozen.of not in seen:
                seen.append(viewer.page.frozen.of)
        assert seen == [f"The live run's θ_0 at outer step {step}" for step in (3, 5)]
        num_pieces = -(-len(ALPHAS) // 4)
        assert computed == [b"state 3"] * num_pieces + [b"state 5"] * num_pieces

    play(scene, Pieces())


def test_a_map_that_cannot_be_computed_says_so_and_the_next_one_follows() -> None:
    async def scene(hub: Hub, executor: Pieces, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        run = hub.pages.get(token).run  # type: ignore[union-attr]
        run.state, run.step = b"first", 1
        viewer.say("freeze")
        await turns(20)
        run.state, run.step = b"second", 2
        viewer.say("freeze")
        executor.asked.pop()[0].set_exception(RuntimeError("no memory"))
        await turns(20)
        while executor.asked:
            await executor.finish()
        said = [message["message"] for message in viewer.take() if message["type"] == "error"]
        assert said == ["The frozen map could not be computed: no memory."]
        assert viewer.page.frozen is not None
        assert viewer.page.frozen.of == "The live run's θ_0 at outer step 2"

    play(scene, Pieces())
