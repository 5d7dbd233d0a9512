"""A class: its teacher, a student beside it, and one with a phone, each in a browser of their own."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, expect

from dashboard.setups.algorithms import IDEAS
from tests.browser.conftest import OpenPage
from tests.browser.live_page import LivePage
from tests.browser.test_axe import SMALL, SMALL_TYPE, assert_accessible
from tests.browser.test_lessons import FITS

PHONE = {"width": 390, "height": 800}


def words(live: LivePage) -> Locator:
    """What the strip says of the class."""
    return live.page.locator(".maml-class-words")


def started(teacher: LivePage) -> str:
    """Start a class by keys; gives the query of its address."""
    teacher.page.keyboard.press("g")
    expect(teacher.page.get_by_text("This server listens on this machine only")).to_be_visible()
    expect(teacher.action("class-start")).to_be_focused()
    teacher.page.keyboard.press("Enter")
    shown = teacher.page.locator(".maml-class-address")
    expect(shown).to_be_visible()
    expect(teacher.page.locator(".maml-class-picture")).to_have_attribute("src", re.compile("^data:image/svg"))
    address = shown.inner_text()
    teacher.page.keyboard.press("Escape")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?class=[A-Z]{5}", address)
    return "?" + address.partition("?")[2]


STEPS_SEEN = """() => {
  const shown = document.querySelector(".maml-step");
  window.mamlSteps = [];
  new MutationObserver(() => mamlSteps.push(mamlStep())).observe(shown, { childList: true, characterData: true, subtree: true });
}"""
"""Keep every outer step that the page shows."""


def ask(teacher: LivePage, question: str, *options: str) -> None:
    teacher.action("class-ask").click()
    teacher.page.locator("[data-field=class-question]").fill(question)
    for field, option in zip(teacher.page.locator("[data-field=class-option]").all(), options, strict=False):
        field.fill(option)
    teacher.action("class-ask-send").click()


def answer(student: LivePage, option: str) -> None:
    student.page.get_by_text(option, exact=True).click()
    student.action("class-answer").click()
    expect(student.page.locator(".maml-class-answered")).to_contain_text("Your answer is in")


ANSWERS_INSIDE = """() => {
  const { left, right, top, bottom } = document.querySelector(".maml-class-counts").getBoundingClientRect();
  return 0 < left && left < right && right <= innerWidth && 0 < top && top < bottom && bottom <= innerHeight;
}"""


def assert_answers_are_inside_the_window(live: LivePage) -> None:
    """Wherever *Answers* stands in the strip: at its end on a teacher's page, and at its beginning or in a line of its own on a student's."""
    before = live.page.viewport_size
    for size in ({"width": 1366, "height": 768}, {"width": 1024, "height": 768}, PHONE):
        live.page.set_viewport_size(size)
        live.wait(ANSWERS_INSIDE)
    live.page.set_viewport_size(before)


def lesson_of_the_class(teacher: LivePage, student: LivePage, phone: LivePage) -> None:
    """The teacher goes through a step of a lesson with the class, and comes back."""
    query = student.page.url
    teacher.page.get_by_role("link", name="Lessons").click()
    teacher.page.locator("[data-lesson=what-first-order-leaves-out]").click()
    title = student.page.locator(".maml-lesson h2")
    expect(title).to_have_text("What first order leaves out")
    expect(student.page.locator(".maml-guide .maml-prediction")).to_be_hidden()  # the teacher's own
    teacher.action("class-ask").click()
    teacher.action("class-ask-step").click()
    for each, place in ((student, 0), (phone, 2)):
        each.page.locator(".maml-class .maml-choice").nth(place).click()
        each.action("class-answer").click()
    expect(teacher.page.locator(".maml-class-answered")).to_contain_text("2 of 2 have answered")
    teacher.action("class-reveal").click()
    expect(student.page.locator(".maml-class-counts")).to_be_visible()
    words(teacher).click()  # the answers no longer lie over the lesson
    expect(teacher.page.locator(".maml-class-counts")).to_be_hidden()
    teacher.page.locator(".maml-guide .maml-choice").first.click()
    teacher.action("lesson-answer").click()
    verdict = ".maml-lesson-verdict"
    expect(teacher.page.locator(verdict)).to_contain_text("“")  # the teacher's guess
    for each in (student, phone):
        expect(each.page.locator(verdict)).not_to_be_empty()
        expect(each.page.locator(verdict)).not_to_contain_text("“")
    expect(student.page.locator(".maml-class-answered")).to_contain_text(
        "You said “Hardly: below 0.5”; it is “Nearly: above 0.8”."
    )
    expect(phone.page.locator(".maml-class-answered")).to_contain_text("“Nearly: above 0.8”: right.")
    assert student.page.url == query
    assert student.page.evaluate("localStorage.getItem('maml-lessons')") is None  # it is not the student's
    teacher.action("class-close").click()
    teacher.action("lesson-leave").click()
    expect(student.page.locator(".maml-lesson")).to_be_hidden()
    teacher.wait_drawn()
    for each in (teacher, student, phone):
        each.wait_step(40)
        each.wait_steady()


def test_students_follow_answer_get_the_dials_look_for_themselves_and_take_a_copy(open_page: OpenPage):
    teacher = open_page(fresh=True)
    query = started(teacher)
    student, phone = open_page(query, fresh=True), open_page(query, fresh=True, viewport=PHONE)
    expect(words(teacher)).to_have_text("2 students")
    for each in (student, phone):
        expect(words(each)).to_contain_text("You see what the teacher sees")
        expect(each.dial("alpha")).to_be_disabled()
        expect(each.words).to_have_text(IDEAS["maml"].replace("θ_0", "θ0"))  # and nothing that they cannot do
        assert each.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    teacher.run_until(40)
    student.wait_step(40)
    phone.wait_step(40)
    teacher.action("new-task").click()
    teacher.wait_steady()
    student.wait_steady()
    assert student.trace("fit", "examples").tolist() == teacher.trace("fit", "examples").tolist()

    ask(teacher, "And with a larger alpha?", "Better", "Worse", "The same")
    answer(student, "Worse")
    answer(phone, "Better")
    expect(teacher.page.locator(".maml-class-answered")).to_contain_text("2 of 2 have answered")
    expect(student.page.locator(".maml-class-counts")).to_be_hidden()
    answer(phone, "Worse")  # another one in its place
    teacher.action("class-reveal").click()
    for each in (teacher, student, phone):
        counts = each.page.locator(".maml-class-counts b")
        expect(counts).to_have_text(["0", "2", "0"])
        expect(counts.first).to_be_visible()
    assert_accessible(student.page)
    circles = " 18 x 18"  # of answers: the line beside one is pressed
    assert [each for each in phone.page.evaluate(SMALL) if each != circles] == []
    assert phone.page.evaluate(SMALL_TYPE) == []
    for each in (teacher, student):
        before = each.page.viewport_size
        each.page.set_viewport_size({"width": 1024, "height": 768})
        each.wait(FITS)
        each.page.set_viewport_size(before)
        assert_answers_are_inside_the_window(each)
    teacher.action("class-close").click()
    expect(phone.page.locator(".maml-class-body")).to_be_hidden()
    lesson_of_the_class(teacher, student, phone)

    student.action("class-hand").click()
    expect(words(teacher)).to_have_text("2 students, 1 hand up")
    teacher.action("class-dials").click()
    teacher.action("class-give-hand").click()
    expect(words(student)).to_contain_text("You have the dials")
    student.set(alpha=0.05)
    teacher.shows("document.querySelector('[data-field=alpha]').value", "0.05")
    expect(phone.dial("alpha")).to_be_disabled()
    address = student.page.url
    student.page.goto("about:blank")  # the laptop is closed
    expect(words(teacher)).to_have_text("1 student, the one who has the dials is away: wait, or take them back")
    expect(teacher.action("class-take")).to_have_class("maml-primary")
    expect(teacher.page.get_by_text("Take the dials back, or wait").first).to_be_attached()  # read out
    student.page.goto(address)
    expect(words(student)).to_contain_text("You have the dials")
    expect(words(teacher)).to_have_text("2 students, a student has the dials")
    expect(teacher.page.get_by_text("The student who has the dials is back").first).to_be_attached()
    student.wait_drawn()
    teacher.action("class-take").click()
    expect(student.dial("alpha")).to_be_disabled()

    student.action("new-task").click()
    expect(words(student)).to_contain_text("You look for yourself")
    student.action("class-follow").click()
    student.wait_steady()
    assert student.trace("fit", "examples").tolist() == teacher.trace("fit", "examples").tolist()
    teacher.page.reload()
    expect(words(teacher)).to_have_text("2 students")

    student.action("class-copy").click()
    back = student.action("class-back")
    expect(back).to_be_visible()
    student.wait_step(40)
    assert "class=" not in student.page.url
    student.run_until(50)  # a run of its own
    student.wait_step(50)
    assert teacher.step == 40
    back.click()
    expect(words(student)).to_contain_text("You see what the teacher sees")

    teacher.action("class-end").click()
    teacher.action("class-end-now").click()
    expect(words(student)).to_contain_text("The class has ended")
    student.action("class-leave").click()
    expect(student.page.locator(".maml-class-place > *")).to_have_count(0)
    student.wait_drawn()
    student.wait_step(50)
    phone.page.reload()
    expect(phone.page.get_by_text("This class has ended.").first).to_be_visible()


def test_a_class_that_ends_while_it_trains_leaves_the_last_step_seen_and_nothing_to_turn(open_page: OpenPage):
    teacher = open_page(fresh=True)
    query = started(teacher)
    student = open_page(query, fresh=True)
    expect(words(teacher)).to_have_text("1 student")
    for each in (teacher, student):
        each.page.evaluate(STEPS_SEEN)
    teacher.play()
    student.until(lambda: student.step > 40)
    student.action("class-hand").click()
    expect(words(teacher)).to_have_text("1 student, 1 hand up")
    teacher.action("class-end").click()
    teacher.action("class-end-now").click()
    expect(words(student)).to_contain_text("The class has ended")
    teacher.pause()
    for each in (teacher, student):
        seen = each.page.evaluate("mamlSteps")
        assert seen == sorted(seen)  # none was earlier than the one before it
    assert student.step > 40
    assert student.status == "Ended"
    assert student.page.title().startswith(f"{student.step} Ended")
    expect(student.page.locator(".maml-rate")).to_be_empty()
    expect(student.words).not_to_contain_text("Drag")
    for dial in ("alpha", "beta", "num_inner_steps"):
        expect(student.dial(dial)).to_be_disabled()
    expect(student.action("play")).to_have_attribute("aria-disabled", "true")
    student.action("new-task").click()
    expect(student.words).to_contain_text("The class has ended: nothing can be changed here any more.")
    amplitude = student.page.locator("[data-dial=amplitude]")
    shown = amplitude.input_value()
    amplitude.press("ArrowRight")
    expect(amplitude).to_have_value(shown)
    student.page.keyboard.press("p")
    expect(student.action("play")).to_have_text("Play")
    expect(teacher.dial("alpha")).to_be_enabled()


def test_a_number_that_was_answered_stays_in_sight(open_page: OpenPage):
    teacher = open_page(fresh=True)
    query = started(teacher)
    student = open_page(query, fresh=True)
    teacher.action("class-ask").click()
    teacher.page.locator(".maml-class-form").get_by_role("button", name="A number").click()
    teacher.page.locator("[data-field=class-question]").fill("What will the loss be?")
    teacher.action("class-ask-send").click()
    value = student.page.locator(".maml-class .maml-prediction-value")
    expect(value).to_have_text("Move the slider to your guess.")
    slider = student.page.locator("[data-dial=class]")
    slider.focus()
    slider.press("ArrowRight")
    chosen = value.inner_text()
    student.action("class-answer").click()
    expect(student.page.locator(".maml-class-answered")).to_contain_text("Your answer is in")
    expect(value).to_have_text(chosen)
    student.page.reload()
    student.wait_drawn()
    expect(student.page.locator(".maml-class-answered")).to_contain_text("Your answer is in")
    expect(value).to_have_text(chosen)
    teacher.action("class-reveal").click()
    for each in (teacher, student):
        expect(each.page.locator(".maml-class-counts")).to_be_visible()
        assert_answers_are_inside_the_window(each)


def test_a_wrong_code_says_what_to_do(open_page: OpenPage):
    live = open_page("?class=WRONG", ready=False, fresh=True)
    expect(live.page.get_by_text("There is no class with this code")).to_be_visible()
    live.page.get_by_role("button", name="To your own page").click()
    live.wait_drawn()
    assert "class=" not in live.page.url


def test_a_class_that_ends_in_a_lesson_leaves_the_lesson_to_its_teacher_and_how_it_was_to_the_students(
    open_page: OpenPage,
) -> None:
    teacher = open_page(fresh=True)
    query = started(teacher)
    student = open_page(query, fresh=True)
    expect(words(teacher)).to_have_text("1 student")
    teacher.page.get_by_role("link", name="Lessons").click()
    teacher.page.locator("[data-lesson=what-first-order-leaves-out]").click()
    title = student.page.locator(".maml-lesson h2")
    expect(title).to_have_text("What first order leaves out")
    teacher.action("class-end").click()
    teacher.action("class-end-now").click()

    expect(teacher.page.locator(".maml-class")).to_be_hidden()
    teacher.page.locator(".maml-guide .maml-choice").first.click()
    teacher.action("lesson-answer").click()
    expect(teacher.page.locator(".maml-lesson-verdict")).to_contain_text("You said")
    expect(words(student)).to_contain_text("The class has ended.")
    expect(student.page.locator(".maml-pill")).to_have_text("Ended")
    expect(student.dial("alpha")).to_be_disabled()
    expect(title).to_have_text("What first order leaves out")
    expect(student.page.locator(".maml-lesson-verdict")).to_be_hidden()  # what came after is the teacher's own

    teacher.action("lesson-leave").click()
    expect(teacher.page.locator(".maml-lesson")).to_be_hidden()
    expect(teacher.dial("alpha")).to_be_enabled()
    expect(teacher.page.locator(".maml-class")).to_be_hidden()
    student.action("class-leave").click()
    expect(title).to_be_hidden()
    expect(student.dial("alpha")).to_be_enabled()
    assert "class=" not in student.page.url
