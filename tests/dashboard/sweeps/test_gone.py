"""A sweep that is deleted, or renamed, while pages show it: who did it sees it no longer, and everybody else is told, with what they looked at."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from dashboard.server.hub import Hub
from dashboard.sidebar import sweep_actions
from dashboard.sweeps import whereabouts
from dashboard.sweeps.whereabouts import LOOK_S
from maml_core.sweeps.catalog import delete_sweep, rename_sweep
from tests.dashboard.server.clients import TINY, Clock, turns
from tests.dashboard.sweeps.hubs import Held, Mixed, Viewer, new_job, play, until, wake
from tests.dashboard.sweeps.results import sweep


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "sweeps"


def newest(viewer: Viewer) -> dict[str, Any]:
    """What a page was told last of the sweep that it shows."""
    found: dict[str, Any] = [message for message in viewer.take() if message["type"] == "sweep"][-1]
    return found


def test_who_deletes_a_sweep_sees_it_no_longer_and_others_are_told_with_what_they_looked_at(root: Path) -> None:
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        own, other = hub.open_page(TINY), hub.open_page(TINY)
        viewers = [Viewer(hub, token) for token in (own, other)]
        key, job = new_job(hub, root, sweep(num_steps=10_000))
        hub.start_sweep(own, key, job)
        hub.show_sweep(other, key, job)
        await until(lambda: bool(executor.waiting))
        await asyncio.to_thread(sweep_actions.delete, hub, own, "s", root)
        executor.finish()
        await turns()
        assert newest(viewers[0])["name"] is None
        told = newest(viewers[1])
        assert (told["name"], told["status"], told["size"]) == ("s", "gone", 6)
        assert told["problem"].startswith(
            "s was deleted on another page. Its map and its settings are shown as they were"
        )
        assert "Earlier sweeps brings it back" in told["problem"]
        viewers[1].say("resume")
        await turns()
        assert (hub.sweeps.job(key), job.status) == (None, "gone")

    play(scene, Held())
    assert sweep_actions.restore(root) == "s"


@pytest.mark.parametrize("how", ["deleted", "renamed"])
def test_a_sweep_that_a_command_deletes_or_renames_is_told_within_seconds(how: str, root: Path) -> None:
    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        key, job = new_job(hub, root)
        hub.show_sweep(token, key, job)
        await wake(hub)
        clock.now += 2 * LOOK_S
        await wake(hub)
        assert hub.sweeps.job(key) is job
        if how == "deleted":
            await asyncio.to_thread(delete_sweep, "s", storage=root)
        else:
            await asyncio.to_thread(rename_sweep, "s", "t", storage=root)
        clock.now += 2 * LOOK_S
        await wake(hub)
        await until(lambda: hub.sweeps.job(key) is None)  # so that Start begins it anew
        told = newest(viewer)
        assert (told["name"], told["status"]) == ("s", "gone")
        assert told["problem"].startswith("s is no longer kept under this name: it was deleted, renamed or moved")

    play(scene)


def test_nobody_waits_for_a_disk_that_is_looked_at_and_what_was_gone_on_with_meanwhile_stays(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, answer = threading.Event(), threading.Event()

    def is_kept(*_: object, **__: object) -> bool:
        looked.set()
        assert answer.wait(30.0)
        return False

    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        token = hub.open_page(TINY)
        keys = []
        for name in ("s", "t"):
            key, job = new_job(hub, root, sweep(num_steps=10_000), name)
            hub.show_sweep(token, key, job)
            keys.append((key, job))
        await turns()
        monkeypatch.setattr(whereabouts, "is_kept", is_kept)
        clock.now += 2 * LOOK_S
        hub.sweeps.tidy(clock.now)  # comes back, while the disk does not answer
        await until(looked.is_set)
        (first, going_on), (second, _) = keys
        going_on.resume()
        answer.set()
        await until(lambda: hub.sweeps.job(second) is None)
        assert hub.sweeps.job(first) is going_on

    play(scene, Held())


def test_nothing_is_left_to_do_once_the_sweeps_are_closed(root: Path) -> None:
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        key, job = new_job(hub, root, sweep(num_steps=10_000))
        hub.start_sweep(hub.open_page(TINY), key, job)
        await until(lambda: bool(executor.waiting))
        before = asyncio.all_tasks()
        assert any("SweepHub" in repr(task) for task in before)
        await hub.sweeps.close()
        assert [task for task in before if "SweepHub" in repr(task) and not task.done()] == []

    play(scene, Held())
