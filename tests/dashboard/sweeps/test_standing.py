"""What a frame says of how settings stand beside one of them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.charts.sweep_settings import View, setting_info
from dashboard.sweeps.frames import Frames, looked_at
from maml_core.config import RunConfig
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.standing import Standings, Verdict
from tests.dashboard.server.clients import Clock
from tests.dashboard.sweeps.hubs import WAIT_S, Mixed, Viewer, new_job, play, until, wake
from tests.dashboard.sweeps.results import ALPHA, grid, sweep


def of_tasks(one: SettingResult, values: list[float]) -> SettingResult:
    """The setting with the losses of its tasks."""
    kept = np.array(values, dtype="<f4").tobytes()
    lanes = tuple(lane._replace(task_values=kept, loss=float(np.mean(values))) for lane in one.lanes)
    return dataclasses.replace(one, lanes=lanes, value=float(np.mean(values)))


def test_settings_are_held_against_the_best_and_then_against_the_first_that_is_pinned(tmp_path: Path) -> None:
    async def scene(hub: Any, _: Mixed, clock: Clock) -> None:
        token = hub.open_page(RunConfig())
        viewer = Viewer(hub, token)
        key, job = new_job(hub, tmp_path)
        hub.start_sweep(token, key, job)
        await until(lambda: job.status == "done" and job.findings.is_read)
        frames: list[dict[str, Any]] = []

        async def newest(reference: int) -> dict[str, Any]:
            """The first frame of those that come, which a thread makes, that holds the settings against that one."""
            deadline = time.monotonic() + WAIT_S
            while not frames or frames[-1]["standing"]["reference"] != reference:
                assert time.monotonic() < deadline, frames
                clock.now += 1.0
                await wake(hub)
                frames.extend(message for message in viewer.take() if message["type"] == "frame")
            return frames[-1]["standing"]

        best = job.findings.standings.best
        other = next(result.number for result in job.results if result.number != best)
        found = await newest(best)
        assert (found["best"], found["compared"]) == (best, 6)
        assert (found["objective"], found["num_seeds"]) == ("loss", 1)
        assert (found["has_common_tasks"], found["alike"]) == (True, 6)
        viewer.say("pin", numbers=[other, best])
        assert (await newest(other))["best"] == best

    play(scene)


def test_a_frame_has_the_numbers_of_each_setting_in_the_order_of_the_settings(tmp_path: Path) -> None:
    of = sweep()
    results = list(grid(of, s5={"status": "waiting"}))
    results[0] = of_tasks(results[0], [1.0, 2.0, 3.0])
    results[2] = of_tasks(results[2], [1.5, 2.5, 3.75])
    results[3] = of_tasks(results[3], [2.0, 3.0, 4.0])

    async def scene(hub: Any, _: Mixed, __: Clock) -> None:
        key, job = new_job(hub, tmp_path)
        hub.sweeps.add(key, job)
        job.results = tuple(results)
        job.findings = job.findings._replace(standings=Standings(of, results))
        view = View(x="alpha", y="beta", color="alpha")
        frame = Frames(itertools.count(1)).next(looked_at(job, view, 0), None, None, "loss").frame
        length = int.from_bytes(frame[:4], "little")
        header = json.loads(frame[4 : 4 + length])
        floats = np.frombuffer(frame[(4 + length + 3) // 4 * 4 :], dtype="<f4")

        def column(name: str) -> list[float]:
            at = header["columns"][name]
            return floats[at : at + header["columns"]["count"]].tolist()

        assert header["columns"]["count"] == len(results)
        assert column("value")[:2] == [setting_info(one, of, "loss").value for one in results[:2]]
        assert column("difference")[2] == pytest.approx(7.75 / 3 - 2.0)
        assert column("difference_over_tasks")[2] == pytest.approx(
            4.3027 * np.std([0.5, 0.5, 0.75], ddof=1) / 3**0.5, rel=1e-3
        )
        assert column("verdict")[0] == Verdict.REFERENCE
        assert column("verdict")[2:4] == [Verdict.SAME, Verdict.WORSE]
        assert column("verdict")[5] == Verdict.UNKNOWN
        assert math.isnan(column("difference")[5])
        at = header["standing"]["seeds"]
        assert floats[at : at + 5].tolist() == pytest.approx([2.0, 2.0, 7.75 / 3, 3.0, 5.0])

    play(scene)


def test_a_frame_says_that_settings_are_judged_on_different_tasks_and_how_many_share_those_of_the_first(
    tmp_path: Path,
) -> None:
    of = sweep(ALPHA, Axis(name="tasks.noise_std", values=(0.1, 0.2, 0.3)))
    results = list(grid(of, s0={"status": "diverged"}, s5={"status": "waiting"}))

    async def scene(hub: Any, _: Mixed, __: Clock) -> None:
        key, job = new_job(hub, tmp_path, of)
        hub.sweeps.add(key, job)
        job.results = tuple(results)
        job.findings = job.findings._replace(standings=Standings(of, results))
        looked = looked_at(job, View(x="alpha", y="tasks.noise_std", color="alpha"), None)
        frame = Frames(itertools.count(1)).next(looked, None, None, "loss").frame
        found = json.loads(frame[4 : 4 + int.from_bytes(frame[:4], "little")])["standing"]
        assert (found["best"], found["has_common_tasks"]) == (1, False)
        assert (found["compared"], found["alike"]) == (5, 2)  # s1 and s4 have noise 0.2

    play(scene)
