"""What a state looks like: the numbers behind every live chart."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maml_core import snapshots
from maml_core.causes import CURVATURE_IMAGE_TASKS, CURVATURE_TASKS, num_curvature_tasks
from maml_core.config import GlyphsConfig, LinearConfig, MLPConfig, replace
from maml_core.evaluation import evaluate, summarize
from maml_core.inner import Adaptation, adapt
from maml_core.landscape import curvatures
from maml_core.losses import mse
from maml_core.params import flattened, over_tasks
from maml_core.presets import few_shot
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.records import Demonstration, Plane, TaskFit, View
from maml_core.runs import advance, init_run
from maml_core.snapshots import PATH_TASKS, snapshot
from maml_core.state_bytes import state_to_bytes
from tests.maml_core.helpers import flat, same, tiny

NOTHING = {"tasks": (), "trajectories": False, "curvature": False, "rates": False, "paths": False}


def fit_of(task: Demonstration | None = None, **changes: Any) -> TaskFit:
    config = tiny(**changes)
    fit = snapshot(config, init_run(config), View(**{**NOTHING, "tasks": (task or Demonstration(),)})).fit
    assert fit is not None
    return fit


def test_what_is_not_asked_for_is_not_computed() -> None:
    shown = snapshot(tiny(), init_run(tiny()), View(**NOTHING))
    assert (shown.fit, dict(shown.trajectories), shown.paths, shown.curvature) == (None, {}, None, None)
    config = tiny(algorithm="meta_sgd")
    assert snapshot(config, init_run(config), View(**NOTHING)).rates is None


def test_looking_changes_nothing() -> None:
    """Trap 4."""
    config = tiny(num_inner_steps=2)
    state, _ = advance(config, init_run(config), num_steps=3)
    before, random_state = state_to_bytes(state), torch.get_rng_state()
    snapshot(config, state, View())
    assert state_to_bytes(state) == before
    assert torch.equal(torch.get_rng_state(), random_state)


def test_losses_of_the_fit_belong_to_its_points_and_steps() -> None:
    """Trap 5."""
    fit = fit_of(num_inner_steps=2, evaluation_steps=5, alpha=0.05)
    assert fit.curves.shape == (6, len(fit.grid))
    assert fit.support_loss.shape == fit.query_loss.shape == (6,)
    for k in range(6):
        for x, y, losses in (
            (fit.support_x, fit.support_y, fit.support_loss),
            (fit.query_x, fit.query_y, fit.query_loss),
        ):
            predictions = np.interp(x, fit.grid, fit.curves[k])
            assert losses[k] == pytest.approx(float(np.mean((predictions - y) ** 2)), rel=0.02, abs=1e-3)
    assert fit.support_loss[5] < fit.support_loss[0]


def test_the_fit_shows_enough_steps_for_training_and_for_evaluation() -> None:
    assert len(fit_of(num_inner_steps=6, evaluation_steps=2).curves) == 7


def test_a_chosen_task_keeps_its_inputs_and_noise() -> None:
    drawn = fit_of()
    chosen = fit_of(Demonstration(parameters=(2.0, 1.0)))
    assert same(chosen.support_x, drawn.support_x)
    np.testing.assert_allclose(chosen.support_y, 2.0 * np.sin(chosen.support_x - 1.0), atol=1e-5)
    np.testing.assert_allclose(chosen.truth, 2.0 * np.sin(chosen.grid - 1.0), atol=1e-5)
    assert chosen.parameters.tolist() == [2.0, 1.0]


def test_another_draw_is_another_task_and_the_same_draw_the_same() -> None:
    assert same(tuple(fit_of(Demonstration(draw=3))), tuple(fit_of(Demonstration(draw=3))))
    assert not np.isclose(fit_of(Demonstration(draw=3)).support_x, fit_of(Demonstration(draw=4)).support_x).any()


def test_several_look_at_tasks_of_their_own() -> None:
    tasks = (Demonstration(), Demonstration(parameters=(2.0, 1.0)), Demonstration(draw=3))
    found = snapshot(tiny(), init_run(tiny()), View(tasks=tasks)).fits
    assert [same(tuple(fit or ()), tuple(fit_of(task))) for fit, task in zip(found, tasks, strict=True)] == [True] * 3


def test_what_is_the_same_for_all_who_look_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tasks cost their inner loops, and nothing else."""
    config = tiny(num_inner_steps=2)
    state = init_run(config)
    alone = snapshot(config, state, View(moves=True))  # what is kept of it is known from here on
    common = ("evaluate", "evaluate_baseline", "inner_curvature", "inner_descent", "_paths", "_moves")
    calls: list[str] = []
    for name in common:
        plain = getattr(snapshots, name)
        monkeypatch.setattr(
            snapshots, name, lambda *a, name=name, plain=plain, **k: calls.append(name) or plain(*a, **k)
        )
    snapshot(config, state, View(moves=True))
    counts = Counter(calls)
    assert set(counts) == set(common)
    calls.clear()
    several = snapshot(config, state, View(moves=True, tasks=tuple(Demonstration(draw=draw) for draw in range(4))))
    assert Counter(calls) == counts
    assert several.fits[0] is not None
    assert same(tuple(several.fits[0]), tuple(alone.fit or ()))
    assert same(several.trajectories["maml"].mean, alone.trajectories["maml"].mean)


def test_a_family_of_several_inputs_has_no_curve() -> None:
    config = tiny(tasks=LinearConfig(num_features=2))
    assert snapshot(config, init_run(config), View()).fit is None


def test_a_dead_theta_n_is_reported() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(6, 5)))
    state = init_run(config)
    off = {name: value - 1000.0 if name == "b1" else value for name, value in state.meta.theta.items()}
    shown = [snapshot(config, s, View()).fit for s in (state, state._replace(meta=state.meta._replace(theta=off)))]
    assert [fit is not None and fit.dead for fit in shown] == [False, True]


def test_trajectories_are_of_the_run_the_random_start_and_the_baseline() -> None:
    config = tiny(alpha=0.05)
    state, _ = advance(config, init_run(config), num_steps=8)
    problem, shown = build_problem(config), snapshot(config, state, View()).trajectories
    assert state.joint is not None
    for name, theta in (
        ("maml", state.meta.theta),
        ("joint", state.joint.theta),
        ("random", init_run(config).meta.theta),
    ):
        expected = summarize(
            evaluate(theta, held_out_tasks(config, problem), problem=problem, how=Adaptation(0.05), num_steps=3)
        )
        assert same(tuple(shown[name]), tuple(expected)), name
    assert len({float(summary.mean[0]) for summary in shown.values()}) == 3


def test_without_a_baseline_there_is_no_trajectory_of_it() -> None:
    config = tiny(joint_baseline=False)
    assert set(snapshot(config, init_run(config), View()).trajectories) == {"maml", "random"}
    assert "joint" not in snapshot(tiny(), init_run(tiny()), View(joint_trajectory=False)).trajectories


def test_the_random_start_follows_the_settings_it_depends_on() -> None:
    state, before = init_run(tiny()), snapshot(tiny(), init_run(tiny()), View()).trajectories["random"]
    for changes in ({"alpha": 0.2}, {"shots": 6}):
        after = snapshot(tiny(**changes), state, View()).trajectories["random"]
        assert not same(after.mean[1:], before.mean[1:])


def test_a_problem_of_ones_own_is_used_for_every_trajectory() -> None:
    config = tiny()
    plain, state = build_problem(config), init_run(config)

    def doubled(prediction: Tensor, target: Tensor) -> Tensor:
        return 2.0 * mse(prediction, target)

    own = Problem(family=plain.family, model=plain.model, loss=doubled)
    ours, theirs = (snapshot(config, state, View(), problem=problem).trajectories for problem in (own, plain))
    for name in ("maml", "joint", "random"):
        assert ours[name].mean[0] == pytest.approx(2.0 * theirs[name].mean[0], rel=1e-9), name


def test_rates_of_meta_sgd_are_quantiles_over_each_tensor() -> None:
    config = tiny(algorithm="meta_sgd", beta=0.01)
    state, _ = advance(config, init_run(config), num_steps=4)
    rates = snapshot(config, state, View()).rates
    assert rates is not None
    (learned,) = state.meta.rates
    assert rates.names == tuple(learned)
    for at, values in enumerate(learned.values()):
        quantiles = (rates.low[0, at], rates.median[0, at], rates.high[0, at])
        np.testing.assert_allclose(quantiles, np.quantile(values.numpy(), [0.1, 0.5, 0.9]))
    assert rates.overall == pytest.approx(np.median(flat(learned)))
    assert (rates.low < rates.high).any()


def test_rates_per_step_are_the_learned_numbers_with_their_signs() -> None:
    config = tiny(per_step_rates=True, num_inner_steps=3, alpha=0.01, beta=0.01)
    state, _ = advance(config, init_run(config), num_steps=6)
    rates = snapshot(config, state, View()).rates
    assert rates is not None
    expected = [[float(rate) for rate in entry.values()] for entry in state.meta.rates]
    assert rates.median.shape == (3, len(rates.names))
    for found in (rates.low, rates.median, rates.high):
        np.testing.assert_allclose(found, expected)
    assert (rates.median < 0).any()
    assert rates.overall == pytest.approx(np.median(expected))


def test_without_learned_rates_there_is_nothing_to_show_of_them() -> None:
    assert snapshot(tiny(), init_run(tiny()), View()).rates is None


@pytest.mark.parametrize("changes", [{"algorithm": "anil"}, {"algorithm": "imaml", "proximal": 3.0}], ids=str)
def test_the_curvature_is_of_what_the_inner_loop_descends(changes: dict[str, Any]) -> None:
    config = tiny(**changes)
    state, problem = init_run(config), build_problem(config)
    shown = snapshot(config, state, View(**{**NOTHING, "curvature": True})).curvature
    plain = snapshot(tiny(), state, View(**{**NOTHING, "curvature": True})).curvature
    assert shown is not None
    assert plain is not None
    if config.algorithm == "imaml":
        assert shown.median == pytest.approx(plain.median + 3.0)
    else:
        head = curvatures(
            state.meta.theta,
            held_out_tasks(config, problem),
            problem=problem,
            how=Adaptation(config.alpha, names=problem.model.head),
        )[0]
        assert shown == head
        assert shown.median < plain.median


@pytest.mark.parametrize(("held_out", "looked_at"), [(5, 5), (CURVATURE_TASKS + 8, CURVATURE_TASKS)])
def test_the_curvature_is_of_held_out_tasks_but_not_of_very_many(held_out: int, looked_at: int) -> None:
    config = tiny(evaluation_tasks=held_out)
    state, problem = init_run(config), build_problem(config)
    shown = snapshot(config, state, View(**{**NOTHING, "curvature": True})).curvature
    same_tasks, one_less = (
        curvatures(state.meta.theta, held_out_tasks(config, problem, number), problem=problem)[0]
        for number in (looked_at, looked_at - 1)
    )
    assert shown == same_tasks != one_less


@pytest.mark.parametrize(("held_out", "looked_at"), [(5, 5), (CURVATURE_IMAGE_TASKS + 8, CURVATURE_IMAGE_TASKS)])
def test_the_curvature_of_images_is_of_fewer_tasks(held_out: int, looked_at: int) -> None:
    assert num_curvature_tasks(replace(few_shot(GlyphsConfig()), {"evaluation_tasks": held_out})) == looked_at


def test_layers_move_by_their_share_of_theta_0() -> None:
    config = tiny(num_inner_steps=3, alpha=0.05)
    state, problem = init_run(config), build_problem(config)
    moves = snapshot(config, state, View(**{**NOTHING, "moves": True})).moves
    assert moves is not None
    assert moves.layers == ("hidden 1", "hidden 2", "head")
    assert moves.median.shape == (4, 3)
    assert (moves.median[0] == 0.0).all()
    one = held_out_tasks(config, problem, 8)
    theta = over_tasks(state.meta.theta, 8)
    end = adapt(
        theta, one.support, model=problem.model, loss=mse, how=Adaptation(0.05), num_steps=3, order="first"
    ).theta
    for layer, names in enumerate((("w0", "b0"), ("w1", "b1"), ("w2", "b2"))):
        moved = flattened({name: end[name] - theta[name] for name in names}).norm(dim=1)
        share = np.sort((moved / flattened({name: theta[name] for name in names}).norm(dim=1)).numpy())
        assert moves.low[3, layer] == pytest.approx(share[1], rel=1e-12)
        assert moves.high[3, layer] == pytest.approx(share[6], rel=1e-12)
        assert moves.median[3, layer] in [pytest.approx(share[3], rel=1e-12), pytest.approx(share[4], rel=1e-12)]


def test_the_body_does_not_move_under_anil() -> None:
    config = tiny(algorithm="anil", num_inner_steps=2)
    moves = snapshot(config, init_run(config), View(**{**NOTHING, "moves": True})).moves
    assert moves is not None
    assert (moves.high[:, :2] == 0.0).all()
    assert (moves.low[1:, 2] > 0.0).all()


def test_scales_of_single_steps_do_not_count_as_moved() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(5, 4), batch_norm=True), per_step_norm=True, alpha=0.05)
    moves = snapshot(config, init_run(config), View(**{**NOTHING, "moves": True})).moves
    assert moves is not None
    assert np.isfinite(moves.median).all()
    assert (moves.median[1] > 0.0).all()


def test_paths_begin_at_theta_0_and_lie_in_the_plane() -> None:
    config = tiny(num_inner_steps=3, alpha=0.05)
    state = init_run(config)
    paths = snapshot(config, state, View(**{**NOTHING, "paths": True})).paths
    assert paths is not None
    assert paths.paths.shape == (8, 4, 2)
    np.testing.assert_allclose(paths.paths[:, 0], 0.0, atol=1e-6)
    assert np.abs(paths.paths[:, 3]).max() > 1e-3
    assert 0.0 < paths.explained <= 1.0 + 1e-6
    np.testing.assert_allclose(paths.theta_0, flat(state.meta.theta), rtol=1e-6)


def test_paths_are_drawn_in_the_plane_asked_for() -> None:
    config = tiny()
    state = init_run(config)
    first = snapshot(config, state, View(**{**NOTHING, "paths": True})).paths
    assert first is not None
    shifted = Plane(first.plane.origin - first.plane.basis[0], first.plane.basis)
    again = snapshot(config, state, View(**{**NOTHING, "paths": True, "plane": shifted})).paths
    assert again is not None
    np.testing.assert_allclose(again.paths, first.paths + np.array([1.0, 0.0]), atol=1e-5)


def test_without_inner_steps_there_are_paths_of_one_point() -> None:
    config = tiny(num_inner_steps=0)
    paths = snapshot(config, init_run(config), View()).paths
    assert paths is not None
    assert (paths.paths.shape, paths.explained) == ((8, 1, 2), 1.0)


@pytest.mark.parametrize(("alpha", "num_inner_steps"), [(0.3, 5), (1.0, 20), (100.0, 50)])
def test_a_state_whose_tasks_diverge_can_be_looked_at(alpha: float, num_inner_steps: int) -> None:
    """Trap 18: neither an exception nor a warning, and nothing that is not a number where a share is expected."""
    config = tiny(model=MLPConfig(), dtype="float32", alpha=alpha, num_inner_steps=num_inner_steps, evaluation_tasks=20)
    shown = snapshot(config, init_run(config), View())
    assert shown.paths is not None
    assert shown.curvature is not None
    assert 0.0 <= shown.paths.explained <= 1.0 + 1e-6
    assert np.isfinite(shown.curvature.median)
    assert np.isfinite(shown.paths.plane.basis).all()


def test_with_one_inner_step_the_plane_is_that_of_the_first_step() -> None:
    config = tiny(num_inner_steps=1, evaluation_tasks=PATH_TASKS)
    problem, state = build_problem(config), init_run(config)
    found = snapshot(config, state, View(tasks=(), trajectories=False, curvature=False), problem=problem).paths
    assert found is not None
    tasks = held_out_tasks(config, problem, PATH_TASKS)
    theta_0 = {name: value.expand(PATH_TASKS, *value.shape[1:]) for name, value in state.meta.theta.items()}
    theta_1 = adapt(
        theta_0,
        tasks.support,
        model=problem.model,
        loss=problem.loss,
        how=Adaptation(config.alpha),
        num_steps=1,
        order="first",
    ).theta
    moved = torch.cat([(theta_1[name] - theta_0[name]).flatten(1) for name in theta_0], dim=1).detach().numpy()
    squares = np.linalg.svd(moved, compute_uv=False) ** 2
    assert found.explained == pytest.approx(squares[:2].sum() / squares.sum(), rel=1e-5)
