"""What every task family offers, and how tasks are drawn."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maml_core.rng import Stream, generator
from maml_core.types import Examples, Tasks

Numbers = npt.NDArray[np.float64]


class TaskFamily(Protocol):
    """A distribution over regression tasks. Draw whole batches with `draw_tasks`."""

    num_inputs: int
    num_outputs: int
    input_range: tuple[float, float]
    noise_std: float

    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """What defines each task, [T, ...]. The first tasks are the same whatever `num_tasks` is."""
        ...

    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The noise-free target at x [T, points, inputs] of tasks given by `parameters` [T, ...]: [T, points, outputs]."""
        ...

    def zero_level(self) -> float:
        """Expected squared error of the predictor that always says 0."""
        ...

    def non_adapting_level(self) -> float:
        """Expected squared error of the best predictor that is the same for every task: a floor for the loss before adaptation."""
        ...

    def non_adapting_prediction(self, x: Tensor) -> Tensor:
        """The best predictor that is the same for every task, at x [..., inputs]: [..., outputs]."""
        ...


def probe_inputs(family: TaskFamily, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Inputs that cover a family's range, [1, points, inputs]: a grid for one input, fixed random points for more."""
    low, high = family.input_range
    if family.num_inputs == 1:
        return torch.linspace(low, high, num_points, dtype=dtype).view(1, -1, 1)
    points = generator(0, Stream.PROBE).random((1, num_points, family.num_inputs))
    return torch.tensor(low + (high - low) * points, dtype=dtype)


def draw_tasks(
    family: TaskFamily,
    *,
    seed: int,
    stream: Stream,
    index: int = 0,
    num_tasks: int,
    shots: int,
    num_query: int,
    dtype: torch.dtype = torch.float32,
) -> Tasks:
    """Draw a batch of tasks that depends on (seed, stream, index) alone.

    Fewer shots (or query points) are a prefix of more, and support and query points come from separate draws, so changing one never
    moves the other. Tensors are copied into memory of torch's own alignment: sums must not depend on where a buffer happens to lie.

    Returns:
        Tasks with support [T, shots, ...] and query [T, num_query, ...].
    """
    low, high = family.input_range

    def uniform(part: int, points: int) -> Tensor:
        # Points lead, so that fewer points are a prefix; one contiguous copy brings the tasks to the front.
        values = generator(seed, stream, index, part).random((points, num_tasks, family.num_inputs))
        return torch.tensor(np.ascontiguousarray((low + (high - low) * values).transpose(1, 0, 2)), dtype=dtype)

    def noisy(target: Tensor, part: int) -> Tensor:
        if family.noise_std == 0.0:
            return target
        points = target.shape[1]
        noise = generator(seed, stream, index, part).standard_normal((points, num_tasks, family.num_outputs))
        return target + family.noise_std * torch.tensor(np.ascontiguousarray(noise.transpose(1, 0, 2)), dtype=dtype)

    parameters = torch.tensor(family.draw_parameters(generator(seed, stream, index, 0), num_tasks), dtype=dtype)
    support_x, query_x = uniform(1, shots), uniform(2, num_query)
    return Tasks(
        support=Examples(support_x, noisy(family.target(parameters, support_x), 3)),
        query=Examples(query_x, noisy(family.target(parameters, query_x), 4)),
        parameters=parameters,
    )
