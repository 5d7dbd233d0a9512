"""A sweep that is held goes on in the order that *Start* asks for."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path

import pytest

from dashboard.server.hub import Hub
from dashboard.sidebar import sweep_actions
from tests.dashboard.server.clients import TINY, Clock, turns
from tests.dashboard.sweeps.hubs import Held, new_job, play, until
from tests.dashboard.sweeps.results import sweep


@pytest.mark.parametrize("is_running", [False, True], ids=["at rest", "under way"])
def test_a_sweep_goes_on_in_another_order(is_running: bool, tmp_path: Path) -> None:
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        token = hub.open_page(TINY)
        coarse = sweep(num_steps=10_000)
        key, job = new_job(hub, tmp_path, coarse)
        hub.show_sweep(token, key, job)
        if is_running:
            hub.start_sweep(token, key, job)
            await until(lambda: bool(executor.waiting))
        await turns()
        plain = dataclasses.replace(coarse, grid_order="plain")
        start = asyncio.create_task(
            asyncio.to_thread(sweep_actions.start, hub, token, plain, "s", tmp_path, is_limited=False)
        )
        await until(lambda: start.done() or bool(executor.waiting))
        while executor.waiting:
            executor.finish()
            await turns()
        await start
        await until(lambda: job.status == "running" and job.sweep.grid_order == "plain")
        assert hub.sweeps.job(key) is job

    play(scene, Held())
