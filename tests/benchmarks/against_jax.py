"""The compiled outer step beside JAX: a jitted step that Python calls, and `jax.lax.scan`, each in a process pinned to one and the same processor.

The two take turns, so none takes the other's time. That both do the same work is checked first: the meta-gradients on the same tasks agree.
"""

from __future__ import annotations

import importlib.util
import multiprocessing
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch

from maml_core.config import RunConfig, replace
from maml_core.inner import Adaptation
from maml_core.outer import meta_gradient
from maml_core.problem import build_problem, training_tasks
from maml_core.runs import advance, init_run
from tests.benchmarks.rows import Figure, at_least, at_most, figures

NUM_STEPS = 200
"""At a time."""

AGREEMENT = 1e-6
JITTED_AIM, SCANNED_AIM = 1.1, 0.75
ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def _about(num_inner_steps: int) -> tuple[Figure, ...]:
    case = f"N = {num_inner_steps}"
    return (
        at_most(f"{case}: meta-gradient against JAX's, of the largest entry", AGREEMENT, ""),
        Figure(f"{case}: compiled, beside JAX", "ms"),
        Figure(f"{case}: JAX, jitted step", "ms"),
        Figure(f"{case}: JAX, lax.scan", "ms"),
        at_least(f"{case}: compiled, times as fast as JAX's jitted step", JITTED_AIM, "x"),
        at_least(f"{case}: compiled, times as fast as JAX's lax.scan", SCANNED_AIM, "x"),
    )


FIGURES = figures(*_about(1), *_about(5))


def is_there() -> bool:
    """Whether JAX is installed; where it is not, that is printed."""
    found = importlib.util.find_spec("jax") is not None
    if not found:
        print("  JAX is not installed, so nothing was compared with it: pip install -e '.[jax]'")
    return found


def compare(config: RunConfig, key: str, *, rounds: int) -> dict[str, float]:
    """Processor time for an outer step, ours compiled and both of JAX's, in turn.

    Args:
        config: What is trained.
        key: Of its compiled form.
        rounds: How often each has its turn.

    Raises:
        AssertionError: They do not do the same work.
    """
    case = f"N = {config.num_inner_steps}"
    problem = build_problem(config)
    state = init_run(config, problem=problem)._replace(compiled=key)
    whole = os.sched_getaffinity(0)
    core = min(whole)
    context = multiprocessing.get_context("spawn")
    os.sched_setaffinity(0, {core})
    try:
        with ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(core,)) as jax:
            difference = _difference(config, jax)
            assert difference <= AGREEMENT, f"JAX's meta-gradient differs by {difference:.1e} of the largest entry"
            theta = {name: value[0].numpy() for name, value in state.meta.theta.items()}
            jax.submit(_start, theta, _setup(config)).result()
            ours, jitted, scanned = [], [], []
            for index in range(rounds + 1):
                start = time.process_time()
                state, _ = advance(config, state, num_steps=NUM_STEPS, problem=problem)
                found = (time.process_time() - start) / NUM_STEPS * 1e3, *jax.submit(_round).result()
                if index > 0:  # the first compiles JAX's
                    for times, value in zip((ours, jitted, scanned), found, strict=True):
                        times.append(value)
    finally:
        os.sched_setaffinity(0, whole)
    return {
        f"{case}: meta-gradient against JAX's, of the largest entry": difference,
        f"{case}: compiled, beside JAX": statistics.median(ours),
        f"{case}: JAX, jitted step": statistics.median(jitted),
        f"{case}: JAX, lax.scan": statistics.median(scanned),
        f"{case}: compiled, times as fast as JAX's jitted step": _ratio(jitted, ours),
        f"{case}: compiled, times as fast as JAX's lax.scan": _ratio(scanned, ours),
    }


def _difference(config: RunConfig, jax: ProcessPoolExecutor) -> float:
    """Between both meta-gradients on the same tasks, in float64: in float32 units that switch in one of them only decide."""
    config = replace(config, {"dtype": "float64"})
    problem = build_problem(config)
    theta_0, tasks = problem.model.init(config.weights_seed, torch.float64), training_tasks(config, problem, 0)
    ours = meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(config.alpha), num_inner_steps=config.num_inner_steps
    ).gradient
    given = tuple(one.numpy() for one in (*tasks.support, *tasks.query))
    theirs = jax.submit(
        _gradient, {name: value[0].numpy() for name, value in theta_0.items()}, given, _setup(config)
    ).result()
    largest = max(float(np.abs(value).max()) for value in theirs.values())
    return max(float(np.abs(value[0].numpy() - theirs[name]).max()) for name, value in ours.items()) / largest


def _ratio(slow: list[float], fast: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def _setup(config: RunConfig) -> tuple[float, float, int, int, int, int]:
    """What `jax_step.Setup` has, which this process cannot import: JAX reads its flags from the environment of its own."""
    return (
        *(config.alpha, config.beta, config.num_inner_steps),
        *(config.meta_batch_size, config.shots, config.num_query),
    )


# In the process that has JAX

_RUNNING: list[Any] = []


def _begin(core: int) -> None:
    os.sched_setaffinity(0, {core})
    os.environ["XLA_FLAGS"] = ONE_THREAD
    os.environ["JAX_PLATFORMS"] = "cpu"


def _gradient(theta: dict[str, np.ndarray], tasks: tuple[np.ndarray, ...], setup: tuple[Any, ...]) -> Any:
    from tests.benchmarks import jax_step

    return jax_step.gradient_of(theta, tasks, jax_step.Setup(*setup))


def _start(theta: dict[str, np.ndarray], setup: tuple[Any, ...]) -> None:
    from tests.benchmarks import jax_step

    _RUNNING[:] = [jax_step.Timed(theta, jax_step.Setup(*setup), NUM_STEPS)]


def _round() -> tuple[float, float]:
    (timed,) = _RUNNING
    return timed.jitted_ms(NUM_STEPS), timed.scanned_ms()
