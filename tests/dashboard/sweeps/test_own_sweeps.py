"""A sweep of a problem of one's own on the page: shown to all, computed where whoever started the server has named its code, and imported for nothing
else."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dashboard.server.start import forget_code_of_shared
from dashboard.setups import address
from dashboard.setups.sweep_axes import offers
from dashboard.sweeps.comparison import Comparison
from dashboard.sweeps.job import SweepJob
from dashboard.sweeps.page import SweepPage
from dashboard.sweeps.preparation import Preparation
from maml_core.chunks import ChunkRequest
from maml_core.cli import app
from maml_core.cli import dashboard as cli_dashboard
from maml_core.config import PythonConfig, RunConfig, replace
from maml_core.errors import ConfigError, StoreError
from maml_core.families.own import VARIABLE
from maml_core.own_code import tasks_named
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.budget import groups
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.study import load_sweep, open_study
from tests.maml_core.own_module import forget, is_imported, own_module
from tests.maml_core.sweeps.own_sweep import FINE, IN_A_STEP, STRICT, WHERE_JUDGED, Here, begun


@pytest.fixture(name="module")
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.delenv(VARIABLE, raising=False)
    with own_module(tmp_path, monkeypatch) as name:
        begun(name)
        forget(tmp_path, name)
        yield name


def opened() -> SweepJob:
    study = load_sweep("mine")
    return Preparation(Here(), 1).new_job("mine", study.sweep, study, {})


async def gone_on(job: SweepJob) -> None:
    job.resume()
    await job.turn()
    while job.status == "running" and (piece := job.take_piece()) is not None:
        await job.finished(piece, run_lanes(piece.request))
        if job.wants_thread:
            await job.turn()
    await job.leave()


def test_it_is_shown_and_does_not_go_on_unasked(module: str, tmp_path: Path) -> None:
    job = opened()
    page = SweepPage()
    outbox = page.connect()
    page.show(job)
    page.tell()
    page.obey({"type": "setting", "number": 0})  # no address says code
    told = [json.loads(text) for text in iter(lambda: outbox.get_nowait() if outbox.qsize() else None, None)]
    assert [message["type"] for message in told] == ["sweep"]
    with pytest.raises(ValueError, match="this setting does not open as a live run: it is of Python code"):
        page.config_of(0)
    asyncio.run(gone_on(job))
    assert job.status == "failed"
    assert f"start the page with: maml dashboard --problem {module}:problem" in job.sentence
    assert not is_imported(tmp_path, module)


def test_it_goes_on_where_the_server_was_started_with_its_name(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"{module}:problem")
    job = opened()
    asyncio.run(gone_on(job))
    assert job.sentence == ""
    with load_sweep("mine") as study:
        assert {one.status for one in study.results()} == {"ok"}


def test_its_settings_open_as_live_runs_there_and_not_of_another_problem(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{module}:problem")
    job, preparation = opened(), Preparation(Here(), 1)
    page = SweepPage()
    outbox = page.connect()
    page.show(job)
    page.obey({"type": "setting", "number": 0})
    told = [json.loads(text) for text in iter(lambda: outbox.get_nowait() if outbox.qsize() else None, None)]
    (link,) = [message["address"] for message in told if message["type"] == "setting"]
    assert "tasks=own" in link
    assert module not in link
    preparation.check_opens(job)
    assert page.config_of(0).tasks == job.sweep.base.tasks
    other = (tmp_path / f"{module}.py").read_text().replace("nn.HuberLoss()", "nn.L1Loss()")
    (tmp_path / f"{module}_b.py").write_text(other)
    monkeypatch.setenv(VARIABLE, f"{module}_b:problem")
    with pytest.raises(ConfigError, match="it is another problem than the one that this was begun with"):
        preparation.check_opens(job)
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(StoreError, match="run only where its owner names it"):
        preparation.check_opens(job)


def test_another_problem_is_not_computed_for_it(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = (tmp_path / f"{module}.py").read_text().replace("nn.HuberLoss()", "nn.L1Loss()")
    (tmp_path / f"{module}_b.py").write_text(other)
    monkeypatch.setenv(VARIABLE, f"{module}_b:problem")
    job = opened()
    asyncio.run(gone_on(job))
    assert job.status == "failed"
    assert "it is another problem than the one that this was begun with" in job.sentence


def test_what_may_not_be_run_is_neither_measured_nor_begun(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with load_sweep("mine") as study:
        sweep = study.sweep
    preparation = Preparation(Here(), 1)
    assert preparation.costs(groups(sweep), 5.0) == {}
    with pytest.raises(StoreError, match="run only where its owner names it"):
        preparation.check_drawable(sweep)
    assert not is_imported(tmp_path, module)
    monkeypatch.setenv(VARIABLE, f"{module}:problem")
    preparation.check_drawable(sweep)
    assert len(preparation.costs(groups(sweep), 5.0)) == len(groups(sweep))


def test_pinned_settings_are_compared_by_the_code_of_their_sweep(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, f"{module}:problem")
    job = opened()
    asyncio.run(gone_on(job))
    configs = (job.sweep.base, dataclasses.replace(job.sweep.base, alpha=0.2))
    comparison = Comparison((0, 1), configs, 1, 1.0, code=job.study.code)
    while (work := comparison.next_job()) is not None:
        request = work.arguments[0]
        assert not isinstance(request, ChunkRequest) or request.code == job.study.code
        comparison.finished(work, work.function(*work.arguments))
    assert comparison.is_done


def test_its_axes_are_settings_that_it_has(module: str) -> None:
    with load_sweep("mine") as study:
        names = {offer.name for offer in offers(study.sweep.base)}
    assert "alpha" in names
    assert not [name for name in names if "." in name]


def test_no_address_says_code(tmp_path: Path, module: str) -> None:
    for query in (
        {"tasks.kind": "python", "tasks.problem": f"{module}:problem"},
        {"tasks.problem": f"{module}:problem", "alpha": "0.1"},
    ):
        found = address.read(query)
        assert not isinstance(found.config.tasks, PythonConfig)
        assert found.notes
    assert not is_imported(tmp_path, module)


def test_a_page_that_others_reach_takes_no_code(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli_dashboard.subprocess, "Popen", lambda *_, **__: pytest.fail("a server was started"))
    for arguments, shared, words in (
        (["--host", "0.0.0.0"], "0", "a page that others reach"),
        ([], "1", "a page that others reach"),
        (["--problem-is-no-name"], "0", "No such option"),
    ):
        monkeypatch.setenv("MAML_SHARED", shared)
        done = CliRunner().invoke(app, ["dashboard", "--problem", f"{module}:problem", *arguments])
        assert done.exit_code == 2
        assert words in " ".join(done.output.split())
    monkeypatch.setenv("MAML_SHARED", "0")
    done = CliRunner().invoke(app, ["dashboard", "--problem", module])
    assert "module:attribute is expected" in " ".join(done.output.split())


def test_a_server_that_others_reach_takes_back_the_name_however_it_was_started(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MAML_SHARED", raising=False)
    monkeypatch.setenv(VARIABLE, f"{module}:problem")
    forget_code_of_shared("127.0.0.1")
    assert os.environ[VARIABLE] == f"{module}:problem"
    forget_code_of_shared("0.0.0.0")
    assert VARIABLE not in os.environ
    asyncio.run(gone_on(job := opened()))
    assert job.status == "failed"


def test_a_setting_whose_code_fails_where_it_is_judged_is_left_out_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with own_module(tmp_path, monkeypatch, STRICT) as module:
        monkeypatch.setenv(VARIABLE, f"{module}:problem")
        base = replace(RunConfig(), {"tasks": tasks_named(f"{module}:problem"), "evaluation_steps": 5})
        axes = (Axis(name="alpha", values=(FINE, WHERE_JUDGED, IN_A_STEP)),)
        study = open_study(SweepConfig(base=base, axes=axes, num_steps=4, num_rungs=2), "strict")
        job = Preparation(Here(), 1).new_job("strict", study.sweep, study, {})
        asyncio.run(gone_on(job))
    assert (job.status, [one.status for one in job.results]) == ("done", ["ok", "refused", "refused"])
    assert "2 of the 3 settings are left out" in " ".join(job.findings.sentences)
