"""Every set-up that can have a compiled form is traced, and its graph computes what the engine's own functions compute: at another step, from
other parameters, with other step sizes. A choice that is added to a config is here at once.
"""

from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch

from maml_core.compiled.files import EAGER_MODELS, INNER, QUERY
from maml_core.compiled.files import FEW as FEW_INNER
from maml_core.compiled.held_out import FEW, TASKS, HeldOutForm, held_out_graph
from maml_core.compiled.making import Traced, traced, traced_held_out
from maml_core.compiled.step import MOVED, CompiledWalk, Graph, can_be, graph_at, key_of
from maml_core.config import CHANGEABLE, RunConfig, changed, learns_rates, replace
from maml_core.evaluation import evaluate
from maml_core.inner import Adaptation
from maml_core.landscape import inner_thetas
from maml_core.outer_step import META, EagerWalk, Measured, Outcome, Walk, numbers_at, outer_step
from maml_core.problem import Problem, build_problem, held_out_tasks, tasks_of_steps, training_tasks
from maml_core.run_state import Learner, baseline_learners, first_learner, rule
from maml_core.runs import advance, init_run
from maml_core.schedules import schedule
from tests.contracts.choices import CHOICES, PRESETS_BY_NAME, run_of

pytestmark = pytest.mark.slow

MAKES_A_GRAPH = [one for one in CHOICES if one.partition("=")[0] not in MOVED and not one.startswith("tasks")]
WITHOUT_FILES = [name for name, config in PRESETS_BY_NAME.items() if config.tasks.kind not in ("omniglot", "folder")]

ALWAYS = ("Fast demo", "MAML++", "Glyphs, fast demo", "algorithm=imaml", "algorithm=meta_curvature", "dtype=float64")
"""Set-ups that are traced at every commit; of the others each takes a share."""

ROUNDING = {torch.float32: 1e-6, torch.float64: 1e-12}
"""How far two forms may lie apart, as a share of the largest entry."""

NOISE = 1e-11
"""A tensor that is smaller than this share of the largest is nothing but rounding, as the bias of a head that all classes share, whose gradient is 0."""


@pytest.fixture(autouse=True)
def _switched_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MAML_COMPILED", str(tmp_path / "compiled"))


def graph_of(config: RunConfig, problem: Problem, step: int = 0) -> Graph:
    return graph_at(config, problem, schedule(config, step))


def beginning(config: RunConfig, problem: Problem) -> dict[str, Learner]:
    return {META: first_learner(config, problem), **baseline_learners(config, problem, {})}


def moved(config: RunConfig) -> RunConfig:
    """The same graph with other numbers on every dial."""
    numbers = {"beta": config.beta * 1.5, "clip_norm": config.clip_norm and config.clip_norm / 100}
    if not learns_rates(config):
        numbers["alpha"] = config.alpha * 0.7
    return changed(config, {name: value for name, value in numbers.items() if name in CHANGEABLE})


def largest_difference(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> float:
    assert list(found) == list(wanted)
    sizes = {name: float(value.abs().max()) for name, value in wanted.items()}
    largest = max(sizes.values(), default=0.0)
    differences = [
        float((found[name] - value).abs().max()) / max(sizes[name] if sizes[name] > NOISE * largest else largest, 1e-30)
        for name, value in wanted.items()
    ]
    return max(differences, default=0.0)


def check_same(found: Walk, measured: Measured, wanted: Outcome, rounding: float) -> None:
    assert list(found.learners) == list(wanted.learners)
    for name, learner in wanted.learners.items():
        own = found.learners[name]
        assert own.optimizer.step == learner.optimizer.step
        assert largest_difference(own.meta_parameters, learner.meta_parameters) <= rounding
        assert largest_difference(own.statistics, learner.statistics) <= rounding
        for part in ("first", "second"):
            ours, theirs = getattr(own.optimizer, part), getattr(learner.optimizer, part)
            assert largest_difference(ours, theirs) <= 100 * rounding  # squares and small differences
        assert measured.query_loss[name] == pytest.approx(float(wanted.query_loss[name]), rel=10 * rounding, abs=0.0)
    for number, tensor in ((measured.residual, wanted.residual), (measured.accuracy, wanted.accuracy)):
        assert (number is None) == (tensor is None)
        if tensor is not None:
            assert number == pytest.approx(float(tensor), rel=1e-3, abs=rounding)


@pytest.mark.parametrize(
    "choice",
    [
        pytest.param(choice, marks=() if choice in ALWAYS else pytest.mark.thorough)
        for choice in (*MAKES_A_GRAPH, *WITHOUT_FILES)
    ],
)
def test_a_traced_step_computes_what_the_engine_does_at_any_step(choice: str, tmp_path: Path) -> None:
    config = run_of(choice, tmp_path / "pictures")
    config = replace(
        config, {"num_inner_steps": min(config.num_inner_steps, 3)}
    )  # each further one makes the graph longer, not another
    problem = build_problem(config)
    assert can_be(config, problem) != (config.model.kind in EAGER_MODELS)
    graph, begin = graph_of(config, problem), beginning(config, problem)
    step = traced(graph, begin, training_tasks(config, problem, 0))
    state, _ = advance(config, init_run(config, problem=problem), num_steps=2, problem=problem)
    other = moved(config)
    learners = {META: state.meta, **state.baselines}
    tasks, now = training_tasks(other, problem, 2), schedule(other, 2)
    assert key_of(graph_of(other, problem, 2), learners, tasks) == key_of(
        graph, begin, training_tasks(config, problem, 0)
    )
    numbers = numbers_at(other, now)
    walk = CompiledWalk(graph_of(other, problem, 2), lambda row: step(*row), learners, numbers)
    measured = walk.step(tasks)
    assert measured.not_finite == ()
    wanted = outer_step(other, problem, learners, tasks, now.order, numbers)
    check_same(walk, measured, wanted, ROUNDING[learners[META].theta[next(iter(learners[META].theta))].dtype])


@pytest.mark.parametrize("choice", [*MAKES_A_GRAPH, *WITHOUT_FILES])
def test_traced_evaluations_find_what_the_engine_does(choice: str, tmp_path: Path) -> None:
    """Another theta_0 than the traced one, other numbers, more inner steps than it trains, and more tasks than are looked at at once."""
    config = run_of(choice, tmp_path / "pictures")
    if config.model.kind in EAGER_MODELS:
        return
    problem = build_problem(config)
    learner = beginning(config, problem)[META]
    graph, parts = held_out_graph(config, problem, learner), traced_held_out(config, problem, learner)
    form = HeldOutForm(graph, {part: functools.partial(called, traced) for part, traced in parts.items()})
    other = moved(config)
    learner = advance(config, init_run(config, problem=problem), num_steps=2, problem=problem)[0].meta
    tasks, how = held_out_tasks(other, problem, TASKS + 3), rule(other, problem, learner)
    assert form.fits(how)
    for ends_only, num_steps in ((True, 3), (False, 5)):
        about = {"problem": problem, "how": how, "num_steps": num_steps, "ends_only": ends_only}
        found = evaluate(learner.theta, tasks, form=form, **about)
        wanted = evaluate(learner.theta, tasks, **about)
        losses = wanted.query_loss
        assert found.query_loss.shape == losses.shape == (2 if ends_only else 6, 1, TASKS + 3)
        rounding = ROUNDING[losses.dtype] * float(losses.abs().max())
        torch.testing.assert_close(found.query_loss, losses, rtol=0.0, atol=rounding)
        assert (found.accuracy is None) == (wanted.accuracy is None)
    about = {"problem": problem, "how": how, "num_steps": 4}
    few = held_out_tasks(other, problem, FEW - 2)
    assert form.path(learner.theta, tasks.support, how, 4) is None  # too many of them
    for found, wanted in zip(
        inner_thetas(learner.theta, few, form=form, **about), inner_thetas(learner.theta, few, **about), strict=True
    ):
        assert largest_difference(found, wanted) <= 4 * ROUNDING[losses.dtype]  # each of four steps rounds again


def called(part: Traced, row: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return part(*row)


def test_an_evaluation_by_another_rule_than_the_traced_one_is_not_taken_for_it() -> None:
    config = RunConfig(algorithm="anil", meta_batch_size=2)
    problem = build_problem(config)
    learner = beginning(config, problem)[META]

    def refused(_: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        raise AssertionError("the body adapts, and the traced step moves the head alone")

    form = HeldOutForm(held_out_graph(config, problem, learner), dict.fromkeys((INNER, QUERY, FEW_INNER), refused))
    assert form.fits(Adaptation(0.3, names=problem.model.head))
    about = {"problem": problem, "how": Adaptation(0.1), "num_steps": 1}
    tasks = held_out_tasks(config, problem, 4)
    found = evaluate(learner.theta, tasks, form=form, **about)
    assert found.query_loss.equal(evaluate(learner.theta, tasks, **about).query_loss)
    assert form.path(learner.theta, tasks.support, Adaptation(0.1), 1) is None


def test_steps_of_one_walk_follow_each_other(tmp_path: Path) -> None:
    """What a step finds is what the next one begins with, the count of Adam's updates included."""
    config = run_of("dtype=float64", tmp_path / "pictures")
    problem = build_problem(config)
    graph, begin = graph_of(config, problem), beginning(config, problem)
    step = traced(graph, begin, training_tasks(config, problem, 0))
    numbers = numbers_at(config, schedule(config, 0))
    compiled = CompiledWalk(graph, lambda row: step(*row), begin, numbers)
    eager = EagerWalk(config, problem, begin, "second", numbers)
    for tasks in tasks_of_steps(config, problem, range(4)):
        losses, wanted = compiled.step(tasks).query_loss, eager.step(tasks).query_loss
        assert losses == pytest.approx(wanted, rel=1e-11)
    for name, learner in eager.learners.items():
        found = compiled.learners[name]
        assert found.optimizer.step == learner.optimizer.step == 4
        assert largest_difference(found.theta, learner.theta) <= 1e-11
        assert begin[name].optimizer.step == 0


@pytest.mark.parametrize("num_inner_steps", [1, 3])
def test_no_product_is_made_only_to_be_read_transposed(num_inner_steps: int) -> None:
    config = RunConfig(num_inner_steps=num_inner_steps, meta_batch_size=2)
    problem = build_problem(config)
    tasks = training_tasks(config, problem, 0)
    made = traced(graph_of(config, problem), beginning(config, problem), tasks)._graph[0].graph.nodes
    products = [node for node in made if node.target is torch.ops.aten.bmm.default]
    assert len(products) > 10 * num_inner_steps
    for product in products:
        assert {user.target for user in product.users} != {torch.ops.aten.transpose.int}
