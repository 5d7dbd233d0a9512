"""Theta_0 as other PyTorch programs have it: a plain `nn.Module` and its state_dict, out and in.

The engine's networks are `nn.Sequential`s of torch's own layers: of the MLP ``0.weight``, ``0.bias``, ``2.weight``, ... with an activation
between; of the convolutional network 3 x 3 `nn.Conv2d`, norm and ReLU (and max-pool) for each layer, then mean over space, flatten, linear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from maml_core.config import RunConfig, check_is_config
from maml_core.errors import ConfigError, StateError
from maml_core.models import MLP, ConvNet, Model, ModuleModel
from maml_core.models.mlp import NORM_EPS
from maml_core.normalization import at_step
from maml_core.plain import whole_number
from maml_core.prediction import Points, adapted, support_of
from maml_core.problem import Problem, build_problem, torch_dtype
from maml_core.run_state import RunState
from maml_core.runs import init_run, problem_of
from maml_core.threads import single_threaded
from maml_core.types import Params

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
}


@single_threaded
def plain_module(
    config: RunConfig,
    state: RunState,
    *,
    support: tuple[Points, Points] | None = None,
    num_steps: int | None = None,
    problem: Problem | None = None,
) -> nn.Module:
    """The network with theta_0, or with the theta_N of a task, as a module that needs torch alone: a copy of one's own, or an `nn.Sequential` for
    the engine's.

    It takes [points, inputs], the convolutional network [points, channels, height, width]. Batch norm uses the points at hand, or the
    run's averages under the treatment ``running``; of what belongs to single inner steps it has that of the last step that was taken. What
    is learned of the inner loop (rates, matrices) is not part of it.

    Args:
        config: The run's.
        state: Where it stands.
        support: Inputs and targets of the points of a task, as of `predict`, to which theta_0 adapts as the run does; None for theta_0.
        num_steps: Inner steps to take on them; None takes the run's N.
        problem: In place of the one that the config names.

    Raises:
        StateError: The state is of another model than the problem's.
        TypeError: A model that is neither the engine's nor a `ModuleModel`.
        ValueError: Inner steps without points to take them on, or points that do not fit the network.

    >>> from maml_core import init_run
    >>> plain_module(RunConfig(), init_run(RunConfig()))
    Sequential(
      (0): Linear(in_features=1, out_features=40, bias=True)
      (1): ReLU()
      (2): Linear(in_features=40, out_features=40, bias=True)
      (3): ReLU()
      (4): Linear(in_features=40, out_features=1, bias=True)
    )
    """
    problem = problem_of(config, state, problem)
    if support is None:
        if num_steps:
            raise ValueError(f"num_steps = {num_steps}: give the points to take them on, support=(x, y)")
        step, theta = 0, state.meta.theta
    else:
        step = config.num_inner_steps if num_steps is None else whole_number("num_steps", num_steps)
        points, _ = support_of(config, problem, *support)
        theta = adapted(config, state, points, step, problem=problem)
    return _module(problem.model, at_step(theta, step), at_step(dict(state.meta.statistics), step))


def fine_tune(
    config: RunConfig,
    state: RunState,
    x_support: Points,
    y_support: Points,
    *,
    num_steps: int = 100,
    optimizer: Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer] = torch.optim.Adam,
    problem: Problem | None = None,
) -> nn.Module:
    """`plain_module` with theta_0, trained further on the points of a task by any optimiser of `torch.optim`, all points at every step.

    The inner loop has no part in it: what it learned of step sizes is not used, and every parameter moves.

    Args:
        config: The run's.
        state: Where it stands.
        x_support: Inputs of the points, as of `predict`.
        y_support: Their targets.
        num_steps: Steps to take.
        optimizer: Makes one of parameters: ``lambda parameters: torch.optim.SGD(parameters, lr=0.01)``.
        problem: In place of the one that the config names.

    Raises:
        StateError: The state is of another model than the problem's.
        TypeError: A model that is neither the engine's nor a `ModuleModel`.
        ValueError: Points that do not fit the network.

    >>> from maml_core import init_run
    >>> module = fine_tune(RunConfig(), init_run(RunConfig()), [-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], num_steps=10)
    >>> module(torch.zeros(5, 1)).shape
    torch.Size([5, 1])
    """
    problem = problem_of(config, state, problem)
    points, _ = support_of(config, problem, x_support, y_support)
    module = plain_module(config, state, problem=problem).to(problem.device)
    steps = optimizer(module.parameters())
    x = points.x[0]
    if isinstance(problem.model, ConvNet):
        x = x.view(-1, *problem.model.image_shape)
    for _ in range(whole_number("num_steps", num_steps)):
        steps.zero_grad()
        problem.loss(module(x).unsqueeze(0), points.y).sum().backward()  # type: ignore[no-untyped-call]
        steps.step()
    return module


def state_dict(config: RunConfig, state: RunState, *, problem: Problem | None = None) -> dict[str, Tensor]:
    """Theta_0 under the names and in the layout of `plain_module`.

    >>> from maml_core import init_run
    >>> {name: tuple(value.shape) for name, value in state_dict(RunConfig(), init_run(RunConfig())).items()}["2.weight"]
    (40, 40)
    """
    return dict(plain_module(config, state, problem=problem).state_dict())


def load_state_dict(config: RunConfig, weights: Mapping[str, Tensor], *, problem: Problem | None = None) -> RunState:
    """A run at outer step 0 whose theta_0 is given: weights of `state_dict`, trained elsewhere perhaps.

    The config cannot say them, so a replay or an exported script begins elsewhere. Joint pretraining, where it is on, begins with the same
    weights. Running averages of batch norm begin anew.

    Raises:
        StateError: Names or shapes that are not the network's.
        TypeError: A model that is neither the engine's nor a `ModuleModel`.
        ConfigError: An oracle is asked for, whose first layer is another.

    >>> from maml_core import init_run
    >>> weights = state_dict(RunConfig(), init_run(RunConfig(weights_seed=3)))
    >>> load_state_dict(RunConfig(), weights).step
    0
    """
    check_is_config(config)
    if config.oracle_baseline:
        raise ConfigError(
            "oracle_baseline", True, "its first layer is wider than the weights that are given; switch it off"
        )
    problem = problem or build_problem(config)
    theta = _parameters(problem.model, weights, torch_dtype(config))
    begun = init_run(config, problem=dataclasses.replace(problem, model=_Begun(problem.model, theta)))
    return begun._replace(own_problem=not problem.is_of(config))


class _Begun:
    """A model whose parameters at outer step 0 are given."""

    def __init__(self, model: Model, theta: Params) -> None:
        self._model, self._theta = model, theta

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:  # noqa: ARG002
        return {name: value.to(dtype, copy=True) for name, value in self._theta.items()}


def _module(model: Model, theta: Params, averages: Params) -> nn.Module:
    """The plain module of a model, with one lane's parameters and running averages."""
    if isinstance(model, ModuleModel):
        return model.plain(theta)
    own = _engines_own(model)
    module = _sequential(own, running=bool(averages))
    names, batch_norms = _names(own), [part for part in module if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d)]
    module.to(next(iter(theta.values())).dtype)
    values = {plain: _turned(name, theta[name][0]) for name, plain in names.items()}
    module.load_state_dict({name: value.detach().cpu().contiguous() for name, value in values.items()}, strict=False)
    for layer, part in enumerate(batch_norms):
        if averages:
            part.running_mean, part.running_var = (
                averages[f"{of}{layer}"][0].detach().cpu().clone() for of in ("mean", "var")
            )
    return module.eval()


def _engines_own(model: Model) -> MLP | ConvNet:
    """A network of the engine's own.

    Raises:
        TypeError: It is another one.
    """
    if not isinstance(model, MLP | ConvNet):
        raise TypeError(f"a {type(model).__name__} has no plain module; the engine's networks and a ModuleModel have")
    return model


def _parameters(model: Model, weights: Mapping[str, Tensor], dtype: torch.dtype) -> Params:
    """A model's parameters, one lane, of a plain state_dict."""
    fresh = model.init(0, dtype)
    names = {name: name for name in fresh} if isinstance(model, ModuleModel) else _names(_engines_own(model))
    lacking = sorted(set(names.values()) - set(weights))
    if lacking:
        raise StateError(
            f"these weights are not of this network: {', '.join(lacking[:4])} are missing; there are {', '.join(list(weights)[:8])}"
        )
    theta: Params = {}
    for name, plain in names.items():
        value = _turned(name, weights[plain].detach()) if isinstance(model, MLP | ConvNet) else weights[plain].detach()
        if value.shape != fresh[name].shape[1:]:
            wanted = _turned(name, fresh[name][0]) if isinstance(model, MLP | ConvNet) else fresh[name][0]
            raise StateError(f"{plain} has shape {list(weights[plain].shape)}; this network's has {list(wanted.shape)}")
        theta[name] = value.to(dtype).contiguous().unsqueeze(0).clone()
    return theta


def _sequential(model: MLP | ConvNet, *, running: bool) -> nn.Sequential:
    """The layers of an engine's network, in order."""
    parts: list[nn.Module] = []
    if isinstance(model, MLP):
        *hidden, last = zip(model.widths, model.widths[1:], strict=False)
        for before, width in hidden:
            parts.append(nn.Linear(before, width, bias=model.use_bias and not model.batch_norm))
            if model.batch_norm:
                parts.append(nn.BatchNorm1d(width, eps=NORM_EPS, track_running_stats=running))
            parts.append(_ACTIVATIONS[model.activation_name]())
        return nn.Sequential(*parts, nn.Linear(*last, bias=model.use_bias))
    config, channels = model.config, model.image_shape[0]
    strided = config.downsample == "stride"
    for _ in range(config.num_layers):
        filters = config.num_filters
        parts.append(nn.Conv2d(channels, filters, 3, 2 if strided else 1, padding=1, bias=config.norm == "none"))
        if config.norm == "batch":
            parts.append(nn.BatchNorm2d(filters, eps=NORM_EPS, track_running_stats=running))
        elif config.norm == "group":
            parts.append(nn.GroupNorm(model.num_groups, filters, eps=NORM_EPS))
        parts += [nn.ReLU()] if strided else [nn.ReLU(), nn.MaxPool2d(2)]
        channels = filters
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, model.num_outputs))


_BESIDE = {"w": "weight", "b": "bias", "scale": "weight", "shift": "bias"}


def _names(model: MLP | ConvNet) -> dict[str, str]:
    """What the plain module calls each of the engine's parameters."""
    module, found = _sequential(model, running=False), {}
    linear = [str(at) for at, part in enumerate(module) if isinstance(part, nn.Linear | nn.Conv2d)]
    norms = [
        str(at) for at, part in enumerate(module) if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d | nn.GroupNorm)
    ]
    for name in (name for names in model.layers.values() for name in names):
        kind = name.rstrip("0123456789")
        owners = norms if kind in ("scale", "shift") else linear
        found[name] = f"{owners[int(name.removeprefix(kind))]}.{_BESIDE[kind]}"
    return found


def _turned(name: str, value: Tensor) -> Tensor:
    """A weight [inputs, outputs] as torch's linear layers have it, [outputs, inputs], and back; all else is alike in both."""
    return value.t() if name.startswith("w") and value.ndim == 2 else value
