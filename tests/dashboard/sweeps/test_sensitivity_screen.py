"""The sensitivity screen's script: its form, what it says, and the sweeps that it starts and opens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard.server import start
from dashboard.server.hub import Hub
from dashboard.sidebar import sweep_actions
from dashboard.sweeps.job import SweepJob
from maml_core.config import RunConfig
from maml_core.errors import StoreError
from maml_core.presets import DEFAULT_PRESET
from maml_core.sweeps.chunks import refusal_of_all, run_lanes
from maml_core.sweeps.recognition import find_images
from maml_core.sweeps.study import open_study
from tests.dashboard.sidebar.test_main_page import MAIN, TIMEOUT_S, Idle, explained, own_hub
from tests.dashboard.sweeps.hubs import COST, Mixed
from tests.dashboard.sweeps.results import grid, sweep
from tests.maml_core.datasets.test_folder import pictures
from tests.maml_core.sweeps.test_left_out import Here, folder_sweep


class Measured(Idle):
    """Measures nothing: every group costs the same."""

    refusal = ""
    """Why nothing can be drawn, of a server that has no such images."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if fn is refusal_of_all:
            future.set_result(self.refusal)
            return future
        assert fn is run_lanes
        count = len(args[0].configs)
        share = args[0].configs[0].evaluation_tasks / RunConfig().evaluation_tasks

        class Result:
            refusal = ""
            refused = ()
            steps = (1, 2, 3)
            num_compiled = 0
            advance_s = 3 * count * COST.step_s
            cpu_s = advance_s + count * share * COST.evaluation_s

        future.set_result(Result())
        return future


class OneWorker(Mixed):
    """Computes what the hub asks for, where it is asked."""

    num_workers = 1


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    monkeypatch.setenv("MAML_SHARED", "0")
    with own_hub(monkeypatch):
        monkeypatch.setattr(start, "get_pool", Measured)
        yield


class Visit:
    """The screen as its visitor sees it."""

    def __init__(self, **query: str) -> None:
        self.app = AppTest.from_file(str(MAIN), default_timeout=TIMEOUT_S)
        for name, text in query.items():
            self.app.query_params[name] = text
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
    return start.get_hub()


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

    def test_a_range_follows_its_base_until_somebody_writes_into_it(self):
        visit = Visit()
        ends = [visit.app.number_input(key=f"sweep.alpha.{part}").value for part in ("low", "high")]
        assert ends == [0.003, 0.3]
        visit.app.selectbox(key="sweep.base").set_value("Glyphs, fast demo")
        visit.rerun()
        assert visit.app.number_input(key="sweep.alpha.high").value == 8.0
        visit.app.number_input(key="sweep.alpha.points").set_value(5)
        visit.rerun()
        assert visit.app.number_input(key="sweep.alpha.high").value == 8.0
        visit.app.selectbox(key="sweep.base").set_value("Fast demo")
        visit.rerun()
        assert visit.app.number_input(key="sweep.alpha.high").value == 8.0
        assert visit.app.number_input(key="sweep.alpha.points").value == 5

    def test_the_form_survives_a_walk_to_the_live_screen(self):
        visit = Visit()
        visit.app.number_input(key="sweep.num_steps").set_value(123)
        visit.rerun()
        visit.go("")
        visit.go("sensitivity")
        assert visit.app.number_input(key="sweep.num_steps").value == 123

    def test_the_form_survives_a_reload(self):
        visit = Visit()
        assert "form" not in visit.app.query_params
        visit.app.number_input(key="sweep.num_steps").set_value(123)
        visit.app.multiselect(key="sweep.axes").set_value(["beta", "num_inner_steps"])
        visit.rerun()
        visit.app.number_input(key="sweep.beta.points").set_value(5)
        visit.app.text_input(key="sweep.num_inner_steps.list").set_value("1, 2")
        visit.rerun()
        again = Visit(form=visit.app.query_params["form"])
        assert again.app.number_input(key="sweep.num_steps").value == 123
        assert again.app.multiselect(key="sweep.axes").value == ["beta", "num_inner_steps"]
        assert again.app.number_input(key="sweep.beta.points").value == 5
        assert again.app.text_input(key="sweep.num_inner_steps.list").value == "1, 2"
        assert not again.app.toast

    @pytest.mark.parametrize(
        "text",
        [
            *("{", "[]", "1", '{"num_steps":"many"}', '{"axes":["nothing"]}', '{"base":"x"}', '{"prune_percent":-5}'),
            *('{"ranges":{"alpha":[0,1]}}', '{"ranges":{"alpha":[1e999,2,3]}}'),
            *('{"num_steps":1' + "0" * 20 + "}", '{"ranges":{"alpha":[1' + "0" * 400 + ",2,3]}}"),
        ],
    )
    def test_an_address_that_says_no_form_is_the_first_form(self, text: str):
        visit = Visit(form=text)
        assert visit.app.number_input(key="sweep.num_steps").value == 300
        assert visit.app.number_input(key="sweep.alpha.low").value == 0.003

    def test_whole_numbers_are_ends_of_a_range_too(self):
        assert Visit(form='{"ranges":{"alpha":[1,2,3]}}').app.number_input(key="sweep.alpha.high").value == 2.0

    def test_where_a_sweep_is_kept_is_in_no_address(self):
        visit = Visit().open("sweep.elsewhere")
        visit.app.text_input(key="sweep.storage").set_value("postgresql://me:secret@127.0.0.1:1/x")
        visit.rerun()
        assert "secret" not in str(dict(visit.app.query_params))

    def test_the_live_screens_widgets_come_back_as_the_run_is(self):
        visit = Visit()
        visit.go("")
        shots = visit.app.number_input(key="set.shots")
        assert shots.value == DEFAULT_PRESET.config.shots

    def test_every_control_is_explained(self):
        visit = Visit()
        for popover in ("sweep.rungs", "sweep.elsewhere", "sweep.earlier"):
            visit.open(popover)
        visit.app.multiselect(key="sweep.axes").set_value(["alpha", "num_inner_steps", "order"])
        visit.app.selectbox(key="sweep.sampler").set_value("random")
        visit.rerun()
        found = explained(visit.app)
        assert len(found) >= 15
        assert [label for label, text in found if len(text) < 12] == []

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

    def test_a_sweep_of_which_nothing_can_be_drawn_is_said_and_keeps_no_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(Measured, "refusal", "shots = 50 is not accepted: at most 20")
        visit = Visit()
        visit.app.button(key="sweep.start").click()
        visit.rerun()
        said = " ".join(error.value for error in visit.app.error)
        assert "none of them can be computed" in said
        assert "shots = 50 is not accepted" in said
        assert not (tmp_path / "alpha-beta-1").exists()
        assert "sweep" not in visit.app.query_params
        page = hub().sweeps.page(visit.token)
        assert page is None or page.job is None

    def test_a_study_of_another_sweep_is_refused(self, tmp_path: Path):
        open_study(sweep(), "mine", storage=tmp_path).close()
        visit = Visit()
        visit.app.text_input(key="sweep.name").set_value("mine")
        visit.rerun()
        assert visit.app.warning[0].value == "There is another sweep called mine; choose another name\\."
        assert visit.app.button(key="sweep.start").disabled
        visit.app.text_input(key="sweep.name").set_value("yours")
        visit.rerun()
        assert visit.app.warning.len == 0
        assert not visit.app.button(key="sweep.start").disabled

    def test_what_is_done_already_is_shown_and_said_to_be(self, tmp_path: Path):
        first = Visit()
        first.app.button(key="sweep.start").click()
        first.rerun()
        assert list(first.app.info) == []
        job = hub().sweeps.page(first.token).job  # type: ignore[union-attr]
        assert job is not None
        job.status = "done"
        first.app.text_input(key="sweep.name").set_value(job.name)
        first.app.button(key="sweep.start").click()
        first.rerun()
        (said,) = (info.value for info in first.app.info)
        assert "was done already, and is shown. Another name begins it anew." in said
        first.rerun()
        assert list(first.app.info) == []

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
        assert "There is no sweep nothing" in visit.app.toast[0].value.replace("\\", "")

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
        assert any("cannot be told from what the seed does" in words for words in visit.captions)


class TestImages:
    """A sweep of a folder, which is opened, started and resumed where its images have moved, or others lie in their place."""

    @pytest.fixture(autouse=True)
    def _workers(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(start, "get_pool", OneWorker)
        monkeypatch.setenv("MAML_DATA", str(tmp_path / "data"))

    @pytest.fixture
    def birds(self, tmp_path: Path) -> Path:
        """Six classes of three images, and a sweep of two settings that nobody has computed."""
        folder = pictures(tmp_path / "birds", classes=6)
        with open_study(folder_sweep(str(folder), 1, 2), "mine", storage=tmp_path) as study:
            find_images(study, Here())
        return folder

    def found(self, visit: Visit, folder: Path | str) -> Visit:
        visit.app.text_input(key="sweep.folder").set_value(str(folder))
        next(button for button in visit.app.button if button.label == "Find").click()
        return visit.rerun()

    def errors(self, visit: Visit) -> str:
        return " ".join(error.value for error in visit.app.error).replace("\\", "")

    def asks(self, visit: Visit) -> bool:
        return any(field.key == "sweep.folder" for field in visit.app.text_input)

    def job(self, visit: Visit) -> SweepJob:
        page = hub().sweeps.page(visit.token)
        assert page is not None
        assert page.job is not None
        return page.job

    def test_where_they_are_nothing_is_asked(self, birds: Path):
        visit = Visit(sweep="mine")
        assert self.job(visit).status == "stopped"
        assert not self.asks(visit)
        assert not visit.app.error

    def test_a_moved_folder_is_asked_for_and_known_the_second_time_too(self, birds: Path, tmp_path: Path):
        there = birds.rename(tmp_path / "my birds")
        visit = Visit(sweep="mine")
        assert f"there is no {birds}" in self.errors(visit)
        assert self.job(visit).name == "mine"  # what is finished is shown all the same
        self.found(visit, tmp_path / "nothing")
        assert f"there is no {tmp_path / 'nothing'}" in self.errors(visit)
        others = pictures(tmp_path / "others", classes=5)
        self.found(visit, others)
        assert f"{others} does not hold the images that the sweep is computed on: class 'class 5'" in self.errors(visit)
        self.found(visit, "  ")
        assert "Type where the images lie now" in self.errors(visit)
        self.found(visit, there)
        assert self.errors(visit) == ""
        assert not self.asks(visit)
        assert "The images of mine are found" in visit.app.toast[0].value
        assert self.job(visit).sweep.base.tasks.folder == str(there)  # type: ignore[union-attr]
        assert not self.asks(Visit(sweep="mine"))
        start.get_hub.cache_clear()  # another server
        again = Visit(sweep="mine")
        assert not self.asks(again)
        assert self.job(again).sweep.base.tasks.folder == str(there)  # type: ignore[union-attr]

    def test_other_images_are_refused_and_nothing_changes(self, birds: Path, tmp_path: Path):
        shutil.rmtree(birds / "class 1")
        before = (tmp_path / "mine" / "study.log").read_bytes()
        visit = Visit(sweep="mine")
        assert f"{birds} does not hold the images that the sweep is computed on: class 'class 1'" in self.errors(visit)
        assert "start these under another name" in self.errors(visit)
        assert self.asks(visit)
        visit.app.button(key="sweep.start").click()  # the form says the opened sweep
        visit.rerun()
        assert "class 'class 1' is not there" in self.errors(visit)
        assert self.job(visit).status == "stopped"
        assert (tmp_path / "mine" / "study.log").read_bytes() == before

    def test_resume_says_what_is_missing(self, birds: Path, tmp_path: Path):
        visit = Visit(sweep="mine")
        away = birds.rename(tmp_path / "away")
        job = self.job(visit)
        job.resume()
        asyncio.run(job.turn())
        assert job.status == "failed"
        assert f"there is no {birds}" in job.sentence
        assert "the sidebar asks for it when the sweep is opened under Earlier sweeps" in job.sentence
        visit.open("sweep.earlier")
        visit.app.button(key="sweep.open").click()
        visit.rerun()
        self.found(visit, away)
        assert (job.status, job.sentence) == ("stopped", "")
        job.resume()
        asyncio.run(job.turn())
        assert job.status == "running"
        piece = job.take_piece()
        assert piece is not None
        assert piece.request.images is not None
        assert piece.request.configs[0].tasks.folder == str(away)  # type: ignore[union-attr]

    def test_a_shared_server_asks_for_no_folder(self, birds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        birds.rename(tmp_path / "away")
        visit = Visit(sweep="mine")
        assert self.asks(visit)
        monkeypatch.setenv("MAML_SHARED", "1")
        assert not self.asks(visit.rerun())


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
    with running_hub():
        yield


@contextlib.contextmanager
def running_hub() -> Iterator[None]:
    """The hub's loop beside the script, as on a server."""
    loop = asyncio.new_event_loop()
    running = loop.create_task(hub().run())

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(running)
        loop.run_until_complete(hub().sweeps.close())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(running.cancel)
        thread.join()


class TestStartedTwice:
    def test_the_same_form_is_the_same_sweep_and_another_one_is_not(self, tmp_path: Path):
        visit = Visit()
        visit.app.number_input(key="sweep.num_steps").set_value(50)
        visit.rerun()
        for _ in range(2):
            visit.app.button(key="sweep.start").click()
            visit.rerun()
        assert visit.app.error.len == 0
        assert sorted(folder.name for folder in tmp_path.iterdir()) == ["alpha-beta-1"]
        assert visit.app.text_input(key="sweep.name").proto.placeholder == "alpha-beta-1"
        visit.app.number_input(key="sweep.num_steps").set_value(60)
        visit.rerun()
        assert visit.app.text_input(key="sweep.name").proto.placeholder == "alpha-beta-2"
        visit.app.button(key="sweep.start").click()
        visit.rerun()
        assert sorted(folder.name for folder in tmp_path.iterdir()) == ["alpha-beta-1", "alpha-beta-2"]

    @pytest.mark.parametrize("name", ["a/b", "..", "x" * 300, "con"])
    def test_a_name_that_cannot_be_used_is_said_and_stays_to_be_mended(self, tmp_path: Path, name: str):
        visit = Visit()
        visit.app.text_input(key="sweep.name").set_value(name)
        visit.rerun()
        assert "is not accepted" in visit.app.warning[0].value
        assert "x" * 41 not in visit.app.warning[0].value
        assert visit.app.button(key="sweep.start").disabled
        assert visit.app.text_input(key="sweep.name").value == name
        assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_running")
class TestDeleting:
    def test_a_place_of_deleted_sweeps_that_cannot_be_read_is_said(self, monkeypatch: pytest.MonkeyPatch):
        def unreadable(_: object) -> None:
            raise StoreError("refused", "the folder of deleted sweeps cannot be read")

        monkeypatch.setattr(sweep_actions, "deleted", unreadable)
        visit = Visit().open("sweep.earlier")
        (error,) = visit.app.error
        assert error.value.replace("\\", "") == "The folder of deleted sweeps cannot be read."

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
        assert [
            button.key for button in visit.app.button if button.key == "sweep.open"
        ] == []  # it would lie over the map
        assert visit.app.query_params["sweep"] == "mine"
        assert [error.value for error in visit.app.error] == []

    def test_where_the_next_sweep_is_computed_stays_when_another_is_opened(self, tmp_path: Path):
        visit = self.opened(tmp_path).open("sweep.elsewhere")
        visit.app.text_input(key="sweep.scheduler").set_value("tcp://10.0.0.1:8786")
        visit.rerun().app.button(key="sweep.open").click()
        draft = visit.rerun().app.session_state["page.draft"]
        assert (draft.name, draft.scheduler) == ("", "tcp://10.0.0.1:8786")

    def test_an_opened_sweep_fills_the_form(self, tmp_path: Path):
        visit = self.opened(tmp_path)
        draft, shown = visit.app.session_state["page.draft"], sweep()
        assert (draft.num_steps, draft.num_rungs) == (shown.num_steps, shown.num_rungs)
        assert draft.axes == tuple(axis.name for axis in shown.axes)

    def test_an_opened_sweep_is_changed_under_a_name_of_its_own_and_goes_on_under_its_name(self, tmp_path: Path):
        visit = self.opened(tmp_path)
        name = visit.app.text_input(key="sweep.name")
        assert (name.value, name.proto.placeholder) == ("", "mine")
        visit.open("sweep.rungs")
        visit.app.selectbox(key="sweep.grid_order").set_value("plain")  # the same sweep in another order
        assert visit.rerun().app.text_input(key="sweep.name").proto.placeholder == "mine"
        visit.app.button(key="sweep.start").click()
        visit.rerun()
        visit.app.number_input(key="sweep.num_seeds").set_value(3)
        visit.rerun().app.button(key="sweep.start").click()
        assert [error.value for error in visit.rerun().app.error] == []
        assert sorted(path.name for path in tmp_path.iterdir() if path.name[0] != ".") == ["alpha-beta-1", "mine"]
