"""The budget: what is left, measured on the executor that will do it."""

from __future__ import annotations

import math
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from maml_core.sweeps.axes import Axis
from maml_core.sweeps.budget import budget
from maml_core.sweeps.chunks import LanesRequest
from maml_core.sweeps.space import SweepConfig
from tests.maml_core.helpers import tiny
from tests.maml_core.sweeps.test_driver import made_up_lanes

ALPHA = Axis(name="alpha", values=(0.01, 0.02, 0.03, 0.04))
STEPS = Axis(name="num_inner_steps", values=(1, 2, 3, 4))
STEP_S, JUDGE_S = 0.002, 0.5
"""Of a made-up batch, for each lane."""


class Steady(Executor):
    """Made-up lanes with a steady price."""

    def __init__(self) -> None:
        self.requests: list[LanesRequest] = []

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        request = arguments[0]
        self.requests.append(request)
        result = made_up_lanes(request)
        advance_s = STEP_S * len(request.configs) * len(result.steps)
        object.__setattr__(result, "advance_s", advance_s)
        object.__setattr__(result, "cpu_s", advance_s + (JUDGE_S * len(request.configs) if result.summaries else 0.0))
        future: Future[Any] = Future()
        future.set_result(result)
        return future


def test_a_sweep_is_reckoned_from_measured_steps() -> None:
    sweep = SweepConfig(base=tiny(), axes=(ALPHA,), num_steps=100, num_rungs=4, num_seeds=3)
    need = budget(sweep, Steady(), at_once=2)
    assert (need.num_settings, need.num_lanes, need.num_groups, need.lanes_at_once) == (4, 12, 1, 6)
    assert need.step_s == pytest.approx(6 * STEP_S)
    assert need.cpu_s == pytest.approx(12 * (100 * STEP_S + 4 * JUDGE_S))
    assert need.seconds == pytest.approx(need.cpu_s / 2)


def test_what_is_finished_is_not_counted() -> None:
    sweep = SweepConfig(base=tiny(), axes=(ALPHA, STEPS), num_steps=100)
    need = budget(sweep, Steady(), at_once=1, finished=range(12))
    assert (need.num_settings, need.num_groups) == (4, 4)
    assert budget(sweep, Steady(), at_once=1, finished=range(16)).seconds == 0.0


def test_a_few_groups_are_measured_and_the_others_reckoned_by_size() -> None:
    executor = Steady()
    sweep = SweepConfig(base=tiny(), axes=(ALPHA, STEPS), num_steps=100)
    need = budget(sweep, executor, at_once=1)
    assert len({request.configs[0].num_inner_steps for request in executor.requests}) == 3
    assert need.num_groups == 4
    assert math.isfinite(need.seconds)


def test_no_more_places_than_settings() -> None:
    sweep = SweepConfig(base=tiny(), axes=(ALPHA,), num_steps=100)
    need = budget(sweep, Steady(), at_once=16)
    assert need.lanes_at_once == 1
    assert need.seconds == pytest.approx(need.cpu_s / 4)


def test_tpe_has_a_budget_before_anybody_knows_its_settings() -> None:
    axes = (Axis(name="alpha", low=0.01, high=1.0, log=True), Axis(name="shots", low=2, high=9))
    sweep = SweepConfig(base=tiny(), axes=axes, sampler="tpe", num_settings=20, num_steps=100)
    assert budget(sweep, Steady(), at_once=1).num_settings == 20
