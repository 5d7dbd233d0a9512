"""Second-order MAML on sinusoids in JAX, written from the paper (Finn et al. 2017, algorithm 2) as JAX is meant to be used: what the engine's
outer step is compared with. A step draws its tasks, takes the meta-gradient and moves theta_0 by Adam, in one jitted function.
"""

from __future__ import annotations

import functools
import math
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Theta = dict[str, Any]


class Setup(NamedTuple):
    """What is trained."""

    alpha: float
    beta: float
    num_inner_steps: int
    num_tasks: int
    shots: int
    num_query: int


class State(NamedTuple):
    """What a step moves."""

    theta: Theta
    first: Theta
    second: Theta
    step: Any


def forward(theta: Theta, x: Any) -> Any:
    """A network with ReLUs, [points, 1] -> [points, 1]."""
    last = len(theta) // 2 - 1
    for layer in range(last + 1):
        x = x @ theta[f"w{layer}"] + theta[f"b{layer}"]
        if layer < last:
            x = jax.nn.relu(x)
    return x


def loss(theta: Theta, x: Any, y: Any) -> Any:
    """Mean squared error of one task."""
    return jnp.mean((forward(theta, x) - y) ** 2)


def meta_loss(theta_0: Theta, tasks: tuple[Any, Any, Any, Any], setup: Setup) -> Any:
    """Mean query loss after adaptation; tasks are support x, y and query x, y, [tasks, points, 1]."""

    def after(support_x: Any, support_y: Any, query_x: Any, query_y: Any) -> Any:
        theta = theta_0
        for _ in range(setup.num_inner_steps):
            gradient = jax.grad(loss)(theta, support_x, support_y)
            theta = jax.tree.map(lambda value, g: value - setup.alpha * g, theta, gradient)
        return loss(theta, query_x, query_y)

    return jnp.mean(jax.vmap(after)(*tasks))


def drawn(key: Any, setup: Setup) -> tuple[Any, Any, Any, Any]:
    """Sinusoids as in the paper: amplitude 0.1 to 5, phase 0 to pi, x from -5 to 5."""
    of_amplitude, of_phase, of_x = jax.random.split(key, 3)
    amplitude = jax.random.uniform(of_amplitude, (setup.num_tasks, 1, 1), minval=0.1, maxval=5.0)
    phase = jax.random.uniform(of_phase, (setup.num_tasks, 1, 1), minval=0.0, maxval=math.pi)
    points = setup.shots + setup.num_query
    x = jax.random.uniform(of_x, (setup.num_tasks, points, 1), minval=-5.0, maxval=5.0)
    y = amplitude * jnp.sin(x - phase)
    return x[:, : setup.shots], y[:, : setup.shots], x[:, setup.shots :], y[:, setup.shots :]


def outer_step(state: State, setup: Setup) -> tuple[State, Any]:
    """The state after a step, and the meta-loss before it."""
    tasks = drawn(jax.random.fold_in(jax.random.key(0), state.step), setup)
    value, gradient = jax.value_and_grad(meta_loss)(state.theta, tasks, setup)
    step = state.step + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, state.first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, state.second, gradient)
    unbiased, unbiased_square = 1.0 - 0.9**step, 1.0 - 0.999**step

    def moved(value: Any, m: Any, v: Any) -> Any:
        return value - setup.beta * (m / unbiased) / (jnp.sqrt(v / unbiased_square) + 1e-8)

    return State(jax.tree.map(moved, state.theta, first, second), first, second, step), value


def beginning(theta: dict[str, np.ndarray]) -> State:
    """The state at outer step 0."""
    given = {name: jnp.asarray(value) for name, value in theta.items()}
    zeros = jax.tree.map(jnp.zeros_like, given)
    return State(given, zeros, zeros, jnp.int32(0))


def gradient_of(theta: dict[str, np.ndarray], tasks: tuple[np.ndarray, ...], setup: Setup) -> dict[str, np.ndarray]:
    """The meta-gradient on tasks that are given, in the precision that they have."""
    with jax.enable_x64(next(iter(theta.values())).dtype == np.float64):
        gradient = jax.jit(jax.grad(meta_loss), static_argnums=2)(theta, tasks, setup)
        return {name: np.asarray(value) for name, value in gradient.items()}


class Timed:
    """A run in both forms, moved forward step by step.

    Args:
        theta: Where it begins.
        setup: What is trained.
        num_scanned: Steps that the scanned form takes at a time.
    """

    def __init__(self, theta: dict[str, np.ndarray], setup: Setup, num_scanned: int) -> None:
        self._step = jax.jit(functools.partial(outer_step, setup=setup))
        self._scan = jax.jit(
            lambda state: jax.lax.scan(lambda now, _: outer_step(now, setup), state, None, length=num_scanned)
        )
        self._num_scanned = num_scanned
        self._state = beginning(theta)

    def jitted_ms(self, count: int) -> float:
        """Processor time of this process for a jitted step that Python calls. Losses are waited for at the end alone."""
        start = time.process_time()
        losses = []
        for _ in range(count):
            self._state, value = self._step(self._state)
            losses.append(value)
        jax.block_until_ready(losses)
        return (time.process_time() - start) / count * 1e3

    def scanned_ms(self) -> float:
        """The same for a step of `jax.lax.scan`."""
        start = time.process_time()
        self._state, losses = jax.block_until_ready(self._scan(self._state))
        assert bool(jnp.isfinite(losses).all())
        return (time.process_time() - start) / self._num_scanned * 1e3
