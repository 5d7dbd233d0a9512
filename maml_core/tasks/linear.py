"""Linear regression, y = w . x: the family on which every algorithm here has a closed form."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maml_core.config import LinearConfig
from maml_core.tasks.family import Numbers, Regression


class Linear(Regression):
    """w ~ N(w_mean, w_std^2) for each feature, x ~ U[x]^features."""

    num_outputs = 1

    def __init__(self, config: LinearConfig) -> None:
        self.config = config
        self.num_inputs = config.num_features
        self.input_range = config.x
        self.noise_std = config.noise_std

    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """w of each task, [T, features]."""
        return self.config.w_mean + self.config.w_std * rng.standard_normal((num_tasks, self.num_inputs))

    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        """w . x, [T, points, 1]."""
        return torch.bmm(x, parameters.unsqueeze(-1))

    def zero_level(self) -> float:
        """E[(w . x)^2] plus the noise's variance."""
        mean_w, mean_x, mean_x2 = self.config.w_mean, self._mean_x(), self._mean_square_x()
        features = self.num_inputs
        common = mean_w**2 * (features * mean_x2 + features * (features - 1) * mean_x**2)
        return common + self._task_variance() + self.noise_std**2

    def non_adapting_level(self) -> float:
        """E[((w - E w) . x)^2] plus the noise's variance: what the best common w leaves."""
        return self._task_variance() + self.noise_std**2

    def non_adapting_prediction(self, x: Tensor) -> Tensor:
        """E[w] . x."""
        return self.config.w_mean * x.sum(-1, keepdim=True)

    def _task_variance(self) -> float:
        return self.num_inputs * self.config.w_std**2 * self._mean_square_x()

    def _mean_x(self) -> float:
        return sum(self.input_range) / 2.0

    def _mean_square_x(self) -> float:
        low, high = self.input_range
        return (low * low + low * high + high * high) / 3.0
