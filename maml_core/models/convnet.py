"""The convolutional network of the MAML papers, with explicit batched parameters (see `conv_forms`)."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from maml_core.config import ConvConfig
from maml_core.models.conv_forms import Form, Patches, form
from maml_core.rng import Stream, generator
from maml_core.types import Params


class ConvNet:
    """3 x 3 convolutions, each normalised, rectified and halved in height and width; then the mean over space and a linear layer.

    This is MAML's network for Omniglot (Finn et al. 2017, section 5.2) with ``downsample`` "stride", which halves in the convolution; with
    "max_pool" that of Vinyals et al. (2016), which halves after the ReLU and drops an odd last row.

    Parameters are ``w0`` [B, filters, channels, 3, 3] with ``scale0`` and ``shift0`` [B, filters], or ``b0`` where nothing normalises,
    ``w1``, ... from input to output; the head's are ``w4`` [B, filters, outputs] and ``b4`` [B, outputs] behind four layers. Batch norm
    may be given ``mean0`` and ``var0`` [B, filters], ...
    """

    def __init__(self, config: ConvConfig, *, image_shape: tuple[int, int, int], num_outputs: int) -> None:
        self.config = config
        self.image_shape = image_shape
        self.num_outputs = num_outputs
        self.batch_norm = config.batch_norm
        self.num_groups = _num_groups(config.num_filters)
        self.head = frozenset({f"w{config.num_layers}", f"b{config.num_layers}"})

    @property
    def layers(self) -> dict[str, tuple[str, ...]]:
        """Names of each layer's parameters: "conv 1", ..., "head"."""
        beside = ("b",) if self.config.norm == "none" else ("scale", "shift")
        count = self.config.num_layers
        blocks = {f"conv {i + 1}": (f"w{i}", *(f"{name}{i}" for name in beside)) for i in range(count)}
        return blocks | {"head": (f"w{count}", f"b{count}")}

    def init(self, seed: int, dtype: torch.dtype = torch.float32) -> Params:
        """Glorot-uniform kernels and head, zero biases, norms that change nothing, as MAML's and MAML++'s code has them; one lane."""
        rng = generator(seed, Stream.WEIGHTS)
        filters = self.config.num_filters

        def glorot(*shape: int, fans: int) -> Tensor:
            bound = math.sqrt(6.0 / fans)
            return torch.tensor(rng.uniform(-bound, bound, (1, *shape)), dtype=dtype)

        theta: Params = {}
        channels = self.image_shape[0]
        for layer in range(self.config.num_layers):
            theta[f"w{layer}"] = glorot(filters, channels, 3, 3, fans=9 * (channels + filters))
            if self.config.norm == "none":
                theta[f"b{layer}"] = torch.tensor(np.zeros((1, filters)), dtype=dtype)
            else:
                theta[f"scale{layer}"] = torch.tensor(np.ones((1, filters)), dtype=dtype)
                theta[f"shift{layer}"] = torch.tensor(np.zeros((1, filters)), dtype=dtype)
            channels = filters
        last = self.config.num_layers
        theta[f"w{last}"] = glorot(filters, self.num_outputs, fans=filters + self.num_outputs)
        theta[f"b{last}"] = torch.tensor(np.zeros((1, self.num_outputs)), dtype=dtype)
        return theta

    def apply(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Tensor:
        """Predictions [B, points, outputs] for flat images [B, points, channels * height * width]."""
        by = form(theta["w0"], first_order_only=first_order_only)
        maps = by.maps(x, self.image_shape)
        for layer in range(self.config.num_layers):
            if layer == 0 and self._is_folded(theta):
                maps = by.first_rectified(maps, theta["w0"], theta["scale0"], theta["shift0"])
            else:
                maps = self._finished(by, theta, layer, self._convolved(by, theta, layer, maps))
        last = self.config.num_layers
        return torch.baddbmm(theta[f"b{last}"].unsqueeze(1), by.means(maps), theta[f"w{last}"])

    def statistics(self, theta: Params, x: Tensor, *, first_order_only: bool = False) -> Params:
        """Mean and variance over points and space at each batch norm, [B, filters]; empty without batch norm."""
        found: Params = {}
        if not self.batch_norm:
            return found
        by = form(theta["w0"], first_order_only=first_order_only)
        maps = by.maps(x, self.image_shape)
        for layer in range(self.config.num_layers):
            before = self._convolved(by, theta, layer, maps)
            found[f"mean{layer}"], found[f"var{layer}"] = by.moments(before)
            maps = self._finished(by, {**found, **theta}, layer, before)
        return found

    def is_dead(self, theta: Params, x: Tensor) -> Tensor:
        """Whether some layer is 0 everywhere on every x, [B]."""
        dead = torch.zeros(x.shape[0], dtype=torch.bool, device=x.device)
        by = form(theta["w0"], first_order_only=True)
        maps = by.maps(x, self.image_shape)
        for layer in range(self.config.num_layers):
            maps = self._finished(by, theta, layer, self._convolved(by, theta, layer, maps))
            dead |= by.is_off(maps)
        return dead

    def features(self, theta: Params, x: Tensor) -> dict[str, Tensor]:
        """What each layer hands on, [B, points, width]: of a convolution its maps, rectified and halved, a row an image."""
        found = {}
        *convolutions, head = self.layers
        by = Patches()
        maps = by.maps(x, self.image_shape)
        for layer, name in enumerate(convolutions):
            maps = self._finished(by, theta, layer, self._convolved(by, theta, layer, maps))
            found[name] = maps.flatten(2)
        last = len(convolutions)
        return found | {head: torch.baddbmm(theta[f"b{last}"].unsqueeze(1), by.means(maps), theta[f"w{last}"])}

    def _is_folded(self, theta: Params) -> bool:
        """Whether the first layer's batch norm can go into its kernel: it is by the statistics of the images at hand."""
        return self.batch_norm and self.config.downsample == "stride" and "mean0" not in theta

    def _convolved(self, by: Form, theta: Params, layer: int, maps: Tensor) -> Tensor:
        stride = 2 if self.config.downsample == "stride" else 1
        return by.convolved(maps, theta[f"w{layer}"], theta.get(f"b{layer}"), stride=stride)

    def _finished(self, by: Form, theta: Params, layer: int, maps: Tensor) -> Tensor:
        """Normalised, rectified and, where the convolution has not, halved."""
        maps = self._rectified(by, theta, layer, maps)
        return maps if self.config.downsample == "stride" else by.pooled(maps)

    def _rectified(self, by: Form, theta: Params, layer: int, maps: Tensor) -> Tensor:
        if self.config.norm == "none":
            return functional.relu(maps)
        scale, shift = theta[f"scale{layer}"], theta[f"shift{layer}"]
        if self.config.norm == "group":
            return functional.relu(by.group_normalized(maps, scale, shift, num_groups=self.num_groups))
        return by.rectified(maps, scale, shift, theta.get(f"mean{layer}"), theta.get(f"var{layer}"))


def _num_groups(num_filters: int) -> int:
    """At most 8 groups, of equal size and with 4 channels or more, so that a map of one pixel is not normalised away."""
    return max(
        groups for groups in range(1, 9) if num_filters % groups == 0 and (groups == 1 or num_filters >= 4 * groups)
    )
