"""Speed of the engine's own `advance`, eager and compiled, against a sequential loop over tasks doing the same work in the same process;
on request against JAX as well.

Sinusoid, 25 tasks, 10 + 10 points, 40-40, second order, float32, one thread, no baselines, no evaluation; and the set-up that the page
opens with, with its baseline and its evaluations.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch

from maml_core.config import RunConfig
from maml_core.inner import Adaptation
from maml_core.outer import meta_gradient
from maml_core.presets import DEFAULT_PRESET
from maml_core.problem import build_problem, training_tasks
from maml_core.runs import advance, init_run
from tests.benchmarks import against_jax, step_parts
from tests.benchmarks.compiled import Made, compiled, own_folder
from tests.benchmarks.reference import SequentialRun, meta_loss
from tests.benchmarks.rows import Figure, Row, at_least, at_most, figures, printed

EAGER_AIMS, COMPILED_AIMS = {1: 11.0, 5: 14.0}, {1: 36.0, 5: 40.0}
COMPILING_AIM_S = 60.0
ROUNDING = 1e-6
DEFAULTS = "the page's defaults"


def _about_compiled(case: str) -> tuple[Figure, ...]:
    return (
        Figure(f"{case}: eager", "ms"),
        Figure(f"{case}: compiled", "ms"),
        at_most(f"{case}: compiled against eager, of the largest entry", ROUNDING, ""),
        at_most(f"{case}: compiling, processor time", COMPILING_AIM_S, "s"),
    )


def _about(num_inner_steps: int) -> tuple[Figure, ...]:
    case = f"N = {num_inner_steps}"
    return (
        Figure(f"{case}: loop over tasks", "ms"),
        at_least(f"{case}: eager, times as fast as the loop", EAGER_AIMS[num_inner_steps], "x"),
        at_least(f"{case}: compiled, times as fast as the loop", COMPILED_AIMS[num_inner_steps], "x"),
        at_most(f"{case}: meta-gradient against the loop's, of the largest entry", ROUNDING, ""),
        *_about_compiled(case),
    )


FIGURES = figures(
    *(figure for num_inner_steps in EAGER_AIMS for figure in _about(num_inner_steps)),
    *_about_compiled(DEFAULTS),
    Figure(f"{DEFAULTS}: compiled, times as fast as eager", "x"),
    *step_parts.FIGURES.values(),
    *against_jax.FIGURES.values(),
)


def main(*, rounds: int = 9, jax: bool = False) -> list[Row]:
    """Print and return what was measured; three minutes, most of them for the compiler.

    Args:
        rounds: How often each way has its turn.
        jax: Against JAX as well, where it is installed.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    print(
        "engine: ms are processor time for an outer step, medians; ratios are medians of the rounds' ratios", flush=True
    )
    rows = []
    try:
        with own_folder():
            has_jax, keys = jax and against_jax.is_there(), {}
            for num_inner_steps in EAGER_AIMS:
                config = setup(num_inner_steps)
                made = compiled(config)
                keys[num_inner_steps] = made.key
                rows += printed(FIGURES, compare(config, made, rounds=rounds))
                if has_jax:
                    rows += printed(FIGURES, against_jax.compare(config, made.key, rounds=rounds))
            rows += printed(FIGURES, defaults(rounds=rounds))
            rows += printed(FIGURES, step_parts.measured(keys, rounds=4 * rounds))
    finally:
        torch.set_num_threads(before)
    return rows


def setup(num_inner_steps: int) -> RunConfig:
    """The paper's sinusoid, without what the loop does not do."""
    return RunConfig(num_inner_steps=num_inner_steps, joint_baseline=False, evaluate_every=1_000_000)


class Run:
    """A run that is moved forward by so many steps at a time.

    Args:
        config: Its settings.
        key: Of its compiled form; empty where it is computed eagerly.
    """

    def __init__(self, config: RunConfig, key: str = "") -> None:
        self.config, self.problem = config, build_problem(config)
        self.state = init_run(config, problem=self.problem)._replace(compiled=key)

    def __call__(self, count: int) -> None:
        """So many outer steps."""
        self.state, _ = advance(self.config, self.state, num_steps=count, problem=self.problem)


def compare(config: RunConfig, made: Made, *, rounds: int) -> dict[str, float]:
    """All three ways in turn, so that a machine that slows down slows all."""
    num_inner_steps = config.num_inner_steps
    case = f"N = {num_inner_steps}"
    problem = build_problem(config)
    theta_0 = init_run(config, problem=problem).meta.theta
    loop = SequentialRun(theta_0, alpha=config.alpha, num_inner_steps=num_inner_steps, beta=config.beta)
    tasks = training_tasks(config, problem, 0)
    ours = meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(config.alpha), num_inner_steps=num_inner_steps
    ).gradient
    loss = meta_loss(loop.theta_0, tasks, alpha=config.alpha, num_inner_steps=num_inner_steps)
    gradient = dict(zip(ours, torch.autograd.grad(loss, list(loop.theta_0.values())), strict=True))

    def loop_steps(count: int) -> None:
        for index in range(count):
            loop.step(training_tasks(config, problem, index))

    ways = {"loop": Way(loop_steps, 8), "eager": Way(Run(config), 40), "compiled": Way(Run(config, made.key), 120)}
    times = alternated(ways, rounds=rounds)
    return {
        f"{case}: loop over tasks": statistics.median(times["loop"]),
        f"{case}: eager": statistics.median(times["eager"]),
        f"{case}: compiled": statistics.median(times["compiled"]),
        f"{case}: eager, times as fast as the loop": ratio(times["loop"], times["eager"]),
        f"{case}: compiled, times as fast as the loop": ratio(times["loop"], times["compiled"]),
        f"{case}: meta-gradient against the loop's, of the largest entry": largest_difference(
            {name: value[0] for name, value in ours.items()}, gradient
        ),
        f"{case}: compiled against eager, of the largest entry": against_eager(config, made.key),
        f"{case}: compiling, processor time": made.processor_s,
    }


def defaults(*, rounds: int) -> dict[str, float]:
    """The set-up that the page opens with, eager and compiled in turn."""
    config = DEFAULT_PRESET.config
    made = compiled(config)
    ways = {"eager": Way(Run(config), 100), "compiled": Way(Run(config, made.key), 300)}
    times = alternated(ways, rounds=rounds)
    return {
        f"{DEFAULTS}: eager": statistics.median(times["eager"]),
        f"{DEFAULTS}: compiled": statistics.median(times["compiled"]),
        f"{DEFAULTS}: compiled, times as fast as eager": ratio(times["eager"], times["compiled"]),
        f"{DEFAULTS}: compiled against eager, of the largest entry": against_eager(config, made.key),
        f"{DEFAULTS}: compiling, processor time": made.processor_s,
    }


def against_eager(config: RunConfig, key: str) -> float:
    """How far theta_0 of the compiled form lies from that of the eager one after an outer step."""
    eager, other = Run(config), Run(config, key)
    eager(1), other(1)
    return largest_difference(other.state.meta.theta, eager.state.meta.theta)


def largest_difference(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> float:
    """The largest difference of two sets of parameters, as a share of the largest entry."""
    largest = max(float(value.abs().max()) for value in wanted.values())
    return max(float((found[name] - value).abs().max()) for name, value in wanted.items()) / largest


class Way(NamedTuple):
    """One way to take outer steps."""

    run: Callable[[int], None]
    count: int
    """Steps at a time."""


def alternated(ways: Mapping[str, Way], *, rounds: int) -> dict[str, list[float]]:
    """Milliseconds of this thread's time for a step, of every way in every round; a round before them warms up."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for index in range(rounds + 1):
        for name, way in ways.items():
            start = time.thread_time()
            way.run(way.count)
            if index > 0:
                times[name].append((time.thread_time() - start) / way.count * 1e3)
    return times


def ratio(slow: list[float], fast: list[float]) -> float:
    """How many times as fast, the median of the rounds."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


if __name__ == "__main__":
    main()
