"""Runs that diverge or die: what they go back to, what is said, how they go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from maml_core import causes
from maml_core.causes import inner_descent, likely_cause
from maml_core.config import LinearConfig, MLPConfig, RunConfig, SinusoidConfig, replace
from maml_core.divergence import HIGH_LOSS_STEPS
from maml_core.evaluation import evaluate
from maml_core.inner import Adaptation
from maml_core.losses import mse
from maml_core.models import MLP
from maml_core.params import all_finite
from maml_core.presets import PRESETS
from maml_core.problem import Problem, build_problem, held_out_tasks
from maml_core.records import Curvature, Entry, InnerDescent, Records, Status, View
from maml_core.run_state import RunState
from maml_core.runs import CHECKPOINT_EVERY, advance, advance_through, apply_entry, init_run, replay
from maml_core.snapshots import snapshot
from maml_core.state_bytes import state_from_bytes, state_to_bytes
from maml_core.types import Params
from tests.maml_core.helpers import linear, same, tiny

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


def test_a_curvature_beyond_all_numbers_is_no_limit_to_compare_with() -> None:
    config = tiny(**RELU)
    state, problem = init_run(config), build_problem(config)
    huge = {name: (value + 1.0) * 1e15 for name, value in state.meta.theta.items()}
    good = state.good._replace(meta=state.meta._replace(theta=huge))
    assert likely_cause(config, state._replace(good=good), problem) == (
        "The inner step raises the support loss on 100% of the held-out tasks at the last good theta_0: it overshoots. Try a smaller alpha."
    )


def test_where_nothing_curves_upwards_no_limit_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(alpha=0.01)
    state, problem = init_run(config), build_problem(config)
    monkeypatch.setattr(causes, "inner_curvature", lambda *_: Curvature(-0.5, -1.0, 4.0))
    said = likely_cause(config, state, problem)
    assert "likelier cause" in said
    assert "inf" not in said
    assert "lambda_max" not in said


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


def test_a_support_loss_that_is_no_number_counts_as_higher() -> None:
    config = tiny(**RELU, alpha=100.0, num_inner_steps=50, evaluation_tasks=6)
    problem, learner = build_problem(config), init_run(config).meta
    found = inner_descent(config, problem, learner)
    assert found is not None
    tasks = held_out_tasks(config, problem)
    ends = evaluate(
        learner.theta, tasks._replace(query=tasks.support), problem=problem, how=Adaptation(100.0), num_steps=50
    ).query_loss[-1, 0]
    assert bool(ends.isnan().all())
    assert (found.lower_share, found.higher_share, found.raised_share) == (0.0, 1.0, 1.0)


def test_steps_that_raise_the_loss_on_the_way_and_lower_it_in_the_end_are_not_blamed() -> None:
    config = linear(3, alpha=0.3, num_inner_steps=5, outer_optimizer="sgd", beta=50.0, evaluation_tasks=10)
    found = inner_descent(config, build_problem(config), init_run(config).meta)
    assert found is not None
    assert (found.lower_share, found.higher_share, found.raised_share) == (1.0, 0.0, 0.2)
    sentence = advance(config, init_run(config), num_steps=100)[0].status.sentence
    assert "the inner steps lower the support loss on 100% of the held-out tasks" in sentence
    assert "overshoot" not in sentence


def test_steps_that_raise_the_loss_on_the_way_on_most_tasks_are_blamed_wherever_they_end() -> None:
    """The preset that shows too large an alpha: after five steps the loss is lower on most tasks at the start, and the run diverges."""
    config = next(preset.config for preset in PRESETS if preset.name == "Alpha too large")
    found = inner_descent(config, build_problem(config), init_run(config).meta)
    assert found is not None
    assert found.higher_share < 0.1
    assert found.raised_share > 0.6
    sentence = advance(config, init_run(config), num_steps=50)[0].status.sentence
    assert f"Some inner step raises the support loss on {found.raised_share:.0%} of the held-out tasks" in sentence
    assert "they overshoot" in sentence
    assert "or fewer inner steps than 5" in sentence
    assert "beta" not in sentence


def test_a_baseline_that_breaks_alone_is_blamed_on_beta_and_no_inner_step() -> None:
    config = tiny()
    start = init_run(config)
    joint = start.baselines["joint"]
    broken = joint._replace(theta={name: value * torch.nan for name, value in joint.theta.items()})
    state, _ = advance(config, start._replace(baselines={"joint": broken}), num_steps=5)
    assert (state.status.kind, state.step) == ("diverged", 1)
    assert state.status.sentence.startswith(
        "The gradient of the joint baseline at outer step 0 is not finite. "
        "It takes no inner step, so beta = 0.001 is the likely cause: try a smaller one."
    )


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
    assert "the initial weights of weights_seed = 0 are off on these inputs" in start.status.sentence
    assert "every input of these tasks is the same" not in start.status.sentence
    state, records = advance(config, start, num_steps=5, problem=problem)
    assert same(state, start)
    assert len(records.steps) == 0


def test_a_dead_network_goes_back_to_the_last_good_checkpoint() -> None:
    config = tiny(model=MLPConfig(hidden_widths=(6, 5)))
    start = init_run(config)
    alive, _ = advance(config, start, num_steps=CHECKPOINT_EVERY - 5)
    state, records = advance(config, without_hidden_units(alive), num_steps=20)
    assert state.status.kind == "dead"
    assert "before any training" not in state.status.sentence
    assert "alpha = 0.01 is within 2 / lambda_max" in state.status.sentence
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
