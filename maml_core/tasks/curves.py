"""Tasks of a family of curves whose config says its function (`families.curves.Curves`)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from maml_core.families.curves import Curves
from maml_core.levels import Numbers
from maml_core.tasks.family import Regression


class CurveTasks(Regression):
    """Tasks as the config draws them and with its function, computed in double precision whatever the run's is."""

    num_inputs = 1
    num_outputs = 1

    def __init__(self, config: Curves) -> None:
        self.config = config
        self.input_range = config.x
        self.noise_std = config.noise_std

    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """One column a parameter, [T, P]."""
        return self.config.draw_parameters(rng, num_tasks)

    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The config's function, [T, points, 1]."""
        values = self.config.values(parameters.double().cpu().numpy(), x.double().cpu().numpy())
        return torch.tensor(values, dtype=x.dtype, device=x.device)

    def zero_level(self) -> float:
        """Measured once for this config."""
        return self.config.zero_level()

    def non_adapting_level(self) -> float:
        """Measured once for this config."""
        return self.config.non_adapting_level()
