"""Presenter mode: one screen at every size, large cards and thumbnails, type that is read from the last row."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_access import OUTSIDE, OVERFLOW
from tests.browser.test_axe import SMALL, SMALL_TYPE
from tests.browser.test_layout import CUT, CUT_NAMES, preset_address

SIZES = [(1024, 768), (1280, 720), (1366, 768), (1920, 1080)]
LESSON = "lessons?lesson=over-the-edge&step=3"

SMALL_TARGETS = SMALL.replace("[data-testid=stSlider]", ".maml-choice")
"""But circles of a lesson's answers, whose lines can be pressed."""
SMALL_LETTERS = SMALL_TYPE.replace("document.body", "document.querySelector('.maml-live')")

LARGE = """() => [...document.querySelectorAll(".maml-card:not([hidden], [data-thumbnail])")]
  .sort((one, other) => one.getBoundingClientRect().left - other.getBoundingClientRect().left).map(({ dataset }) => dataset.chart)"""

# Words of large cards that are lower than a 40th of the chart, and charts that are too small to be called large.
TOO_SMALL = """() => [...document.querySelectorAll(".maml-card:not([hidden], [data-thumbnail])")].flatMap((card) => {
  const plot = card.querySelector(".maml-plot");
  const words = [...card.querySelectorAll(".maml-plot text, .maml-series, .maml-subtitle")].filter((node) => node.getBoundingClientRect().width > 0);
  const low = words.filter((node) => parseFloat(getComputedStyle(node).fontSize) < Math.max(11, plot.clientHeight / 40));
  return [...low.map(({ textContent }) => textContent), ...(plot.clientHeight < 160 ? [`${card.dataset.chart} ${plot.clientHeight}`] : [])];
})"""

# What stands in a card, or a chart, and reaches over its edge.
OVER = """() => [...document.querySelectorAll(".maml-card:not([hidden])")].flatMap((card) => {
  const edge = card.getBoundingClientRect();
  return [...card.querySelectorAll("button, input, h3, .maml-k, .maml-losses, .maml-task-shape span, .maml-plot, .xtick text, .ytick text")]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }))
    .map((node) => [node, node.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0 && (box.right > edge.right + 1 || box.left < edge.left - 1 || box.bottom > edge.bottom + 1))
    .map(([node]) => `${card.dataset.chart}: ${node.outerHTML.slice(0, 60)}`);
})"""

# Names of pages in the sidebar that are cut off.
CUT_PAGES = """() => [...document.querySelectorAll("[data-testid=stPageLink] p")]
  .filter((node) => node.scrollWidth > node.clientWidth).map(({ textContent }) => textContent)"""


def fits(live: LivePage) -> None:
    """Nothing scrolls, is cut off, or is too small to be read, at every size, light and dark."""
    for scheme in ("dark", "light"):
        live.page.emulate_media(color_scheme=scheme)
        for width, height in SIZES:
            live.page.set_viewport_size({"width": width, "height": height})
            live.shows(OVERFLOW, {"width": 0, "height": 0})
            for script in (TOO_SMALL, OVER, OUTSIDE, CUT, CUT_NAMES, SMALL_TARGETS, SMALL_LETTERS):
                live.shows(script, [])


@pytest.mark.thorough
def test_it_fits_every_window_and_the_number_keys_choose_what_is_large(open_page: OpenPage) -> None:
    live = open_page(viewport={"width": 1280, "height": 720})
    expanded = live.page.locator("[data-testid=stSidebarCollapseButton]")
    expanded.wait_for(state="attached")
    live.action("presenter").click()
    live.page.locator("[data-testid=stExpandSidebarButton]").wait_for()
    live.train(5)
    fits(live)
    live.shows(LARGE, ["loss", "fit"])
    live.page.keyboard.press("3")  # in the place of the older one
    live.shows(LARGE, ["adaptation", "fit"])
    live.page.get_by_role("button", name="Enlarge: Steps too large? (5)").click()
    live.shows(LARGE, ["adaptation", "gauge"])
    live.page.evaluate(
        "dispatchEvent(new KeyboardEvent('keydown', { key: '&', code: 'Digit1' }))"
    )  # where digits need Shift
    live.shows(LARGE, ["loss", "gauge"])
    button = live.page.get_by_role("button", name="Enlarge: Adapting to held-out tasks (3)")
    button.focus()
    live.page.keyboard.press("Enter")
    live.shows(LARGE, ["loss", "adaptation"])
    live.shows("() => document.activeElement.dataset.chart", "adaptation")
    live.page.keyboard.press("Escape")
    live.shows(LARGE, ["loss", "gauge"])
    live.page.keyboard.press("5")  # alone
    live.shows(LARGE, ["gauge"])
    live.page.reload()
    live.wait_drawn()
    live.shows(LARGE, ["gauge"])
    live.page.locator("[data-testid=stExpandSidebarButton]").wait_for()
    live.shows(OVERFLOW, {"width": 0, "height": 0})
    live.page.keyboard.press("1")
    live.shows(LARGE, ["gauge", "loss"])
    live.page.keyboard.press("9")  # there is none
    live.page.keyboard.press("Escape")
    live.shows(LARGE, ["gauge"])
    # The sidebar is there for whoever wants it: there is room for one.
    live.page.set_viewport_size({"width": 1024, "height": 768})
    live.page.keyboard.press("1")
    live.shows(LARGE, ["gauge", "loss"])
    live.page.locator("[data-testid=stExpandSidebarButton]").click()
    live.shows(LARGE, ["loss"])
    live.shows(OVERFLOW, {"width": 0, "height": 0})
    # The type is as high as the window lets it be, and the cards are narrower beside the sidebar.
    live.shows(CUT_PAGES, [])
    live.page.set_viewport_size({"width": 1280, "height": 800})
    live.page.keyboard.press("2")
    for width, height in [(1280, 800), (1440, 900), (1440, 1080)]:
        live.page.set_viewport_size({"width": width, "height": height})
        live.shows(LARGE, ["fit", "loss"])
        for script in (OVER, OUTSIDE, CUT_PAGES):
            live.shows(script, [])
    live.action("presenter").click()
    expect(live.page.locator("[data-thumbnail]")).to_have_count(0)
    live.shows(OVERFLOW, {"width": 0, "height": 0})


@pytest.mark.thorough
@pytest.mark.parametrize("by_hand", [False, True])
def test_the_sidebar_that_it_folded_comes_back_after_a_reload_too(open_page: OpenPage, by_hand: bool) -> None:
    live = open_page(fresh=True, viewport={"width": 1280, "height": 720})
    folded = live.page.locator("[data-testid=stExpandSidebarButton]")
    collapse = live.page.locator("[data-testid=stSidebarCollapseButton] button")
    collapse.wait_for(state="attached")
    if by_hand:  # before presenter mode: it stays so
        live.page.locator("[data-testid=stSidebarHeader]").hover()
        collapse.click()
        folded.wait_for()
    live.page.keyboard.press("l")
    folded.wait_for()
    live.page.reload()
    live.wait_drawn()
    folded.wait_for()
    live.page.keyboard.press("l")
    expect(live.page.locator(".maml-presenter")).to_have_count(0)
    live.page.wait_for_timeout(500 if by_hand else 0)
    expect(folded).to_have_count(1 if by_hand else 0)


@pytest.mark.thorough
def test_thumbnails_are_drawn_slowly_and_lessons_and_images_fit_too(open_page: OpenPage) -> None:
    live = open_page(viewport={"width": 1280, "height": 720})
    live.action("presenter").click()
    live.train(5)
    before = live.page.evaluate("({ ...mamlLive.drawn })")
    live.page.wait_for_timeout(4000)
    drawn = {name: count - before[name] for name, count in live.page.evaluate("mamlLive.drawn").items()}
    assert drawn["adaptation"] in range(1, 6)
    assert drawn["path"] in range(1, 6)
    assert min(drawn["loss"], drawn["fit"]) > 1.4 * drawn["path"]
    live.pause()
    server = live.page.url.split("?")[0]
    live.open(server + preset_address("Glyphs, fast demo"))
    live.train(1)
    fits(live)
    live.pause()
    live.open(server + LESSON)
    expect(live.page.locator(".maml-lesson")).to_be_visible()
    fits(live)
    live.shows(LARGE, ["loss", "fit"])


# The theme that the page stands in, that of Streamlit's own parts, and the charts'.
THEMES = """() => {
  const luminance = (color) => color.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) > 380 ? "light" : "dark";
  return [
    document.querySelector(".maml-live").dataset.theme,
    luminance(getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor),
    luminance(getComputedStyle(document.querySelector("[data-testid=stSidebar]")).color) === "dark" ? "light" : "dark",
    luminance(document.querySelector("[data-chart=loss] .maml-plot .xtick text").style.fill) === "dark" ? "light" : "dark",
  ];
}"""

DIMMED = """() => [...document.querySelectorAll(".maml-card:not([hidden])")]
  .filter((node) => getComputedStyle(node).opacity < 0.5).map(({ dataset }) => dataset.chart)"""


def test_the_screen_itself_light_or_dark_whole_and_with_a_spotlight(open_page: OpenPage) -> None:
    live = open_page(viewport={"width": 1280, "height": 720})
    keys = live.page.keyboard
    live.shows(THEMES, ["light"] * 4)
    live.page.get_by_label("Keyboard help").click()
    live.action("scheme").click()
    keys.press("Escape")
    live.shows(THEMES, ["dark"] * 4)
    live.page.reload()
    live.wait_drawn()
    live.shows(THEMES, ["dark"] * 4)
    live.page.emulate_media(color_scheme="dark")  # what was chosen holds, whatever the system has
    live.action("presenter").click()
    keys.press("d")
    live.shows(THEMES, ["light"] * 4)
    expect(live.action("scheme")).to_have_attribute("aria-pressed", "false")
    live.page.goto(live.page.url.split("?")[0] + "sensitivity")
    live.page.locator(".maml-sweeps[data-theme=light]").wait_for()
    live.page.go_back()
    live.wait_drawn()
    live.shows(THEMES, ["light"] * 4)
    live.plot("fit").hover()
    keys.press("h")
    live.shows(DIMMED, ["loss", "adaptation", "path", "gauge"])
    live.plot("loss").hover()
    live.shows(DIMMED, ["fit", "adaptation", "path", "gauge"])
    keys.press("2")
    live.shows(LARGE, ["fit"])
    keys.press("Escape")  # the spotlight first, then the layout
    live.shows(DIMMED, [])
    live.shows(LARGE, ["fit"])
    keys.press("Escape")
    live.shows(LARGE, ["loss", "fit"])
    for _ in range(2):  # a second time, too
        keys.press("f")
        live.shows("() => document.fullscreenElement !== null", True)
        expect(live.action("full")).to_have_attribute("aria-pressed", "true")
        keys.press("f")
        live.shows("() => document.fullscreenElement !== null", False)
    live.page.get_by_label("Keyboard help").click()
    for width, height in SIZES:
        live.page.set_viewport_size({"width": width, "height": height})
        live.shows(OVERFLOW, {"width": 0, "height": 0})


def test_the_sidebar_stands_beside_another_screen_and_as_it_was_left_on_the_way_back(open_page: OpenPage) -> None:
    live = open_page(fresh=True, viewport={"width": 1280, "height": 720})
    folded = live.page.locator("[data-testid=stExpandSidebarButton]")
    live.page.locator("[data-testid=stSidebarCollapseButton] button").wait_for(state="attached")
    live.page.get_by_role("link", name="Lessons").click()
    live.page.locator("[data-lesson]").first.wait_for()
    live.page.get_by_role("link", name="Live").click()
    live.page.locator(".maml-transport").wait_for()  # the key is the live page's; what it drew before is known still
    live.wait_drawn()
    live.page.keyboard.press("l")
    folded.wait_for()
    live.page.go_back()  # without a link of the sidebar, which is folded
    live.page.locator("[data-lesson]").first.wait_for()
    expect(folded).to_have_count(0)
    live.page.go_forward()
    live.wait_drawn()
    folded.wait_for()
    # Opened by hand, it is open on the way back, too, and after a reload.
    folded.click()
    expect(folded).to_have_count(0)
    live.page.get_by_role("link", name="Lessons").click()
    live.page.locator("[data-lesson]").first.wait_for()
    live.page.get_by_role("link", name="Live").click()
    live.wait_drawn()
    expect(live.page.locator(".maml-presenter")).to_have_count(1)
    for again in (False, True):
        if again:
            live.page.reload()
            live.wait_drawn()
        live.page.wait_for_timeout(1000)  # which a fold would need
        expect(folded).to_have_count(0)
    live.page.keyboard.press("l")
    expect(live.page.locator(".maml-presenter")).to_have_count(0)
    expect(folded).to_have_count(0)
