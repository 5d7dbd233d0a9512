"""Theta_0 as other PyTorch programs have it: a plain `nn.Module` and its state_dict, out and in.

The engine's networks are `nn.Sequential`s of torch's own layers: of the MLP ``0.weight``, ``0.bias``, ``2.weight``, ... with an activation
between; of the convolutional network 3 x 3 `nn.Conv2d`, norm and ReLU (and max-pool) for each layer, then mean over space, flatten, linear.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from maml_core.config import RunConfig, check_is_config
from maml_core.errors import ConfigError, StateError
from maml_core.models import MLP, ConvNet, Model, ModuleModel
from maml_core.models.mlp import NORM_EPS
from maml_core.normalization import at_step
from maml_core.problem import Problem, build_problem, torch_dtype
from maml_core.run_state import RunState
from maml_core.runs import init_run, problem_of
from maml_core.types import Params

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "softplus": nn.Softplus,
}


def plain_module(config: RunConfig, state: RunState, *, problem: Problem | None = None) -> nn.Module:
    """The network with theta_0, as a module that needs torch alone: a copy of one's own, or an `nn.Sequential` for the engine's.

    It takes [points, inputs], the convolutional network [points, channels, height, width]. Batch norm uses the points at hand, or the
    run's averages under the treatment ``running``; of what belongs to single inner steps it has that of step 0. What is learned of the
    inner loop (rates, matrices) is not part of it.

    Raises:
        StateError: The state is of another model than the problem's.
        TypeError: A model that is neither the engine's nor a `ModuleModel`.

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
    model = problem_of(config, state, problem).model
    return _module(model, at_step(state.meta.theta, 0), at_step(dict(state.meta.statistics), 0))


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
