"""Evaluation: every inner step, every task, and nothing changed by looking."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
import torch

from maml_core.config import ConvConfig, GlyphsConfig, LinearConfig, MLPConfig, RunConfig, SinusoidConfig
from maml_core.evaluation import Evaluation, concatenated, evaluate, in_groups, summarize
from maml_core.inner import Adaptation
from maml_core.outer import Judged, judged
from maml_core.problem import build_problem, held_out_tasks
from maml_core.runs import advance, init_run
from tests.maml_core.helpers import TOLERANCE, flat, lanes, linear, prepared, quadratic, same, task_slice, tiny


@pytest.mark.parametrize("num_steps", [0, 1, 7])
def test_losses_are_of_each_inner_step_whatever_n_is_in_training(num_steps: int) -> None:
    """Trap 5 (off by one step) and trap 12 (more inner steps than in training; here N = 1)."""
    config = linear(num_inner_steps=1)
    problem, theta_0, tasks = prepared(config)
    found = evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_steps=num_steps).query_loss
    assert found.shape == (num_steps + 1, 1, 3)
    for task in range(3):
        X, y = tasks.query.x[task].numpy(), tasks.query.y[task, :, 0].numpy()
        for k in range(num_steps + 1):
            theta_k = quadratic(tasks, task).adapted(flat(theta_0), 0.1, k)
            assert float(found[k, 0, task]) == pytest.approx(float(np.mean((X @ theta_k - y) ** 2)), abs=TOLERANCE)


def test_more_steps_begin_with_the_losses_of_fewer() -> None:
    """Trap 12."""
    problem, theta_0, tasks = prepared(tiny())
    few, many = (evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_steps=n).query_loss for n in (2, 6))
    assert same(few, many[:3])


def test_evaluating_changes_neither_theta_nor_tasks_nor_the_random_state() -> None:
    """Trap 4."""
    problem, theta_0, tasks = prepared(tiny())
    before = [
        {name: value.clone() for name, value in theta_0.items()},
        [values.clone() for part in tasks[:2] for values in part],
    ]
    torch_state = torch.get_rng_state()
    evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.7), num_steps=3)
    assert same([theta_0, [values for part in tasks[:2] for values in part]], before)
    assert all(value.grad is None and not value.requires_grad for value in theta_0.values())
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_evaluating_does_not_change_how_a_run_goes_on() -> None:
    """Trap 4: how often the curves are measured must not reach theta."""
    often, seldom = (tiny(evaluate_every=every) for every in (1, 1000))
    results = [advance(config, init_run(config), num_steps=8)[0].meta for config in (often, seldom)]
    assert same(results[0], results[1])


@pytest.mark.parametrize("tasks_at_once", [1, 2, 3, 1000])
def test_how_many_tasks_at_once_does_not_matter(tasks_at_once: int) -> None:
    problem, theta_0, tasks = prepared(tiny(meta_batch_size=5))
    whole = evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_steps=3)
    parts = evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_steps=3, tasks_at_once=tasks_at_once)
    torch.testing.assert_close(parts.query_loss, whole.query_loss, rtol=0, atol=1e-12)
    assert parts.zero_level == whole.zero_level == problem.family.zero_level()


def test_groups_of_tasks_are_joined_over_the_tasks() -> None:
    """Two lanes and groups of three and two tasks: everything lane by lane, the losses before adaptation too."""
    generator = torch.Generator().manual_seed(0)
    loss, share, start = (torch.rand(*shape, generator=generator) for shape in ((4, 2, 5), (4, 2, 5), (2, 5)))
    parts = [Evaluation(loss[:, :, at], 4.0, share[:, :, at], start[:, at]) for at in (slice(3), slice(3, 5))]
    found = concatenated(parts)
    assert found.accuracy is not None
    assert found.start_loss is not None
    assert same((found.query_loss, found.accuracy, found.start_loss), (loss, share, start))
    assert found.zero_level == 4.0


def test_lanes_equal_single_evaluations() -> None:
    problem, _, tasks = prepared(tiny(meta_batch_size=5))
    thetas, alphas = [problem.model.init(seed, torch.float64) for seed in range(3)], [0.0, 0.05, 0.3]
    together = evaluate(
        lanes(*thetas),
        tasks,
        problem=problem,
        how=Adaptation(torch.tensor(alphas, dtype=torch.float64)),
        num_steps=2,
        tasks_at_once=2,
    )
    for lane, (theta, alpha) in enumerate(zip(thetas, alphas, strict=True)):
        alone = evaluate(theta, tasks, problem=problem, how=Adaptation(alpha), num_steps=2)
        torch.testing.assert_close(together.query_loss[:, lane], alone.query_loss[:, 0], rtol=0, atol=1e-12)
        np.testing.assert_allclose(summarize(together, lane).mean, summarize(alone).mean, rtol=1e-12)


def test_losses_come_from_the_query_points() -> None:
    """Trap 6: judged on the points that were learned from."""
    problem, theta_0, tasks = prepared(tiny())
    moved = tasks._replace(query=tasks.query._replace(y=tasks.query.y + 1.0))
    plain, shifted = (
        evaluate(theta_0, t, problem=problem, how=Adaptation(0.1), num_steps=1).query_loss for t in (tasks, moved)
    )
    assert float((plain - shifted).abs().min()) > 1e-6


@pytest.mark.parametrize("num_steps", [0, 1, 3])
def test_the_ends_alone_are_those_of_all_steps_to_the_bit(num_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, theta_0, tasks = prepared(tiny())
    looked: list[int] = []

    def noted(*given: Any, step: int, **also: Any) -> Judged:
        looked.append(step)
        return judged(*given, step=step, **also)

    monkeypatch.setattr("maml_core.evaluation.judged", noted)
    whole, ends = (
        evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_steps=num_steps, ends_only=only).query_loss
        for only in (False, True)
    )
    steps = sorted({0, num_steps})
    assert looked == [*range(num_steps + 1), *steps]
    assert torch.equal(ends, whole[steps])


LOSSES = torch.tensor([[1.0, 2.0, 3.0, 6.0], [0.5, 0.5, 1.0, 50.0]], dtype=torch.float64).unsqueeze(1)
ZERO = 4.0


def test_mean_and_median_are_over_tasks() -> None:
    summary = summarize(Evaluation(LOSSES, ZERO))
    np.testing.assert_allclose(summary.mean, [3.0, 13.0])
    np.testing.assert_allclose(summary.median, [2.5, 0.75])


def test_confidence_interval_is_over_tasks() -> None:
    """Trap 17: standard errors of the tasks' losses, however many predictions each task makes; 3.182 of them for four tasks."""
    summary = summarize(Evaluation(LOSSES, ZERO))
    np.testing.assert_allclose(summary.ci95[0], 3.182446305 * np.std([1, 2, 3, 6], ddof=1) / np.sqrt(4), rtol=1e-9)


def test_the_interval_of_an_accuracy_is_as_wide_as_that_of_a_loss() -> None:
    """Shares [1.0, 0.5, 0.5] have a spread of 0.2887 (n - 1 in its denominator), and Student's t for three tasks."""
    shares = torch.tensor([[[1.0, 0.5, 0.5]]], dtype=torch.float64)
    summary = summarize(Evaluation(shares, ZERO, accuracy=shares))
    assert summary.accuracy_ci95 is not None
    np.testing.assert_allclose(summary.accuracy_ci95, [4.302652730 * 0.2886751346 / np.sqrt(3)], rtol=1e-9)
    np.testing.assert_allclose(summary.accuracy_ci95, summary.ci95, rtol=1e-12)


def test_confidence_interval_does_not_shrink_with_query_points() -> None:
    """Trap 17: the spread between tasks stays; an interval over predictions would shrink tenfold here."""
    widths = []
    for num_query in (5, 500):
        config = tiny(evaluation_tasks=50, num_query=num_query)
        problem = build_problem(config)
        theta_0 = problem.model.init(0, torch.float64)
        evaluation = evaluate(
            theta_0, held_out_tasks(config, problem), problem=problem, how=Adaptation(0.0), num_steps=0
        )
        widths.append(float(summarize(evaluation).ci95[0]))
    assert widths[1] > 0.5 * widths[0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_one_task_that_is_not_finite_makes_the_mean_infinite_and_leaves_the_median(bad: float) -> None:
    losses = LOSSES.clone()
    losses[1, 0, 3] = bad
    summary = summarize(Evaluation(losses, ZERO))
    assert summary.mean[1] == np.inf
    assert summary.ci95[1] == np.inf
    np.testing.assert_allclose([summary.mean[0], summary.median[1]], [3.0, 0.75])


def evaluation(zero_level: float, *steps: list[float]) -> Evaluation:
    return Evaluation(torch.tensor(steps, dtype=torch.float64).unsqueeze(1), zero_level)


def test_diverged_means_above_ten_times_the_zero_level_or_the_own_loss_before() -> None:
    """Zero level 2: bounds 20, 20, 50 and 20 by the losses before adaptation, 1, 2, 5 and 0.1."""
    found = summarize(evaluation(2.0, [1.0, 2.0, 5.0, 0.1], [19.9, 20.1, 49.9, 20.1], [20.1, 20.1, 50.1, np.nan]))
    np.testing.assert_allclose(found.diverged_share, [0.0, 0.5, 1.0])


def test_an_easy_task_that_improves_has_not_diverged() -> None:
    """Its loss of 1 is above ten times what answering 0 costs on it, before any step and after; that says nothing of the steps."""
    found = summarize(evaluation(4.25, [1.1, 3.0], [0.3, 0.2]))
    np.testing.assert_allclose([found.diverged_share, found.worse_share], 0.0)


def test_before_adaptation_only_what_is_not_finite_has_diverged() -> None:
    found = summarize(evaluation(1.0, [1e6, np.inf], [1e6, np.inf]))
    np.testing.assert_allclose(found.diverged_share, [0.5, 0.5])
    np.testing.assert_allclose(found.worse_share, 0.0)


def test_worse_means_above_the_own_loss_before_adaptation() -> None:
    found = summarize(evaluation(4.0, [1.0, 1.0, 1.0, 1.0], [1.0, 1.1, 0.9, np.nan], [0.5, 0.5, 0.5, 1.01]))
    np.testing.assert_allclose(found.worse_share, [0.0, 0.5, 0.25])


def test_a_task_that_breaks_counts_though_another_is_cured() -> None:
    """Shares of tasks, never a difference of two shares: 3 of 4 diverge though as many were far off before."""
    found = summarize(evaluation(1.0, [100.0, 1.0, 1.0, 1.0], [0.1, 50.0, 50.0, 50.0]))
    assert (found.diverged_share[1], found.worse_share[1]) == (0.75, 0.75)


def test_tasks_without_anything_to_learn_do_not_diverge() -> None:
    """All amplitudes 0: the zero predictor is perfect, so any loss at all was once above ten times its own."""
    config = tiny(tasks=SinusoidConfig(amplitude=(0.0, 0.0)), evaluation_tasks=10)
    state, records = advance(config, init_run(config), num_steps=20)
    assert records.held_out_diverged.tolist() == [0.0] * len(records.held_out_steps)
    problem = build_problem(config)
    found = summarize(
        evaluate(state.meta.theta, held_out_tasks(config, problem), problem=problem, how=Adaptation(0.01), num_steps=3)
    )
    np.testing.assert_allclose(found.diverged_share, 0.0)


def test_divergence_at_large_alpha_is_reported_not_raised() -> None:
    """Trap 18."""
    config = tiny(model=MLPConfig(), dtype="float32", evaluation_tasks=20)
    problem = build_problem(config)
    theta_0 = problem.model.init(0, torch.float32)
    summary = summarize(
        evaluate(theta_0, held_out_tasks(config, problem), problem=problem, how=Adaptation(1.0), num_steps=20)
    )
    assert summary.mean[-1] == np.inf
    assert summary.diverged_share[-1] > 0.5
    assert np.isfinite(summary.mean[0])


def test_runs_of_other_weights_and_training_tasks_are_judged_on_common_tasks() -> None:
    first, second = tiny(weights_seed=0, tasks_seed=0), tiny(weights_seed=9, tasks_seed=9, alpha=0.3)
    assert same(*(tuple(held_out_tasks(config, build_problem(config))) for config in (first, second)))


def test_the_evaluation_seed_changes_the_evaluation_tasks() -> None:
    """Trap 14."""
    first, second = tiny(evaluation_seed=1), tiny(evaluation_seed=2)
    a, b = (held_out_tasks(config, build_problem(config)) for config in (first, second))
    assert not same(a.support.x, b.support.x)
    assert not same(a.parameters, b.parameters)


def test_the_loss_before_adaptation_is_never_below_the_best_that_cannot_adapt() -> None:
    """On the same tasks, paired, beyond sampling error: a loss below would mean that the tasks leak."""
    config = tiny(evaluation_tasks=500, tasks=LinearConfig(w_mean=1.0))
    config_state = advance(config, init_run(config), num_steps=40)[0]
    problem = build_problem(config)
    tasks = held_out_tasks(config, problem)
    ours = evaluate(config_state.meta.theta, tasks, problem=problem, how=Adaptation(0.0), num_steps=0).query_loss[0, 0]
    best = problem.loss(problem.family.non_adapting_prediction(tasks.query.x), tasks.query.y)
    difference = (ours - best).numpy()
    assert difference.mean() > -3.0 * difference.std(ddof=1) / np.sqrt(500)


def test_memory_does_not_grow_over_evaluations() -> None:
    """Trap 19: also when every evaluation has tasks of its own."""

    seen: list[weakref.ref[torch.Tensor]] = []

    def evaluate_anew(seeds: range) -> int:
        for seed in seeds:
            config = tiny(evaluation_seed=seed)
            problem = build_problem(config)
            theta_0, tasks = problem.model.init(0, torch.float64), held_out_tasks(config, problem)
            evaluation = evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_steps=2)
            seen.extend(weakref.ref(tensor) for tensor in (*theta_0.values(), *tasks.support, evaluation.query_loss))
        del theta_0, tasks, evaluation
        gc.collect()
        return sum(tensor() is not None for tensor in seen)

    settled = evaluate_anew(range(1000, 1020))
    assert evaluate_anew(range(1020, 1040)) == settled < len(seen) / 4


def test_a_part_of_the_tasks_has_the_losses_it_has_in_the_whole() -> None:
    problem, theta_0, tasks = prepared(tiny())
    whole = evaluate(theta_0, tasks, problem=problem, how=Adaptation(0.1), num_steps=2).query_loss
    reversed_order = evaluate(
        theta_0, task_slice(tasks, [2, 1, 0]), problem=problem, how=Adaptation(0.1), num_steps=2
    ).query_loss
    torch.testing.assert_close(reversed_order, whole.flip(2), rtol=0, atol=1e-12)


def test_a_proximal_weight_a_lane_is_not_mistaken_for_one_of_all() -> None:
    problem, theta, tasks = prepared(tiny())
    one = evaluate(theta, tasks, problem=problem, how=Adaptation(0.05, proximal=2.0), num_steps=3)
    two = evaluate(
        lanes(theta, theta),
        tasks,
        problem=problem,
        how=Adaptation(0.05, proximal=torch.tensor([0.0, 2.0]).double()),
        num_steps=3,
    )
    torch.testing.assert_close(two.query_loss[:, 1], one.query_loss[:, 0], rtol=1e-12, atol=0)
    assert not torch.equal(two.query_loss[3, 0], two.query_loss[3, 1])


def test_every_group_of_image_tasks_is_another() -> None:
    config = RunConfig(tasks=GlyphsConfig(), model=ConvConfig(num_filters=4), shots=1, num_query=1, evaluation_tasks=60)
    first, second = in_groups(config, build_problem(config))
    assert (len(first.parameters), len(second.parameters)) == (50, 10)
    assert not same(first.parameters[:10], second.parameters)
    assert not same(first.query.x[:10], second.query.x)


def test_one_task_alone_has_no_interval_and_none_has_no_tasks() -> None:
    problem, theta, tasks = prepared(tiny())
    found = summarize(evaluate(theta, task_slice(tasks, slice(1)), problem=problem, how=Adaptation(0.1), num_steps=2))
    assert np.isfinite(found.mean).all()
    assert np.isnan(found.ci95).all()
    assert held_out_tasks(tiny(), problem, 0).support.x.shape == (0, 4, 1)
