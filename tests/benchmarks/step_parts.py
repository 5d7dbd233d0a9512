"""Where the time of an outer step goes, eager and compiled: parts that add up to the whole.

Each part is timed around the functions that compute it, without the parts inside them; what the timing itself takes is measured and taken
off. By the wall clock, since asking for a thread's own time takes as long as many a part: each of a hundred steps is taken as the quickest of
many rounds had it, so that others' work does not count.
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

import maml_core.outer_step
from maml_core import runs
from maml_core.compiled import step as compiled_step
from maml_core.compiled.files import STEP
from maml_core.config import RunConfig
from maml_core.problem import build_problem
from maml_core.runs import advance, init_run
from maml_core.tasks import Regression
from tests.benchmarks.rows import Figure, figures

STEPS, FORMS = (1, 5), ("eager", "compiled")
NUM_STEPS = 100
"""Outer steps of a round."""

GRADIENT, REST, WHOLE = "inner loop and meta-gradient", "records and the rest", "all"

PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "drawing the tasks": ((Regression, "draw_batches"),),
    GRADIENT: ((maml_core.outer_step, "outer_gradient"),),
    "update": ((maml_core.outer_step, "updated"),),
    "rows of tensors": (
        (compiled_step.CompiledWalk, "step"),
        (compiled_step, "_learned"),
        (compiled_step, "_learners_from"),
    ),
    "checks and checkpoints": (
        (maml_core.outer_step, "_is_finite"),
        *((runs, name) for name in ("fault", "high_loss_steps", "_watched")),
    ),
    "held-out evaluations": ((runs, "_held_out_losses"),),
    "clock": (),
    REST: (),
}
"""What computes each, by the file or class that calls it so. The compiled graph has the update and the check for what is not finite in it."""


def _name(num_inner_steps: int, form: str, part: str) -> str:
    return f"profile, N = {num_inner_steps}, {form}: {part}"


CASES = tuple((num_inner_steps, form) for num_inner_steps in STEPS for form in FORMS)
FIGURES = figures(*(Figure(_name(*case, part), "ms") for case in CASES for part in (*PARTS, WHOLE)))


class Stopwatch:
    """Time of each part, without that of the parts inside it."""

    def __init__(self) -> None:
        self.slices: list[dict[str, float]] = []
        """Seconds by part, of one stretch of the way after the other."""
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._open = [REST]
        self._since = 0.0
        self._inside_s = self._outside_s = 0.0
        timed = self.around("", lambda: None)
        count = 20_000
        self.start()
        for _ in range(count):
            timed()
        self.cut()
        (found,) = self.slices
        self._inside_s, self._outside_s = found[""] / count, found[REST] / count

    def start(self) -> None:
        """Forget all, and begin with the rest."""
        self.slices = []
        self._spent.clear()
        self._since = time.perf_counter()

    def cut(self) -> None:
        """End a slice; the next one begins."""
        self._passed()
        self.slices.append(dict(self._spent))
        self._spent.clear()

    def _passed(self) -> None:
        now = time.perf_counter()
        self._spent[self._open[-1]] += now - self._since
        self._since = now

    def around(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed as a part."""

        @functools.wraps(function)
        def timed(*arguments: Any, **settings: Any) -> Any:
            self._passed()
            self._open.append(part)
            try:
                return function(*arguments, **settings)
            finally:
                self._passed()
                self._open.pop()
                self._spent[part] -= self._inside_s
                self._spent[self._open[-1]] -= self._outside_s

        return timed


def parts(num_inner_steps: int, key: str, *, rounds: int) -> dict[str, float]:
    """Milliseconds of every part of an outer step of the paper's sinusoid with its held-out evaluations, and of all.

    Args:
        num_inner_steps: N.
        key: Of the compiled form; empty where it is computed eagerly.
        rounds: How often the steps are taken.
    """
    config = RunConfig(num_inner_steps=num_inner_steps, joint_baseline=False)
    problem = build_problem(config)
    state = init_run(config, problem=problem)._replace(compiled=key)
    state, _ = advance(config, state, num_steps=NUM_STEPS, problem=problem)  # and the graph is loaded
    watch, all_rounds = Stopwatch(), []
    clock = watch.around("clock", time.thread_time)

    def clock_that_cuts() -> float:
        """The run looks at its clock after every step, and once more where a stretch of steps ends."""
        now: float = clock()
        watch.cut()
        return now

    with pytest.MonkeyPatch.context() as patch:
        for part, functions in PARTS.items():
            for owner, name in functions:
                patch.setattr(owner, name, watch.around(part, getattr(owner, name)))
        patch.setattr(runs, "time", SimpleNamespace(thread_time=clock_that_cuts))
        if key:
            libraries = compiled_step._LOADED[key]
            patch.setitem(compiled_step._LOADED, key, {**libraries, STEP: watch.around(GRADIENT, libraries[STEP])})
        for _ in range(rounds):
            watch.start()
            advance(config, state, num_steps=NUM_STEPS, problem=problem)
            watch.cut()  # the records are put together after the last step
            all_rounds.append(watch.slices)
    quickest = [min(same, key=lambda found: sum(found.values())) for same in zip(*all_rounds, strict=True)]
    found = {part: 1e3 * sum(one.get(part, 0.0) for one in quickest) / NUM_STEPS for part in PARTS}
    return {**found, WHOLE: sum(found.values())}


def measured(keys: Mapping[int, str], *, rounds: int) -> dict[str, float]:
    """The parts of all cases, by the names of their figures.

    Args:
        keys: Of the compiled forms, by N.
        rounds: How often the steps of each case are taken.
    """
    return {
        _name(count, form, part): value
        for count, form in CASES
        for part, value in parts(count, keys[count] if form == "compiled" else "", rounds=rounds).items()
    }
