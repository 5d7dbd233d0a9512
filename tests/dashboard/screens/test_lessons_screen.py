"""The lessons' screen: their list, each by its own address, and the way out, which leaves the live page as it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from maml_core.lessons.reading import shipped
from tests.dashboard.sidebar.test_main_page import MAIN, TIMEOUT_S, hub, own_hub

FIRST, SECOND = list(shipped())[:2]


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with own_hub(monkeypatch):
        yield


def visit(**query: str) -> AppTest:
    app = AppTest.from_file(str(MAIN), default_timeout=TIMEOUT_S)
    for name, text in query.items():
        app.query_params[name] = text
    app._page_hash = calc_hash("lessons")
    return rerun(app)


def at_home(**query: str) -> AppTest:
    """As people write an address down: without the screen."""
    app = AppTest.from_file(str(MAIN), default_timeout=TIMEOUT_S)
    for name, text in query.items():
        app.query_params[name] = text
    return rerun(app)


def rerun(app: AppTest) -> AppTest:
    app.run()
    assert [error.value for error in app.exception] == []
    return app


def mounted(app: AppTest) -> tuple[str, dict[str, Any]]:
    (component,) = app.get("bidi_component")
    return component.proto.component_name.rpartition(".")[2], json.loads(component.proto.json)


def test_the_list_says_of_each_what_it_asks():
    name, data = mounted(visit())
    assert name == "maml_lessons"
    assert [each["name"] for each in data["lessons"]] == list(shipped())
    told, lesson = data["lessons"][0], shipped()[FIRST]
    assert (told["about"], told["minutes"], told["steps"]) == (lesson.about, lesson.minutes, len(lesson.steps))
    assert hub().knows(data["token"])


def test_an_address_that_names_a_lesson_without_the_screen_opens_it_at_its_step():
    name, data = mounted(app := at_home(lesson=FIRST, step="2"))
    assert (name, data["lesson"]) == ("maml_live", f"{FIRST}.0")
    assert app.query_params["step"] == "2"
    home, lesson = hub().pages.get(data["token"]), shipped()[FIRST]
    assert home is not None
    assert home.run.config == lesson.config


def test_one_that_names_a_sweep_opens_the_screen_of_sweeps():
    assert mounted(at_home(sweep="mine"))[0] == "maml_sweeps"


def test_a_lesson_has_a_page_beside_the_live_one_which_is_at_home():
    app = visit(lesson=FIRST)
    name, data = mounted(app)
    assert (name, data["lesson"]) == ("maml_live", f"{FIRST}.0")
    page = hub().pages.get(data["token"])
    assert page is not None
    assert page.run.config == shipped()[FIRST].config
    home = hub().pages.get(page.home)
    assert home is not None
    assert home.viewer.guide is None
    assert shipped()[FIRST].title in " ".join(each.value for each in app.sidebar.markdown)
    assert mounted(rerun(app))[1]["token"] == data["token"]


@pytest.mark.parametrize(("step", "at"), [("3", 2), ("99", -1), ("0", 0), ("x", 0), ("-1", 0), ("", 0)])
def test_an_address_names_a_step_and_what_it_says_wrongly_is_said(step: str, at: int):
    app = visit(lesson=FIRST, step=step)
    page = hub().pages.get(mounted(app)[1]["token"])
    assert page is not None
    assert page.viewer.guide is not None
    shown = range(len(shipped()[FIRST].steps))[at]
    assert page.viewer.guide.pupil.at == shown
    notes = [each.value for each in app.toast]
    if step in ("3", ""):
        assert notes == []
        return
    assert f"from 1 to 4 is expected. The lesson begins at step {shown + 1}." in notes[0]
    assert app.query_params["step"] in (str(shown + 1), [str(shown + 1)])
    assert not rerun(app).toast


@pytest.mark.parametrize(("seed", "shown"), [("abc", 0), ("1000", 999), ("-2", 0)])
def test_a_seed_that_there_is_not_is_said(seed: str, shown: int):
    app = visit(lesson=FIRST, seed=seed)
    assert mounted(app)[1]["lesson"] == f"{FIRST}.{shown}"
    assert f"from 0 to 999 is expected. The lesson has the random numbers of seed {shown}." in app.toast[0].value


def test_another_seed_and_another_lesson_are_other_pages_of_the_same_home():
    app = visit(lesson=FIRST)
    pages = [hub().pages.get(mounted(app)[1]["token"])]
    app.query_params["seed"] = "2"
    pages.append(hub().pages.get(mounted(rerun(app))[1]["token"]))
    app.query_params["lesson"] = SECOND
    pages.append(hub().pages.get(mounted(rerun(app))[1]["token"]))
    first, seeded, other = [page for page in pages if page is not None]
    assert len({page.token for page in (first, seeded, other)}) == 3
    assert first.home == seeded.home == other.home
    assert seeded.run.config.weights_seed == first.run.config.weights_seed + 2
    assert other.viewer.guide is not None
    assert other.viewer.guide.pupil.lesson.name == SECOND


def test_a_lesson_that_there_is_not_is_said_and_the_list_shown():
    app = visit(lesson="nowhere")
    assert "There is no lesson nowhere" in app.toast[0].value
    assert mounted(app)[0] == "maml_lessons"
