"""What must survive: zoom and chart nodes under many redraws, runs under reloads and lost workers, others under one's changes."""

from __future__ import annotations

import os
import signal
import time
from typing import NamedTuple

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from dashboard.charts.all import CHARTS as ALL
from tests.browser.conftest import OpenPage, hold_none, opened_page
from tests.browser.live_page import CHARTS, LivePage
from tests.browser.protocol import protocol_client
from tests.browser.server import Server

NUM_UPDATES, NUM_MOVES = 40, 20

X_RANGE = "node => node.layout.xaxis.range.map(Number)"


class Watched(NamedTuple):
    """A page after many redraws and slider moves."""

    live: LivePage
    drawn: dict[str, int]
    same_nodes: list[str]
    zoomed: list[float]
    zoomed_after: list[float]


@pytest.fixture(scope="module")
def watched(browser: Browser, server: Server) -> object:
    """Zoom into the loss chart, then train through `NUM_UPDATES` of its redraws (of all charts, many more) and 20 moves of alpha."""
    with opened_page(browser) as live:
        yield _watched(live, server)


def _watched(live: LivePage, server: Server) -> Watched:
    live.open(server.url)
    live.page.evaluate("document.querySelectorAll('.maml-plot').forEach((node) => (node.seenBefore = true))")
    live.train(100)
    box = live.plot("loss").locator(".nsewdrag").bounding_box()
    assert box is not None
    live.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.3 * box["height"])
    live.page.mouse.down()
    live.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.6 * box["height"], steps=5)
    live.page.mouse.up()
    live.page.get_by_role("button", name="Reset zoom").wait_for()
    zoomed = live.plot("loss").evaluate(X_RANGE)
    start = live.page.evaluate("({ ...mamlLive.drawn })")
    live.dial("alpha").focus()
    for move in range(1, NUM_MOVES + 1):
        live.page.keyboard.press("ArrowRight" if move % 2 else "ArrowLeft")
        live.wait("(least) => mamlLive.drawn.loss >= least", start["loss"] + move * NUM_UPDATES // NUM_MOVES)
    drawn = {chart: live.page.evaluate("(id) => mamlLive.drawn[id]", chart) - start[chart] for chart in CHARTS}
    same_nodes = live.page.evaluate(
        "[...document.querySelectorAll('.maml-plot')].filter((node) => node.seenBefore)"
        ".map((node) => node.closest('[data-chart]').dataset.chart)"
    )
    return Watched(live, drawn, same_nodes, zoomed, live.plot("loss").evaluate(X_RANGE))


def test_no_chart_is_ever_replaced(watched: Watched) -> None:
    assert sum(watched.drawn.values()) >= 2 * NUM_UPDATES
    assert set(watched.same_nodes) == {chart.id for chart in ALL}


def test_zoom_survives_many_updates(watched: Watched) -> None:
    assert watched.drawn["loss"] >= NUM_UPDATES
    assert watched.zoomed_after == watched.zoomed


def test_a_double_click_gives_the_range_back(watched: Watched) -> None:
    live = watched.live
    if live.action("play").inner_text() == "Pause":
        live.pause()
    live.plot("loss").locator(".nsewdrag").dblclick()
    live.page.get_by_role("button", name="Reset zoom").wait_for(state="hidden")
    live.wait("() => document.querySelector('[data-chart=loss] .maml-plot').layout.xaxis.range[0] === 0")
    live.until(lambda: live.plot("loss").evaluate(X_RANGE)[1] >= live.step)


def test_a_reload_finds_the_paused_run_again(live: LivePage) -> None:
    live.run_until(40)
    live.wait_step(40)
    assert live.wait_steady() == 40
    key, curve = live.run_key, live.trace("loss", "training, smoothed")
    live.page.reload()
    live.wait_drawn()
    live.wait_step(40)
    assert live.wait_steady() == 40
    assert live.run_key == key
    expect(live.pill).to_have_text("Paused")
    live.wait_trace("loss", "training, smoothed", lambda found: np.array_equal(found, curve))


def test_a_reload_finds_the_playing_run_again(live: LivePage) -> None:
    live.train(30)
    key, step = live.run_key, live.step
    live.page.reload()
    live.wait_drawn()
    live.wait_step(step + 20)
    assert live.run_key == key
    expect(live.action("play")).to_have_text("Pause")


def test_a_reload_shows_the_runs_settings_in_the_sidebar(open_page: OpenPage) -> None:
    live = open_page()
    shots = live.page.get_by_role("spinbutton", name="Shots")
    shots.fill("7")
    shots.press("Enter")
    live.wait_trace("fit", "examples", lambda points: points.shape == (2, 7))
    live.train(5)
    live.pause()
    live.page.reload()
    live.wait_drawn()
    live.wait("() => document.querySelector('input[aria-label=Shots]').value === '7'")


def test_a_duplicated_tab_gets_a_run_of_its_own(live: LivePage) -> None:
    live.train(10)
    # As a browser duplicates a tab, sessionStorage goes with it.
    with live.context.expect_page() as opening:
        live.page.evaluate("void window.open(location.href)")
    twin = LivePage(opening.value)
    twin.wait_drawn()
    assert twin.step == 0
    assert twin.run_key != live.run_key
    twin.page.close()
    live.wait_step(live.step + 10)
    hold_none(twin.errors, "errors of the second tab")


def test_a_closed_tab_stops_its_work(open_page: OpenPage, server: Server) -> None:
    live = open_page()
    # At ten steps a second two seconds of work would be twenty steps, and the moments in which we look are one or two.
    live.page.get_by_label("Speed").select_option("10")
    live.train(3)
    token = live.token
    live.page.close()

    def step() -> int:
        with protocol_client(server.host, token) as client:
            return client.receive_until("state")["step"]

    time.sleep(1.0)
    first = step()
    time.sleep(2.0)
    assert step() - first <= 4


def test_a_killed_worker_is_named_and_the_run_goes_on(live: LivePage, server: Server) -> None:
    live.train(20)
    before = server.workers()
    assert before
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    live.wait("() => document.querySelector('.maml-sentence').textContent.includes('worker process ended')")
    live.wait_step(live.step + 50)
    expect(live.pill).to_have_text("Training")
    assert not set(before) & set(server.workers())


@pytest.mark.thorough
def test_a_lost_worker_leaves_no_trace_in_the_curves(live: LivePage, server: Server) -> None:
    def curve(*, disturbed: bool) -> np.ndarray:
        live.page.get_by_label("Speed").select_option("30")
        live.run_until(40)
        if disturbed:
            live.wait_step(10)
            for worker in server.workers():
                os.kill(worker, signal.SIGKILL)
        live.wait_step(40)
        assert live.wait_steady() == 40
        return live.trace("loss", "training, raw")

    with_a_loss = curve(disturbed=True)
    live.action("reset").click()
    live.wait("() => mamlStep() === 0")
    assert with_a_loss.shape == (2, 40)
    assert np.array_equal(with_a_loss, curve(disturbed=False))


def test_a_diverging_run_says_why_and_trains_again_with_a_sane_alpha(live: LivePage) -> None:
    live.train(10)
    live.set(num_inner_steps=20, alpha=1)
    live.wait("() => ['diverged', 'dead'].includes(document.querySelector('.maml-pill').dataset.kind)")
    live.wait("() => document.querySelector('.maml-sentence').textContent.includes('λmax')")
    expect(live.words).to_contain_text("α = 1")
    step = live.wait_steady()
    live.set(alpha=0.01)
    live.wait_step(step + 20)
    expect(live.pill).to_have_text("Training")
    live.wait_trace("loss", "training, raw", lambda curve: np.isfinite(curve[1, -1]))


def test_two_tabs_are_independent(live: LivePage, open_page: OpenPage) -> None:
    one, other = live, open_page()
    one.set(alpha=0.05)
    one.train(20)
    assert other.step == 0
    expect(other.field("alpha")).to_have_value("0.02")
    other.run_until(5)
    other.wait_step(5)
    assert other.wait_steady() == 5
    one.wait_step(one.step + 20)
    expect(one.field("alpha")).to_have_value("0.05")


def test_a_wrong_token_is_refused(server: Server) -> None:
    from websockets.exceptions import ConnectionClosed

    with protocol_client(server.host, "not-a-token", hello=False) as socket:
        assert "gone" in socket.recv(10)
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
        assert socket.close_code == 4404


def test_a_foreign_origin_is_refused(live: LivePage, server: Server) -> None:
    from websockets.exceptions import ConnectionClosed

    step = live.step
    with protocol_client(server.host, live.token, hello=False, headers={"Origin": "http://attacker.example"}) as socket:
        with pytest.raises(ConnectionClosed):
            socket.recv(10)
        assert socket.close_code == 4403
    live.train(1)
    assert live.step > step
