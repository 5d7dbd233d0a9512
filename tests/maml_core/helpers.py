"""Small set-ups, exact comparison and the closed forms of linear regression, shared by the engine's tests."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from maml_core.algorithms import outer_gradient
from maml_core.config import LinearConfig, MLPConfig, RunConfig
from maml_core.outer import MetaGradient
from maml_core.problem import Problem, build_problem, training_tasks
from maml_core.records import Snapshot
from maml_core.schedules import schedule
from maml_core.types import Examples, Params, Rates, Tasks

Array = npt.NDArray[np.float64]

TOLERANCE = 1e-8


def tiny(**changes: Any) -> RunConfig:
    """A run that takes about a millisecond a step."""
    small: dict[str, Any] = {
        "model": MLPConfig(hidden_widths=(6, 5), activation="tanh"),
        "meta_batch_size": 3,
        "shots": 4,
        "num_query": 5,
        "evaluation_tasks": 4,
        "evaluation_steps": 3,
        "evaluate_every": 7,
        "dtype": "float64",
    }
    return RunConfig(**{**small, **changes})


def linear(num_features: int = 3, **changes: Any) -> RunConfig:
    """Noisy linear regression by a linear map without bias: every quantity has a closed form."""
    family = LinearConfig(num_features=num_features, w_mean=0.5, noise_std=0.3, x=(-1.5, 2.0))
    return tiny(
        tasks=family, model=MLPConfig(hidden_widths=(), use_bias=False), **{"shots": 6, "alpha": 0.1, **changes}
    )


def prepared(config: RunConfig) -> tuple[Problem, Params, Tasks]:
    """The problem, its theta_0 (with biases that are not zero) and the tasks of outer step 0."""
    problem = build_problem(config)
    random = torch.Generator().manual_seed(5)
    theta_0 = {
        name: value + 0.1 * torch.randn(value.shape, generator=random, dtype=value.dtype)
        for name, value in problem.model.init(
            config.weights_seed, torch.float64 if config.dtype == "float64" else torch.float32
        ).items()
    }
    return problem, theta_0, training_tasks(config, problem, 0)


def outer_gradient_at(
    config: RunConfig, theta: Params, rates: Rates, tasks: Tasks, *, problem: Problem, step: int, statistics: Params
) -> MetaGradient:
    """The meta-gradient of an outer step, in the order and with the weights that the schedules have come to."""
    now = schedule(config, step)
    return outer_gradient(
        config,
        theta,
        rates,
        tasks,
        problem=problem,
        order=now.order,
        step_weights=now.step_weights,
        statistics=statistics,
    )


def task_slice(tasks: Tasks, which: slice | list[int]) -> Tasks:
    """Some of the tasks, in the order asked for."""
    return Tasks(
        Examples(tasks.support.x[which], tasks.support.y[which]),
        Examples(tasks.query.x[which], tasks.query.y[which]),
        tasks.parameters[which],
    )


def lanes(*thetas: Params) -> Params:
    """Parameter sets side by side as lanes."""
    return {name: torch.cat([theta[name] for theta in thetas]) for name in thetas[0]}


def same(a: Any, b: Any) -> bool:
    """Whether two results are equal bit for bit, NaN being equal to NaN."""
    if isinstance(a, torch.Tensor):
        return same(a.detach().numpy(), b.detach().numpy())
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Snapshot):
        parts = [part.name for part in dataclasses.fields(Snapshot) if part.compare]
        return type(a) is type(b) and all(same(getattr(a, part), getattr(b, part)) for part in parts)
    return bool(a == b) or (isinstance(a, float) and a != a and b != b)


def flat(theta: Params) -> Array:
    """All parameters of one lane in a row."""
    return np.concatenate([value.detach().double().numpy().reshape(-1) for value in theta.values()])


class Quadratic(NamedTuple):
    """L_support = theta' A theta / 2 - b' theta + ..., L_query likewise with Q and r."""

    A: Array
    b: Array
    Q: Array
    r: Array

    def adapted(self, theta: Array, alpha: float, num_steps: int) -> Array:
        """theta_N = P^N theta_0 + alpha sum_{j<N} P^j b."""
        P = np.eye(len(self.b)) - alpha * self.A
        powers = [np.linalg.matrix_power(P, j) for j in range(num_steps + 1)]
        return powers[num_steps] @ theta + alpha * sum(
            (powers[j] @ self.b for j in range(num_steps)), np.zeros_like(self.b)
        )

    def first_order(self, theta: Array, alpha: float, num_steps: int) -> Array:
        """Q theta_N - r."""
        return self.Q @ self.adapted(theta, alpha, num_steps) - self.r

    def second_order(self, theta: Array, alpha: float, num_steps: int) -> Array:
        """P^N (Q theta_N - r)."""
        P = np.eye(len(self.b)) - alpha * self.A
        return np.linalg.matrix_power(P, num_steps) @ self.first_order(theta, alpha, num_steps)


def quadratic(tasks: Tasks, task: int) -> Quadratic:
    """The quadratic losses of one task of linear regression."""
    parts: list[Array] = []
    for x, y in (tasks.support, tasks.query):
        X, Y = x[task].numpy(), y[task, :, 0].numpy()
        parts += [2.0 * X.T @ X / len(X), 2.0 * X.T @ Y / len(X)]
    return Quadratic(*parts)
