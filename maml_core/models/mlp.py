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

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "softplus": functional.softplus,
}


class MLP:
    """Layers of given widths with one activation between them; the last layer is linear.

    Parameters are ``w0`` [B, inputs, width], ``b0`` [B, width], ``w1``, ... in order from input to output.
    """

    def __init__(self, config: MLPConfig, *, num_inputs: int, num_outputs: int) -> None:
        self.widths = (num_inputs, *config.hidden_widths, num_outputs)
        self.use_bias = config.use_bias
        last = len(self.widths) - 2
        self.head = frozenset({f"w{last}", f"b{last}"} if config.use_bias else {f"w{last}"})
        self.activation_name = config.activation
        self._activation = _ACTIVATIONS[config.activation]

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:
        """Glorot-uniform weights (Glorot & Bengio 2010), zero biases; one lane."""
        rng = generator(seed, Stream.WEIGHTS)
        theta: Params = {}
        for layer, (fan_in, fan_out) in enumerate(pairwise(self.widths)):
            bound = math.sqrt(6.0 / (fan_in + fan_out))
            theta[f"w{layer}"] = torch.tensor(rng.uniform(-bound, bound, (1, fan_in, fan_out)), dtype=dtype)
            if self.use_bias:
                theta[f"b{layer}"] = torch.tensor(np.zeros((1, fan_out)), dtype=dtype)
        return theta

    def apply(self, theta: Params, x: Tensor) -> Tensor:
        """Predictions [B, points, outputs]."""
        last = len(self.widths) - 2
        for layer in range(last):
            x = self._activation(self._linear(theta, layer, x))
        return self._linear(theta, last, x)

    def is_dead(self, theta: Params, x: Tensor) -> Tensor:
        """Whether some ReLU layer is 0 for every x, [B]. Other activations never switch off completely."""
        dead = torch.zeros(x.shape[0], dtype=torch.bool)
        if self.activation_name == "relu":
            for layer in range(len(self.widths) - 2):
                x = self._activation(self._linear(theta, layer, x))
                dead |= (x == 0.0).flatten(1).all(1)
        return dead

    def _linear(self, theta: Params, layer: int, x: Tensor) -> Tensor:
        weight = theta[f"w{layer}"]
        if not self.use_bias:
            return torch.bmm(x, weight)
        return torch.baddbmm(theta[f"b{layer}"].unsqueeze(1), x, weight)
