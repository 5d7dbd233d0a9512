"""Sinusoid regression, y = A sin(x - phase) (Finn et al. 2017, section 5.1), or y = A sin(frequency x - phase)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maml_core.config import SinusoidConfig
from maml_core.levels import Numbers
from maml_core.tasks.family import Regression


class Sinusoid(Regression):
    """A ~ U[amplitude], phase ~ U[phase_rad], x ~ U[x]; by default exactly the paper's ranges, without noise."""

    num_inputs = 1
    num_outputs = 1
    is_pointwise = True

    def __init__(self, config: SinusoidConfig) -> None:
        self.config = config
        self.input_range = config.x
        self.noise_std = config.noise_std
        self._low, high = np.array(config.parameter_ranges).T
        self._width = high - self._low

    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """Amplitude and phase of each task, [T, 2]; with the frequency where it is a parameter, [T, 3]."""
        parameters: Numbers = self._low + self._width * rng.random((num_tasks, len(self._low)))
        return parameters

    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        """A sin(x - phase), or A sin(frequency x - phase), [T, points, 1]."""
        turned = parameters[:, 2, None, None] * x if self.config.has_frequency else x
        return parameters[:, 0, None, None] * torch.sin(turned - parameters[:, 1, None, None])

    def zero_level(self) -> float:
        """Closed form; 4.2517 at the defaults."""
        return self.config.zero_level()

    def non_adapting_level(self) -> float:
        """Closed form; 3.0057 at the defaults."""
        return self.config.non_adapting_level()

    def non_adapting_prediction(self, x: Tensor) -> Tensor:
        """E[A sin(frequency x - phase)] as a function of x; -1.6234 cos(x) at the defaults."""
        factor = self.config.common_factor()
        if self.config.has_frequency:
            common = (factor * self.config.mean_phasors(x.double().numpy())).imag
            return torch.tensor(common, dtype=x.dtype)
        return factor.real * torch.sin(x) + factor.imag * torch.cos(x)
