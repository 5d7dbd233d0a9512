"""What only a browser shows of pages after the first one, and of a run that takes another's place."""

from __future__ import annotations

from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage

LEVELS = """() => (document.querySelector("[data-chart=loss] .maml-plot").layout?.shapes ?? []).filter(({ name }) => name === "level").length"""


def test_every_page_draws_the_reference_levels(open_page: OpenPage) -> None:
    first, second = open_page(), open_page()
    for live in (first, second):
        live.wait(f"() => ({LEVELS})() === 2")
    second.page.reload()
    second.wait_drawn()
    second.wait(f"() => ({LEVELS})() === 2")
    second.train(5)
    second.pause()
    second.shows(LEVELS, 2)


def test_a_long_first_look_is_said_and_nothing_of_the_old_run_is_left_meanwhile(open_page: OpenPage) -> None:
    live = open_page()
    live.train(30)
    live.pause()
    # The page's word on the run that comes, while no frame of it has come: as a slow machine has it.
    live.page.evaluate(
        """() => {
          window.emptied = [];
          new MutationObserver(() => emptied.push(document.querySelector(".maml-readout").textContent))
            .observe(document.querySelector(".maml-readout"), { childList: true, characterData: true, subtree: true });
        }"""
    )
    live.action("reset").click()
    live.wait("() => mamlStep() === 0 && document.querySelector('.maml-pill').textContent === 'Ready'")
    live.wait("() => emptied.some((text) => text.includes('Computing'))")
    assert "held-out" not in live.page.evaluate("emptied")[0]
    live.wait_steady()
    live.wait_trace("loss", "training, raw", lambda curve: curve.shape == (2, 0))


def test_the_inner_steps_of_a_task_that_is_not_here_yet_do_nothing(live: LivePage) -> None:
    """Whoever has the slider in hand while another run begins made the page throw."""
    live.page.evaluate(
        """() => {
          const [slider, label] = ["input", ".maml-k"].map((part) => document.querySelector(`.maml-task-steps ${part}`));
          window.moved = 0;
          new MutationObserver(() => {
            if (label.textContent) return;
            const later = window.requestAnimationFrame;
            // The next picture comes before the task does, as on a slow machine.
            window.requestAnimationFrame = (draw) => ((window.requestAnimationFrame = later), draw(performance.now()), 0);
            slider.dispatchEvent(new Event("input"));
            window.requestAnimationFrame = later;
            window.moved++;
          }).observe(label, { childList: true, characterData: true, subtree: true });
        }"""
    )
    live.action("reset").click()
    live.wait("() => window.moved > 0")
    live.wait_steady()
    live.wait("() => document.querySelector('.maml-task-steps').textContent.includes('k\u00a0=')")


def test_room_that_is_lost_before_the_browser_looks_for_the_first_time_is_noticed(live: LivePage) -> None:
    """Half of the lessons' charts had lost their axis below the card: a legend had taken a second line right after the chart was made."""
    calls = live.page.evaluate(
        """async () => {
          const dom = performance.getEntriesByType("resource").map(({ name }) => name).find((name) => name.endsWith("/common/dom.js"));
          const { onSize } = await import(dom);
          const [stays, shrinks] = [0, 0].map(() => document.body.appendChild(Object.assign(document.createElement("div"), { style: "height: 100px" })));
          const calls = [];
          onSize(stays, () => calls.push("stays"));
          onSize(shrinks, () => calls.push("shrinks"));
          shrinks.style.height = "80px";
          for (let frames = 0; frames < 4; frames++) await new Promise(requestAnimationFrame);
          for (const each of [stays, shrinks]) each.remove();
          return calls;
        }"""
    )
    assert calls == ["shrinks"]
