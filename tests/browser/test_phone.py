"""A phone: its sidebar lies over the page, and folds once what was asked for there is on the page; no button moves what one reads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from dashboard.charts.sweep_optuna import PLOTS
from maml_core.sweeps.catalog import delete_sweep
from maml_core.sweeps.study import open_study
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_class import started, words
from tests.browser.test_layout import assert_fully_visible
from tests.browser.test_saved import Panel
from tests.browser.test_sensitivity import TINY, start, wait_status
from tests.dashboard.sweeps.results import grid, sweep

PHONE = {"width": 390, "height": 844}

WORDS_FROM = """(node) => {
  const range = document.createRange();
  range.selectNodeContents(node);
  return range.getBoundingClientRect().top;
}"""
"""Where the letters of a line begin, from above."""


def unfold(live: LivePage) -> None:
    live.page.get_by_role("button", name="Expand sidebar").click()
    live.until(lambda: live.page.get_by_test_id("stSidebar").bounding_box()["x"] == 0)


@pytest.mark.thorough
def test_the_sidebar_folds_once_a_run_or_a_sweep_is_on_the_page(open_page: OpenPage) -> None:
    live = open_page(TINY, viewport=PHONE)
    live.run_until(4)
    live.wait_step(4)
    unfold(live)
    panel = Panel(live)
    panel.save("from a phone")
    panel.says("Saved from a phone at outer step 4.")
    expect(live.page.get_by_role("button", name="Expand sidebar")).to_have_count(0)
    panel.press("Open")
    panel.body.wait_for(state="detached")
    assert_fully_visible(live, "Expand sidebar")
    assert_fully_visible(live, "Play")

    unfold(live)
    live.page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.frames > 0")
    if live.page.get_by_role("button", name="Expand sidebar").count():
        unfold(live)
    start(live, "on a phone", points=2, steps=4)
    assert_fully_visible(live, "Expand sidebar")
    wait_status(live.page, "Done")


TOP_OF_DIALS = """async () => {
  const dials = document.querySelector(".maml-dials");
  for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame);
  return dials.getBoundingClientRect().top;
}"""
"""What is fitted to a new width is fitted in the frames after it."""


def tops(live: LivePage) -> dict[int, Any]:
    """Where the dials begin on phones of these widths."""
    found = {}
    for width in (320, 360, 375, 390, 412):
        live.page.set_viewport_size({"width": width, "height": PHONE["height"]})
        found[width] = live.page.evaluate(TOP_OF_DIALS)
    return found


def test_play_and_pause_move_nothing_on_the_page_of_a_class_or_on_ones_own(open_page: OpenPage) -> None:
    teacher = open_page(fresh=True, viewport=PHONE)
    own = tops(teacher)
    teacher.play()
    expect(teacher.action("play")).to_have_text("Pause")
    assert tops(teacher) == own
    teacher.pause()
    query = started(teacher)
    student = open_page(query, fresh=True, viewport=PHONE)
    expect(words(teacher)).to_have_text("1 student")
    paused = tops(student)
    teacher.play()
    expect(student.action("play")).to_have_text("Pause")
    assert tops(student) == paused
    student.page.set_viewport_size(PHONE)
    rows = [student.page.locator(f".maml-transport {part}").bounding_box() for part in ("[data-action=play]", "select")]
    assert rows[0]["y"] == rows[1]["y"]
    teacher.pause()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_where_there_is_no_class_the_sidebars_button_lies_above_the_words(open_page: OpenPage, scheme: str) -> None:
    live = open_page("?class=WRONG", ready=False, fresh=True, viewport=PHONE)
    live.page.emulate_media(color_scheme=scheme)
    title = live.page.get_by_role("heading", name="No class here")
    expect(title).to_be_visible()
    button = live.page.get_by_role("button", name="Expand sidebar").bounding_box()
    assert live.page.evaluate(WORDS_FROM, title.element_handle()) >= button["y"] + button["height"]


def test_the_button_of_the_sidebar_lies_on_nothing_however_far_one_scrolls(open_page: OpenPage) -> None:
    live = open_page(viewport=PHONE)
    button = live.page.get_by_role("button", name="Expand sidebar")
    expect(button).to_be_visible()
    main = live.page.get_by_test_id("stMain")
    for y in (0, 300, 10_000):
        main.evaluate("(node, y) => node.scrollTo(0, y)", y)
        there, below = button.bounding_box(), main.bounding_box()
        assert there is not None
        assert below is not None
        assert there["y"] + there["height"] <= below["y"]
        assert below["y"] + below["height"] == PHONE["height"]


def test_the_names_of_optunas_plots_are_whole_on_a_phone(open_page: OpenPage) -> None:
    place = Path(os.environ["MAML_SWEEPS"])
    with open_study(sweep(), "narrow", storage=place) as study:
        study.take(6)
        study.put(*grid(sweep()))
    live = open_page("sensitivity?sweep=narrow", ready=False, viewport=PHONE)
    for name in PLOTS.values():
        shown = live.page.get_by_role("radio", name=name, exact=True)
        shown.scroll_into_view_if_needed()
        box = shown.bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE["width"], name
    # None of them is behind an edge to which one would have to scroll.
    assert live.page.locator(".st-key-optuna [role=radiogroup]").evaluate(
        "(node) => node.scrollWidth <= node.clientWidth"
    )
    delete_sweep("narrow", storage=place)
