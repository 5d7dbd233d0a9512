"""Who cannot use a mouse, see a chart or bear motion; screens large, small and dark; charts as files and tables."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from dashboard.charts.names import AFTER, BEFORE
from dashboard.setups import address
from dashboard.theme import DARK, LIGHT, Palette
from maml_core.config import GlyphsConfig
from maml_core.presets import few_shot
from tests.browser.conftest import OpenPage
from tests.browser.live_page import CHARTS, LivePage

GLYPHS = few_shot(GlyphsConfig())

FOCUSED = """() => {
  const { dataset, ariaLabel } = document.activeElement;
  return dataset.action ?? (dataset.dial && `dial ${dataset.dial}`) ?? (dataset.field && `field ${dataset.field}`) ?? ariaLabel ?? "";
}"""

OVERFLOW = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  const root = document.documentElement;
  return {
    width: Math.max(root.scrollWidth - innerWidth, main.scrollWidth - main.clientWidth),
    height: Math.max(root.scrollHeight - innerHeight, main.scrollHeight - main.clientHeight),
  };
}"""

OUTSIDE = """() => [...document.querySelectorAll(".maml-live :is(.maml-card, .maml-plot, button, input, select)")]
  .filter((node) => node.offsetParent !== null)
  .map((node) => [node, node.getBoundingClientRect()])
  .filter(([, box]) => box.left < 0 || box.right > innerWidth + 1)
  .map(([node]) => node.outerHTML.slice(0, 80))"""


def tab_until(live: LivePage, name: str, *, at_most: int = 80) -> list[str]:
    """Press Tab until something of this name has the focus; gives what had it on the way."""
    passed: list[str] = []
    for _ in range(at_most):
        live.page.keyboard.press("Tab")
        passed.append(live.page.evaluate(FOCUSED))
        if passed[-1] == name:
            return passed
    raise AssertionError(f"{name!r} was not reached; {passed}")


def test_everything_is_reached_and_used_with_the_keyboard_alone(open_page: OpenPage) -> None:
    live = open_page()  # nothing can be undone on it yet: Undo would stand in the place of some
    tab_until(live, "play")
    live.page.keyboard.press("Enter")
    live.wait_step(5)
    passed = tab_until(live, "dial alpha")
    assert [
        name for name in passed if name in ("outer", "inner", "reset", "Run until outer step", "Speed", "share")
    ] == [
        "outer",
        "inner",
        "reset",
        "Run until outer step",
        "Speed",
        "share",
    ]
    live.page.keyboard.press("ArrowRight")
    live.page.keyboard.press("ArrowRight")
    assert live.wait_marks(1)[0].startswith("α 0.02")
    tab_until(live, "dial beta")
    tab_until(live, "field num_inner_steps")
    live.page.keyboard.type("5")
    live.page.keyboard.press("Enter")
    live.wait_address("n:5")


def test_three_keys_lead_to_play_past_the_sidebar(open_page: OpenPage) -> None:
    live = open_page()
    live.wait_synced()
    live.page.evaluate("document.activeElement?.blur()")
    live.page.keyboard.press("Tab")
    assert live.page.evaluate("document.activeElement.textContent") == "Skip to main content"
    live.page.keyboard.press("Enter")
    live.page.keyboard.press("Tab")
    assert live.page.evaluate(FOCUSED) == "play"
    live.page.keyboard.press("Enter")
    live.wait_step(2)


def test_the_space_bar_plays_and_pauses(live: LivePage) -> None:
    live.page.locator(".maml-step").click()
    live.page.keyboard.press(" ")
    live.wait_step(2)
    live.page.keyboard.press(" ")
    live.wait("() => document.querySelector('.maml-pill').textContent === 'Paused'")


def test_quick_arrow_keys_on_a_slider_of_the_sidebar_all_count(open_page: OpenPage) -> None:
    live = open_page(f"?{address.write(GLYPHS)}")
    slider = live.page.locator(".st-key-set-difficulty").get_by_role("slider")
    live.wait_synced()  # a script that still runs would put back what is pressed meanwhile
    for _ in range(10):
        slider.press("ArrowRight")
    live.wait("() => mamlLive.config.tasks.difficulty === 1")


def test_single_keys_act_while_no_field_has_the_focus(live: LivePage) -> None:
    keyboard = live.page.keyboard
    support = live.trace("fit", "examples").tolist()
    keyboard.press("t")
    live.wait_trace("fit", "examples", lambda points: points.tolist() != support)
    keyboard.press("o")
    live.wait_step(1)
    keyboard.press("p")
    live.wait_step(10)
    keyboard.press("i")
    live.wait("() => document.querySelector('[data-dial=k]').value === '0'")
    assert live.wait_steady() >= 10
    expect(live.pill).to_have_text("Paused")
    keyboard.press("x")
    live.wait("() => mamlStep() === 0")


def test_the_keys_still_act_after_a_click_on_play(live: LivePage) -> None:
    live.train(5)
    live.page.keyboard.press("p")
    live.wait("() => document.querySelector('.maml-pill').textContent === 'Paused'")


def test_letters_typed_into_a_field_are_no_shortcuts(live: LivePage) -> None:
    live.field("alpha").focus()
    live.page.keyboard.type("poixt")
    live.page.keyboard.press("Escape")
    assert live.wait_steady() == 0
    expect(live.field("alpha")).to_have_value("0.02")


@pytest.mark.parametrize(
    "pressed", [{"key": "r"}, {"key": "c"}, {"key": "p", "ctrlKey": True}, {"key": "o", "metaKey": True}]
)
def test_keys_of_streamlit_and_of_the_browser_are_left_to_them(live: LivePage, pressed: dict[str, object]) -> None:
    # True: no listener of ours prevented what the key does otherwise.
    sent = "(pressed) => window.dispatchEvent(new KeyboardEvent('keydown', { ...pressed, bubbles: true, cancelable: true }))"
    assert live.page.evaluate(sent, pressed) is True
    assert live.wait_steady() == 0
    own = "() => window.dispatchEvent(new KeyboardEvent('keydown', { key: 't', cancelable: true }))"
    assert live.page.evaluate(own) is False


def test_every_chart_has_a_role_and_says_what_it_shows(live: LivePage) -> None:
    live.train(25)
    live.pause()
    for chart in CHARTS:
        expect(live.plot(chart)).to_have_attribute("role", "img")
        expect(live.plot(chart)).to_have_attribute("aria-label", re.compile(r"\d"))
    assert len({live.plot(chart).get_attribute("aria-label") for chart in CHARTS}) == len(CHARTS)


def test_every_control_has_a_name(live: LivePage) -> None:
    lines = live.page.locator(".maml-live").aria_snapshot().splitlines()
    controls = [line.strip() for line in lines if re.match(r"\s*- '?(button|slider|textbox|combobox)\b", line)]
    assert len(controls) > 20
    assert [line for line in controls if '"' not in line] == []


def test_behind_each_chart_is_a_table(live: LivePage) -> None:
    live.run_until(25)
    live.wait_step(25)
    live.wait_steady()
    for chart in CHARTS:
        live.menu(chart, "Show table")
        table = live.page.locator(f"[data-chart={chart}] .maml-table table")
        table.locator("tbody tr").nth(1).wait_for()
        rows = table.locator("tbody tr").all_inner_texts()
        head = table.locator("thead").inner_text()
        live.menu(chart, "Show chart")
        assert len(head.split("\t")) == 3, chart
        assert len(rows) <= 200, chart
        assert all(re.search(r"\d", row) for row in rows), chart
        expect(table).to_be_hidden()


@pytest.mark.parametrize(
    ("item", "extension", "beginning"),
    [("Save SVG", "svg", b"<svg"), ("Save PNG", "png", b"\x89PNG"), ("Download CSV", "csv", b'"series"')],
)
def test_a_chart_is_saved_as_a_file(live: LivePage, item: str, extension: str, beginning: bytes) -> None:
    with live.page.expect_download() as downloading:
        live.menu("fit", item)
    download = downloading.value
    assert download.suggested_filename == f"maml-fit-step-0.{extension}"
    assert download.path().read_bytes().startswith(beginning)


def test_the_charts_are_light_on_a_light_page(live: LivePage) -> None:
    assert_colors(live, "light", LIGHT)


def test_the_charts_are_dark_on_a_dark_page(open_page: OpenPage) -> None:
    assert_colors(open_page(color_scheme="dark"), "dark", DARK)


def assert_colors(live: LivePage, scheme: str, palette: Palette) -> None:
    expect(live.page.locator(".maml-live")).to_have_attribute("data-theme", scheme)

    def curves() -> tuple[str, str]:
        colors = live.plot("fit").evaluate(
            "node => Object.fromEntries(node.data.map(({ name, line }) => [name, line?.color]))"
        )
        return colors[BEFORE], colors[AFTER]

    def is_dark() -> bool:
        script = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
        return sum(int(part) for part in re.findall(r"\d+", live.page.evaluate(script))[:3]) / 3 < 128

    live.becomes(curves, (palette.theta_0, palette.theta_N))
    live.becomes(is_dark, scheme == "dark")


DOT_OPACITY = "getComputedStyle(document.querySelector('.maml-pill'), '::before').opacity"


def test_the_dot_of_a_run_that_trains_changes_with_the_frames_and_nothing_moves_for_ever(live: LivePage) -> None:
    live.play()
    for opacity in ("1", "0.35", "1"):
        live.shows(DOT_OPACITY, opacity)
    # Each picture of an animation has the page put together anew, where only the processor draws.
    assert live.page.evaluate("document.getAnimations().map(({ animationName }) => animationName)") == []


def test_reduced_motion_is_respected(live: LivePage) -> None:
    live.page.emulate_media(reduced_motion="reduce")
    live.train(5)
    expect(live.pill).to_have_text("Training")
    live.page.evaluate("document.querySelector('.maml-pill').dataset.pulse = '1'")
    assert live.page.evaluate(DOT_OPACITY) == "1"
    live.pause()
    # The curve of the next inner step stands there at once: no frame shows it between theta_0 and theta_1.
    live.page.get_by_label("Inner step k").fill("0")
    live.wait_trace("fit", "at k", lambda curve: (curve == live.trace("fit", "before adapting")).all())
    live.page.evaluate(
        """() => {
          const node = document.querySelector("[data-chart=fit] .maml-plot");
          const index = node.data.findIndex(({ name }) => name.includes("k<"));
          window.heights = new Set([node.data[index].y[0]]);
          node.on("plotly_afterplot", () => heights.add(node.data[index].y[0]));
        }"""
    )
    live.action("inner").click()
    live.wait("() => heights.size > 1")
    live.wait_steady()
    assert live.page.evaluate("heights.size") == 2


def test_presenter_mode_enlarges_the_type_and_is_remembered(live: LivePage) -> None:

    def sizes() -> list[float]:
        return [
            live.page.evaluate("parseFloat(getComputedStyle(document.querySelector('.maml-live')).fontSize)"),
            live.plot("loss").evaluate("node => node.layout.font.size"),
        ]

    before = sizes()
    live.action("presenter").click()
    live.wait("(size) => document.querySelector('[data-chart=loss] .maml-plot').layout.font.size > size", before[1])
    live.until(lambda: all(now > 1.2 * small for now, small in zip(sizes(), before, strict=True)))
    live.page.locator("[data-testid=stExpandSidebarButton]").wait_for()
    live.wait_steady()  # the sidebar folds meanwhile, and the charts take its room
    large = sizes()
    expect(live.action("presenter")).to_have_attribute("aria-pressed", "true")
    assert live.page.evaluate(OVERFLOW)["width"] <= 0
    live.page.reload()
    live.wait_drawn()
    live.becomes(sizes, large)
    live.action("presenter").click()
    live.wait("(size) => document.querySelector('[data-chart=loss] .maml-plot').layout.font.size === size", before[1])
    live.becomes(sizes, before)


def test_one_screen_without_scrolling_at_1440_by_900(live: LivePage) -> None:
    live.shows(OVERFLOW, {"width": 0, "height": 0})
    live.shows(OUTSIDE, [])
    for chart in CHARTS:
        box = live.plot(chart).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900
        assert box["height"] > 120


def test_a_long_sentence_does_not_move_the_charts(live: LivePage) -> None:
    before = [live.plot(chart).bounding_box() for chart in CHARTS]
    live.set(alpha=-300)
    live.wait("() => document.querySelector('.maml-sentence').dataset.kind === 'error'")
    assert [live.plot(chart).bounding_box() for chart in CHARTS] == before


def test_no_sideways_scrolling_at_1024_by_768(live: LivePage) -> None:
    live.page.set_viewport_size({"width": 1024, "height": 768})
    live.wait_steady()
    live.until(lambda: live.page.evaluate(OVERFLOW)["width"] <= 0)
    live.shows(OUTSIDE, [])
    live.train(5)
    live.until(lambda: live.plot("gauge").bounding_box()["height"] > 120)
