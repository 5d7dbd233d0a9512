"""Any `torch.nn.Module` as a model.

All tasks are computed at once (`torch.vmap`) where torch can batch the module and differentiate it twice; where it cannot (recurrent
layers, branches on a tensor's value), the module is called once for each task, which is said once. Fused attention, which has no second
derivative, is replaced by the same attention written out.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import is_lazy

from maml_core.errors import OnceDifferentiableError
from maml_core.params import leaves
from maml_core.types import Params

_log = logging.getLogger(__name__)

_Call = Callable[[Params, Tensor], Tensor]


class _Form(NamedTuple):
    """How a module is computed for inputs of one shape."""

    call: _Call
    """(theta [B, ...], x [B, points, inputs]) -> [B, points, outputs]"""
    once_only: str
    """Why its predictions cannot be differentiated twice; empty where they can."""


class ModuleModel:
    """A user's module as a model: x [points, inputs] -> [points, outputs], its parameters batched over lanes and tasks.

    The module is copied, put in evaluation mode and never changed: its buffers and its frozen parameters (`requires_grad` off) are
    constants, so nothing leaks between tasks. Hence batch norm uses its stored running statistics (or each batch's own, with
    ``track_running_stats=False``) and dropout is off; both are said in the log.

    >>> from torch import nn
    >>> model = ModuleModel(nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)), head="2")
    >>> sorted(model.head)
    ['2.bias', '2.weight']

    Args:
        module: The module. Its weights are theta_0 at outer step 0, unless `reinitialize`.
        head: What ANIL adapts: names of submodules or parameters of the module. None takes the submodule that was declared last, and says
            which one when it matters.
        reinitialize: Draw new weights under the run's `weights_seed`: by each layer's own `reset_parameters`, and what none of these
            reaches (a bare `nn.Parameter`) from the normal distribution with the mean and standard deviation of its values, or, a matrix of
            equal values, as `nn.Linear` draws its weights. A vector or number of equal values is kept: nothing tells how to draw it.

    Raises:
        TypeError: `module` is no module, or one that was scripted or compiled.
        ValueError: It has no parameters that can be learned, or some that have no values yet or are complex; or it has nothing of the
            name of `head`.
    """

    def __init__(
        self, module: nn.Module, *, head: str | Collection[str] | None = None, reinitialize: bool = False
    ) -> None:
        _check(module)
        self._module = _copied(module).cpu().eval()
        self._name = type(module).__name__
        learned = {name: value for name, value in self._module.named_parameters() if value.requires_grad}
        self._names = tuple(learned)
        frozen = [(name, value) for name, value in self._module.named_parameters() if not value.requires_grad]
        self._constants = {name: value.detach().clone() for name, value in [*self._module.named_buffers(), *frozen]}
        self._reinitialize = reinitialize
        self._given_head = None if head is None else _named(self._module, learned, head)
        self._held: dict[tuple[torch.dtype, torch.device], Params] = {}
        self._moves_buffers = False
        self._forms: dict[tuple[torch.Size, torch.dtype, torch.device], _Form] = {}
        self._said: set[str] = set()
        for sentence in _asides(self._module):
            self._say(sentence)

    @property
    def head(self) -> frozenset[str]:
        """What ANIL adapts: the parameters that were named, or those of the submodule that was declared last, which is then said."""
        if self._given_head is not None:
            return self._given_head
        last = self._names[-1].rpartition(".")[0]
        found = frozenset(name for name in self._names if name.rpartition(".")[0] == last)
        self._say(
            f"the head, which ANIL adapts, is taken to be what was declared last: {', '.join(sorted(found))}. "
            "ModuleModel(module, head=...) names another."
        )
        return found

    @property
    def layers(self) -> dict[str, tuple[str, ...]]:
        """The parameters of each submodule that has any of its own."""
        owners = dict.fromkeys(name.rpartition(".")[0] for name in self._names)
        return {
            owner or "module": tuple(name for name in self._names if name.rpartition(".")[0] == owner)
            for owner in owners
        }

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:
        """The module's own weights, or new ones where it was made with `reinitialize`; torch's global generator stays untouched."""
        if self._reinitialize:
            values = self._drawn(seed)
        else:
            values = dict(self._module.named_parameters())
            if seed != 0:
                self._say(
                    f"weights_seed = {seed} has no effect: the module's own weights are the start. "
                    "ModuleModel(module, reinitialize=True) draws new ones."
                )
        return {name: values[name].detach().to(dtype, copy=True).unsqueeze(0) for name in self._names}

    def apply(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Tensor:
        """Predictions [B, points, outputs].

        Raises:
            ValueError: The module cannot be called with such inputs, or gives something else than one row of numbers for each point.
            OnceDifferentiableError: It cannot be differentiated twice, and `first_order_only` does not promise that it need not be.
        """
        key = (x.shape[1:], x.dtype, x.device)
        if key not in self._forms:
            self._forms[key] = self._found(theta, x)
        form = self._forms[key]
        if form.once_only and not first_order_only and torch.is_grad_enabled():
            accepted = (
                f"{self._name} cannot be differentiated twice ({form.once_only}); choose first, or another module"
            )
            raise OnceDifferentiableError("order", "second", accepted)
        with _twice_differentiable(x.device):
            return form.call(theta, x)

    def statistics(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Params:  # noqa: ARG002
        """None: what the module keeps is constant."""
        return {}

    def is_dead(self, theta: Params, x: Tensor) -> Tensor:  # noqa: ARG002
        """Never known for a foreign module: all False, [B]."""
        return torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)

    def features(self, theta: Params, x: Tensor) -> dict[str, Tensor]:
        """What each submodule of `layers` hands on, [B, points, width]; of one that is called more than once the last, and none of one whose
        output has no row for each point.
        """
        with _twice_differentiable(x.device):
            return _handed_on(self._module, self.layers, self._one, theta, x)

    def plain(self, theta: Params) -> nn.Module:
        """A copy of the module with one lane's parameters [1, ...]."""
        module = copy.deepcopy(self._module)
        dtype = theta[self._names[0]].dtype
        values = {name: value[0].detach().cpu() for name, value in theta.items()}
        module.to(dtype).load_state_dict(values, strict=False)
        return module

    def _one(self, theta: Params, x: Tensor) -> Tensor:
        """Predictions [points, outputs] of one task."""
        constants = self._constants_as(x)
        if self._moves_buffers:
            constants = {name: value.clone() for name, value in constants.items()}
        output: Tensor = functional_call(self._module, {**theta, **constants}, (x,))
        return output

    def _batched(self, theta: Params, x: Tensor) -> Tensor:
        found: Tensor = vmap(self._one)(theta, x)
        return found

    def _looped(self, theta: Params, x: Tensor) -> Tensor:
        rows = {name: value.unbind(0) for name, value in theta.items()}
        tasks = enumerate(x.unbind(0))
        return torch.stack([self._one({name: row[at] for name, row in rows.items()}, points) for at, points in tasks])

    def _found(self, theta: Params, x: Tensor) -> _Form:
        """The fastest form that gives what the module itself gives, tried on two tasks."""
        at = torch.tensor([0, x.shape[0] - 1], device=x.device)
        pair, points = {name: value.detach()[at] for name, value in theta.items()}, x.detach()[at]
        # Before the first inner step all tasks have the same weights: a form that mixes up theirs would not be seen.
        apart = torch.tensor([1.0, 1.0 + 1 / 16], dtype=x.dtype, device=x.device)
        pair = {name: value * apart.view(2, *[1] * (value.ndim - 1)) for name, value in pair.items()}
        with torch.random.fork_rng(devices=[]), torch.enable_grad(), _twice_differentiable(x.device):
            each = [self._alone({name: value[task] for name, value in pair.items()}, points[task]) for task in (0, 1)]
            alone = None if any(output is None for output in each) else torch.stack(each)  # type: ignore[arg-type]
            why_looped = _refusal(self._batched, pair, points, alone)
            if not why_looped:
                return _Form(self._batched, "")
            why_once = _refusal(self._looped, pair, points, alone)
            if not why_once:
                self._say(
                    f"torch cannot compute all tasks of this module at once ({why_looped}). It is called once for each task instead: the "
                    f"same results, at the price of {x.shape[0]} calls where there would be one."
                )
                return _Form(self._looped, "")
            for call in (self._batched, self._looped):
                if not (refused := _refusal(call, pair, points, alone, twice=False)):
                    return _Form(call, why_once)
        raise ValueError(f"{self._name} cannot be differentiated: {refused}")

    def _alone(self, theta: Params, x: Tensor) -> Tensor | None:
        """What the module gives for one task, checked; None where it gives something else each time."""
        held = self._constants_as(x)
        versions = {name: value._version for name, value in held.items()}
        try:
            output, again = self._one(theta, x), self._one(theta, x)
        except Exception as error:
            raise ValueError(
                f"{self._name} cannot be called with x of shape {list(x.shape)}, [points, inputs]: {_first_sentence(error)}"
            ) from error
        if moved := [name for name, value in held.items() if value._version != versions[name]]:
            self._moves_buffers = True
            self._held.clear()
            self._say(
                f"it changes {', '.join(moved)} when it is called; every call begins with the values that it came with."
            )
            output = self._one(theta, x)
            again = self._one(theta, x)
        if not isinstance(output, Tensor):
            raise ValueError(
                f"{self._name} gives a {type(output).__name__}, where a tensor [points, outputs] is expected; wrap it in a module whose "
                "forward returns the prediction alone"
            )
        if output.ndim < 2 or output.shape[0] != x.shape[0]:
            raise ValueError(
                f"{self._name} gives predictions of shape {list(output.shape)} for {x.shape[0]} points, where [points, outputs] is expected"
                + ("; end its forward with .unsqueeze(-1)" if output.shape == x.shape[:1] else "")
            )
        if not output.is_floating_point():
            raise ValueError(f"{self._name} gives {output.dtype}, where floating-point predictions are expected")
        if not torch.equal(output.nan_to_num(), again.nan_to_num()):
            self._say(
                "two calls with the same weights and inputs differ: it draws random numbers or keeps something from call to call, so "
                "that a run does not repeat."
            )
            return None
        return output.detach()

    def _constants_as(self, x: Tensor) -> Params:
        """Buffers and frozen parameters, in the precision and memory of x."""
        key = (x.dtype, x.device)
        if key not in self._held:
            self._held[key] = {
                name: value.to(device=x.device, dtype=_as_precise(value, x.dtype), copy=True)
                for name, value in self._constants.items()
            }
        return self._held[key]

    def _drawn(self, seed: int) -> Mapping[str, Tensor]:
        """The module's parameters, drawn anew under a seed."""
        module = copy.deepcopy(self._module)
        values = {name: value for name, value in module.named_parameters() if value.requires_grad}
        before = {name: value.detach().clone() for name, value in values.items()}
        kept: list[str] = []
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(seed)
            for value in values.values():
                value.fill_(math.nan)  # what still is NaN afterwards, no layer has drawn
            for layer in reversed(
                list(module.modules())
            ):  # a layer's own come after those of the layers in it, as when it was made
                for reset in (getattr(layer, name, None) for name in ("_reset_parameters", "reset_parameters")):
                    if callable(reset):
                        reset()
            for name, value in values.items():
                if not value.isnan().any():
                    continue
                value.copy_(before[name])
                if value.numel() > 1 and value.min() < value.max():
                    value.normal_(float(value.mean()), float(value.std()))
                elif value.ndim > 1:
                    nn.init.kaiming_uniform_(value, a=math.sqrt(5.0))
                else:
                    kept.append(name)
        if kept:
            self._say(
                f"{', '.join(kept)}: all equal, and no layer draws them, so that weights_seed does not reach them."
            )
        return values

    def _say(self, sentence: str) -> None:
        """Log a sentence, once."""
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning("%s: %s", self._name, sentence)


def _handed_on(
    module: nn.Module, layers: Mapping[str, tuple[str, ...]], call: _Call, theta: Params, x: Tensor
) -> Params:
    """What the submodules that have the layers' parameters give when `call` calls the module for one task after the other, [B, points, width]."""
    found: dict[str, list[Tensor]] = {}

    def keep(layer: str, task: int, _module: nn.Module, _inputs: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim > 0 and output.shape[0] == x.shape[1]:
            found[layer] = [*found.get(layer, [])[:task], output.detach().reshape(x.shape[1], -1)]

    for task, points in enumerate(x.unbind(0)):
        with contextlib.ExitStack() as hooks:
            for layer, names in layers.items():
                owner = module.get_submodule(names[0].rpartition(".")[0])
                hooks.callback(owner.register_forward_hook(partial(keep, layer, task)).remove)
            call({name: value[task] for name, value in theta.items()}, points)
    return {layer: torch.stack(found[layer]) for layer in layers if layer in found}


@contextlib.contextmanager
def _twice_differentiable(device: torch.device) -> Iterator[None]:
    """Within it, torch computes attention and recurrent layers in forms that have second derivatives."""
    fast = torch.backends.mha.get_fastpath_enabled()
    recurrent = torch.backends.cudnn.flags(enabled=False) if device.type == "cuda" else contextlib.nullcontext()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), recurrent:
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def _refusal(call: _Call, theta: Params, x: Tensor, alone: Tensor | None, *, twice: bool = True) -> str:
    """Why a form cannot be taken; empty where it gives what the module gives `alone` and can be differentiated, twice where that is asked
    for.
    """
    point = leaves(theta)
    values = list(point.values())
    try:
        output = call(point, x)
        first = torch.autograd.grad(
            output.square().sum(), values, create_graph=twice, allow_unused=True, materialize_grads=True
        )
        total = torch.stack([gradient.square().sum() for gradient in first]).sum()
        if twice and total.requires_grad:
            torch.autograd.backward(
                total
            )  # to all leaves: on the way to these alone, torch passes by what says that it has no second derivative
    except Exception as error:  # whatever torch or the module cannot do here; the module alone has been tried before
        return _first_sentence(error)
    if alone is None:
        return ""
    # Far above rounding, far below any mistake: GPUs multiply float32 numbers in convolutions with eleven bits (TF32).
    tolerance = 1e-8 if x.dtype == torch.float64 else 1e-3
    close = torch.allclose(output, alone, rtol=tolerance, atol=tolerance * float(alone.abs().max()), equal_nan=True)
    return "" if close else "it then predicts something else"


def _first_sentence(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].split(". ")[0].rstrip(".")


def _as_precise(value: Tensor, dtype: torch.dtype) -> torch.dtype:
    """The type of a constant beside numbers of `dtype`."""
    if value.is_complex():
        return torch.complex128 if dtype == torch.float64 else torch.complex64
    return dtype if value.is_floating_point() else value.dtype


def _check(module: nn.Module) -> None:
    """Refuse what cannot be a model, with the reason."""
    if isinstance(module, type) and issubclass(module, nn.Module):
        raise TypeError(f"{module.__name__} is a class; give a module made of it: {module.__name__}(...)")
    if not isinstance(module, nn.Module):
        raise TypeError(f"a {type(module).__name__} is no torch.nn.Module")
    name = type(module).__name__
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise TypeError(
            f"{name} was scripted or traced, and its weights cannot be replaced; give the module as it was before"
        )
    if hasattr(module, "_orig_mod"):
        raise TypeError(
            f"{name} was compiled, which has no second derivatives; give the module as it was before torch.compile"
        )
    values = [*module.named_parameters(), *module.named_buffers()]
    if without := [of for of, value in values if is_lazy(value) or value.is_meta]:
        raise ValueError(
            f"{name} has parameters without values ({', '.join(without)}); call it once with inputs [points, inputs] (lazy layers), or "
            "load its weights, and give it then"
        )
    parameters = dict(module.named_parameters())
    if not parameters:
        raise ValueError(f"{name} has no parameters: there is nothing to learn")
    learned = {of: value for of, value in parameters.items() if value.requires_grad}
    if not learned:
        raise ValueError(
            f"every parameter of {name} is frozen: there is nothing to learn; switch requires_grad on for some"
        )
    if of_complex := [of for of, value in learned.items() if value.is_complex()]:
        raise ValueError(
            f"{name} has complex parameters ({', '.join(of_complex)}); hold real and imaginary parts as real ones (torch.view_as_real)"
        )


def _copied(module: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(module)
    except Exception as error:
        raise TypeError(f"{type(module).__name__} cannot be copied: {_first_sentence(error)}") from error


def _named(module: nn.Module, learned: Mapping[str, Tensor], head: str | Collection[str]) -> frozenset[str]:
    """The learned parameters that are meant by names of submodules or parameters. A shared one has the first of its names."""
    asked = (head,) if isinstance(head, str) else tuple(head)
    first_name = {id(value): name for name, value in learned.items()}
    found: set[str] = set()
    for one in asked:
        meant = {
            first_name[id(value)]
            for name, value in module.named_parameters(remove_duplicate=False)
            if (name == one or name.startswith(f"{one}.")) and id(value) in first_name
        }
        if not meant:
            owners = dict.fromkeys(name.rpartition(".")[0] or name for name in learned)
            raise ValueError(
                f"head = {head!r}: {type(module).__name__} learns nothing of the name {one}; it has {', '.join(owners)}"
            )
        found |= meant
    if not found:
        raise ValueError("head names nothing; give at least one submodule or parameter, or leave it out")
    return frozenset(found)


def _asides(module: nn.Module) -> Iterator[str]:
    """What evaluation mode means for the layers of a module."""
    parts = list(module.modules())
    rates = [part.p for part in parts if isinstance(part, _DropoutNd)]
    rates += [part.dropout for part in parts if isinstance(part, nn.RNNBase | nn.MultiheadAttention)]
    if any(rate > 0.0 for rate in rates):
        yield "dropout is off, in training too: the module is used in evaluation mode."
    if any(isinstance(part, _NormBase) and part.running_mean is not None for part in parts):
        yield (
            "its normalisation layers use their stored running statistics, which never move (mean 0 and variance 1 in a new layer); with "
            "track_running_stats=False they use those of the points at hand."
        )
