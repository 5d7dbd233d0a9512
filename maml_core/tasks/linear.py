"""Linear regression, y = w . x: the family on which every algorithm here has a closed form."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maml_core.config import LinearConfig
from maml_core.levels import Numbers
from maml_core.tasks.family import Regression


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
        """Closed form."""
        return self.config.zero_level()

    def non_adapting_level(self) -> float:
        """Closed form."""
        return self.config.non_adapting_level()

    def non_adapting_prediction(self, x: Tensor) -> Tensor:
        """E[w] . x."""
        return self.config.w_mean * x.sum(-1, keepdim=True)
