"""Where the page's live runs are computed: on this machine, or on the cluster that the environment names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from dashboard.live import server
from dashboard.live.hub import Hub
from maml_core.cluster import ClusterExecutor
from maml_core.execution import ChunkPool
from tests.maml_core.clusters import Cluster
from tests.maml_core.helpers import tiny


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    server.get_pool.cache_clear()
    yield
    server.get_pool.cache_clear()


@pytest.mark.parametrize("value", [None, ""], ids=str)
def test_without_a_scheduler_it_is_this_machine(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv(server.SCHEDULER, raising=False)
    if value is not None:
        monkeypatch.setenv(server.SCHEDULER, value)
    pool = server.get_pool()
    assert isinstance(pool, ChunkPool)
    pool.shutdown()


def test_a_scheduler_that_is_none_ends_the_server_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(server.SCHEDULER, "8786")
    with pytest.raises(SystemExit, match=r"MAML_SCHEDULER: scheduler = '8786' is not accepted: tcp://HOST:PORT"):
        server.get_pool()


async def trained(hub: Hub) -> int:
    """Let a page's run train for a while; gives its outer step."""
    token = hub.open_page(tiny())
    turning = asyncio.create_task(hub.run())
    page, outbox = hub.connect(token, resume="", released=False)
    hub.receive(page, {"type": "play"})
    try:
        async with asyncio.timeout(120):
            while hub.step(token) < 20:
                await asyncio.sleep(0.05)
        return hub.step(token)
    finally:
        hub.disconnect(page, outbox)
        turning.cancel()


def test_live_runs_train_on_the_cluster_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    with Cluster(1) as machines:
        machines.wait_for_workers(1)
        monkeypatch.setenv(server.SCHEDULER, machines.address)
        executor = server.get_pool()
        assert isinstance(executor, ClusterExecutor)
        try:
            assert asyncio.run(trained(Hub(executor, num_workers=executor.num_workers))) >= 20
        finally:
            executor.shutdown(cancel_futures=True)
