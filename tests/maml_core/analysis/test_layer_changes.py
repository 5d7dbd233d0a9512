"""CKA against its definition by centring matrices, and features against the layers written out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from maml_core.analysis.layer_changes import layer_changes, linear_cka
from maml_core.config import MLPConfig
from maml_core.inner import Adaptation
from maml_core.models import ModuleModel
from maml_core.normalization import Normalization
from maml_core.problem import Problem
from maml_core.types import Params
from tests.maml_core.analysis.dense import SETUPS, as_params, dense_task, row_of
from tests.maml_core.helpers import prepared, task_slice, tiny

ALPHA, STEPS = 0.1, 3


def hsic_cka(one: np.ndarray, other: np.ndarray) -> float:
    """Kornblith et al. 2019, equations 3 and 4: tr(K H L H), normalised."""
    count = len(one)
    centring = np.eye(count) - np.ones((count, count)) / count
    kernels = [values @ values.T for values in (one, other)]

    def hsic(left: np.ndarray, right: np.ndarray) -> float:
        return float(np.trace(left @ centring @ right @ centring))

    return hsic(*kernels) / np.sqrt(hsic(kernels[0], kernels[0]) * hsic(kernels[1], kernels[1]))


def written_out(name: str, theta: Params, x: torch.Tensor) -> list[np.ndarray]:
    """What the layers of a set-up's network hand on for one task's points, by torch's own layers."""
    of = {key: value[0] for key, value in theta.items()}
    if name == "mlp":
        first = torch.tanh(x @ of["w0"] + of["b0"])
        second = torch.tanh(first @ of["w1"] + of["b1"])
        return [values.numpy() for values in (first, second, second @ of["w2"] + of["b2"])]
    maps, found = x.view(-1, 1, 28, 28), []
    for layer in (0, 1):
        maps = functional.conv2d(maps, of[f"w{layer}"], stride=2, padding=1)
        maps = functional.batch_norm(maps, None, None, of[f"scale{layer}"], of[f"shift{layer}"], training=True)
        maps = functional.relu(maps)
        found.append(maps.flatten(1).numpy())
    return [*found, (maps.mean((2, 3)) @ of["w2"] + of["b2"]).numpy()]


@pytest.mark.parametrize("name", SETUPS)
def test_similarity_and_moves_are_those_of_the_layers_written_out(name: str) -> None:
    problem, theta, tasks = prepared(SETUPS[name])
    found = layer_changes(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS)
    assert found.layers == tuple(problem.model.layers)
    for task in range(len(tasks.parameters)):
        end = as_params(theta, dense_task(problem, theta, tasks, task).path(row_of(theta), ALPHA, STEPS)[-1])
        before, after = (written_out(name, at, tasks.query.x[task]) for at in (theta, end))
        expected = [hsic_cka(one, other) for one, other in zip(before, after, strict=True)]
        np.testing.assert_allclose(found.similarity[task], expected, atol=1e-9)
        for layer, names in enumerate(problem.model.layers.values()):
            start, stop = (torch.cat([at[key].flatten() for key in names]) for at in (theta, end))
            assert found.moved[task, layer] == pytest.approx(float((stop - start).norm() / start.norm()))
    assert (found.similarity < 1.0 - 1e-6).any()


def test_cka_does_not_see_rotations_scales_and_shifts() -> None:
    random = torch.Generator().manual_seed(0)
    values = torch.randn(2, 9, 4, generator=random, dtype=torch.float64)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=random, dtype=torch.float64)).Q
    np.testing.assert_allclose(linear_cka(values, 3.0 * values @ turn + 2.0), 1.0)
    assert (linear_cka(values, values[:, torch.randperm(9, generator=random)]) < 0.9).all()


def test_a_body_that_does_not_adapt_is_the_same_and_has_not_moved() -> None:
    problem, theta, tasks = prepared(tiny())
    how = Adaptation(ALPHA, names=problem.model.head)
    found = layer_changes(theta, tasks, problem=problem, how=how, num_steps=STEPS)
    np.testing.assert_allclose(found.similarity[:, :-1], 1.0)
    assert (found.moved[:, :-1] == 0.0).all()
    assert (found.moved[:, -1] > 0.0).all()


def test_without_inner_steps_nothing_changes() -> None:
    problem, theta, tasks = prepared(tiny())
    one = task_slice(tasks, slice(1))
    found = layer_changes(theta, one, problem=problem, how=Adaptation(ALPHA), num_steps=0)
    np.testing.assert_allclose(found.similarity, 1.0)
    assert (found.moved == 0.0).all()


def test_outputs_that_do_not_vary_have_no_similarity() -> None:
    problem, theta, tasks = prepared(tiny(model=MLPConfig(hidden_widths=(4,))))
    dead = {**theta, "w0": 0.0 * theta["w0"], "b0": -torch.ones_like(theta["b0"])}
    found = layer_changes(dead, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1)
    assert np.isnan(found.similarity).all()
    assert (found.moved[:, 0] == 0.0).all()


def test_a_layer_that_starts_from_zero_moves_infinitely_far() -> None:
    problem, theta, tasks = prepared(tiny())
    zeroed = {name: 0.0 * value if name in problem.model.head else value for name, value in theta.items()}
    found = layer_changes(zeroed, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1)
    assert np.isinf(found.moved[:, -1]).all()


def test_points_may_be_others_than_the_query_points() -> None:
    problem, theta, tasks = prepared(tiny())
    grid = problem.probe_inputs(17, torch.float64)
    how = Adaptation(ALPHA)
    on_grid = layer_changes(theta, tasks, problem=problem, how=how, num_steps=STEPS, x=grid)
    as_query = tasks._replace(query=tasks.query._replace(x=grid.expand(3, -1, -1)))
    again = layer_changes(theta, as_query, problem=problem, how=how, num_steps=STEPS)
    np.testing.assert_array_equal(on_grid.similarity, again.similarity)


def test_batch_norm_by_the_support_points_judges_each_query_point_alone() -> None:
    problem, theta, tasks = prepared(SETUPS["conv"])
    how = Adaptation(ALPHA, normalization=Normalization("support"))
    few = layer_changes(theta, tasks, problem=problem, how=how, num_steps=1)
    batch = layer_changes(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1)
    assert not np.allclose(few.similarity, batch.similarity)


def as_module(theta: Params) -> nn.Module:
    module = nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()
    for layer, place in enumerate((0, 2, 4)):
        module[place].weight.data = theta[f"w{layer}"][0].T.clone()
        module[place].bias.data = theta[f"b{layer}"][0].clone()
    return module


def test_a_modules_layers_are_its_submodules() -> None:
    problem, theta, tasks = prepared(tiny())
    model = ModuleModel(as_module(theta))
    own = Problem(family=problem.family, model=model)
    how = Adaptation(ALPHA)
    found = layer_changes(model.init(0, torch.float64), tasks, problem=own, how=how, num_steps=STEPS)
    built = layer_changes(theta, tasks, problem=problem, how=how, num_steps=STEPS)
    assert found.layers == ("0", "2", "4")
    np.testing.assert_allclose(found.moved, built.moved)
    np.testing.assert_allclose(found.similarity[:, -1], built.similarity[:, -1])


class Twice(nn.Module):
    """One layer that is called twice, and one whose output is no table of points."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again = nn.Linear(1, 3).double(), nn.Linear(3, 3).double()
        self.rows = nn.GRU(3, 1, batch_first=True).double()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        values, _ = self.rows(self.again(torch.tanh(self.again(self.first(x)))).unsqueeze(0))
        return values[0]


def test_a_layer_that_is_called_twice_hands_on_the_last_and_one_without_rows_nothing() -> None:
    module = Twice()
    model = ModuleModel(module)
    theta = {name: value.expand(2, *value.shape[1:]) for name, value in model.init(0, torch.float64).items()}
    x = torch.linspace(-1.0, 1.0, 10, dtype=torch.float64).view(2, 5, 1)
    found = model.features(theta, x)
    assert list(found) == ["first", "again"]
    for task in (0, 1):
        inner = module.first(x[task])
        torch.testing.assert_close(found["first"][task], inner)
        torch.testing.assert_close(found["again"][task], module.again(torch.tanh(module.again(inner))))


def test_what_a_module_hands_on_leaves_no_hook_behind() -> None:
    _, theta, tasks = prepared(tiny())
    model: Any = ModuleModel(as_module(theta))
    model.features(model.init(0, torch.float64), tasks.query.x[:1])
    assert not any(part._forward_hooks for part in model._module.modules())


def test_a_model_that_does_not_say_what_its_layers_give_is_refused() -> None:
    problem, theta, tasks = prepared(tiny())

    class Silent:
        head, layers = problem.model.head, problem.model.layers
        init, apply, statistics, is_dead = (
            problem.model.init,
            problem.model.apply,
            problem.model.statistics,
            problem.model.is_dead,
        )

    silent: Any = Silent()
    own = Problem(family=problem.family, model=silent)
    with pytest.raises(TypeError, match="Silent, which has no features"):
        layer_changes(theta, tasks, problem=own, how=Adaptation(ALPHA), num_steps=1)
