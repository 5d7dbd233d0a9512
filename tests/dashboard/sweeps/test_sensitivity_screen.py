"""The sensitivity screen's script: its form, what it says, and the sweeps that it starts and opens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard.live import server
from dashboard.live.hub import Hub
from maml_core.presets import DEFAULT_PRESET
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.study import open_study
from tests.dashboard.sweeps.results import grid, sweep
from tests.dashboard.sweeps.test_desk import COST
from tests.dashboard.test_main_page import MAIN, TIMEOUT_S, Idle, own_hub


class Measured(Idle):
    """Measures nothing: every group costs the same."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        assert fn is run_lanes
        future: Future[Any] = Future()
        count = len(args[0].configs)

        class Result:
            advance_s = 3 * count * COST.step_s
            cpu_s = advance_s + count * COST.evaluation_s

        future.set_result(Result())
        return future


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    monkeypatch.setenv("MAML_SHARED", "0")
    with own_hub(monkeypatch):
        monkeypatch.setattr(server, "get_pool", Measured)
        yield


class Visit:
    """The screen as its visitor sees it."""

    def __init__(self, **query: str) -> None:
        self.app = AppTest.from_file(str(MAIN), default_timeout=TIMEOUT_S)
        for name, text in query.items():
            self.app.query_params[name] = text
        self.app.run()
        self.go("sensitivity")

    def go(self, path: str) -> None:
        """To a screen, by its address; AppTest itself knows pages of files only."""
        self.app._page_hash = calc_hash(path)
        self.rerun()

    def rerun(self) -> Visit:
        self.app.run()
        assert [error.value for error in self.app.exception] == []
        return self

    def open(self, popover: str, *, open: bool = True) -> Visit:
        self.app.session_state[popover] = open
        return self.rerun()

    @property
    def token(self) -> str:
        mounted = next(c for c in self.app.get("bidi_component") if c.proto.component_name.endswith("maml_sweeps"))
        token: str = json.loads(mounted.proto.json)["token"]
        return token

    @property
    def captions(self) -> list[str]:
        return [caption.value for caption in self.app.caption]


def hub() -> Hub:
    return server.get_hub()


class TestForm:
    def test_the_live_screen_stays_the_first(self):
        app = AppTest.from_file(str(MAIN), default_timeout=TIMEOUT_S).run()
        assert app.get("bidi_component")[0].proto.component_name.endswith("maml_live")

    def test_the_budget_is_there_before_the_start(self):
        # 64 lanes: 300 steps of 10 ms and 6 looks of 20 ms each.
        assert "**64 settings · about 3 min**" in Visit().captions

    def test_what_is_refused_is_said_and_cannot_start(self):
        visit = Visit()
        visit.app.number_input(key="sweep.alpha.low").set_value(0.0)
        visit.rerun()
        assert "above 0" in visit.app.warning[0].value
        assert visit.app.button(key="sweep.start").disabled

    def test_an_axis_brings_its_field(self):
        visit = Visit()
        visit.app.multiselect(key="sweep.axes").set_value(["alpha", "num_inner_steps"])
        visit.rerun()
        assert visit.app.text_input(key="sweep.num_inner_steps.list").value == "1, 3, 5"
        assert "**24 settings in 3 groups · about 75 s**" in visit.captions

    def test_the_form_survives_a_walk_to_the_live_screen(self):
        visit = Visit()
        visit.app.number_input(key="sweep.num_steps").set_value(123)
        visit.rerun()
        visit.go("")
        visit.go("sensitivity")
        assert visit.app.number_input(key="sweep.num_steps").value == 123

    def test_the_live_screens_widgets_come_back_as_the_run_is(self):
        visit = Visit()
        visit.go("")
        shots = visit.app.number_input(key="set.shots")
        assert shots.value == DEFAULT_PRESET.config.shots

    def test_past_one_machine_is_for_a_server_of_ones_own(self, monkeypatch: pytest.MonkeyPatch):
        assert [box.label for box in Visit().open("sweep.elsewhere").app.text_input if box.key == "sweep.storage"] == [
            "Storage URL"
        ]
        monkeypatch.setenv("MAML_SHARED", "1")
        assert [box.label for box in Visit().app.text_input if box.key == "sweep.storage"] == []


class TestSweeps:
    def test_start_makes_a_study_and_shows_it(self, tmp_path: Path):
        visit = Visit()
        visit.app.button(key="sweep.start").click()
        visit.rerun()
        page = hub().sweeps.page(visit.token)
        assert page is not None
        assert page.job is not None
        assert (page.job.name, page.job.status, page.job.size) == ("alpha-beta-1", "running", 64)
        assert (tmp_path / "alpha-beta-1").is_dir()
        assert visit.app.query_params["sweep"] == "alpha-beta-1"

    def test_a_study_of_another_sweep_is_refused(self, tmp_path: Path):
        open_study(sweep(), "mine", storage=tmp_path).close()
        visit = Visit()
        visit.app.text_input(key="sweep.name").set_value("mine")
        visit.app.button(key="sweep.start").click()
        visit.rerun()
        assert "another sweep" in visit.app.error[0].value

    def test_a_link_opens_its_sweep(self, tmp_path: Path):
        of = sweep()
        with open_study(of, "mine", storage=tmp_path) as study:
            study.take(6)
            study.put(*grid(of))
        visit = Visit(sweep="mine")
        page = hub().sweeps.page(visit.token)
        assert page is not None
        assert page.job is not None
        assert (page.job.name, page.job.status) == ("mine", "done")

    def test_a_link_to_nothing_says_so(self):
        visit = Visit(sweep="nothing")
        assert "there is no sweep nothing" in visit.app.toast[0].value.replace("\\", "")

    def test_optunas_plots_are_of_its_settings(self, tmp_path: Path):
        of = sweep()
        with open_study(of, "mine", storage=tmp_path) as study:
            study.take(6)
            study.put(*grid(of))
        visit = Visit(sweep="mine")
        assert "Optuna's plots, of all finished settings." in visit.captions
        assert not visit.app.get("plotly_chart")
        visit.app.get("button_group")[0].set_value("importance")
        visit.rerun()
        figure = json.loads(visit.app.get("plotly_chart")[0].proto.spec)
        assert sorted(figure["data"][0]["y"]) == ["α", "β"]


class TestPopovers:
    def test_what_is_behind_a_closed_one_keeps_its_value(self):
        visit = Visit()
        visit.app.number_input(key="sweep.num_steps").set_value(120)
        visit.rerun().open("sweep.rungs")
        assert visit.app.number_input(key="sweep.num_rungs").value == 6
        visit.app.number_input(key="sweep.num_rungs").set_value(4)
        visit.rerun().open("sweep.rungs", open=False)
        visit.app.number_input(key="sweep.num_seeds").set_value(2)
        visit.rerun().open("sweep.rungs")
        assert visit.app.number_input(key="sweep.num_rungs").value == 4
        draft = visit.app.session_state["page.draft"]
        assert (draft.num_steps, draft.num_seeds, draft.num_rungs, draft.prune_percent) == (120, 2, 4, 0)

    def test_an_address_of_a_storage_outlives_its_popover(self):
        visit = Visit().open("sweep.elsewhere")
        visit.app.text_input(key="sweep.scheduler").set_value("tcp://10.0.0.1:8786")
        visit.rerun().open("sweep.elsewhere", open=False).rerun()
        assert visit.app.session_state["page.draft"].scheduler == "tcp://10.0.0.1:8786"


class TestRefused:
    @pytest.mark.parametrize(
        ("field", "value", "label"),
        [("num_steps", 0, "Outer steps"), ("num_seeds", 1000, "Seeds"), ("num_steps", -5, "Outer steps")],
    )
    def test_a_number_out_of_range_is_said_by_its_label_and_cannot_start(self, field: str, value: int, label: str):
        visit = Visit()
        visit.app.number_input(key=f"sweep.{field}").set_value(value)
        visit.rerun()
        assert visit.app.warning[0].value.replace("\\", "").startswith(f"{label} = {value} is not accepted")
        assert visit.app.button(key="sweep.start").disabled
        assert visit.app.number_input(key=f"sweep.{field}").value == value


@pytest.fixture
def _running() -> Iterator[None]:
    """The hub's loop beside the script, as on a server."""
    loop = asyncio.new_event_loop()
    running = loop.create_task(hub().run())

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(running)
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield
    loop.call_soon_threadsafe(running.cancel)
    thread.join()


@pytest.mark.usefixtures("_running")
class TestDeleting:
    def opened(self, tmp_path: Path) -> Visit:
        open_study(sweep(), "mine", storage=tmp_path)
        return Visit(sweep="mine").open("sweep.earlier")

    def test_an_opened_sweep_that_is_deleted_leaves_the_address_and_comes_back(self, tmp_path: Path):
        visit = self.opened(tmp_path)
        assert visit.app.query_params["sweep"] == "mine"
        visit.app.button(key="sweep.delete").click()
        visit.rerun()
        assert "sweep" not in dict(visit.app.query_params)
        assert [toast.value for toast in visit.app.toast] == []
        assert not (tmp_path / "mine").exists()
        visit.app.button(key="sweep.restore").click()
        visit.rerun()
        assert visit.app.selectbox(key="sweep.chosen").options == ["mine"]
        visit.app.button(key="sweep.open").click()
        visit.rerun()
        assert visit.app.query_params["sweep"] == "mine"
        assert [error.value for error in visit.app.error] == []

    def test_an_opened_sweep_fills_the_form(self, tmp_path: Path):
        visit = self.opened(tmp_path)
        draft, shown = visit.app.session_state["page.draft"], sweep()
        assert (draft.num_steps, draft.num_rungs, draft.name) == (shown.num_steps, shown.num_rungs, "mine")
        assert draft.axes == tuple(axis.name for axis in shown.axes)
