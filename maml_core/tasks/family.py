"""What every task family offers, and what the regression families share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from maml_core.datasets.imageset import Split
from maml_core.rng import Stream, generator
from maml_core.types import Examples, Tasks

Numbers = npt.NDArray[np.float64]

SPLITS: Mapping[Stream, Split] = {
    Stream.TRAINING_TASKS: "meta_train",
    Stream.HELD_OUT_TASKS: "meta_validation",
    Stream.DEMO_TASK: "meta_validation",
    Stream.PROBE: "meta_train",
    Stream.TEST_TASKS: "meta_test",
}
"""Of whose classes the tasks of a stream are. Regression families have one distribution, and no classes to hold out."""


class TaskFamily(Protocol):
    """A distribution over tasks."""

    num_inputs: int
    num_outputs: int

    def draw_tasks(
        self,
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

        Fewer shots (or query points) are a prefix of more, and support and query points come from separate draws, so changing one
        never moves the other. Tensors lie in memory of torch's own alignment: sums must not depend on where a buffer happens to lie.

        Returns:
            T tasks, support [T, K, ...] and query [T, M, ...]: K points are `shots`, or so many of each class.
        """
        ...

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Inputs that cover what the family draws, [1, num_points, inputs]; always the same."""
        ...

    def zero_level(self) -> float:
        """Expected loss of the predictor that always says 0: for classes, of guessing."""
        ...

    def non_adapting_level(self) -> float:
        """Expected loss of the best predictor that is the same for every task: a floor for the loss before adaptation."""
        ...


class Regression(ABC):
    """A family of functions y = f(x) with x drawn uniformly; a family of one's own says what f is."""

    num_inputs: int
    num_outputs: int
    input_range: tuple[float, float]
    noise_std: float

    @abstractmethod
    def draw_parameters(self, rng: np.random.Generator, num_tasks: int) -> Numbers:
        """What defines each task, [T, ...]. The first tasks are the same whatever `num_tasks` is."""

    @abstractmethod
    def target(self, parameters: Tensor, x: Tensor) -> Tensor:
        """The noise-free target at x [T, points, inputs] of tasks given by `parameters` [T, ...]: [T, points, outputs]."""

    @abstractmethod
    def zero_level(self) -> float:
        """Expected squared error of the predictor that always says 0."""

    @abstractmethod
    def non_adapting_level(self) -> float:
        """Expected squared error of the best predictor that is the same for every task."""

    @abstractmethod
    def non_adapting_prediction(self, x: Tensor) -> Tensor:
        """The best predictor that is the same for every task, at x [..., inputs]: [..., outputs]."""

    def probe_inputs(self, num_points: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """A grid over the range for one input, fixed random points for more, [1, num_points, inputs]."""
        low, high = self.input_range
        if self.num_inputs == 1:
            return torch.linspace(low, high, num_points, dtype=dtype).view(1, -1, 1)
        points = generator(0, Stream.PROBE).random((1, num_points, self.num_inputs))
        return torch.tensor(low + (high - low) * points, dtype=dtype)

    def draw_tasks(
        self,
        *,
        seed: int,
        stream: Stream,
        index: int = 0,
        num_tasks: int,
        shots: int,
        num_query: int,
        dtype: torch.dtype = torch.float32,
    ) -> Tasks:
        """Tasks as `TaskFamily` promises them, with support [T, shots, inputs] and query [T, num_query, inputs]."""
        low, high = self.input_range

        def uniform(part: int, points: int) -> Tensor:
            # Points lead, so that fewer points are a prefix; one contiguous copy brings the tasks to the front.
            values = generator(seed, stream, index, part).random((points, num_tasks, self.num_inputs))
            return torch.tensor(np.ascontiguousarray((low + (high - low) * values).transpose(1, 0, 2)), dtype=dtype)

        def noisy(target: Tensor, part: int) -> Tensor:
            if self.noise_std == 0.0:
                return target
            points = target.shape[1]
            noise = generator(seed, stream, index, part).standard_normal((points, num_tasks, self.num_outputs))
            return target + self.noise_std * torch.tensor(np.ascontiguousarray(noise.transpose(1, 0, 2)), dtype=dtype)

        parameters = torch.tensor(self.draw_parameters(generator(seed, stream, index, 0), num_tasks), dtype=dtype)
        support_x, query_x = uniform(1, shots), uniform(2, num_query)
        return Tasks(
            support=Examples(support_x, noisy(self.target(parameters, support_x), 3)),
            query=Examples(query_x, noisy(self.target(parameters, query_x), 4)),
            parameters=parameters,
        )
