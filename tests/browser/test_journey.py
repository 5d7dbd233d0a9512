"""What a newcomer does on the page: open, play, change alpha, pause, step, reset."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from maml_core.presets import PRESETS
from tests.browser.conftest import OpenPage
from tests.browser.live_page import CHARTS, LivePage

STEPS_SEEN = """() => {
  window.stepsSeen = [mamlStep()];
  new MutationObserver(() => {
    const step = mamlStep();
    if (step !== stepsSeen.at(-1)) stepsSeen.push(step);
  }).observe(document.querySelector(".maml-step"), { childList: true, characterData: true, subtree: true });
}"""


def test_it_opens_at_outer_step_0_with_every_chart_drawn(open_page: OpenPage) -> None:
    live = open_page()
    assert live.step == 0
    expect(live.pill).to_have_text("Ready")
    for chart in CHARTS:
        live.plot(chart).locator(".scatterlayer path, .shapelayer path").first.wait_for(state="attached")
    assert live.marks == []
    for name in ("before adapting", "after N steps", "truth"):
        live.wait_trace("fit", name, lambda curve: curve.size > 0 and np.isfinite(curve).all())


def test_play_trains_and_the_loss_falls(live: LivePage) -> None:
    live.train(150)
    expect(live.pill).to_have_text("Training")
    live.pause()  # what is read one after the other is of one moment
    before, after = (live.trace("loss", f"held-out {name}")[1] for name in ("before", "after"))
    assert after[-1] < after[0]
    assert after[-1] < before[-1]


def test_pause_freezes_the_step(live: LivePage) -> None:
    live.train(5)
    live.pause()
    expect(live.pill).to_have_text("Paused")
    expect(live.action("play")).to_have_text("Play")
    step = live.wait_steady()  # the chunk in flight may come late on a busy machine
    live.page.wait_for_timeout(500)
    assert live.step == step


def test_a_drag_of_alpha_changes_the_run_and_leaves_one_mark(live: LivePage) -> None:
    live.train(5)
    live.drag(live.dial("alpha"), 0.4, moves=30)  # downwards, where no step can diverge: that would be a second mark
    live.wait_marks(1)
    alpha = float(live.field("alpha").input_value())
    assert alpha < 0.006
    live.wait_address(f"a:{alpha:g}(,|~|$)")
    live.wait_step(live.step + 20)
    live.becomes(lambda: live.marks, [f"α 0.02 → {alpha:g}"])
    live.until(lambda: f"{alpha:g}" in live.formula)


def test_a_drag_that_rests_in_the_middle_leaves_one_mark(live: LivePage) -> None:
    live.train(5)
    box = live.dial("alpha").bounding_box()
    assert box is not None
    x, y = box["x"], box["y"] + box["height"] / 2
    now = float(live.dial("alpha").evaluate("node => (node.value - node.min) / (node.max - node.min)"))
    live.page.mouse.move(x + 9 + now * (box["width"] - 18), y)
    live.page.mouse.down()
    for share in (0.5, 0.45, 0.4):  # downwards, where no step can diverge
        live.page.mouse.move(x + share * box["width"], y)
        live.wait_step(live.step + 5)
        live.page.wait_for_timeout(1500)
    live.page.mouse.up()
    live.becomes(lambda: live.marks, [f"α 0.02 → {float(live.field('alpha').input_value()):g}"])


def test_two_drags_leave_two_marks(live: LivePage) -> None:
    live.train(5)
    live.drag(live.dial("alpha"), 0.3)
    live.wait_marks(1)
    step = live.step
    live.wait_step(step + 1)
    live.drag(live.dial("num_inner_steps"), 0.25)
    marks = live.wait_marks(2)
    assert [mark.split()[0] for mark in marks] == ["α", "N"]


def test_a_field_takes_an_exact_value(live: LivePage) -> None:
    live.set(alpha=0.0123, beta=0.00045)
    live.wait_address(r"(?=.*alpha=0\.0123)(?=.*beta=0\.00045)")
    expect(live.field("alpha")).to_have_value("0.0123")
    live.until(lambda: "0.0123" in live.formula)
    limit = live.wait_trace("gauge", "α", lambda values: abs(values[1, 0] - 0.0123) < 1e-6)
    assert limit[1, 0] == pytest.approx(0.0123)


def test_a_refused_value_is_named_and_the_old_one_comes_back(live: LivePage) -> None:
    live.set(alpha=-300)
    expect(live.words).to_contain_text("α")
    expect(live.words).to_contain_text("−3")
    live.wait("() => document.querySelector('[data-field=alpha]').value === '0.02'")


def test_one_outer_step_is_one_step(live: LivePage) -> None:
    for step in (1, 2):
        live.action("outer").click()
        live.wait_step(step)
        assert live.wait_steady() == step
    expect(live.pill).to_have_text("Paused")


def test_inner_steps_show_theta_0_to_theta_n_one_after_the_other(live: LivePage) -> None:
    live.train(20)
    slider = live.page.get_by_label("Inner step k")
    expect(slider).to_have_value("3")
    live.page.evaluate("""() => {
      const label = document.querySelector(".maml-k");
      window.seenSteps = [];
      new MutationObserver(() => seenSteps.push(label.textContent)).observe(label, { childList: true, characterData: true, subtree: true });
    }""")
    for k in ("1", "2", "3", "1"):
        live.action("inner").click()
        live.wait("(k) => document.querySelector('[data-dial=k]').value === k", k)
    live.shows(
        "seenSteps.map((text) => text.replaceAll('\u00a0', ' '))", [f"k = {k} of N = 3" for k in (0, 1, 2, 3, 0, 1)]
    )
    live.wait_steady()
    expect(live.pill).to_have_text("Paused")
    live.page.get_by_label("Inner step k").fill("0")
    start = live.trace("fit", "before adapting")
    live.wait_trace("fit", "at k", lambda curve: np.array_equal(curve, start))


def test_the_slider_over_inner_steps_ends_at_theta_n(live: LivePage) -> None:
    slider = live.page.get_by_label("Inner step k")
    slider.fill("0")
    live.wait_trace("fit", "at k", lambda curve: np.array_equal(curve, live.trace("fit", "before adapting")))
    slider.fill("3")
    live.wait_trace("fit", "at k", lambda curve: np.array_equal(curve, live.trace("fit", "after N steps")))
    losses = live.page.get_by_role("table", name="Loss on this task")
    expect(losses).to_contain_text("examples (support)")
    expect(losses).to_contain_text("query")


def test_a_new_task_has_other_points(live: LivePage) -> None:
    before = live.trace("fit", "examples")
    live.action("new-task").click()
    after = live.wait_trace("fit", "examples", lambda points: not np.array_equal(points, before))
    assert after.shape == before.shape


def test_the_amplitude_slider_stretches_the_truth(live: LivePage) -> None:
    live.page.get_by_label("amplitude").fill("4")
    wide = live.wait_trace("fit", "truth", lambda curve: abs(np.abs(curve[1]).max() - 4.0) < 0.02)
    live.page.get_by_label("amplitude").fill("2")
    narrow = live.wait_trace("fit", "truth", lambda curve: abs(np.abs(curve[1]).max() - 2.0) < 0.02)
    assert wide[1] == pytest.approx(2.0 * narrow[1], abs=1e-5)


def test_reset_returns_to_the_same_weights_and_leaves_a_ghost(live: LivePage) -> None:
    start = live.trace("fit", "before adapting")
    live.train(60)
    live.pause()
    trained = live.trace("loss", "training, smoothed")
    assert not np.array_equal(live.trace("fit", "before adapting"), start)
    live.action("reset").click()
    live.wait("() => mamlStep() === 0")
    live.wait_trace("fit", "before adapting", lambda curve: np.array_equal(curve, start))
    ghost = live.wait_trace("loss", "newest ghost, training", lambda values: values.shape[1] > 0)
    assert np.array_equal(ghost, trained)
    live.wait_trace("loss", "training, smoothed", lambda curve: curve.shape[1] == 0)


def test_run_until_stops_exactly_there(live: LivePage) -> None:
    live.run_until(30)
    live.wait_step(30)
    assert live.wait_steady() == 30
    expect(live.pill).to_have_text("Paused")


def test_the_charts_show_the_last_step_of_run_until(live: LivePage) -> None:
    live.run_until(30)
    live.wait_step(30)
    live.wait_steady()
    live.wait_trace("loss", "training, raw", lambda curve: curve[0].tolist() == list(range(30)))


def test_at_a_slow_speed_every_single_step_is_shown(live: LivePage) -> None:
    live.page.get_by_label("Speed").select_option("10")
    live.page.evaluate(STEPS_SEEN)
    live.play()
    live.wait("() => stepsSeen.length >= 6")
    seen = live.page.evaluate("stepsSeen")
    assert seen == list(range(len(seen)))


def test_a_preset_restarts_with_its_settings(open_page: OpenPage) -> None:
    live = open_page()
    live.train(5)
    live.page.get_by_role("combobox", name="Preset").click()
    preset = next(preset for preset in PRESETS if preset.name == "Alpha too large")
    live.page.get_by_role("option", name=preset.name).click()
    live.wait("(alpha) => Number(document.querySelector('[data-field=alpha]').value) === alpha", preset.config.alpha)
    expect(live.field("num_inner_steps")).to_have_value(str(preset.config.num_inner_steps))
    assert live.wait_steady() == 0
    live.wait_trace("loss", "newest ghost, training", lambda values: values.shape[1] > 0)


def test_shots_change_while_it_trains_and_widths_restart_it(open_page: OpenPage) -> None:
    live = open_page()
    live.train(5)
    shots = live.page.get_by_role("spinbutton", name="Shots")
    shots.fill("5")
    shots.press("Enter")
    assert live.wait_marks(1) == ["shots 10 → 5"]
    live.wait_trace("fit", "examples", lambda points: points.shape == (2, 5))
    expect(live.pill).to_have_text("Training")
    widths = live.page.get_by_role("textbox", name="Hidden widths")
    widths.fill("20, 20")
    widths.press("Enter")
    live.wait_address(r"model\.hidden_widths=20_20")
    assert live.wait_steady() == 0
    live.becomes(lambda: live.marks, [])
    live.wait_address("shots=5")
