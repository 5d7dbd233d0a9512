"""A run as a loop of one's own equals the run that `replay` gives, and what it saves goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maml_core.algorithms import outer_gradient
from maml_core.config import RunConfig
from maml_core.errors import StoreError
from maml_core.evaluation import evaluate, summarize
from maml_core.iterating import iterate
from maml_core.meta_learner import MetaLearner
from maml_core.problem import build_problem, held_out_tasks, training_tasks
from maml_core.records import Entry
from maml_core.run_state import rule
from maml_core.runs import advance, init_run, replay
from maml_core.store import load_run
from tests.maml_core.helpers import same, tiny
from tests.maml_core.test_own_problem import other_tasks

CHANGE = Entry(step=5, kind="change", changes={"alpha": 0.05})


@pytest.mark.parametrize("every", [1, 3, 5, 100])
def test_a_loop_is_the_run_however_it_is_cut(every: int) -> None:
    config, state, records = replay(tiny(), [CHANGE], num_steps=11)
    *_, last = iterate(tiny(), num_steps=11, every=every, timeline=[CHANGE])
    assert (last.step, last.config, last.timeline) == (11, config, (CHANGE,))
    assert same(last.state, state)
    assert same(last.curves, records)


def test_it_stops_where_the_loop_is_left() -> None:
    for now in iterate(tiny(), every=2):
        if now.step == 6:
            break
    assert now.records.steps.tolist() == [4, 5]
    assert now.loss == pytest.approx(now.records.query_loss.mean())


def test_the_held_out_loss_is_of_the_theta_0_of_now() -> None:
    (now,) = iterate(tiny(), num_steps=3)
    problem = build_problem(now.config)
    how = rule(now.config, problem, now.state.meta)
    tasks = held_out_tasks(now.config, problem)
    found = summarize(evaluate(now.state.meta.theta, tasks, problem=problem, num_steps=1, how=how))
    assert now.held_out_loss == pytest.approx(found.mean[1], rel=1e-12)
    assert now.held_out_loss != pytest.approx(float(now.records.held_out_after[0]), rel=1e-6)


def test_what_it_saves_goes_on_to_the_bit(tmp_path: Path) -> None:
    for now in iterate(tiny(), num_steps=4, every=2):
        now.save(tmp_path / "mine")
    run = load_run(tmp_path / "mine")
    assert (run.name, run.step, len(run.records.steps)) == ("mine", 4, 4)
    *_, last = iterate(run, num_steps=9, every=2, timeline=[CHANGE])
    _, whole, records = replay(tiny(), [CHANGE], num_steps=9)
    assert same(last.state, whole)
    assert same(last.curves, records)
    last.save(tmp_path / "mine")
    assert load_run(tmp_path / "mine").timeline == (CHANGE,)


def test_a_run_of_a_problem_of_its_own_asks_for_it(tmp_path: Path) -> None:
    config = tiny(joint_baseline=False)
    problem = other_tasks(config)
    (now,) = iterate(config, num_steps=2, problem=problem)
    now.save(tmp_path / "mine")
    run = load_run(tmp_path / "mine")
    with pytest.raises(StoreError, match="cannot be gone on with here"):
        next(iterate(run, num_steps=4))
    (now,) = iterate(run, num_steps=4, problem=problem)
    assert same(now.state, replay(config, [], num_steps=4, problem=problem)[1])


def test_a_run_that_diverges_ends_the_loop() -> None:
    seen = list(iterate(tiny(beta=100.0, outer_optimizer="sgd"), num_steps=100, every=50))
    assert seen[-1].state.status.kind == "diverged"
    assert seen[-1].step < 100


def test_no_stretch_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="every = 0"):
        iterate(tiny(), every=0)


OUTER = {
    "adam": lambda parameters: torch.optim.Adam(parameters, lr=0.01),
    "sgd": lambda parameters: torch.optim.SGD(parameters, lr=0.01),
}


@pytest.mark.parametrize("optimizer", OUTER)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"algorithm": "meta_sgd"},
        {"algorithm": "reptile"},
        {"multi_step_loss": True, "per_step_rates": True, "num_inner_steps": 2, "epoch_steps": 2},
    ],
    ids=str,
)
def test_the_outer_loop_by_torch_is_the_runs_own(optimizer: str, changes: dict[str, object]) -> None:
    config = tiny(beta=0.01, outer_optimizer=optimizer, joint_baseline=False, **changes)
    state, records = advance(config, init_run(config), num_steps=5)
    learner = MetaLearner(config)
    outer = OUTER[optimizer](learner.parameters())
    for step in range(5):
        loss = learner.backward(training_tasks(config, learner.problem, step))
        assert loss == pytest.approx(records.query_loss[step], rel=1e-9)
        outer.step()
    found = learner.state()
    assert found.step == 5
    for name, value in state.meta.meta_parameters.items():
        assert torch.allclose(found.meta.meta_parameters[name], value, rtol=1e-9, atol=1e-12), name


def test_a_learners_gradient_takes_the_place_of_the_one_before() -> None:
    config = RunConfig(meta_batch_size=3, evaluation_tasks=2)
    learner = MetaLearner(config)
    tasks = training_tasks(config, learner.problem, 0)
    for _ in range(2):
        learner.backward(tasks)
    about = {"problem": learner.problem, "order": "second", "step_weights": None, "statistics": {}}
    theta = {name: value.detach() for name, value in learner.named_parameters()}
    wanted = outer_gradient(config, theta, (), tasks, **about).gradient  # type: ignore[arg-type]
    assert all(torch.equal(value.grad, wanted[name]) for name, value in learner.named_parameters())  # type: ignore[arg-type]
