"""The one hub of this server, and its life."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import streamlit as st

from dashboard.server.freed_memory import give_back_what_pages_leave, settle
from dashboard.server.hub import Hub
from dashboard.server.keeper import Keeper
from dashboard.server.places import num_places
from dashboard.setups.reach import reach_of
from dashboard.setups.workspaces import is_shared
from maml_core.cluster import ClusterExecutor, open_executor
from maml_core.compiling import Compiler
from maml_core.errors import ClusterError, ConfigError
from maml_core.execution import ChunkPool, default_workers, most_workers
from maml_core.families.own import VARIABLE
from maml_core.memory import is_small

_log = logging.getLogger(__name__)

SCHEDULER = "MAML_SCHEDULER"
"""The environment variable that names a Dask scheduler; live runs are then computed by its workers."""


@lru_cache(maxsize=1)
def get_pool() -> ChunkPool | ClusterExecutor:
    """Where live runs are computed; on this machine no process starts before the first chunk, and the last one only where more than one
    chunk waits: a run alone leaves a processor to whoever serves and draws, and of a crowd most look at it on other machines. A small server
    has one.

    Raises:
        SystemExit: The environment names a scheduler that cannot be used.
    """
    try:
        return open_executor(os.environ.get(SCHEDULER) or None, num_workers=1 if is_small() else most_workers())
    except (ClusterError, ConfigError) as error:
        raise SystemExit(f"{SCHEDULER}: {error}") from error


@lru_cache(maxsize=1)
def get_hub() -> Hub:
    """The hub that pages and sockets share.

    Raises:
        SystemExit: The environment names a number of pages that may train which is none.
    """
    pool = get_pool()
    for_sweeps = min(default_workers(), pool.num_workers) if isinstance(pool, ChunkPool) else pool.num_workers
    try:
        most = num_places(pool.num_workers)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    return Hub(pool, num_workers=pool.num_workers, num_sweep_workers=for_sweeps, most_training=most)


def send_at_once() -> None:
    """Switch Nagle's algorithm off for whoever connects to a socket that listens here.

    It holds the end of each answer back until the browser has acknowledged its beginning: 40 ms, for each of the hundred files of an opening.
    asyncio switches it off by itself, but not for sockets that leave it to the system which protocol they speak, as Streamlit's does; nothing
    public leads to that socket.
    """
    for each in gc.get_objects():
        if not issubclass(type(each), socket.socket) or each.family not in (socket.AF_INET, socket.AF_INET6):
            continue
        if each.fileno() >= 0 and each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it


def forget_code_of_shared(listens_on: str | None) -> None:
    """Take back the name of a problem of one's own where others reach the page, who could have its code run, and say so in the log.

    Args:
        listens_on: The address that the server listens on; None for all of this machine's.
    """
    name = os.environ.get(VARIABLE, "")
    if name and is_shared(listens_on):
        _log.warning("%s: this page runs no code of %s, since others reach it", VARIABLE, name)
        del os.environ[VARIABLE]


@contextlib.asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Warm the workers and turn the hub while the server is up; leave no process behind."""
    send_at_once()
    pool, hub = get_pool(), get_hub()
    if isinstance(pool, ChunkPool):
        pool.warm_up(min(default_workers(), pool.num_workers))
    else:
        pool.warm_up()
    listens_on = st.get_option("server.address")
    hub.listens_on = listens_on
    forget_code_of_shared(listens_on)
    hub.keep(Keeper())
    hub.reach = reach_of(listens_on)
    if isinstance(pool, ChunkPool) and not is_small():  # compiling takes as much memory as all the rest
        hub.compiler = Compiler()
        hub.sweeps.preparation.compiles = True
    settle()
    turning = asyncio.create_task(hub.run())
    giving = asyncio.create_task(give_back_what_pages_leave(lambda: hub.pages.num_forgotten))
    try:
        yield
    finally:
        for task in (turning, giving):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await hub.close()
        await hub.sweeps.close()
        if hub.compiler is not None:
            hub.compiler.close()
        pool.shutdown(wait=True, cancel_futures=True)
