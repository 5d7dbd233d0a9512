"""axe-core finds nothing: WCAG 2.0 to 2.2, A and AA, and its best practices, in every state that a page is taught with."""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
ALL = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
"""What another colour scheme may break."""

RUN = """async (runOnly) => {
  // Of what passes a node a rule is described, not all three thousand; no rule of these reads style sheets, which axe would load otherwise.
  const options = { runOnly, resultTypes: ["violations"], preload: { assets: ["media"] } };
  const { passes, violations } = await axe.run(document, options);
  if (passes.length < (runOnly.type === "tag" ? 20 : 1)) throw new Error("axe has hardly looked at the page");
  return violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, any }) => `${html.slice(0, 100)} ${any[0]?.message ?? ""}`)]);
}"""
TINY = "?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no"

SMALL = """() => [...document.querySelectorAll("button, a[href], input, select")]
  .filter((node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[data-testid=stSkipToContent], [data-collapsed=true]"))
  .filter((node) => !node.closest("[data-testid=stSlider]"))
  .map((node) => [node, node.getBoundingClientRect()])
  .filter(([, { width, height }]) => width > 1 && height > 1 && (width < 23.9 || height < 23.9))
  .map(([node, { width, height }]) => `${node.ariaLabel ?? node.textContent} ${width} x ${height}`)"""

SMALL_TYPE = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const size = parseFloat(getComputedStyle(text.parentElement).fontSize);
    if (text.data.trim() && text.parentElement.checkVisibility({ visibilityProperty: true }) && size < 10.99) found.push([text.data, size]);
  }
  return found;
}"""


RESTS_MS = 300
"""Until colours that fade have begun to."""

STILL = """() => document.getAnimations().every(({ playState, effect }) =>
  playState !== "running" || effect.getComputedTiming().endTime === Infinity)"""


def assert_accessible(page: Page) -> None:
    """All rules in the one colour scheme, those of colours in the other."""
    page.mouse.move(720, 5)  # a tooltip or a hovered button is a state of its own
    page.evaluate(AXE)
    for scheme, rules in (("dark", OF_COLOURS), ("light", ALL)):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(
            "(scheme) => document.querySelector('.maml-live, .maml-sweeps').dataset.theme === scheme", arg=scheme
        )
        page.wait_for_timeout(RESTS_MS)
        page.wait_for_function(STILL)  # on a busy machine a colour is on its way for longer
        assert page.evaluate(RUN, rules) == [], scheme


def test_axe_finds_nothing_on_the_live_page(open_page: OpenPage) -> None:
    live = open_page()
    assert_accessible(live.page)
    for panel in ("More settings", "MAML++ switches", "Runs"):
        live.page.get_by_role("button", name=panel).click()
        live.page.locator("[data-testid=stPopoverBody]").wait_for()
        live.wait_synced()
        assert_accessible(live.page)
        live.page.keyboard.press("Escape")
        live.page.locator("[data-testid=stPopoverBody]").wait_for(state="detached")
    live.train(5)
    assert_accessible(live.page)


@pytest.mark.thorough
def test_axe_finds_nothing_beside_a_ghost_a_closer_look_and_in_presenter_mode(open_page: OpenPage) -> None:
    live = open_page()
    live.train(5)
    live.pause()
    live.action("reset").click()
    live.page.locator("[data-ghost]").wait_for()
    live.wait_steady()
    assert_accessible(live.page)
    live.tabs.select_option("landscape")
    live.page.locator("[data-chart=landscape] .maml-subtitle", has_text="of the path").wait_for()
    live.wait_steady()
    assert_accessible(live.page)
    live.action("presenter").click()
    live.page.locator("[data-testid=stExpandSidebarButton]").wait_for()
    live.wait_steady()
    assert_accessible(live.page)


@pytest.mark.thorough
def test_axe_finds_nothing_on_image_tasks_and_their_drawing_panel(open_page: OpenPage) -> None:
    live = open_page()
    live.choose("Preset", "Glyphs, fast demo")
    live.page.locator("[data-chart=images]").wait_for()
    live.wait_synced()
    live.train(3)
    assert_accessible(live.page)
    live.page.get_by_role("button", name="Draw your own").click()
    live.page.get_by_role("dialog").wait_for()
    assert_accessible(live.page)


def test_axe_finds_nothing_on_the_sensitivity_screen(open_page: OpenPage) -> None:
    live = open_page(TINY)
    page = live.page
    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.drawn > 0")
    live.wait_synced()
    assert_accessible(page)
    sweep(live)
    assert_accessible(page)
    live.shows(SMALL, [])
    page.get_by_role("button", name="Earlier sweeps").click()
    page.get_by_role("button", name="Import", exact=True).wait_for()
    live.wait_synced()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_test_id("stPopoverBody").wait_for(state="detached")
    page.get_by_role("radio", name="Contour").or_(page.get_by_role("button", name="Contour")).first.click()
    page.locator(".st-key-optuna-chart .js-plotly-plot").wait_for()
    assert_accessible(page)


def sweep(live: LivePage) -> None:
    """Train nine small settings."""
    for label, value in (("α values", 3), ("β values", 3), ("Outer steps", 30)):
        live.page.get_by_label(label, exact=True).fill(str(value))
        live.page.get_by_label(label, exact=True).press("Enter")
        live.wait_synced()
    live.page.get_by_role("button", name="Start").click()
    live.wait("() => document.querySelector('.maml-sweeps .maml-pill').textContent === 'Done'")
    live.page.get_by_text("Optuna's plots, of all finished settings.").wait_for()


@pytest.mark.thorough
@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (390, 844)])
def test_targets_are_24_pixels_and_letters_11(open_page: OpenPage, size: tuple[int, int]) -> None:
    live = open_page(viewport={"width": size[0], "height": size[1]})
    live.train(3)
    live.pause()
    live.shows(SMALL, [])
    live.shows(SMALL_TYPE, [])
    live.action("play").focus()


def test_sliders_say_rounded_values(live: LivePage) -> None:
    live.wait("() => document.querySelector('[data-dial=amplitude]').offsetParent !== null")
    for name in ("amplitude", "phase_rad"):
        dial = live.dial(name)
        live.until(lambda dial=dial: dial.get_attribute("aria-valuetext") == f"{float(dial.input_value()):.2f}")
    live.dial("phase_rad").press("ArrowRight")
    live.wait("() => document.querySelector('[data-dial=phase_rad]').getAttribute('aria-valuetext').length <= 4")


SHIFTS = """
  window.shift = 0;
  new PerformanceObserver((list) => {
    for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) shift += value;
  }).observe({ type: "layout-shift", buffered: true });
"""


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["", "sensitivity"])
@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (390, 844)])
def test_little_moves_while_the_page_loads(open_page: OpenPage, path: str, size: tuple[int, int]) -> None:
    live = open_page("", ready=False, fresh=True, viewport={"width": size[0], "height": size[1]})
    live.context.add_init_script(SHIFTS)
    live.page.goto(live.page.url.split("?")[0] + path)
    live.wait("() => window.mamlLive?.lastFrame || window.mamlSweeps?.drawn > 0")
    live.wait_synced()
    live.page.wait_for_timeout(1000)
    assert live.page.evaluate("shift") <= 0.1


FORCED = """() => {
  const style = (node, pseudo) => getComputedStyle(node, pseudo);
  const one = (selector) => document.querySelector(selector);
  const paints = (canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const levels = new Set();
    for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) levels.add((data[i] + data[i + 1] + data[i + 2]) >> 6);
    return levels.size;
  };
  const pressed = one("[data-chart=loss] .maml-views [aria-pressed=true]");
  const other = one("[data-chart=loss] .maml-views [aria-pressed=false]");
  const segment = (chosen) => style(one(`[data-variant=segmented_control]${chosen ? "[data-selected]" : ":not([data-selected])"}`)).backgroundColor;
  return {
    theme: one(".maml-live").dataset.theme,
    pressed: style(pressed).backgroundColor !== style(other).backgroundColor,
    segments: segment(true) !== segment(false),
    track: style(one("[data-dial=alpha]")).forcedColorAdjust,
    dot: style(one(".maml-dot-query")).backgroundColor !== style(one(".maml-card")).backgroundColor,
    status: style(one(".maml-pill"), "::before").backgroundColor !== style(one(".maml-pill")).backgroundColor,
    images: paints(one("[data-chart=images] canvas")),
  };
}"""


@pytest.mark.thorough
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_forced_colours_keep_what_is_told_by_colour(open_page: OpenPage, scheme: str) -> None:
    live = open_page(color_scheme=scheme, forced_colors="active")
    live.choose("Preset", "Glyphs, fast demo")
    live.page.locator("[data-chart=images]").wait_for()
    live.wait_synced()
    live.wait_drawn()
    live.page.mouse.move(720, 5)
    live.wait_steady()
    live.until(lambda: live.page.evaluate(FORCED)["images"] >= 3)
    told = {"theme": scheme, "pressed": True, "segments": True, "track": "none", "dot": True, "status": True}
    live.becomes(lambda: {name: found for name, found in live.page.evaluate(FORCED).items() if name in told}, told)


def test_colours_forced_later_change_the_palette(open_page: OpenPage) -> None:
    live = open_page(color_scheme="light")
    # A dark system palette behind a light page, as Windows offers it.
    live.page.emulate_media(forced_colors="active", color_scheme="dark")
    live.wait("() => document.querySelector('.maml-live').dataset.theme === 'dark'")
