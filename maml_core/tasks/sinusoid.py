"""Sinusoid regression, y = A sin(x - phase) (Finn et al. 2017, section 5.1)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maml_core.config import SinusoidConfig
from maml_core.levels import mean_phasor
from maml_core.tasks.family import Numbers, Regression


class Sinusoid(Regression):
    """A ~ U[amplitude], phase ~ U[phase_rad], x ~ U[x]; by default exactly the paper's ranges, without noise."""

    num_inputs = 1
    num_outputs = 1

    def __init__(self, config: SinusoidConfig) -> None:
        self.config = config
        self.input_range = config.x
        self.noise_std = config.noise_std

    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """Amplitude and phase of each task, [T, 2]."""
        uniform = rng.random((num_tasks, 2))
        low = np.array([self.config.amplitude[0], self.config.phase_rad[0]])
        high = np.array([self.config.amplitude[1], self.config.phase_rad[1]])
        parameters: Numbers = low + (high - low) * uniform
        return parameters

    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        """A sin(x - phase), [T, points, 1]."""
        return parameters[:, 0, None, None] * torch.sin(x - parameters[:, 1, None, None])

    def zero_level(self) -> float:
        """E[A^2] E[sin^2(x - phase)] plus the noise's variance; 4.2517 at the defaults."""
        return self.config.zero_level()

    def non_adapting_level(self) -> float:
        """What remains after the best common curve is subtracted; 3.0057 at the defaults."""
        factor = self._common_factor()
        # E_x of (Im[factor e^{ix}])^2 = (|factor|^2 - Re[factor^2 E e^{2ix}]) / 2
        explained = (abs(factor) ** 2 - (factor**2 * mean_phasor(self.config.x, 2.0)).real) / 2.0
        return self.zero_level() - explained

    def non_adapting_prediction(self, x: Tensor) -> Tensor:
        """E[A sin(x - phase)] as a function of x; -1.6234 cos(x) at the defaults."""
        factor = self._common_factor()
        return factor.real * torch.sin(x) + factor.imag * torch.cos(x)

    def _common_factor(self) -> complex:
        """c with E[A sin(x - phase)] = Im[c e^{ix}]."""
        return sum(self.config.amplitude) / 2.0 * mean_phasor(self.config.phase_rad, -1.0)
