"""What people write by mistake or out of habit: it works, or a sentence says what to write."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from maml_core import (
    Axis,
    Entry,
    MLPConfig,
    ModuleModel,
    Problem,
    RunConfig,
    SavedRun,
    SinusoidConfig,
    SweepConfig,
    adapt,
    advance,
    build_problem,
    evaluate,
    held_out_tasks,
    init_run,
    load_run,
    meta_gradient,
    predict,
    replay,
    save_run,
    snapshot,
    state_from_bytes,
    state_to_bytes,
    task_losses,
    to_dict,
    training_tasks,
)
from maml_core.errors import ConfigError, StateError
from maml_core.inner import Adaptation
from maml_core.records import View
from tests.maml_core.helpers import prepared, same, tiny

NUMBERS = [
    ("alpha", np.float32(0.5)),
    ("alpha", np.float64(0.5)),
    ("alpha", np.float16(0.5)),
    ("alpha", np.int64(1)),
    ("alpha", np.array(0.5)),
    ("num_inner_steps", np.int64(3)),
    ("num_inner_steps", np.uint8(3)),
    ("shots", np.arange(4)[3]),
    ("joint_baseline", np.bool_(False)),
    ("clip_norm", np.float32(2.0)),
    ("adam_betas", np.array([0.5, 0.75])),
    ("order", np.str_("first")),
]


@pytest.mark.parametrize(("name", "value"), NUMBERS, ids=lambda part: repr(part))
def test_a_number_of_numpy_is_a_number(name: str, value: Any) -> None:
    held = getattr(RunConfig(**{name: value}), name)
    assert type(held).__module__ == "builtins"
    assert held == (tuple(value.tolist()) if name == "adam_betas" else value)
    assert json.loads(json.dumps(to_dict(RunConfig(**{name: value}))))[name] == (
        value.tolist() if isinstance(value, np.ndarray) else held
    )


def test_lists_of_numpys_numbers_are_lists_of_numbers() -> None:
    assert MLPConfig(hidden_widths=np.array([4, 5])).hidden_widths == (4, 5)  # type: ignore[arg-type]
    assert MLPConfig(hidden_widths=(np.int64(4), 5)).hidden_widths == (4, 5)  # type: ignore[arg-type]
    assert SinusoidConfig(amplitude=(np.float64(1), np.float32(2))).amplitude == (1.0, 2.0)
    assert all(type(width) is int for width in MLPConfig(hidden_widths=np.array([4, 5])).hidden_widths)  # type: ignore[arg-type]


def test_what_no_field_takes_is_refused_of_numpy_too() -> None:
    for name, value in (
        ("num_inner_steps", np.float64(2.0)),
        ("alpha", np.nan),
        ("alpha", np.bool_(True)),
        ("shots", np.int64(0)),
    ):
        with pytest.raises(ConfigError, match=f"^{name} = "):
            RunConfig(**{name: value})
    with pytest.raises(ConfigError, match=r"^alpha = '0.1' is not accepted: a number"):
        RunConfig(alpha="0.1")  # type: ignore[arg-type]


def test_an_axis_and_a_sweep_take_numpys_numbers() -> None:
    axis = Axis(name="alpha", values=np.logspace(-3, -1, 3))  # type: ignore[arg-type]
    assert axis.values == (0.001, 0.01, 0.1)
    sweep = SweepConfig(axes=(axis, Axis(name="num_inner_steps", values=(np.int64(1), 2))), num_steps=np.int64(5))  # type: ignore[arg-type]
    assert sweep.size == 6
    assert type(sweep.num_steps) is int
    assert json.dumps([to_dict(one) for one in sweep.axes])


def test_a_timeline_in_numpys_numbers_replays_and_is_saved(tmp_path: Any) -> None:
    config = tiny()
    change = Entry(step=np.int64(1), kind="change", changes={"alpha": np.float32(0.25), "num_inner_steps": np.int64(2)})  # type: ignore[arg-type]
    now, state, records = replay(config, [change], num_steps=np.int64(3))  # type: ignore[arg-type]
    assert (now.alpha, now.num_inner_steps) == (0.25, 2)
    run = SavedRun(
        name="x", start=config, config=now, timeline=(change,), records=records, state=state_to_bytes(state), step=3
    )
    save_run(tmp_path / "x", run)
    assert load_run(tmp_path / "x").timeline == (change,)


@pytest.mark.parametrize("alpha", [np.float32(0.5), np.float64(0.5), np.int64(1), np.array(0.5)], ids=repr)
def test_step_sizes_of_numpy_adapt_as_pythons(alpha: Any) -> None:
    problem, theta, tasks = prepared(tiny())
    for number in (alpha, float(alpha)):
        evaluated = evaluate(theta, tasks, problem=problem, how=Adaptation(number), num_steps=2).query_loss
        found = meta_gradient(theta, tasks, problem=problem, how=Adaptation(number), num_inner_steps=np.int64(2))  # type: ignore[arg-type]
    first = evaluate(theta, tasks, problem=problem, how=Adaptation(alpha), num_steps=np.int64(2)).query_loss  # type: ignore[arg-type]
    assert torch.equal(evaluated, first)
    assert torch.equal(
        meta_gradient(theta, tasks, problem=problem, how=Adaptation(alpha), num_inner_steps=2).query_loss,
        found.query_loss,
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: advance(tiny(), s, num_steps="5"), "num_steps = '5': give a whole number"),
        (lambda s: advance(tiny(), s, num_steps=2.5), "num_steps = 2.5: give a whole number"),
        (lambda s: replay(tiny(), [], num_steps="5"), "num_steps = '5'"),
        (lambda s: replay(tiny(), [], num_steps=True), "num_steps = True"),
        (lambda s: replay(tiny(), [{"step": 3}], num_steps=5), r"no line of a timeline; give Entry\(step"),
        (lambda s: advance(tiny(), state_to_bytes(s), num_steps=1), "state is a bytes: a RunState is expected"),
        (lambda s: snapshot(tiny(), state_to_bytes(s), View()), "state is a bytes"),
        (lambda s: predict(tiny(), state_to_bytes(s), [1.0], [1.0], [1.0]), "state is a bytes"),
        (lambda s: predict(tiny(), s, [1.0], [1.0], [1.0], num_steps="2"), "num_steps = '2'"),
        (lambda s: state_from_bytes(s), "a RunState is no saved run state: bytes are expected"),
        (lambda s: state_to_bytes(b""), "a bytes is no RunState"),
        (lambda s: task_losses(tiny(), "x"), "state is a str: a RunState is expected"),
        (lambda s: Entry(step="5", kind="change"), "step = '5': an outer step is a whole number"),  # type: ignore[arg-type]
        (lambda s: Entry(step=5, kind="change", changes=0.1), "changes = 0.1: give fields"),  # type: ignore[arg-type]
    ],
)
def test_a_value_of_another_type_is_named(call: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        call(init_run(tiny()))


@pytest.mark.parametrize("alpha", ["0.1", True, None, [0.1]], ids=repr)
def test_a_step_size_that_is_none_is_named(alpha: Any) -> None:
    problem, theta, tasks = prepared(tiny())
    for call in (
        lambda: evaluate(theta, tasks, problem=problem, how=Adaptation(alpha), num_steps=1),
        lambda: meta_gradient(theta, tasks, problem=problem, how=Adaptation(alpha), num_inner_steps=1),
    ):
        with pytest.raises(TypeError, match=r"^alpha = .*give a number, a tensor"):
            call()


@pytest.mark.parametrize("call", [init_run, build_problem, lambda config: replay(config, [], num_steps=1)])
@pytest.mark.parametrize(
    ("config", "words"), [({"alpha": 0.1}, "from_dict"), (RunConfig, "RunConfig class"), (None, "NoneType")]
)
def test_a_config_that_is_none_is_named(call: Any, config: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=f"^config = .*{words}"):
        call(config)


def test_losses_of_tasks_take_a_state_or_its_bytes() -> None:
    state = init_run(tiny())
    assert same(task_losses(tiny(), state), task_losses(tiny(), state_to_bytes(state)))


def test_losses_of_tasks_are_of_ones_own_problem_too() -> None:
    module = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    problem = Problem(family=build_problem(tiny()).family, model=ModuleModel(module))
    state = init_run(tiny(), problem=problem)
    assert task_losses(tiny(), state, problem=problem).shape == (4,)
    with pytest.raises(StateError, match="a problem of its own"):
        task_losses(tiny(), state)


def test_a_forgotten_problem_is_named() -> None:
    module = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    problem = Problem(family=build_problem(tiny()).family, model=ModuleModel(module))
    state = init_run(tiny(), problem=problem)
    for call in (lambda: advance(tiny(), state, num_steps=1), lambda: snapshot(tiny(), state, View())):
        with pytest.raises(ConfigError, match=r"^problem = none .*give that one again"):
            call()
    with pytest.raises(
        StateError, match=r"holds another model: its parameters are w0 .*needed are 0.weight .*problem="
    ):
        advance(tiny(), init_run(tiny()), num_steps=1, problem=problem)


# Points


def test_a_pair_stands_for_examples_and_a_tuple_for_tasks() -> None:
    problem, theta, tasks = prepared(tiny())
    pairs = (tuple(tasks.support), tuple(tasks.query), tasks.parameters)
    found = evaluate(theta, pairs, problem=problem, how=Adaptation(0.1), num_steps=1)  # type: ignore[arg-type]
    assert same(tuple(found), tuple(evaluate(theta, tasks, problem=problem, how=Adaptation(0.1), num_steps=1)))
    one = {name: value.repeat(3, *[1] * (value.ndim - 1)) for name, value in theta.items()}
    for support in (tasks.support, tuple(tasks.support)):
        adapt(one, support, model=problem.model, loss=problem.loss, how=Adaptation(0.1), num_steps=1, order="first")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (torch.ones(2), torch.ones(2), ValueError, r"support.x has shape \[2\].*x.view\(1, 2, 1\) is one task"),
        (
            torch.ones(2, 1),
            torch.ones(2, 1),
            ValueError,
            r"support.x has shape \[2, 1\].*x.view\(1, 2, 1\) is one task",
        ),
        (torch.ones(1, 2, 1), torch.ones(1, 3, 1), ValueError, r"support.y \[1, 3, 1\]"),
        (torch.ones(2, 2, 1), torch.ones(2, 2, 1), ValueError, "theta_0 has 1 rows and support 2 tasks"),
        ([[[1.0]]], [[[1.0]]], TypeError, r"support is a tuple: give Examples\(x, y\), or \(x, y\), of tensors"),
    ],
)
def test_points_of_another_shape_are_named(x: Any, y: Any, error: type[Exception], words: str) -> None:
    problem = build_problem(RunConfig())
    with pytest.raises(error, match=words):
        adapt(
            problem.model.init(0),
            (x, y),
            model=problem.model,
            loss=problem.loss,
            how=Adaptation(0.1),
            num_steps=1,
            order="first",
        )  # type: ignore[arg-type]


def test_what_is_no_tasks_is_named() -> None:
    problem, theta, tasks = prepared(tiny())
    for wrong in (tasks.support, (tasks.support, tasks.query), None):
        with pytest.raises(TypeError, match=r"Tasks\(support, query, parameters\)"):
            evaluate(theta, wrong, problem=problem, how=Adaptation(0.1), num_steps=1)  # type: ignore[arg-type]


class Family:
    """Lacks the levels."""

    num_inputs = num_outputs = 1

    def draw_tasks(self, **how: Any) -> Any:
        return build_problem(tiny()).family.draw_tasks(**how)

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        return torch.zeros(1, num_points, 1, dtype=dtype)


def test_a_family_that_lacks_something_is_told_what() -> None:
    with pytest.raises(
        TypeError, match="family is a Family, which lacks zero_level, non_adapting_level; it needs draw_tasks"
    ):
        Problem(family=Family(), model=build_problem(tiny()).model)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="family is the class Family"):
        Problem(family=Family, model=build_problem(tiny()).model)  # type: ignore[arg-type]


def test_a_family_that_draws_other_shapes_is_told_which_are_expected() -> None:
    class Flat(Family):
        def draw_tasks(self, **how: Any) -> Any:
            drawn = super().draw_tasks(**how)
            return drawn._replace(support=(drawn.support.x[..., 0], drawn.support.y))

        def zero_level(self) -> float:
            return 1.0

        non_adapting_level = zero_level

    problem = Problem(family=Flat(), model=build_problem(tiny()).model)
    for call in (lambda: training_tasks(tiny(), problem, 0), lambda: held_out_tasks(tiny(), problem)):
        with pytest.raises(ValueError, match=r"support.x has shape .*\[tasks, points, inputs\] is expected"):
            call()


# Short words for large things


def test_states_are_shown_in_a_line() -> None:
    state = init_run(RunConfig())
    assert repr(state) == "RunState(step=0, status='ok', theta_0: 6 tensors, 1,761 numbers, float32; beside it: joint)"
    assert repr(state.meta) == "Learner(6 tensors, 1,761 numbers, float32)"
    assert repr(state.good) == "Checkpoint(step=0, theta_0: 6 tensors, 1,761 numbers, float32)"
    rates = init_run(RunConfig(algorithm="meta_sgd", joint_baseline=False))
    assert repr(rates.meta) == "Learner(6 tensors, 1,761 numbers, float32; 1 x learned rates or matrices)"


def test_curves_are_a_table() -> None:
    _, _, records = replay(tiny(evaluate_every=2), [], num_steps=5)
    frame = records.frame()
    assert frame.index.tolist() == [0, 1, 2, 3, 4]
    assert frame.query_loss.tolist() == records.query_loss.tolist()
    assert frame.held_out_after.dropna().tolist() == records.held_out_after.tolist()
    assert frame.held_out_after.dropna().index.tolist() == records.held_out_steps.tolist()
    assert repr(records) == "Records(5 outer steps, 0 to 4; held-out losses at 3 of them)"


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        ([0.0, float("nan")], [1.0, 1.0], "x_support has 1 points with missing or infinite values"),
        ([0.0, 1.0, 2.0], [float("inf"), 1.0, float("nan")], "y_support has 2 points with missing or infinite values"),
        ([], [], "x_support has no points"),
    ],
)
def test_points_that_nothing_can_adapt_to_are_refused(x: list[float], y: list[float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        predict(tiny(), init_run(tiny()), x, y, [0.5])
