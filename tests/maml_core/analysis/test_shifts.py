"""Tasks outside the range of training: which they are, and that they are judged like those inside."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maml_core.analysis.shifts import shifts
from maml_core.config import GlyphsConfig, LinearConfig, RunConfig, SinusoidConfig
from maml_core.evaluation import evaluate, summarize
from maml_core.inner import Adaptation
from maml_core.models import MLP
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.rng import Stream
from tests.maml_core.analysis.dense import SETUPS
from tests.maml_core.helpers import prepared, same, tiny
from tests.maml_core.members import family_run, images_there


def ranges(config: RunConfig) -> dict[str, str]:
    problem, theta, _ = prepared(config)
    found = shifts(config, theta, problem=problem, how=Adaptation(0.1), num_steps=1, num_tasks=3)
    return {shift.name: shift.tasks for shift in found}


def test_each_range_of_a_sinusoid_moves_up_by_itself() -> None:
    assert ranges(tiny(tasks=SinusoidConfig(amplitude=(1.0, 5.0), phase_rad=(0.0, math.pi)))) == {
        "inside": "as in training",
        "amplitude": "amplitude 5 to 7",
        "phase_rad": "phase_rad 3.14 to 4.71",
        "x": "x 5 to 10",
    }


def test_inside_is_as_in_training_wherever_held_out_tasks_come_from() -> None:
    plain, elsewhere = (
        tiny(tasks=SinusoidConfig(), num_query=4),
        tiny(tasks=SinusoidConfig(test_amplitude=(7.0, 9.0)), num_query=4),
    )
    found = []
    for config in (plain, elsewhere):
        problem, theta, _ = prepared(config)
        found.append(shifts(config, theta, problem=problem, how=Adaptation(0.1), num_steps=1, num_tasks=3))
    assert same([shift.summary for shift in found[0]], [shift.summary for shift in found[1]])


def test_a_range_of_no_width_or_at_its_end_has_no_outside() -> None:
    tasks = SinusoidConfig(amplitude=(2.0, 2.0), x=(-100.0, 100.0))
    assert list(ranges(tiny(tasks=tasks))) == ["inside", "phase_rad"]


def test_other_families_have_shifts_of_their_own() -> None:
    assert list(ranges(tiny(tasks=LinearConfig()))) == ["inside", "x"]
    assert ranges(SETUPS["conv"])["difficulty"] == "difficulty 1"
    hardest = dataclasses.replace(SETUPS["conv"], tasks=GlyphsConfig(ways=2, difficulty=1.0))
    assert list(ranges(hardest)) == ["inside"]


def test_images_from_files_are_those_of_the_test_classes(tmp_path: Path) -> None:
    with images_there(tmp_path) as folder:
        config = family_run("omniglot", folder)
        problem, theta, _ = prepared(config)
        found = shifts(config, theta, problem=problem, how=Adaptation(0.1), num_steps=1, num_tasks=3)
        drawn = held_out_tasks(config, problem, 3, stream=Stream.TEST_TASKS)
        expected = summarize(evaluate(theta, drawn, problem=problem, how=Adaptation(0.1), num_steps=1))
        assert [shift.name for shift in found] == ["inside", "classes"]
        assert same(found[1].summary, expected)


@pytest.mark.parametrize("count", [0, 3])
def test_without_enough_test_classes_there_are_those_inside_alone(tmp_path: Path, count: int) -> None:
    with images_there(tmp_path) as folder:
        config = family_run("folder", folder)
        tasks: Any = dataclasses.replace(config.tasks, ways=4, validation_classes=4, test_classes=count)
        assert list(ranges(dataclasses.replace(config, tasks=tasks))) == ["inside"]


@pytest.mark.parametrize("name", SETUPS)
def test_losses_are_those_of_an_evaluation_on_such_tasks(name: str) -> None:
    config = SETUPS[name]
    problem, theta, _ = prepared(config)
    found = shifts(config, theta, problem=problem, how=Adaptation(0.1), num_steps=2, num_tasks=5)
    outside = {
        "mlp": {"tasks": SinusoidConfig(amplitude=(5.0, 7.45))},
        "conv": {"tasks": GlyphsConfig(ways=2, difficulty=1.0)},
    }[name]
    for shift, changes in zip(found, ({}, outside), strict=False):
        of_kind = dataclasses.replace(config, **changes)
        among = build_problem(of_kind)
        tasks = held_out_tasks(of_kind, among, num_tasks=5)
        expected = summarize(evaluate(theta, tasks, problem=among, how=Adaptation(0.1), num_steps=2))
        np.testing.assert_allclose(shift.summary.mean, expected.mean)
        np.testing.assert_allclose(shift.summary.diverged_share, expected.diverged_share)
    assert found[1].summary.mean[0] != found[0].summary.mean[0]


def test_tasks_of_somebodys_own_are_those_inside_alone() -> None:
    config = tiny()
    problem, theta, _ = prepared(config)
    own = Problem(family=problem.family, model=MLP(config.model, num_inputs=1, num_outputs=1))  # type: ignore[arg-type]
    found = shifts(config, theta, problem=own, how=Adaptation(0.1), num_steps=1, num_tasks=3)
    assert [shift.name for shift in found] == ["inside"]
