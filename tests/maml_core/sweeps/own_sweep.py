"""A sweep of a problem of one's own that has begun, computed in this process."""

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
