"""The budget: what is left, measured on the executor that will do it."""

from __future__ import annotations

import math
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

import pytest

from maml_core.config import ConvConfig, GlyphsConfig
from maml_core.errors import ConfigError
from maml_core.sweeps import compiling_pays
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.budget import REFUSED, Cost, budget, check_drawable, groups, reckoned
from maml_core.sweeps.chunks import LanesRequest
from maml_core.sweeps.compiling_pays import COMPILING_S, TIMES_AS_FAST
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.sampling import cost
from tests.maml_core.helpers import tiny
from tests.maml_core.sweeps.test_driver import made_up_lanes

ALPHA = Axis(name="alpha", values=(0.01, 0.02, 0.03, 0.04))
STEPS = Axis(name="num_inner_steps", values=(1, 2, 3, 4))
STEP_S, JUDGE_S = 0.002, 0.5
"""What each lane of a made-up batch takes."""


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


@pytest.fixture
def _compiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path))
    monkeypatch.setattr(compiling_pays, "most_workers", lambda: 2)


class There(Steady):
    """Whose workers have the compiled form that they are asked for."""

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future = super().submit(fn, *arguments, **more)
        object.__setattr__(future.result(), "compiled", (arguments[0].compiled,))
        return future


LONG = round(1000.0 / STEP_S)
"""Outer steps, which take a lane a thousand seconds."""


@pytest.mark.usefixtures("_compiles")
def test_a_long_sweep_is_reckoned_with_what_compiling_takes_and_saves() -> None:
    sweep = SweepConfig(base=tiny(), axes=(ALPHA,), num_steps=LONG, num_rungs=4)
    need = budget(sweep, Steady(), at_once=2, compiles=True)
    assert need.cpu_s == pytest.approx(4 * (LONG * STEP_S / TIMES_AS_FAST + 4 * JUDGE_S))
    done_s = COMPILING_S / TIMES_AS_FAST  # by the one batch that trains meanwhile, as of compiled steps
    assert need.seconds == pytest.approx(COMPILING_S + (need.cpu_s - done_s) / 2)
    assert need.compiling_s == COMPILING_S
    assert budget(sweep, Steady(), at_once=2).compiling_s == 0.0  # on other machines


@pytest.mark.usefixtures("_compiles")
def test_a_short_sweep_is_not_compiled() -> None:
    sweep = SweepConfig(base=tiny(), axes=(ALPHA,), num_steps=round(COMPILING_S / STEP_S / 4), num_rungs=4)
    need = budget(sweep, Steady(), at_once=2, compiles=True)
    assert need.compiling_s == 0.0
    assert need.seconds == pytest.approx(budget(sweep, Steady(), at_once=2).seconds)


@pytest.mark.usefixtures("_compiles")
def test_what_is_compiled_already_is_measured_as_it_is() -> None:
    sweep = SweepConfig(base=tiny(), axes=(ALPHA,), num_steps=LONG, num_rungs=4)
    need = budget(sweep, There(), at_once=2, compiles=True)
    assert need.cpu_s == pytest.approx(4 * (LONG * STEP_S + 4 * JUDGE_S))
    assert need.seconds == pytest.approx(need.cpu_s / 2)


@pytest.mark.usefixtures("_compiles")
def test_groups_that_are_not_measured_are_reckoned_from_eager_steps_of_others() -> None:
    sweep = SweepConfig(base=tiny(), axes=(STEPS,), num_steps=LONG)
    found = groups(sweep)
    few = dict.fromkeys(list(found)[:1], Cost(STEP_S, 0.0, is_compiled=True))
    need = reckoned(sweep, found, few, at_once=1, compiles=True)
    assert need.compiling_s == 3 * COMPILING_S
    same = {key: Cost(STEP_S * cost(key) / cost(next(iter(found))), 0.0, is_compiled=True) for key in found}
    assert need.cpu_s == pytest.approx(reckoned(sweep, found, same, at_once=1, compiles=True).cpu_s)
    assert need.cpu_s * TIMES_AS_FAST == pytest.approx(LONG * sum(one.eager_step_s for one in same.values()))


@pytest.mark.usefixtures("_compiles")
def test_a_group_that_cannot_be_drawn_is_not_compiled() -> None:
    sweep = SweepConfig(base=tiny(), axes=(STEPS,), num_steps=LONG)
    found = groups(sweep)
    need = reckoned(
        sweep, found, dict.fromkeys(found, REFUSED) | {next(iter(found)): Cost(STEP_S, 0.0)}, at_once=1, compiles=True
    )
    assert need.compiling_s == COMPILING_S


@pytest.mark.usefixtures("_compiles")
def test_convolutions_and_settings_that_nobody_knows_are_not_compiled() -> None:
    images = tiny(joint_baseline=False, tasks=GlyphsConfig(), model=ConvConfig(num_filters=4))
    drawn = (Axis(name="alpha", low=0.01, high=0.1), Axis(name="beta", low=0.001, high=0.01))
    for of in (
        SweepConfig(base=images, axes=(ALPHA,), num_steps=LONG),
        SweepConfig(base=tiny(), axes=drawn, num_steps=LONG, sampler="tpe"),
    ):
        costs = dict.fromkeys(groups(of), Cost(STEP_S, 0.0))
        assert reckoned(of, groups(of), costs, at_once=1, compiles=True).compiling_s == 0.0


class Refusing(Executor):
    """Nothing can be drawn there."""

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result("there are too few images")
        return future


def test_only_settings_that_are_known_are_refused_before_a_sweep_begins() -> None:
    with pytest.raises(ConfigError, match="none of them can be computed: there are too few images"):
        check_drawable(SweepConfig(base=tiny(), axes=(ALPHA,)), Refusing())
    drawn = SweepConfig(base=tiny(), axes=(Axis(name="shots", low=2, high=9),), sampler="tpe", num_settings=20)
    check_drawable(drawn, Refusing())  # it may draw others
