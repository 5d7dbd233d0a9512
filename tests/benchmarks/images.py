"""Speed of the convolutional network's meta-gradient against a sequential loop over tasks doing the same work in the same process.

8 tasks of 5 support and 25 query images, 28 x 28, four strided layers of 32 filters, batch norm by batch, second order, float32.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from maml_core.config import ConvConfig, RunConfig
from maml_core.inner import Adaptation
from maml_core.losses import cross_entropy
from maml_core.memory import keep_freed_memory
from maml_core.models import ConvNet
from maml_core.models.mlp import NORM_EPS
from maml_core.outer import meta_gradient
from maml_core.problem import Problem, build_problem
from maml_core.types import Examples, Params, Tasks
from tests.benchmarks.rows import Figure, Row, at_least, figures, printed

AIMS = {1: 2.5, 5: 2.8}
ALPHA = 0.4


def _about(num_threads: int, num_inner_steps: int) -> tuple[Figure, ...]:
    case = _case_name(num_threads, num_inner_steps)
    faster = f"{case}: images, times as fast as the loop"
    return (
        Figure(f"{case}: images, loop over tasks", "ms"),
        Figure(f"{case}: images, meta-gradient", "ms"),
        at_least(faster, AIMS[num_inner_steps], "x") if num_threads == 1 else Figure(faster, "x"),
        Figure(f"{case}: images, meta-gradient against the loop's, of the largest entry", ""),
    )


def _case_name(num_threads: int, num_inner_steps: int) -> str:
    return f"N = {num_inner_steps}, {'one thread' if num_threads == 1 else 'two threads'}"


FIGURES = figures(*(figure for num_threads in (1, 2) for steps in AIMS for figure in _about(num_threads, steps)))


def main(*, rounds: int = 15) -> list[Row]:
    """Print and return both times and their ratio for N = 1 and N = 5, on one thread and on two."""
    keep_freed_memory()  # as in the workers and under `maml train`
    before = torch.get_num_threads()
    rows = []
    print("images: meta-gradient of 8 tasks against a sequential loop over them, medians")
    try:
        for num_threads, clock in ((1, time.process_time), (2, time.perf_counter)):
            torch.set_num_threads(num_threads)
            for num_inner_steps in AIMS:
                found = compare(num_inner_steps, rounds=rounds, clock=clock)
                case = _case_name(num_threads, num_inner_steps)
                rows += printed(FIGURES, {f"{case}: images, {name}": value for name, value in found.items()})
    finally:
        torch.set_num_threads(before)
    return rows


def compare(num_inner_steps: int, *, rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Both ways in turn, so that a machine that slows down slows both; the ratio is the median of the rounds' ratios."""
    problem, theta_0, tasks = case(torch.float32)
    weights = plain(theta_0)

    def ours() -> Params:
        return meta_gradient(
            theta_0, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=num_inner_steps
        ).gradient

    def loop() -> tuple[Tensor, ...]:
        return sequential_gradient(weights, tasks, num_inner_steps=num_inner_steps)

    difference = gradient_difference(num_inner_steps)
    ours(), loop()
    ours_times, loop_times = [], []
    for _ in range(rounds):
        ours_times.append(_ms(ours, clock))
        loop_times.append(_ms(loop, clock))
    return {
        "loop over tasks": statistics.median(loop_times),
        "meta-gradient": statistics.median(ours_times),
        "times as fast as the loop": statistics.median(b / a for a, b in zip(ours_times, loop_times, strict=True)),
        "meta-gradient against the loop's, of the largest entry": difference,
    }


def gradient_difference(num_inner_steps: int) -> float:
    """Between both ways, as a share of the largest entry, in float64: in float32 units that switch in one of them only decide.

    Raises:
        AssertionError: They do not do the same work.
    """
    problem, theta_0, tasks = case(torch.float64)
    found = meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=num_inner_steps
    ).gradient
    expected = sequential_gradient(plain(theta_0), tasks, num_inner_steps=num_inner_steps)
    largest = max(float(value.abs().max()) for value in expected)
    difference = max(float((a[0] - b).abs().max()) for a, b in zip(found.values(), expected, strict=True)) / largest
    assert difference < 1e-8, f"the gradients differ by {difference:.1e} of the largest entry"
    return difference


def case(dtype: torch.dtype) -> tuple[Problem, Params, Tasks]:
    """The network, its initial weights and the tasks."""
    model = ConvNet(ConvConfig(), image_shape=(1, 28, 28), num_outputs=5)
    problem = Problem(family=build_problem(RunConfig()).family, model=model, loss=cross_entropy)
    return problem, model.init(0, dtype), random_tasks(dtype)


def plain(theta_0: Params) -> Params:
    """The same weights without their leading axis, as leaves."""
    return {name: value[0].clone().requires_grad_() for name, value in theta_0.items()}


def random_tasks(dtype: torch.dtype, num_tasks: int = 8, ways: int = 5, num_query: int = 5) -> Tasks:
    """Noise as images, one support image and `num_query` query images of each class."""
    random = torch.Generator().manual_seed(0)

    def images(per_class: int) -> Examples:
        x = torch.rand(num_tasks, per_class * ways, 784, generator=random, dtype=dtype)
        return Examples(x, torch.eye(ways, dtype=dtype).repeat(per_class, 1).expand(num_tasks, -1, -1).contiguous())

    return Tasks(images(1), images(num_query), torch.zeros(num_tasks, ways, dtype=torch.int64))


def forward(theta: Params, x: Tensor) -> Tensor:
    """The network with one set of parameters, of torch's own functions."""
    x = x.view(-1, 1, 28, 28)
    for layer in range(4):
        x = functional.conv2d(x, theta[f"w{layer}"], stride=2, padding=1)
        scale, shift = theta[f"scale{layer}"], theta[f"shift{layer}"]
        x = functional.relu(functional.batch_norm(x, None, None, scale, shift, training=True, eps=NORM_EPS))
    return functional.linear(x.mean((2, 3)), theta["w4"].T, theta["b4"])


def sequential_gradient(theta_0: Params, tasks: Tasks, *, num_inner_steps: int) -> tuple[Tensor, ...]:
    """Gradient of the mean query loss after adaptation, one task after the other."""
    losses = []
    for task in range(len(tasks.support.x)):
        theta = theta_0
        for _ in range(num_inner_steps):
            loss = functional.cross_entropy(forward(theta, tasks.support.x[task]), tasks.support.y[task])
            gradient = torch.autograd.grad(loss, list(theta.values()), create_graph=True)
            theta = {name: value - ALPHA * g for (name, value), g in zip(theta.items(), gradient, strict=True)}
        losses.append(functional.cross_entropy(forward(theta, tasks.query.x[task]), tasks.query.y[task]))
    return torch.autograd.grad(torch.stack(losses).mean(), list(theta_0.values()))


def _ms(run: Callable[[], object], clock: Callable[[], float]) -> float:
    start = clock()
    run()
    return (clock() - start) * 1e3


if __name__ == "__main__":
    main()
