"""A run is one thing whatever it is cut into: chunks, saves, replays, changes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from maml_core.config import CHANGEABLE, MLPConfig, RunConfig
from maml_core.errors import ConfigError
from maml_core.inner import Adaptation
from maml_core.losses import mse
from maml_core.optim import adam, sgd
from maml_core.outer import meta_gradient
from maml_core.problem import Problem, build_problem, training_tasks
from maml_core.records import Entry, Records, View
from maml_core.run_state import Learner
from maml_core.runs import CHECKPOINT_EVERY, advance, advance_through, apply_entry, init_run, replay
from maml_core.snapshots import snapshot
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from maml_core.types import Params
from tests.maml_core.helpers import same, tiny
from tests.maml_core.run_pieces import STEPS, TIMELINE, in_pieces, lengths


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
        gradient = meta_gradient(
            theta, tasks, problem=problem, how=Adaptation(config.alpha), num_inner_steps=2
        ).gradient
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


def test_a_baseline_that_is_switched_on_begins_there_with_the_initial_weights() -> None:
    off, on = tiny(joint_baseline=False), tiny(oracle_baseline=True, num_inner_steps=0)
    entry = Entry(step=4, kind="change", changes={"joint_baseline": True, "oracle_baseline": True})
    config, state, records = replay(off, [entry], num_steps=7)
    alone = replay(off, [], num_steps=7)[1]
    assert same(state.meta, alone.meta)
    assert np.isnan(records.joint_loss[:4]).all()
    assert np.isfinite(records.joint_loss[4:]).all()
    begun = init_run(on)._replace(step=4)  # both take the steps 4 to 6 from here
    plain, _ = advance(on, begun, num_steps=3)
    assert same(state.joint, plain.meta)
    assert same(state.oracle, plain.oracle)
    assert config.joint_baseline


def test_a_baseline_that_is_switched_off_and_on_begins_again() -> None:
    turns = [Entry(step=step, kind="change", changes={"joint_baseline": on}) for step, on in ((2, False), (5, True))]
    state = replay(tiny(), turns, num_steps=5)[1]
    assert same(state.joint, init_run(tiny()).joint)
    assert same(state.good.baselines["joint"], state.joint)


def test_a_problem_of_ones_own_has_its_own_baselines_switched_on() -> None:
    config = tiny(joint_baseline=False)
    plain = build_problem(config)
    own = Problem(family=plain.family, model=plain.model, loss=lambda prediction, target: 2.0 * mse(prediction, target))
    state, _ = advance(config, init_run(config, problem=own), num_steps=1, problem=own)
    entry = Entry(step=1, kind="change", changes={"joint_baseline": True})
    with pytest.raises(ConfigError, match="problem of its own"):
        apply_entry(config, state, entry)
    _, after = apply_entry(config, state, entry, problem=own)
    assert set(after.baselines) == {"joint"}


def test_recorded_losses_belong_to_theta_0_before_the_steps_update() -> None:
    """Trap 5."""
    config = tiny()
    problem, state = build_problem(config), init_run(config)
    _, records = advance(config, state, num_steps=1)
    found = meta_gradient(
        state.meta.theta,
        training_tasks(config, problem, 0),
        problem=problem,
        how=Adaptation(config.alpha),
        num_inner_steps=1,
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
    later = [Entry(step=3, kind="change", changes={"alpha": 0.02})]
    with pytest.raises(ValueError, match=r"num_steps|budget_s"):  # before anything is computed that would be lost
        advance_through(tiny(), init_run(tiny()), later, **arguments)


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


@pytest.mark.parametrize("bad", [-100.1, float("nan"), float("inf"), "0.1", True, None])
def test_a_change_to_a_bad_value_names_field_value_and_range_and_loses_nothing(bad: Any) -> None:
    config, (state, _) = tiny(), advance(tiny(), init_run(tiny()), num_steps=3)
    before = state_to_bytes(state)
    with pytest.raises(ConfigError, match=r"^alpha = .*from -100 to 100"):
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
