"""Runs that come with the project: those that are there are offered, and one that is chosen opens paused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.live.training import status_kind
from dashboard.setups import pretrained
from dashboard.setups.pretrained import Pretrained
from dashboard.setups.settings import on_the_page
from maml_core.presets import PRESETS
from maml_core.store import DOCUMENT, save_run
from tests.dashboard.live.driver import IMAGES, Driver
from tests.dashboard.sidebar.test_main_page import START, Visit, own_hub

NAMES = [preset.name for preset in PRESETS]


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with own_hub(monkeypatch):
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run of four outer steps, which is offered; one beside it has no folder."""
    there, missing = tmp_path / "there", tmp_path / "missing"
    saved = Driver(IMAGES).opened().played(4).run.saved("there")
    assert saved is not None
    save_run(there, saved)
    offered = (Pretrained("There", "Look at it.", there), Pretrained("Missing", "Nothing.", missing))
    monkeypatch.setattr(pretrained, "_ALL", offered)
    return there


def offered(visit: Visit) -> list[str]:
    options: list[str] = visit.app.selectbox(key="preset").options
    return options


def test_those_that_are_there_are_offered_behind_the_presets(folder: Path) -> None:
    assert offered(Visit()) == [*NAMES, "There"]


def test_an_installation_without_them_offers_the_presets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = tuple(run._replace(folder=tmp_path / run.folder.name) for run in pretrained._ALL)
    monkeypatch.setattr(pretrained, "_ALL", elsewhere)
    assert pretrained.pretrained() == {}
    assert offered(Visit()) == NAMES


def test_their_names_are_none_of_the_presets() -> None:
    assert not {run.name for run in pretrained._ALL} & set(NAMES)


def test_one_that_is_chosen_opens_paused_where_it_was(folder: Path) -> None:
    visit = Visit().preset("There")
    assert (visit.run.step, status_kind(visit.run), visit.config) == (4, "paused", IMAGES)
    assert visit.shown == on_the_page(IMAGES)
    assert visit.app.caption[0].value == "**There.** Look at it."
    assert visit.notes == []


def test_a_reset_is_a_fresh_start(folder: Path) -> None:
    visit = Visit().preset("There")
    visit.run.restart()
    assert (visit.run.step, visit.run.changes.start) == (0, IMAGES)


def test_a_damaged_one_says_so_and_the_run_stays(folder: Path) -> None:
    (folder / DOCUMENT).write_text("damaged")
    visit = Visit()
    visit.run.step = 50
    visit.preset("There")
    (note,) = visit.notes
    assert str(folder) in note
    assert (visit.run.step, visit.config) == (50, START)
