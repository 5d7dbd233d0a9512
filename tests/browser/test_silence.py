"""Lines that fall silent without ending: the page notices by itself, comes back, and nothing that was done meanwhile is lost or done twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage, Pages
from tests.browser.live_page import LivePage
from tests.browser.server import Server
from tests.browser.silence import Line, Way, line
from tests.browser.test_class import started
from tests.browser.test_lost import LINK

STREAMLIT_IS_BACK = (
    "() => mamlStream !== window.mamlBefore && document.querySelector('[data-test-connection-state=CONNECTED]')"
)


@pytest.fixture
def passes(server: Server) -> Iterator[Line]:
    with line(to=server.port) as passes:
        yield passes


@pytest.fixture
def live(pages: Pages, passes: Line) -> Iterator[LivePage]:
    """A page whose connections pass through the line."""
    live = pages.take(fresh=True)
    live.open(f"http://{passes.host}/")
    yield live
    errors = list(live.errors)
    pages.give_back(live)
    assert errors == []


def press(live: LivePage) -> None:
    """Three outer steps and a dial, of a run that stands at outer step 30."""
    for _ in range(3):
        live.action("outer").click()
    live.set(alpha=0.03)


def is_done(live: LivePage) -> None:
    """Once each, and the run trains on."""
    live.wait("() => mamlStep() === 33 && mamlLive.config.alpha === 0.03")
    live.wait(LINK, "open")
    assert live.wait_steady() == 33
    live.train(20)


def test_a_connection_that_was_forgotten_on_its_way_is_opened_anew_and_what_was_pressed_is_done_once(
    live: LivePage, passes: Line
) -> None:
    live.run_until(30)
    live.wait_step(30)
    live.page.evaluate("() => { window.mamlBefore = mamlStream; }")
    passes.forget()
    press(live)
    is_done(live)
    live.wait(STREAMLIT_IS_BACK)
    live.wait_synced()
    live.choose("Algorithm", "FOMAML")  # the sidebar is there again too
    live.wait("() => mamlLive.config.order === 'first'")


@pytest.mark.thorough
@pytest.mark.parametrize("ways", [("up", "down"), ("up",), ("down",)], ids=str)
def test_while_nothing_passes_the_page_says_so_and_what_is_pressed_is_done_once_when_it_does(
    live: LivePage, passes: Line, ways: tuple[Way, ...]
) -> None:
    live.run_until(30)
    live.wait_step(30)
    passes.fall_silent(*ways)
    press(live)
    live.wait(LINK, "lost")
    expect(live.pill).to_have_text("Reconnecting")
    live.page.wait_for_timeout(4000)  # connections are tried meanwhile, and given up
    expect(live.pill).to_have_text("Reconnecting")
    passes.speak()
    is_done(live)


@pytest.mark.thorough
def test_a_silence_in_which_the_server_gives_the_page_up_loses_nothing(live: LivePage, passes: Line) -> None:
    live.train(30)
    key = live.run_key
    passes.fall_silent()
    live.set(alpha=0.03)
    live.page.wait_for_timeout(25_000)  # it asks after ten seconds, and waits for as long
    step = live.step
    passes.speak()
    live.wait(LINK, "open")
    live.wait("() => mamlLive.config.alpha === 0.03")
    live.wait_step(step + 30)
    assert live.run_key == key


def test_who_follows_a_class_sees_it_go_on(open_page: OpenPage, live: LivePage, passes: Line) -> None:
    teacher = open_page(fresh=True)
    live.open(f"http://{passes.host}/{started(teacher)}")
    expect(live.page.locator(".maml-class-words")).to_contain_text("You see what the teacher sees")
    passes.forget()
    teacher.run_until(40)
    live.wait_step(40)
    teacher.set(alpha=0.05)
    live.shows("document.querySelector('[data-field=alpha]').value", "0.05")
    expect(teacher.page.locator(".maml-class-words")).to_have_text("1 student")


def test_a_page_that_wakes_asks_at_once_whether_its_line_is_dead(live: LivePage, passes: Line) -> None:
    live.train(20)
    devtools = live.context.new_cdp_session(live.page)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})  # as under a closed lid
    passes.forget()
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    live.wait_step(live.step + 30)
    live.wait(LINK, "open")
    live.set(alpha=0.03)
    live.wait("() => mamlLive.config.alpha === 0.03")
