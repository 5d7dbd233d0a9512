"""The list of earlier sweeps on the page: another name for one, one as a file, and one from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.server import start
from maml_core.sweeps.archive import zip_sweep
from maml_core.sweeps.catalog import list_sweeps
from maml_core.sweeps.study import open_study
from tests.dashboard.sidebar.test_main_page import own_hub
from tests.dashboard.sweeps.results import grid, sweep
from tests.dashboard.sweeps.test_sensitivity_screen import Measured, Visit, hub, running_hub


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("MAML_SWEEPS", str(tmp_path))
    monkeypatch.setenv("MAML_SHARED", "0")
    with own_hub(monkeypatch):
        monkeypatch.setattr(start, "get_pool", Measured)
        with running_hub():
            yield


def finished(name: str, folder: Path) -> None:
    with open_study(sweep(), name, storage=folder) as study:
        study.take(6)
        study.put(*grid(sweep()))


def said(visit: Visit) -> list[str]:
    return [block.value.replace("\\", "") for block in (*visit.app.success, *visit.app.error)]


def renamed(visit: Visit, name: str) -> Visit:
    visit.app.text_input(key="sweep.new_name").set_value(name)
    next(button for button in visit.app.button if button.label == "Rename").click()
    return visit.rerun()


def imported(visit: Visit, data: bytes | None, name: str = "") -> Visit:
    if data is not None:
        visit.app.file_uploader(key="sweep.file").set_value(("x.zip", data, "application/zip"))
    visit.app.text_input(key="sweep.file_name").set_value(name)
    next(button for button in visit.app.button if button.label == "Import").click()
    return visit.rerun()


def test_a_sweep_that_is_shown_is_shown_under_its_new_name(tmp_path: Path) -> None:
    finished("mine", tmp_path)
    visit = Visit(sweep="mine").open("sweep.earlier")
    renamed(visit, "  ")
    assert said(visit) == ["A name is needed: write the new name of mine first."]
    renamed(visit, "a/b")
    assert "1 to 80 letters or digits" in said(visit)[0]
    renamed(visit, "theirs")
    assert said(visit) == ["mine is now called theirs."]
    assert visit.app.selectbox(key="sweep.chosen").options == ["theirs"]
    assert visit.app.text_input(key="sweep.new_name").value == ""
    assert visit.app.query_params["sweep"] == "theirs"
    page = hub().sweeps.page(visit.token)
    assert page is not None
    assert page.job is not None
    assert (page.job.name, page.job.status) == ("theirs", "done")
    finished("other", tmp_path)
    renamed(visit.rerun(), "other")
    assert said(visit) == ["There is a sweep called 'other' already; choose another name."]


def test_a_sweep_from_a_file_is_kept_and_chosen_or_it_is_said_why_not(tmp_path: Path) -> None:
    finished("theirs", tmp_path / "away")
    data = zip_sweep("theirs", storage=tmp_path / "away")
    visit = Visit().open("sweep.earlier")
    assert said(imported(visit, None)) == ["Choose the file of a sweep first."]
    assert said(imported(visit, b"nothing"))[0].startswith("x.zip is no ZIP archive, or a damaged or locked one")
    assert said(imported(visit, data)) == ["Imported theirs: Open shows it."]
    assert visit.app.selectbox(key="sweep.chosen").value == "theirs"
    assert said(imported(visit, data)) == ["There is a sweep called 'theirs' already; choose another name."]
    assert said(imported(visit, data, "again")) == ["Imported again: Open shows it."]
    assert [(info.name, info.num_finished) for info in list_sweeps(tmp_path)] == [("again", 6), ("theirs", 6)]
    visit.app.button(key="sweep.open").click()
    assert visit.rerun().app.query_params["sweep"] == "again"


def test_why_a_name_was_refused_is_said_until_something_else_is_done(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        finished(name, tmp_path)
    visit = Visit(sweep="mine").open("sweep.earlier")
    taken = "There is a sweep called 'other' already; choose another name."
    renamed(visit, "other")
    assert said(visit) == [taken]
    for button in ("sweep.delete", "sweep.restore"):
        visit.app.button(key=button).click()
        assert said(visit.rerun()) == []
    visit.app.selectbox(key="sweep.chosen").set_value("mine")
    renamed(visit.rerun(), "other")
    assert said(visit) == [taken]
    visit.app.selectbox(key="sweep.chosen").set_value("other")
    assert said(visit.rerun()) == []
    renamed(visit, "mine")
    assert len(said(visit)) == 1
    assert said(visit.open("sweep.earlier", open=False).open("sweep.earlier")) == []
