"""One screen: nothing to scroll, nothing cut, on the windows that people have; phones, where the page scrolls one way only."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from dashboard import address
from maml_core.presets import PRESETS
from tests.browser.conftest import OpenPage, new_page
from tests.browser.live_page import LivePage
from tests.browser.server import Server
from tests.browser.test_access import OUTSIDE, OVERFLOW

SIZES = [(1280, 720), (1280, 800), (1366, 768), (1440, 900), (1920, 1080)]
STATES = {"sinusoids": "Fast demo", "glyphs": "Glyphs, fast demo", "switches": "MAML++"}
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
  return [...wide, ...outside].map(({ textContent }) => textContent);
}"""

# Texts of a chart that reach over its edge.
CUT_NAMES = """() => [...document.querySelectorAll(".maml-card:not([hidden]) .maml-plot :is(.xtitle, .ytitle)")]
  .filter((node) => {
    const [text, plot] = [node, node.closest(".maml-plot")].map((n) => n.getBoundingClientRect());
    return text.width > 0 && (text.top < plot.top - 1 || text.bottom > plot.bottom + 1 || text.left < plot.left - 1 || text.right > plot.right + 1);
  }).map(({ textContent }) => textContent)"""

RESTS = """() => new Promise((done) => setTimeout(done, 400))"""


def preset_address(name: str) -> str:
    return f"?{address.write(next(preset.config for preset in PRESETS if preset.name == name), ())}"


@pytest.fixture(
    scope="module", params=[(state, scheme) for state in STATES for scheme in ("light", "dark")], ids="-".join
)
def trained(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[LivePage]:
    state, scheme = request.param
    live = new_page(browser, color_scheme=scheme)
    live.open(server.url + preset_address(STATES[state]))
    live.run_until(25)
    live.wait_step(25)
    live.wait_steady()
    yield live
    live.context.close()
    assert live.errors == []


@pytest.mark.parametrize("size", SIZES, ids="x".join(["{0[0]}", "{0[1]}"]).format)
def test_one_screen_with_every_word_on_it(trained: LivePage, size: tuple[int, int]) -> None:
    trained.page.set_viewport_size({"width": size[0], "height": size[1]})
    trained.page.evaluate(RESTS)
    assert trained.page.evaluate(OVERFLOW) == {"width": 0, "height": 0}
    assert trained.page.evaluate(OUTSIDE) == []
    assert trained.page.evaluate(CUT) == []
    assert trained.page.evaluate(CUT_NAMES) == []
    for plot in trained.page.locator(".maml-card:not([hidden]) .maml-plot").all():
        box = plot.bounding_box()
        assert box is not None
        assert box["height"] >= LEAST_PLOT
        assert box["y"] + box["height"] <= size[1]
    for slider in trained.page.locator(".maml-task input[type=range]:visible").all():
        assert slider.bounding_box()["width"] >= 80


def test_charts_are_as_tall_as_the_window_lets_them(trained: LivePage) -> None:
    heights = []
    for height in (720, 1080):
        trained.page.set_viewport_size({"width": 1440, "height": height})
        trained.page.evaluate(RESTS)
        heights.append(trained.plot("adaptation").bounding_box()["height"])
    assert heights[1] - heights[0] > 120


@pytest.fixture(scope="module", params=["light", "dark"])
def sensitivity(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[LivePage]:
    live = new_page(browser, color_scheme=request.param)
    live.open(f"{server.url}?v=1&model.hidden_widths=8&evaluation_tasks=10&meta_batch_size=3&joint_baseline=no")
    live.page.get_by_role("link", name="Sensitivity").click()
    live.wait("() => window.mamlSweeps?.drawn > 0")
    yield live
    live.context.close()
    assert live.errors == []


def test_sensitivity_is_one_screen_empty_and_done(sensitivity: LivePage) -> None:
    page = sensitivity.page

    def fits() -> None:
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate(RESTS)
            assert page.evaluate(OVERFLOW) == {"width": 0, "height": 0}, (width, height)
            assert page.evaluate(OUTSIDE) == []
            assert page.evaluate(CUT) == []

    fits()
    for label, value in (("α values", 3), ("β values", 3), ("Outer steps", 30)):
        page.get_by_label(label, exact=True).fill(str(value))
        page.get_by_label(label, exact=True).press("Enter")
        sensitivity.wait_synced()
    page.get_by_role("button", name="Start").click()
    sensitivity.wait("() => document.querySelector('.maml-sweeps .maml-pill').textContent === 'Done'")
    page.get_by_text("Optuna's plots, of all finished settings.").wait_for()
    fits()
    shown = [page.locator(f"[data-chart={chart}]").bounding_box() for chart in ("map", "lanes", "settings")]
    assert all(box is not None and box["height"] > 150 for box in shown)


@pytest.mark.parametrize("path", ["", "sensitivity"])
@pytest.mark.parametrize("size", [(1440, 900), (1280, 720), (1024, 768), (820, 1180)])
def test_the_folded_sidebar_leaves_its_place_to_the_page(open_page: OpenPage, path: str, size: tuple[int, int]) -> None:
    live = open_page(path, ready=False, viewport={"width": size[0], "height": size[1]})
    live.page.locator(".maml-live").wait_for()
    live.wait_synced()
    live.page.locator("[data-testid=stSidebar]").hover()
    live.page.locator("[data-testid=stSidebarCollapseButton] button").click()
    back = live.page.get_by_role("button", name="Expand sidebar")
    back.wait_for()
    live.wait("() => Math.abs(document.querySelector('[data-testid=stMain]').getBoundingClientRect().left) < 1")
    live.page.evaluate(RESTS)
    assert_fully_visible(live, "Expand sidebar")
    assert live.page.evaluate(OVERFLOW)["width"] <= 0
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
    assert button.evaluate(hit)


# A phone, and windows of 1440 x 900 and 1280 x 720 at 200% zoom.
@pytest.mark.parametrize("size", [(390, 844), (720, 450), (640, 360)])
def test_where_the_sidebar_would_cover_the_page_it_is_folded(open_page: OpenPage, size: tuple[int, int]) -> None:
    live = open_page(viewport={"width": size[0], "height": size[1]})
    assert_fully_visible(live, "Expand sidebar")
    assert_fully_visible(live, "Play")
    live.train(3)


@pytest.mark.parametrize("name", list(STATES.values()))
def test_a_phone_scrolls_one_way_only(open_page: OpenPage, name: str) -> None:
    live = open_page(preset_address(name), viewport={"width": 390, "height": 844})
    live.run_until(3)
    live.wait_step(3)
    live.wait_steady()
    assert live.page.evaluate(OVERFLOW)["width"] <= 0
    beyond = """() => [...document.querySelectorAll(".maml-card:not([hidden])")].flatMap((card) => {
      const edge = card.getBoundingClientRect().right;
      return [...card.querySelectorAll("*")].filter((node) => node.checkVisibility({ visibilityProperty: true })
        && !node.closest(".maml-plot, .maml-visually-hidden") && node.getBoundingClientRect().right > edge + 1)
        .map(({ className }) => String(className));
    })"""
    assert live.page.evaluate(beyond) == []
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
    assert live.page.evaluate(OVERFLOW)["width"] <= 0
    beyond = """(panel) => [...panel.querySelectorAll("button, canvas, .maml-bars")]
      .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > panel.getBoundingClientRect().right)
      .map(({ outerHTML }) => outerHTML.slice(0, 60))"""
    assert panel.evaluate(beyond) == []
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
    assert overlaps() == []


def test_a_long_warning_covers_no_card(open_page: OpenPage) -> None:
    live = open_page(viewport={"width": 1280, "height": 720})
    live.set(alpha=5)
    live.play()
    live.wait("() => ['diverged', 'dead'].includes(document.querySelector('.maml-sentence').dataset.kind)")
    sentence = live.page.locator(".maml-sentence").bounding_box()
    assert sentence is not None
    assert sentence["y"] + sentence["height"] <= live.page.locator(".maml-card").first.bounding_box()["y"]
    assert (
        sentence["y"]
        >= live.page.locator(".maml-dials").bounding_box()["y"]
        + live.page.locator(".maml-dials").bounding_box()["height"]
    )
    assert live.page.evaluate(CUT) == []
