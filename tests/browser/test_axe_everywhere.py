"""axe-core in the states that a run passes through, and on every screen in every form in which somebody may have the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from playwright.sync_api import expect

from dashboard.charts.sweep_optuna import PLOTS
from maml_core.lessons.reading import shipped
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_axe import ALL, AXE, OF_COLOURS, RESTS_MS, RUN, STILL, TINY, sweep
from tests.browser.test_layout import preset_address
from tests.browser.test_lost import LINE, LINK

USUAL = {"color_scheme": "light", "forced_colors": "none", "reduced_motion": "no-preference"}
WIDE = (1440, 900)

FORMS: Mapping[str, tuple[dict[str, str], tuple[int, int]]] = {
    "light": ({}, WIDE),
    "dark": ({"color_scheme": "dark"}, WIDE),
    "reduced motion": ({"reduced_motion": "reduce"}, WIDE),
    "forced colours": ({"forced_colors": "active"}, WIDE),
    "forced dark colours": ({"forced_colors": "active", "color_scheme": "dark"}, WIDE),
    "320 pixels": ({}, (320, 640)),
    "200%": ({}, (640, 400)),
    "400%": ({}, (320, 256)),
}
"""How a page is had: what its browser says of its reader, and the window in CSS pixels. One of 1280 x 800 has 640 x 400 at 200%, one of 1280 x 1024 has 320 x 256 at 400%."""

SIDEWAYS = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return Math.max(document.documentElement.scrollWidth - innerWidth, main ? main.scrollWidth - main.clientWidth : 0);
}"""


def found(live: LivePage, *, colours_alone: bool = False) -> list[Any]:
    """What axe finds now."""
    page = live.page
    page.mouse.move(-1, -1)  # a tooltip or a hovered button is a state of its own
    page.evaluate(AXE)
    page.wait_for_timeout(RESTS_MS)
    page.wait_for_function(STILL)
    return page.evaluate(RUN, OF_COLOURS if colours_alone else ALL)


def assert_in_every_form(live: LivePage) -> None:
    """axe finds nothing in any form, and no form has to be scrolled sideways."""
    faults: dict[str, Any] = {}
    for name, (media, (width, height)) in FORMS.items():
        live.page.set_viewport_size({"width": width, "height": height})
        live.page.emulate_media(**{**USUAL, **media})  # type: ignore[arg-type]
        scheme = media.get("color_scheme", "light")
        live.page.wait_for_function(
            "(scheme) => document.querySelector('.maml-live, .maml-sweeps, .maml-lessons')?.dataset.theme === scheme",
            arg=scheme,
        )
        if faulty := found(live, colours_alone=name == "dark"):
            faults[name] = faulty
        if live.page.evaluate(SIDEWAYS) > 0:
            faults[f"{name}, sideways"] = live.page.evaluate(SIDEWAYS)
    live.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    live.page.emulate_media(**USUAL)  # type: ignore[arg-type]
    assert not faults, faults


@pytest.mark.thorough
def test_in_every_state_of_a_run(open_page: OpenPage) -> None:
    live = open_page(TINY, fresh=True)
    live.page.add_init_script(LINE)
    live.page.reload()
    live.wait_drawn()
    faults = {"empty": found(live)}
    live.train(5)
    faults["training"] = found(live)
    live.page.evaluate("mamlLine.cut()")
    live.wait(LINK, "lost")
    faults["disconnected"] = found(live)
    live.page.evaluate("mamlLine.mend()")
    live.wait(LINK, "open")
    live.set(alpha=-300)
    live.page.locator(".maml-sentence[data-kind=error]").wait_for()
    faults["refused"] = found(live)
    live.set(alpha=5, num_inner_steps=20)
    live.page.locator(".maml-pill[data-kind=diverged]").wait_for()
    faults["diverged"] = found(live)
    assert {state: faulty for state, faulty in faults.items() if faulty} == {}


# --- Screens ----------------------------------------------------------------------------------------------------------


def trained(open_page: OpenPage, query: str = TINY) -> LivePage:
    live = open_page(query)
    live.wait_synced()
    live.run_until(3)
    live.wait_step(3)
    live.wait_steady()
    return live


def with_popover(open_page: OpenPage, button: str, query: str = TINY) -> LivePage:
    live = trained(open_page, query)
    live.action(button).click()
    return live


def presenter(open_page: OpenPage) -> LivePage:
    live = with_popover(open_page, "presenter")
    live.page.locator("[data-testid=stExpandSidebarButton]").wait_for()
    live.wait_steady()
    return live


def keys(open_page: OpenPage) -> LivePage:
    live = trained(open_page)
    live.page.keyboard.press("?")
    live.page.locator(".maml-keys").wait_for()
    return live


def class_dialog(open_page: OpenPage) -> LivePage:
    live = trained(open_page)
    live.page.keyboard.press("g")
    live.action("class-start").wait_for()
    return live


def question_to_a_class(open_page: OpenPage) -> LivePage:
    live = class_dialog(open_page)
    live.action("class-start").click()
    live.page.locator(".maml-class-address").wait_for()
    live.page.keyboard.press("Escape")
    live.action("class-ask").click()
    live.page.locator("[data-field=class-question]").wait_for()
    return live


def table_of(open_page: OpenPage) -> LivePage:
    live = trained(open_page)
    live.menu("loss", "Show table")
    return live


def read_by_keys(open_page: OpenPage) -> LivePage:
    live = trained(open_page)
    live.page.locator("[data-chart=fit] .maml-reader").focus()
    live.page.keyboard.press("ArrowRight")
    return live


def lessons(open_page: OpenPage) -> LivePage:
    live = open_page("lessons", ready=False)
    live.page.locator(".maml-lessons-list li").first.wait_for()
    live.wait_synced()
    return live


def lesson(step: int) -> Callable[[OpenPage], LivePage]:
    def opened(open_page: OpenPage) -> LivePage:
        live = open_page(f"lessons?lesson=a-start-not-a-curve&step={step}", ready=False)
        live.wait_drawn()
        live.wait_synced()
        live.wait_steady()
        return live

    return opened


def sensitivity(open_page: OpenPage) -> LivePage:
    live = open_page(TINY)
    live.page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.drawn > 0")
    live.wait_synced()
    return live


def swept(open_page: OpenPage) -> LivePage:
    live = sensitivity(open_page)
    sweep(live)
    live.page.locator(".maml-settings tbody th button").first.click()
    live.page.locator("[data-action=pin]").click()
    return live


SCREENS: Mapping[str, Callable[[OpenPage], LivePage]] = {
    "curves": trained,
    "lines": lambda open_page: trained(open_page, "?tasks.kind=linear"),
    "images": lambda open_page: trained(open_page, preset_address("Glyphs, fast demo")),
    "learned rates": lambda open_page: trained(open_page, f"{TINY}&algorithm=meta_sgd"),
    "compare": lambda open_page: trained(open_page, f"{TINY}&beside=joint"),
    "a step slowly": lambda open_page: with_popover(open_page, "apart"),
    "shared": lambda open_page: with_popover(open_page, "share"),
    "own points": lambda open_page: with_popover(open_page, "points"),
    "drawing": lambda open_page: with_popover(open_page, "draw", preset_address("Glyphs, fast demo")),
    "presenter": presenter,
    "keys": keys,
    "class": class_dialog,
    "question to a class": question_to_a_class,
    "table": table_of,
    "points read": read_by_keys,
    "lessons": lessons,
    **{f"step {step} of a lesson": lesson(step) for step in range(1, 1 + len(shipped()["a-start-not-a-curve"].steps))},
    "sensitivity": sensitivity,
    "sweep": swept,
}


@pytest.mark.thorough
@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_in_every_form(open_page: OpenPage, screen: str) -> None:
    assert_in_every_form(SCREENS[screen](open_page))


@pytest.mark.thorough
@pytest.mark.parametrize("plot", PLOTS)
def test_plots_of_optuna_in_every_form(open_page: OpenPage, plot: str) -> None:
    live = swept(open_page)
    live.page.locator(".st-key-optuna").get_by_text(PLOTS[plot], exact=True).click()
    live.page.locator(".st-key-optuna-chart .js-plotly-plot").wait_for()
    live.wait_synced()
    assert_in_every_form(live)


@pytest.mark.thorough
@pytest.mark.parametrize("act", ["Curves", "Your turn: characters"])
def test_the_first_minute_in_every_form(open_page: OpenPage, act: str) -> None:
    live = open_page(ready=False, fresh=True, first_time=True)
    live.page.locator(".maml-live[data-theme]").wait_for(state="attached")  # of the page behind it
    live.page.get_by_role("dialog").get_by_role("button", name=act).click()
    expect(live.page.get_by_role("dialog").locator("figure, [role=group]").first).to_be_visible()
    live.page.get_by_role("button", name=re.compile("^Pause$")).or_(
        live.page.get_by_text("The whole page")
    ).first.wait_for()
    assert_in_every_form(live)
