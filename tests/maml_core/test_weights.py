"""Theta_0 out of a run and into one, and what a run predicts: held against plain modules of torch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from maml_core import (
    ConvConfig,
    GlyphsConfig,
    MLPConfig,
    ModuleModel,
    Problem,
    RunConfig,
    advance,
    build_problem,
    evaluate,
    fine_tune,
    held_out_tasks,
    init_run,
    load_state_dict,
    plain_module,
    predict,
    rule,
    state_dict,
)
from maml_core.errors import ConfigError, StateError
from maml_core.inner import Adaptation
from maml_core.normalization import at_step
from tests.maml_core.helpers import same, tiny

NETWORKS: dict[str, RunConfig] = {
    "mlp": tiny(),
    "mlp without bias": tiny(model=MLPConfig(hidden_widths=(6,), use_bias=False, activation="gelu")),
    "affine": tiny(model=MLPConfig(hidden_widths=())),
    "softplus": tiny(model=MLPConfig(hidden_widths=(5, 4, 3), activation="softplus")),
    "batch norm": tiny(model=MLPConfig(hidden_widths=(6, 5), batch_norm=True)),
    "running": tiny(model=MLPConfig(hidden_widths=(6, 5), batch_norm=True), batch_norm_treatment="running"),
    "per step": tiny(
        model=MLPConfig(hidden_widths=(6,), batch_norm=True),
        batch_norm_treatment="running",
        per_step_norm=True,
        per_step_statistics=True,
    ),
    **{
        f"conv {downsample} {norm}": tiny(
            tasks=GlyphsConfig(ways=3),
            model=ConvConfig(num_layers=2, num_filters=8, downsample=downsample, norm=norm),  # type: ignore[arg-type]
            shots=1,
            num_query=2,
            meta_batch_size=2,
        )
        for downsample in ("stride", "max_pool")
        for norm in ("batch", "group", "none")
    },
}


def trained(config: RunConfig, problem: Problem | None = None) -> Any:
    return advance(config, init_run(config, problem=problem), num_steps=3, problem=problem)[0]


def inputs(config: RunConfig) -> torch.Tensor:
    return build_problem(config).probe_inputs(7, torch.float64)[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_plain_module_predicts_what_theta_0_predicts(name: str) -> None:
    config = NETWORKS[name]
    state, x = trained(config), inputs(config)
    theta = {**at_step(state.meta.theta, 0), **at_step(dict(state.meta.statistics), 0)}
    expected = build_problem(config).model.apply(theta, x.unsqueeze(0))[0]
    module = plain_module(config, state)
    images = x if config.image_shape is None else x.view(-1, *config.image_shape)
    torch.testing.assert_close(module(images), expected, rtol=0, atol=1e-10)
    assert same(state_dict(config, state), dict(module.state_dict()))


def test_the_names_are_those_of_a_sequential_written_by_hand() -> None:
    config = RunConfig()
    module = nn.Sequential(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    module.load_state_dict(state_dict(config, init_run(config)))
    x = torch.linspace(-5.0, 5.0, 9).view(1, 9, 1)
    torch.testing.assert_close(module(x[0]), build_problem(config).model.apply(init_run(config).meta.theta, x)[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_weights_that_went_out_come_in_again(name: str) -> None:
    config = NETWORKS[name]
    state = trained(config)
    back = load_state_dict(config, state_dict(config, state))
    assert same(at_step(back.meta.theta, 0), at_step(state.meta.theta, 0))
    assert back.step == 0
    assert back.joint is not None
    assert same(dict(sorted(back.joint.theta.items())), dict(sorted(at_step(state.meta.theta, 0).items())))
    assert advance(config, back, num_steps=2)[0].step == 2


def test_ones_own_module_goes_out_and_comes_in() -> None:
    module = nn.Sequential(nn.Linear(1, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 1)).double()
    module[1].running_mean += 0.3
    config = tiny()
    problem = Problem(family=build_problem(config).family, model=ModuleModel(module))
    state, x = trained(config, problem), inputs(config)
    plain = plain_module(config, state, problem=problem)
    expected = problem.model.apply(state.meta.theta, x.unsqueeze(0))[0]
    torch.testing.assert_close(plain(x), expected, rtol=0, atol=1e-12)
    module.load_state_dict(state_dict(config, state, problem=problem))
    torch.testing.assert_close(module.eval()(x), expected, rtol=0, atol=1e-12)
    back = load_state_dict(config, module.state_dict(), problem=problem)
    assert same(back.meta.theta, state.meta.theta)
    assert advance(config, back, num_steps=1, problem=problem)[0].step == 1


def test_a_model_of_ones_own_that_is_no_module_has_no_plain_one() -> None:
    class Scaled:
        head, layers = frozenset({"w"}), {"head": ("w",)}

        def init(self, seed: int, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
            return {"w": torch.ones(1, 1, 1, dtype=dtype)}

        def apply(self, theta: Any, x: torch.Tensor, **_: Any) -> torch.Tensor:
            return torch.bmm(x, theta["w"])

        def statistics(self, *_: Any, **__: Any) -> dict[str, torch.Tensor]:
            return {}

        def is_dead(self, _: Any, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(x), dtype=torch.bool)

    config = tiny()
    problem: Any = Problem(family=build_problem(config).family, model=Scaled())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Scaled has no plain module"):
        plain_module(config, init_run(config, problem=problem), problem=problem)
    with pytest.raises(TypeError, match="Scaled has no plain module"):
        load_state_dict(config, {"w": torch.ones(1, 1)}, problem=problem)


def test_a_fine_tuned_module_is_judged_by_the_engine() -> None:
    """Out, a step of torch.optim, in: the loss is that of the module."""
    config = tiny()
    state = trained(config)
    module, tasks = plain_module(config, state), held_out_tasks(config, build_problem(config))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.01)
    functional.mse_loss(module(tasks.support.x[0]), tasks.support.y[0]).backward()
    optimizer.step()
    back = load_state_dict(config, module.state_dict())
    found = evaluate(
        back.meta.theta, tasks, problem=build_problem(config), how=Adaptation(0.1), num_steps=0
    ).query_loss[0, 0, 0]
    torch.testing.assert_close(found, functional.mse_loss(module(tasks.query.x[0]), tasks.query.y[0]).detach())


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ({}, "0.weight, 0.bias|0.bias"),
        ({"0.weight": torch.ones(7, 1)}, "missing"),
    ],
    ids=["nothing", "some"],
)
def test_weights_of_another_network_are_refused(weights: dict[str, torch.Tensor], words: str) -> None:
    with pytest.raises(StateError, match=words):
        load_state_dict(tiny(), weights)


def test_weights_of_another_shape_are_refused() -> None:
    wide = tiny(model=MLPConfig(hidden_widths=(7, 5), activation="tanh"))
    with pytest.raises(StateError, match=r"0.weight has shape \[7, 1\]; this network's has \[6, 1\]"):
        load_state_dict(tiny(), state_dict(wide, init_run(wide)))
    with pytest.raises(ConfigError, match="oracle_baseline"):
        load_state_dict(tiny(oracle_baseline=True), {})


# predict


@pytest.mark.parametrize("algorithm", ["maml", "anil", "meta_sgd", "meta_curvature", "reptile", "imaml"])
def test_a_prediction_is_that_of_the_evaluation(algorithm: Any) -> None:
    config = tiny(algorithm=algorithm, num_inner_steps=2, alpha=0.05)
    problem, state = build_problem(config), trained(config)
    tasks = held_out_tasks(config, problem)
    how = rule(config, problem, state.meta)
    losses = evaluate(state.meta.theta, tasks, problem=problem, num_steps=2, how=how).query_loss[2, 0]
    for task in range(3):
        support = tasks.support.x[task], tasks.support.y[task]
        found = predict(config, state, *support, tasks.query.x[task])
        assert found.shape == tasks.query.y[task].shape
        assert not found.requires_grad
        torch.testing.assert_close(functional.mse_loss(found, tasks.query.y[task]), losses[task], rtol=0, atol=1e-10)


def test_points_may_be_lists_arrays_or_tensors_with_or_without_a_width() -> None:
    config = tiny(num_inner_steps=1)
    state, x, y = init_run(config), [-1.0, 0.5, 2.0], [0.2, 0.1, -0.4]
    expected = predict(config, state, torch.tensor(x).view(-1, 1), torch.tensor(y).view(-1, 1), torch.tensor([[0.0]]))
    for form in (list, np.array, torch.tensor, lambda values: np.array(values, dtype=np.float32)[:, None]):
        found = predict(config, state, form(x), form(y), form([0.0]))
        torch.testing.assert_close(found.flatten(), expected.flatten(), rtol=0, atol=1e-7)
    assert predict(config, state, x, y, [0.0, 1.0]).shape == (2,)
    assert expected.shape == (1, 1)


def test_classes_are_numbers_and_images_may_have_their_shape() -> None:
    config = NETWORKS["conv stride batch"]
    state, tasks = trained(config), held_out_tasks(config, build_problem(config))
    x, query = tasks.support.x[0], tasks.query.x[0]
    labels = tasks.support.y[0].argmax(1)
    found = predict(config, state, x.view(-1, 1, 28, 28), labels, query.view(-1, 28, 28))
    torch.testing.assert_close(found, predict(config, state, x, tasks.support.y[0], query), rtol=0, atol=1e-12)
    assert found.shape == (6, 3)
    with pytest.raises(ValueError, match="whole, from 0 to 2"):
        predict(config, state, x, labels + 1, query)


@pytest.mark.parametrize(
    ("x_support", "y_support", "x", "words"),
    [
        ([[1.0, 2.0]], [1.0], [0.0], r"x_support has shape \[1, 2\], where \[points, 1\] is expected"),
        ([1.0, 2.0], [1.0], [0.0], "x_support has 2 points and y_support 1"),
        ([1.0], [1.0], 3.0, r"x has shape \[\]"),
        ([1.0], [1.0], "abc", "x is a str that is no table of numbers"),
    ],
    ids=["width", "count", "number", "text"],
)
def test_points_that_do_not_fit_are_named(x_support: Any, y_support: Any, x: Any, words: str) -> None:
    config = tiny()
    with pytest.raises(ValueError, match=words):
        predict(config, init_run(config), x_support, y_support, x)


def test_more_steps_may_be_asked_for() -> None:
    config = tiny(num_inner_steps=1, alpha=0.05)
    state, x, y = init_run(config), [-1.0, 0.5, 2.0], [2.0, 1.0, -4.0]
    errors = [
        float((predict(config, state, x, y, x, num_steps=n) - torch.tensor(y)).square().mean()) for n in (0, 1, 5)
    ]
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("name", NETWORKS)
def test_the_plain_module_of_a_task_predicts_what_the_run_predicts(name: str) -> None:
    config = NETWORKS[name]
    state, tasks = trained(config), held_out_tasks(config, build_problem(config), 1)
    support, x = (tasks.support.x[0], tasks.support.y[0]), tasks.query.x[0]
    module = plain_module(config, state, support=support, num_steps=2)
    images = x if config.image_shape is None else x.view(-1, *config.image_shape)
    torch.testing.assert_close(module(images), predict(config, state, *support, x, num_steps=2), rtol=0, atol=1e-10)
    assert not torch.equal(module(images), plain_module(config, state)(images))


def test_steps_without_points_are_refused() -> None:
    with pytest.raises(ValueError, match=r"num_steps = 2: give the points to take them on, support=\(x, y\)"):
        plain_module(tiny(), init_run(tiny()), num_steps=2)


def test_a_fine_tuned_module_is_what_a_loop_of_torch_makes_of_theta_0() -> None:
    config, x = tiny(), np.linspace(-2.0, 2.0, 5)
    state, y = trained(config), np.cos(x)
    found = fine_tune(config, state, x, y, num_steps=7, optimizer=lambda parameters: torch.optim.SGD(parameters, 0.05))
    module = plain_module(config, state)
    points, targets = torch.tensor(x).unsqueeze(1), torch.tensor(y).unsqueeze(1)
    for _ in range(7):
        gradients = torch.autograd.grad(functional.mse_loss(module(points), targets), list(module.parameters()))
        with torch.no_grad():
            for value, gradient in zip(module.parameters(), gradients, strict=True):
                value -= 0.05 * gradient
    for one, other in zip(found.parameters(), module.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_images_are_fine_tuned_by_the_numbers_of_their_classes() -> None:
    config = NETWORKS["conv stride group"]
    state, tasks = trained(config), held_out_tasks(config, build_problem(config), 1)
    x, classes = tasks.support.x[0], tasks.support.y[0].argmax(1)
    module = fine_tune(
        config, state, x, classes, num_steps=80, optimizer=lambda parameters: torch.optim.Adam(parameters, 0.05)
    )
    assert module(x.view(-1, *config.image_shape)).argmax(1).equal(classes)  # type: ignore[misc]
