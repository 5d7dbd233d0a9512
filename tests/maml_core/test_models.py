"""Networks as pure functions of batched parameters, and any module through the adapter."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from maml_core.config import MLPConfig
from maml_core.evaluation import evaluate
from maml_core.inner import Adaptation
from maml_core.models import MLP, ModuleModel
from maml_core.outer import meta_gradient
from maml_core.problem import Problem
from maml_core.runs import advance, init_run
from maml_core.types import Params
from tests.maml_core.helpers import flat, lanes, prepared, same, tiny

# Initial weights are part of every published run: a change here changes what a seed means, and needs a new version.
GOLDEN: dict[int, dict[str, tuple[list[float], float]]] = {
    0: {
        "w0": ([-0.37371169786468783, -0.19773865649294534, -0.29729499098662127], -0.5399488388728562),
        "w1": ([0.18940076072224082, 0.2559332851974069, 0.1578191002629763], 2.1816066920683563),
        "w2": ([0.16383936876710414, -0.17985016405427848, 0.038090814752343494], 0.0025400369622011754),
    },
    7: {
        "w0": ([0.28467044441108014, -0.15656432092009454, -0.06113263140417918], -1.4239151056349493),
        "w1": ([0.24662491507902662, 0.207428770139239, -0.07328011531436168], -10.35015125913274),
        "w2": ([0.3030400987716232, 0.21156122404189004, -0.21859169202563095], 3.857662887672767),
    },
}


@pytest.mark.parametrize("seed", GOLDEN)
def test_initial_weights_of_a_seed_never_change(seed: int) -> None:
    theta = MLP(MLPConfig(), num_inputs=1, num_outputs=1).init(seed, torch.float64)
    for name, (first, total) in GOLDEN[seed].items():
        assert theta[name].flatten()[:3].tolist() == pytest.approx(first, abs=1e-15)
        assert float(theta[name].sum()) == pytest.approx(total, abs=1e-12)


def test_initial_weights_in_float32_are_those_of_float64_rounded() -> None:
    model = MLP(MLPConfig(), num_inputs=1, num_outputs=1)
    single, double = model.init(3, torch.float32), model.init(3, torch.float64)
    assert same(single, {name: value.to(torch.float32) for name, value in double.items()})


def test_initial_weights_fill_the_glorot_range_and_biases_are_zero() -> None:
    theta = MLP(MLPConfig(hidden_widths=(100, 50)), num_inputs=2, num_outputs=1).init(0, torch.float64)
    bound = np.sqrt(6.0 / 150)
    assert 0.99 * bound < float(theta["w1"].abs().max()) <= bound
    assert all(not value.any() for name, value in theta.items() if name.startswith("b"))


def test_default_network_has_1761_parameters() -> None:
    assert len(flat(MLP(MLPConfig(), num_inputs=1, num_outputs=1).init(0))) == 1761


def test_another_seed_gives_other_weights() -> None:
    """Trap 14."""
    model = MLP(MLPConfig(), num_inputs=1, num_outputs=1)
    a, b = model.init(0), model.init(1)
    assert not any(torch.isclose(a[name], b[name]).any() for name in ("w0", "w2"))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "softplus": functional.softplus,
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("use_bias", [True, False])
def test_predictions_are_those_of_the_layers_written_out(activation: str, use_bias: bool) -> None:
    config = tiny(model=MLPConfig(hidden_widths=(6, 5), activation=activation, use_bias=use_bias))  # type: ignore[arg-type]
    problem, theta, tasks = prepared(config)
    assert set(theta) == ({"w0", "w1", "w2", "b0", "b1", "b2"} if use_bias else {"w0", "w1", "w2"})
    h = x = tasks.support.x[:1]
    for layer in range(3):
        h = h[0] @ theta[f"w{layer}"][0] + (theta[f"b{layer}"][0] if use_bias else 0.0)
        h = (ACTIVATIONS[activation](h) if layer < 2 else h).unsqueeze(0)
    torch.testing.assert_close(problem.model.apply(theta, x), h, rtol=0, atol=1e-12)


def test_without_hidden_layers_the_network_is_an_affine_map() -> None:
    problem, theta, tasks = prepared(tiny(model=MLPConfig(hidden_widths=())))
    expected = tasks.support.x[:1] * theta["w0"] + theta["b0"]
    torch.testing.assert_close(problem.model.apply(theta, tasks.support.x[:1]), expected, rtol=0, atol=1e-14)


def relu_net() -> tuple[MLP, Params, Tensor]:
    model = MLP(MLPConfig(hidden_widths=(6, 5)), num_inputs=1, num_outputs=1)
    return model, model.init(0), torch.linspace(-5.0, 5.0, 20).view(1, -1, 1)


def test_a_fresh_network_is_alive() -> None:
    model, theta, x = relu_net()
    assert not model.is_dead(theta, x).any()


@pytest.mark.parametrize("layer", ["b0", "b1"])
def test_one_layer_that_is_off_everywhere_makes_a_network_dead(layer: str) -> None:
    model, theta, x = relu_net()
    assert model.is_dead({**theta, layer: theta[layer] - 1000.0}, x).all()


def test_one_unit_that_is_on_keeps_a_network_alive() -> None:
    model, theta, x = relu_net()
    biases = theta["b0"] - 1000.0
    biases[0, 2] = 10.0
    weights = theta["b1"] + 10.0
    assert not model.is_dead({**theta, "b0": biases, "b1": weights}, x).any()


def test_each_parameter_set_is_judged_dead_on_its_own() -> None:
    model, theta, x = relu_net()
    both = lanes(theta, {**theta, "b0": theta["b0"] - 1000.0})
    assert model.is_dead(both, x.expand(2, -1, -1)).tolist() == [False, True]


@pytest.mark.parametrize("activation", ["tanh", "gelu", "softplus"])
def test_other_activations_never_die(activation: str) -> None:
    model = MLP(MLPConfig(hidden_widths=(6,), activation=activation), num_inputs=1, num_outputs=1)  # type: ignore[arg-type]
    theta = model.init(0)
    assert not model.is_dead({**theta, "b0": theta["b0"] - 1000.0}, relu_net()[2]).any()


def sequential() -> nn.Sequential:
    return nn.Sequential(nn.Linear(1, 6), nn.Tanh(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def as_module_parameters(theta: Params) -> Params:
    """The MLP's parameters under an `nn.Sequential`'s names and layout."""
    named = {}
    for layer in range(3):
        named[f"{2 * layer}.weight"] = theta[f"w{layer}"].transpose(1, 2).contiguous()
        named[f"{2 * layer}.bias"] = theta[f"b{layer}"]
    return named


def test_a_module_with_the_mlps_weights_predicts_the_same() -> None:
    problem, theta, tasks = prepared(tiny())
    found = ModuleModel(sequential()).apply(as_module_parameters(theta), tasks.support.x[:1])
    torch.testing.assert_close(found, problem.model.apply(theta, tasks.support.x[:1]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("order", ["second", "first"])
@pytest.mark.parametrize("num_steps", [0, 1, 3])
def test_a_module_with_the_mlps_weights_has_the_same_meta_gradient(order: str, num_steps: int) -> None:
    problem, theta, tasks = prepared(tiny())
    module = Problem(family=problem.family, model=ModuleModel(sequential()))
    plain = meta_gradient(theta, tasks, problem=problem, how=Adaptation(0.2), num_inner_steps=num_steps, order=order)  # type: ignore[arg-type]
    adapted = meta_gradient(
        as_module_parameters(theta),
        tasks,
        problem=module,
        how=Adaptation(0.2),
        num_inner_steps=num_steps,
        order=order,  # type: ignore[arg-type]
    )
    for name, value in as_module_parameters(plain.gradient).items():
        torch.testing.assert_close(adapted.gradient[name], value, rtol=0, atol=1e-11)


def normed() -> nn.Sequential:
    return nn.Sequential(nn.Linear(1, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.ReLU(), nn.Linear(4, 1)).double()


def test_training_through_the_adapter_leaves_the_users_module_alone() -> None:
    """Traps 4 and 10: buffers that move leak from task to task."""
    module = normed().train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    problem, _, tasks = prepared(tiny())
    adapter = ModuleModel(module)
    own = Problem(family=problem.family, model=adapter)
    theta = adapter.init(0, torch.float64)
    first = evaluate(theta, tasks, problem=own, how=Adaptation(0.1), num_steps=2)
    meta_gradient(theta, tasks, problem=own, how=Adaptation(0.1), num_inner_steps=2)
    assert same(tuple(evaluate(theta, tasks, problem=own, how=Adaptation(0.1), num_steps=2)), tuple(first))
    assert same(dict(module.state_dict()), before)
    assert module.training


def test_initialising_a_module_leaves_the_global_generator_alone() -> None:
    """Trap 4."""
    adapter = ModuleModel(normed())
    state = torch.get_rng_state()
    adapter.init(3)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_modules_seed_decides_its_weights_and_the_global_generator_does_not() -> None:
    adapter = ModuleModel(sequential(), reinitialize=True)
    torch.manual_seed(1)
    first = adapter.init(3)
    torch.manual_seed(2)
    assert same(adapter.init(3), first)
    assert not torch.isclose(adapter.init(4)["0.weight"], first["0.weight"]).any()


def test_a_run_trains_a_users_module() -> None:
    config = tiny(alpha=0.05, beta=0.01)
    problem = Problem(family=prepared(config)[0].family, model=ModuleModel(sequential()))
    state, records = advance(config, init_run(config, problem=problem), num_steps=60, problem=problem)
    assert state.status.kind == "ok"
    assert records.query_loss[-20:].mean() < records.query_loss[:20].mean()


class WithSpare(nn.Module):
    """A module with a parameter that its output does not depend on."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(1, 1)
        self.spare = nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


@pytest.mark.parametrize("num_steps", [0, 2])
def test_a_parameter_that_the_output_ignores_has_a_zero_gradient(num_steps: int) -> None:
    problem, _, tasks = prepared(tiny())
    adapter = ModuleModel(WithSpare().double())
    own = Problem(family=problem.family, model=adapter)
    found = meta_gradient(
        adapter.init(0, torch.float64), tasks, problem=own, how=Adaptation(0.1), num_inner_steps=num_steps
    ).gradient
    assert float(found["spare.weight"].abs().max()) == 0.0
    assert float(found["body.weight"].abs().max()) > 0.0
