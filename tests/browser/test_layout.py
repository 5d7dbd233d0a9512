"""One screen: nothing to scroll, nothing cut, on the windows that people have; phones, where the page scrolls one way only."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from dashboard.setups import address
from maml_core.config import MLPConfig, replace
from maml_core.presets import PRESETS
from tests.browser.conftest import OpenPage
from tests.browser.engines.visit import NAMES_OF_SEVERAL_LINES
from tests.browser.live_page import WAIT_MS, LivePage
from tests.browser.test_access import OUTSIDE, OVERFLOW

SIZES = [(1280, 720), (1280, 800), (1366, 768), (1440, 900), (1920, 1080)]
STATES = {
    "sinusoids": "Fast demo",
    "glyphs": "Glyphs, fast demo",
    "switches": "MAML++",
    "glyph-switches": "Glyphs, MAML++",
    "solver": "iMAML",
}
LOOKS = [("dark", SIZES[0]), *(("light", size) for size in SIZES)]
"""Each size once, and the tightest in the other colours, which leave everything where it is."""

LEAST_PLOT = 100

# What is cut, or stands where it is not seen.
CUT = """() => {
  const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && node.clientWidth > 0;
  const words = ".maml-dial-label, .maml-pill, h3, dt, dd, .maml-k, .maml-formulas p, .maml-sentence, .maml-readout, button";
  const wide = [...document.querySelectorAll(`.maml-live :is(${words})`)]
    .filter((node) => shown(node) && node.scrollWidth > node.clientWidth + 1);
  const outside = [...document.querySelectorAll(".maml-series")].filter(shown).filter((node) => {
    const [box, card] = [node, node.closest(".maml-card").querySelector(".maml-stage")].map((n) => n.getBoundingClientRect());
    return box.bottom > card.top + 1 || box.right > card.right + 1;
  });
  const line = document.querySelector(".maml-readout")?.getBoundingClientRect();
  const under = [...document.querySelectorAll(".maml-switch")].filter(shown)
    .filter((node) => Math.abs(node.getBoundingClientRect().top - line.top) < 9 && node.getBoundingClientRect().right > line.left);
  return [...wide, ...outside, ...under].map(({ textContent }) => textContent);
}"""

# Parts of a dial that reach over its edge, or into one another.
CUT_DIALS = """() => [...document.querySelectorAll(".maml-dial")].flatMap((dial) => {
  const parts = [...dial.querySelectorAll(".maml-dial-label, input")].map((node) => [node, node.getBoundingClientRect()]);
  const edge = dial.getBoundingClientRect();
  const beyond = parts.filter(([, { left, right }]) => left < edge.left || right > edge.right).map(([node]) => node.outerHTML);
  const meet = ([, a], [, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 0.5 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 0.5;
  return [...beyond, ...parts.flatMap((one, at) => parts.slice(at + 1).filter((other) => meet(one, other)).map(([node]) => `${one[0].outerHTML} ${node.outerHTML}`))];
})"""

# Texts of a chart that reach over its edge; a subscript's box ends two pixels below its digit.
CUT_NAMES = """() => [...document.querySelectorAll(".maml-card:not([hidden]) .maml-plot :is(.xtitle, .ytitle)")]
  .filter((node) => {
    const [text, plot] = [node, node.closest(".maml-plot")].map((n) => n.getBoundingClientRect());
    return text.width > 0 && (text.top < plot.top - 1 || text.bottom > plot.bottom + 2 || text.left < plot.left - 1 || text.right > plot.right + 1);
  }).map(({ textContent }) => textContent)"""

RESTS = """() => new Promise((done) => setTimeout(done, 400))"""


def preset_address(name: str) -> str:
    return f"?{address.write(next(preset.config for preset in PRESETS if preset.name == name), ())}"


@pytest.mark.thorough
@pytest.mark.parametrize("state", STATES)
def test_one_screen_with_every_word_on_it(open_page: OpenPage, state: str) -> None:
    live = open_page(preset_address(STATES[state]))
    live.context.set_default_timeout(3 * WAIT_MS)  # three inner steps of image tasks, on a busy machine
    live.run_until(25)
    live.wait_step(25)
    live.wait_steady()
    heights, legends = {}, {}
    for scheme, size in LOOKS:
        live.page.emulate_media(color_scheme=scheme)
        live.page.set_viewport_size({"width": size[0], "height": size[1]})
        live.wait("(scheme) => document.querySelector('.maml-live').dataset.theme === scheme", scheme)
        live.page.evaluate(RESTS)
        assert_one_screen(live, size)
        heights[size] = live.plot("adaptation").bounding_box()["height"]
        legends[size] = live.page.locator("[data-chart=fit] .maml-series").all_inner_texts()
    assert heights[1920, 1080] - heights[1280, 720] > 120  # charts are as tall as the window lets them
    if state == "sinusoids":
        assert legends[1280, 720] == ["test points", "truth", "before", "after 3 steps", "examples"]
        assert legends[1920, 1080] == [
            *["test points (query)", "truth", "before adapting (θ0)", "after 3 steps (θ3)", "examples (support)"]
        ]
        live.set(num_inner_steps=1)
        live.page.locator("[data-chart=fit] .maml-series", has_text="after 1 step (θ1)").wait_for()


def assert_one_screen(live: LivePage, size: tuple[int, int]) -> None:
    live.shows(OVERFLOW, {"width": 0, "height": 0})
    for script in (OUTSIDE, CUT, CUT_NAMES):
        live.shows(script, [])
    for plot in live.page.locator(".maml-card:not([hidden]) .maml-plot").all():
        box = plot.bounding_box()
        assert box is not None
        assert box["height"] >= LEAST_PLOT, size
        assert box["y"] + box["height"] <= size[1], size
    for slider in live.page.locator(".maml-task input[type=range]:visible").all():
        assert slider.bounding_box()["width"] >= 80, size


def test_a_dial_has_its_name_in_one_line(open_page: OpenPage) -> None:
    live = open_page()
    for place in ("live", "presenter", "lesson", "lesson in presenter mode"):
        if place == "presenter":
            live.page.keyboard.press("l")
            live.page.locator(".maml-presenter").wait_for()
        if place == "lesson":
            live.page.keyboard.press("l")
            live.open(f"{live.page.url.partition('?')[0]}lessons?lesson=over-the-edge&step=2")
        if place == "lesson in presenter mode":
            live.page.keyboard.press("l")
            live.page.locator(".maml-presenter").wait_for()
        for scheme, (width, height) in (("light", (1024, 768)), *LOOKS):
            live.page.emulate_media(color_scheme=scheme)
            live.page.set_viewport_size({"width": width, "height": height})
            live.shows(NAMES_OF_SEVERAL_LINES, [])
            live.shows(CUT_DIALS, [])


# Names of fields of the sidebar that have more than one line.
LABELS_OF_SEVERAL_LINES = """() => [...document.querySelectorAll("[data-testid=stSidebar] [data-testid=stWidgetLabel] p")]
  .filter((node) => node.getClientRects().length && node.getBoundingClientRect().height > 1.6 * parseFloat(getComputedStyle(node).lineHeight))
  .map(({ textContent }) => textContent)"""


def test_a_field_of_the_sidebar_has_its_name_in_one_line(open_page: OpenPage) -> None:
    live = open_page(viewport={"width": 1024, "height": 768})
    for preset in ("iMAML", "Glyphs, fast demo"):  # with the longest names
        live.choose("Preset", preset)
        live.page.get_by_label("Solver steps" if preset == "iMAML" else "Query / class").first.wait_for()
        live.shows(LABELS_OF_SEVERAL_LINES, [])


def test_switches_move_no_chart_and_their_words_are_within_reach(open_page: OpenPage) -> None:
    live = open_page(viewport={"width": 1280, "height": 720})
    grid = live.page.locator(".maml-grid")
    before = grid.bounding_box()
    live.choose("Preset", "Glyphs, MAML++")
    live.wait("() => document.querySelectorAll('.maml-switch').length === 5")
    live.wait_drawn()
    live.page.evaluate(RESTS)
    live.becomes(grid.bounding_box, before)
    live.shows(CUT, [])
    name = live.page.get_by_role("button", name="Derivative order")
    words = live.page.get_by_role("tooltip").filter(has_text="first until step 500, then second")
    expect(words).to_be_hidden()
    name.focus()
    words.wait_for()
    live.page.locator(".maml-step").click()
    words.wait_for(state="hidden")
    name.hover()
    words.wait_for()
    live.choose("Preset", "iMAML")  # one switch has room for its words
    live.page.get_by_role("tooltip").filter(has_text="10 steps of conjugate gradients").wait_for()
    assert grid.bounding_box() == before


@pytest.mark.parametrize("size", [(1280, 720), (390, 844), (360, 700)])
def test_no_status_moves_the_charts(open_page: OpenPage, size: tuple[int, int]) -> None:
    live = open_page(viewport={"width": size[0], "height": size[1]})
    before = live.page.locator(".maml-grid").bounding_box()["y"]
    said = """([link, text, step, rate]) => {
      document.querySelector(".maml-live").dataset.link = link;
      const all = [[".maml-pill", text], [".maml-step", step], [".maml-rate", rate]];
      for (const [selector, words] of all) document.querySelector(selector).textContent = words;
      return document.querySelector(".maml-grid").getBoundingClientRect().top;
    }"""
    for text in ("Ready", "Training", "Paused", "Diverged", "Network dead", "Replaying", "Computing", "Waiting"):
        assert live.page.evaluate(said, ["open", text, "123,456", "1000/s"]) == before, text
    for link, text in (("lost", "Reconnecting"), ("gone", "Reopening")):
        assert live.page.evaluate(said, [link, text, "123,456", "1000/s"]) == before, text


# Pairs of names in a chart that touch, and ticks that are turned upright. The letters of a name are lower than its box.
TOUCHING = """() => [...document.querySelectorAll(".maml-card:not([hidden]) .maml-plot")].flatMap((plot) => {
  const names = [...plot.querySelectorAll(".xtick text, .ytick text, .xtitle, .ytitle, .annotation-text")]
    .filter((node) => node.textContent.trim() && node.checkVisibility({ visibilityProperty: true }))
    .map((node) => {
      const box = node.getBoundingClientRect(), upright = node.matches(".ytitle");
      const [x, y] = upright ? [0.19 * box.width, 0] : [0, Math.min(0.19 * box.height, 4)];
      return { node, text: node.textContent, left: box.left + x, right: box.right - x, top: box.top + y, bottom: box.bottom - y };
    });
  const turned = names.filter(({ node }) => node.closest(".xtick") && /rotate\\((?!0)/.test(node.getAttribute("transform") ?? "")).map(({ text }) => `${text} is turned`);
  const touching = names.flatMap((one, at) => names.slice(at + 1).flatMap((other) => {
    const beside = Math.max(one.left, other.left) - Math.min(one.right, other.right);
    const above = Math.max(one.top, other.top) - Math.min(one.bottom, other.bottom);
    return beside < 1 && above < 0 ? [`${one.text} and ${other.text}`] : [];
  }));
  return [...turned, ...touching].map((words) => `${plot.closest(".maml-card").dataset.chart}: ${words}`);
})"""


@pytest.mark.thorough
def test_names_of_ticks_columns_and_axes_do_not_touch_however_small_a_chart_is(open_page: OpenPage) -> None:
    long = replace(PRESETS[0].config, {"evaluation_steps": 20, "model": MLPConfig(hidden_widths=(20,) * 5)})
    live = open_page(f"?{address.write(long, (), look='layers')}")
    live.run_until(5)
    live.wait_step(5)
    live.wait_steady()
    for presents in (False, True):
        if presents:
            live.page.set_viewport_size({"width": 1280, "height": 720})
            live.page.keyboard.press("l")
            live.page.locator(".maml-presenter").wait_for()
        for width, height in ((1024, 768), (1280, 720)) if presents else ((1366, 768), (1024, 768), (390, 844)):
            live.page.set_viewport_size({"width": width, "height": height})
            live.page.evaluate(RESTS)
            live.shows(TOUCHING, [])
            live.shows(CUT_NAMES, [])


TABLETS = [(1024, 768), (768, 1024), (1180, 820), (820, 1180)]


@pytest.mark.thorough
@pytest.mark.parametrize("state", ["Fast demo", "Glyphs, fast demo"])
def test_on_a_tablet_charts_stand_side_by_side(open_page: OpenPage, state: str) -> None:
    live = open_page(preset_address(state), viewport={"width": 1024, "height": 768})
    live.run_until(3)
    live.wait_step(3)
    live.wait_steady()
    charts = ("loss", "adaptation", "path", "gauge")
    for width, height in TABLETS:
        live.page.set_viewport_size({"width": width, "height": height})
        live.page.evaluate(RESTS)
        live.shows(OVERFLOW, {"width": 0, "height": 0})
        live.shows(OUTSIDE, [])
        live.shows(CUT, [])
        live.until(lambda: all(live.plot(chart).bounding_box()["height"] >= LEAST_PLOT for chart in charts))
        tops = {live.page.locator(f"[data-chart={chart}]").bounding_box()["y"] for chart in charts}
        assert len(tops) == 2  # rows of several charts, not a column of single ones


LONGEST = {
    "fit": "10 inner steps on 10 examples bring the start no nearer to it.",
    "loss": "Held-out at outer step 1,280: 22.7% before, 25.7% after.",
    "adaptation": "After N = 3: first-order MAML 3.94.",
    "path": "One line a task; this plane holds 94% of it.",
    "layers": "The head moves 12.3 × as far as the body.",
    "gauge": "6.14 × limit; overshoots on 100%",
}
"""What a chart may answer to its title, at its longest."""

CUT_ANSWERS = """(longest) => Object.entries(longest).flatMap(([chart, text]) => {
  const line = document.querySelector(`.maml-card:not([hidden])[data-chart=${chart}] .maml-subtitle`);
  if (!line?.checkVisibility()) return [];
  line.firstElementChild.textContent = text;
  const [room, said] = [line, line.firstElementChild].map((node) => node.getBoundingClientRect());
  return line.firstElementChild.scrollWidth > line.firstElementChild.clientWidth || said.bottom > room.bottom + 1 ? [chart] : [];
})"""


SQUEEZED = """() => [...document.querySelectorAll(".maml-live *")]
  .filter((node) => node.checkVisibility() && parseFloat(getComputedStyle(node).letterSpacing) < 0).map(({ className }) => className)"""
"""Where letters are set closer than their font does, which takes the point out of a small number."""

TITLES_OF_SEVERAL_LINES = """() => [...document.querySelectorAll(".maml-card:not([hidden]) h3")]
  .filter((node) => node.clientHeight > 20).map(({ textContent }) => textContent)"""


@pytest.mark.parametrize("look", ["path", "layers"])
def test_what_a_chart_answers_to_its_title_is_whole(open_page: OpenPage, look: str) -> None:
    live = open_page(f"?{address.write(PRESETS[0].config, (), look=look)}", viewport={"width": 1024, "height": 768})
    expect(live.page.locator(f"[data-chart={look}]")).to_be_visible()
    for width, height in ((1024, 768), (820, 1180), (1280, 720), (1366, 768)):
        live.page.set_viewport_size({"width": width, "height": height})
        live.page.evaluate(RESTS)
        assert live.page.evaluate(CUT_ANSWERS, LONGEST) == [], (width, height)
        assert live.page.evaluate(SQUEEZED) == [], (width, height)
        if width >= 1024:
            live.shows(TITLES_OF_SEVERAL_LINES, [])
    live.page.keyboard.press("l")
    live.page.locator(".maml-presenter").wait_for()
    for width, height in ((1280, 720), (1280, 800), (1024, 768), (1366, 768), (1920, 1080)):
        live.page.set_viewport_size({"width": width, "height": height})
        live.page.evaluate(RESTS)
        assert live.page.evaluate(CUT_ANSWERS, LONGEST) == [], ("presenter mode", width, height)


LEVELS = """() => {
  const plot = document.querySelector("[data-chart=loss] .maml-plot");
  const edge = plot.getBoundingClientRect();
  const names = [...plot.querySelectorAll(".annotation text")].filter(({ textContent }) => /^(always|best)/.test(textContent));
  const boxes = names.map((node) => node.getBoundingClientRect()).sort((a, b) => a.top - b.top);
  return [names.length, boxes.every(({ top, bottom }) => top >= edge.top - 0.5 && bottom <= edge.bottom), boxes.slice(1).every(({ top }, at) => top >= boxes[at].bottom - 0.5)];
}"""
"""How many reference levels have a name; whether they are in the loss chart, and off each other."""


def test_names_of_levels_near_the_top_of_the_loss_chart_are_whole(open_page: OpenPage) -> None:
    """Losses fall, and the axis with them, until the levels are at its end."""
    live = open_page(preset_address("Fast demo"), viewport={"width": 1024, "height": 768})
    for step in (800, 1600):  # each with a wait of its own
        live.run_until(step)
        live.wait_step(step)
    live.wait_steady()
    for width, height in ((1024, 768), (1280, 720), (1440, 900)):
        live.page.set_viewport_size({"width": width, "height": height})
        live.page.evaluate(RESTS)
        live.shows(LEVELS, [2, True, True])


@pytest.mark.thorough
def test_sensitivity_is_one_screen_empty_and_done(open_page: OpenPage) -> None:
    live = open_page("?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no")
    page = live.page
    page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.drawn > 0")

    def fits() -> None:
        for scheme, (width, height) in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": height})
            live.wait("(scheme) => document.querySelector('.maml-sweeps').dataset.theme === scheme", scheme)
            page.evaluate(RESTS)
            live.shows(OVERFLOW, {"width": 0, "height": 0})
            live.shows(OUTSIDE, [])
            live.shows(CUT, [])

    fits()
    for label, value in (("α values", 3), ("β values", 3), ("Outer steps", 30)):
        page.get_by_label(label, exact=True).fill(str(value))
        page.get_by_label(label, exact=True).press("Enter")
        live.wait_synced()
    page.get_by_role("button", name="Start").click()
    live.wait("() => document.querySelector('.maml-sweeps .maml-pill').textContent === 'Done'")
    page.get_by_text("Optuna's plots, of all finished settings.").wait_for()
    fits()
    shown = [page.locator(f"[data-chart={chart}]").bounding_box() for chart in ("map", "lanes", "settings")]
    assert all(box is not None and box["height"] > 150 for box in shown)


@pytest.mark.thorough
@pytest.mark.parametrize("path", ["", "sensitivity"])
def test_the_folded_sidebar_leaves_its_place_to_the_page(open_page: OpenPage, path: str) -> None:
    live = open_page(path, ready=False)
    live.page.locator(".maml-live").wait_for()
    live.wait_synced()
    back = live.page.get_by_role("button", name="Expand sidebar")
    for width, height in ((1440, 900), (1280, 720), (1024, 768), (820, 1180)):
        live.page.set_viewport_size({"width": width, "height": height})
        live.page.locator("[data-testid=stSidebar]").hover()
        live.page.locator("[data-testid=stSidebarCollapseButton] button").click()
        back.wait_for()
        live.wait("() => Math.abs(document.querySelector('[data-testid=stMain]').getBoundingClientRect().left) < 1")
        live.page.evaluate(RESTS)
        assert_fully_visible(live, "Expand sidebar")
        live.until(lambda: live.page.evaluate(OVERFLOW)["width"] <= 0)
        back.click()
        live.page.locator("[data-testid=stSidebar] [data-testid=stPageLink]").first.wait_for()


def assert_fully_visible(live: LivePage, name: str) -> None:
    """All of a button is on the window, and nothing lies over it."""
    button = live.page.get_by_role("button", name=name, exact=True)
    box = button.bounding_box()
    size = live.page.viewport_size
    assert box is not None
    assert size is not None
    assert box["x"] >= 0
    assert box["y"] >= 0
    assert box["x"] + box["width"] <= size["width"]
    assert box["y"] + box["height"] <= size["height"]
    hit = """(node) => [[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9], [0.5, 0.5]].every(([x, y]) => {
      const box = node.getBoundingClientRect();
      return node.contains(document.elementFromPoint(box.left + x * box.width, box.top + y * box.height));
    })"""
    live.until(lambda: button.evaluate(hit))


# A phone, and windows of 1440 x 900 and 1280 x 720 at 200% zoom.
@pytest.mark.parametrize("size", [(390, 844), (720, 450), (640, 360)])
def test_where_the_sidebar_would_cover_the_page_it_is_folded(open_page: OpenPage, size: tuple[int, int]) -> None:
    live = open_page(viewport={"width": size[0], "height": size[1]})
    assert_fully_visible(live, "Expand sidebar")
    assert_fully_visible(live, "Play")
    live.train(3)


@pytest.mark.thorough
@pytest.mark.parametrize("name", list(STATES.values()))
def test_a_phone_scrolls_one_way_only(open_page: OpenPage, name: str) -> None:
    live = open_page(preset_address(name), viewport={"width": 390, "height": 844})
    live.run_until(3)
    live.wait_step(3)
    live.wait_steady()
    live.until(lambda: live.page.evaluate(OVERFLOW)["width"] <= 0)
    beyond = """() => [...document.querySelectorAll(".maml-card:not([hidden])")].flatMap((card) => {
      const edge = card.getBoundingClientRect().right;
      return [...card.querySelectorAll("*")].filter((node) => node.checkVisibility({ visibilityProperty: true })
        && !node.closest(".maml-plot, .maml-visually-hidden") && node.getBoundingClientRect().right > edge + 1)
        .map(({ className }) => String(className));
    })"""
    live.shows(beyond, [])
    help_ = live.page.get_by_role("button", name="Help: inner steps")
    help_.click()
    tip = live.page.locator(".maml-dial[data-key=num_inner_steps] .maml-tip").bounding_box()
    assert tip is not None
    assert tip["x"] >= 0
    assert tip["x"] + tip["width"] <= 390


def test_the_drawing_panel_fits_a_phone(open_page: OpenPage) -> None:
    live = open_page(preset_address("Glyphs, fast demo"), viewport={"width": 390, "height": 844})
    live.page.get_by_role("button", name="Draw your own").click()
    panel = live.page.get_by_role("dialog")
    panel.wait_for()
    live.until(lambda: live.page.evaluate(OVERFLOW)["width"] <= 0)
    beyond = """(panel) => [...panel.querySelectorAll("button, canvas, .maml-bars")]
      .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > panel.getBoundingClientRect().right)
      .map(({ outerHTML }) => outerHTML.slice(0, 60))"""
    live.becomes(lambda: panel.evaluate(beyond), [])
    overlaps: Callable[[], list[list[str]]] = lambda: panel.evaluate(  # noqa: E731
        """(panel) => {
          const nodes = [...panel.querySelectorAll(".maml-pad, .maml-cell, button")].filter((node) => node.checkVisibility());
          const box = (node) => node.getBoundingClientRect();
          const meet = (a, b) => !a.contains(b) && !b.contains(a)
            && Math.min(box(a).right, box(b).right) - Math.max(box(a).left, box(b).left) > 1
            && Math.min(box(a).bottom, box(b).bottom) - Math.max(box(a).top, box(b).top) > 1;
          const name = (node) => node.dataset.cell ?? node.className + node.textContent;
          return nodes.flatMap((a, i) => nodes.slice(i + 1).filter((b) => meet(a, b)).map((b) => [name(a), name(b)]));
        }"""
    )
    live.becomes(overlaps, [])


COVERED = """() => {
  const said = document.querySelector(".maml-sentence").getBoundingClientRect();
  return [...document.querySelectorAll(".maml-card:not([hidden]), .maml-dial, .maml-formulas p")]
    .filter((node) => node.checkVisibility({ visibilityProperty: true })).map((node) => [node, node.getBoundingClientRect()])
    .filter(([, box]) => Math.min(box.bottom, said.bottom) - Math.max(box.top, said.top) > 1).map(([node]) => node.className + node.textContent.slice(0, 30));
}"""
"""What a sentence lies on."""


def test_a_long_warning_covers_no_card(open_page: OpenPage) -> None:
    live = open_page(viewport={"width": 1280, "height": 720})
    live.set(alpha=5)
    live.play()
    live.wait("() => ['diverged', 'dead'].includes(document.querySelector('.maml-sentence').dataset.kind)")
    live.wait_steady()
    live.shows(CUT, [])
    of_three_lines = """() => {
      const node = document.querySelector(".maml-sentence"), words = "The meta-gradient is not finite, and what to do about it. ";
      node.textContent = "";
      const lines = () => node.clientHeight / parseFloat(getComputedStyle(node).lineHeight);
      while (lines() < 3) node.append(words);
      return node.clientHeight;
    }"""
    grid = live.page.locator(".maml-grid")
    for presents in (False, True):
        if presents:
            live.page.keyboard.press("l")
            live.page.locator(".maml-presenter").wait_for()
        for width, height in ((1280, 720), (1366, 768), (1024, 768), (820, 1180)):
            live.page.set_viewport_size({"width": width, "height": height})
            live.shows(COVERED, [])
            if (
                presents and width > 1100
            ):  # where there is room beside each other, nothing moves for the longest of warnings either
                words = live.words.inner_html()
                live.becomes(lambda: grid.bounding_box()["x"], 16)  # the sidebar has folded
                before = grid.bounding_box()
                live.page.evaluate(of_three_lines)
                live.shows(COVERED, [])
                assert grid.bounding_box() == before
                live.page.evaluate("(words) => { document.querySelector('.maml-sentence').innerHTML = words; }", words)
