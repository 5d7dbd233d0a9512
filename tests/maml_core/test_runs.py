"""Runs as values: replay, chunk boundaries, the timeline, and what happens when a run goes wrong."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maml_core.config import CHANGEABLE, LinearConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.errors import ConfigError
from maml_core.judging import HIGH_LOSS_STEPS
from maml_core.losses import mse
from maml_core.models import MLP
from maml_core.optim import adam, sgd
from maml_core.outer import meta_gradient
from maml_core.params import all_finite
from maml_core.problem import Problem, build_problem, training_tasks
from maml_core.records import Entry, InnerDescent, Records, Status, View
from maml_core.runs import (
    CHECKPOINT_EVERY,
    Learner,
    RunState,
    advance,
    advance_through,
    apply_entry,
    init_run,
    inner_descent,
    replay,
)
from maml_core.snapshots import snapshot
from maml_core.storage import state_from_bytes, state_to_bytes
from maml_core.types import Params
from tests.maml_core.helpers import linear, same, tiny

# Enough steps to pass a checkpoint; changes before it, on it and after it, two of them at one step.
STEPS = 60
TIMELINE = (
    Entry(step=0, kind="change", changes={"alpha": 0.02}),
    Entry(step=9, kind="change", changes={"num_inner_steps": 3}),
    Entry(step=9, kind="change", changes={"alpha": 0.05}),
    Entry(step=20, kind="change", changes={"outer_optimizer": "sgd", "beta": 0.01}),
    Entry(step=31, kind="change", changes={"shots": 7, "num_query": 3, "meta_batch_size": 2}),
    Entry(step=50, kind="change", changes={"outer_optimizer": "adam", "beta": 1e-3}),
    Entry(step=55, kind="change", changes={"order": "first", "clip_norm": 0.5}),
)


def in_pieces(
    config: RunConfig,
    timeline: tuple[Entry, ...],
    pieces: list[int],
    between: Callable[[RunState], RunState] = lambda state: state,
) -> tuple[RunConfig, RunState, Records]:
    """A run in chunks of these lengths."""
    state, parts = init_run(config), []
    for piece in pieces:
        config, state, records = advance_through(config, between(state), timeline, num_steps=piece)
        parts.append(records)
    return config, state, Records.joined(parts)


def lengths(cuts: set[int], total: int) -> list[int]:
    edges = [0, *sorted(cuts), total]
    return [b - a for a, b in pairwise(edges)]


@settings(max_examples=5)
@given(cuts=st.sets(st.integers(0, STEPS), max_size=8))
def test_chunk_boundaries_never_matter(cuts: set[int]) -> None:
    whole = replay(tiny(), TIMELINE, num_steps=STEPS)
    assert same(in_pieces(tiny(), TIMELINE, lengths(cuts, STEPS)), whole)


@settings(max_examples=3)
@given(cuts=st.sets(st.integers(0, STEPS), max_size=6))
def test_saving_and_resuming_between_chunks_never_matters(cuts: set[int]) -> None:
    """Trap 15: moments, baseline and checkpoints all come back."""
    whole = replay(tiny(), TIMELINE, num_steps=STEPS)
    pieces = in_pieces(tiny(), TIMELINE, lengths(cuts, STEPS), lambda state: state_from_bytes(state_to_bytes(state)))
    assert same(pieces, whole)


def test_chunk_boundaries_at_every_timeline_step_and_checkpoint_do_not_matter() -> None:
    cuts = {entry.step for entry in TIMELINE} | {CHECKPOINT_EVERY - 1, CHECKPOINT_EVERY + 1}
    assert same(in_pieces(tiny(), TIMELINE, lengths(cuts, STEPS)), replay(tiny(), TIMELINE, num_steps=STEPS))


def test_changes_made_by_hand_equal_the_replay() -> None:
    config, state, parts = tiny(), init_run(tiny()), []
    for entry in TIMELINE:
        state, records = advance(config, state, num_steps=entry.step - state.step)
        config, state = apply_entry(config, state, entry)
        parts.append(records)
    state, records = advance(config, state, num_steps=STEPS - state.step)
    assert same((config, state, Records.joined([*parts, records])), replay(tiny(), TIMELINE, num_steps=STEPS))


def test_a_time_budget_takes_whole_steps_and_does_not_matter() -> None:
    config, state, parts = tiny(), init_run(tiny()), []
    while state.step < 12:
        before = state.step
        config, state, records = advance_through(config, state, TIMELINE, num_steps=12 - state.step, budget_s=0.0)
        assert state.step > before
        parts.append(records)
    assert len(parts) > 1
    assert same((config, state, Records.joined(parts)), replay(tiny(), TIMELINE, num_steps=12))


def test_a_timeline_in_another_order_replays_the_same() -> None:
    later_first = tuple(sorted(TIMELINE, key=lambda entry: -entry.step))  # stable: entries of one step keep their order
    assert same(replay(tiny(), later_first, num_steps=STEPS), replay(tiny(), TIMELINE, num_steps=STEPS))


def test_the_same_seed_gives_the_same_bits() -> None:
    assert same(replay(tiny(), (), num_steps=10), replay(tiny(), (), num_steps=10))


def test_a_float32_run_replays_bit_for_bit() -> None:
    config = tiny(dtype="float32", model=MLPConfig())
    resumed = in_pieces(config, TIMELINE, [7, 8, 10], lambda state: state_from_bytes(state_to_bytes(state)))
    assert same(resumed, replay(config, TIMELINE, num_steps=25))


@pytest.mark.parametrize(
    ("seed", "moves_weights", "moves_tasks"), [("weights_seed", True, False), ("tasks_seed", False, True)]
)
def test_each_seed_reaches_what_it_names(seed: str, moves_weights: bool, moves_tasks: bool) -> None:
    """Trap 14."""
    a, b = tiny(), tiny(**{seed: 5})
    problem = build_problem(a)
    assert same(init_run(a).meta.theta, init_run(b).meta.theta) != moves_weights
    for step in (0, 3):
        assert (
            same(training_tasks(a, problem, step).support.x, training_tasks(b, problem, step).support.x) != moves_tasks
        )


def test_every_step_draws_its_own_tasks() -> None:
    """Trap 14: a seed that gives every step the same data."""
    config = tiny()
    problem = build_problem(config)
    drawn = [training_tasks(config, problem, step).parameters for step in range(4)]
    assert not any(torch.isclose(a, b).any() for i, a in enumerate(drawn) for b in drawn[:i])


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_step_is_the_meta_gradient_and_the_outer_update(optimizer: Any) -> None:
    config = tiny(
        outer_optimizer=optimizer, beta=0.01, num_inner_steps=2, clip_norm=None, adam_betas=(0.8, 0.9), adam_eps=1e-3
    )
    problem, state = build_problem(config), init_run(config)
    theta, moments = state.meta.theta, state.meta.optimizer
    for step in range(3):
        tasks = training_tasks(config, problem, step)
        gradient = meta_gradient(theta, tasks, problem=problem, alpha=config.alpha, num_inner_steps=2).gradient
        if optimizer == "adam":
            theta, moments = adam(theta, gradient, moments, beta=0.01, adam_betas=(0.8, 0.9), adam_eps=1e-3)
        else:
            theta, moments = sgd(theta, gradient, moments, beta=0.01)
    assert same(advance(config, state, num_steps=3)[0].meta, Learner(theta, moments, (), {}))


def test_the_joint_baseline_is_a_run_without_inner_steps_on_the_same_tasks() -> None:
    joint, records = advance(tiny(num_inner_steps=2), init_run(tiny()), num_steps=5)
    plain, plain_records = advance(tiny(num_inner_steps=0), init_run(tiny()), num_steps=5)
    assert same(joint.joint, plain.meta)
    assert same(records.joint_loss, plain_records.query_loss)


def test_the_joint_baseline_does_not_touch_the_run() -> None:
    on, off = (
        advance(tiny(joint_baseline=flag), init_run(tiny(joint_baseline=flag)), num_steps=5) for flag in (True, False)
    )
    assert same(on[0].meta, off[0].meta)
    assert off[0].joint is None
    assert np.isnan(off[1].joint_loss).all()


def test_recorded_losses_belong_to_theta_0_before_the_steps_update() -> None:
    """Trap 5."""
    config = tiny()
    problem, state = build_problem(config), init_run(config)
    _, records = advance(config, state, num_steps=1)
    found = meta_gradient(
        state.meta.theta, training_tasks(config, problem, 0), problem=problem, alpha=config.alpha, num_inner_steps=1
    )
    assert records.query_loss[0] == float(found.query_loss)
    assert records.steps.tolist() == [0]


def test_held_out_losses_are_measured_every_so_many_steps() -> None:
    _, records = advance(tiny(evaluate_every=4), init_run(tiny()), num_steps=10)
    assert records.held_out_steps.tolist() == [0, 4, 8]
    assert records.steps.tolist() == list(range(10))


def test_held_out_losses_are_before_and_after_adaptation() -> None:
    """Trap 5."""
    config = tiny(alpha=0.05, num_inner_steps=3, evaluation_steps=3)
    state = init_run(config)
    _, records = advance(config, state, num_steps=1)
    mean = snapshot(config, state, View()).trajectories["maml"].mean
    assert (records.held_out_before[0], records.held_out_after[0]) == (mean[0], mean[3])
    assert records.held_out_before[0] != records.held_out_after[0]


def test_the_first_losses_of_the_default_run_never_change() -> None:
    config = RunConfig(dtype="float64", evaluation_tasks=2)
    _, records = advance(config, init_run(config), num_steps=3)
    np.testing.assert_allclose(
        records.query_loss, [4.079789500001337, 3.5399404485744053, 2.926608554228689], rtol=0, atol=1e-9
    )
    np.testing.assert_allclose(
        records.joint_loss, [4.242396214321939, 3.626487139408066, 3.053661280972614], rtol=0, atol=1e-9
    )


def test_training_lowers_the_adapted_loss() -> None:
    _, records = advance(tiny(beta=0.01, num_inner_steps=2), init_run(tiny()), num_steps=150)
    assert records.query_loss[-50:].mean() < 0.8 * records.query_loss[:50].mean()


def test_advancing_changes_no_earlier_state() -> None:
    state = init_run(tiny())
    before = state_to_bytes(state)
    advance(tiny(), state, num_steps=5)
    assert state_to_bytes(state) == before


@pytest.mark.parametrize(
    "arguments", [{}, {"num_steps": -1}, {"budget_s": -0.1}, {"num_steps": 2, "budget_s": float("nan")}]
)
def test_how_far_to_advance_must_make_sense(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"num_steps|budget_s"):
        advance(tiny(), init_run(tiny()), **arguments)


def test_no_steps_leave_the_state() -> None:
    state = init_run(tiny())
    after, records = advance(tiny(), state, num_steps=0)
    assert same(after, state)
    assert len(records.steps) == len(records.held_out_steps) == 0


# Changes while training


@pytest.mark.parametrize("name", sorted({f.name for f in dataclasses.fields(RunConfig)} - CHANGEABLE))
def test_what_cannot_change_while_a_run_trains_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^{name} = .*start a new run"):
        apply_entry(tiny(), init_run(tiny()), Entry(step=0, kind="change", changes={name: getattr(RunConfig(), name)}))


def test_an_unknown_change_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"^speed = 3"):
        apply_entry(tiny(), init_run(tiny()), Entry(step=0, kind="change", changes={"speed": 3}))


def test_an_unknown_kind_of_entry_is_refused() -> None:
    with pytest.raises(ValueError, match="rewind"):
        apply_entry(tiny(), init_run(tiny()), Entry(step=0, kind="rewind"))  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-0.1, float("nan"), float("inf"), "0.1", True, None])
def test_a_change_to_a_bad_value_names_field_value_and_range_and_loses_nothing(bad: Any) -> None:
    config, (state, _) = tiny(), advance(tiny(), init_run(tiny()), num_steps=3)
    before = state_to_bytes(state)
    with pytest.raises(ConfigError, match=r"^alpha = .*from 0 to 100"):
        apply_entry(config, state, Entry(step=3, kind="change", changes={"alpha": bad}))
    assert state_to_bytes(state) == before


def test_another_optimiser_starts_with_fresh_moments_everywhere() -> None:
    config, (state, _) = tiny(), advance(tiny(), init_run(tiny()), num_steps=CHECKPOINT_EVERY + 5)
    config, changed = apply_entry(
        config, state, Entry(step=state.step, kind="change", changes={"outer_optimizer": "sgd"})
    )
    assert changed.joint is not None
    for old, new in (
        (state.meta, changed.meta),
        (state.good.meta, changed.good.meta),
        (state.candidate.meta, changed.candidate.meta),
    ):
        assert same(new.theta, old.theta)
        assert (new.optimizer.step, new.optimizer.first, new.optimizer.second) == (0, {}, {})
    assert (changed.joint.optimizer.step, changed.joint.optimizer.first) == (0, {})
    state, _ = advance(config, changed, num_steps=2)
    assert state.status.kind == "ok"


def test_other_changes_keep_the_moments() -> None:
    config, (state, _) = tiny(), advance(tiny(), init_run(tiny()), num_steps=4)
    _, changed = apply_entry(
        config, state, Entry(step=4, kind="change", changes={"beta": 0.5, "alpha": 0.3, "shots": 2})
    )
    assert same(changed, state)


def test_checkpoints_follow_one_interval_behind() -> None:
    state, _ = advance(tiny(), init_run(tiny()), num_steps=2 * CHECKPOINT_EVERY + 1)
    at_first, _ = advance(tiny(), init_run(tiny()), num_steps=CHECKPOINT_EVERY)
    assert (state.good.step, state.candidate.step) == (CHECKPOINT_EVERY, 2 * CHECKPOINT_EVERY)
    assert same((state.good.meta, state.good.baselines), (at_first.meta, at_first.baselines))


# Divergence. Trap 18: NaN at extreme settings freezing the page; the last good theta lost.

WILD = {"alpha": 1.0, "num_inner_steps": 20}
SANE = {"alpha": 0.01, "num_inner_steps": 1}
RELU = {"model": MLPConfig(hidden_widths=(20, 20)), "dtype": "float32"}


def wild_run() -> tuple[RunConfig, RunState, Records, RunState]:
    """A run that trains well up to step 55 and diverges then: config, state, records of the last stretch, the state at step 55."""
    config = tiny(**RELU, **SANE)
    before, _ = advance(config, init_run(config), num_steps=CHECKPOINT_EVERY + 5)
    config, changed = apply_entry(config, before, Entry(step=before.step, kind="change", changes=WILD))
    state, records = advance(config, changed, num_steps=20)
    return config, state, records, before


def test_alpha_one_with_twenty_inner_steps_diverges_and_says_why() -> None:
    _, state, records, before = wild_run()
    assert state.status.kind == "diverged"
    assert "alpha = 1 " in state.status.sentence
    assert "2 / lambda_max" in state.status.sentence
    assert "Try alpha below" in state.status.sentence
    assert len(records.steps) == state.step - before.step < 20


def test_a_diverged_run_goes_back_to_the_last_good_checkpoint_with_its_moments() -> None:
    _, state, _, before = wild_run()
    assert before.good.step == 0
    assert same((state.meta, state.baselines), (before.good.meta, before.good.baselines))
    assert same((state.meta.optimizer.step, state.candidate), (0, before.good))
    assert f"went back to outer step {before.good.step}." in state.status.sentence


def test_a_late_divergence_goes_back_to_moments_that_are_not_empty() -> None:
    config = tiny(**RELU, **SANE)
    before, _ = advance(config, init_run(config), num_steps=2 * CHECKPOINT_EVERY + 1)
    wild, _ = advance(replace(config, WILD), before, num_steps=20)
    assert wild.status.kind == "diverged"
    assert wild.meta.optimizer.step == before.good.step == CHECKPOINT_EVERY
    assert same((wild.meta, wild.baselines), (before.good.meta, before.good.baselines))


def test_the_step_count_goes_on_after_a_roll_back() -> None:
    _, state, records, _ = wild_run()
    assert state.step == records.steps[-1] + 1


def test_a_roll_back_is_noted_in_the_events() -> None:
    _, state, records, _ = wild_run()
    assert records.events == (Entry(step=state.step, kind="rollback", changes={"to_step": 0}),)


def test_a_diverged_run_does_not_move_until_resumed() -> None:
    config, state, _, _ = wild_run()
    after, records = advance(replace(config, SANE), state, num_steps=5)
    assert same(after, state)
    assert len(records.steps) == 0


def test_the_next_sane_value_trains_again() -> None:
    config, state, _, _ = wild_run()
    config, state = apply_entry(config, state, Entry(step=state.step, kind="change", changes={**SANE, "beta": 0.01}))
    config, state = apply_entry(config, state, Entry(step=state.step, kind="resume"))
    after, records = advance(config, state, num_steps=100)
    assert after.status == Status()
    assert len(records.steps) == 100
    assert all_finite(after.meta.theta)
    assert records.held_out_after[-1] < records.held_out_after[0]


def live_run(
    config: RunConfig, changes: tuple[Entry, ...], *, until: int, pieces: int = 13
) -> tuple[list[Entry], RunState, Records]:
    """A run as a page drives it: in chunks, with changes on the way, resumed at once when it stops."""
    timeline, parts, state = list(changes), [], init_run(config)
    while state.step < until:
        config, state, records = advance_through(config, state, timeline, num_steps=min(pieces, until - state.step))
        parts.append(records)
        timeline += records.events
        if state.status.kind != "ok":
            for entry in (Entry(step=state.step, kind="change", changes=SANE), Entry(step=state.step, kind="resume")):
                timeline.append(entry)
                config, state = apply_entry(config, state, entry)
    return timeline, state, Records.joined(parts)


@pytest.mark.parametrize("pieces", [13, 50])
def test_a_replay_of_a_diverged_and_resumed_run_is_bit_identical(pieces: int) -> None:
    config = tiny(**RELU, **SANE)
    timeline, state, records = live_run(
        config, (Entry(step=55, kind="change", changes=WILD),), until=110, pieces=pieces
    )
    assert [event.kind for event in records.events] == ["rollback"]
    _, replayed, replayed_records = replay(config, timeline, num_steps=110)
    assert same(replayed, state)
    assert same(replayed_records, records)


def test_a_replay_of_a_run_that_died_and_was_resumed_is_bit_identical() -> None:
    """A network is found dead at a checkpoint, before the step that would follow, so its resumption stands at the same step."""
    fragile = {
        "model": MLPConfig(hidden_widths=(2,)),
        "weights_seed": 5,
        "meta_batch_size": 2,
        "shots": 3,
        "num_query": 3,
    }
    config = tiny(**fragile, outer_optimizer="sgd", beta=0.3, joint_baseline=False)
    stopped, _ = advance(config, init_run(config), num_steps=120)
    assert (stopped.status.kind, stopped.step) == ("dead", CHECKPOINT_EVERY)
    resume = Entry(step=stopped.step, kind="resume")
    calm = Entry(step=stopped.step, kind="change", changes={"beta": 1e-3})
    changed, state = apply_entry(*apply_entry(config, stopped, calm), resume)
    state, _ = advance(changed, state, num_steps=70 - state.step)
    assert (state.status.kind, state.step) == ("ok", 70)
    _, replayed, _ = replay(config, (calm, resume), num_steps=70)
    assert same(replayed, state)


def scaled(state: RunState, factor: float) -> RunState:
    """The same state with predictions `factor` times as large: the last layer is linear."""
    last = {name: value * (factor if name in ("w2", "b2") else 1.0) for name, value in state.meta.theta.items()}
    return state._replace(meta=state.meta._replace(theta=last))


def test_one_exploded_loss_is_divergence_at_once() -> None:
    """A huge but finite loss: its gradient alone would stall Adam for thousands of steps."""
    config, start = tiny(), init_run(tiny())
    state, records = advance(config, scaled(start, 1e4), num_steps=5)
    assert (state.status.kind, state.step) == ("diverged", 1)
    assert np.isfinite(records.query_loss[0])
    assert "over 1000 times the usual scale" in state.status.sentence
    assert same(state.meta, start.good.meta)


def high_run() -> tuple[RunConfig, RunState]:
    """A run whose loss is high, finite, and stays so."""
    return tiny(beta=1e-9, outer_optimizer="sgd"), scaled(init_run(tiny(outer_optimizer="sgd")), 15.0)


def test_a_loss_that_stays_high_is_divergence() -> None:
    state, records = advance(*high_run(), num_steps=200)
    assert state.status.kind == "diverged"
    assert len(records.steps) == HIGH_LOSS_STEPS
    assert 10.0 * state.loss_scale < records.query_loss.min() < records.query_loss.max() < 1000.0 * state.loss_scale
    assert f"stayed above 10 times the usual scale for {HIGH_LOSS_STEPS} outer steps" in state.status.sentence


def test_a_high_loss_is_counted_across_chunks() -> None:
    config, state = high_run()
    whole, _ = advance(config, state, num_steps=200)
    for _ in range(20):
        state, _ = advance(config, state_from_bytes(state_to_bytes(state)), num_steps=7)
    assert same(state, whole)


def test_a_loss_that_comes_down_again_is_no_divergence() -> None:
    config, state = high_run()
    state, _ = advance(config, state, num_steps=HIGH_LOSS_STEPS - 1)
    assert state.high_loss_steps == HIGH_LOSS_STEPS - 1
    state, _ = advance(config, scaled(state, 1.0 / 15.0), num_steps=HIGH_LOSS_STEPS)
    assert (state.status.kind, state.high_loss_steps) == ("ok", 0)


def test_no_checkpoint_is_made_while_the_loss_is_high() -> None:
    config, start = tiny(), init_run(tiny())
    state, _ = advance(config, start, num_steps=CHECKPOINT_EVERY - 3)
    high, _ = advance(replace(config, {"beta": 1e-9}), scaled(state, 15.0), num_steps=10)
    assert high.status.kind == "ok"
    assert (high.good.step, high.candidate.step) == (0, 0)


def test_a_diverging_outer_step_size_is_blamed_on_beta() -> None:
    config = tiny(outer_optimizer="sgd", beta=50.0, alpha=0.001)
    state, _ = advance(config, init_run(config), num_steps=200)
    assert state.status.kind == "diverged"
    assert "beta = 50" in state.status.sentence
    assert "is within 2 / lambda_max" in state.status.sentence


def test_with_learned_rates_alpha_is_not_compared_with_a_limit() -> None:
    config = tiny(outer_optimizer="sgd", beta=50.0, alpha=0.001, algorithm="meta_sgd")
    state, _ = advance(config, init_run(config), num_steps=200)
    assert state.status.kind == "diverged"
    assert "beta = 50 is the likelier cause" in state.status.sentence
    assert "lambda_max" not in state.status.sentence


def test_matrices_turn_alpha_so_that_it_is_not_compared_with_a_limit() -> None:
    config = tiny(outer_optimizer="sgd", beta=50.0, alpha=0.001, algorithm="meta_curvature")
    state, _ = advance(config, init_run(config), num_steps=200)
    assert state.status.kind == "diverged"
    assert "beta = 50 is the likelier cause" in state.status.sentence
    assert "lambda_max" not in state.status.sentence


def test_a_network_that_is_dead_from_the_start_blames_the_inputs_or_the_seed() -> None:
    same_x = init_run(RunConfig(tasks=SinusoidConfig(x=(0.0, 0.0)), evaluation_tasks=2))
    assert same_x.status.kind == "dead"
    assert "every input of these tasks is the same" in same_x.status.sentence
    assert "beta" not in same_x.status.sentence
    assert "alpha" not in same_x.status.sentence


def test_the_inner_steps_are_measured_not_inferred() -> None:
    """Small steps lower every support loss, huge ones raise them; without steps there is nothing to measure."""
    config = tiny(evaluation_tasks=6)
    problem, learner = build_problem(config), init_run(config).meta

    def descent(**changes: Any) -> InnerDescent | None:
        return inner_descent(replace(config, changes), problem, learner)

    small, large = descent(alpha=0.01, num_inner_steps=2), descent(alpha=50.0, num_inner_steps=3)
    assert small is not None
    assert (small.lower_share, small.higher_share, small.raised_share) == (1.0, 0.0, 0.0)
    assert large is not None
    assert (large.lower_share, large.higher_share, large.raised_share) == (0.0, 1.0, 1.0)
    still = descent(alpha=0.0, num_inner_steps=1)
    assert still is not None
    assert (still.lower_share, still.higher_share) == (0.0, 0.0)
    assert descent(num_inner_steps=0) is None


def test_only_imaml_records_the_residual_of_its_solver() -> None:
    for num_solver_steps, low, high in ((1, 1e-3, 5.0), (3, 0.0, 1e-9)):  # of three parameters: three steps are exact
        config = linear(3, algorithm="imaml", num_solver_steps=num_solver_steps)
        _, records = advance(config, init_run(config), num_steps=3)
        assert records.residual.shape == (3,)
        assert (low <= records.residual).all()
        assert (records.residual < high).all()
    _, records = advance(tiny(), init_run(tiny()), num_steps=3)
    assert np.isnan(records.residual).all()


def test_without_inner_steps_alpha_is_neither_blamed_nor_praised() -> None:
    config = tiny(outer_optimizer="sgd", beta=50.0, alpha=5.0, num_inner_steps=0)
    state, _ = advance(config, init_run(config), num_steps=200)
    assert state.status.kind == "diverged"
    assert "alpha = 5 is within" not in state.status.sentence
    assert "beta = 50" in state.status.sentence


def without_hidden_units(state: RunState) -> RunState:
    theta = {name: value - 1000.0 if name in ("b0", "b1") else value for name, value in state.meta.theta.items()}
    return state._replace(meta=state.meta._replace(theta=theta))


class StartsAt(MLP):
    """A network whose initial weights are given."""

    def __init__(self, config: RunConfig, change: Callable[[Params], Params]) -> None:
        super().__init__(config.model, num_inputs=config.num_inputs, num_outputs=1)
        self.change = change

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:
        return self.change(super().init(seed, dtype))


def test_a_network_that_is_dead_from_the_start_gets_its_own_sentence() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(6, 5)))
    model = StartsAt(config, lambda theta: {**theta, "b0": theta["b0"] - 1000.0})
    problem = Problem(family=build_problem(config).family, model=model)
    start = init_run(config, problem=problem)
    assert (start.status.kind, start.step) == ("dead", 0)
    assert "dead at outer step 0" in start.status.sentence
    assert "whole hidden layer is off" in start.status.sentence
    state, records = advance(config, start, num_steps=5, problem=problem)
    assert same(state, start)
    assert len(records.steps) == 0


def test_a_dead_network_goes_back_to_the_last_good_checkpoint() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(6, 5)))
    start = init_run(config)
    alive, _ = advance(config, start, num_steps=CHECKPOINT_EVERY - 5)
    state, records = advance(config, without_hidden_units(alive), num_steps=20)
    assert state.status.kind == "dead"
    assert records.events == (Entry(step=CHECKPOINT_EVERY, kind="rollback", changes={"to_step": 0}),)
    assert same(state.meta, start.meta)


def test_a_network_that_dies_on_the_way_is_found_at_the_next_checkpoint() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(6, 5)))
    state, _ = advance(config, init_run(config), num_steps=CHECKPOINT_EVERY - 10)
    state, records = advance(config, without_hidden_units(state), num_steps=30)
    assert (state.status.kind, state.step) == ("dead", CHECKPOINT_EVERY)
    assert len(records.steps) == 10


def test_a_network_that_is_on_somewhere_in_the_input_space_is_not_called_dead() -> None:
    """With several features a unit may be off along the diagonal x_1 = x_2 and on beside it."""
    config = tiny(tasks=LinearConfig(num_features=2), model=MLPConfig(hidden_widths=(1,)))
    beside = {
        "w0": torch.tensor([[[1.0], [-1.0]]], dtype=torch.float64),
        "b0": torch.tensor([[-0.5]], dtype=torch.float64),
    }
    model = StartsAt(config, lambda theta: {**theta, **beside})
    assert init_run(config, problem=Problem(family=build_problem(config).family, model=model)).status.kind == "ok"


def test_moments_that_overflow_are_divergence() -> None:
    """In float32 a finite gradient of 1e20 has an infinite square: Adam would stand still for ever, and nobody would know."""
    config = tiny(dtype="float32")

    def huge(prediction: Tensor, target: Tensor) -> Tensor:
        return 1e20 * mse(prediction, target)

    problem = Problem(family=build_problem(config).family, model=build_problem(config).model, loss=huge)
    state, _ = advance(replace(config, {"alpha": 0.0}), init_run(config, problem=problem), num_steps=2, problem=problem)
    assert state.status.kind == "diverged"


def test_extreme_settings_never_raise() -> None:
    """Trap 18."""
    for changes in (
        {"alpha": 100.0, "num_inner_steps": 50},
        {"beta": 100.0},
        {"beta": 100.0, "outer_optimizer": "sgd", "clip_norm": 1e6},
    ):
        config = tiny(**RELU, **changes)
        state, records = advance(config, init_run(config), num_steps=30)
        snapshot(config, state, View(paths=False))
        assert all_finite(state.meta.theta)
        assert len(records.steps) >= 1


def test_the_loss_scale_is_the_zero_predictors_or_the_start_where_that_is_larger() -> None:
    small = tiny()
    large = tiny(
        tasks=SinusoidConfig(amplitude=(0.1, 0.2)), model=MLPConfig(hidden_widths=(50, 50), activation="softplus")
    )
    assert init_run(small).loss_scale >= build_problem(small).family.zero_level()
    assert init_run(large).loss_scale > build_problem(large).family.zero_level()


# Trap 13: a config key that nothing reads. A change of any field must show in what a run gives.

NORMALIZED = MLPConfig(hidden_widths=(6, 5), activation="tanh", batch_norm=True)
RUNNING: dict[str, Any] = {"model": NORMALIZED, "batch_norm_treatment": "running"}
OTHER: dict[str, dict[str, Any]] = {
    "tasks": {"tasks": LinearConfig()},
    "tasks.amplitude": {"tasks": SinusoidConfig(amplitude=(1.0, 2.0))},
    "tasks.phase_rad": {"tasks": SinusoidConfig(phase_rad=(0.0, 1.0))},
    "tasks.x": {"tasks": SinusoidConfig(x=(-1.0, 5.0))},
    "tasks.noise_std": {"tasks": SinusoidConfig(noise_std=0.1)},
    "model": {"model": MLPConfig(hidden_widths=(3,), activation="tanh", use_bias=False)},
    "model.hidden_widths": {"model": MLPConfig(hidden_widths=(6, 4), activation="tanh")},
    "model.activation": {"model": MLPConfig(hidden_widths=(6, 5), activation="gelu")},
    "model.use_bias": {"model": MLPConfig(hidden_widths=(6, 5), activation="tanh", use_bias=False)},
    "alpha": {"alpha": 0.02},
    "num_inner_steps": {"num_inner_steps": 3},
    "order": {"order": "first"},
    "beta": {"beta": 2e-3},
    "outer_optimizer": {"outer_optimizer": "sgd"},
    "adam_betas": {"adam_betas": (0.9, 0.99)},
    "adam_eps": {"adam_eps": 1e-3},
    "clip_norm": {"clip_norm": 0.01},
    "shots": {"shots": 5},
    "num_query": {"num_query": 6},
    "meta_batch_size": {"meta_batch_size": 4},
    "weights_seed": {"weights_seed": 1},
    "tasks_seed": {"tasks_seed": 1},
    "evaluation_seed": {"evaluation_seed": 2},
    "evaluation_tasks": {"evaluation_tasks": 5},
    "evaluation_steps": {"evaluation_steps": 4},
    "evaluate_every": {"evaluate_every": 3},
    "joint_baseline": {"joint_baseline": False},
    "oracle_baseline": {"oracle_baseline": True},
    "dtype": {"dtype": "float32"},
    "algorithm": {"algorithm": "anil"},
    "multi_step_loss": {"multi_step_loss": True},
    "per_step_rates": {"per_step_rates": True},
    "anneal_order": {"anneal_order": True},
    "model.batch_norm": {"model": NORMALIZED},
}
SCHEDULED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "anneal_beta": ({"epoch_steps": 2}, {"anneal_beta": True}),
    "epoch_steps": ({"multi_step_loss": True}, {"epoch_steps": 2}),
    "num_epochs": ({"anneal_beta": True, "epoch_steps": 2}, {"num_epochs": 2}),
    "multi_step_epochs": ({"multi_step_loss": True, "epoch_steps": 2}, {"multi_step_epochs": 1}),
    "first_order_epochs": ({"anneal_order": True, "epoch_steps": 2}, {"first_order_epochs": 1}),
    "final_beta": ({"anneal_beta": True, "epoch_steps": 2}, {"final_beta": 1e-4}),
    "proximal": ({"algorithm": "imaml"}, {"proximal": 3.0}),
    "num_solver_steps": ({"algorithm": "imaml"}, {"num_solver_steps": 1}),
    "batch_norm_treatment": ({"model": NORMALIZED}, {"batch_norm_treatment": "support"}),
    "per_step_norm": ({"model": NORMALIZED}, {"per_step_norm": True}),
    "per_step_statistics": (RUNNING, {"per_step_statistics": True}),
    "norm_momentum": (RUNNING, {"norm_momentum": 0.5}),
}
"""Settings that act beside others only."""

LINEAR: dict[str, dict[str, Any]] = {
    "num_features": {"num_features": 2},
    "w_mean": {"w_mean": 0.5},
    "w_std": {"w_std": 2.0},
    "x": {"x": (-1.0, 5.0)},
    "noise_std": {"noise_std": 0.1},
}
BASE = {"alpha": 0.01, "num_inner_steps": 2}


def observed(config: RunConfig) -> tuple[Any, ...]:
    """Training losses, held-out losses, parameters and the adaptation trajectory of a short run."""
    state, records = advance(config, init_run(config), num_steps=4)
    shown = snapshot(config, state, View(fit=False, curvature=False, paths=False)).trajectories
    return tuple(records), state.meta.theta, set(state.baselines), dict(shown)


@pytest.mark.parametrize("name", OTHER)
def test_every_setting_of_a_run_has_an_effect(name: str) -> None:
    assert not same(observed(tiny(**{**BASE, **OTHER[name]})), observed(tiny(**BASE)))


@pytest.mark.parametrize("name", SCHEDULED)
def test_every_setting_of_an_algorithm_has_an_effect(name: str) -> None:
    beside, other = SCHEDULED[name]
    assert not same(observed(tiny(**{**BASE, **beside, **other})), observed(tiny(**{**BASE, **beside})))


@pytest.mark.parametrize("name", LINEAR)
def test_every_setting_of_the_linear_family_has_an_effect(name: str) -> None:
    assert not same(observed(tiny(tasks=LinearConfig(**LINEAR[name]))), observed(tiny(tasks=LinearConfig())))


def test_no_setting_is_missing_from_the_tests_of_effects() -> None:
    def names(cls: type[Any]) -> set[str]:
        return {f.name for f in dataclasses.fields(cls)} - {"kind"}

    # How the meta-gradient is computed changes nothing but rounding; test_recompute.py holds it.
    assert {name for name in OTHER if "." not in name} | set(SCHEDULED) | {"recompute"} == names(RunConfig)
    assert {name.removeprefix("tasks.") for name in OTHER if name.startswith("tasks.")} == names(SinusoidConfig)
    assert {name.removeprefix("model.") for name in OTHER if name.startswith("model.")} == names(MLPConfig)
    assert set(LINEAR) == names(LinearConfig)


def test_a_run_uses_the_problem_it_is_given() -> None:
    config = tiny()
    plain = build_problem(config)

    def doubled(prediction: Tensor, target: Tensor) -> Tensor:
        return 2.0 * mse(prediction, target)

    own = Problem(family=plain.family, model=plain.model, loss=doubled)
    _, records = advance(config, init_run(config, problem=own), num_steps=1, problem=own)
    _, plain_records = advance(config, init_run(config), num_steps=1)
    assert records.held_out_before[0] == pytest.approx(2.0 * plain_records.held_out_before[0], rel=1e-12)


def theta_shapes(theta: Params) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in theta.items()}


def test_the_initial_state_has_equal_learners_and_fresh_moments() -> None:
    state = init_run(tiny())
    assert same(state.joint, state.meta)
    assert theta_shapes(state.meta.optimizer.first) == theta_shapes(state.meta.theta)
    assert not any(value.any() for params in state.meta.optimizer[1:] for value in params.values())
