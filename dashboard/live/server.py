"""The one hub of this server, and its life."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

from dashboard.live.hub import Hub
from maml_core.cluster import ClusterExecutor, open_executor
from maml_core.errors import ClusterError, ConfigError
from maml_core.execution import ChunkPool

SCHEDULER = "MAML_SCHEDULER"
"""The environment variable that names a Dask scheduler; live runs are then computed by its workers."""


@lru_cache(maxsize=1)
def get_pool() -> ChunkPool | ClusterExecutor:
    """Where live runs are computed; on this machine no process starts before the first chunk.

    Raises:
        SystemExit: The environment names a scheduler that cannot be used.
    """
    try:
        return open_executor(os.environ.get(SCHEDULER) or None)
    except (ClusterError, ConfigError) as error:
        raise SystemExit(f"{SCHEDULER}: {error}") from error


@lru_cache(maxsize=1)
def get_hub() -> Hub:
    """The hub that pages and sockets share."""
    pool = get_pool()
    return Hub(pool, num_workers=pool.num_workers)


@contextlib.asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Warm the workers and turn the hub while the server is up; leave no process behind."""
    pool, hub = get_pool(), get_hub()
    pool.warm_up()
    turning = asyncio.create_task(hub.run())
    try:
        yield
    finally:
        turning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await turning
        await hub.sweeps.close()
        pool.shutdown(wait=True, cancel_futures=True)
