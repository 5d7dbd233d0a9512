"""A class that follows its teacher: one run computed once, the same bytes for all who look at the same, and nobody else changes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.live.feed import Feed
from dashboard.live.page import MAX_UNACKNOWLEDGED
from dashboard.live.poll import NUM_BINS
from dashboard.server.classes import AWAY_S, CODE_LENGTH, EMPTY_S, LETTERS, MAX_MEMBERS, MAX_TRIES, TRIES_S
from dashboard.server.classroom import AWAY_MOMENT_S
from dashboard.server.hub import KEEP_S, Hub
from maml_core.config import replace
from tests.dashboard.live.test_protocol import SMALL
from tests.dashboard.server.clients import TINY, Clock, Inline, Priced, on_loop, strict, until, wake
from tests.dashboard.server.test_viewers import Pairs, Watcher, at_rest, trained

ADDRESS = "http://192.168.1.5:8501/"


class Person(Watcher):
    """Somebody in a class: besides what a page draws, what it was told of the class."""

    told: dict[str, Any]
    errors: list[str]

    def __init__(self, hub: Hub, token: str, **options: Any) -> None:
        self.told, self.errors = {}, []
        self.heard: list[str | bytes] = []
        super().__init__(hub, token, **options)

    def draw(self) -> Person:
        waiting = list(self.outbox._queue)  # type: ignore[attr-defined]
        self.heard += waiting
        for text in (message for message in waiting if isinstance(message, str)):
            said = strict(text)
            if said["type"].startswith("class"):
                self.told = said
            elif said["type"] == "error":
                self.errors.append(said["message"])
        super().draw()
        return self

    def refused(self, type: str, **fields: Any) -> str:
        """Why something is refused."""
        self.draw()
        self.errors.clear()
        self.say(type, **fields)
        (error,) = self.draw().errors
        return error


def join(hub: Hub, code: str, *, home: str, client: str = "a") -> str:
    """What a script asks for, on the loop."""
    return hub.classes.join(code, home=home, client=client, now=hub._clock())


class Student(Person):
    def __init__(self, hub: Hub, code: str, **options: Any) -> None:
        self.home = hub.open_page(TINY)
        super().__init__(hub, join(hub, code, home=self.home, client="a"), **options)


async def lesson(hub: Hub, num_students: int = 2) -> tuple[Any, ...]:
    """A teacher whose run has come to outer step 10, and students, all at rest."""
    teacher = Person(hub, hub.open_page(TINY))
    teacher.say("class_start", address=ADDRESS)
    await trained(hub, teacher, 10)
    students = [Student(hub, teacher.told["code"]) for _ in range(num_students)]
    await at_rest(hub, teacher, *students)
    return (teacher, *students)


def same_charts(one: Watcher, other: Watcher) -> None:
    assert one.charts.keys() == other.charts.keys()
    for chart, parts in one.charts.items():
        assert parts.keys() == other.charts[chart].keys()
        for part, values in parts.items():
            np.testing.assert_array_equal(values, other.charts[chart][part])


class TestFollowing:
    def test_a_code_is_short_and_a_student_sees_the_run_of_now(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            code = teacher.told["code"]
            assert len(code) == CODE_LENGTH
            assert set(code) <= set(LETTERS)
            assert teacher.told["address"] == f"{ADDRESS}?class={code}"
            assert teacher.told["picture"].startswith("data:image/svg+xml")
            assert teacher.told["students"] == 1
            assert (student.header["step"], student.state["config"]) == (10, teacher.state["config"])
            assert student.told["follows"]
            same_charts(teacher, student)

        on_loop(scene)

    def test_who_comes_late_gets_the_state_of_now_and_nothing_is_computed_for_it(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, _ = await lesson(hub, 1)
            computed = len(executor.requests)
            late = Student(hub, teacher.told["code"].lower() + " ").draw()
            await at_rest(hub, teacher, late)
            assert len(executor.requests) == computed
            assert late.header["step"] == 10
            same_charts(teacher, late)

        on_loop(scene)

    def test_all_get_the_same_bytes_and_chunks_do_not_double(self):
        found = {}

        def play(num_students: int) -> None:
            async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
                teacher, *students = await lesson(hub, num_students)
                for person in (teacher, *students):
                    person.heard.clear()
                before = len(executor.requests)
                teacher.say("set", changes={"alpha": 0.02}, id=7)
                await trained(hub, teacher, 30)
                await at_rest(hub, teacher, *students)
                found[num_students] = (len(executor.requests) - before, teacher.page.run.state)
                assert all(request.view is None or len(request.view.tasks) == 1 for request in executor.requests)
                for student in students:
                    assert student.header["change"] == 7
                    same_charts(teacher, student)
                first, *others = [[m for m in each.heard if isinstance(m, bytes)] for each in students] or [[]]
                for other in others:
                    assert [id(frame) for frame in other] == [id(frame) for frame in first]  # packed once

            on_loop(scene, Pairs())

        for count in (0, 1, 30):
            play(count)
        assert found[30] == found[1] == found[0]

    def test_that_a_page_has_drawn_a_frame_is_told_to_nobody(self, monkeypatch: pytest.MonkeyPatch):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, *students = await lesson(hub, 3)
            made: list[object] = []
            monkeypatch.setattr(Feed, "outdate", lambda feed: made.append(feed))
            for student in students:
                student.say("ack", frame=10_000)
            assert made == []
            teacher.say("metric", metric="loss")
            assert made

        on_loop(scene)

    def test_what_the_teacher_looks_at_moves_on_all_screens(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            teacher.say("task", amplitude=2.0, phase_rad=1.0)
            await at_rest(hub, teacher, student)
            assert student.state["task"]["amplitude"] == teacher.state["task"]["amplitude"] == 2.0
            teacher.say("weights_chart", chart="layers")
            await at_rest(hub, teacher, student)
            assert "layers" in student.state["charts"]
            teacher.say("travel", step=4)
            await at_rest(hub, teacher, student)
            assert student.state["then"] == teacher.state["then"] is not None
            assert student.header["then"] == teacher.header["then"]
            same_charts(teacher, student)

        on_loop(scene)

    def test_who_looks_for_themselves_pays_alone_and_comes_back(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student, other = await lesson(hub, 2)
            executor.requests.clear()
            student.say("task", amplitude=3.0, phase_rad=0.5)
            await at_rest(hub, teacher, student, other)
            assert not student.told["follows"]
            assert student.state["task"]["amplitude"] == 3.0
            assert teacher.state["task"]["amplitude"] != 3.0
            assert other.told["follows"]
            (request,) = executor.requests  # a look alone, beside the run
            assert (request.num_steps, request.budget_s) == (None, None)  # it does not move the run
            teacher.say("outer_step")
            await at_rest(hub, teacher, student, other)
            both = [len(request.view.tasks) for request in executor.requests if request.num_steps == 1]
            assert both == [1]  # the run's own chunk does not look for it
            assert student.header["step"] == 11
            student.say("class_follow")
            await at_rest(hub, teacher, student)
            assert student.told["follows"]
            same_charts(teacher, student)
            assert len(teacher.page.run.audience.viewers) == 1  # its own viewer has gone

        on_loop(scene)

    def test_own_time_is_looked_at_alone(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            student.say("travel", step=4)
            await at_rest(hub, teacher, student)
            assert student.header["then"] is not None
            assert teacher.header["then"] is None

        on_loop(scene)

    @pytest.mark.parametrize(
        "message",
        [
            {"type": "set", "changes": {"alpha": 0.02}},
            {"type": "play"},
            {"type": "reset"},
            {"type": "undo"},
            {"type": "branch"},
            {"type": "apart"},
            {"type": "run_until", "step": 50},
            {"type": "remove_ghosts", "number": None},
            {"type": "lesson_act"},
            {"type": "class_end"},
            {"type": "class_start", "address": ADDRESS},
            {"type": "class_ask_step"},
            {"type": "nonsense"},
        ],
        ids=lambda message: message["type"],
    )
    def test_nobody_else_changes_the_run(self, message: dict[str, Any]):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            run = teacher.page.run
            before = (run.step, run.config, run.state, run.playback.playing)
            assert "the teacher changes" in student.refused(**message)
            await at_rest(hub, teacher, student)
            assert (run.step, run.config, run.state, run.playback.playing) == before
            assert student.told["follows"]

        on_loop(scene)

    def test_a_student_is_never_told_what_takes_the_run_over(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            secrets = [teacher.page.run.key, teacher.page.token, teacher.page.tab]
            for message in student.heard:
                text = message if isinstance(message, str) else message.decode("latin-1")
                assert not any(secret in text for secret in secrets)
            thief = Person(hub, hub.open_page(TINY), resume=student.page.run.name.split(".")[0], released=True)
            assert thief.page.run is not teacher.page.run
            # Nor is the run kept, or found again, as the student's.
            assert [page for page in hub.pages.owners() if page.run is teacher.page.run] == [teacher.page]
            again = Person(hub, hub.open_page(TINY), resume=teacher.page.run.key, tab=student.page.tab)
            assert again.page.run is not teacher.page.run

        on_loop(scene)


class TestCopies:
    def test_a_copy_is_the_run_at_that_very_step_to_the_bit_and_goes_on_alike(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            teacher.say("set", changes={"alpha": 0.03})
            await trained(hub, teacher, 20)
            student.say("class_copy")
            assert student.draw().told["type"] == "class_copied"
            own = Watcher(hub, student.home)
            mine, theirs = own.page.run, teacher.page.run
            assert mine is not theirs
            assert (mine.state, mine.step, mine.config) == (theirs.state, theirs.step, theirs.config)
            assert mine.changes.done == theirs.changes.done
            await trained(hub, own, 30)
            assert theirs.step == 20
            await trained(hub, teacher, 30)
            assert mine.state == theirs.state
            own.say("set", changes={"alpha": 0.2})
            assert theirs.config.alpha == 0.03

        on_loop(scene)

    def test_a_copy_of_an_earlier_outer_step_begins_there(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            _, student = await lesson(hub, 1)
            student.say("travel", step=4)
            await at_rest(hub, student)
            moment = student.page.viewer.travel.here
            student.say("class_copy")
            mine = hub.pages.get(student.home).run  # type: ignore[union-attr]
            assert (mine.step, mine.state) == (moment.step, moment.state)

        on_loop(scene)


class TestDials:
    def test_who_has_the_dials_turns_them_and_the_teacher_takes_them_back(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student, other = await lesson(hub, 2)
            assert "nobody has raised a hand" in teacher.refused("class_give", to="hand")
            student.say("class_hand", up=True)
            assert (student.draw().told["hand"], teacher.draw().told["hands"]) == (True, 1)
            teacher.say("class_give", to="hand")
            assert [each.draw().told["dials"] for each in (teacher, student, other)] == ["student", "mine", "student"]
            assert teacher.told["hands"] == 0
            student.say("set", changes={"alpha": 0.04}, id=99)
            await at_rest(hub, teacher, student, other)
            assert teacher.state["config"]["alpha"] == 0.04
            assert teacher.page.viewer.asked_id != 99
            assert "is not accepted" in student.refused("set", changes={"alpha": -101.0})  # as of any page
            assert "the teacher changes" in student.refused("set", changes={"shots": 5})
            assert "the teacher changes" in student.refused("reset")
            assert "the teacher changes" in other.refused("set", changes={"alpha": 0.05})
            teacher.say("class_take")
            assert "the teacher changes" in student.refused("set", changes={"alpha": 0.06})
            teacher.say("class_give", to="any")
            assert sorted(each.draw().told["dials"] for each in (student, other)) == ["mine", "student"]

        on_loop(scene)

    def test_the_teacher_is_told_that_who_has_the_dials_is_away_and_is_back(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student, other = await lesson(hub, 2)
            for each in (student, other):
                each.say("class_hand", up=True)
            teacher.say("class_give", to="hand")

            async def after(seconds: float) -> str:
                clock.now += seconds
                await wake(hub)
                return teacher.draw().told["dials"]

            assert await after(60.0) == "student"
            student.close()
            assert await after(1.0) == "student"  # a reload is no absence
            back = Student(hub, teacher.told["code"], tab=student.page.tab, resume=student.page.token)
            assert await after(60.0) == "student"
            back.close()
            assert await after(AWAY_MOMENT_S + 0.5) == "away"
            other.close()
            assert await after(1.0) == "away"  # of others who go nobody is told
            again = Student(hub, teacher.told["code"], tab=student.page.tab, resume=back.page.token)
            assert (teacher.draw().told["dials"], again.draw().told["dials"]) == ("student", "mine")  # at once
            again.close()
            await after(AWAY_MOMENT_S + 0.5)
            teacher.say("class_take")
            assert teacher.draw().told["dials"] == "teacher"
            late = Student(hub, teacher.told["code"], tab=student.page.tab)
            teacher.say("class_give", to="any")
            assert (teacher.draw().told["dials"], late.draw().told["dials"]) == ("student", "mine")

        on_loop(scene)


CHOICE = {"kind": "choice", "question": "What if alpha doubles?", "options": ["Faster", "Slower", "It bursts"]}
NUMBER = {"kind": "number", "question": "The loss after one step?", "low": 0, "high": 2, "unit": "MSE"}


class TestQuestions:
    def test_answers_are_counted_shown_together_and_late_ones_refused(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, first, second, third = await lesson(hub, 3)
            teacher.say("class_ask", **CHOICE)
            asked = first.draw().told["question"]
            assert asked["prediction"]["options"] == CHOICE["options"]
            assert (asked["prediction"]["given"], asked["counts"], asked["answered"]) == ([], [], 0)
            first.say("class_answer", number=1, answer=0)
            first.say("class_answer", number=1, answer=2)  # another one in its place
            second.say("class_answer", number=1, answer=2)
            assert first.draw().told["question"]["prediction"]["given"] == [2]
            question = teacher.draw().told["question"]
            assert (question["answered"], teacher.told["students"], question["counts"]) == (2, 3, [0, 0, 2])
            assert second.draw().told["question"]["counts"] == []  # nobody sees it before all do
            teacher.say("class_reveal")
            for student in (first, second, third):
                question = student.draw().told["question"]
                assert (question["revealed"], question["counts"]) == (True, [0, 0, 2])
            assert "too late" in third.refused("class_answer", number=1, answer=1)
            teacher.say("class_ask", **NUMBER)
            question = third.draw().told["question"]
            assert (question["number"], question["revealed"], question["prediction"]["kind"]) == (2, False, "number")
            third.say("class_answer", number=2, answer=0.55)
            first.say("class_answer", number=2, answer=2.0)
            counts = teacher.draw().told["question"]["counts"]
            assert counts == [1 if place in (2, NUM_BINS - 1) else 0 for place in range(NUM_BINS)]
            assert "between 0 and 2" in second.refused("class_answer", number=2, answer=7)
            assert "too late" in third.refused("class_answer", number=1, answer=1)  # to the question before
            teacher.say("class_close")
            assert third.draw().told["question"] is None
            assert "too late" in third.refused("class_answer", number=2, answer=1)
            assert "nothing is asked" in teacher.refused("class_reveal")

        on_loop(scene)

    @pytest.mark.parametrize(
        "wrong",
        [
            {**CHOICE, "options": ["one"]},
            {**CHOICE, "options": ["a", "b", "c", "d", "e", "f"]},
            {**CHOICE, "options": ["a", " a "]},
            {**CHOICE, "question": " "},
            {**CHOICE, "question": "x" * 201},
            {**NUMBER, "low": 3},
            {**NUMBER, "high": float("inf")},
            {**NUMBER, "high": 10**400},
            {**NUMBER, "low": -1.7e308, "high": 1.7e308},  # no part of this axis can be told
            {**NUMBER, "kind": "curve"},
        ],
    )
    def test_what_cannot_be_asked_is_refused(self, wrong: dict[str, Any]):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            assert teacher.refused("class_ask", **wrong)
            assert student.draw().told["question"] is None

        on_loop(scene)

    def test_an_answer_outlives_a_reload_and_counts_once(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            teacher.say("class_ask", **CHOICE)
            student.say("class_answer", number=1, answer=1)
            student.close()
            again = Student(hub, teacher.draw().told["code"], tab=student.page.tab)
            assert again.draw().told["question"]["prediction"]["given"] == [1]
            again.say("class_answer", number=1, answer=0)
            assert teacher.draw().told["question"]["counts"] == [1, 0, 0]

        on_loop(scene)

    def test_a_lessons_step_asks_the_class_what_it_asks_the_teacher(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            teacher.close()
            inside = Person(hub, hub.open_lesson(SMALL, home=teacher.page.token))
            await at_rest(hub, inside, student)
            assert student.draw().state["lesson"]["name"] == SMALL.name  # the class has followed
            assert "First your guess" in student.refused("task", redraw=True)
            inside.say("class_ask_step")
            asked = student.draw().told["question"]["prediction"]
            assert asked["question"] == inside.state["lesson"]["prediction"]["question"]
            student.say("class_answer", number=1, answer=0)
            assert inside.draw().told["question"]["answered"] == 1
            inside.say("class_reveal")
            inside.say("class_give", to="any")
            student.draw()
            # The lesson's rules hold for whoever has the dials, also while they look for themselves.
            assert "First your guess" in student.refused("play")
            inside.say("lesson_answer", answer=1)
            student.say("task", redraw=True)
            await at_rest(hub, inside, student)
            assert "Locked in this step" in student.refused("set", changes={"alpha": 0.02})
            student.say("play")
            await until(lambda: inside.page.viewer.guide.pupil.is_done)
            assert student.draw().told["question"]["prediction"]["truth"] == [1.0]  # at once, whatever the clock says

        on_loop(scene)

    def test_the_class_goes_with_its_teacher_from_one_lesson_to_another_and_back(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            first = Person(hub, hub.open_lesson(SMALL, home=teacher.page.token))
            second = Person(hub, hub.open_lesson(SMALL, home=teacher.page.token, at=1))  # before the other has gone
            await at_rest(hub, second, student)
            assert student.page.run is second.page.run
            assert student.draw().state["lesson"]["step"] == 1
            assert hub.classes.of(first.page) is None
            for person in (teacher, first, second):
                person.close()
            clock.now += KEEP_S + 60
            await wake(hub)
            back = Person(hub, teacher.page.token, tab=teacher.page.tab)  # it has waited for its teacher
            await at_rest(hub, back, student)
            assert student.draw().state["lesson"] is None
            same_charts(back, student)

        on_loop(scene)


class TestComingAndGoing:
    def test_a_teacher_who_reloads_goes_on_teaching(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            run, tab = teacher.page.run, teacher.page.tab
            teacher.close()
            assert student.draw().told["here"] is False
            await wake(hub)
            again = Person(hub, hub.open_page(TINY), resume=run.key, tab=tab, released=True)
            await at_rest(hub, again, student)
            assert again.page.run is run
            assert (again.told["teaches"], again.told["students"]) == (True, 1)
            assert student.told["here"] is True
            again.say("set", changes={"alpha": 0.02})
            await trained(hub, again, 14)
            await at_rest(hub, again, student)
            assert (student.header["step"], student.state["config"]["alpha"]) == (14, 0.02)
            same_charts(again, student)

        on_loop(scene)

    def test_the_class_goes_on_without_its_teacher_for_longer_than_a_page_is_kept(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, _ = await lesson(hub, 1)
            teacher.close()
            clock.now += KEEP_S + 60
            await wake(hub)
            again = Person(hub, hub.open_page(TINY), resume=teacher.page.run.key, tab=teacher.page.tab)
            assert again.page.run is teacher.page.run
            assert again.draw().told["students"] == 1

        on_loop(scene)

    def test_a_student_whose_connection_was_lost_is_back_where_the_class_is(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            student.close()
            assert teacher.draw().told["students"] == 0
            await trained(hub, teacher, 18)
            back = Person(hub, student.page.token, tab=student.page.tab)
            await at_rest(hub, teacher, back)
            assert back.header["step"] == 18
            assert teacher.told["students"] == 1
            same_charts(teacher, back)

        on_loop(scene)

    def test_who_reloads_takes_their_own_seat_again(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            for _ in range(2 * MAX_MEMBERS):
                student.close()
                seat = student.page
                student = Student(hub, teacher.told["code"], tab=seat.tab, resume=seat.token)
            assert teacher.draw().told["students"] == 1
            assert sum(page.in_class for page in hub.pages.all()) == 1

        on_loop(scene)

    def test_a_duplicated_tab_takes_no_seat_but_its_own(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            twin = Student(hub, teacher.told["code"], tab=student.page.tab)
            assert teacher.draw().told["students"] == 1  # one person, whose answer counts once
            for seat in (student, twin):
                seat.close()  # both lose the connection at once, and come back one after the other
            assert Person(hub, student.page.token, tab=student.page.tab, resume=student.page.token).draw().told
            assert hub.pages.get(twin.page.token) is twin.page
            stranger = Student(hub, teacher.told["code"], resume=twin.page.token)
            assert hub.pages.get(twin.page.token) is twin.page
            assert stranger.page.tab != twin.page.tab
            Student(hub, teacher.told["code"], tab=twin.page.tab, resume=twin.page.token)  # its reload
            assert hub.pages.get(twin.page.token) is None
            assert hub.pages.get(student.page.token) is student.page

        on_loop(scene)

    def test_a_page_that_is_slow_skips_frames_and_ends_up_with_the_same(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, slow = await lesson(hub, 1)
            teacher.say("set", changes={"num_inner_steps": 3})
            await trained(hub, teacher, 40)  # of which the slow one has acknowledged nothing
            assert slow.page.connection.is_behind
            await at_rest(hub, teacher, slow)
            same_charts(teacher, slow)

        on_loop(scene)

    def test_two_classes_on_one_server_do_not_meet(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            other, pupil = await lesson(hub, 1)
            assert teacher.told["code"] != other.told["code"]
            other.say("class_ask", **CHOICE)
            other.say("set", changes={"alpha": 0.05})
            await at_rest(hub, teacher, student, other, pupil)
            assert student.draw().told["question"] is None
            assert (student.state["config"]["alpha"], pupil.state["config"]["alpha"]) == (TINY.alpha, 0.05)
            other.say("class_give", to="any")
            assert [each.draw().told["dials"] for each in (teacher, student, other, pupil)] == [
                "teacher",
                "teacher",
                "student",
                "mine",
            ]
            assert "the teacher changes" in student.refused("set", changes={"alpha": 0.03})
            for each in (teacher, other):  # both train at once
                each.say("run_until", step=30)
            for each in (teacher, other):
                await at_rest(hub, each, student, pupil)
            assert (student.header["step"], pupil.header["step"]) == (30, 30)
            same_charts(teacher, student)
            same_charts(other, pupil)
            teacher.say("class_end")
            assert (student.draw().told["type"], pupil.draw().told["type"]) == ("class_over", "class")
            assert other.draw().told["students"] == 1

        on_loop(scene)

    def test_a_lid_that_is_closed_for_minutes_keeps_nobody_up_and_the_class_is_there_when_it_opens(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student, other = await lesson(hub, 2)
            teacher.say("class_ask", **CHOICE)
            student.say("class_answer", number=1, answer=1)
            student.say("class_hand", up=True)
            teacher.say("class_give", to="hand")
            other.say("class_hand", up=True)
            clock.now += 40.0  # the lid is closed: nothing comes, and nobody has noticed yet
            teacher.say("set", changes={"alpha": 0.02})
            await trained(hub, teacher, 60)
            await at_rest(hub, teacher, other)
            same_charts(teacher, other)
            assert sum(isinstance(message, bytes) for message in student.outbox._queue) <= MAX_UNACKNOWLEDGED
            student.close()  # now the server has
            other.close()
            for _ in range(10):
                clock.now += KEEP_S
                await wake(hub)
            assert hub.pages.get(student.page.token) is hub.pages.get(other.page.token) is None
            assert (teacher.draw().told["students"], teacher.told["dials"], teacher.told["hands"]) == (0, "away", 0)
            await trained(hub, teacher, 70)
            back, second = (Student(hub, teacher.told["code"], tab=each.page.tab) for each in (student, other))
            await at_rest(hub, teacher, second, back)
            assert back.header["step"] == 70
            assert back.told["question"]["prediction"]["given"] == [1]
            assert (back.told["dials"], second.told["hand"]) == ("mine", True)
            assert (teacher.told["students"], teacher.told["hands"]) == (2, 1)
            same_charts(teacher, back)
            back.say("set", changes={"alpha": 0.03})
            teacher.say("class_take")  # also from who is away
            assert "the teacher changes" in back.refused("set", changes={"alpha": 0.04})
            assert teacher.page.run.config.alpha == 0.03

        on_loop(scene)

    def test_of_more_than_are_kept_those_are_forgotten_who_left_first(self, monkeypatch: pytest.MonkeyPatch):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            monkeypatch.setattr("dashboard.server.classroom.MAX_MEMBERS_KEPT", 2)
            teacher, first, there = await lesson(hub, 2)
            for each in (first, there):
                each.say("class_hand", up=True)
            teacher.say("class_give", to="hand")
            first.close()
            clock.now += KEEP_S + 60.0
            await wake(hub)
            assert teacher.draw().told["dials"] == "away"
            Student(hub, teacher.told["code"])
            assert (teacher.draw().told["dials"], teacher.told["hands"]) == ("teacher", 1)
            assert Student(hub, teacher.told["code"], tab=first.page.tab).draw().told["dials"] == "teacher"

        on_loop(scene)

    @pytest.mark.parametrize("in_lesson", [False, True])
    def test_a_teachers_connection_that_is_lost_for_a_minute_is_missed_and_found_again(self, in_lesson: bool):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            if in_lesson:
                teacher.close()
                teacher = Person(hub, hub.open_lesson(SMALL, home=teacher.page.token), tab=teacher.page.tab)
                await at_rest(hub, teacher, student)
                teacher.say("class_ask_step")
            else:
                teacher.say("class_ask", **CHOICE)
            run = teacher.page.run
            teacher.close()
            assert student.draw().told["here"] is False
            student.say("class_answer", number=1, answer=1)  # the class goes on meanwhile
            student.say("class_hand", up=True)
            for _ in range(6):
                clock.now += 10.0
                await wake(hub)
            back = Person(hub, teacher.page.token, tab=teacher.page.tab)
            await at_rest(hub, back, student)
            assert (back.page.run is run, student.page.run is run) == (True, True)
            assert student.told["here"] is True
            assert (back.told["teaches"], back.told["students"], back.told["hands"]) == (True, 1, 1)
            assert back.told["question"]["counts"][1] == 1
            back.say("class_reveal")
            assert student.draw().told["question"]["revealed"]
            same_charts(back, student)

        on_loop(scene)

    def test_a_wrong_code_and_one_of_a_class_that_has_ended_say_so(self):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            home, code = student.home, teacher.told["code"]
            teacher.say("class_end")
            assert (teacher.draw().told["type"], student.draw().told["type"]) == ("class_over", "class_over")
            assert hub.pages.get(student.page.token) is None
            with pytest.raises(ValueError, match="has ended"):
                join(hub, code, home=home, client="a")
            again = await lesson(hub, 0)
            for _ in range(2 * MAX_TRIES):  # a whole class behind one address, which was told a wrong code
                with pytest.raises(ValueError, match="no class with this code"):
                    join(hub, "AAAAA", home=home, client="a")
            assert join(hub, again[0].told["code"], home=home, client="a")
            for place in range(1, MAX_TRIES):
                with pytest.raises(ValueError, match="no class with this code"):
                    join(hub, f"A{place:04}", home=home, client="a")
            with pytest.raises(ValueError, match="Too many wrong codes"):
                join(hub, again[0].told["code"], home=home, client="a")
            assert join(hub, again[0].told["code"], home=home, client="b")
            clock.now += TRIES_S + 1
            assert join(hub, again[0].told["code"], home=home, client="a")
            teacher.say("outer_step")  # the teacher's run is as it was
            await at_rest(hub, teacher)
            assert teacher.header["step"] == 11

        on_loop(scene)

    @pytest.mark.parametrize("stays", [False, True])
    def test_a_class_ends_when_nobody_comes_back(self, stays: bool):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            teacher, student = await lesson(hub, 1)
            teacher.close()
            if not stays:
                student.close()
            clock.now += EMPTY_S + 1
            await wake(hub)
            assert (hub.classes.of(teacher.page) is not None) is stays
            if stays:  # with its students, but not for ever
                clock.now += AWAY_S
                await wake(hub)
                assert student.draw().told["type"] == "class_over"
            assert not hub.classes.keeps(teacher.page)

        on_loop(scene)

    def test_a_class_has_an_end_of_room(self, monkeypatch: pytest.MonkeyPatch):
        async def scene(hub: Hub, executor: Inline, clock: Clock) -> None:
            monkeypatch.setattr("dashboard.server.classes.MAX_MEMBERS", 3)
            teacher, *students = await lesson(hub, 3)
            with pytest.raises(ValueError, match="full"):
                join(hub, teacher.told["code"], home="", client="a")
            for student in students[1:]:  # who left is no reason to send others away: the first who did makes room
                clock.now += 1.0
                student.close()
            joined = Student(hub, teacher.told["code"])
            assert hub.pages.get(students[1].page.token) is None
            assert hub.pages.get(students[2].page.token) is not None
            assert teacher.draw().told["students"] == 2
            assert joined.draw().told["follows"]

        on_loop(scene)


def test_the_teachers_run_has_the_first_turn():
    async def scene(hub: Hub, executor: Any, clock: Clock) -> None:
        teacher = Person(hub, hub.open_page(replace(TINY, {"weights_seed": 1})))
        teacher.say("class_start", address=ADDRESS)
        Student(hub, teacher.draw().told["code"])
        others = [Watcher(hub, hub.open_page(replace(TINY, {"weights_seed": seed}))) for seed in (2, 3, 4)]
        for person in (teacher, *others):
            person.say("play")
        await until(lambda: sum(executor.used.values()) > 20.0)
        assert executor.used[1] > 1.5 * max(executor.used[seed] for seed in (2, 3, 4))
        used = [executor.used[seed] for seed in (2, 3, 4)]
        assert min(used) == pytest.approx(max(used), rel=0.1)  # who is left shares alike

    on_loop(scene, Priced())
