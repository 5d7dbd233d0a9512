"""Any `torch.nn.Module` as a model."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from maml_core.types import Params


class ModuleModel:
    """Adapter for a user's module: x [points, inputs] -> [points, outputs], its parameters batched over lanes and tasks.

    The module is copied, put in evaluation mode and never changed: its buffers and its frozen
    parameters (`requires_grad` off) are constants (batch norm uses its stored
    statistics, dropout is off), so nothing leaks between tasks.

    Args:
        module: The module. `init` re-initialises a copy through each layer's `reset_parameters`, under the given seed.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = copy.deepcopy(module).eval()
        constants = [*self._module.named_buffers(), *self._frozen_parameters()]
        self._constants = {name: value.detach().clone() for name, value in constants}
        names = [name for name, value in self._module.named_parameters() if value.requires_grad]
        last = names[-1].rpartition(".")[0] if names else ""
        self.head = frozenset(name for name in names if name.rpartition(".")[0] == last)
        self._batched = vmap(self._call, in_dims=(0, 0))

    @property
    def layers(self) -> dict[str, tuple[str, ...]]:
        """The parameters of each submodule that has any of its own."""
        names = [name for name, value in self._module.named_parameters() if value.requires_grad]
        owners = dict.fromkeys(name.rpartition(".")[0] for name in names)
        return {
            owner or "module": tuple(name for name in names if name.rpartition(".")[0] == owner) for owner in owners
        }

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:
        """Fresh parameters from the layers' own `reset_parameters`, leaving torch's global generator untouched."""
        module = copy.deepcopy(self._module)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for layer in module.modules():
                reset = getattr(layer, "reset_parameters", None)
                if callable(reset):
                    reset()
        return {
            name: value.detach().to(dtype).unsqueeze(0)
            for name, value in module.named_parameters()
            if value.requires_grad
        }

    def apply(self, theta: Params, x: Tensor, *, once: bool = False) -> Tensor:  # noqa: ARG002
        """Predictions [B, points, outputs]."""
        prediction: Tensor = self._batched(theta, x)
        return prediction

    def statistics(self, theta: Params, x: Tensor, *, once: bool = False) -> Params:  # noqa: ARG002
        """None: what the module keeps is constant."""
        return {}

    def is_dead(self, theta: Params, x: Tensor) -> Tensor:  # noqa: ARG002
        """Never known for a foreign module: all False, [B]."""
        return torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)

    def _call(self, theta: Params, x: Tensor) -> Tensor:
        constants = {
            name: value.to(x.dtype) if value.is_floating_point() else value for name, value in self._constants.items()
        }
        output: Tensor = functional_call(self._module, {**theta, **constants}, (x,))
        return output

    def _frozen_parameters(self) -> list[tuple[str, Tensor]]:
        return [(name, value) for name, value in self._module.named_parameters() if not value.requires_grad]
