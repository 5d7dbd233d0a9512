"""Baselines: each is what it says it is, on the run's own tasks, and touches nothing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from maml_core.baselines import evaluate_baselines, evaluate_oracle, oracle_problem, repeated, with_parameters_in_x
from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.errors import ConfigError, StateError
from maml_core.evaluation import Evaluation, evaluate, in_parts, summarize
from maml_core.inner import Adaptation
from maml_core.models import ModuleModel
from maml_core.problem import Problem, build_problem, held_out_tasks, tasks_of_steps, training_tasks
from maml_core.records import Records, View
from maml_core.run_state import RunState
from maml_core.runs import CHECKPOINT_EVERY, advance, init_run, replay
from maml_core.scratch import (
    CHECK_EVERY,
    FITTED,
    IMPROVEMENT,
    PATIENCE,
    SCRATCH_BETA,
    ScratchResult,
    from_scratch,
)
from maml_core.snapshots import snapshot
from maml_core.state_bytes import check_state, state_from_bytes, state_to_bytes
from maml_core.tasks import Sinusoid
from maml_core.types import Examples, Params, Tasks
from tests.maml_core.helpers import TOLERANCE, lanes, prepared, same, task_slice, tiny

SCRATCH_VIEW = View(tasks=(), curvature=False, paths=False, scratch=True)


def with_oracle(**changes: Any) -> RunConfig:
    return tiny(oracle_baseline=True, **changes)


def oracle_of(state: RunState) -> Params:
    assert state.oracle is not None
    return state.oracle.theta


def module_of(theta: Params, activation: type[nn.Module]) -> nn.Sequential:
    """A network of torch's own layers with these parameters."""
    layers: list[nn.Module] = []
    for at in range(len(theta) // 2):
        weight, bias = theta[f"w{at}"][0], theta[f"b{at}"][0]
        layer = nn.Linear(*weight.shape, dtype=weight.dtype)
        layer.weight.data, layer.bias.data = weight.T.clone(), bias.clone()
        layers += [layer, activation()]
    return nn.Sequential(*layers[:-1])


def predicted(module: nn.Module, *values: Tensor) -> Tensor:
    out: Tensor = module(torch.cat(values, dim=-1))
    return out


# Oracle


@pytest.mark.parametrize(
    "family", [SinusoidConfig(noise_std=0.1), LinearConfig(num_features=3)], ids=["sine", "linear"]
)
def test_the_oracle_is_the_widened_network_in_a_plain_loop(family: Any) -> None:
    config = with_oracle(tasks=family, beta=0.01)
    problem, state = build_problem(config), init_run(config)
    module = module_of(oracle_of(state), nn.Tanh)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    expected = []
    for step in range(8):
        tasks = training_tasks(config, problem, step)
        losses = []
        for task in range(config.meta_batch_size):
            for point in range(config.num_query):
                x, y = tasks.query.x[task, point], tasks.query.y[task, point]
                losses.append((predicted(module, x, tasks.parameters[task]) - y).square().sum())
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        expected.append(loss.item())
    state, records = advance(config, state, num_steps=8)
    np.testing.assert_allclose(records.oracle_loss, expected, rtol=0, atol=TOLERANCE)
    for name, value in zip(("w0", "b0", "w1", "b1", "w2", "b2"), module.parameters(), strict=True):
        found = oracle_of(state)[name][0]
        torch.testing.assert_close(found.T if found.ndim == 2 else found, value.detach(), rtol=0, atol=TOLERANCE)


def test_the_oracle_has_the_runs_network_on_wider_inputs() -> None:
    config = with_oracle()
    state = init_run(config)
    shapes = {name: tuple(value.shape) for name, value in state.meta.theta.items()}
    assert shapes["w0"] == (1, 1, 6)
    assert {name: tuple(value.shape) for name, value in oracle_of(state).items()} == {**shapes, "w0": (1, 3, 6)}


def test_told_tasks_are_the_same_tasks_with_their_parameters() -> None:
    _, _, tasks = prepared(tiny(tasks=LinearConfig(num_features=2)))
    seen = with_parameters_in_x(tasks)
    for plain, wide in zip(tasks[:2], seen[:2], strict=True):
        assert same(wide.y, plain.y)
        assert same(wide.x[:, :, :2].contiguous(), plain.x)
        for point in range(wide.x.shape[1]):
            assert same(wide.x[:, point, 2:].contiguous(), tasks.parameters)


def test_the_oracle_sees_the_runs_tasks_and_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """One draw a step serves the run and all its baselines."""
    drawn: list[int] = []

    def counted(config: RunConfig, problem: Problem, steps: range) -> Iterator[Tasks]:
        drawn.extend(steps)
        return tasks_of_steps(config, problem, steps)

    monkeypatch.setattr("maml_core.runs.tasks_of_steps", counted)
    advance(with_oracle(), init_run(with_oracle()), num_steps=3)
    assert drawn == [0, 1, 2]


def trained() -> tuple[RunConfig, Problem, RunState]:
    """A run of which only the oracle matters, 2,000 steps on."""
    config = RunConfig(oracle_baseline=True, joint_baseline=False, num_inner_steps=0, evaluation_tasks=2)
    return config, build_problem(config), advance(config, init_run(config), num_steps=2000)[0]


@pytest.mark.thorough
def test_an_oracle_that_was_trained_knows_the_task_from_its_parameters() -> None:
    """Far below what any predictor without them reaches, and worse than that with another task's parameters."""
    config, problem, state = trained()
    tasks = held_out_tasks(config, problem, 500)
    swapped = tasks._replace(parameters=tasks.parameters.roll(1, 0))
    right, wrong = (
        summarize(evaluate_oracle(oracle_of(state), t, problem=problem, num_steps=4)) for t in (tasks, swapped)
    )
    assert right.mean[0] < 0.2 * problem.family.non_adapting_level()
    assert wrong.mean[0] > 1.2 * problem.family.non_adapting_level()
    assert right.mean.shape == right.diverged_share.shape == (5,)
    assert np.ptp(right.mean) == 0.0


@pytest.mark.parametrize("num_steps", [0, 3])
def test_the_oracle_does_not_learn_from_the_support_points(num_steps: int) -> None:
    config = with_oracle()
    problem, _, tasks = prepared(config)
    theta = init_run(config).baselines["oracle"].theta
    moved = tasks._replace(support=tasks.support._replace(y=tasks.support.y + 1.0))
    plain, shifted = (evaluate_oracle(theta, t, problem=problem, num_steps=num_steps) for t in (tasks, moved))
    assert same(tuple(plain), tuple(shifted))
    assert plain.query_loss.shape == (num_steps + 1, 1, 3)


def test_the_oracle_touches_neither_the_run_nor_the_joint_baseline() -> None:
    on, off = (advance(c, init_run(c), num_steps=5) for c in (with_oracle(), tiny()))
    assert same((on[0].meta, on[0].joint), (off[0].meta, off[0].joint))
    assert off[0].oracle is None
    assert np.isnan(off[1].oracle_loss).all()
    assert np.isfinite(on[1].oracle_loss).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"dtype": "float32"},
        {"model": MLPConfig(hidden_widths=(6, 5), batch_norm=True), "batch_norm_treatment": "running"},
    ],
    ids=["plain", "batch norm"],
)
def test_how_a_run_with_an_oracle_is_cut_and_stored_does_not_matter(changes: dict[str, Any]) -> None:
    config = with_oracle(**changes)
    _, whole, whole_records = replay(config, (), num_steps=CHECKPOINT_EVERY + 5)
    state, parts = init_run(config), []
    for piece in (1, 20, 30, 4):
        state = state_from_bytes(state_to_bytes(state))
        check_state(state, config, build_problem(config))
        state, records = advance(config, state, num_steps=piece)
        parts.append(records)
    assert same(state, whole)
    assert same(Records.joined(parts), whole_records)


@pytest.mark.parametrize("treatment", ["batch", "support", "running"])
def test_an_oracle_with_batch_norm_is_judged_by_the_runs_treatment(treatment: Any) -> None:
    config = with_oracle(model=MLPConfig(hidden_widths=(6, 5), batch_norm=True), batch_norm_treatment=treatment)
    problem, (state, _) = build_problem(config), advance(config, init_run(config), num_steps=5)
    oracle, tasks = state.baselines["oracle"], with_parameters_in_x(held_out_tasks(config, problem))
    model = oracle_problem(problem).model
    theta = {name: value.expand(4, *value.shape[1:]) for name, value in oracle.theta.items()}
    statistics: Params
    match treatment:
        case "batch":
            statistics = {}
        case "support":
            statistics = model.statistics(theta, tasks.support.x)
        case _:
            statistics = {name.removeprefix("steps/"): value[:, 0] for name, value in oracle.statistics.items()}
            statistics = {name: value.expand(4, -1) for name, value in statistics.items()}
            assert len(statistics) == 4
    expected = problem.loss(model.apply(theta | statistics, tasks.query.x), tasks.query.y)
    shown = snapshot(config, state, View()).trajectories["oracle"]
    assert float(shown.mean[0]) == pytest.approx(float(expected.mean()), rel=1e-9)


def test_a_roll_back_takes_the_oracle_back_too() -> None:
    config = with_oracle(model=MLPConfig(hidden_widths=(20, 20)), dtype="float32")
    before, _ = advance(config, init_run(config), num_steps=2 * CHECKPOINT_EVERY + 1)
    at_checkpoint, _ = advance(config, init_run(config), num_steps=CHECKPOINT_EVERY)
    wild, _ = advance(replace(config, {"alpha": 1.0, "num_inner_steps": 20}), before, num_steps=20)
    assert wild.status.kind == "diverged"
    assert wild.oracle is not None
    assert same(wild.oracle, at_checkpoint.oracle)
    assert not same(wild.oracle, before.oracle)


def test_an_oracle_that_is_not_finite_stops_the_run_by_name() -> None:
    config = with_oracle()
    state = init_run(config)
    oracle = state.baselines["oracle"]
    broken = oracle._replace(theta={name: value * torch.inf for name, value in oracle.theta.items()})
    state, _ = advance(config, state._replace(baselines={**state.baselines, "oracle": broken}), num_steps=3)
    assert (state.status.kind, state.step) == ("diverged", 1)
    assert "oracle baseline at outer step 0 is not finite" in state.status.sentence


def test_a_state_without_the_oracle_that_the_config_asks_for_is_refused() -> None:
    with pytest.raises(StateError, match="other baselines than the config: joint instead of joint, oracle"):
        check_state(init_run(tiny()), with_oracle(), build_problem(tiny()))


def test_a_state_with_an_oracle_of_other_tasks_is_refused() -> None:
    """The run's own network fits both families of one input; the oracle's does not."""
    other = with_oracle(tasks=LinearConfig())
    with pytest.raises(StateError, match="another model"):
        check_state(init_run(with_oracle()), other, build_problem(other))


class Untold(Sinusoid):
    """Curves whose parameters nobody knows."""

    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Any:
        return np.zeros((num_tasks, 0))

    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        return torch.sin(x)


def test_where_there_is_no_oracle_the_config_error_says_why() -> None:
    plain = build_problem(tiny())
    module = ModuleModel(nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)))
    for own, why in (
        (Problem(family=plain.family, model=module), "a ModuleModel cannot be widened"),
        (Problem(family=Untold(SinusoidConfig()), model=plain.model), "no parameters to tell an oracle"),
    ):
        with pytest.raises(ConfigError, match=f"^oracle_baseline = on .*{why}.* switch it off"):
            init_run(with_oracle(), problem=own)


def test_the_oracle_of_ones_own_loss_has_that_loss() -> None:
    plain = build_problem(tiny())

    def doubled(prediction: Tensor, target: Tensor) -> Tensor:
        return 2.0 * plain.loss(prediction, target)

    own = Problem(family=plain.family, model=plain.model, loss=doubled)
    ours, theirs = (
        advance(with_oracle(), init_run(with_oracle(), problem=p), num_steps=1, problem=p)[1].oracle_loss[0]
        for p in (own, plain)
    )
    assert ours == pytest.approx(2.0 * theirs, rel=1e-12)


# From scratch


def scratch(config: RunConfig, tasks: Tasks | None = None, **arguments: Any) -> ScratchResult:
    problem = build_problem(config)
    theta_0 = problem.model.init(config.weights_seed, torch.float64 if config.dtype == "float64" else torch.float32)
    return from_scratch(theta_0, tasks or held_out_tasks(config, problem), problem=problem, **arguments)


def quick(**changes: Any) -> RunConfig:
    """Five tasks that training from scratch fits within a second, each after another number of steps."""
    return tiny(**{"model": MLPConfig(hidden_widths=(20, 20), activation="tanh"), "evaluation_tasks": 5, **changes})


def plainly(theta_0: Params, support: Examples, query: Examples) -> tuple[float, float, int]:
    """One task in a plain loop: support loss, query loss, steps."""
    module = module_of(theta_0, nn.Tanh)
    optimizer = torch.optim.Adam(module.parameters(), lr=SCRATCH_BETA)
    loss = nn.MSELoss()

    def now() -> tuple[float, float]:
        with torch.no_grad():
            return float(loss(module(support.x), support.y)), float(loss(module(query.x), query.y))

    best, fallen_to, fell_at = now(), now()[0], 0
    for step in itertools.count(1):
        optimizer.zero_grad()
        loss(module(support.x), support.y).backward()
        optimizer.step()
        if step % CHECK_EVERY == 0:
            best = min(best, now())
            if best[0] < (1.0 - IMPROVEMENT) * fallen_to:
                fallen_to, fell_at = best[0], step
            if best[0] <= FITTED * float(support.y.square().mean()) or step - fell_at >= PATIENCE:
                return *best, step
    raise AssertionError


def test_scratch_is_each_task_in_a_plain_loop() -> None:
    """Among the tasks are some that are fitted and one that stops improving."""
    config = quick()
    problem = build_problem(config)
    theta_0, tasks = problem.model.init(0, torch.float64), held_out_tasks(config, problem)
    # Two targets at one x: no network fits them, so the loss falls to a floor above `FITTED` and stays there.
    x, y = tasks.support.x.clone(), tasks.support.y.clone()
    x[0], y[0, ::2], y[0, 1::2] = 1.0, 0.0, 1.0
    tasks = tasks._replace(support=Examples(x, y))
    found = from_scratch(theta_0, tasks, problem=problem)
    ends = set()
    for task in range(4):
        support, query = (Examples(part.x[task], part.y[task]) for part in tasks[:2])
        support_loss, query_loss, num_steps = plainly(theta_0, support, query)
        assert (int(found.num_steps[task]), bool(found.converged[task])) == (num_steps, True)
        assert float(found.support_loss[-1, task]) == pytest.approx(support_loss, rel=1e-6, abs=TOLERANCE)
        assert float(found.query_loss[-1, task]) == pytest.approx(query_loss, rel=1e-6)
        ends.add("fitted" if support_loss < 0.01 else "floor")
    assert ends == {"fitted", "floor"}


def test_at_the_step_limit_a_task_has_not_converged() -> None:
    whole, limited = scratch(quick()), scratch(quick(), max_steps=3 * CHECK_EVERY)
    assert whole.converged.all()
    assert limited.converged.tolist() == (whole.num_steps <= 3 * CHECK_EVERY).tolist()
    assert 0 < int(limited.converged.sum()) < len(limited.converged)
    assert same(limited.num_steps, whole.num_steps.clamp(max=3 * CHECK_EVERY))
    assert same(limited.query_loss, whole.query_loss[:4])


def test_a_smaller_step_size_takes_longer_from_scratch() -> None:
    usual, small = (scratch(quick(), max_steps=CHECK_EVERY, beta=beta) for beta in (SCRATCH_BETA, SCRATCH_BETA / 10))
    assert float(usual.support_loss[1].sum()) < 0.5 * float(small.support_loss[1].sum())


def test_a_task_from_scratch_does_not_depend_on_the_others() -> None:
    """Neither on what they are, nor on when they end."""
    config = quick()
    tasks = held_out_tasks(config, build_problem(config))
    whole = scratch(config, tasks)
    assert len(set(whole.num_steps.tolist())) > 1
    for task in range(5):
        alone = scratch(config, task_slice(tasks, [task]))
        assert int(alone.num_steps[0]) == int(whole.num_steps[task])
        assert float(alone.query_loss[-1, 0]) == pytest.approx(float(whole.query_loss[-1, task]), rel=1e-6)


def test_query_points_decide_nothing_in_training_from_scratch() -> None:
    config = quick()
    tasks = held_out_tasks(config, build_problem(config))
    moved = tasks._replace(query=tasks.query._replace(y=tasks.query.y + 1.0))
    plain, shifted = (scratch(config, t, max_steps=300) for t in (tasks, moved))
    assert same(
        (plain.support_loss, plain.num_steps, plain.steps), (shifted.support_loss, shifted.num_steps, shifted.steps)
    )
    assert float((plain.query_loss - shifted.query_loss).abs().min()) > 1e-6


def test_scratch_fits_its_points_and_is_worse_elsewhere() -> None:
    result = scratch(RunConfig(evaluation_tasks=8))
    assert result.converged.all()
    assert (result.num_steps < 10_000).all()
    assert float(result.support_loss[-1].median()) < 1e-3
    assert float(result.query_loss[-1].median()) > 10 * float(result.support_loss[-1].median())


def test_more_points_help_training_from_scratch() -> None:
    few, many = (scratch(RunConfig(evaluation_tasks=40, shots=shots), max_steps=500) for shots in (3, 20))
    assert float(many.query_loss[-1].median()) < 0.3 * float(few.query_loss[-1].median())


def test_losses_from_scratch_are_kept_at_every_look() -> None:
    """The first are those of the initial weights; the lowest support loss never rises; a task that has ended stays as it is."""
    config = quick()
    problem, result = build_problem(config), scratch(config)
    tasks = held_out_tasks(config, problem)
    start = evaluate(problem.model.init(0, torch.float64), tasks, problem=problem, how=Adaptation(0.0), num_steps=0)
    torch.testing.assert_close(result.query_loss[0], start.query_loss[0, 0], rtol=0, atol=1e-12)
    assert result.steps.tolist() == list(range(0, int(result.num_steps.max()) + 1, CHECK_EVERY))
    assert result.support_loss.shape == result.query_loss.shape == (len(result.steps), 5)
    assert (result.support_loss.diff(dim=0) <= 0).all()
    first = int(result.num_steps.argmin())
    ended = int(result.num_steps[first]) // CHECK_EVERY
    assert ended < len(result.steps) - 1
    assert same(result.query_loss[ended, first], result.query_loss[-1, first])
    assert same(result.evaluation.query_loss, result.query_loss[-1].view(1, 1, -1))
    assert same(result.evaluation.start_loss, result.query_loss[0].view(1, -1))


def test_losses_from_scratch_are_of_the_parameters_with_the_lowest_support_loss() -> None:
    """With a step size that is too large the support loss goes up and down: where it is not lower, the query loss stays."""
    result = scratch(quick(), beta=0.3, max_steps=1000)
    not_lower = result.support_loss.diff(dim=0) == 0
    assert not_lower.any()
    assert same(result.query_loss[1:][not_lower], result.query_loss[:-1][not_lower])


def test_scratch_is_deterministic_and_changes_nothing() -> None:
    """Trap 4."""
    config = tiny(dtype="float32")
    problem = build_problem(config)
    theta_0, tasks = problem.model.init(0), held_out_tasks(config, problem)
    before = [{name: value.clone() for name, value in theta_0.items()}, [v.clone() for part in tasks[:2] for v in part]]
    random_state = torch.get_rng_state()
    first, second = (from_scratch(theta_0, tasks, problem=problem, max_steps=300) for _ in range(2))
    assert same(tuple(first), tuple(second))
    assert same([theta_0, [values for part in tasks[:2] for values in part]], before)
    assert torch.equal(torch.get_rng_state(), random_state)
    assert first.query_loss.dtype == torch.float32
    assert not first.query_loss.requires_grad


def test_tasks_that_cannot_be_fitted_end_and_say_what_they_are() -> None:
    """Trap 18: targets that are not finite end as they began, after `PATIENCE`, without an exception."""
    config = tiny()
    tasks = held_out_tasks(config, build_problem(config))
    broken = tasks.support.y.clone()
    broken[1] = torch.nan
    result = scratch(config, tasks._replace(support=tasks.support._replace(y=broken)), max_steps=2000)
    assert int(result.num_steps[1]) == PATIENCE
    assert same(result.query_loss[-1, 1], result.query_loss[0, 1])
    assert float(result.support_loss[-1, 0]) < float(result.support_loss[0, 0])


def test_scratch_with_batch_norm_judges_the_query_points_by_the_treatment() -> None:
    config = quick(model=MLPConfig(hidden_widths=(20, 20), batch_norm=True))
    batch, support, running = (
        scratch(config, max_steps=300, treatment=treatment) for treatment in ("batch", "support", "running")
    )
    assert same(batch.support_loss, support.support_loss)
    assert not torch.isclose(batch.query_loss[-1], support.query_loss[-1]).any()
    assert same(tuple(running), tuple(support))


def test_scratch_of_linear_regression_finds_w() -> None:
    config = tiny(tasks=LinearConfig(), model=MLPConfig(hidden_widths=(), use_bias=False), shots=6)
    result = scratch(config)
    assert float(result.query_loss[-1].max()) < 1e-3


@pytest.mark.parametrize("max_steps", [0, CHECK_EVERY - 1, CHECK_EVERY + 1])
def test_a_step_limit_between_two_looks_is_refused(max_steps: int) -> None:
    with pytest.raises(ValueError, match=f"^max_steps = {max_steps}: .*{CHECK_EVERY}"):
        scratch(tiny(), max_steps=max_steps)


def test_several_lanes_have_no_training_from_scratch() -> None:
    problem, theta_0, tasks = prepared(tiny())
    with pytest.raises(ValueError, match="2 lanes"):
        from_scratch(lanes(theta_0, theta_0), tasks, problem=problem)


# What is shown and tabulated


def test_oracle_and_scratch_are_flat_trajectories() -> None:
    config = quick(oracle_baseline=True)
    problem, (state, _) = build_problem(config), advance(config, init_run(config), num_steps=4)
    shown = snapshot(config, state, SCRATCH_VIEW).trajectories
    assert set(shown) == {"maml", "random", "joint", "oracle", "scratch"}
    for name, evaluation in (
        ("oracle", evaluate_oracle(oracle_of(state), held_out_tasks(config, problem), problem=problem)),
        ("scratch", scratch(config).evaluation),
    ):
        for field, level in summarize(evaluation)._asdict().items():
            found = getattr(shown[name], field)
            if level is None:  # regression has no accuracy
                assert found is None, name
            else:
                assert found.tolist() == [float(level[0])] * (config.evaluation_steps + 1), name


def test_training_from_scratch_on_images_is_judged_by_its_accuracy_too() -> None:
    config = RunConfig(
        tasks=GlyphsConfig(ways=3),
        model=MLPConfig(hidden_widths=(8,)),
        shots=2,
        num_query=4,
        evaluation_tasks=3,
        evaluation_steps=2,
        joint_baseline=False,
    )
    problem = build_problem(config)
    tasks = held_out_tasks(config, problem)
    result = scratch(config, max_steps=300)
    assert result.accuracy is not None
    # Each task alone, so that it ends with its own parameters.
    alone = [scratch(config, tasks=part, max_steps=300).accuracy for part in in_parts(tasks, 1)]
    assert result.accuracy.tolist() == [float(share) for share in alone if share is not None]
    assert (result.accuracy > 1 / 3).any()
    flat = summarize(repeated(result.evaluation, config.evaluation_steps))
    assert flat.accuracy is not None
    assert flat.accuracy.tolist() == [pytest.approx(float(result.accuracy.mean()))] * 3


def test_scratch_is_only_trained_where_it_is_asked_for_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counted(*arguments: Any, **more: Any) -> ScratchResult:
        calls.append(1)
        return from_scratch(*arguments, **more)

    monkeypatch.setattr("maml_core.scratch.from_scratch", counted)
    config = quick(evaluation_seed=77)
    state = init_run(config)
    assert "scratch" not in snapshot(config, state, View()).trajectories
    snapshot(config, state, SCRATCH_VIEW)
    snapshot(replace(config, {"alpha": 0.3, "beta": 0.1}), state, SCRATCH_VIEW)  # what it does not depend on
    assert len(calls) == 1
    snapshot(replace(config, {"shots": 5}), state, SCRATCH_VIEW)
    assert len(calls) == 2


def test_all_baselines_stand_on_the_same_tasks() -> None:
    config = quick(oracle_baseline=True, alpha=0.05)
    problem, (state, _) = build_problem(config), advance(config, init_run(config), num_steps=4)
    tasks = held_out_tasks(config, problem)
    table = evaluate_baselines(config, state.baselines, tasks, problem=problem, num_steps=config.evaluation_steps)
    shown = snapshot(config, state, SCRATCH_VIEW).trajectories
    assert list(table) == ["random", "joint", "oracle", "scratch"]
    for name, summary in table.items():
        assert same(tuple(summary), tuple(shown[name])), name


def test_the_oracles_network_is_built_once() -> None:
    problem = build_problem(tiny())
    assert oracle_problem(problem) is oracle_problem(problem)
    assert isinstance(
        evaluate_oracle(
            oracle_problem(problem).model.init(0, torch.float64), held_out_tasks(tiny(), problem), problem=problem
        ),
        Evaluation,
    )
