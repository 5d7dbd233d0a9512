"""A problem of one's own as a live run: its dials, its charts, its saved runs; computed with the code that the server was started with, and with no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.charts.all import CLOSER, charts_of, infos, layouts
from dashboard.live import afresh, bookmarks
from dashboard.live.chart_data import looks, results
from dashboard.live.history import History
from dashboard.live.messages import compare
from dashboard.live.page import Page
from dashboard.live.switches import acting
from dashboard.server.recovery import usable
from dashboard.setups import address
from dashboard.setups.choices import demo_of
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import PythonConfig, RunConfig, replace
from maml_core.errors import ConfigError, StoreError
from maml_core.families.own import VARIABLE, OwnCode
from maml_core.own_code import first_losses, problem_named, tasks_named
from maml_core.records import View
from maml_core.runs import replay
from maml_core.state_bytes import state_to_bytes
from maml_core.store import RunStore, SavedRun
from maml_core.sweeps.frozen import frozen_map
from tests.dashboard.live.driver import Driver, fit_info, gauge_info
from tests.maml_core.own_module import CLASSES, CODE, CURVES, forget, is_imported, own_module, rewritten
from tests.maml_core.sweeps.own_sweep import Here

SMALL = {"meta_batch_size": 3, "evaluation_tasks": 4, "evaluation_steps": 3, "evaluate_every": 5}


CODES = {"planes": CODE, "curves": CURVES, "classes": CLASSES}
BOTH = pytest.mark.parametrize("module", ["planes", "curves"], indirect=True)
ALL = pytest.mark.parametrize("module", list(CODES), indirect=True)


@pytest.fixture(name="module")
def _module(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The module that the server was started with; of planes, where a test does not say."""
    with own_module(tmp_path, monkeypatch, CODES[getattr(request, "param", "planes")]) as name:
        monkeypatch.setenv(VARIABLE, f"{name}:problem")
        yield name


def start(module: str) -> RunConfig:
    return replace(demo_of(tasks_named(f"{module}:problem")), SMALL)


def trained(module: str) -> Driver:
    """Six steps, changes of all three dials, five more."""
    driver = Driver(start(module)).opened().played(6)
    driver.run.change({"alpha": 0.05, "beta": 0.01, "num_inner_steps": 2}, now=driver.now)
    driver.chunk(steps=5)
    driver.run.pause()
    driver.chunk()
    return driver


def saved(driver: Driver) -> SavedRun:
    """As it is on the disk."""
    run = driver.run.saved("mine")
    assert run is not None
    RunStore().save(run)
    return RunStore().load("mine")


def test_its_dials_are_moved_while_it_trains_and_it_replays(module: str) -> None:
    run = trained(module).run
    assert (run.step, run.failure, run.config.alpha, run.config.num_inner_steps) == (11, "", 0.05, 2)
    _, whole, _ = replay(run.changes.start, run.changes.done, num_steps=11, problem=problem_named(f"{module}:problem"))
    assert run.state == state_to_bytes(whole)


@ALL
def test_every_chart_shows_it_or_says_why_not(module: str) -> None:
    driver = trained(module)
    run, viewer = driver.run, driver.viewer
    page = Page(run, driver.now)
    page.connect(driver.now)
    driver.chunk()
    told = page.feed.told()
    assert told.state["computing"] is False
    shown = {chart.id for chart, _ in infos(results(run, page.viewer))}
    why = told.state["empty"]
    of_task = "classes" if run.config.classifies else "fit"
    assert set(charts_of(run.config)) == {"loss", of_task, "adaptation", "path", "gauge"} <= shown | why.keys()
    if run.config.classifies:
        assert ("classes" in shown, "classes" in why, "fit" in shown) == (True, False, False)
        return
    is_curve = run.config.num_inputs == 1
    assert ("fit" in shown, "fit" in why) == (is_curve, not is_curve)
    assert is_curve or "2 inputs: there is no curve over one x" in why["fit"]
    assert layouts(results(run, viewer)).keys() >= {"loss"}
    json.dumps(told.state, allow_nan=False)


@BOTH
def test_the_fit_is_drawn_around_its_points(module: str) -> None:
    driver = trained(module)
    info = fit_info(driver.run, driver.viewer)
    if driver.run.config.num_inputs == 2:
        assert info is None
        return
    assert info is not None
    (left, right), (low, high) = info.family_axes
    assert 0.9 < left < info.support_x.min() < info.support_x.max() < right < 2.1
    assert 0.5 < low < info.support_y.min() < info.support_y.max() < high < 6.0  # 0 is far away
    assert (len(info.truth), info.is_own, info.curves.shape) == (0, False, (4, 121))
    assert np.isfinite(info.curves).all()


@BOTH
def test_its_lines_are_called_after_its_own_loss(module: str) -> None:
    driver = Driver(start(module)).opened()
    found = looks(driver.run.config, driver.run.levels) if driver.run.levels else None
    assert found is not None
    is_mse = driver.run.config.num_inputs == 1
    assert found.axis_title == ("query loss (MSE)" if is_mse else "query loss (HuberLoss)")
    assert len(found.levels) == (2 if is_mse else 0)  # they are squared errors
    gauge = gauge_info(driver.run)
    assert gauge is not None
    assert gauge.of == ("" if is_mse else "of plain steps")  # and the other one has momentum
    assert [switch.name for switch in acting(driver.run)] == ([] if is_mse else ["Inner optimizer"])


@pytest.mark.thorough
@pytest.mark.parametrize("chart", [chart.id for chart in CLOSER if chart.look])
def test_every_closer_look_is_measured_or_says_why_not(chart: str, module: str) -> None:
    look = next(one for one in CLOSER if one.id == chart)
    config = start(module)
    if look.why_empty(config):
        assert chart == "label_orders"
        return
    view = View(tasks=(), trajectories=False, curvature=False, rates=False, paths=False, look=look.look)
    found = run_chunk(ChunkRequest(config=config, view=view, code=OwnCode(f"{module}:problem"))).snapshot
    assert found is not None
    assert found.look is not None


@pytest.mark.parametrize("module", ["curves"], indirect=True)
def test_it_is_compared_taken_apart_travelled_and_looked_at_by_its_code(module: str) -> None:
    driver = trained(module)
    run, viewer = driver.run, driver.viewer
    page = Page(run, driver.now)
    requests = []
    compare(page, "alpha2")
    for _ in range(4):
        driver.trained(1.0)
        driver.chunk()
    second = page.viewer.second
    assert second is not None
    leg = second.next(run, page.viewer.task)
    assert leg is not None
    requests.append(second.request(leg, run))
    viewer.apart.open(run)
    assert viewer.apart.is_due(run)
    requests.append(viewer.apart.request(run))
    viewer.travel.to(3, run.kept.moments, run.step)
    part = viewer.look_back(run.config, run.kept)
    assert part is not None
    requests.append(viewer.travel.request(part, plane=None, images=None, code=run.code))
    assert run.code == OwnCode(f"{module}:problem", first_losses(f"{module}:problem"))
    for request in requests:
        assert request.code == run.code
        assert run_chunk(request).state


def test_an_outer_step_with_its_own_inner_optimizer_is_not_taken_apart(module: str) -> None:
    driver = Driver(start(module)).opened()
    with pytest.raises(ValueError, match="with an inner optimizer of your own is not taken apart"):
        driver.viewer.apart.open(driver.run)
    assert not driver.viewer.apart.is_open


def test_its_frozen_map_is_of_its_code(module: str) -> None:
    run = trained(module).run
    assert run.state is not None
    found = frozen_map(run.state_config, run.state, (0.01, 0.1), 3, run.code)
    assert found.mean.shape == (2, 4)
    with pytest.raises(ConfigError, match="run only where its owner names it"):
        frozen_map(run.state_config, run.state, (0.01,), 3)


def test_a_saved_run_goes_on_where_the_server_was_started_with_its_code(module: str) -> None:
    driver = trained(module)
    run = saved(driver)
    assert run.first_losses == first_losses(f"{module}:problem")
    other = Driver()
    other.run.open(run, usable(run, Here()))
    other.opened().played(4)
    driver.played(4)
    assert other.run.step == driver.run.step == 15
    assert other.run.state == driver.run.state


def test_it_is_not_opened_elsewhere_and_nothing_is_imported(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = saved(trained(module))
    forget(tmp_path, module)
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(StoreError, match=f"start the page with: maml dashboard --problem {module}:problem") as refused:
        usable(run, Here())
    assert refused.value.kind == "own"
    driver = Driver(run.start)
    with pytest.raises(ConfigError, match="run only where its owner names it"):
        driver.chunk()
    assert not is_imported(tmp_path, module)


def test_another_problem_under_its_name_is_not_taken_for_it(module: str, tmp_path: Path) -> None:
    run = saved(trained(module))
    text = (tmp_path / f"{module}.py").read_text()
    rewritten(tmp_path, module, text.replace("rng.normal(", "3.0 + rng.normal("))
    with pytest.raises(StoreError, match="it is another problem than the one that this was begun with"):
        usable(run, Here())
    rewritten(tmp_path, module, text)
    assert isinstance(usable(run, Here()), History)


def test_a_server_with_other_code_says_which(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = saved(trained(module))
    (tmp_path / f"{module}_b.py").write_text(CURVES)
    monkeypatch.setenv(VARIABLE, f"{module}_b:problem")
    said = f"This page was started with {module}_b:problem, the run is of {module}:problem: start the page with"
    with pytest.raises(StoreError, match=said):
        usable(run, Here())


def test_undo_ghosts_and_a_reset_are_as_of_any_run(module: str) -> None:
    driver = Driver(start(module)).opened().played(25)
    run = driver.run
    run.restart()
    driver.opened()
    assert len(run.ghosts.all) == 1
    assert run.code is not None
    assert run.code.losses
    run.undo()
    driver.opened()
    assert (run.step, run.code.losses) == (25, first_losses(f"{module}:problem"))
    afresh.reset(run, driver.viewer)
    assert run.config.tasks == start(module).tasks
    driver.opened()
    assert run.failure == ""


def test_a_saved_moment_of_it_comes_back(module: str) -> None:
    driver = trained(module)
    page = Page(driver.run, driver.now)
    told = bookmarks.save(driver.run, page.viewer)
    assert "tasks=own" in told["address"]
    assert module not in told["address"]
    driver.run.restart(replace(driver.run.config, {"shots": 2}))
    bookmarks.open_again(page, told)
    assert (driver.run.config.tasks, driver.run.playback.stop_at) == (start(module).tasks, 11)
    driver.run.restart(RunConfig())
    with pytest.raises(ValueError, match="choose that in the sidebar first"):
        bookmarks.open_again(page, told)


def test_its_address_names_no_code_and_means_that_of_the_server(module: str) -> None:
    config = replace(start(module), {"alpha": 0.3, "shots": 2})
    text = address.write(config)
    query: dict[str, Any] = dict(pair.split("=") for pair in text.split("&"))
    assert query["tasks"] == "own"
    assert module not in text
    own = config.tasks
    assert isinstance(own, PythonConfig)
    found = address.read(query, own=own)
    assert (found.config, found.notes) == (config, ())
    found = address.read({**query, "tasks.problem": "os:system", "model.hidden_widths": "3"}, own=own)
    assert found.config == config
    assert len(found.notes) == 2
    elsewhere = address.read(query)
    assert elsewhere.config == RunConfig()
    assert elsewhere.notes == (address.NO_OWN,)
