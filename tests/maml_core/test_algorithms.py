"""The algorithms of the MAML family: closed forms, schedules, contradictions, and one contract that all of them keep."""

from __future__ import annotations

import math
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch

from maml_core.algorithms import adaptation, initial_rates
from maml_core.config import MLPConfig, RunConfig, replace
from maml_core.errors import ConfigError
from maml_core.evaluation import evaluate
from maml_core.implicit import conjugate_gradients, implicit_gradient
from maml_core.inner import Adaptation, adapt
from maml_core.outer import meta_gradient, reptile_gradient
from maml_core.params import over_tasks, preconditioned
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import Entry
from maml_core.run_state import rule
from maml_core.runs import advance, init_run, replay
from maml_core.schedules import multi_step_weights, schedule
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from maml_core.types import Examples, Params, Tasks
from tests.maml_core.helpers import TOLERANCE, Array, linear, outer_gradient_at, prepared, quadratic, same, tiny

NUM_STEPS = [1, 2, 5, 10]

NORMALIZED = MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True)

ALGORITHMS: dict[str, dict[str, Any]] = {
    "maml": {},
    "fomaml": {"order": "first"},
    "reptile": {"algorithm": "reptile"},
    "anil": {"algorithm": "anil"},
    "anil first order": {"algorithm": "anil", "order": "first"},
    "meta-sgd": {"algorithm": "meta_sgd"},
    "meta-curvature": {"algorithm": "meta_curvature"},
    "imaml": {"algorithm": "imaml"},
    "multi-step loss": {"multi_step_loss": True},
    "per-step rates": {"per_step_rates": True},
    "maml++": {
        "multi_step_loss": True,
        "per_step_rates": True,
        "anneal_order": True,
        "anneal_beta": True,
        "epoch_steps": 3,
        "first_order_epochs": 2,
        "multi_step_epochs": 3,
        "num_epochs": 5,
    },
    "batch norm": {"model": NORMALIZED},
    "batch norm of the support set": {"model": NORMALIZED, "batch_norm_treatment": "support"},
    "running batch norm": {"model": NORMALIZED, "batch_norm_treatment": "running"},
    "maml++ with batch norm": {
        "model": NORMALIZED,
        "batch_norm_treatment": "running",
        "per_step_norm": True,
        "per_step_statistics": True,
        "multi_step_loss": True,
        "per_step_rates": True,
    },
    "reptile with running batch norm": {
        "algorithm": "reptile",
        "model": NORMALIZED,
        "batch_norm_treatment": "running",
    },
    "imaml with running batch norm": {"algorithm": "imaml", "model": NORMALIZED, "batch_norm_treatment": "running"},
}


def case(name: str, **changes: Any) -> RunConfig:
    return tiny(**{"num_inner_steps": 2, "alpha": 0.05, **ALGORITHMS[name], **changes})


def mean(rows: list[Array]) -> Array:
    return np.mean(rows, axis=0)


def column(theta: Params) -> Array:
    return theta["w0"][0, :, 0].numpy()


# Closed forms on linear regression


@pytest.mark.parametrize("num_steps", NUM_STEPS)
def test_reptile_is_the_way_gone_divided_by_alpha_n(num_steps: int) -> None:
    problem, theta_0, tasks = prepared(linear())
    found = reptile_gradient(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=num_steps)
    start = column(theta_0)
    ways = [(start - quadratic(tasks, t).adapted(start, 0.1, num_steps)) / (0.1 * num_steps) for t in range(3)]
    np.testing.assert_allclose(column(found.gradient), mean(ways), atol=TOLERANCE)


@pytest.mark.parametrize("num_steps", NUM_STEPS)
def test_the_multi_step_loss_weighs_the_gradient_of_every_step(num_steps: int) -> None:
    problem, theta_0, tasks = prepared(linear())
    weights = np.random.default_rng(3).dirichlet(np.ones(num_steps)).tolist()
    found = meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=num_steps, step_weights=weights
    )
    start = column(theta_0)
    expected = [
        sum(w * quadratic(tasks, t).second_order(start, 0.1, k) for k, w in enumerate(weights, start=1))
        for t in range(3)
    ]
    np.testing.assert_allclose(column(found.gradient), mean(expected), atol=TOLERANCE)


def learned_rates_by_hand(tasks: Tasks, start: Array, rates: Array) -> tuple[Array, Array]:
    """lambda_N = Q theta_N - r, lambda_k = (I - A D_k) lambda_{k+1}, dF/dD_k = -lambda_{k+1} * (A theta_k - b); mean over tasks."""
    thetas_gradient, rates_gradient = [], []
    for task in range(3):
        q = quadratic(tasks, task)
        thetas = [start]
        for rate in rates:
            thetas.append(thetas[-1] - rate * (q.A @ thetas[-1] - q.b))
        back = q.Q @ thetas[-1] - q.r
        steps = []
        for k in reversed(range(len(rates))):
            steps.append(-back * (q.A @ thetas[k] - q.b))
            back = back - q.A @ (rates[k] * back)
        thetas_gradient.append(back)
        rates_gradient.append(np.array(steps[::-1]))
    return mean(thetas_gradient), mean(rates_gradient)


@pytest.mark.parametrize("num_steps", NUM_STEPS)
def test_one_rate_a_parameter_and_step(num_steps: int) -> None:
    problem, theta_0, tasks = prepared(linear())
    rates = np.random.default_rng(4).uniform(0.02, 0.15, (num_steps, 3))
    found = meta_gradient(
        theta_0,
        tasks,
        problem=problem,
        how=Adaptation([{"w0": torch.tensor(rate).view(1, 3, 1)} for rate in rates]),
        num_inner_steps=num_steps,
    )
    expected, expected_rates = learned_rates_by_hand(tasks, column(theta_0), rates)
    np.testing.assert_allclose(column(found.gradient), expected, atol=TOLERANCE)
    np.testing.assert_allclose([column(entry) for entry in found.rates_gradient], expected_rates, atol=TOLERANCE)


def turned_by_hand(tasks: Tasks, start: Array, matrix: Array, factor: float, alpha: float, n: int) -> list[Array]:
    """theta_{k+1} = theta_k - alpha f M (A theta_k - b); gradients with respect to theta_0, M and the 1 x 1 matrix f; mean over tasks."""
    found = []
    for task in range(3):
        q = quadratic(tasks, task)
        thetas = [start]
        for _ in range(n):
            thetas.append(thetas[-1] - alpha * factor * matrix @ (q.A @ thetas[-1] - q.b))
        back = q.Q @ thetas[-1] - q.r
        by_matrix, by_factor = np.zeros_like(matrix), 0.0
        for theta in reversed(thetas[:-1]):
            pull = q.A @ theta - q.b
            by_matrix -= alpha * factor * np.outer(back, pull)
            by_factor -= alpha * float(back @ matrix @ pull)
            back = back - alpha * factor * q.A @ matrix.T @ back
        found.append((back, by_matrix, np.array([[by_factor]])))
    return [mean(list(rows)) for rows in zip(*found, strict=True)]


@pytest.mark.parametrize("num_steps", NUM_STEPS)
def test_meta_curvature_turns_the_gradient_and_learns_how(num_steps: int) -> None:
    problem, theta_0, tasks = prepared(linear())
    rng = np.random.default_rng(6)
    matrix, factor = np.eye(3) + 0.2 * rng.standard_normal((3, 3)), 0.8
    found = meta_gradient(
        theta_0,
        tasks,
        problem=problem,
        how=Adaptation(
            0.1,
            matrices={
                "w0/1": torch.tensor(matrix).unsqueeze(0),
                "w0/2": torch.tensor([[[factor]]], dtype=torch.float64),
            },
        ),
        num_inner_steps=num_steps,
    )
    expected, by_matrix, by_factor = turned_by_hand(tasks, column(theta_0), matrix, factor, 0.1, num_steps)
    np.testing.assert_allclose(column(found.gradient), expected, atol=TOLERANCE)
    np.testing.assert_allclose(found.rates_gradient[0]["w0/1"][0], by_matrix, atol=TOLERANCE)
    np.testing.assert_allclose(found.rates_gradient[0]["w0/2"][0], by_factor, atol=TOLERANCE)


def test_meta_curvature_starts_as_maml() -> None:
    curved, plain = case("meta-curvature"), case("maml")
    losses = [advance(config, init_run(config), num_steps=1)[1].query_loss for config in (curved, plain)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-12)


def test_a_matrix_acts_along_its_own_axis() -> None:
    rng = torch.Generator().manual_seed(0)
    gradient = torch.randn(2, 3, 4, 5, generator=rng, dtype=torch.float64)
    sizes = (3, 4, 5)
    matrices = {
        f"w/{axis}": torch.randn(2, size, size, generator=rng, dtype=torch.float64)
        for axis, size in enumerate(sizes, start=1)
    }
    expected = torch.einsum("nai,nbj,nck,nijk->nabc", *matrices.values(), gradient)
    torch.testing.assert_close(preconditioned("w", gradient, matrices), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("num_steps", NUM_STEPS)
def test_one_rate_a_tensor_and_step_collects_its_parameters(num_steps: int) -> None:
    problem, theta_0, tasks = prepared(linear())
    rates = np.random.default_rng(5).uniform(0.02, 0.15, num_steps)
    found = meta_gradient(
        theta_0,
        tasks,
        problem=problem,
        how=Adaptation([{"w0": torch.tensor([rate])} for rate in rates]),
        num_inner_steps=num_steps,
    )
    expected, expected_rates = learned_rates_by_hand(tasks, column(theta_0), np.repeat(rates[:, None], 3, axis=1))
    np.testing.assert_allclose(column(found.gradient), expected, atol=TOLERANCE)
    np.testing.assert_allclose(
        [float(entry["w0"]) for entry in found.rates_gradient], expected_rates.sum(axis=1), atol=TOLERANCE
    )


def test_a_rate_for_all_steps_gets_the_sum_of_the_steps_gradients() -> None:
    """Meta-SGD: one entry serves every step."""
    problem, theta_0, tasks = prepared(linear())
    rate = np.array([0.05, 0.1, 0.02])
    found = meta_gradient(
        theta_0, tasks, problem=problem, how=Adaptation([{"w0": torch.tensor(rate).view(1, 3, 1)}]), num_inner_steps=4
    )
    expected, expected_rates = learned_rates_by_hand(tasks, column(theta_0), np.tile(rate, (4, 1)))
    np.testing.assert_allclose(column(found.gradient), expected, atol=TOLERANCE)
    np.testing.assert_allclose(column(found.rates_gradient[0]), expected_rates.sum(axis=0), atol=TOLERANCE)


def test_the_implicit_gradient_is_the_gradient_through_the_proximal_minimum() -> None:
    """phi = (A + lambda I)^-1 (b + lambda theta), gradient lambda (A + lambda I)^-1 (Q phi - r)."""
    problem, theta_0, tasks = prepared(linear())
    weight, start = 0.7, column(theta_0)
    found = implicit_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(0.2, proximal=weight), num_inner_steps=400, num_solver_steps=5
    )
    expected = []
    for task in range(3):
        q = quadratic(tasks, task)
        system = q.A + weight * np.eye(3)
        phi = np.linalg.solve(system, q.b + weight * start)
        expected.append(weight * np.linalg.solve(system, q.Q @ phi - q.r))
    np.testing.assert_allclose(column(found.gradient), mean(expected), atol=TOLERANCE)
    assert found.residual is not None
    assert float(found.residual.max()) < TOLERANCE


@pytest.mark.parametrize("proximal", [0.3, torch.tensor([0.3], dtype=torch.float64)])
@pytest.mark.parametrize("recompute", [False, True])
def test_a_gradient_through_the_steps_takes_no_proximal_term(proximal: Any, recompute: bool) -> None:
    """Recomputed step by step, each would be held near where it began; nothing is dropped in silence."""
    problem, theta_0, tasks = prepared(linear())
    how = Adaptation(0.1, proximal=proximal)
    with pytest.raises(ValueError, match=r"proximal = .*implicit_gradient"):
        meta_gradient(theta_0, tasks, problem=problem, how=how, num_inner_steps=2, recompute=recompute)


@pytest.mark.parametrize(
    ("how", "message"),
    [(Adaptation(0.1), "weight above 0"), (Adaptation(0.1, proximal=0.3, names=["w0"]), "all parameters adapt")],
)
def test_the_implicit_gradient_is_of_a_proximal_problem_in_all_parameters(how: Adaptation, message: str) -> None:
    problem, theta_0, tasks = prepared(linear())
    with pytest.raises(ValueError, match=message):
        implicit_gradient(theta_0, tasks, problem=problem, how=how, num_inner_steps=2, num_solver_steps=2)


def test_reptile_learns_no_rates() -> None:
    problem, theta_0, tasks = prepared(linear())
    how = Adaptation([{"w0": torch.full((1, 3, 1), 0.1)}])
    with pytest.raises(ValueError, match="Reptile learns no rates"):
        reptile_gradient(theta_0, tasks, problem=problem, how=how, num_inner_steps=2)


def test_too_few_solver_steps_show_in_the_residual() -> None:
    problem, theta_0, tasks = prepared(linear())
    found = implicit_gradient(
        theta_0, tasks, problem=problem, how=Adaptation(0.2, proximal=0.01), num_inner_steps=50, num_solver_steps=1
    )
    assert found.residual is not None
    assert float(found.residual.max()) > 1e-3


def test_conjugate_gradients_solve_several_systems_at_once() -> None:
    random = torch.Generator().manual_seed(1)
    factors = torch.randn(4, 6, 6, generator=random, dtype=torch.float64)
    systems = factors @ factors.mT + torch.eye(6, dtype=torch.float64)
    right = torch.randn(4, 6, 1, generator=random, dtype=torch.float64)
    solution, residual = conjugate_gradients(lambda v: [systems @ v[0]], [right], 12)
    torch.testing.assert_close(solution[0], torch.linalg.solve(systems, right), rtol=0, atol=TOLERANCE)
    assert float(residual.max()) < TOLERANCE


@pytest.mark.parametrize(("num_steps", "expected"), [(1, 0.8), (5, 0.692502), (10, 0.604126)])
def test_reptiles_fixed_point(num_steps: int, expected: float) -> None:
    problem = build_problem(linear(1))
    curvatures, optima = torch.tensor([1.0, 4.0], dtype=torch.float64), torch.tensor([0.0, 1.0], dtype=torch.float64)
    x = (curvatures / 2.0).sqrt().view(2, 1, 1)
    points = Examples(x, x * optima.view(2, 1, 1))
    tasks = Tasks(points, points, optima.view(2, 1))

    def gradient(theta: float) -> float:
        start = {"w0": torch.full((1, 1, 1), theta, dtype=torch.float64)}
        return float(
            reptile_gradient(start, tasks, problem=problem, how=Adaptation(0.1), num_inner_steps=num_steps).gradient[
                "w0"
            ]
        )

    assert -gradient(0.0) / (gradient(1.0) - gradient(0.0)) == pytest.approx(expected, abs=5e-7)


# What makes each algorithm what it is


def test_anil_adapts_the_head_and_meta_learns_the_body() -> None:
    config = case("anil")
    problem, theta_0, tasks = prepared(config)
    how = adaptation(config, problem, (), {})
    with torch.no_grad():
        theta_n = adapt(
            over_tasks(theta_0, 3),
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            num_steps=2,
            order="first",
            how=how,
        ).theta
    moved = {name for name, value in theta_n.items() if not torch.equal(value, over_tasks(theta_0, 3)[name])}
    assert moved == {"w2", "b2"}
    gradient = outer_gradient_at(config, theta_0, (), tasks, problem=problem, step=0, statistics={}).gradient
    assert all(bool(value.any()) for value in gradient.values())


def test_meta_sgd_starts_as_maml_and_learns_its_rates() -> None:
    config = case("meta-sgd")
    problem, theta_0, tasks = prepared(config)
    rates = initial_rates(config, theta_0)
    found = outer_gradient_at(config, theta_0, rates, tasks, problem=problem, step=0, statistics={})
    plain = outer_gradient_at(case("maml"), theta_0, (), tasks, problem=problem, step=0, statistics={})
    for name, value in plain.gradient.items():
        torch.testing.assert_close(found.gradient[name], value, rtol=0, atol=1e-12)
    state, _ = advance(config, init_run(config), num_steps=5)
    assert all(bool((rate != config.alpha).any()) for rate in state.meta.rates[0].values())


def test_learned_rates_reach_the_evaluation() -> None:
    """Trap 11: learned rates lost at test."""
    config = case("per-step rates")
    problem, state = build_problem(config), init_run(config)
    tasks = held_out_tasks(config, problem)
    doubled = tuple({name: 2.0 * rate for name, rate in entry.items()} for entry in state.meta.rates)
    losses = [
        evaluate(
            state.meta.theta, tasks, problem=problem, num_steps=2, how=adaptation(config, problem, rates, {})
        ).query_loss
        for rates in (state.meta.rates, doubled)
    ]
    assert torch.equal(losses[0][0], losses[1][0])
    assert not torch.equal(losses[0][1], losses[1][1])


def test_more_steps_than_trained_repeat_the_last_rates() -> None:
    """Trap 12."""
    config = case("per-step rates")
    problem, theta_0, tasks = prepared(config)
    rates = [{name: torch.tensor([rate]) for name in theta_0} for rate in (0.01, 0.03)]
    longer = [*rates, rates[-1], rates[-1]]
    found, expected = (
        evaluate(theta_0, tasks, problem=problem, how=Adaptation(alpha), num_steps=4).query_loss
        for alpha in (rates, longer)
    )
    assert torch.equal(found, expected)


def test_alpha_is_only_the_start_of_learned_rates() -> None:
    config = case("meta-sgd")
    with pytest.raises(ConfigError, match="alpha is only where they start"):
        replay(config, [Entry(step=2, kind="change", changes={"alpha": 0.2})], num_steps=4)


# Schedules


@pytest.mark.parametrize("num_steps", [1, 2, 5])
@pytest.mark.parametrize("epoch", [0, 1, 7, 9])
def test_multi_step_weights_follow_the_published_schedule(epoch: int, num_steps: int) -> None:
    weights = multi_step_weights(epoch, 10, num_steps)
    assert weights is not None
    assert sum(weights) == pytest.approx(1.0, abs=1e-12)
    early = max(1.0 / num_steps - epoch / (num_steps * 10), 0.03 / num_steps)
    assert weights[:-1] == pytest.approx([early] * (num_steps - 1))


def test_weights_are_annealed_per_epoch_and_end_with_the_last_step_alone() -> None:
    config = tiny(multi_step_loss=True, num_inner_steps=3, epoch_steps=10, multi_step_epochs=2)
    weights = [schedule(config, step).step_weights for step in (0, 9, 10, 19, 20)]
    assert weights[0] == weights[1] == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert weights[2] == weights[3] == pytest.approx((1 / 6, 1 / 6, 2 / 3))
    assert weights[4] is None


def test_the_order_switches_after_the_first_epochs() -> None:
    config = tiny(anneal_order=True, epoch_steps=10, first_order_epochs=2)
    assert [schedule(config, step).order for step in (0, 19, 20)] == ["first", "first", "second"]
    problem, theta_0, tasks = prepared(config)
    early, late = (
        outer_gradient_at(config, theta_0, (), tasks, problem=problem, step=step, statistics={}) for step in (19, 20)
    )
    first = outer_gradient_at(tiny(order="first"), theta_0, (), tasks, problem=problem, step=0, statistics={})
    second = outer_gradient_at(tiny(), theta_0, (), tasks, problem=problem, step=0, statistics={})
    assert same(early.gradient, first.gradient)
    assert same(late.gradient, second.gradient)


def test_beta_falls_along_half_a_cosine_and_stays() -> None:
    config = tiny(anneal_beta=True, beta=1e-3, final_beta=1e-5, epoch_steps=10, num_epochs=4)
    betas = [schedule(config, step).beta for step in (0, 9, 10, 20, 40, 400)]
    at = [1e-5 + (1e-3 - 1e-5) * (1 + math.cos(math.pi * share)) / 2 for share in (0, 0, 0.25, 0.5, 1, 1)]
    assert betas == pytest.approx(at)


def test_an_annealed_beta_reaches_the_update() -> None:
    config = tiny(anneal_beta=True, outer_optimizer="sgd", beta=1e-3, final_beta=1e-9, epoch_steps=1, num_epochs=1)
    start = init_run(config)
    one, _ = advance(config, start, num_steps=1)
    two, _ = advance(config, one, num_steps=1)
    ways = [
        float(sum((a - b).abs().sum() for a, b in zip(x.meta.theta.values(), y.meta.theta.values(), strict=True)))
        for x, y in ((one, start), (two, one))
    ]
    assert ways[1] < 1e-4 * ways[0]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"algorithm": "reptile", "order": "first"}, "order"),
        ({"algorithm": "imaml", "multi_step_loss": True}, "multi_step_loss"),
        ({"algorithm": "reptile", "per_step_rates": True}, "per_step_rates"),
        ({"algorithm": "reptile", "anneal_order": True}, "anneal_order"),
        ({"algorithm": "meta_sgd", "per_step_rates": True}, "per_step_rates"),
        ({"order": "first", "anneal_order": True}, "anneal_order"),
        ({"num_inner_steps": 0, "multi_step_loss": True}, "num_inner_steps"),
        ({"num_inner_steps": 0, "per_step_rates": True}, "num_inner_steps"),
        ({"num_inner_steps": 0, "algorithm": "anil"}, "num_inner_steps"),
        ({"alpha": 0.0, "algorithm": "reptile"}, "alpha"),
    ],
    ids=str,
)
def test_switches_that_cannot_act_are_refused(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        tiny(**changes)
    assert caught.value.field == field


def test_an_unknown_algorithm_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"one of maml, .*reptile"):
        tiny(algorithm="sgd")
    with pytest.raises(ConfigError, match=r"did you mean 'reptile'\?"):
        tiny(algorithm="reptil")


# The contract


@pytest.mark.parametrize("name", ALGORITHMS)
class TestContract:
    def test_it_moves_all_that_it_learns(self, name: str) -> None:
        config = case(name)
        start = init_run(config)
        state, records = advance(config, start, num_steps=10)
        assert np.isfinite(records.query_loss).all()
        before, after = start.meta.meta_parameters, state.meta.meta_parameters
        assert {key for key in before if same(before[key], after[key])} == set()

    def test_chunk_boundaries_do_not_matter(self, name: str) -> None:
        config = case(name)
        whole, _ = advance(config, init_run(config), num_steps=12)
        state = init_run(config)
        for steps in (1, 4, 5, 2):
            state, _ = advance(config, state, num_steps=steps)
        assert same(state, whole)

    def test_saving_and_resuming_equals_one_run(self, name: str) -> None:
        """Traps 11 and 15."""
        config = case(name)
        whole, _ = advance(config, init_run(config), num_steps=12)
        half, _ = advance(config, init_run(config), num_steps=6)
        resumed, _ = advance(config, state_from_bytes(state_to_bytes(half)), num_steps=6)
        assert same(resumed, whole)

    def test_evaluation_takes_more_steps_than_training_and_changes_nothing(self, name: str) -> None:
        config = case(name)
        problem = build_problem(config)
        state, _ = advance(config, init_run(config), num_steps=2)
        kept = state_to_bytes(state)
        how = rule(config, problem, state.meta)
        found = evaluate(state.meta.theta, held_out_tasks(config, problem), problem=problem, num_steps=7, how=how)
        assert found.query_loss.shape[0] == 8
        assert bool(found.query_loss.isfinite().all())
        assert state_to_bytes(state) == kept

    def test_a_change_of_n_goes_on(self, name: str) -> None:
        config = case(name)
        _, state, _ = replay(config, [Entry(step=3, kind="change", changes={"num_inner_steps": 4})], num_steps=6)
        assert (state.step, state.status.kind) == (6, "ok")

    def test_it_differs_from_maml(self, name: str) -> None:
        state, _ = advance(case(name), init_run(case(name)), num_steps=10)
        maml, _ = advance(case("maml"), init_run(case("maml")), num_steps=10)
        assert same(state.meta.theta, maml.meta.theta) == (name == "maml")

    def test_a_clipped_meta_gradient_is_no_longer_than_asked(self, name: str) -> None:
        config = case(name, clip_norm=1e-3, outer_optimizer="sgd", beta=1.0)
        start = init_run(config)
        state, _ = advance(config, start, num_steps=1)
        before, after = start.meta.meta_parameters, state.meta.meta_parameters
        squares = sum(float((after[key] - value).square().sum()) for key, value in before.items())
        assert 0.0 < squares <= 1e-6 * (1.0 + 1e-6)


def test_every_algorithm_of_the_config_is_in_the_table() -> None:
    known = set(get_args(get_type_hints(RunConfig)["algorithm"]))
    assert {changes.get("algorithm", "maml") for changes in ALGORITHMS.values()} == known


def test_a_change_that_a_switch_cannot_bear_is_refused() -> None:
    with pytest.raises(ConfigError, match="needs at least one inner step"):
        replace(case("multi-step loss"), {"num_inner_steps": 0})


def test_a_system_that_curves_downwards_keeps_its_right_side() -> None:
    right = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    signs = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    solution, residual = conjugate_gradients(lambda v: [signs * v[0]], [right], 3)
    assert torch.equal(solution[0], right)
    assert residual.tolist() == [0.0, 2.0]  # b - A b = 2 b: worse than no solution at all
