"""A server whose answers are slow to come: what is pressed meanwhile counts, and nothing comes back that nobody chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.conftest import opened_page
from tests.browser.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, WebSocketRoute


def test_a_press_before_the_answer_to_the_one_before_loses_neither(browser: Browser, server: Server) -> None:
    held: list[bytes | str] = []
    release: list[Callable[[], None]] = []
    holds = False

    def between(socket: WebSocketRoute) -> None:
        beyond = socket.connect_to_server()

        def answer(message: bytes | str) -> None:
            if holds:
                held.append(message)
            else:
                socket.send(message)

        def go_on() -> None:
            for message in held:
                socket.send(message)
            held.clear()

        beyond.on_message(answer)
        release.append(go_on)

    with opened_page(browser) as live:
        page = live.page
        page.route_web_socket(lambda url: "_stcore/stream" in url, between)
        live.open(server.url)
        live.wait_synced()
        holds = True
        shots = page.get_by_label("Shots", exact=True)
        shots.fill("3")
        shots.press("Enter")
        live.wait_address("shots=3")  # the run has it; the sidebar has not heard
        page.locator(".st-key-set-order").get_by_role("radio", name="First").click()
        live.wait_address("(?=.*shots=3)(?=.*order=first)")
        holds = False
        release[-1]()
        live.wait_synced()
        live.wait_address("(?=.*shots=3)(?=.*order=first)")
        expect(shots).to_have_value("3")
        expect(page.get_by_text("No preset has these settings.")).to_be_visible()
