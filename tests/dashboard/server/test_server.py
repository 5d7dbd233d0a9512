"""Where the page's live runs are computed: on this machine, or on the cluster that the environment names."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from dashboard.server import start
from dashboard.server.hub import Hub
from maml_core.cluster import ClusterExecutor
from maml_core.execution import ChunkPool, default_workers, most_workers
from tests.maml_core.clusters import Cluster
from tests.maml_core.helpers import tiny


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    start.get_pool.cache_clear()
    yield
    start.get_pool.cache_clear()


@pytest.mark.parametrize("value", [None, ""], ids=str)
def test_without_a_scheduler_it_is_this_machine(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv(start.SCHEDULER, raising=False)
    if value is not None:
        monkeypatch.setenv(start.SCHEDULER, value)
    pool = start.get_pool()
    assert isinstance(pool, ChunkPool)
    pool.shutdown()


def test_a_crowd_has_a_worker_for_every_processor_and_a_sweep_leaves_one_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(start.SCHEDULER, raising=False)
    hub, pool = start.get_hub.__wrapped__(), start.get_pool()
    assert pool.num_workers == most_workers()
    assert hub.sweeps.preparation.num_workers == default_workers()
    pool.shutdown()


def test_a_small_server_has_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(start.SCHEDULER, raising=False)
    monkeypatch.setenv("MAML_SMALL", "1")
    hub, pool = start.get_hub.__wrapped__(), start.get_pool()
    assert (pool.num_workers, hub.sweeps.preparation.num_workers) == (1, 1)
    pool.shutdown()


def test_a_scheduler_that_is_none_ends_the_server_with_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(start.SCHEDULER, "8786")
    with pytest.raises(SystemExit, match=r"MAML_SCHEDULER: scheduler = '8786' is not accepted: tcp://HOST:PORT"):
        start.get_pool()


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


@pytest.mark.slow
def test_live_runs_train_on_the_cluster_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    with Cluster(1) as machines:
        machines.wait_for_workers(1)
        monkeypatch.setenv(start.SCHEDULER, machines.address)
        executor = start.get_pool()
        assert isinstance(executor, ClusterExecutor)
        try:
            assert asyncio.run(trained(Hub(executor, num_workers=executor.num_workers))) >= 20
        finally:
            executor.shutdown(cancel_futures=True)


def test_connections_to_a_socket_that_listens_send_at_once() -> None:
    with socket.socket() as listening:  # as Streamlit makes it, with no protocol named
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        start.send_at_once()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
