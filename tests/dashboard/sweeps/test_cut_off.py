"""A sweep that was being computed when its server ended: whoever opens it afterwards is told why it stands, and how it goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dashboard.server.hub import Hub
from dashboard.sidebar import sweep_actions
from dashboard.sweeps import words
from maml_core.sweeps.archive import import_sweep, zip_sweep
from maml_core.sweeps.study import load_sweep
from tests.dashboard.server.clients import TINY, Clock, turns
from tests.dashboard.sweeps.hubs import Held, Mixed, Viewer, new_job, play, until
from tests.dashboard.sweeps.results import sweep
from tests.dashboard.sweeps.test_gone import newest


def computed_until_the_server_ends(root: Path) -> None:
    async def scene(hub: Hub, executor: Held, clock: Clock) -> None:
        key, job = new_job(hub, root, sweep(num_steps=10_000))
        hub.start_sweep(hub.open_page(TINY), key, job)
        await until(lambda: bool(executor.waiting))
        executor.finish()
        await turns()

    play(scene, Held())


def is_cut_off(root: Path, name: str = "s") -> bool:
    with load_sweep(name, storage=root) as study:
        return study.was_cut_off


def test_a_sweep_that_a_restart_stopped_says_so_and_goes_on(tmp_path: Path) -> None:
    computed_until_the_server_ends(tmp_path)

    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        token = hub.open_page(TINY)
        viewer = Viewer(hub, token)
        await asyncio.to_thread(sweep_actions.open_sweep, hub, token, "s", tmp_path)
        await turns()
        told = newest(viewer)
        assert (told["status"], told["problem"]) == ("stopped", words.CUT_OFF)
        assert "Resume goes on" in told["problem"]
        job = hub.sweeps.job(sweep_actions.key_of(tmp_path, "s"))
        assert job is not None
        viewer.say("resume")
        await until(lambda: job.progress is not None)
        await turns()
        assert (newest(viewer)["status"], job.sentence) == ("running", "")
        viewer.say("cancel")
        await until(lambda: job.status == "stopped")
        assert job.sentence == ""

    play(scene)
    assert not is_cut_off(tmp_path)  # somebody has stopped it


def test_what_is_done_or_imported_or_brought_back_was_not_cut_off(tmp_path: Path) -> None:
    computed_until_the_server_ends(tmp_path)
    assert is_cut_off(tmp_path)
    (tmp_path / "s.zip").write_bytes(zip_sweep("s", storage=tmp_path))
    assert not is_cut_off(tmp_path, import_sweep(tmp_path / "s.zip", storage=tmp_path, name="copy"))

    async def scene(hub: Hub, executor: Mixed, clock: Clock) -> None:
        await asyncio.to_thread(sweep_actions.delete, hub, "", "s", tmp_path)
        assert await asyncio.to_thread(sweep_actions.restore, tmp_path) == "s"
        key, job = new_job(hub, tmp_path, name="short")
        hub.start_sweep(hub.open_page(TINY), key, job)
        await until(lambda: job.status == "done")

    play(scene)
    assert not is_cut_off(tmp_path)
    assert not is_cut_off(tmp_path, "short")


def test_what_another_process_computes_is_not_said_to_be_cut_off(tmp_path: Path) -> None:
    computed_until_the_server_ends(tmp_path)
    with load_sweep("s", storage=tmp_path) as other:
        other.take(1)
        assert not is_cut_off(tmp_path)
