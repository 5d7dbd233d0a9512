"""What people do first, in Chromium, Firefox and WebKit alike. Where a machine lacks one of them its journeys skip, or fail where MAML_REQUIRE_ENGINES is 1."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import hold_none, opened_page
from tests.browser.engines.chromium import Chromium
from tests.browser.engines.driver import Driver, EngineMissing
from tests.browser.engines.firefox import Firefox
from tests.browser.engines.visit import CUT, MARKS, NAMES_OF_SEVERAL_LINES, TRACE, Visit
from tests.browser.engines.webkit import WebKit
from tests.browser.server import Server
from tests.browser.test_class import started
from tests.browser.test_sensitivity import TINY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.thorough

WIDE, PHONE = (1440, 900), (390, 800)

REDRAWS_S = 2.0
"""How long redraws are counted."""

POINTS = """([chart, name]) => document.querySelector(`[data-chart=${chart}] .maml-plot`).data.find((trace) => trace.name === name)?.x.length ?? 0"""


@pytest.fixture(params=["chromium", "firefox", "webkit"])
def visit(request: pytest.FixtureRequest, browser: Browser, server: Server) -> Iterator[Visit]:
    """A visit by one of the engines, which has thrown no error by its end."""
    engines: dict[str, Callable[[], Driver]] = {
        "chromium": lambda: Chromium(browser),
        "firefox": Firefox,
        "webkit": WebKit,
    }
    try:
        driver = engines[request.param]()
    except EngineMissing as missing:
        if os.environ.get("MAML_REQUIRE_ENGINES") == "1":
            pytest.fail(f"{missing}, and MAML_REQUIRE_ENGINES is 1", pytrace=False)
        pytest.skip(str(missing))
    try:
        driver.resize(*WIDE)
        yield Visit(driver, server.url)
        hold_none(driver.errors(), f"errors of the page in {driver.name}")
    finally:
        driver.close()


def test_a_live_run_from_its_opening_to_its_shared_address(
    visit: Visit, record_property: Callable[[str, object], None]
) -> None:
    visit.open()
    visit.wait_drawn()
    assert visit.step == 0
    assert visit.evaluate(CUT) == []
    assert visit.evaluate(NAMES_OF_SEVERAL_LINES) == []
    assert visit.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    start = visit.trace("fit", "before adapting")

    visit.action("play")
    visit.wait_step(40)
    record_property("redraws a second", visit.redraws_a_second(REDRAWS_S))
    visit.wait_text(".maml-pill", "Training")

    visit.drag("[data-dial=alpha]", 0.4)
    visit.wait("() => document.querySelector('[data-field=alpha]').value < 0.006")
    marks = visit.wait(f"() => {{ const marks = ({MARKS})(); return marks.length ? marks : null; }}")
    assert [mark.split()[:2] for mark in marks] == [["α", "0.02"]]

    examples = visit.trace("fit", "examples")
    visit.action("new-task")
    visit.wait(f"([place, before]) => String(({TRACE})(place)) !== before", [["fit", "examples"], _text(examples)])

    visit.type("[data-field=num_inner_steps]", 20)
    visit.type("[data-field=alpha]", 5)
    visit.wait("() => ['diverged', 'dead'].includes(document.querySelector('.maml-pill').dataset.kind)")
    visit.wait_text(".maml-sentence", "α = 5")

    visit.action("reset")
    visit.wait("() => mamlStep() === 0")
    visit.wait(f"([place, before]) => String(({TRACE})(place)) === before", [["fit", "before adapting"], _text(start)])

    visit.type("[data-field=alpha]", 0.07)
    visit.wait("() => location.search.includes('alpha=0.07')")
    visit.action("share")
    visit.wait_text("[data-action=share]", "Copied")

    for width in (1366, 1280):
        visit.driver.resize(width, 768)
        visit.wait(f"() => innerWidth === {width} && ({NAMES_OF_SEVERAL_LINES})().length === 0")
    visit.driver.resize(*PHONE)
    visit.wait("() => innerWidth <= 500 && document.documentElement.scrollWidth <= innerWidth")
    visit.wait(f"() => ({CUT})().length === 0")


def test_a_lesson_with_a_curve_drawn_by_a_finger_and_a_sweep(visit: Visit) -> None:
    visit.open("lessons")
    visit.press("[data-lesson=a-start-not-a-curve]")
    visit.wait_text(".maml-lesson-place", "Step 1 of 4")
    visit.wait_drawn()
    visit.press("[data-action=lesson-act]")
    visit.wait_text(".maml-lesson-verdict", "almost nothing is learned")

    visit.press("[data-action=lesson-next]")
    visit.wait_text(".maml-lesson-place", "Step 2 of 4")
    visit.press(".maml-live input[type=radio][data-option]")
    visit.press("[data-action=lesson-answer]")
    visit.press("[data-action=lesson-act]")
    for step in range(100, 501, 100):  # beside a browser that draws without a graphics card training is slow
        visit.wait_step(step)
    visit.wait_text(".maml-lesson-verdict", "You said")
    visit.press("[data-action=lesson-next]")
    visit.wait_text(".maml-lesson-place", "Step 3 of 4")
    visit.press("[data-action=lesson-act]")
    visit.action("new-task")
    visit.press("[data-action=lesson-next]")
    visit.wait_text(".maml-lesson-place", "Step 4 of 4")
    visit.stroke("touch", ".maml-curve-pad", [(0.125 + 0.85 * part / 12, 0.2 + 0.5 * part / 12) for part in range(13)])
    visit.press("[data-action=lesson-answer]")
    visit.wait_text(".maml-lesson-verdict", "Your curve lies")

    visit.open(TINY)
    visit.wait_drawn()
    visit.press("a[href*=sensitivity]")
    visit.wait("() => window.mamlSweeps?.frames > 0")
    for label, value in (("α values", 3), ("β values", 3), ("Outer steps", 40), ("Name", visit.driver.name)):
        visit.type(f"input[aria-label='{label}']", value)
        visit.wait_answered()
    visit.press("[class*=st-key-sweep-start] button")
    visit.wait_text(".maml-sweep-name", visit.driver.name)
    visit.wait_text(".maml-sweeps .maml-pill", "Done")
    visit.wait(f"(place) => ({POINTS})(place) === 9", ["map", "settings"])


def test_a_student_follows_a_teacher_who_has_another_browser(visit: Visit, browser: Browser, server: Server) -> None:
    with opened_page(browser) as teacher:
        teacher.open(server.url)
        visit.open(started(teacher))
        visit.wait_text(".maml-class-words", "You see what the teacher sees")
        assert visit.evaluate("() => document.querySelector('[data-dial=alpha]').disabled")
        teacher.run_until(40)
        visit.wait_step(40)
        teacher.action("new-task").click()
        teacher.wait_steady()
        shown = teacher.page.evaluate(TRACE, ["fit", "examples"])
        visit.wait(f"([place, shown]) => String(({TRACE})(place)) === shown", [["fit", "examples"], _text(shown)])


def _text(trace: list[list[str]]) -> str:
    """A series as JavaScript writes lists of lists."""
    return ",".join(value for row in trace for value in row)
