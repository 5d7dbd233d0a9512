"""What the switches of a run do now, in words: before, at and after the end of each schedule."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from dashboard.live.run import LiveRun
from dashboard.live.switches import Acting, acting, now
from maml_core.config import MLPConfig, RunConfig
from maml_core.records import Curvature, LearnedRates
from tests.dashboard.live.driver import TINY, Driver
from tests.dashboard.live.test_history import records

HORIZONS = {"epoch_steps": 500, "num_epochs": 100, "multi_step_epochs": 15, "first_order_epochs": 50}


def at(step: int, **changes: Any) -> LiveRun:
    """A run that stands at a step."""
    run = LiveRun(RunConfig(**{"num_inner_steps": 3, **HORIZONS, **changes}))
    run.step = step
    return run


def only(run: LiveRun) -> Acting:
    (found,) = acting(run)
    return found


@pytest.mark.parametrize(
    ("step", "is_acting", "text"),
    [
        (0, True, "weights .33 .33 .33, until step 7,500"),
        (5000, True, "weights .11 .11 .78, until step 7,500"),
        (7499, True, "weights .02 .02 .96, until step 7,500"),
        (7500, False, "over since step 7,500: only θ_N counts"),
    ],
)
def test_multi_step_loss(step: int, is_acting: bool, text: str) -> None:
    run = at(step, multi_step_loss=True)
    assert only(run) == Acting("Multi-step loss", is_acting, text)
    assert now(run)["multi_step"] is is_acting


def test_many_equal_weights_are_said_once() -> None:
    assert only(at(0, multi_step_loss=True, num_inner_steps=10)).text == "weights .10 (×9) .10, until step 7,500"


def test_with_one_inner_step_there_is_nothing_to_weigh() -> None:
    assert only(at(0, multi_step_loss=True, num_inner_steps=1)).acting is False


@pytest.mark.parametrize(
    ("step", "order", "text"),
    [(24_999, "first", "first until step 25,000, then second"), (25_000, "second", "second since step 25,000")],
)
def test_order(step: int, order: str, text: str) -> None:
    run = at(step, anneal_order=True)
    assert only(run) == Acting("Derivative order", order == "first", text)
    assert now(run)["order"] == order


@pytest.mark.parametrize(
    ("step", "is_acting", "text"),
    [
        (0, True, "0.001 now, 1 × 10⁻⁵ by step 50,000"),
        (25_000, True, "0.000505 now, 1 × 10⁻⁵ by step 50,000"),
        (50_000, False, "stays at 1 × 10⁻⁵ since step 50,000"),
    ],
)
def test_beta(step: int, is_acting: bool, text: str) -> None:
    run = at(step, anneal_beta=True)
    assert only(run) == Acting("β annealing", is_acting, text)


def test_the_formulas_get_the_beta_of_now() -> None:
    assert now(at(25_000, anneal_beta=True))["beta"] == pytest.approx(5.05e-4)
    assert now(at(25_000))["beta"] == 1e-3


def rates(steps: int) -> LearnedRates:
    values = np.linspace(-0.01, 0.05, 2 * steps).reshape(steps, 2)
    return LearnedRates(("w0", "b0"), values, values, values, float(np.median(values)))


@pytest.mark.parametrize(
    ("changes", "steps", "text"),
    [
        ({"per_step_rates": True}, 3, "6 of them, median 0.02, start 0.01"),
        ({"per_step_rates": True, "num_inner_steps": 5}, 3, "of 3 steps, median 0.02; step 3's repeat to N = 5"),
        ({"per_step_rates": True, "num_inner_steps": 2}, 3, "6 of them, median 0.02, start 0.01; steps after 2 unused"),
        ({"algorithm": "meta_sgd"}, 1, "one a parameter, median 0.02, start 0.01"),
    ],
    ids=str,
)
def test_learned_rates(changes: dict[str, Any], steps: int, text: str) -> None:
    run = at(10, **changes)
    run.audience.seen.rates = rates(steps)
    assert only(run) == Acting("Learned rates", True, text)
    assert now(run)["rate"] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("curvature", "limits"),
    [
        (None, None),
        (Curvature(math.nan, math.nan, math.nan), None),
        (Curvature(20.0, 10.0, 40.0), {"low": 0.05, "high": 0.2}),
        (Curvature(1.0, -1.0, 4.0), {"low": 0.5, "high": 1e9}),
    ],
    ids=str,
)
@pytest.mark.parametrize("algorithm", ["maml", "meta_sgd"])
def test_the_limits_of_stability_are_said_once_they_are_measured(
    algorithm: str, curvature: Curvature | None, limits: dict[str, float] | None
) -> None:
    run = at(5, algorithm=algorithm)
    run.audience.seen.curvature = curvature
    assert now(run)["limits"] == limits


def test_before_the_first_look_rates_are_where_they_start() -> None:
    run = at(0, algorithm="meta_sgd")
    assert only(run).text == "start at α = 0.01"
    assert now(run)["rate"] is None


@pytest.mark.parametrize(
    ("residual", "is_acting", "text"),
    [
        (3e-4, True, "residual 3e-4: solved"),
        (0.034, True, "residual 0.03: roughly solved; more steps help"),
        (0.42, False, "residual 0.42: not solved, raise λ or steps"),
    ],
)
def test_solver(residual: float, is_acting: bool, text: str) -> None:
    run = at(5, algorithm="imaml")
    run.history.add(records([1.0] * 5, residual=residual))
    assert only(run) == Acting("Solver", is_acting, text)


def test_one_bad_step_of_the_solver_is_no_verdict() -> None:
    run = at(9, algorithm="imaml")
    run.history.add(records([1.0] * 8, residual=1e-3))
    run.history.add(records([1.0], start=8, residual=1.0))
    assert only(run).text == "residual 1e-3: solved"


def test_before_the_first_step_the_solver_has_no_residual() -> None:
    assert only(at(0, algorithm="imaml", num_solver_steps=7)).text == "7 steps of conjugate gradients"


def test_what_is_off_is_not_mentioned() -> None:
    assert acting(at(0)) == []


def test_a_real_run_tells_its_rates_and_its_residual() -> None:
    for changes, name in (({"algorithm": "imaml"}, "Solver"), ({"per_step_rates": True}, "Learned rates")):
        config = RunConfig(**{f: getattr(TINY, f) for f in TINY.__dataclass_fields__} | changes)
        run = Driver(config).opened().played(4).run
        assert only(run).name == name
        assert only(run).text[-1].isdigit() or "residual" in only(run).text


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "by the points at hand: transductive"),
        ({"batch_norm_treatment": "support"}, "by the support set: inductive"),
        ({"batch_norm_treatment": "running"}, "by running averages: inductive"),
        (
            {"batch_norm_treatment": "running", "per_step_statistics": True, "per_step_norm": True},
            "by each step's running averages: inductive; scale and shift per step",
        ),
    ],
    ids=str,
)
def test_the_treatment_of_batch_norm_is_named(changes: dict[str, Any], text: str) -> None:
    assert only(at(0, model=MLPConfig(batch_norm=True), **changes)) == Acting("Batch norm", True, text)
