"""The page and the command line say the same of what a sweep will take."""

from __future__ import annotations

import pytest

from dashboard.server.hub import Hub
from dashboard.setups.sweep_costs import budget_words
from dashboard.sidebar.sweep_actions import estimate
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.budget import Budget, budget
from maml_core.sweeps.definition import SweepConfig
from tests.maml_core.helpers import tiny
from tests.maml_core.sweeps.test_budget import Steady

ALPHA = Axis(name="alpha", values=(0.01, 0.02, 0.03))
SWEEPS = {
    "one group": SweepConfig(base=tiny(), axes=(ALPHA,), num_steps=100, num_rungs=4),
    "several seeds": SweepConfig(base=tiny(), axes=(ALPHA,), num_steps=100, num_seeds=3),
    "more groups than are measured": SweepConfig(
        base=tiny(), axes=(ALPHA, Axis(name="num_inner_steps", values=(1, 2, 3, 4, 5))), num_steps=100
    ),
    "some that do not go together": SweepConfig(
        base=tiny(),
        axes=(Axis(name="algorithm", values=("maml", "reptile")), Axis(name="order", values=("second", "first"))),
        num_steps=100,
    ),
    "nobody knows which": SweepConfig(
        base=tiny(),
        axes=(Axis(name="alpha", low=0.01, high=1.0, log=True), Axis(name="shots", low=2, high=4)),
        sampler="tpe",
        num_settings=20,
        num_steps=100,
    ),
}


def said_by_both(sweep: SweepConfig, num_workers: int) -> tuple[Budget, Budget]:
    on_the_page = estimate(Hub(Steady(), num_workers=num_workers), sweep, 60.0)
    return on_the_page, budget(sweep, Steady(), at_once=num_workers)


@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("num_workers", [1, 2, 16])
def test_both_say_the_same(name: str, num_workers: int) -> None:
    page, command = said_by_both(SWEEPS[name], num_workers)
    assert page[:3] == command[:3]
    assert page.cpu_s == pytest.approx(command.cpu_s) != 0.0
    assert page.seconds == pytest.approx(command.seconds)
    assert budget_words(page) == budget_words(command)


def test_what_does_not_go_together_is_not_counted() -> None:
    page, command = said_by_both(SWEEPS["some that do not go together"], 1)
    assert page.num_settings == command.num_settings == 3
