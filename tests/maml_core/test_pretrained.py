"""The run that comes with the project: it adapts to drawings of characters that it has never seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from maml_core.config import replace
from maml_core.evaluation import evaluate, summarize
from maml_core.presets import PRESETS
from maml_core.problem import build_problem, held_out_tasks
from maml_core.rng import Stream
from maml_core.run_state import rule
from maml_core.state_bytes import check_state, state_from_bytes
from maml_core.store import load_run

FOLDER = Path(__file__).parents[2] / "assets" / "pretrained" / "glyphs"


def test_it_is_a_run_of_the_demo() -> None:
    saved = load_run(FOLDER)
    demo = next(preset.config for preset in PRESETS if preset.name == "Glyphs, fast demo")
    own = ("alpha", "beta", "evaluate_every", "evaluation_tasks", "evaluation_steps")  # as its README's command says
    assert replace(saved.config, {name: getattr(demo, name) for name in own}) == demo
    assert (saved.step, saved.timeline) == (8000, ())
    check_state(state_from_bytes(saved.state), saved.config, build_problem(saved.config))


def test_one_step_names_nine_of_ten_drawings_of_unseen_characters() -> None:
    saved = load_run(FOLDER)
    problem, learner = build_problem(saved.config), state_from_bytes(saved.state).meta
    tasks = held_out_tasks(saved.config, problem, 200, stream=Stream.TEST_TASKS)
    how = rule(saved.config, problem, learner)
    accuracy = summarize(evaluate(learner.theta, tasks, problem=problem, num_steps=1, how=how)).accuracy
    assert accuracy is not None
    assert accuracy[0] == pytest.approx(0.2, abs=0.03)
    assert accuracy[1] > 0.9
