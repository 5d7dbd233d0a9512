"""What is explained is reached by keyboard and pointer, on both screens; what is refused is answered in a sentence."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from dashboard.charts.sweep_curves import LANES
from dashboard.charts.sweep_map import MAP
from dashboard.charts.sweep_pins import PINS, PinsLooks
from dashboard.theme import LIGHT
from tests.browser.conftest import OpenPage
from tests.browser.live_page import CHARTS, LivePage
from tests.browser.test_axe import assert_accessible
from tests.dashboard.charts.test_glossary import CARDS, looks_of_lanes, looks_of_maps

TIP = ".maml-floating:popover-open"


@pytest.mark.thorough
def test_every_card_has_its_explanation_by_key(open_page: OpenPage) -> None:
    live = open_page()
    for chart in CHARTS:
        why = live.page.locator(f"[data-chart={chart}] .maml-why")
        why.focus()
        live.page.keyboard.press("Enter")
        said = live.page.locator(".maml-explain:visible")
        said.wait_for()
        words = said.locator("p")
        live.becomes(lambda words=words: words.inner_text().split()[:4], CARDS[chart].text.split()[:4])
        assert said.locator("dt").count() >= 3
        if chart == "loss":
            assert_accessible(live.page)
        live.page.keyboard.press("Escape")
        said.wait_for(state="hidden")


def test_the_sensitivity_screen_is_explained_too(open_page: OpenPage) -> None:
    live = open_page("sensitivity", ready=False)
    live.page.locator("[data-chart=frozen] .maml-why").click()
    live.page.locator(".maml-explain:visible", has_text="adapted with every α").wait_for()


def test_an_entry_of_a_legend_is_explained_on_hover_and_on_focus(open_page: OpenPage) -> None:
    live = open_page()
    entries = live.page.locator("[data-chart=adaptation] .maml-series")
    entries.nth(1).hover()
    live.page.locator(TIP, has_text="An ordinary network").wait_for()
    live.page.mouse.move(5, 5)
    live.page.locator(TIP).wait_for(state="detached")
    entries.nth(1).focus()
    live.page.keyboard.press("Shift+Tab")
    live.page.locator(TIP, has_text="Untrained weights").wait_for()
    words = live.page.locator(".maml-losses th[data-tip]")
    words.first.focus()
    for said in ("after k of the N", "after adaptation", "few examples", "Other examples"):
        live.page.keyboard.press("Tab")
        live.page.locator(TIP, has_text=said).wait_for()
    live.page.keyboard.press("Escape")
    live.page.locator(TIP).wait_for(state="detached")


def test_no_two_entries_of_a_legend_have_one_picture(live: LivePage) -> None:
    lanes = looks_of_lanes(color_names=tuple(f"word {number}" for number in range(40)))
    draw = """async (traces) => {
        const { swatch } = await import(location.origin + '/maml/web/common/swatch.js');
        return traces.map((trace) => swatch(trace).innerHTML.replace(/(fill|stroke)="(#|rgb)[^"]*"/g, '$1="any"'));
    }"""
    for figure in (
        LANES.figure(LIGHT, lanes),
        MAP.figure(LIGHT, looks_of_maps()),
        PINS.figure(LIGHT, PinsLooks("MSE", 6)),
    ):
        traces = [trace for trace in json.loads(figure.to_json())["data"] if trace.get("showlegend") is not False]
        pictures = live.page.evaluate(draw, traces)
        assert len(set(pictures)) == len(traces) >= 6


def test_the_losses_of_a_task_have_three_names_whatever_k_is(live: LivePage) -> None:
    """Under each name the loss after its number of inner steps; where k = N two columns are equal, under two names."""
    live.set(num_inner_steps=3)
    live.page.locator(".maml-task", has_text="of N = 3").wait_for()
    heads = live.page.locator(".maml-losses thead th[data-col]")
    cells = live.page.locator(".maml-losses tbody tr").nth(1).locator("td")
    seen = {}
    for k in (0, 1, 3):
        live.dial("k").fill(str(k))
        live.page.locator(".maml-task", has_text=f"k = {k} of N = 3").wait_for()
        live.becomes(heads.all_inner_texts, ["before", "at k", "after"])
        live.wait_steady()
        first, seen[k], last = cells.all_inner_texts()
        assert seen[k] == {0: first, 3: last}.get(k, seen[k])
    assert len(set(seen.values())) == 3


def test_the_field_of_a_step_says_that_the_run_pauses_there(live: LivePage) -> None:
    form = live.page.locator("form.maml-until")
    assert form.inner_text().split("\n")[0].startswith("pause at step")
    live.run_until(4)
    live.wait_step(4)
    assert live.wait_steady() == 4
    expect(live.pill).to_have_text("Paused")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("abc", "“abc” is no number: N (inner steps) takes a whole number."),
        ("", "“” is no number: N (inner steps) takes a whole number."),
        ("0.05", "N (inner steps) = 0.05 is not accepted: a whole number from 0 to 50."),
    ],
)
def test_what_is_refused_is_answered_until_it_is_put_right(live: LivePage, text: str, said: str) -> None:
    value = int(live.field("num_inner_steps").input_value())
    live.set(num_inner_steps=text)  # type: ignore[arg-type]
    live.page.locator(".maml-sentence", has_text=said).wait_for()
    expect(live.field("num_inner_steps")).to_have_value(str(value))
    live.set(num_inner_steps=value + 1)
    live.page.locator(".maml-sentence[data-kind=error]").wait_for(state="detached", timeout=3000)
