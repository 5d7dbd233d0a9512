"""The fully connected network, with explicit batched parameters (one `baddbmm` a layer)."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from maml_core.config import MLPConfig
from maml_core.rng import Stream, generator
from maml_core.types import Params

NORM_EPS = 1e-5
"""Added to batch norm's variances."""

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "softplus": functional.softplus,
}


class MLP:
    """Layers of given widths with one activation between them; the last layer is linear.

    Parameters are ``w0`` [B, inputs, width], ``b0`` [B, width], ``w1``, ... in order from input to output. With batch norm hidden layers
    have ``scale0`` and ``shift0`` [B, width] in place of ``b0``, and may be given ``mean0`` and ``var0`` [B, width].
    """

    def __init__(self, config: MLPConfig, *, num_inputs: int, num_outputs: int) -> None:
        self.config = config
        self.widths = (num_inputs, *config.hidden_widths, num_outputs)
        self.use_bias = config.use_bias
        self.batch_norm = config.batch_norm
        last = len(self.widths) - 2
        self.head = frozenset({f"w{last}", f"b{last}"} if config.use_bias else {f"w{last}"})
        self.activation_name = config.activation
        self._activation = _ACTIVATIONS[config.activation]

    @property
    def layers(self) -> dict[str, tuple[str, ...]]:
        """The parameters of each layer: ``hidden 1``, ... and ``head``."""
        last = len(self.widths) - 2
        found = {}
        for layer in range(last):
            extra = ("scale", "shift") if self._is_normalized(layer) else ("b",) if self.use_bias else ()
            found[f"hidden {layer + 1}"] = tuple(f"{name}{layer}" for name in ("w", *extra))
        return found | {"head": tuple(sorted(self.head, reverse=True))}

    def with_inputs(self, num_inputs: int) -> MLP:
        """This network for inputs of another width."""
        return MLP(self.config, num_inputs=num_inputs, num_outputs=self.widths[-1])

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:
        """Glorot-uniform weights (Glorot & Bengio 2010), zero biases, batch norm that leaves its points at mean 0, variance 1; one lane."""
        rng = generator(seed, Stream.WEIGHTS)
        theta: Params = {}
        for layer, (fan_in, fan_out) in enumerate(pairwise(self.widths)):
            bound = math.sqrt(6.0 / (fan_in + fan_out))
            theta[f"w{layer}"] = torch.tensor(rng.uniform(-bound, bound, (1, fan_in, fan_out)), dtype=dtype)
            if self._is_normalized(layer):
                theta[f"scale{layer}"] = torch.tensor(np.ones((1, fan_out)), dtype=dtype)
                theta[f"shift{layer}"] = torch.tensor(np.zeros((1, fan_out)), dtype=dtype)
            elif self.use_bias:
                theta[f"b{layer}"] = torch.tensor(np.zeros((1, fan_out)), dtype=dtype)
        return theta

    def apply(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Tensor:  # noqa: ARG002
        """Predictions [B, points, outputs]."""
        last = len(self.widths) - 2
        for layer in range(last):
            x = self._hidden(theta, layer, x)
        return self._linear(theta, last, x)

    def statistics(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Params:  # noqa: ARG002
        """Mean and variance of the points at each batch norm, [B, width]; empty without batch norm."""
        found: Params = {}
        if not self.batch_norm:
            return found
        for layer in range(len(self.widths) - 2):
            before = self._linear(theta, layer, x)
            found[f"mean{layer}"], found[f"var{layer}"] = before.mean(1), before.var(1, unbiased=False)
            x = self._hidden({**found, **theta}, layer, x)
        return found

    def is_dead(self, theta: Params, x: Tensor) -> Tensor:
        """Whether some ReLU layer is 0 for every x, [B]. Other activations never switch off completely."""
        dead = torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)
        if self.activation_name == "relu":
            for layer in range(len(self.widths) - 2):
                x = self._hidden(theta, layer, x)
                dead |= (x == 0.0).flatten(1).all(1)
        return dead

    def features(self, theta: Params, x: Tensor) -> dict[str, Tensor]:
        """What each layer hands on, [B, points, width]: hidden ones behind their activation."""
        found = {}
        *hidden, head = self.layers
        for layer, name in enumerate(hidden):
            x = found[name] = self._hidden(theta, layer, x)
        return found | {head: self._linear(theta, len(hidden), x)}

    def _hidden(self, theta: Params, layer: int, x: Tensor) -> Tensor:
        x = self._linear(theta, layer, x)
        return self._activation(self._normalized(theta, layer, x) if self.batch_norm else x)

    def _normalized(self, theta: Params, layer: int, x: Tensor) -> Tensor:
        """Batch norm over the points (Ioffe & Szegedy 2015, algorithm 1), by the statistics in theta where they are given."""
        mean, var = theta.get(f"mean{layer}"), theta.get(f"var{layer}")
        if mean is None or var is None:
            mean, var = x.mean(1), x.var(1, unbiased=False)
        scale = theta[f"scale{layer}"] * (var + NORM_EPS).rsqrt()
        return x * scale.unsqueeze(1) + (theta[f"shift{layer}"] - mean * scale).unsqueeze(1)

    def _is_normalized(self, layer: int) -> bool:
        return self.batch_norm and layer < len(self.widths) - 2

    def _linear(self, theta: Params, layer: int, x: Tensor) -> Tensor:
        weight, bias = theta[f"w{layer}"], theta.get(f"b{layer}")
        return torch.bmm(x, weight) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight)
