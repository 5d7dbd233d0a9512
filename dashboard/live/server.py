"""The one hub of this server, and its life."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

from dashboard.live.hub import Hub
from maml_core.execution import ChunkPool


@lru_cache(maxsize=1)
def get_pool() -> ChunkPool:
    """The process pool; no process starts before the first chunk."""
    return ChunkPool()


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
