"""The first minute, as somebody meets it who has never been here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import opened_page
from tests.browser.live_page import LivePage
from tests.browser.server import Server
from tests.browser.test_axe import assert_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Route

MOVED = "() => document.querySelector('.first-moves [aria-pressed=true]')?.textContent === '3'"

# Where each drawing lies, in whole pixels.
PLACES = (
    "(node) => [...node.querySelectorAll('canvas')].map((drawing) => Math.round(drawing.getBoundingClientRect().y))"
)


@pytest.fixture
def first(browser: Browser) -> Iterator[LivePage]:
    with opened_page(browser, first_time=True, viewport={"width": 1280, "height": 720}) as live:
        yield live


def opening(live: LivePage) -> Locator:
    return live.page.get_by_role("dialog", name=re.compile("Five points|One example"))


def test_it_moves_by_itself_and_leads_to_a_run_that_trains_and_does_not_come_again(
    first: LivePage, server: Server
) -> None:
    from playwright.sync_api import expect

    page = first.page
    page.goto(server.url)
    expect(opening(first)).to_be_visible()
    assert page.evaluate("document.getElementById('root').inert")
    page.wait_for_function(MOVED)  # nobody has touched anything
    words = opening(first).locator("figure p").all_inner_texts()
    ordinary, maml = (float(text.rpartition(" ")[2]) for text in words)
    assert all(text.startswith("after 3 steps: off by") for text in words)
    assert maml < ordinary
    size = page.evaluate(
        "(() => { const { scrollHeight, clientHeight } = document.querySelector('.maml-opening'); return [scrollHeight, clientHeight]; })()"
    )
    assert size[0] <= size[1]
    page.keyboard.press("p")  # a key of the page behind it
    opening(first).get_by_role("button", name="Play: train it yourself").click()
    expect(opening(first)).to_have_count(0)
    first.wait("() => window.mamlLive?.lastStep > 5")
    assert not page.evaluate("document.getElementById('root').inert")

    page.goto(server.url)  # the address without a set-up once more
    first.wait("() => window.mamlLive?.lastFrame")
    expect(opening(first)).to_have_count(0)
    page.keyboard.press("?")
    page.get_by_role("button", name="The first minute again").click()
    expect(opening(first)).to_be_visible()
    page.keyboard.press("Escape")
    expect(opening(first)).to_have_count(0)
    assert first.status == "Training"  # as it was


def test_a_reload_shows_it_again_until_somebody_leaves_it(first: LivePage, server: Server) -> None:
    from playwright.sync_api import expect

    page = first.page
    page.goto(server.url)
    first.wait("() => window.mamlLive?.lastFrame")  # of the page behind it
    page.reload()
    expect(opening(first)).to_be_visible()
    first.wait("() => window.mamlLive?.lastFrame")
    opening(first).get_by_role("button", name="The whole page").click()
    page.wait_for_url("**/?*alpha=*")
    page.reload()
    first.wait("() => window.mamlLive?.lastFrame")
    expect(opening(first)).to_have_count(0)


def test_it_can_be_stopped_and_stepped_by_keyboard_and_characters_can_be_named(first: LivePage, server: Server) -> None:
    from playwright.sync_api import expect

    page = first.page
    page.emulate_media(reduced_motion="reduce")
    page.goto(server.url)
    pause = opening(first).get_by_role("button", name=re.compile("Pause|Go on"))
    expect(pause).to_have_text("Go on")  # nothing moves by itself where motion is not wanted
    steps = opening(first).get_by_role("group", name="Gradient steps").get_by_role("button")
    steps.nth(2).focus()
    page.keyboard.press("Enter")
    expect(opening(first).locator("figure p").last).to_contain_text("after 2 steps")
    page.locator(".maml-live[data-theme]").wait_for(state="attached")  # of the page behind it
    assert_accessible(page)
    page.get_by_role("button", name="Your turn: characters").press("Enter")
    examples = opening(first).get_by_role("group", name="One example of each character").get_by_role("button")
    expect(examples).to_have_count(5)
    before = opening(first).evaluate(PLACES)
    examples.nth(0).press("Enter")
    expect(opening(first).get_by_role("status")).to_contain_text(
        re.compile(r"You said A.*After one step.*which is (right|wrong)\.")
    )
    assert opening(first).evaluate(PLACES) == before  # nothing moves under the pointer
    assert_accessible(page)
    another = opening(first).get_by_role("button", name="Another one")
    expect(another).to_be_focused()
    examples.nth(1).press("Enter")  # an answer is given once
    expect(opening(first).get_by_role("status")).to_contain_text("You said A")
    another.press("Enter")
    expect(opening(first).get_by_role("status")).to_have_text("")
    page.set_viewport_size({"width": 390, "height": 844})
    before = opening(first).evaluate(PLACES)
    examples.nth(2).press("Enter")
    expect(another).to_be_focused()
    assert opening(first).evaluate(PLACES) == before
    opening(first).get_by_role("button", name="The whole page").press("Enter")
    expect(opening(first)).to_have_count(0)
    first.wait("() => window.mamlLive?.lastFrame")
    assert first.status == "Ready"


def test_a_picture_that_arrives_late_is_not_shown_in_the_place_of_another(first: LivePage, server: Server) -> None:
    from playwright.sync_api import expect

    page = first.page
    held: list[Route] = []
    page.route("**/characters.json", lambda route: held.append(route))
    page.goto(server.url)
    expect(opening(first).locator("figure")).to_have_count(2)
    page.get_by_role("button", name="Your turn: characters").click()
    expect(opening(first).locator("figure")).to_have_count(0)
    page.get_by_role("button", name="Curves").click()
    expect(opening(first).locator("figure")).to_have_count(2)
    held[0].continue_()
    page.wait_for_timeout(500)
    expect(opening(first).locator("figure")).to_have_count(2)
    expect(opening(first).get_by_role("group", name="One example of each character")).to_have_count(0)


def test_a_setup_in_the_address_has_the_whole_page_at_once(first: LivePage, server: Server) -> None:
    first.page.goto(f"{server.url}?alpha=0.05")
    first.wait("() => window.mamlLive?.lastFrame")
    assert opening(first).count() == 0
