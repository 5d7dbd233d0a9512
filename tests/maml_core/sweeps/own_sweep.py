"""Sweeps of a problem of one's own, computed in this process: one that has begun, and code that refuses some settings."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import Any

from maml_core.config import RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.own_code import tasks_named
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.chunks import run_lanes
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Sweeping
from maml_core.sweeps.recognition import find_problem
from maml_core.sweeps.study import open_study

STRICT = """
from torch import nn

from maml_core import ModuleModel, Problem, StreamTasks


def planes(rng):
    while True:
        x, w = rng.uniform(-1, 1, (20, 2)), rng.normal(size=(2, 1))
        y = x @ w
        yield x[:10], y[:10], x[10:], y[10:]


def strict(predictions, targets):
    if predictions.abs().max() > 40:
        raise ValueError("predictions are beyond what is measured")
    return (predictions - targets).square().mean()


def problem():
    return Problem(family=StreamTasks(planes), model=ModuleModel(nn.Linear(2, 1), reinitialize=True), loss=strict)
"""
"""A module whose loss refuses what a large alpha makes."""
BEYOND = "predictions are beyond what is measured"
FINE, WHERE_JUDGED, IN_A_STEP = 0.05, 10.0, 100.0
"""Alphas: a step of the second takes theta about six times as far away, and it is judged after more steps than it is trained with."""


class Here(Executor):
    """Computes in this process, at once."""

    num_workers = 1

    def submit(self, fn: Any, /, *arguments: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*arguments, **more))
        except ConfigError as error:
            future.set_exception(error)
        return future

    def warm_up(self) -> list[Future[int]]:
        return []


def begun(module: str) -> None:
    """The sweep, of which the first settings are finished."""
    name = f"{module}:problem"
    settings = {"shots": 5, "num_query": 5, "meta_batch_size": 2, "evaluation_tasks": 4, "dtype": "float64"}
    base = replace(RunConfig(), {"tasks": tasks_named(name), **settings, "shots": 10})
    axes = (Axis(name="alpha", values=(0.05, 0.1)), Axis(name="num_inner_steps", values=(1, 2)))
    sweep = SweepConfig(base=base, axes=axes, num_steps=6)
    with open_study(sweep, "mine") as study:
        find_problem(study, Here(), name)
        sweeping = Sweeping(sweep, study, max_lanes=1)
        for _ in range(len(sweep.rungs)):
            ticket = sweeping.next_request()
            assert ticket is not None
            sweeping.finished(ticket, run_lanes(ticket.request))
        sweeping.close()
        assert sum(one.is_done for one in study.results()) == 1
