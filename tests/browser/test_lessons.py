"""Lessons: one from the list to its end by mouse, one by keyboard with a reload in the middle; the run on Live is as it was all the while."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from maml_core.lessons.exporting import lesson_script
from maml_core.lessons.reading import shipped
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_axe import SMALL, SMALL_TYPE, assert_accessible

FIRST, EDGE = shipped()["a-start-not-a-curve"], shipped()["over-the-edge"]

INNER_HEIGHT = "node => node._fullLayout._size.h"
"""The height of a chart's plot, in pixels."""

FITS = """() => {
  const main = document.querySelector("[data-testid=stMain]");
  return main.scrollHeight <= main.clientHeight && document.documentElement.scrollWidth <= innerWidth;
}"""
ROOM = """() => {
  const box = (of) => document.querySelector(of).getBoundingClientRect();
  return [box(".maml-lesson").height, box(".maml-grid").top, box(".maml-grid").height];
}"""
"""Height of the strip; where the charts begin, and how high they are together, in pixels."""

COVERED = "() => getComputedStyle(document.querySelector('[data-chart=adaptation] .maml-stage')).visibility"


def place(page: Page):
    return page.locator(".maml-lesson-place")


def act(page: Page) -> None:
    """Press the step's button once it can be pressed."""
    button = page.locator("[data-action=lesson-act]")
    expect(button).to_have_attribute("aria-disabled", "false")
    button.click()


def next_step(page: Page, number: int) -> None:
    button = page.locator("[data-action=lesson-next]")
    expect(button).to_have_attribute("aria-disabled", "false")
    button.click()
    expect(place(page)).to_contain_text(f"Step {number} of")


def trained_on_live(open_page: OpenPage, **options: object) -> LivePage:
    """A page at outer step 20."""
    live = open_page("?v=1&model.hidden_widths=8&joint_baseline=no", **options)
    live.run_until(20)
    live.wait_step(20)
    live.wait_steady()
    return live


def is_one_line(live: LivePage) -> None:
    """The strip at the sizes of a projector, where all of the page is in the window."""
    for width, height in ((1024, 768), (1366, 768), (1280, 720)):
        live.page.set_viewport_size({"width": width, "height": height})
        live.until(lambda: live.page.evaluate(FITS))
        live.until(lambda: live.page.evaluate(ROOM)[0] <= 48)


def is_as_it_was(live: LivePage, key: str) -> None:
    expect(live.page.locator(".maml-live[data-lesson]")).to_have_count(0)
    live.page.locator(".maml-step").wait_for()
    live.wait_drawn()
    live.wait_step(20)
    assert (live.wait_steady(), live.run_key) == (20, key)
    expect(live.page.locator(".maml-lesson")).to_be_hidden()
    expect(live.page.locator(".maml-ghost")).to_have_count(0)
    assert live.field("alpha").is_enabled()


SAYS_MUCH = """() => {
  const said = document.querySelector(".maml-sentence");
  said.dataset.kind = "diverged";
  said.textContent = "The training loss at outer step 300 is not finite, and what to do about it. ".repeat(5);
  const { left, right } = said.getBoundingClientRect(), guide = document.querySelector(".maml-guide").getBoundingClientRect();
  return left >= guide.left && right <= guide.right;
}"""
"""Whether a warning, as long as they are, stands in the column beside the charts."""


def test_what_is_said_in_a_lesson_moves_no_chart(open_page: OpenPage) -> None:
    live = open_page("lessons?lesson=over-the-edge&step=1", viewport={"width": 1280, "height": 720})
    page = live.page
    before = page.evaluate(ROOM)
    page.evaluate("document.activeElement.blur()")
    page.locator("[data-action=lesson-next]").dispatch_event("click")  # too soon
    expect(live.words).to_contain_text("First what this step asks for")
    assert page.evaluate(ROOM) == before
    for width, height, presents in ((1280, 720, False), (1024, 768, False), (1440, 900, False), (1280, 720, True)):
        page.set_viewport_size({"width": width, "height": height})
        page.evaluate("document.querySelector('.maml-sentence').dataset.kind = ''")
        if presents:
            page.keyboard.press("l")
            page.locator(".maml-presenter").wait_for()
        if height <= 800:
            live.until(lambda: page.evaluate(FITS))
        before = page.evaluate(ROOM)
        assert page.evaluate(SAYS_MUCH), (width, height)
        assert page.evaluate(ROOM) == before, (width, height)
    page.keyboard.press("l")
    page.set_viewport_size(
        {"width": 820, "height": 1180}
    )  # the guide stands above the charts, and the line is as elsewhere
    expect(page.locator(".maml-line > .maml-sentence")).to_have_count(1)
    page.set_viewport_size({"width": 1280, "height": 720})
    expect(page.locator(".maml-guide > .maml-sentence")).to_have_count(1)


def test_the_focus_goes_on_to_what_a_press_has_made_possible(open_page: OpenPage) -> None:
    page = open_page("lessons?lesson=a-start-not-a-curve&step=1").page
    act_button, next_button = page.locator("[data-action=lesson-act]"), page.locator("[data-action=lesson-next]")
    act_button.focus()
    page.keyboard.press("Enter")  # walks through the inner steps
    expect(page.locator(".maml-lesson-verdict")).to_be_visible()
    expect(next_button).to_be_focused()
    page.keyboard.press("Enter")
    expect(place(page)).to_contain_text("Step 2")
    expect(next_button).to_be_focused()
    page.get_by_label("Neither").focus()
    page.keyboard.press("Space")
    page.locator("[data-action=lesson-answer]").focus()
    page.keyboard.press("Enter")
    expect(act_button).to_be_focused()  # a step with something to do
    page.goto(page.url.replace("step=2", "step=4&seed=1"))
    expect(place(page)).to_contain_text("Step 4")
    page.locator("[data-dial=lesson]").focus()
    for key in (*["ArrowRight"] * 10, "ArrowUp"):
        page.keyboard.press(key)
    page.locator("[data-action=lesson-answer]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".maml-lesson-verdict")).to_be_visible()
    expect(next_button).to_be_focused()  # nothing to do but to read


FORMULAS = """() => {
  const [inner, outer, last] = [...document.querySelectorAll(".maml-formulas p")];
  const math = outer.querySelector(".maml-math").getBoundingClientRect(), button = last.querySelector("button").getBoundingClientRect();
  return { cut: [inner, outer, last].map((line) => line.scrollWidth - line.clientWidth), over: Math.max(0, math.bottom - button.top) };
}"""
"""How much of each line is cut off, and how far the button lies over the formula, in pixels."""


@pytest.mark.parametrize("step", ["what-first-order-leaves-out&step=1", "the-dial-shapes-the-valley&step=4"])
def test_formulas_that_a_step_points_at_are_whole(open_page: OpenPage, step: str) -> None:
    live = open_page(f"lessons?lesson={step}", viewport={"width": 1280, "height": 720})
    expect(live.page.locator(".maml-formulas")).to_have_class(re.compile("maml-lit"))
    live.until(lambda: live.page.evaluate(FORMULAS)["cut"] == [0, 0, 0])
    assert live.page.evaluate(FORMULAS)["over"] <= 0.5


MARKS = """() => {
  const mark = document.querySelector(".maml-prediction-mark[data-kind=true]"), { left, right, top, bottom } = mark.getBoundingClientRect();
  const given = document.querySelector(".maml-prediction-mark[data-kind=given]"), at = Number(given.style.getPropertyValue("--at"));
  const box = given.getBoundingClientRect(), stick = box.left + at * box.width;
  return { crosses: stick > left && stick < right, onTop: document.elementFromPoint(stick, (top + bottom) / 2) === mark, color: getComputedStyle(mark).backgroundColor };
}"""
"""Whether the stick of the guess crosses the words of the result, whether these lie over it, and what is behind them."""


def test_a_number_has_a_scale_in_a_low_window_and_a_close_guess_crosses_no_words(open_page: OpenPage) -> None:
    page = open_page("lessons?lesson=outside-the-range&step=2", viewport={"width": 1280, "height": 720}).page
    expect(page.locator(".maml-guide .maml-ticks")).to_be_visible()
    slider = page.locator("[data-dial=lesson]")
    slider.evaluate("(node) => { node.value = 34; node.dispatchEvent(new Event('input', { bubbles: true })); }")
    page.locator("[data-action=lesson-answer]").click()
    expect(page.locator(".maml-prediction-mark[data-kind=true]")).to_be_visible()
    found = page.evaluate(MARKS)
    assert (found["crosses"], found["onTop"]) == (True, True)
    assert "rgba(0, 0, 0, 0)" not in found["color"], "the stick shines through"
    expect(page.locator(".maml-guide .maml-ticks")).to_be_visible()


@pytest.mark.thorough
def test_a_lesson_from_the_list_to_its_end_by_mouse_and_the_next_one(open_page: OpenPage) -> None:
    live = trained_on_live(open_page)
    page, key = live.page, live.run_key
    page.set_viewport_size({"width": 1280, "height": 720})
    page.get_by_role("link", name="Lessons").click()
    expect(page.get_by_role("link", name=FIRST.title)).to_be_visible()
    assert page.locator(".maml-lessons-list li").count() == len(shipped())
    live.wait_synced()
    assert_accessible(page)
    page.get_by_role("link", name=FIRST.title).click()
    page.wait_for_url(re.compile(r"lessons\?lesson=a-start-not-a-curve&step=1"))
    live.wait_drawn()
    expect(place(page)).to_have_text("Step 1 of 4")
    expect(page.locator("[data-chart=fit]")).to_have_class(re.compile("maml-lit"))
    expect(live.action("reset")).to_be_hidden()
    live.until(lambda: page.evaluate(FITS))
    room = page.evaluate(ROOM)
    act(page)  # walks through the inner steps
    expect(page.locator(".maml-lesson-verdict")).to_contain_text("almost nothing is learned")

    next_step(page, 2)  # a choice, before which nothing may be pressed
    page.wait_for_url(re.compile("step=2"))
    page.keyboard.press("p")
    expect(live.words).to_contain_text(re.compile(r"First your guess, then the result\.(?!\.)"))
    live.becomes(live.action("play").inner_text, "Play")
    expect(page.locator("[data-action=lesson-act]")).to_have_attribute("aria-disabled", "true")
    live.until(lambda: page.evaluate(FITS))
    live.until(lambda: live.plot("fit").evaluate(INNER_HEIGHT) >= 200)  # beside the chart that is pointed at
    live.until(lambda: live.plot("loss").evaluate(INNER_HEIGHT) >= 200)
    assert live.plot("adaptation").bounding_box()["height"] < 100
    page.mouse.move(720, 700)
    assert_accessible(page)
    page.get_by_label("Only after 3 steps").check()
    page.locator("[data-action=lesson-answer]").click()
    expect(page.get_by_role("radio").first).to_be_disabled()
    live.action("play").click()  # as good as the step's own button
    live.wait_step(250)
    expect(page.locator(".maml-lesson-verdict")).to_contain_text("right.")
    assert live.wait_steady() == 500

    next_step(page, 3)
    act(page)
    live.action("new-task").click()

    next_step(page, 4)  # a curve, of which nothing is seen
    live.shows(COVERED, "hidden")
    pad = page.locator(".maml-curve-pad")
    box = pad.bounding_box()
    assert box is not None
    pad.press("ArrowRight")  # by keys none is left out either
    expect(page.locator(".maml-curve").get_by_text("9 points to go")).to_be_visible()
    page.mouse.move(box["x"] + box["width"] * 0.125, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.97, box["y"] + 90, steps=8)
    page.mouse.up()
    page.locator("[data-action=lesson-answer]").click()
    expect(page.locator(".maml-lesson-verdict")).to_contain_text("Your curve lies")
    expect(page.locator(".maml-curve-true")).to_have_count(1)
    live.shows(COVERED, "visible")
    assert page.evaluate(ROOM) == room  # whatever a step asks and finds, the charts keep their place
    is_one_line(live)
    live.shows(SMALL, [])
    live.shows(SMALL_TYPE, [])
    expect(live.action("compare")).to_be_hidden()
    page.locator("[data-action=lesson-free]").click()  # and the run is one's own
    expect(live.action("compare")).to_be_visible()
    live.set(num_inner_steps=2)
    live.action("play").click()
    live.wait_step(510)
    live.action("play").click()
    expect(page.locator(".maml-lesson-verdict")).to_contain_text("Your curve lies")
    expect(page.locator("[data-action=lesson-free]")).to_be_hidden()
    page.locator("[data-action=lesson-more]").click()
    page.get_by_text("The answer", exact=True).click()
    expect(page.get_by_text("Like that sinusoid.")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("[data-action=lesson-take]").click()
    with page.expect_download() as download:
        page.locator("[data-action=lesson-script]").click()
    assert download.value.path().read_text(encoding="utf-8") == lesson_script(FIRST)
    page.keyboard.press("Escape")

    page.locator("[data-action=lesson-next]").click()  # All lessons
    expect(page.locator("li[data-done=true]")).to_contain_text(FIRST.title)
    page.get_by_role("link", name=EDGE.title).click()
    expect(place(page)).to_have_text("Step 1 of 5")
    live.wait_drawn()
    assert live.step == 0
    page.go_back()  # the browser's own button
    expect(page.get_by_role("link", name=EDGE.title)).to_be_visible()
    page.go_forward()
    expect(place(page)).to_have_text("Step 1 of 5")
    page.locator("[data-action=lesson-leave]").click()
    is_as_it_was(live, key)


@pytest.mark.thorough
def test_a_lesson_by_keyboard_with_a_reload_in_the_middle(open_page: OpenPage) -> None:
    live = trained_on_live(open_page, reduced_motion="reduce")
    page, key = live.page, live.run_key
    page.goto(f"{page.url.partition('?')[0]}lessons?lesson={EDGE.name}&seed=1")
    live.wait_drawn()
    expect(place(page)).to_have_text("Step 1 of 5")
    heard = page.locator(".maml-live > .maml-visually-hidden[aria-live=polite]")
    page.locator("[data-action=lesson-act]").focus()
    page.keyboard.press("Enter")
    live.wait_step(150)  # on a busy machine all of it takes longer than one wait
    live.wait_step(300)
    expect(heard).to_contain_text("limit")
    verdict = page.locator(".maml-lesson-verdict").inner_text()
    page.reload()
    live.wait_drawn()
    expect(page.locator(".maml-lesson-verdict")).to_have_text(verdict)
    assert live.step == 300

    page.locator("[data-action=lesson-next]").focus()
    page.keyboard.press("Enter")
    expect(place(page)).to_have_text("Step 2 of 5")
    expect(heard).to_contain_text("On how many tasks")
    expect(page.locator("[data-action=lesson-next]")).to_be_focused()
    expect(live.field("alpha")).to_be_disabled()
    guess = page.get_by_role("slider", name="On how many tasks")
    expect(page.locator(".maml-prediction-value")).to_have_text("Move the slider to your guess.")
    for _ in range(4):
        guess.press("ArrowRight")
    expect(page.locator(".maml-prediction-value")).to_have_text("52 tasks of 100")
    expect(guess).to_have_attribute("aria-valuetext", "52 tasks of 100")
    page.locator("[data-action=lesson-answer]").focus()
    page.keyboard.press("Enter")
    expect(live.field("alpha")).to_be_enabled()
    expect(live.field("beta")).to_be_disabled()
    live.set(alpha=0.1)
    expect(page.locator(".maml-prediction-mark")).to_have_count(2)
    expect(heard).to_contain_text("You said 52 tasks of 100")
    page.emulate_media(color_scheme="dark", forced_colors="active")
    assert page.locator(".maml-lit").first.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"
    page.emulate_media(color_scheme="light", forced_colors="none")

    page.locator("[data-action=lesson-back]").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".maml-lesson-verdict")).to_have_text(verdict)
    expect(live.field("alpha")).to_be_disabled()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert_accessible(page)
    page.locator("[data-action=lesson-leave]").click()
    is_as_it_was(live, key)


def test_a_step_changes_within_200_ms(open_page: OpenPage) -> None:
    live = open_page(f"lessons?lesson={FIRST.name}", ready=False)
    live.wait_drawn()
    page = live.page
    act(page)
    expect(page.locator("[data-action=lesson-next]")).to_have_attribute("aria-disabled", "false")
    took = []
    for name, number in (("next", 2), ("back", 1)) * 5:
        took.append(
            page.evaluate(
                """([name, number]) => new Promise((done) => {
                  const start = performance.now(), place = document.querySelector(".maml-lesson-place");
                  new MutationObserver((_, watch) => {
                    if (!place.textContent.startsWith(`Step ${number} `)) return;
                    watch.disconnect();
                    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
                  }).observe(place, { childList: true, characterData: true, subtree: true });
                  document.querySelector(`[data-action=lesson-${name}]`).click();
                })""",
                [name, number],
            )
        )
        live.wait_steady()
    assert sorted(took)[len(took) // 2] < 200


@pytest.mark.parametrize("viewport", [(1024, 768), (1280, 720)])
@pytest.mark.thorough
def test_the_small_charts_of_a_lesson_with_images_can_be_read(open_page: OpenPage, viewport: tuple[int, int]) -> None:
    width, height = viewport
    live = open_page("lessons?lesson=labels-mean-nothing", ready=False, viewport={"width": width, "height": height})
    live.wait_drawn()
    small = live.page.locator(".maml-beside:visible")
    expect(small).to_have_count(4)
    for card in small.all():
        title = card.get_by_role("heading")
        assert title.evaluate("({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth")
        assert title.evaluate(
            "(node) => node.getClientRects()[0].height <= 2.6 * parseFloat(getComputedStyle(node).fontSize)"
        )
        assert card.locator(".maml-plot").evaluate("(node) => node.clientHeight") >= 60


def test_nothing_that_trains_or_shows_more_can_be_pressed_before_the_answer(open_page: OpenPage) -> None:
    live = open_page("lessons?lesson=over-the-edge&step=2", ready=False, viewport={"width": 1366, "height": 768})
    live.wait_drawn()
    page = live.page
    expect(page.locator("[data-action=lesson-answer]")).to_be_visible()
    rests = "(node) => Boolean(node.closest('[inert]')) || node.ariaDisabled === 'true' || Boolean(node.disabled)"
    buttons = [page.locator(f"[data-action={name}]") for name in ("play", "outer", "inner", "new-task", "points")]
    buttons += [page.get_by_label(name) for name in ("Chart in this place", "Chart in the place of held-out tasks")]
    assert [button.evaluate(rests) for button in buttons] == [True] * len(buttons)
    shown = page.get_by_label("Inner step k").input_value()
    page.keyboard.press("i")
    expect(live.words).to_contain_text("First your guess, then the result.")
    assert page.get_by_label("Inner step k").input_value() == shown
    page.locator("[data-dial=lesson]").press("ArrowRight")
    page.locator("[data-action=lesson-answer]").click()
    live.until(lambda: not any(button.evaluate(rests) for button in buttons[2:]))


FRAMED = """() => {
  const box = (of) => document.querySelector(of).getBoundingClientRect();
  const { outlineWidth, outlineOffset } = getComputedStyle(document.querySelector(".maml-task"));
  return box(".maml-task").top - parseFloat(outlineWidth) - parseFloat(outlineOffset) >= box("[data-chart=fit] .xtitle").bottom - 1;
}"""
"""Whether the frame of the task lies below the name of its chart's axis."""
INSIDE = "() => document.querySelector('.maml-k').getBoundingClientRect().right <= document.querySelector('.maml-task').getBoundingClientRect().right"


def test_the_frame_of_a_part_and_the_count_of_inner_steps_are_over_nothing_else(open_page: OpenPage) -> None:
    live = open_page(
        "lessons?lesson=the-clock-in-the-weights&step=3", ready=False, viewport={"width": 1366, "height": 768}
    )
    live.wait_drawn()
    expect(live.page.locator(".maml-task.maml-lit")).to_be_visible()
    live.wait(FRAMED)
    live.page.goto(live.page.url.replace("the-clock-in-the-weights&step=3", "labels-mean-nothing&step=2"))
    expect(live.page.locator(".maml-lesson h2")).to_contain_text("Labels")
    live.wait_drawn()
    live.page.set_viewport_size({"width": 1024, "height": 768})
    live.wait("() => document.querySelector('.maml-live').clientWidth < 1024")
    live.wait(INSIDE)
