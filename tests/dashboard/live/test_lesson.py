"""Where a pupil stands, what a step lets people do, and when what it asks for is done."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from dashboard.live.chart_data import results
from dashboard.live.lesson import Pupil
from dashboard.live.lesson_guide import ASKS_FIRST, LOCKED, LOOKS_BACK, NOT_HERE, NOTHING_TO_TRAIN, SETTLED_S, Guide
from dashboard.live.messages import obey
from dashboard.live.page import Page
from dashboard.live.run import LiveRun
from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import replace
from maml_core.lessons.lesson import Lesson
from tests.dashboard.live.driver import EXPLOSIVE, TINY, Driver
from tests.dashboard.live.lessons import AFRESH, DRAWN, MOVED, SEEN, SMALL, TRAINED, WALKED, lesson


class Attended(Driver):
    """A page in a lesson, whose chunks are computed as the hub does."""

    def __init__(self, of: Lesson = SMALL, **options: Any) -> None:
        self.guide = Guide(of, **options)
        self.run = LiveRun(self.guide.config)
        self.page = Page(self.run, 1000.0)
        self.viewer = self.page.viewer
        self.viewer.guide = self.guide
        self.now = 1000.0
        self.guide.enter(self.run, self.viewer)
        self.rest()

    def rest(self) -> Attended:
        """Until nothing is left to compute and nothing changes."""
        for _ in range(40):
            self.now += 0.3
            self.guide.follow(self.run, self.viewer, self.now)
            if self.run.is_due(self.now):
                self.chunk(steps=2)
            self.look()
        return self

    def look(self) -> None:
        for closer, wanted in self.page.wants_looks():
            if closer.is_due(wanted, self.now, playing=False):
                request: ChunkRequest = closer.request(wanted, None, 0.0)
                closer.take(wanted, run_chunk(request), self.now)

    def say(self, kind: str, **fields: Any) -> Attended:
        obey(self.page, {"type": kind, **fields}, self.now)
        return self

    @property
    def told(self) -> dict[str, Any]:
        return self.guide.told(self.run, self.viewer)


def answered(place: int = 1) -> Attended:
    return Attended().say("lesson_answer", answer=place)


def trained() -> Attended:
    return answered().say("lesson_act").rest()


class TestPupil:
    def test_it_begins_at_the_first_step_with_nothing_to_go_to(self):
        pupil = Pupil(SMALL)
        assert (pupil.at, pupil.asks, pupil.is_done, pupil.verdict) == (0, True, False, None)
        with pytest.raises(ValueError, match="comes first"):
            pupil.go(1)
        for nonsense in (-1, 6, "1", True, None, 1.5):
            with pytest.raises(ValueError, match="no step"):
                pupil.go(nonsense)

    @pytest.mark.parametrize("given", [2, -1, "0", True, None, 0.5, [0]])
    def test_an_answer_is_one_of_those_that_can_be_given(self, given: object):
        with pytest.raises(ValueError, match="choose one"):
            Pupil(SMALL).answer(given)

    def test_an_answer_cannot_be_changed(self):
        pupil = Pupil(SMALL)
        pupil.answer(0)
        with pytest.raises(ValueError, match="made already"):
            pupil.answer(1)
        assert pupil.told()["prediction"]["given"] == [0]

    @pytest.mark.parametrize(
        ("step", "given"),
        [
            (MOVED, 2.0),
            (MOVED, 0.0),
            (MOVED, float("nan")),
            (MOVED, [0.1]),
            (SEEN, [1.0, 2.0]),
            (SEEN, [1.0, 2.0, 11.0]),
            (SEEN, 1.0),
        ],
    )
    def test_a_number_or_a_curve_lies_on_its_axis(self, step: Any, given: object):
        with pytest.raises(ValueError, match=r"between|draw all"):
            Pupil(lesson(step)).answer(given)

    def test_going_back_keeps_answers_and_shows_the_verdict_again(self):
        pupil = Pupil(SMALL)
        pupil.answer(0)
        pupil.finish({"step": 6.0}, {})
        said = pupil.verdict
        assert said is not None
        assert said.sentence == "You said “To 4”; it is “To 6”. It came to 6."
        assert (said.right, said.truth) == (False, 1)
        assert pupil.go(1)
        assert pupil.verdict is None
        assert not pupil.go(0)
        assert (pupil.verdict, pupil.looks_back) == (said, True)
        assert not pupil.go(1)

    def test_what_compares_with_a_step_that_was_passed_over_says_so(self):
        pupil = Pupil(SMALL, at=1)
        assert "compared with step 1, which was passed over" in pupil.told()["note"]  # before anybody trains for it
        pupil.answer(0.02)
        pupil.finish({"alpha": 0.02}, {})
        assert pupil.verdict is not None
        assert "compares with step 1, which was passed over" in pupil.verdict.sentence
        assert pupil.told()["note"] == ""
        assert Pupil(SMALL).told()["note"] == Pupil(SMALL, at=2).told()["note"] == ""

    def test_the_last_question_comes_at_the_end(self):
        pupil = Pupil(SMALL, at=4)
        assert pupil.told()["transfer"] == ""
        pupil = Pupil(SMALL, at=99)
        assert (pupil.told()["transfer"], pupil.told()["answer"]) == ("And if α were 0?", "Then θ_0 stays.")


class TestPredictFirst:
    @pytest.mark.parametrize(
        "message",
        [{"type": name} for name in ("play", "outer_step", "lesson_act", "apart")]
        + [
            {"type": "run_until", "step": 9},
            {"type": "set", "changes": {"alpha": 0.02}},
            {"type": "task", "redraw": True},
        ],
        ids=lambda message: message["type"],
    )
    def test_nothing_may_be_seen_before_the_answer(self, message: dict[str, Any]):
        with pytest.raises(ValueError, match=ASKS_FIRST):
            obey(Attended().page, message, 1000.0)

    def test_all_dials_are_locked_before_the_answer_and_the_free_one_is_free_after_it(self):
        page = trained().say("lesson_go", to=1)
        assert page.guide.locked == dict.fromkeys(("alpha", "beta", "num_inner_steps"), ASKS_FIRST)
        page.say("lesson_answer", answer=0.02)
        assert page.guide.locked == {"beta": LOCKED, "num_inner_steps": LOCKED}
        with pytest.raises(ValueError, match=LOCKED):
            page.say("set", changes={"beta": 0.1})
        with pytest.raises(ValueError, match=LOCKED):
            page.say("set", changes={"alpha": 0.02, "shots": 2})
        assert page.run.config == TINY

    def test_a_look_is_open_from_its_step_on(self):
        page = Attended(lesson(TRAINED, SEEN))
        assert page.viewer.weights_chart == "path"
        page.say("lesson_answer", answer=1).say("lesson_act").rest().say("lesson_go", to=1)
        assert (page.viewer.weights_chart, page.told["asks"]) == ("directions", True)
        page.say("lesson_answer", answer=[4.0, 3.0, 2.0])
        assert page.viewer.weights_chart == "directions"
        with pytest.raises(ValueError, match=LOCKED):
            page.say("weights_chart", chart="layers")
        with pytest.raises(ValueError, match=LOCKED):
            page.say("tasks_chart", chart="landscape")  # held-out tasks may be what the step points at


class TestActions:
    @pytest.mark.parametrize("press", [{"type": "lesson_act"}, {"type": "play"}, {"type": "run_until", "step": 500}])
    def test_training_ends_at_the_step_and_is_judged_whoever_pressed_what(self, press: dict[str, Any]):
        page = answered()
        obey(page.page, press, page.now)
        assert page.told["busy"] == "training"
        page.rest()
        assert (page.run.step, page.run.playback.playing) == (6, False)
        assert (page.told["done"], page.told["right"]) == (True, True)
        assert page.told["verdict"] == "“To 6”: right. It came to 6."

    def test_single_steps_count_too(self):
        page = answered()
        for _ in range(6):
            assert not page.told["done"]
            page.say("outer_step").rest()
        assert page.told["done"]

    def test_what_is_measured_is_of_the_run_as_it_stands(self):
        page = trained()
        summary = page.run.audience.seen.trajectories["maml"]
        names = page.guide.pupil.names
        assert names["trained.step"] == page.run.step == 6
        assert names["trained.loss_after"] == pytest.approx(float(summary.mean[TINY.num_inner_steps]))
        joint = page.run.audience.seen.trajectories["joint"]
        assert names["trained.joint_after"] == pytest.approx(float(joint.median[TINY.num_inner_steps]))
        records = page.run.recording.records()
        assert records is not None
        assert names["trained.training_loss"] == pytest.approx(sum(records.query_loss.tolist()) / 6)

    def test_the_losses_that_are_judged_are_the_last_that_the_chart_shows(self):
        page = trained()
        curves, names = results(page.run, page.viewer).curves, page.guide.pupil.names
        assert page.run.history.curves().held_out_steps[-1] < page.run.step
        assert curves.held_out_steps[-1] == names["trained.step"] == page.run.step
        found = [curves.before[-1], curves.after[-1]]
        np.testing.assert_allclose(found, [names["trained.loss_before"], names["trained.loss_after"]], rtol=1e-6)
        assert len(curves.before) == len(curves.after) == len(curves.held_out_steps)

    def test_a_run_that_diverges_is_done_with_training(self):
        step = replace_until(TRAINED, 500)
        page = Attended(lesson(step, config=EXPLOSIVE)).say("lesson_answer", answer=1).say("lesson_act")
        for _ in range(10):
            page.rest()
        assert page.run.status.kind == "diverged"
        assert page.told["done"]
        assert page.guide.pupil.names["trained.diverged"] == 1.0

    def test_a_dial_counts_when_it_has_rested_in_its_range(self):
        page = trained().say("lesson_go", to=1).say("lesson_answer", answer=0.02)
        page.say("set", changes={"alpha": 0.02})
        page.chunk()
        assert not page.guide.follow(page.run, page.viewer, page.now)
        page.say("set", changes={"alpha": 0.03})  # dragged through it
        page.chunk()
        assert not page.guide.follow(page.run, page.viewer, page.now + 2 * SETTLED_S)
        page.rest()
        assert not page.told["done"]
        page.say("set", changes={"alpha": 0.016}).rest()
        assert page.told["done"]
        assert page.told["verdict"].endswith("It is 0.016, it was 0.010.")
        assert page.guide.pupil.names["moved.alpha"] == 0.016

    def test_tasks_and_walks_are_counted(self):
        page = Attended(lesson(DRAWN, WALKED, TRAINED))
        page.say("task", redraw=True).rest()
        assert (page.told["count"], page.told["done"]) == (1, False)
        page.say("lesson_act").rest()
        assert page.told["done"]
        page.say("lesson_go", to=1)
        assert page.told["count"] == 0
        with pytest.raises(ValueError, match=NOTHING_TO_TRAIN):
            page.say("play")
        page.say("lesson_act").rest()
        assert page.told["done"]

    def test_a_look_is_waited_for_and_its_numbers_are_judged(self):
        page = Attended(lesson(SEEN)).say("lesson_answer", answer=[4.0, 3.0, 2.0])
        page.guide.follow(page.run, page.viewer, page.now)
        assert page.told["busy"] == "measuring"
        page.rest()
        assert page.told["done"]
        assert "FOMAML agrees: " in page.told["verdict"]
        assert "no number" not in page.told["verdict"]
        prediction = page.told["prediction"]
        median = page.run.audience.seen.trajectories["maml"].median
        assert prediction["truth"] == pytest.approx([float(value) for value in median[:3]])


class TestSteps:
    def test_a_restart_begins_anew_and_leaves_a_ghost(self):
        page = Attended(lesson(TRAINED, AFRESH)).say("lesson_answer", answer=1).say("lesson_act").rest()
        page.say("lesson_go", to=1).rest()
        assert (page.run.step, page.run.config) == (0, replace(TINY, {"alpha": 0.03}))
        assert len(page.run.ghosts.all) == 1
        page.say("lesson_go", to=0)
        assert page.told["verdict"].endswith("It came to 6.")
        assert page.guide.locked["alpha"] == LOOKS_BACK
        page.say("lesson_go", to=1)
        assert len(page.run.ghosts.all) == 1  # it has begun already

    @pytest.mark.parametrize("kind", ["reset", "undo", "jump", "shared", "branch"])
    def test_no_other_run_takes_its_place(self, kind: str):
        page = trained()
        with pytest.raises(ValueError, match=NOT_HERE):
            page.say(kind)
        with pytest.raises(ValueError, match="done"):
            page.say("play")
        assert page.run.step == 6

    def test_when_all_is_done_the_run_may_be_played_on_with(self):
        page = Attended(lesson(TRAINED, DRAWN)).say("lesson_answer", answer=1)
        with pytest.raises(ValueError, match="First what the last step"):
            page.say("lesson_free")
        page.say("lesson_act").rest().say("lesson_go", to=1).say("lesson_act").say("lesson_act").rest()
        assert (page.told["done"], page.told["free"], bool(page.told["idle"])) == (True, False, True)
        page.say("lesson_free")
        assert (page.told["free"], page.told["idle"], page.guide.locked) == (True, "", {})
        page.say("set", changes={"beta": 0.02}).say("run_until", step=9).rest()
        assert (page.run.step, page.run.config.beta) == (9, 0.02)
        page.say("weights_chart", chart="layers")
        for refused in ({"kind": "reset"}, {"kind": "set", "changes": {"shots": 2}}):
            with pytest.raises(ValueError, match=f"{NOT_HERE}|{LOCKED}"):
                page.say(**refused)
        page.say("lesson_go", to=0)  # an earlier step is shown as it was
        assert page.told["verdict"].endswith("It came to 6.")
        assert page.guide.locked["alpha"] == LOOKS_BACK
        page.say("lesson_go", to=1)
        assert page.guide.locked == {}

    def test_a_step_by_its_own_address_begins_with_the_run_that_it_needs(self):
        assert Guide(SMALL, at=5).config == replace(TINY, {"alpha": 0.03})
        assert Guide(SMALL, at=4).config == TINY

    def test_another_seed_is_another_run(self):
        config = Guide(SMALL, seed=3).config
        assert (config.weights_seed, config.tasks_seed) == (TINY.weights_seed + 3, TINY.tasks_seed + 3)
        assert not Guide(SMALL, seed=3).continues(Guide(SMALL))

    def test_without_a_lesson_its_messages_are_not_understood(self):
        page = Page(LiveRun(TINY), 0.0)
        with pytest.raises(ValueError, match="does not know"):
            obey(page, {"type": "lesson_act"}, 0.0)


def replace_until(step: Any, until: int) -> Any:
    return dataclasses.replace(step, action=dataclasses.replace(step.action, until=until))
