"""A browser that has not heard yet that a widget was told otherwise: what it goes on saying is no choice, and what a person chooses is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from maml_core.presets import DEFAULT_PRESET
from tests.dashboard.sidebar.test_main_page import Visit, own_hub

TOLD = "page.told"


@pytest.fixture(autouse=True)
def _own_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with own_hub(monkeypatch):
        yield


def heard(visit: Visit) -> str:
    value: str = visit.app.text_input(key=TOLD).value
    return value


def test_what_it_held_before_comes_back_with_another_press_and_is_no_choice() -> None:
    visit = Visit()
    before = heard(visit)
    visit.choose(shots=3)
    assert visit.app.selectbox(key="preset").value is None
    assert heard(visit) != before
    # The browser presses on another control before it has drawn what came back: it still holds the preset.
    visit.app.text_input(key=TOLD).set_value(before)
    visit.app.selectbox(key="preset").set_value(DEFAULT_PRESET.name)
    visit.choose(order="first")
    assert (visit.config.shots, visit.config.order) == (3, "first")
    assert visit.app.selectbox(key="preset").value is None
    assert visit.shown["shots"] == 3


def test_the_same_value_chosen_by_who_has_heard_is_a_choice() -> None:
    visit = Visit()
    visit.choose(shots=3)
    visit.preset(DEFAULT_PRESET.name)
    assert visit.config == DEFAULT_PRESET.config


def test_another_value_chosen_by_who_has_not_heard_is_a_choice() -> None:
    visit = Visit()
    before = heard(visit)
    visit.choose(shots=3)
    visit.app.text_input(key=TOLD).set_value(before)
    visit.preset("The paper's setting")
    assert visit.config.meta_batch_size == 25
    assert visit.app.selectbox(key="preset").value == "The paper's setting"


def test_a_number_that_was_told_otherwise_is_not_written_back() -> None:
    """The run changes by itself, by a dial or a shared page, and the sidebar is drawn again; then a press with the number of before."""
    visit = Visit()
    before = heard(visit)
    visit.run.change({"shots": 4}, now=0.0)
    visit.rerun()
    assert visit.shown["shots"] == 4
    visit.app.text_input(key=TOLD).set_value(before)
    visit.choose(shots=10, order="first")
    assert (visit.config.shots, visit.config.order) == (4, "first")
    assert visit.shown["shots"] == 4
