"""The check of a lesson: its model pupils are runs of the engine, and what does not show is told by its step and seed."""

from __future__ import annotations

import numpy as np
import pytest

from maml_core.config import RunConfig, replace
from maml_core.lessons.checking import check
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.measures import measured
from maml_core.lessons.pupils import begun, observed, pupils, trained
from maml_core.lessons.reading import read_lesson
from maml_core.lessons.template import TEMPLATE
from maml_core.records import Entry
from maml_core.runs import advance, apply_entry, init_run

SMALL = RunConfig(meta_batch_size=4, alpha=0.02, beta=3e-3, evaluation_tasks=8, joint_baseline=False)
SEEDS = (0, 1, 2)


def seeded(config: RunConfig, seed: int) -> RunConfig:
    return replace(config, {"weights_seed": seed, "tasks_seed": seed})


@pytest.mark.parametrize(
    "config", [SMALL, replace(SMALL, {"outer_optimizer": "sgd", "algorithm": "meta_sgd"})], ids=["adam", "sgd"]
)
def test_pupils_are_runs(config: RunConfig) -> None:
    other = replace(config, {"beta": 1e-3})
    run = trained(trained(begun(config), config, 60, SEEDS), other, 110, SEEDS)
    for seed, pupil in zip(SEEDS, pupils(run, SEEDS), strict=True):
        state, first = advance(seeded(config, seed), init_run(seeded(config, seed)), num_steps=60)
        state, then = advance(seeded(other, seed), state, num_steps=50)
        assert pupil.state.step == 110
        assert pupil.config == seeded(other, seed)
        for name, value in state.meta.theta.items():
            np.testing.assert_allclose(pupil.state.meta.theta[name], value, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(pupil.recent, np.c_[then.query_loss, then.accuracy][-20:], rtol=1e-3)
        assert not first.events


def test_a_pupil_that_diverges_goes_back_and_on_as_a_run_does() -> None:
    wild = replace(SMALL, {"alpha": 3.0, "num_inner_steps": 5})
    run = trained(trained(begun(SMALL), SMALL, 10, SEEDS), wild, 30, SEEDS)
    for pupil in pupils(run, SEEDS):
        assert pupil.state.status.kind == "diverged"
        assert 10 < pupil.state.step < 30
        assert pupil.rollbacks == 1
        found = measured(observed(pupil, wild, measures=frozenset({"diverged"}), look="path"))
        assert (found["diverged"], found["rollbacks"]) == (1, 1)
    again = trained(run, SMALL, 40, SEEDS)
    for before, pupil in zip(pupils(run, SEEDS), pupils(again, SEEDS), strict=True):
        assert (pupil.state.status.kind, pupil.state.step, pupil.rollbacks) == ("ok", 40, 1)
        config, state = apply_entry(pupil.config, before.state, Entry(step=before.state.step, kind="resume"))
        state, _ = advance(config, state, num_steps=40 - before.state.step)
        for name, value in state.meta.theta.items():
            np.testing.assert_allclose(pupil.state.meta.theta[name], value, rtol=1e-3, atol=1e-4)


def test_with_joint_training_beside_it() -> None:
    config = replace(SMALL, {"joint_baseline": True})
    run = trained(begun(config), config, 5, SEEDS)
    for seed, pupil in zip(SEEDS, pupils(run, SEEDS), strict=True):
        state, _ = advance(seeded(config, seed), init_run(seeded(config, seed)), num_steps=5)
        assert state.joint is not None
        assert pupil.state.joint is not None
        for name, value in state.joint.theta.items():
            assert (pupil.state.joint.theta[name] == value).all()
        assert "joint_last" in measured(observed(pupil, config, measures=frozenset({"joint_last"}), look="path"))


def lesson(*changes: tuple[str, str]) -> Lesson:
    text = TEMPLATE.replace("until = 400", "until = 20")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return read_lesson(text, name="my-lesson")


def test_what_shows_shows() -> None:
    found = check(lesson(("< 0.6 * start", "< 2 * start")), (0, 1))
    assert found.problems == ()
    assert found.shows
    start, end = found.steps
    assert (start.sentences, start.truths) == ((), (None, None))
    assert end.truths == (1, 1)
    assert end.sentences[0].startswith("It fell from ")
    for names in found.numbers:
        assert names["trained.step"] == 20
        assert names["start.median_after"] > 0
    assert found.cpu_s > 0


def test_what_does_not_show_is_told_by_step_and_seed() -> None:
    found = check(lesson(("< 0.6 * start", "< 0.001 * start")), (0, 1))
    assert not found.shows
    assert len(found.problems) == 2
    assert found.problems[1].startswith("trained: at seed 1 what comes out is “It went from ")


def test_options_of_which_not_one_is_right() -> None:
    taught = ("< 0.6 * start", "< 2 * start")
    both = check(lesson(taught, ('right = "trained.median_after < 0.5', 'right = "trained.median_after < 50')), (0,))
    assert both.problems == (
        "trained: at seed 0 the right answers are ['Less than half', 'More than half'], and not one",
    )


def test_a_right_answer_that_differs_from_seed_to_seed() -> None:
    taught = ("< 0.6 * start", "< 2 * start")
    middle = sum(names["start.loss_before"] for names in _starts()) / 2
    by_seed = lesson(
        taught,
        ("trained.median_after < 0.5 * start.median_after", f"start.loss_before < {middle}"),
        ("trained.median_after >= 0.5 * start.median_after", f"start.loss_before >= {middle}"),
    )
    assert "the right answer differs from seed to seed" in check(by_seed, (0, 1)).problems[0]


def _starts() -> list[dict[str, float]]:
    """What is measured of two runs before training."""
    one = lesson(("< 0.6 * start", "< 2 * start"))
    return [
        {
            f"start.{name}": value
            for name, value in measured(observed(pupil, one.config, measures=frozenset(), look="path")).items()
        }
        for pupil in pupils(begun(one.config), (0, 1))
    ]


NUMBER = 'kind = "number"\nquestion = "?"\ntruth = "trained.step"\nlow = 0\nhigh = {}\n'
CURVE = 'kind = "curve"\nquestion = "?"\ntruth = "adaptation"\nx_label = "k"\nnum_points = {}\nlow = 0\nhigh = {}\n'


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (NUMBER.format(30), ""),
        (NUMBER.format(10), "the number is 20, which the axis from 0 to 10 has not"),
        (CURVE.format(11, 50), ""),
        (CURVE.format(12, 50), "the curve has 11 points, and not 12"),
        (CURVE.format(11, 0.01), "which the axis has not"),
    ],
)
def test_axes_have_what_is_measured(asked: str, problem: str) -> None:
    text = TEMPLATE.replace("until = 400", "until = 20").replace("< 0.6 * start", "< 2 * start")
    start, end = text.index('kind = "choice"'), text.index('[steps.action]\nkind = "train"')
    found = check(read_lesson(text[:start] + asked + text[end:], name="my-lesson"), (0,))
    assert len(found.problems) == bool(problem)
    assert problem in "".join(found.problems)
